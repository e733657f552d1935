/**
 * Watches targets: each is asked in bursts at its own beat, ICMP through one prober, all else by
 * checks. What came of a burst is told to whoever listens; it holds no more of it than statistics.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorMessage, type SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Destination, HostNames } from '../../os/ports-path.ts';
import type { ProbeResult, Prober } from '../../os/ports-probe.ts';
import type { MonitorConfig, MonitorFigures, MonitorObserved } from './config.ts';
import { DueQueue } from './due.ts';
import { type BurstRun, type RunnerDeps, TargetRunner } from './runner.ts';
import type { TargetStatistics } from './statistics.ts';
import { FULL_SPEED, type Slowdown, slowdown, type Usage } from './throttle.ts';
import type { Burst, Check, CheckConfig, CheckResult, TargetConfig } from './types.ts';

export interface MonitorDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Opened when the first target is there, closed when there is none. */
  openProber(result: (result: ProbeResult) => void): Result<Prober, SystemError>;
  readonly names: Pick<HostNames, 'resolve'>;
  /** Makes the check of a target that is not ICMP; why not, for people. */
  checkOf(config: CheckConfig): Result<Check, string>;
  usage(): Usage;
  report(observed: MonitorObserved): void;
}

/** Probes of a burst fit in so many bits of a tag; the rest is the burst's number. */
const PLACE_BITS = 5;
const SERIALS = 2 ** (32 - PLACE_BITS);
/** Calls in one turn of the event loop. */
const CALLS_AT_ONCE = 512;
/** What is due so soon is done together. */
const TOGETHER_MS = 4;
const REPORT_MS = 1000;
const USAGE_MS = 10_000;
const CHECKS_AT_ONCE = 128;
/** Targets that come together begin spread over their interval; a few begin at once. */
const FEW = 10;
const FAMILIES = { Any: undefined, IPv4: 4, IPv6: 6 } as const;
/** Many begin on common beats, so that a core need not wake up for each. */
const BEAT_MS = 50;
const GOLDEN = 0.618_033_988_75;

export class MonitorEngine implements AsyncDisposable {
  readonly #deps: MonitorDeps;
  readonly #runners = new Map<string, TargetRunner>();
  readonly #keys = new Map<string, string>();
  readonly #runs = new Map<number, BurstRun>();
  /** The number of a target's last burst: its duplicates come later. */
  readonly #lastRun = new Map<TargetRunner, number>();
  readonly #listeners = new Set<(burst: Burst, config: TargetConfig) => void>();
  readonly #runnerDeps: RunnerDeps;
  #queue = new DueQueue();
  #prober: Prober | undefined;
  #config: MonitorConfig | undefined;
  #serial = 0;
  #checks = 0;
  /** Ends of tests under way. */
  readonly #tests = new Set<(why: string) => void>();
  #checksRefused = 0;
  #reason: string | undefined;
  #slowdown: Slowdown = FULL_SPEED;
  #base: Usage;
  #usage: Usage;
  #usageMs = 0;
  #wake: Timer | undefined;
  #wakeMs = Number.POSITIVE_INFINITY;
  #reporting: Timer | undefined;
  #measuring: Timer | undefined;
  #closed = false;

