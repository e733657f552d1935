/** ICMP probes by the native prober: queued here, sent in batches, answered through the reactor. */
import { randomInt } from 'node:crypto';
import type { Clock, Timer } from '../../base/clock.ts';
import { BugError, type SystemError } from '../../base/errors.ts';
import { ipv4 } from '../../base/ip.ts';
import { getIpv6, type IpAddress, putIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  ProbeFigures,
  ProbeOutcome,
  ProbeRequest,
  ProbeResult,
  Prober,
  ProbeWay,
} from '../ports-probe.ts';
import { systemError } from './errno.ts';
import type { Native, Reactor } from './native.ts';
import type { RawProber } from './probe-native.ts';

/** Probes of one family under way. */
const SLOTS = 16_384;
/** Layouts of native/probe/prober.h. */
const REQUEST_BYTES = 32;
const RESULT_BYTES = 48;
const FIGURES = 13;
/** Probes that wait for room. */
const MAX_QUEUED = 65_536;
/** Sent before what came is taken, so that the kernel's queue of answers does not run over. */
const SEND_AT_ONCE = 512;
const TAKE_AT_ONCE = 512;
/** When there was no room: room comes with answers, or with time. */
const ROOM_MS = 2;
const WAYS: readonly ProbeWay[] = ['none', 'raw', 'ping socket'];
const OUTCOMES: readonly ProbeOutcome[] = [
  'timeout',
  'reply',
  'timeout',
  'unreachable',
  'exceeded',
  'other',
  'duplicate',
  'unsent',
];

export interface ProberOptions {
  readonly native: Pick<Native, 'createProber'>;
  readonly reactor: Reactor;
  readonly clock: Clock;
  /** As if raw sockets could not be had. */
  readonly pingSocketsOnly?: boolean;
  /** Once for each request that was added, and for duplicates. */
  result(result: ProbeResult): void;
}

export class LinuxProber implements Prober {
  readonly #raw: RawProber;
  readonly #options: ProberOptions;
  readonly #watch: number;
  readonly #results = new Uint8Array(RESULT_BYTES * TAKE_AT_ONCE);
  readonly #reader = new Result48(this.#results);
  readonly #figures = new Float64Array(FIGURES);
  #queue = new Uint8Array(REQUEST_BYTES * 1024);
  #view = new DataView(this.#queue.buffer);
  #first = 0;
  #end = 0;
  #refused = 0;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #busy = false;
  #closed = false;

