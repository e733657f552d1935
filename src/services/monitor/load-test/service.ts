/**
 * Tests of the line under load: on a schedule where the owner agreed, or asked for. One at a time; what one
 * may take at most is written down as taken before it begins, so that no kill makes bytes free.
 */
import type { Clock, Timer } from '../../../base/clock.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import type { Store } from '../../../os/ports.ts';
import { KEPT_RUNS, readRuns, readUsage, runChange, slotOf, usageChange } from './history.ts';
import { nextRunMs } from './schedule.ts';
import type {
  LoadCause,
  LoadObserved,
  LoadOrder,
  LoadProgress,
  LoadResult,
  LoadRun,
  LoadTestConfig,
} from './types.ts';
import { charged, leftBytes, type Usage, usageOn } from './usage.ts';

export interface LoadTestDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  run(
    order: LoadOrder,
    signal: AbortSignal,
    tell: (progress: LoadProgress) => void,
  ): Promise<LoadResult>;
  /** Why the way to the Internet is not there, for people; undefined where it is. */
  wanFault(): string | undefined;
  /** `2026-11-29` and the hour, in the zone of the box. */
  local(wallMs: number): { readonly day: string; readonly hour: number };
  /** From 0 to below 1. */
  random(): number;
  report(observed: LoadObserved): void;
}

/** What may differ from the configuration for one run. */
export type LoadWish = Partial<Omit<LoadOrder, 'capBytes'>> & { readonly capBytes?: number };

export interface LoadStarted {
  readonly order: LoadOrder;
  /** Resolves when it is over and kept; never rejects. */
  readonly done: Promise<LoadRun>;
}

const REPORT_MS = 1000;
const LOOK_AGAIN_MS = 600_000;
/** A clock that differs by so much from what passed was set. */
const SET_MS = 60_000;
/** After a test that could not begin. */
const RETRY_MS = 3_600_000;
/** Less tells nothing of a line. */
const LEAST_BYTES = 1_000_000;
const MODEL = 'Device.X_GATEHOUSE_Monitor.LoadTest.';

export class LoadTests implements AsyncDisposable {
  readonly #deps: LoadTestDeps;
  #config: LoadTestConfig | undefined;
  #usage: Usage;
  #runs: readonly LoadRun[];
  #running:
    | { readonly cause: LoadCause; readonly controller: AbortController; done: Promise<unknown> }
    | undefined;
  #progress: LoadProgress | undefined;
  #reason = '';
  #nextMs: number | undefined;
  #timer: Timer | undefined;
  #reporting: Timer | undefined;
  #closed = false;

  constructor(deps: LoadTestDeps) {
    this.#deps = deps;
    this.#usage = readUsage(deps.store);
    this.#runs = readRuns(deps.store);
  }

  get observed(): LoadObserved {
    const usage = this.#usageNow();
    const { dayBytes, monthBytes } = usage;
    const caps = this.#config?.caps;
    const enabled = this.#config?.enable === true && !this.#config.metered;
    const waiting = this.#reason === '' ? 'Waiting' : 'Error';
    return {
      status: this.#running !== undefined ? 'Running' : enabled ? waiting : 'Disabled',
      ...{ reason: this.#reason, running: this.#progress, nextMs: this.#nextMs },
      ...{ dayBytes, monthBytes, runs: this.#runs },
      allowanceBytes: caps === undefined ? 0 : leftBytes(usage, caps),
    };
  }

  apply(config: LoadTestConfig): void {
    if (this.#closed) return;
    const before = this.#config;
    this.#config = config;
    // Whoever takes back what was agreed to means the test under way, too.
    const { cause } = this.#running ?? {};
    const withdrawn = config.metered || (!config.enable && cause !== 'Owner');
    if (withdrawn && before !== undefined) this.stop();
    if (JSON.stringify(before) !== JSON.stringify(config)) {
      this.#reason = '';
      this.#plan(this.#dueMs());
    }
    this.#report();
  }

  /** Begins a test, or says why not. The owner's word is enough; all others need what is configured. */
  async begin(cause: LoadCause, wish: LoadWish = {}): Promise<Result<LoadStarted, string>> {
    const order = this.#order(cause, wish);
    if (!order.ok) return order;
    const { store, clock } = this.#deps;
    const controller = new AbortController();
    const now = this.#usageNow();
    // Runs of an older release are numbered by themselves.
    const lastNumber = Math.max(now.lastNumber, this.#runs.at(-1)?.number ?? 0) + 1;
    const before: Usage = { ...now, lastNumber };
    const reserved = charged(before, order.value.capBytes);
    const running = { cause, controller, done: Promise.resolve() as Promise<unknown> };
    this.#running = running;
    const written = await store.commit([usageChange(reserved)]);
    if (!written.ok || this.#closed) {
      this.#running = undefined;
      this.#report();
      const why = written.ok ? 'the daemon ends' : written.error.message;
      return err(`what it takes cannot be written down: ${why}`);
    }
    this.#usage = reserved;
    this.#reason = '';
    const atSec = Math.floor(clock.wallMs() / 1000);
    const done = this.#run(order.value, controller.signal).then((result) =>
      this.#ended({ ...result, cause, atSec, host: order.value.host }, before),
    );
    running.done = done;
    this.#report();
    return ok({ order: order.value, done });
  }

  /** Calls off the test under way; false when there is none. */
  stop(): boolean {
    this.#running?.controller.abort();
    return this.#running !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.stop();
    await this.#running?.done;
    this.#reporting?.cancel();
  }

  #order(cause: LoadCause, wish: LoadWish): Result<LoadOrder, string> {
    const config = this.#config;
    if (config === undefined || this.#closed) return err('it is not ready yet');
    if (config.metered) {
      return err(`the line is paid by volume, says ${MODEL}Metered: nobody may load it`);
    }
    if (!config.enable && cause !== 'Owner') {
      return err(`nobody agreed to it: set ${MODEL}Enable to true`);
    }
    if (this.#running !== undefined) return err('a test is under way already');
    const fault = this.#deps.wanFault();
    if (fault !== undefined) return err(fault);
    const { downloadUrl, uploadUrl } = { ...config, ...wish };
    const url = URL.parse(downloadUrl || uploadUrl);
    if (url === null) {
      return err(`no URL to load the line with: set ${MODEL}DownloadURL, or name one`);
    }
    const left = leftBytes(this.#usageNow(), {
      ...config.caps,
      runBytes: wish.capBytes ?? config.caps.runBytes,
    });
    if (left < LEAST_BYTES) {
      return err(
        `${left} bytes are left of what tests may take (${MODEL}RunCap, DayCap and MonthCap): too few to load a line`,
      );
    }
    const host = (wish.host ?? config.host) || url.hostname.replace(/^\[|\]$/g, '');
    const { durationMs, streams } = { ...config, ...wish };
    return ok({ host, downloadUrl, uploadUrl, durationMs, streams, capBytes: left });
  }

  async #run(order: LoadOrder, signal: AbortSignal): Promise<LoadResult> {
    const { log } = this.#deps;
    log.info({ capBytes: order.capBytes }, 'the line is loaded to see how it fares');
    try {
      return await this.#deps.run(order, signal, (progress) => {
        this.#progress = progress;
        this.#reportSoon();
      });
    } catch (thrown) {
      log.error({ err: thrown }, 'a load test failed in itself');
      // Nobody knows what it took.
      const bytes = order.capBytes;
      const none = {
        ...{ idle: undefined, download: undefined, upload: undefined },
        grade: undefined,
      };
      return { ...none, bytes, ended: 'Failed', reason: errorMessage(thrown) };
    }
  }

