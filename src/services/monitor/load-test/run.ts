/**
 * One test: the line is asked while it is idle, then while it is loaded in one direction and the other. Each
 * is over after its time, or as soon as no more bytes are allowed.
 */
import type { Clock, Timer } from '../../../base/clock.ts';
import { escapeControls } from '../../../base/text.ts';
import type { LoadTransfers } from '../../../os/ports-load.ts';
import type { HostNames, PathSockets } from '../../../os/ports-path.ts';
import { PathProber, pause, within } from '../path.ts';
import { gradeOf } from './grade.ts';
import { Latency } from './latency.ts';
import { Meter, rampMs } from './meter.ts';
import type {
  DirectionResult,
  LatencyFigures,
  LoadEnd,
  LoadOrder,
  LoadPhase,
  LoadProgress,
  LoadResult,
} from './types.ts';

export interface RunDeps {
  readonly clock: Clock;
  readonly sockets: PathSockets;
  readonly names: Pick<HostNames, 'resolve'>;
  readonly transfers: LoadTransfers;
}

/** The idle line is looked at for as long as each direction, but no longer. */
const IDLE_MS = 4000;
/** Connections and the first byte may take so long. */
const BEGIN_MS = 10_000;
/** What is over sooner tells of buffers, not of the line. */
const LEAST_MS = 500;
/** Queues empty themselves between two phases. */
const SETTLE_MS = 1000;
const LOOK_MS = 100;
/** What waits to be acknowledged is asked for so often. */
const WAITING_MS = 500;
const MOST_LOOKS = 600;
const MAX_WORDS = 256;
/** The worst first. */
const ENDS: readonly LoadEnd[] = ['Failed', 'Cap', 'Duration'];

type Tell = (progress: LoadProgress) => void;

/** Never rejects for what the network does. */
export async function runLoadTest(
  deps: RunDeps,
  order: LoadOrder,
  signal: AbortSignal,
  tell: Tell,
): Promise<LoadResult> {
  const nothing = { ...{ download: undefined, upload: undefined, grade: undefined }, bytes: 0 };
  const failed = (reason: string, idle?: LatencyFigures): LoadResult => ({
    ...{ ...nothing, idle, reason: signal.aborted ? '' : reason },
    ended: signal.aborted ? 'Aborted' : 'Failed',
  });
  const found = await within(deps.names.resolve(order.host, undefined), signal);
  if (found === undefined) return failed('');
  if (!found.ok) return failed(found.error.message);
  const options = { protocol: 'icmp', ifName: '', dscp: 0, fragment: true } as const;
  const opened = PathProber.open(deps, { ...options, ...found.value });
  if (!opened.ok) return failed(opened.error.message);
  using prober = opened.value;
  const run = new Run(deps, prober, order, signal, tell);
  const idle = await run.idle();
  if (signal.aborted) return failed('', idle);
  if (idle.received === 0) {
    return failed(`${order.host} answers no echo request: choose a target that does`, idle);
  }
  const both = order.downloadUrl !== '' && order.uploadUrl !== '';
  // A fast download must not take what the upload needs.
  const half = order.capBytes / (both ? 2 : 1);
  const download = await run.load('download', order.downloadUrl, half, idle);
  const upload = await run.load('upload', order.uploadUrl, order.capBytes - run.bytes, idle);
  const phases = [download, upload].filter((phase) => phase !== undefined);
  // It may have been called off between two phases.
  const worst = signal.aborted
    ? 'Aborted'
    : (ENDS.find((end) => phases.some(({ ended }) => ended === end)) ?? 'Duration');
  const reason = phases.find(({ ended }) => ended === 'Failed')?.reason ?? '';
  const grade = gradeOf(download?.increaseUs, upload?.increaseUs);
  return { idle, download, upload, grade, bytes: run.bytes, ended: worst, reason };
}

class Run {
  readonly #deps: RunDeps;
  readonly #prober: PathProber;
  readonly #order: LoadOrder;
  readonly #signal: AbortSignal;
  readonly #tell: Tell;
  bytes = 0;

  constructor(
    deps: RunDeps,
    prober: PathProber,
    order: LoadOrder,
    signal: AbortSignal,
    tell: Tell,
  ) {
    this.#deps = deps;
    this.#prober = prober;
    this.#order = order;
    this.#signal = signal;
    this.#tell = tell;
  }

