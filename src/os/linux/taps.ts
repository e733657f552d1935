/** Packet taps: AF_PACKET sockets that hear one interface in both directions behind a kernel filter (packet(7)). */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PacketTap, PacketTaps } from '../ports.ts';
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
    filter: keyof typeof FILTERS,
    received: (frame: Uint8Array, outgoing: boolean) => void,
  ): Result<PacketTap, SystemError> {
    const id = this.#reactor.raw.tap(ifIndex, FILTERS[filter](), RECEIVE_BYTES);
    if (id < 0) return err(systemError(`packet tap on interface ${ifIndex}`, id));
    return ok(new Tap(this.#reactor, id, received));
  }
}

const FILTERS = {
  dhcp4: dhcp4Filter,
  all: () => Uint32Array.of(RETURN << 16, WHOLE_FRAME),
} as const;

// Classic BPF (linux/filter.h): code << 16 | jump if true << 8 | jump if false, then the operand.
const LD_HALF = 0x28;
const LD_BYTE = 0x30;
const LD_HALF_INDEXED = 0x48;
const LDX_HEADER_LENGTH = 0xb1;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
/** Ancillary load: 1 when the card took a VLAN tag off the frame (SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT). */
const VLAN_TAG_PRESENT = 0xfffff030;
const WHOLE_FRAME = 0x40000;

/**
 * Untagged IPv4 UDP to port 67 or 68, whole or the first fragment (RFC 2131 §4.1: clients speak to
 * 67, servers to 68, relays to 67). `ETH_P_ALL` brings the outgoing frames too.
 */
function dhcp4Filter(): Uint32Array {
  const at = (code: number, operand: number, yes = 0, no = 0): [number, number] => [
    ((code << 16) | (yes << 8) | no) >>> 0,
    operand >>> 0,
  ];
  const program = [
    at(LD_BYTE, VLAN_TAG_PRESENT),
    at(JUMP_EQUAL, 0, 0, 10), // a tagged frame belongs to the VLAN's own interface
    at(LD_HALF, 12), // EtherType
    at(JUMP_EQUAL, 0x0800, 0, 8),
    at(LD_BYTE, 23), // IPv4 protocol
    at(JUMP_EQUAL, 17, 0, 6),
    at(LD_HALF, 20), // flags and fragment offset
    at(JUMP_ANY_BIT, 0x1fff, 4, 0),
    at(LDX_HEADER_LENGTH, 14),
    at(LD_HALF_INDEXED, 16), // UDP destination port
    at(JUMP_EQUAL, 67, 2, 0),
    at(JUMP_EQUAL, 68, 1, 0),
    at(RETURN, 0),
    at(RETURN, WHOLE_FRAME),
  ];
  return Uint32Array.from(program.flat());
}
