/**
 * Netlink messages and attributes (RFC 3549 §2.2, netlink(7)). All integers are in the order of
 * the host: little-endian on x86_64 and arm64, the two targets; addresses inside are in network
 * order as anywhere.
 */
import { type Ipv6, putIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** In an answer: the table changed during the dump, which must be repeated. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** In an answer of type NLMSG_ERROR: the request is not repeated in full; attributes follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

const HEADER_BYTES = 16;
const ATTRIBUTE_TYPE = 0x3fff;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** Attributes by type; of a type that comes twice the last counts. Values are views. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

/** Splits what the kernel sent into messages; bodies are views of `bytes`. */
export function decodeMessages(bytes: Uint8Array): Result<readonly NetlinkMessage[]> {
  const view = viewOf(bytes);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < HEADER_BYTES) return decodeError('too short', 'nlmsghdr', at);
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || length > bytes.length - at) {
      return decodeError(`length ${length}`, 'nlmsg_len', at);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return ok(messages);
}

/** Attributes of `body` from `start` on, such as behind an ifinfomsg. */
export function decodeAttributes(body: Uint8Array, start: number): Result<Attributes> {
  const view = viewOf(body);
  const attributes = new Map<number, Uint8Array>();
  let at = start;
  while (at < body.length) {
    if (body.length - at < 4) return decodeError('too short', 'nlattr', at);
    const length = view.getUint16(at, true);
    if (length < 4 || length > body.length - at) {
      return decodeError(`length ${length}`, 'nla_len', at);
    }
    const type = view.getUint16(at + 2, true) & ATTRIBUTE_TYPE;
    attributes.set(type, body.subarray(at + 4, at + length));
    at += align(length);
  }
  return ok(attributes);
}

export interface Acknowledgement {
  /** 0, or the errno as a positive number. */
  readonly errno: number;
  /** The kernel's reason in words, where it gives one. */
  readonly reason: string | undefined;
}

/** The body of NLMSG_ERROR, or of NLMSG_DONE, which begins alike. */
export function decodeAcknowledgement(message: NetlinkMessage): Result<Acknowledgement> {
  const { body, flags, type } = message;
  const view = viewOf(body);
  if (body.length < 4) {
    return type === NLMSG_DONE
      ? ok({ errno: 0, reason: undefined })
      : decodeError('too short', 'nlmsgerr', 0);
  }
  const errno = -view.getInt32(0, true);
  if (type !== NLMSG_ERROR || (flags & NLM_F_ACK_TLVS) === 0 || body.length < 4 + HEADER_BYTES) {
    return ok({ errno, reason: undefined });
  }
  const request = (flags & NLM_F_CAPPED) !== 0 ? HEADER_BYTES : view.getUint32(4, true);
  const attributes = decodeAttributes(body, 4 + align(request));
  if (!attributes.ok) return attributes;
  const text = attributes.value.get(NLMSGERR_ATTR_MSG);
  return ok({ errno, reason: text === undefined ? undefined : readString(text) });
}

/** Builds requests, one behind the other. */
export class NetlinkWriter {
  #bytes = new Uint8Array(512);
  #view = viewOf(this.#bytes);
  #size = 0;
  #message = 0;

  begin(type: number, flags: number, sequence: number): this {
    this.#message = this.#size;
    this.u32(0).u16(type).u16(flags).u32(sequence);
    return this.u32(0); // nlmsg_pid: the kernel fills it in
  }

  /** Ends the message begun last. */
  end(): this {
    this.#view.setUint32(this.#message, this.#size - this.#message, true);
    return this.#pad();
  }

  u8(value: number): this {
    this.#room(1);
    this.#view.setUint8(this.#size++, value);
    return this;
  }

  u16(value: number): this {
    this.#room(2);
    this.#view.setUint16(this.#size, value, true);
    this.#size += 2;
    return this;
  }

  u32(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#size, value, true);
    this.#size += 4;
    return this;
  }

  /** An address: network order. */
  ipv4(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#size, value, false);
    this.#size += 4;
    return this;
  }

  /** An address: network order. */
  ipv6(value: Ipv6): this {
    this.#room(16);
    putIpv6(this.#view, this.#size, value);
    this.#size += 16;
    return this;
  }

  /** NUL-terminated ASCII. */
  text(value: string): this {
    for (let i = 0; i < value.length; i++) this.u8(value.charCodeAt(i) & 0x7f);
    return this.u8(0);
  }

  attribute(type: number, fill: (writer: this) => void): this {
    const at = this.#size;
    this.u16(0).u16(type);
    fill(this);
    this.#view.setUint16(at, this.#size - at, true);
    return this.#pad();
  }

  /** All messages so far: a copy. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  #pad(): this {
    while (this.#size % 4 !== 0) this.u8(0);
    return this;
  }

  #room(more: number): void {
    if (this.#size + more <= this.#bytes.length) return;
    const grown = new Uint8Array(this.#bytes.length * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The text before the first NUL, one character a byte. */
export function readString(bytes: Uint8Array): string {
  let text = '';
  for (const b of bytes) {
    if (b === 0) break;
    text += String.fromCharCode(b);
  }
  return text;
}

const align = (length: number): number => (length + 3) & ~3;