  private constructor(options: ProberOptions, raw: RawProber, watch: number) {
    this.#options = options;
    this.#raw = raw;
    this.#watch = watch;
    options.reactor.attach(watch, { event: () => this.#take() });
  }

  /** EACCES or EPERM where neither raw nor unprivileged ICMP sockets can be had. */
  static open(options: ProberOptions): Result<LinuxProber, SystemError> {
    const key = randomInt(2 ** 32);
    const raw = options.native.createProber(SLOTS, key, options.pingSocketsOnly === true ? 1 : 0);
    if (typeof raw === 'number') return err(systemError('ICMP sockets', raw));
    const watch = options.reactor.raw.readable(raw.watch());
    if (watch >= 0) return ok(new LinuxProber(options, raw, watch));
    raw.release();
    return err(systemError('ICMP sockets', watch));
  }

  way(family: 4 | 6): ProbeWay {
    this.#raw.figures(this.#figures);
    return WAYS[this.#figures[family === 6 ? 12 : 11] ?? 0] ?? 'none';
  }

  get figures(): ProbeFigures {
    this.#raw.figures(this.#figures);
    const at = (i: number): number => this.#figures[i] ?? 0;
    return {
      ...{ sent: at(0), replies: at(1), timeouts: at(2), errors: at(3), duplicates: at(4) },
      ...{ late: at(5), strangers: at(6), clockSteps: at(7), full: at(8), unstamped: at(9) },
      ...{ refused: this.#refused, underWay: at(10) + this.#end - this.#first },
    };
  }

  add(request: ProbeRequest): boolean {
    if (this.#closed) return false;
    if (this.#end * REQUEST_BYTES === this.#queue.length && !this.#grow()) {
      this.#refused += 1;
      return false;
    }
    const at = REQUEST_BYTES * this.#end++;
    const { address, tag, timeoutMs, ttl, payloadBytes, scope } = request;
    const view = this.#view;
    if (typeof address === 'number') view.setUint32(at, address);
    else putIpv6(view, at, address);
    view.setUint8(at + 16, typeof address === 'number' ? 4 : 6);
    view.setUint8(at + 17, ttl);
    view.setUint16(at + 18, payloadBytes, true);
    view.setUint32(at + 20, tag, true);
    view.setUint32(at + 24, Math.max(1, Math.round(timeoutMs)), true);
    view.setUint32(at + 28, scope, true);
    return true;
  }

  flush(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    let full = false;
    while (this.#first < this.#end && !full && !this.#closed) {
      const some = Math.min(SEND_AT_ONCE, this.#end - this.#first);
      const from = REQUEST_BYTES * this.#first;
      const sent = this.#raw.send(this.#queue.subarray(from, from + REQUEST_BYTES * some), some);
      if (sent < 0) throw new BugError(`the prober took no request: ${sent}`);
      this.#first += sent;
      full = sent < some;
      this.#drain();
    }
    this.#busy = false;
    if (this.#first === this.#end) this.#first = this.#end = 0;
    this.#arm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#options.reactor.close(this.#watch);
    this.#raw.release();
  }

  /** Room for one more: what was sent gives its place up, or the queue grows. */
  #grow(): boolean {
    if (this.#first > 0) {
      this.#queue.copyWithin(0, REQUEST_BYTES * this.#first);
      this.#end -= this.#first;
      this.#first = 0;
      return true;
    }
    if (this.#end >= MAX_QUEUED) return false;
    const larger = new Uint8Array(2 * this.#queue.length);
    larger.set(this.#queue);
    this.#queue = larger;
    this.#view = new DataView(larger.buffer);
    return true;
  }

  #take(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    this.#drain();
    this.#busy = false;
    if (this.#first < this.#end) this.flush();
  }

  /** One batch, or more while they are full: others on the loop wait no longer than for a few. */
  #drain(): void {
    for (let turns = 0; turns < 32 && !this.#closed; turns++) {
      const count = this.#raw.take(this.#results);
      for (let i = 0; i < count && !this.#closed; i++) {
        this.#reader.at = RESULT_BYTES * i;
        this.#options.result(this.#reader);
      }
      if (count < TAKE_AT_ONCE) return;
    }
  }

  #arm(): void {
    if (this.#closed) return;
    const { clock } = this.#options;
    const nextMs = this.#first < this.#end ? ROOM_MS : this.#raw.nextMs();
    const dueMs = nextMs < 0 ? Number.POSITIVE_INFINITY : clock.monoMs() + nextMs;
    if (dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = clock.after(nextMs, () => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#take();
      this.#arm();
    });
  }
}

/** A view over one result of the buffer. */
class Result48 implements ProbeResult {
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get tag(): number {
    return this.#view.getUint32(this.at, true);
  }
  get outcome(): ProbeOutcome {
    return OUTCOMES[this.#view.getUint8(this.at + 4)] ?? 'other';
  }
  get type(): number {
    return this.#view.getUint8(this.at + 5);
  }
  get code(): number {
    return this.#view.getUint8(this.at + 6);
  }
  get ttl(): number {
    return this.#view.getUint8(this.at + 7);
  }
  get rttUs(): number {
    return this.#view.getFloat64(this.at + 8, true) * 1000;
  }
  get stamped(): boolean {
    return this.#view.getUint8(this.at + 24) === 3;
  }
  get sequence(): number {
    return this.#view.getUint16(this.at + 26, true);
  }
  get information(): number {
    return this.#view.getInt32(this.at + 28, true);
  }
  get from(): IpAddress | undefined {
    if (this.outcome === 'timeout' || this.outcome === 'unsent') return undefined;
    return this.#view.getUint8(this.at + 25) === 6
      ? getIpv6(this.#view, this.at + 32)
      : ipv4(this.#view.getUint32(this.at + 32));
  }
}