  async #ended(result: Omit<LoadRun, 'number' | 'slot'>, before: Usage): Promise<LoadRun> {
    const { store, log } = this.#deps;
    const number = before.lastNumber;
    const run: LoadRun = { number, slot: slotOf(number), ...result };
    // Numbers of tests that a kill cut short are left out, so the oldest may have the same place.
    const others = this.#runs.filter(({ slot }) => slot !== run.slot);
    this.#runs = [...others, run].slice(-KEPT_RUNS);
    // All of it on the day on which it began.
    this.#usage = charged(before, run.bytes);
    const written = await store.commit([usageChange(this.#usage), runChange(run)]);
    if (!written.ok) log.error({ code: written.error.code }, written.error.message);
    const { bytes, ended, reason } = run;
    log.info({ bytes, ended, reason }, 'the load test is over');
    this.#running = undefined;
    this.#progress = undefined;
    this.#plan(this.#dueMs());
    this.#report();
    return run;
  }

  #usageNow(): Usage {
    return usageOn(this.#usage, this.#deps.local(this.#deps.clock.wallMs()).day);
  }

  /** A last test that the clock puts into the future was now. */
  #dueMs(): number {
    const nowMs = this.#deps.clock.wallMs();
    const last = this.#runs.at(-1);
    if (last === undefined) return nowMs;
    return Math.min(nowMs, last.atSec * 1000) + (this.#config?.intervalMs ?? 0);
  }

  #plan(dueMs: number): void {
    const { clock, local, random } = this.#deps;
    const config = this.#config;
    this.#timer?.cancel();
    if (this.#closed) return;
    const on = config?.enable === true && !config.metered;
    const hourOf = (wallMs: number): number => local(wallMs).hour;
    this.#nextMs = on ? nextRunMs(config, dueMs, clock.wallMs(), random(), hourOf) : undefined;
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#deps;
    const [monoMs, wallMs] = [clock.monoMs(), clock.wallMs()];
    const nextMs = this.#nextMs ?? Number.POSITIVE_INFINITY;
    this.#timer = clock.after(Math.min(LOOK_AGAIN_MS, Math.max(0, nextMs - wallMs)), () => {
      const set = clock.wallMs() - wallMs - (clock.monoMs() - monoMs);
      // A clock that was set, as after each start of a box without a battery, makes nothing due.
      if (Math.abs(set) > SET_MS) this.#plan(this.#dueMs());
      else if (clock.wallMs() >= nextMs) void this.#due();
      else this.#arm();
      // A new day has its own bytes.
      this.#report();
    });
  }

  async #due(): Promise<void> {
    this.#nextMs = undefined;
    const begun = await this.begin('Schedule');
    if (begun.ok) return;
    // One of somebody else's, which may still come to nothing; after its end another time is planned.
    if (this.#running === undefined) {
      this.#reason = begun.error;
      this.#deps.log.warn({ reason: begun.error }, 'no load test');
    }
    this.#plan(this.#deps.clock.wallMs() + RETRY_MS);
    this.#report();
  }

  #reportSoon(): void {
    this.#reporting ??= this.#deps.clock.after(REPORT_MS, () => this.#report());
  }

  #report(): void {
    this.#reporting?.cancel();
    this.#reporting = undefined;
    this.#deps.report(this.observed);
  }
}
