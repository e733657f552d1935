/** One target while it is watched: when it is asked, what came of it, how it stands. */
import type { SystemError } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { Result } from '../../base/result.ts';
import type { Destination } from '../../os/ports-path.ts';
import type { ProbeResult } from '../../os/ports-probe.ts';
import type { TargetObserved, TargetStatus } from './config.ts';
import type { Due } from './due.ts';
import { Statistics } from './statistics.ts';
import type { Burst, Cause, Check, CheckResult, TargetConfig } from './types.ts';

/** What a target has of the engine. */
export interface RunnerDeps {
  monoMs(): number;
  wallMs(): number;
  /** Intervals are so many times as long as wanted. */
  slowdown(): number;
  /** The address of the target's host; never rejects. */
  resolve(config: TargetConfig): Promise<Result<Destination, SystemError>>;
  /** Sends one echo request; false when it could not even be queued. */
  probe(run: BurstRun, place: number, to: Destination): boolean;
  /** For kinds other than ICMP; gives up after the target's time-out. Never rejects. */
  check(check: Check, config: TargetConfig): Promise<CheckResult>;
  /** Wants to be called again, apart from what `due` answered. */
  wake(runner: Due, atMs: number): void;
  ended(runner: TargetRunner, burst: Burst): void;
  /** It does not stand as it stood. */
  changed(): void;
}

/** A name is asked for again after so long, and sooner while the target does not answer. */
const RESOLVE_AGAIN_MS = 300_000;
const RESOLVE_SOON_MS = 30_000;
/** Failed bursts after which it is asked less often, and how seldom at most. */
const FAILURES_FREE = 3;
const BACK_OFF_MAX_MS = 300_000;

/** After so many failed bursts in a row: how long from one burst to the next at least. */
export const backOffMs = (failures: number): number =>
  failures <= FAILURES_FREE ? 0 : Math.min(BACK_OFF_MAX_MS, 1000 * 2 ** Math.min(failures, 30));

/** A burst under way. */
export class BurstRun {
  readonly runner: TargetRunner;
  readonly atSec: number;
  readonly rttsUs: (number | undefined)[];
  readonly #done: boolean[];
  #open: number;
  #furthest = -1;
  #duplicates = 0;
  #reordered = 0;
  #ttl = 0;
  #cause: Cause | undefined;
  #detail = '';

  constructor(runner: TargetRunner, probes: number, atSec: number) {
    this.runner = runner;
    this.atSec = atSec;
    this.rttsUs = Array.from({ length: probes }, () => undefined);
    this.#done = this.rttsUs.map(() => false);
    this.#open = probes;
  }

  get over(): boolean {
    return this.#open === 0;
  }

