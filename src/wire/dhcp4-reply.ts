/**
 * Writes a server's whole answer (Ethernet, IPv4, UDP, BOOTP, options) into a buffer of its own:
 * options in the order in which `option…` is called, after 53 and 54; option 82 last.
 */
import type { Ipv4 } from '../base/ip.ts';
import { sumIpv4Udp } from './checksum.ts';
import { CLIENT_PORT, DHCP, SERVER_PORT } from './dhcp4.ts';
import type { Dhcp4View } from './dhcp4-view.ts';

const ETHERNET_BYTES = 14;
const IP_AT = ETHERNET_BYTES;
const UDP_AT = IP_AT + 20;
const BOOTP_AT = UDP_AT + 8;
const OPTIONS_AT = BOOTP_AT + 240;
const TIMES_AT = OPTIONS_AT + 9;
const MAX_MTU = 1500;
/** RFC 2132 §9.10: no client accepts less. */
const LEAST_MAX_BYTES = 576;
/** RFC 1542 §2.1. */
const LEAST_BOOTP_BYTES = 300;
const BROADCAST = 0xffffffff;
const INFINITE = 0xffffffff;
const [RELAY_AGENT, MAX_MESSAGE_SIZE, END] = [82, 57, 255];

export class Dhcp4Reply {
  /** The answer is `bytes[0, end)` after `finish`. */
  readonly bytes = new Uint8Array(ETHERNET_BYTES + MAX_MTU);
  /** DSCP, 0 to 63. */
  dscp = 0;
  /** The relay agent's option was left out for want of room (RFC 3046 §2.2). */
  relayOptionDropped = false;
  #at = OPTIONS_AT;
  #limit = 0;

  /**
   * Begins the answer of `type` to `request` by the server `server`, whose MAC is `mac` (6 bytes).
   * `yiaddr` is the address that is given, 0.0.0.0 for none.
   */
  begin(request: Dhcp4View, type: number, mac: Uint8Array, server: Ipv4, yiaddr: Ipv4): void {
    const { bytes } = this;
    bytes.fill(0, 0, OPTIONS_AT);
    bytes.set(mac, 6);
    bytes[12] = 0x08;
    bytes[IP_AT] = 0x45;
    // Never a fragment, so the identification says nothing (RFC 6864 §4.1).
    bytes[IP_AT + 6] = 0x40;
    bytes[IP_AT + 8] = 64;
    bytes[IP_AT + 9] = 17;
    this.#u32(IP_AT + 12, server);
    bytes[UDP_AT + 1] = SERVER_PORT;
    bytes[BOOTP_AT] = 2;
    bytes[BOOTP_AT + 1] = request.htype;
    bytes[BOOTP_AT + 2] = request.hlen;
    this.#u32(BOOTP_AT + 4, request.xid);
    const from = request.at;
    for (let i = 10; i < 12; i++) bytes[BOOTP_AT + i] = request.bytes[from + i] ?? 0;
    if (type !== DHCP.NAK) this.#u32(BOOTP_AT + 12, type === DHCP.OFFER ? 0 : request.ciaddr);
    this.#u32(BOOTP_AT + 16, yiaddr);
    this.#u32(BOOTP_AT + 24, request.giaddr);
    for (let i = 28; i < 44; i++) bytes[BOOTP_AT + i] = request.bytes[from + i] ?? 0;
    this.#u32(BOOTP_AT + 236, 0x63825363);
    this.#limit =
      ETHERNET_BYTES +
      Math.min(MAX_MTU, Math.max(LEAST_MAX_BYTES, request.u16Of(MAX_MESSAGE_SIZE))) -
      1;
    this.dscp = 0;
    this.relayOptionDropped = false;
    bytes[OPTIONS_AT] = 53;
    bytes[OPTIONS_AT + 1] = 1;
    bytes[OPTIONS_AT + 2] = type;
    this.#at = OPTIONS_AT + 3;
    this.optionU32(54, server);
  }

  /** Where to boot from: the next server, and the file's name in at most 127 bytes. */
  boot(siaddr: Ipv4, file: Uint8Array): void {
    this.#u32(BOOTP_AT + 20, siaddr);
    this.bytes.set(file.length > 127 ? file.subarray(0, 127) : file, BOOTP_AT + 108);
  }

  /** LEASEQUERY's answers say in ciaddr whose lease they mean, and in chaddr whose it is (RFC 4388 §6.4.2). */
  about(ciaddr: Ipv4, htype: number, chaddr: Uint8Array): void {
    this.#u32(BOOTP_AT + 12, ciaddr);
    this.bytes[BOOTP_AT + 1] = htype;
    this.bytes[BOOTP_AT + 2] = chaddr.length;
    this.bytes.fill(0, BOOTP_AT + 28, BOOTP_AT + 44);
    this.bytes.set(chaddr, BOOTP_AT + 28);
  }

  /** Options 51, 58 and 59, right behind 53 and 54: `shortenTimes` finds them there. Infinity for no end. */
  times(leaseSec: number): void {
    const at = this.#at;
    this.bytes[at] = 51;
    this.bytes[at + 6] = 58;
    this.bytes[at + 12] = 59;
    for (let i = 1; i < 18; i += 6) this.bytes[at + i] = 4;
    putTimes(this.bytes, at, leaseSec);
    this.#at = at + 18;
  }