  async idle(): Promise<LatencyFigures> {
    const { clock } = this.#deps;
    const latency = new Latency();
    using ending = new Ending(clock, this.#signal);
    ending.after(Math.min(IDLE_MS, this.#order.durationMs), 'Duration');
    using _ = this.#looking('idle', latency, () => 0);
    await latency.probe(this.#prober, clock, ending.signal, this.#signal);
    return latency.figures(0);
  }

  /** Undefined where there is no URL, or the run was called off. */
  async load(
    direction: 'download' | 'upload',
    url: string,
    mostBytes: number,
    idle: LatencyFigures,
  ): Promise<DirectionResult | undefined> {
    if (url === '') return undefined;
    const { clock, transfers } = this.#deps;
    if (this.bytes > 0) await pause({ clock }, SETTLE_MS, this.#signal);
    if (this.#signal.aborted) return undefined;
    const [latency, meter] = [new Latency(), new Meter(MOST_LOOKS)];
    let bytes = 0;
    let beganMs: number | undefined;
    using ending = new Ending(clock, this.#signal);
    ending.after(BEGIN_MS, 'Failed', `${url}: no byte within ${BEGIN_MS / 1000} s`);
    const count = (more: number): void => {
      if (beganMs === undefined) {
        beganMs = clock.monoMs();
        meter.look(beganMs, 0);
        ending.after(this.#order.durationMs, 'Duration');
      }
      bytes += more;
      this.bytes += more;
    };
    const came = (more: number): void => {
      count(more);
      // The next piece could be too much.
      if (mostBytes - bytes < transfers.pieceBytes) ending.stop('Cap');
    };
    const grant = (most: number): number => {
      const granted = ending.signal.aborted ? 0 : Math.min(most, Math.floor(mostBytes - bytes));
      if (granted > 0) count(granted);
      else ending.stop('Cap');
      return granted;
    };
    // What a socket takes is not what the line carries, as long as its buffer grows.
    let waiting = async (): Promise<number> => 0;
    let askedMs = Number.NEGATIVE_INFINITY;
    const look = async (): Promise<void> => {
      const [nowMs, counted] = [clock.monoMs(), bytes];
      if (direction === 'upload' && nowMs - askedMs < WAITING_MS) return;
      askedMs = nowMs;
      const left = await waiting();
      if (!ending.signal.aborted) meter.look(nowMs, Math.max(0, counted - left));
    };
    using _ = this.#looking(direction, latency, () => {
      if (beganMs !== undefined) void look();
      return meter.recent;
    });
    if (mostBytes < transfers.pieceBytes) ending.stop('Cap');
    const probing = latency.probe(this.#prober, clock, ending.signal, this.#signal);
    const wanted = { url, streams: this.#order.streams };
    const moved =
      direction === 'download'
        ? await transfers.download(wanted, came, ending.signal)
        : await transfers.upload(wanted, grant, ending.signal, (tells) => {
            waiting = tells;
          });
    // The other side's words are anybody's, and as long as it likes.
    if (!moved.ok) ending.stop('Failed', escapeControls(moved.error.message).slice(0, MAX_WORDS));
    await probing;
    const tookMs = beganMs === undefined ? 0 : ending.atMs - beganMs;
    const ramp = rampMs(tookMs);
    // What left before the queue was full tells of another line.
    const loaded = latency.figures((beganMs ?? Number.POSITIVE_INFINITY) + ramp);
    const { medianUs } = loaded;
    return {
      bitsPerSec: tookMs < LEAST_MS ? undefined : Math.round(meter.rate(ramp)),
      ...{ bytes, tookMs: Math.round(tookMs) },
      latency: loaded,
      increaseUs: medianUs && idle.medianUs && Math.max(0, medianUs - idle.medianUs),
      ...{ ended: ending.why, reason: ending.reason },
    };
  }

  /** Tells how it goes until it is disposed; `rate` is asked each time. */
  #looking(phase: LoadPhase, latency: Latency, rate: () => number): Disposable {
    const { clock } = this.#deps;
    const startMs = clock.monoMs();
    const look = (): void => {
      this.#tell({
        ...{ phase, elapsedMs: Math.round(clock.monoMs() - startMs), bytes: this.bytes },
        ...{ bitsPerSec: Math.round(rate()), rttUs: latency.lastUs },
      });
      timer = clock.after(LOOK_MS, look);
    };
    let timer = clock.after(LOOK_MS, look);
    return { [Symbol.dispose]: () => timer.cancel() };
  }
}

/** The end of a phase: the first reason counts. What is thrown ends it, too: nothing goes on without it. */
class Ending implements Disposable {
  readonly #clock: Clock;
  readonly #off: AbortSignal;
  readonly #controller = new AbortController();
  readonly #calledOff = (): void => this.stop('Aborted');
  #timer: Timer | undefined;
  why: LoadEnd = 'Duration';
  reason = '';
  atMs = 0;

  constructor(clock: Clock, off: AbortSignal) {
    this.#clock = clock;
    this.#off = off;
    off.addEventListener('abort', this.#calledOff);
    if (off.aborted) this.stop('Aborted');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** In the place of an earlier such time. */
  after(ms: number, why: LoadEnd, reason = ''): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, () => this.stop(why, reason));
  }

  stop(why: LoadEnd, reason = ''): void {
    if (this.signal.aborted) return;
    this.why = why;
    this.reason = reason;
    this.atMs = this.#clock.monoMs();
    this.#timer?.cancel();
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    this.stop('Failed');
    this.#timer?.cancel();
    this.#off.removeEventListener('abort', this.#calledOff);
  }
}
