/**
 * The binding of the native addon: loads it, checks arguments, and deals events out to whoever
 * owns the descriptor. Numbers here are those of native/reactor.h.
 */
import { fileURLToPath } from 'node:url';
import { BugError, errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import type { NativeArpScan } from './arp-scan-native.ts';
import type { NativeCapture } from './capture-native.ts';
import type { NativeDns } from './dns-native.ts';
import type { NativeProbe } from './probe-native.ts';

export const What = {
  accepted: 1,
  refused: 2,
  data: 3,
  closed: 4,
  drained: 5,
  finished: 6,
  readable: 7,
  frame: 9,
  exited: 10,
  frames: 11,
  datagrams: 12,
  connected: 13,
  asked: 14,
} as const;

const IN_BATCH = 0;
const NEXT = 1;
const OUT_COUNT = 2;
const OUT_BYTES = 3;
const EVENTS = 8;
const EVENT_WORDS = 6;
const WRITES = EVENTS + EVENT_WORDS * 256;
const MAX_WRITES = 512;
const QUEUED = WRITES + 2 * MAX_WRITES;
const SLOT_MASK = 8191;
const OUTPUT_BYTES = 256 * 1024;
/** Longer writes go to the kernel straight from the caller's bytes. */
const DIRECT_BYTES = 32 * 1024;

/** One native reactor. Numbers below 0 are `-errno`; ids are never reused. */
export interface RawReactor {
  readonly control: ArrayBuffer;
  readonly input: ArrayBuffer;
  readonly output: ArrayBuffer;
  shutdown(): void;
  listen(path: string, mode: number, backlog: number): number;
  connect(path: string): number;
  /** Fills pid, uid, gid. */
  credentials(id: number, out: Uint32Array): number;
  /** One word of IPv4, or four of IPv6; `connected` or `closed` follows. */
  connectTcp(address: Uint32Array, port: number): number;
  listenTcp(address: Uint32Array, port: number, backlog: number): number;
  /** Fills how many words the address has, the port, and those words; of the other end when `remote` is 1. */
  tcpName(id: number, remote: 0 | 1, out: Uint32Array): number;
  flush(): void;
  send(id: number, bytes: Uint8Array): number;
  close(id: number): number;
  finish(id: number): number;
  /** A datagram socket named `own`, connected to `server`. */
  datagram(own: string, server: string): number;
  /** Whole or not at all. */
  sendDatagram(id: number, bytes: Uint8Array): number;
  requests(protocol: number, receiveBytes: number): number;
  transact(id: number, request: Uint8Array, lastSequence: number): ArrayBuffer | number;
  monitor(protocol: number, groups: Uint32Array, receiveBytes: number): number;
  /** One datagram of a monitor: its length; -EAGAIN without one, -ENOBUFS when some were dropped. */
  receive(id: number, into: Uint8Array): number;
  /** `What.readable` while somebody else's descriptor is readable, which may close before or after. */
  readable(fd: number): number;
  tap(ifIndex: number, program: Uint32Array, receiveBytes: number): number;
  tapDropped(id: number): number;
  frames(ifIndex: number, program: Uint32Array, groups: Uint8Array, bufferBytes: number): number;
  /** Fills frames dropped by the kernel, not sent, not whole. */
  frameCounts(id: number, out: Uint32Array): number;
  holdUdp(port: number): number;
  /** `head`: port and address to bind, as native/udp.cc says. */
  openUdp(head: Uint8Array, v6: 0 | 1, bufferBytes: number): number;
  /** Fills datagrams dropped by the kernel, not sent, cut, and the socket's own port. */
  udpFacts(id: number, out: Uint32Array): number;
  /** The parts of a `DhtBoard` in their order (native/dht/binding.cc). */
  dhtAttach(
    id: number,
    rules: Uint32Array,
    budget: Float64Array,
    perAddress: Uint8Array,
    perNetwork: Uint8Array,
    verified: Uint8Array,
    counts: Float64Array,
    askers: Uint8Array,
  ): number;
  dhtTable(id: number, family: number, head: Uint8Array, rows: Uint8Array): number;
  dhtPolicy(id: number, rows: Uint32Array): number;
  /**
   * What is done with a datagram that came at this time from where `head` says, as of a socket: the length of
   * the answer in `out`, 0 for nothing, 1 for what is to be handed over.
   */
  dhtTake(id: number, bytes: Uint8Array, head: Uint8Array, nowMs: number, out: Uint8Array): number;
  /** Probes of a path (native/path/socket.cc): `protocol` 0 ICMP, 1 UDP, 2 TCP; `address` 4 bytes, or 16 and the scope. */
  pathOpen(
    protocol: number,
    address: Uint8Array,
    ifName: string,
    trafficClass: number,
    fragment: 0 | 1,
  ): number;
  /** Fills out[0] with CLOCK_MONOTONIC in ms just before. */
  pathSend(
    id: number,
    sequence: number,
    hopLimit: number,
    packetBytes: number,
    port: number,
    out: Float64Array,
  ): number;
  /** Fills nine numbers and the address of who spoke; -EAGAIN when there is nothing more. */
  pathReceive(id: number, out: Float64Array, from: Uint8Array): number;
  /** 1 when echo requests leave by a raw socket. */
  pathRaw(id: number): number;
  spawn(file: string, args: readonly string[]): number;
  watch(pid: number, child: 0 | 1): number;
  signal(id: number, signal: number): number;
  release(id: number): number;
}

export interface Native extends NativeArpScan, NativeCapture, NativeDns, NativeProbe {
  createReactor(leads: boolean, onBatch: (count: number) => void): RawReactor | number;
  /** CLOCK_BOOTTIME in ms. */
  boottimeMs(): number;
  /**
   * crypt(5) of the system's library: '' for a setting that it does not take, undefined where there
   * is no library. Both texts are at most some hundred bytes; else -errno.
   */
  crypt(password: string, setting: string): Promise<string | undefined> | number;
  /** Drops clean pages of the program from the page tables (native/pages.cc): kilobytes, or -errno. */
  releaseText(): number;
  /** Drops to the user, keeps the three capabilities and executes `file`; comes back only by throwing. */
  lowerAndExecute(
    uid: number,
    gid: number,
    file: string,
    args: readonly string[],
    environment: readonly string[],
  ): never;
}

const BUILT = new URL('../../../build/native/gatehouse.node', import.meta.url);

/** Loads the addon; safe in any number of workers and more than once in each. */
export function loadNative(path: string = fileURLToPath(BUILT)): Native {
  const module: { exports: Partial<Native> } = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (thrown) {
    throw new SystemError(
      `cannot load the native addon: ${errorMessage(thrown)}`,
      errorCode(thrown),
      { cause: thrown, remedy: 'build it: scripts/build-native' },
    );
  }
  const addon = module.exports;
  if (!isWhole(addon)) {
    throw new SystemError(`${path} is not the native addon of this version`, 'ENOEXEC', {
      remedy: 'build it: scripts/build-native',
    });
  }
  return addon;
}

const EXPORTS: readonly (keyof Native)[] = [
  'createReactor',
  'boottimeMs',
  'lowerAndExecute',
  'crypt',
  'createDns',
  'createBlockBuilder',
  'createCapture',
  'compileFilter',
  'createArpScan',
  'createProber',
  'releaseText',
];

const isWhole = (addon: Partial<Native>): addon is Native =>
  EXPORTS.every((name) => addon[name] !== undefined);

/** The owner of a descriptor: gets each of its events (`What`) with up to four numbers. */
export interface Sink {
  event(what: number, a: number, b: number, c: number, d: number): void;
}

/**
 * One epoll set and all descriptors in it. `leads` lets it wait for Node's loop and its own
 * descriptors at once, which makes a message about a third cheaper; only one reactor of a thread
 * may lead, so only `main.ts` asks for it.
 */
export class Reactor implements AsyncDisposable {
  readonly raw: RawReactor;
  readonly input: Uint8Array;
  readonly inputWords: Int32Array;
  readonly #control: Int32Array;
  readonly #output: Uint8Array;
  readonly #sinks = new Map<number, Sink>();

  constructor(native: Native, options: { readonly leads?: boolean } = {}) {
    const raw = native.createReactor(options.leads ?? false, (count) => this.#batch(count));
    if (typeof raw === 'number') throw new BugError(`the reactor did not start: ${raw}`);
    this.raw = raw;
    this.#control = new Int32Array(raw.control);
    this.#output = new Uint8Array(raw.output);
    this.input = new Uint8Array(raw.input);
    this.inputWords = new Int32Array(raw.input);
  }

  /** Descriptors that have an owner. */
  get open(): number {
    return this.#sinks.size;
  }

  attach(id: number, sink: Sink): void {
    this.#sinks.set(id, sink);
  }

  detach(id: number): void {
    this.#sinks.delete(id);
  }

  /** Closes a descriptor and forgets its owner; events of it still in this batch are lost. Idempotent. */
  close(id: number): void {
    this.#sinks.delete(id);
    this.raw.close(id);
  }

  /** Bytes of a connection that the kernel has not taken, those of the running batch included. */
  queuedBytes(id: number): number {
    return this.#control[QUEUED + (id & SLOT_MASK)] ?? 0;
  }

  /**
   * Copies `bytes` to the list of writes. Inside a batch they leave at its end, together with
   * all others for that connection; else at once. False when `limit` would be passed.
   */
  write(id: number, bytes: Uint8Array, limit: number): boolean {
    const control = this.#control;
    const slot = QUEUED + (id & SLOT_MASK);
    const length = bytes.byteLength;
    let queued = control[slot] ?? 0;
    if (queued + length > limit) {
      if (queued === 0) return false;
      this.raw.flush();
      queued = control[slot] ?? 0;
      if (queued + length > limit) return false;
    }
    if (length >= DIRECT_BYTES) return this.raw.send(id, bytes) === 0;
    let count = control[OUT_COUNT] ?? 0;
    let used = control[OUT_BYTES] ?? 0;
    if (count === MAX_WRITES || used + length > OUTPUT_BYTES) {
      this.raw.flush();
      count = 0;
      used = 0;
      queued = control[slot] ?? 0;
    }
    this.#output.set(bytes, used);
    control[WRITES + 2 * count] = id;
    control[WRITES + 2 * count + 1] = length;
    control[OUT_COUNT] = count + 1;
    control[OUT_BYTES] = used + length;
    control[slot] = queued + length;
    if (control[IN_BATCH] === 0) this.raw.flush();
    return true;
  }

  /**
   * Copies a frame (less than 2 KiB) to the list of writes, which leaves at the end of the batch, at
   * `raw.flush`, or when it is full.
   */
  queueFrame(id: number, bytes: Uint8Array, start: number, end: number): void {
    const control = this.#control;
    const length = end - start;
    let count = control[OUT_COUNT] ?? 0;
    let used = control[OUT_BYTES] ?? 0;
    if (count === MAX_WRITES || used + length > OUTPUT_BYTES) {
      this.raw.flush();
      count = 0;
      used = 0;
    }
    this.#output.set(bytes.subarray(start, end), used);
    control[WRITES + 2 * count] = id;
    control[WRITES + 2 * count + 1] = length;
    control[OUT_COUNT] = count + 1;
    control[OUT_BYTES] = used + length;
  }

  /** A datagram behind the head that says where it goes to; leaves at the end of the batch, or at once. */
  queueDatagram(id: number, head: Uint8Array, bytes: Uint8Array): void {
    const control = this.#control;
    const length = head.length + bytes.length;
    let count = control[OUT_COUNT] ?? 0;
    let used = control[OUT_BYTES] ?? 0;
    if (count === MAX_WRITES || used + length > OUTPUT_BYTES) {
      this.raw.flush();
      count = 0;
      used = 0;
    }
    this.#output.set(head, used);
    this.#output.set(bytes, used + head.length);
    control[WRITES + 2 * count] = id;
    control[WRITES + 2 * count + 1] = length;
    control[OUT_COUNT] = count + 1;
    control[OUT_BYTES] = used + length;
    if (control[IN_BATCH] === 0) this.raw.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sinks.clear();
    this.raw.shutdown();
  }

  #batch(count: number): void {
    const control = this.#control;
    // A handler that throws ends this call; the native side reports it and calls again for the
    // events after it, so the place is kept in the shared buffer.
    for (let i = control[NEXT] ?? count; i < count; i++) {
      control[NEXT] = i + 1;
      const at = EVENTS + EVENT_WORDS * i;
      const sink = this.#sinks.get(control[at + 1] ?? 0);
      if (sink === undefined) continue;
      sink.event(
        control[at] ?? 0,
        control[at + 2] ?? 0,
        control[at + 3] ?? 0,
        control[at + 4] ?? 0,
        control[at + 5] ?? 0,
      );
    }
  }
}