  constructor(deps: MonitorDeps) {
    this.#deps = deps;
    this.#base = deps.usage();
    this.#usage = this.#base;
    this.#runnerDeps = {
      monoMs: () => deps.clock.monoMs(),
      wallMs: () => deps.clock.wallMs(),
      slowdown: () => this.#slowdown.factor,
      resolve: ({ check }) => this.#deps.names.resolve(check.host, FAMILIES[check.family]),
      probe: (run, place, to) => this.#probe(run, place, to),
      check: (check, config) => this.#check(check, config),
      wake: (runner, atMs) => {
        this.#queue.add(atMs, runner);
        this.#arm();
      },
      ended: (runner, burst) => this.#ended(runner, burst),
      changed: () => this.#changed(),
    };
  }

  get observed(): MonitorObserved {
    const { factor, reason } = this.#slowdown;
    return {
      running: this.#runners.size > 0,
      ipv4: this.#prober?.way(4) ?? 'none',
      ipv6: this.#prober?.way(6) ?? 'none',
      reason: this.#reason,
      ...{ slowdown: factor, slowdownReason: reason },
      targets: [...this.#runners.values()].map((runner) => runner.observed(formatIp)),
    };
  }

  get figures(): MonitorFigures | undefined {
    const probes = this.#prober?.figures;
    return probes === undefined ? undefined : { probes, checksRefused: this.#checksRefused };
  }

  statistics(id: string): TargetStatistics | undefined {
    return this.#runners.get(id)?.statistics.now;
  }

  /** Called for each burst that is over. What it throws ends nothing. */
  listen(heard: (burst: Burst, config: TargetConfig) => void): Disposable {
    this.#listeners.add(heard);
    return { [Symbol.dispose]: () => void this.#listeners.delete(heard) };
  }

  /** Targets that stayed as they are go on undisturbed. */
  apply(config: MonitorConfig): readonly string[] {
    if (this.#closed) return [];
    this.#config = config;
    const wanted = new Map((config.enable ? config.targets : []).map((one) => [one.id, one]));
    for (const [id, runner] of this.#runners) {
      const target = wanted.get(id);
      if (this.#keys.get(id) !== JSON.stringify(target)) this.#remove(id, runner);
    }
    const fresh = [...wanted.values()].filter(({ id }) => !this.#runners.has(id));
    const failures: string[] = [];
    if (fresh.length > 0) failures.push(...this.#open());
    for (const [i, target] of fresh.entries()) failures.push(...this.#add(target, i, fresh.length));
    if (this.#runners.size + this.#tests.size === 0) void this.#rest();
    this.#arm();
    this.#changed();
    return failures;
  }

  /** One burst of a target that need not be watched. */
  async test(target: TargetConfig, signal: AbortSignal): Promise<Result<Burst, string>> {
    const failures = this.#open();
    if (failures.length > 0 && target.check.kind === 'ICMP') {
      return err(failures.join('; '));
    }
    const check = this.#checkOf(target);
    if (!check.ok) return check;
    return new Promise((resolve) => {
      const end = (result: Result<Burst, string>): void => {
        runner.remove();
        this.#forget(runner);
        this.#tests.delete(interrupt);
        signal.removeEventListener('abort', aborted);
        resolve(result);
        if (this.#runners.size + this.#tests.size === 0) void this.#rest();
      };
      const interrupt = (why: string): void => end(err(why));
      const aborted = (): void => interrupt('interrupted');
      const nowMs = this.#deps.clock.monoMs();
      const runner = new TargetRunner(
        target,
        {
          ...this.#runnerDeps,
          ended: (_, burst) => end(ok(burst)),
          changed: () => {},
        },
        { check: check.value, firstMs: nowMs },
      );
      this.#tests.add(interrupt);
      signal.addEventListener('abort', aborted);
      this.#queue.add(nowMs, runner);
      this.#arm();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const runner of this.#runners.values()) runner.remove();
    this.#runners.clear();
    for (const interrupt of this.#tests) interrupt('the daemon ends');
    this.#reporting?.cancel();
    await this.#rest();
  }

  #open(): readonly string[] {
    if (this.#prober !== undefined) return [];
    const opened = this.#deps.openProber((result) => this.#heard(result));
    if (!opened.ok) {
      this.#reason = opened.error.message;
      return [this.#reason];
    }
    this.#reason = undefined;
    this.#prober = opened.value;
    this.#usage = this.#deps.usage();
    this.#usageMs = this.#deps.clock.monoMs();
    this.#measure();
    return [];
  }

  /** Nothing is open while nothing is watched. */
  async #rest(): Promise<void> {
    this.#queue = new DueQueue();
    this.#runs.clear();
    this.#lastRun.clear();
    this.#wake?.cancel();
    this.#wakeMs = Number.POSITIVE_INFINITY;
    this.#measuring?.cancel();
    this.#slowdown = FULL_SPEED;
    const prober = this.#prober;
    this.#prober = undefined;
    await prober?.[Symbol.asyncDispose]();
  }

  #add(target: TargetConfig, i: number, count: number): readonly string[] {
    const check = this.#checkOf(target);
    if (!check.ok) return [`${target.id}: ${check.error}`];
    const spread = count <= FEW ? i * 20 : ((i * GOLDEN) % 1) * target.intervalMs;
    const soonMs = this.#deps.clock.monoMs() + spread;
    const firstMs = count <= FEW ? soonMs : Math.ceil(soonMs / BEAT_MS) * BEAT_MS;
    const runner = new TargetRunner(target, this.#runnerDeps, { check: check.value, firstMs });
    this.#runners.set(target.id, runner);
    this.#keys.set(target.id, JSON.stringify(target));
    this.#queue.add(firstMs, runner);
    return [];
  }

  #checkOf({ check }: TargetConfig): Result<Check | undefined, string> {
    return check.kind === 'ICMP' ? ok(undefined) : this.#deps.checkOf(check);
  }

  #remove(id: string, runner: TargetRunner): void {
    runner.remove();
    this.#forget(runner);
    this.#runners.delete(id);
    this.#keys.delete(id);
  }

  #forget(runner: TargetRunner): void {
    const serial = this.#lastRun.get(runner);
    if (serial !== undefined) this.#runs.delete(serial);
    this.#lastRun.delete(runner);
  }

  #probe(run: BurstRun, place: number, to: Destination): boolean {
    const prober = this.#prober;
    if (prober === undefined) return false;
    let serial = this.#lastRun.get(run.runner);
    if (serial === undefined || this.#runs.get(serial) !== run) {
      if (serial !== undefined) this.#runs.delete(serial);
      do this.#serial = (this.#serial + 1) % SERIALS;
      while (this.#runs.has(this.#serial));
      serial = this.#serial;
      this.#runs.set(serial, run);
      this.#lastRun.set(run.runner, serial);
    }
    const { timeoutMs, payloadBytes } = run.runner.config.check;
    const tag = serial * 2 ** PLACE_BITS + place;
    return prober.add({ ...to, tag, timeoutMs, payloadBytes, ttl: 0 });
  }

  #heard(result: ProbeResult): void {
    const run = this.#runs.get(Math.floor(result.tag / 2 ** PLACE_BITS));
    run?.runner.heard(run, result.tag % 2 ** PLACE_BITS, result);
  }

  async #check(check: Check, { check: { timeoutMs } }: TargetConfig): Promise<CheckResult> {
    if (this.#checks >= CHECKS_AT_ONCE) {
      this.#checksRefused += 1;
      return { rttUs: undefined, cause: 'NotSent', detail: 'too many checks run' };
    }
    this.#checks += 1;
    const controller = new AbortController();
    const timer = this.#deps.clock.after(timeoutMs, () => controller.abort());
    try {
      return await check.run(controller.signal);
    } catch (thrown) {
      this.#deps.log.error({ err: thrown }, 'a check failed in itself');
      return { rttUs: undefined, cause: 'NotSent', detail: errorMessage(thrown) };
    } finally {
      timer.cancel();
      this.#checks -= 1;
    }
  }

  #ended(runner: TargetRunner, burst: Burst): void {
    for (const heard of this.#listeners) {
      try {
        heard(burst, runner.config);
      } catch (thrown) {
        this.#deps.log.error({ err: thrown }, 'a listener of the monitor failed');
      }
    }
  }

  #changed(): void {
    if (this.#reporting !== undefined || this.#closed) return;
    this.#reporting = this.#deps.clock.after(REPORT_MS, () => {
      this.#reporting = undefined;
      this.#deps.report(this.observed);
    });
  }

  #arm(): void {
    if (this.#closed) return;
    const { clock } = this.#deps;
    const nextMs = this.#queue.nextMs;
    if (nextMs >= this.#wakeMs) return;
    this.#wake?.cancel();
    this.#wakeMs = nextMs;
    this.#wake = clock.after(Math.max(0, nextMs - clock.monoMs()), () => {
      this.#wakeMs = Number.POSITIVE_INFINITY;
      this.#queue.run(clock.monoMs(), TOGETHER_MS, CALLS_AT_ONCE);
      this.#prober?.flush();
      this.#arm();
    });
  }

  /** How much the daemon takes, and how fast that lets us go. */
  #measure(): void {
    const { clock, log } = this.#deps;
    this.#measuring = clock.after(USAGE_MS, () => {
      const usage = this.#deps.usage();
      const nowMs = clock.monoMs();
      const before = this.#slowdown;
      const took = nowMs - this.#usageMs;
      const config = this.#config;
      if (config !== undefined) {
        const [from, to] = [this.#usage, usage];
        this.#slowdown = slowdown(before, config, this.#base, [from, to], took);
      }
      this.#usage = usage;
      this.#usageMs = nowMs;
      const { factor, reason } = this.#slowdown;
      if (factor !== before.factor) {
        if (factor > before.factor) log.warn({ factor, reason }, 'targets are asked less often');
        else log.info({ factor }, 'targets are asked more often again');
        this.#changed();
      }
      this.#measure();
    });
  }
}
