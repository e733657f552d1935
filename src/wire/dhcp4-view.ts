/**
 * A DHCPv4 or BOOTP message inside an Ethernet frame, read where it lies. One view serves all
 * packets of a port: nothing is allocated for a message, and a refusal is told by fields.
 */
import { latin1 } from '../base/bytes.ts';
import { type Ipv4, ipv4 } from '../base/ip.ts';

const ETHERNET_BYTES = 14;
const FIXED_BYTES = 236;
const MAGIC = 0x63825363;
/** No client of this world says more; joined parts fit the scratch beside the frame. */
const MAX_FRAME_BYTES = 4096;
const MAX_OPTIONS = 128;
const OPTION_PAD = 0;
const OPTION_OVERLOAD = 52;
const OPTION_TYPE = 53;
const OPTION_END = 255;

/** Lengths that the options must have which a server acts on. */
const FIXED_LENGTHS: readonly (readonly [code: number, length: number])[] = [
  [50, 4],
  [51, 4],
  [OPTION_OVERLOAD, 1],
  [OPTION_TYPE, 1],
  [54, 4],
  [57, 2],
  [118, 4],
];

export class Dhcp4View {
  /** Where everything lies: the bytes that were read, or the view's own where parts had to be joined. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Of the Ethernet header. */
  start = 0;
  /** Of the BOOTP message, and behind its last byte. */
  at = 0;
  end = 0;

  sourceIp = ipv4(0);
  destinationIp = ipv4(0);
  sourcePort = 0;
  destinationPort = 0;

  /** 1 BOOTREQUEST, 2 BOOTREPLY. */
  op = 0;
  htype = 0;
  hlen = 0;
  hops = 0;
  xid = 0;
  secs = 0;
  broadcast = false;
  ciaddr = ipv4(0);
  yiaddr = ipv4(0);
  giaddr = ipv4(0);
  /** Option 53; 0 for BOOTP. */
  type = 0;

  /** Why the last `read` refused: what, in which field, at which offset of the frame. */
  refusal = '';
  field = '';
  offset = 0;

  /** Offset of each option's value in `bytes`, 0 where there is none, and its length. */
  readonly #value = new Uint16Array(256);
  readonly #length = new Uint16Array(256);
  /** Times that each code came. */
  readonly #parts = new Uint8Array(256);
  #count = 0;
  #repeated = false;
  #own: Uint8Array | undefined;

  /** Takes up the frame `bytes[start, end)`. False when it is refused. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes = bytes;
    this.start = start;
    this.type = 0;
    if (end - start > MAX_FRAME_BYTES) return this.#refuse('too long', 'frame', MAX_FRAME_BYTES);
    if (end - start < ETHERNET_BYTES + 28) return this.#refuse('truncated', 'frame', end - start);
    return this.#readUdp(start + ETHERNET_BYTES, end) && this.#readMessage();
  }

  /** The message came with this option. */
  has(code: number): boolean {
    return this.#value[code] !== 0;
  }

  /** Length of an option's value; 0 also where there is none. */
  lengthOf(code: number): number {
    return this.#length[code] ?? 0;
  }