  /** False when it does not fit. */
  optionU32(code: number, value: number): boolean {
    const at = this.#at;
    if (at + 6 > this.#limit) return false;
    this.bytes[at] = code;
    this.bytes[at + 1] = 4;
    this.#u32(at + 2, value);
    this.#at = at + 6;
    return true;
  }

  /** One option of at most 255 bytes, `bytes[start, end)`. False when it does not fit. */
  option(code: number, bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    const at = this.#at;
    const length = end - start;
    if (length > 255 || at + 2 + length > this.#limit) return false;
    this.bytes[at] = code;
    this.bytes[at + 1] = length;
    for (let i = 0; i < length; i++) this.bytes[at + 2 + i] = bytes[start + i] ?? 0;
    this.#at = at + 2 + length;
    return true;
  }

  /** Options as they stand on the wire. Those that do not fit are left out, whole; gives whether all fitted. */
  block(options: Uint8Array): boolean {
    if (this.#at + options.length <= this.#limit) {
      this.bytes.set(options, this.#at);
      this.#at += options.length;
      return true;
    }
    for (let from = 0; from < options.length; ) {
      // The parts of a long option go together or not at all (RFC 3396 §4).
      const code = options[from];
      let to = from;
      while (to < options.length && options[to] === code) to += 2 + (options[to + 1] ?? 0);
      if (this.#at + to - from <= this.#limit) {
        this.bytes.set(options.subarray(from, to), this.#at);
        this.#at += to - from;
      }
      from = to;
    }
    return false;
  }

  /** Copies an option of the request, if it has one. False when it does not fit. */
  echo(request: Dhcp4View, code: number): boolean {
    if (!request.has(code)) return true;
    const at = request.valueAt(code);
    return this.option(code, request.bytes, at, at + request.lengthOf(code));
  }

  /**
   * Ends the options, addresses the packet (RFC 2131 §4.1) and sums it up; gives where it ends. It
   * goes to the Ethernet address that the request came from, so nobody has to be looked for.
   */
  finish(request: Dhcp4View): number {
    const { bytes } = this;
    this.relayOptionDropped = !this.echo(request, RELAY_AGENT);
    bytes[this.#at] = END;
    let end = this.#at + 1;
    const least = BOOTP_AT + LEAST_BOOTP_BYTES;
    if (end < least) {
      bytes.fill(0, end, least);
      end = least;
    }
    bytes[IP_AT + 1] = this.dscp << 2;
    const to = this.#address(request);
    this.#u32(IP_AT + 16, to);
    if (to === BROADCAST) bytes.fill(255, 0, 6);
    else {
      const from = request.start + 6;
      for (let i = 0; i < 6; i++) bytes[i] = request.bytes[from + i] ?? 0;
    }
    this.#u16(IP_AT + 2, end - IP_AT);
    this.#u16(UDP_AT + 4, end - UDP_AT);
    sumIpv4Udp(bytes, IP_AT, end);
    return end;
  }

  #address(request: Dhcp4View): number {
    const { bytes } = this;
    const nak = bytes[OPTIONS_AT + 2] === DHCP.NAK;
    if (request.giaddr !== 0) {
      bytes[UDP_AT + 3] = SERVER_PORT;
      // The client may have no address that it could be reached by: the relay is to broadcast (§4.3.2).
      if (nak) bytes[BOOTP_AT + 10] = (bytes[BOOTP_AT + 10] ?? 0) | 0x80;
      return request.giaddr;
    }
    bytes[UDP_AT + 3] = CLIENT_PORT;
    if (nak) return BROADCAST;
    if (request.ciaddr !== 0) return request.ciaddr;
    if (request.broadcast) return BROADCAST;
    const yiaddr =
      (((bytes[BOOTP_AT + 16] ?? 0) << 24) |
        ((bytes[BOOTP_AT + 17] ?? 0) << 16) |
        ((bytes[BOOTP_AT + 18] ?? 0) << 8) |
        (bytes[BOOTP_AT + 19] ?? 0)) >>>
      0;
    return yiaddr || request.sourceIp || BROADCAST;
  }

  #u16(at: number, value: number): void {
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  #u32(at: number, value: number): void {
    put32(this.bytes, at, value);
  }
}

/** Makes the lease of a finished answer at `bytes[start, end)` that long, where it was given by `times`. */
export function shortenTimes(
  bytes: Uint8Array,
  start: number,
  end: number,
  leaseSec: number,
): void {
  const frame = bytes.subarray(start, end);
  if (frame[TIMES_AT] !== 51) return;
  putTimes(frame, TIMES_AT, leaseSec);
  sumIpv4Udp(frame, IP_AT, frame.length);
}

/** T1 at one half and T2 at seven eighths of the lease (RFC 2131 §4.4.5). */
function putTimes(bytes: Uint8Array, at: number, leaseSec: number): void {
  const endless = leaseSec >= INFINITE;
  put32(bytes, at + 2, endless ? INFINITE : leaseSec);
  put32(bytes, at + 8, endless ? INFINITE : Math.floor(leaseSec / 2));
  put32(bytes, at + 14, endless ? INFINITE : Math.floor(leaseSec * 0.875));
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