  /** A probe's end; true when it was the last. */
  answered(place: number, rttUs: number, ttl: number): boolean {
    if (this.#done[place] !== false) return false;
    this.rttsUs[place] = rttUs;
    if (place < this.#furthest) this.#reordered += 1;
    this.#furthest = Math.max(this.#furthest, place);
    if (ttl !== 0) this.#ttl = ttl;
    return this.#close(place);
  }

  lost(place: number, cause: Cause, detail: string): boolean {
    if (this.#done[place] !== false) return false;
    this.#cause = cause;
    this.#detail = detail;
    return this.#close(place);
  }

  duplicate(): void {
    this.#duplicates += 1;
  }

  get burst(): Burst {
    const received = this.rttsUs.filter((rtt) => rtt !== undefined).length;
    return {
      ...{ target: this.runner.config.id, atSec: this.atSec, rttsUs: this.rttsUs },
      ...{ sent: this.rttsUs.length, received, ttl: this.#ttl },
      ...{ duplicates: this.#duplicates, reordered: this.#reordered },
      ...{ cause: this.#cause, detail: this.#detail },
    };
  }

  #close(place: number): boolean {
    this.#done[place] = true;
    this.#open -= 1;
    return this.#open === 0;
  }
}

export class TargetRunner implements Due {
  readonly config: TargetConfig;
  readonly statistics = new Statistics();
  readonly #deps: RunnerDeps;
  readonly #check: Check | undefined;
  #run: BurstRun | undefined;
  /** The next probe of the burst under way; `burst` when all are out. */
  #place: number;
  #startedMs = Number.NEGATIVE_INFINITY;
  #plannedMs: number;
  #failures = 0;
  #address: Destination | undefined;
  /** Why there is none. */
  #unresolved = '';
  #resolvedMs = Number.NEGATIVE_INFINITY;
  #resolving = false;
  #last: Burst | undefined;
  #removed = false;

  /** `check` is undefined for ICMP. The first burst begins at `firstMs`. */
  constructor(
    config: TargetConfig,
    deps: RunnerDeps,
    options: { readonly check: Check | undefined; readonly firstMs: number },
  ) {
    this.config = config;
    this.#deps = deps;
    this.#check = options.check;
    this.#plannedMs = options.firstMs;
    this.#place = config.burst;
  }

  /** Nothing is asked or told any more. */
  remove(): void {
    this.#removed = true;
  }

  get backedOff(): boolean {
    return this.config.backOff && backOffMs(this.#failures) > this.config.intervalMs;
  }

  observed(text: (address: IpAddress) => string): TargetObserved {
    return {
      id: this.config.id,
      status: statusOf(this.#last),
      address: this.#address === undefined ? undefined : text(this.#address.address),
      cause: this.#last?.cause,
      detail: this.#last?.detail ?? '',
      backedOff: this.backedOff,
    };
  }

  due(nowMs: number): number {
    if (this.#removed) return Number.POSITIVE_INFINITY;
    if (this.#place < this.config.burst) return this.#sendNext(nowMs);
    const dueMs = this.#nextMs();
    return nowMs < dueMs ? dueMs : this.#begin(nowMs);
  }

  /** What the prober tells of a probe of `run`, which may be over. */
  heard(run: BurstRun, place: number, result: ProbeResult): void {
    if (result.outcome === 'duplicate') {
      if (run.over) this.statistics.duplicate();
      else run.duplicate();
      return;
    }
    if (result.outcome === 'reply') this.#after(run, run.answered(place, result.rttUs, result.ttl));
    else this.#after(run, run.lost(place, ...causeOf(result)));
  }

  #nextMs(): number {
    const slow = this.config.intervalMs * this.#deps.slowdown();
    const wait = this.config.backOff ? Math.max(slow, backOffMs(this.#failures)) : slow;
    // Without a wait of its own, the beat is kept whatever the bursts take.
    return wait === this.config.intervalMs ? this.#plannedMs : this.#startedMs + wait;
  }

  #begin(nowMs: number): number {
    this.#resolveIfDue(nowMs);
    // The end of the resolution wakes it.
    if (this.#address === undefined && this.#resolving && this.#check === undefined) {
      return Number.POSITIVE_INFINITY;
    }
    const { intervalMs, burst } = this.config;
    const missed = Math.max(0, Math.floor((nowMs - this.#plannedMs) / intervalMs));
    this.#plannedMs += (missed + 1) * intervalMs;
    this.#startedMs = nowMs;
    this.#run = new BurstRun(this, burst, Math.floor(this.#deps.wallMs() / 1000));
    this.#place = 0;
    return this.#sendNext(nowMs);
  }

  #sendNext(nowMs: number): number {
    const { config } = this;
    const run = this.#run;
    if (run === undefined) return Number.POSITIVE_INFINITY;
    const place = this.#place++;
    if (this.#check !== undefined) void this.#ask(run, place, this.#check);
    else if (this.#address === undefined) {
      this.#after(run, run.lost(place, 'Unresolved', this.#unresolved));
    } else if (!this.#deps.probe(run, place, this.#address)) {
      this.#after(run, run.lost(place, 'NotSent', 'too many probes wait'));
    }
    return this.#place < config.burst
      ? Math.max(nowMs, this.#startedMs + this.#place * config.spacingMs)
      : // The end of the burst wakes it: only then it is known when the next one is due.
        Number.POSITIVE_INFINITY;
  }

  async #ask(run: BurstRun, place: number, check: Check): Promise<void> {
    const result = await this.#deps.check(check, this.config);
    if (result.rttUs === undefined) this.#after(run, run.lost(place, result.cause, result.detail));
    else this.#after(run, run.answered(place, result.rttUs, 0));
  }

  #after(run: BurstRun, over: boolean): void {
    if (!over || this.#removed || run !== this.#run) return;
    this.#run = undefined;
    const { burst } = run;
    const before = this.#last;
    const { backedOff } = this;
    this.#last = burst;
    this.#failures = burst.received === 0 ? this.#failures + 1 : 0;
    this.statistics.add(burst);
    const alike = before?.cause === burst.cause && before?.detail === burst.detail;
    if (!alike || statusOf(before) !== statusOf(burst) || backedOff !== this.backedOff) {
      this.#deps.changed();
    }
    this.#deps.wake(this, Math.max(this.#deps.monoMs(), this.#nextMs()));
    this.#deps.ended(this, burst);
  }

  #resolveIfDue(nowMs: number): void {
    if (this.#check !== undefined || this.#resolving) return;
    const failing = this.#failures > 0 || this.#address === undefined;
    if (nowMs < this.#resolvedMs + (failing ? RESOLVE_SOON_MS : RESOLVE_AGAIN_MS)) return;
    this.#resolving = true;
    void this.#resolve();
  }

  async #resolve(): Promise<void> {
    const found = await this.#deps.resolve(this.config);
    const nowMs = this.#deps.monoMs();
    this.#resolving = false;
    this.#resolvedMs = nowMs;
    if (this.#removed) return;
    const waited = this.#address === undefined;
    // What was found before holds while nobody answers for the name.
    if (!found.ok) this.#unresolved = found.error.message;
    else if (!same(found.value, this.#address)) {
      this.#address = found.value;
      this.#deps.changed();
    }
    if (waited) this.#deps.wake(this, nowMs);
  }
}

const same = (a: Destination, b: Destination | undefined): boolean =>
  a.address === b?.address && a.scope === b.scope;

function statusOf(burst: Burst | undefined): TargetStatus {
  if (burst === undefined) return 'Waiting';
  if (burst.received === burst.sent) return 'Up';
  return burst.received === 0 ? 'Down' : 'Lossy';
}

/** RFC 792 and RFC 4443 name the codes; those that people meet. */
const UNREACHABLE4: Readonly<Record<number, string>> = {
  0: 'network unreachable',
  1: 'host unreachable',
  3: 'port unreachable',
  9: 'network prohibited',
  10: 'host prohibited',
  13: 'filtered',
};
const UNREACHABLE6: Readonly<Record<number, string>> = {
  0: 'no route',
  1: 'prohibited',
  3: 'address unreachable',
  4: 'port unreachable',
};

function causeOf(result: ProbeResult): readonly [Cause, string] {
  const { outcome, type, code, information } = result;
  switch (outcome) {
    case 'unreachable':
      return ['Unreachable', (type === 1 ? UNREACHABLE6 : UNREACHABLE4)[code] ?? `code ${code}`];
    case 'exceeded':
      return ['Unreachable', 'the time to live ran out: a loop on the way'];
    case 'other':
      return ['Unreachable', `refused on the way (ICMP type ${type}, code ${code})`];
    case 'unsent':
      return ['NotSent', NOT_SENT[information] ?? `error ${information}`];
    default:
      return ['Timeout', ''];
  }
}

/** errno(3), generic Linux numbering. */
const NOT_SENT: Readonly<Record<number, string>> = {
  1: 'the firewall of this box forbids it',
  13: 'it is a broadcast address',
  22: 'invalid address',
  97: 'no ICMP socket of its family',
  101: 'no route to it',
  113: 'no route to it',
};