  /** Where an option's value begins in `bytes`. */
  valueAt(code: number): number {
    return this.start + (this.#value[code] ?? 0);
  }

  /** The value as an address; 0.0.0.0 where there is none. */
  ipOf(code: number): Ipv4 {
    return this.#length[code] === 4 ? ipv4(this.#u32(this.valueAt(code))) : ipv4(0);
  }

  u16Of(code: number): number {
    return this.#length[code] === 2 ? this.#u16(this.valueAt(code)) : 0;
  }

  /** A copy of the value; undefined where there is none. */
  copyOf(code: number): Uint8Array | undefined {
    if (!this.has(code)) return undefined;
    const at = this.valueAt(code);
    return this.bytes.slice(at, at + this.lengthOf(code));
  }

  /** The value, one character a byte, without trailing NULs; undefined where there is none. */
  textOf(code: number): string | undefined {
    if (!this.has(code)) return undefined;
    const at = this.valueAt(code);
    let end = at + this.lengthOf(code);
    while (end > at && this.bytes[end - 1] === 0) end--;
    return latin1(this.bytes, at, end);
  }

  /** The option is there and says just this, but for the case of its letters; `lower` is in lower case. */
  textIs(code: number, lower: string): boolean {
    const length = this.lengthOf(code);
    if (!this.has(code) || length !== lower.length) return false;
    const at = this.valueAt(code);
    for (let i = 0; i < length; i++) {
      const c = this.bytes[at + i] ?? 0;
      if ((c >= 65 && c <= 90 ? c + 32 : c) !== lower.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The value is just these bytes, one for each character of `text`. */
  valueIs(code: number, text: string): boolean {
    if (!this.has(code) || this.lengthOf(code) !== text.length) return false;
    const at = this.valueAt(code);
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[at + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** A copy of the hardware address, `hlen` bytes. */
  chaddr(): Uint8Array {
    return this.bytes.slice(this.at + 28, this.at + 28 + this.hlen);
  }

  /** The first six bytes of the hardware address as one number. */
  chaddrNumber(): number {
    return this.#u16(this.at + 28) * 0x1_0000_0000 + this.#u32(this.at + 30);
  }

  /** The Ethernet source as one number. */
  sourceMacNumber(): number {
    return this.#u16(this.start + 6) * 0x1_0000_0000 + this.#u32(this.start + 8);
  }

  #readUdp(ipAt: number, end: number): boolean {
    const { bytes } = this;
    if (this.#u16(ipAt - 2) !== 0x0800) return this.#refuse('not IPv4', 'ethernet.type', 12);
    const versionIhl = bytes[ipAt] ?? 0;
    const headerBytes = (versionIhl & 15) * 4;
    const totalBytes = this.#u16(ipAt + 2);
    if (versionIhl >> 4 !== 4 || headerBytes < 20) {
      return this.#refuse('not an IPv4 header', 'ip.version', ETHERNET_BYTES);
    }
    if ((this.#u16(ipAt + 6) & 0x3fff) !== 0) {
      return this.#refuse('a fragment', 'ip.fragment', ETHERNET_BYTES + 6);
    }
    if (bytes[ipAt + 9] !== 17) {
      return this.#refuse('not UDP', 'ip.protocol', ETHERNET_BYTES + 9);
    }
    const udpAt = ipAt + headerBytes;
    const ipEnd = ipAt + totalBytes;
    if (ipEnd > end || udpAt + 8 > ipEnd) {
      return this.#refuse('does not fit the frame', 'ip.length', ETHERNET_BYTES + 2);
    }
    const udpBytes = this.#u16(udpAt + 4);
    if (udpBytes < 8 || udpAt + udpBytes > ipEnd) {
      return this.#refuse('does not fit the packet', 'udp.length', udpAt + 4 - this.start);
    }
    this.sourceIp = ipv4(this.#u32(ipAt + 12));
    this.destinationIp = ipv4(this.#u32(ipAt + 16));
    this.sourcePort = this.#u16(udpAt);
    this.destinationPort = this.#u16(udpAt + 2);
    this.at = udpAt + 8;
    this.end = udpAt + udpBytes;
    return true;
  }

  #readMessage(): boolean {
    const { bytes, at, end } = this;
    this.#value.fill(0);
    this.#length.fill(0);
    if (end - at < FIXED_BYTES) return this.#refuse('truncated', 'message', end - this.start);
    this.op = bytes[at] ?? 0;
    this.htype = bytes[at + 1] ?? 0;
    this.hlen = bytes[at + 2] ?? 0;
    this.hops = bytes[at + 3] ?? 0;
    this.xid = this.#u32(at + 4);
    this.secs = this.#u16(at + 8);
    this.broadcast = ((bytes[at + 10] ?? 0) & 0x80) !== 0;
    this.ciaddr = ipv4(this.#u32(at + 12));
    this.yiaddr = ipv4(this.#u32(at + 16));
    this.giaddr = ipv4(this.#u32(at + 24));
    if (this.op !== 1 && this.op !== 2) {
      return this.#refuse('neither request nor reply', 'op', at - this.start);
    }
    if (this.hlen > 16) return this.#refuse('longer than its field', 'hlen', at + 2 - this.start);
    // Plain BOOTP may have other words, or nothing, where the options of DHCP begin (RFC 951 §3).
    const optionsAt = at + FIXED_BYTES + 4;
    if (end < optionsAt || this.#u32(optionsAt - 4) !== MAGIC) return true;
    return this.#readOptions(optionsAt);
  }

  #readOptions(optionsAt: number): boolean {
    const { at } = this;
    this.#parts.fill(0);
    this.#count = 0;
    this.#repeated = false;
    if (!this.#walk(optionsAt, this.end, 'options')) return false;
    if (this.has(OPTION_OVERLOAD)) {
      const overload = this.bytes[this.valueAt(OPTION_OVERLOAD)] ?? 0;
      if (this.lengthOf(OPTION_OVERLOAD) !== 1 || overload < 1 || overload > 3) {
        return this.#refuse('not 1, 2 or 3', 'overload', this.#value[OPTION_OVERLOAD] ?? 0);
      }
      if ((overload & 1) !== 0 && !this.#walk(at + 108, at + 236, 'file')) return false;
      if ((overload & 2) !== 0 && !this.#walk(at + 44, at + 108, 'sname')) return false;
      if (this.#repeated) this.#join(optionsAt, overload);
    } else if (this.#repeated) this.#join(optionsAt, 0);
    for (const [code, length] of FIXED_LENGTHS) {
      if (this.#value[code] !== 0 && this.#length[code] !== length) {
        return this.#refuse(`not of ${length} bytes`, `option ${code}`, this.#value[code] ?? 0);
      }
    }
    if (this.has(OPTION_TYPE)) this.type = this.bytes[this.valueAt(OPTION_TYPE)] ?? 0;
    return true;
  }

  /** Notes the options of one area. A missing END is accepted: real clients leave it out. */
  #walk(from: number, to: number, field: string): boolean {
    const { bytes, start } = this;
    let at = from;
    while (at < to) {
      const code = bytes[at] ?? OPTION_END;
      if (code === OPTION_END) return true;
      if (code === OPTION_PAD) {
        at++;
        continue;
      }
      const length = at + 1 < to ? (bytes[at + 1] ?? 0) : to;
      if (at + 2 + length > to) {
        return this.#refuse(`option ${code} is longer than what is left`, field, at - start);
      }
      if (++this.#count > MAX_OPTIONS) return this.#refuse('too many options', field, at - start);
      if (this.#value[code] === 0) {
        this.#value[code] = at + 2 - start;
        this.#length[code] = length;
      } else this.#repeated = true;
      this.#parts[code] = (this.#parts[code] ?? 0) + 1;
      at += 2 + length;
    }
    return true;
  }

  /** Parts of one option are one value, in order of options, file, sname (RFC 3396 §7). */
  #join(optionsAt: number, overload: number): void {
    const { bytes, start, at, end } = this;
    this.#own ??= new Uint8Array(2 * MAX_FRAME_BYTES);
    const own = this.#own;
    own.set(bytes.subarray(start, end));
    let free = end - start;
    for (let code = 1; code < OPTION_END; code++) {
      if ((this.#parts[code] ?? 0) < 2) continue;
      const valueAt = free;
      free = this.#gather(code, optionsAt, end, free);
      if ((overload & 1) !== 0) free = this.#gather(code, at + 108, at + 236, free);
      if ((overload & 2) !== 0) free = this.#gather(code, at + 44, at + 108, free);
      this.#value[code] = valueAt;
      this.#length[code] = free - valueAt;
    }
    this.bytes = own;
    this.start = 0;
    this.at = at - start;
    this.end = end - start;
  }

  /** Copies all values of `code` in an area that `#walk` has passed to `own[to…)`; gives where it ended. */
  #gather(code: number, from: number, end: number, to: number): number {
    const { bytes } = this;
    const own = this.#own ?? bytes;
    let free = to;
    let at = from;
    while (at < end && bytes[at] !== OPTION_END) {
      if (bytes[at] === OPTION_PAD) {
        at++;
        continue;
      }
      const length = bytes[at + 1] ?? 0;
      if (bytes[at] === code) {
        for (let i = 0; i < length; i++) own[free++] = bytes[at + 2 + i] ?? 0;
      }
      at += 2 + length;
    }
    return free;
  }

  #refuse(refusal: string, field: string, offset: number): false {
    this.refusal = refusal;
    this.field = field;
    this.offset = offset;
    return false;
  }

  #u16(at: number): number {
    return ((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0);
  }

  #u32(at: number): number {
    const { bytes } = this;
    return (
      (((bytes[at] ?? 0) << 24) |
        ((bytes[at + 1] ?? 0) << 16) |
        ((bytes[at + 2] ?? 0) << 8) |
        (bytes[at + 3] ?? 0)) >>>
      0
    );
  }
}
