/** Packet taps: AF_PACKET sockets that hear one interface in both directions behind a kernel filter (packet(7)). */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PacketTap, PacketTaps, TapFilter } from '../ports.ts';
import {
  type Check,
  etherType,
  ipv4Fragment,
  ipv4Protocol,
  ipv4UdpTo,
  ipv6NextHeader,
  ipv6UdpTo,
  program,
  untagged,
} from './bpf.ts';
import { systemError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

const RECEIVE_BYTES = 256 * 1024;

class Tap implements PacketTap, Sink {
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #received: (frame: Uint8Array, outgoing: boolean) => void;
  #closed = false;
  #dropped = 0;

  constructor(
    reactor: Reactor,
    id: number,
    received: (frame: Uint8Array, outgoing: boolean) => void,
  ) {
    this.#reactor = reactor;
    this.#id = id;
    this.#received = received;
    reactor.attach(id, this);
  }

  get dropped(): number {
    if (!this.#closed) {
      const count = this.#reactor.raw.tapDropped(this.#id);
      if (count >= 0) this.#dropped = count;
    }
    return this.#dropped;
  }

  event(what: number, offset: number, length: number, outgoing: number): void {
    if (what !== What.frame) return;
    this.#received(this.#reactor.input.subarray(offset, offset + length), outgoing === 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#dropped = this.dropped;
    this.#closed = true;
    this.#reactor.close(this.#id);
  }
}

export class LinuxPacketTaps implements PacketTaps {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  open(
    ifIndex: number,
    filter: TapFilter,
    received: (frame: Uint8Array, outgoing: boolean) => void,
  ): Result<PacketTap, SystemError> {
    const id = this.#reactor.raw.tap(ifIndex, program(FILTERS[filter]), RECEIVE_BYTES);
    if (id < 0) return err(systemError(`packet tap on interface ${ifIndex}`, id));
    return ok(new Tap(this.#reactor, id, received));
  }
}

/**
 * dhcp4: untagged IPv4 UDP to port 67 or 68, whole or the first fragment (RFC 2131 §4.1: clients speak to
 * 67, servers to 68, relays to 67). The socket hears the outgoing frames too.
 * dhcp6: the same for IPv6 without extension headers, ports 546 and 547 (RFC 8415 §7.2).
 */
const FILTERS: Readonly<Record<TapFilter, readonly Check[]>> = {
  dhcp4: [untagged, etherType(0x0800), ipv4Protocol(17), ipv4Fragment(0x1fff), ipv4UdpTo(67, 68)],
  dhcp6: [untagged, etherType(0x86dd), ipv6NextHeader(17), ipv6UdpTo(546, 547)],
  all: [],
};
