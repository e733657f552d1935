/** Frame ports: AF_PACKET sockets for servers that answer many, batched both ways (packet(7)). */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { FrameFilter, FrameHandlers, FramePort, FramePorts } from '../ports.ts';
import {
  type Check,
  etherType,
  icmp6Type,
  ipv4Fragment,
  ipv4Protocol,
  ipv4UdpTo,
  ipv6NextHeader,
  ipv6UdpTo,
  program,
  untagged,
} from './bpf.ts';
import { frameError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

/** Asked for each way: some thousands of requests while a write to the disk is under way. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** Of whoever may miss some. */
const SMALL_BUFFER_BYTES = 256 * 1024;
/** A frame in the input buffer: its length in one word, 0 for one that is not whole, then the bytes. */
const SLOT_BYTES = 2048;
const HEAD_BYTES = 4;
const MAX_FRAME_BYTES = SLOT_BYTES - HEAD_BYTES;

interface Kind {
  /** A frame passes all checks of one of these. */
  readonly alternatives: readonly (readonly Check[])[];
  /** Last four bytes of the IPv6 groups to be heard (RFC 2464 §7). */
  readonly groups: readonly number[];
  /** MAC addresses of other groups. */
  readonly macs?: readonly number[];
  readonly bufferBytes?: number;
}

const IPV6 = etherType(0x86dd);

const KINDS: Readonly<Record<FrameFilter, Kind>> = {
  dhcp4: {
    alternatives: [
      [untagged, etherType(0x0800), ipv4Protocol(17), ipv4Fragment(0x3fff), ipv4UdpTo(67, 68)],
    ],
    groups: [],
  },
  dhcp6Server: {
    alternatives: [[untagged, IPV6, ipv6NextHeader(17), ipv6UdpTo(547)]],
    groups: [0x00010002],
  },
  icmp6Router: {
    alternatives: [[untagged, IPV6, ipv6NextHeader(58), icmp6Type(133, 134)]],
    groups: [0x00000001, 0x00000002],
  },
  arp: { alternatives: [[untagged, etherType(0x0806)]], groups: [] },
  neighbours: {
    alternatives: [
      [untagged, etherType(0x0806)],
      [untagged, IPV6, ipv6NextHeader(58), icmp6Type(129, 135, 136)],
      [untagged, etherType(0x0800), ipv4Protocol(17), ipv4Fragment(0x3fff), ipv4UdpTo(67, 5353)],
      [untagged, IPV6, ipv6NextHeader(17), ipv6UdpTo(5353)],
    ],
    groups: [0x00000001, 0x000000fb],
    // 224.0.0.251 (RFC 1112 §6.4).
    macs: [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb],
    bufferBytes: SMALL_BUFFER_BYTES,
  },
};

class Port implements FramePort, Sink {
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #handlers: FrameHandlers;
  readonly #counts = new Uint32Array(3);
  #refused = 0;
  #closed = false;

  constructor(reactor: Reactor, id: number, handlers: FrameHandlers) {
    this.#reactor = reactor;
    this.#id = id;
    this.#handlers = handlers;
    reactor.attach(id, this);
  }

  get dropped(): number {
    return this.#count(0);
  }

  get unsent(): number {
    return this.#count(1) + this.#refused;
  }

  get broken(): number {
    return this.#count(2);
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#closed && end - start <= MAX_FRAME_BYTES) {
      this.#reactor.queueFrame(this.#id, bytes, start, end);
      return true;
    }
    this.#refused++;
    return false;
  }

  flush(): void {
    this.#reactor.raw.flush();
  }

  event(what: number, offset: number, count: number): void {
    if (what !== What.frames) return;
    const { input, inputWords } = this.#reactor;
    for (let i = 0; i < count && !this.#closed; i++) {
      const at = offset + i * SLOT_BYTES;
      const length = inputWords[at >> 2] ?? 0;
      if (length > 0) this.#handlers.frame(input, at + HEAD_BYTES, at + HEAD_BYTES + length);
    }
    if (!this.#closed) this.#handlers.batchEnd?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#reactor.raw.flush(); // what it does not take is counted
    this.#count(0);
    this.#closed = true;
    this.#reactor.close(this.#id);
  }

  #count(which: number): number {
    if (!this.#closed) this.#reactor.raw.frameCounts(this.#id, this.#counts);
    return this.#counts[which] ?? 0;
  }
}

export class LinuxFramePorts implements FramePorts {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  open(
    ifIndex: number,
    filter: FrameFilter,
    handlers: FrameHandlers,
  ): Result<FramePort, SystemError> {
    const { alternatives, groups, macs = [], bufferBytes = BUFFER_BYTES } = KINDS[filter];
    const all = Uint8Array.from([...groups.flatMap(multicastMac), ...macs]);
    const id = this.#reactor.raw.frames(ifIndex, program(...alternatives), all, bufferBytes);
    if (id < 0) return err(frameError(`frame port on interface ${ifIndex}`, id));
    return ok(new Port(this.#reactor, id, handlers));
  }
}

/** MAC of an IPv6 group: 33:33 and its last four bytes. */
const multicastMac = (group: number): number[] => [
  0x33,
  0x33,
  group >>> 24,
  (group >>> 16) & 255,
  (group >>> 8) & 255,
  group & 255,
];
