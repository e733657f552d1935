/** DHCPv6 messages (RFC 8415 §8, §9): client and server messages, and those of relay agents around them. */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv6, putIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { takeIpv6 } from './ip6.ts';

/** RFC 8415 §7.3. */
export const DHCP6 = {
  SOLICIT: 1,
  ADVERTISE: 2,
  REQUEST: 3,
  CONFIRM: 4,
  RENEW: 5,
  REBIND: 6,
  REPLY: 7,
  RELEASE: 8,
  DECLINE: 9,
  RECONFIGURE: 10,
  INFORMATION_REQUEST: 11,
  RELAY_FORW: 12,
  RELAY_REPL: 13,
} as const;

export const SERVER_PORT6 = 547;
export const CLIENT_PORT6 = 546;

/** Relay agents one behind the other: HOP_COUNT_LIMIT (RFC 8415 §7.6). */
const MAX_RELAYS = 8;
const OPTION_RELAY_MSG = 9;

/** In order of appearance. Values are views of the message; what nobody knows stays as it is. */
export interface Dhcp6Option {
  readonly code: number;
  readonly value: Uint8Array;
}

export interface Dhcp6Message {
  readonly type: number;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: readonly Dhcp6Option[];
}

export interface Dhcp6Relay {
  readonly type: typeof DHCP6.RELAY_FORW | typeof DHCP6.RELAY_REPL;
  readonly hopCount: number;
  /** Tells the link on which the client is; `::` when the relay says it otherwise. */
  readonly linkAddress: Ipv6;
  /** Client or relay that the message came from. */
  readonly peerAddress: Ipv6;
  /** Without the Relay Message option. */
  readonly options: readonly Dhcp6Option[];
}

export interface Dhcp6Packet {
  /** Outermost first; empty when the client is on the link itself. */
  readonly relays: readonly Dhcp6Relay[];
  readonly message: Dhcp6Message;
}

export function decodeDhcp6(bytes: Uint8Array): Result<Dhcp6Packet> {
  const relays: Dhcp6Relay[] = [];
  let inner = bytes;
  while (inner[0] === DHCP6.RELAY_FORW || inner[0] === DHCP6.RELAY_REPL) {
    if (relays.length === MAX_RELAYS) return decodeError('too many relays', 'relay', 0);
    const r = new ByteReader(inner);
    r.u8('type');
    const hopCount = r.u8('hopCount');
    const linkAddress = takeIpv6(r, 'linkAddress');
    const peerAddress = takeIpv6(r, 'peerAddress');
    if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
    const options = decodeOptions6(inner.subarray(r.offset), 'relay');
    if (!options.ok) return options;
    const carried = options.value.filter(({ code }) => code === OPTION_RELAY_MSG);
    const [message] = carried;
    if (message === undefined || carried.length > 1) {
      return decodeError(`${carried.length} messages instead of one`, 'relay', r.offset);
    }
    relays.push({
      ...{ type: inner[0], hopCount, linkAddress, peerAddress },
      options: options.value.filter((option) => option !== message),
    });
    inner = message.value;
  }
  const r = new ByteReader(inner);
  const head = r.u32('type');
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  const options = decodeOptions6(inner.subarray(4), 'options');
  if (!options.ok) return options;
  const message = { type: head >>> 24, transactionId: head & 0xffffff, options: options.value };
  return ok({ relays, message });
}

/** Options fill `bytes` exactly. Also for those inside IA_NA, IA_PD and their like. */
export function decodeOptions6(bytes: Uint8Array, field: string): Result<readonly Dhcp6Option[]> {
  const options: Dhcp6Option[] = [];
  const r = new ByteReader(bytes);
  while (r.remaining > 0) {
    const code = r.u16(field);
    const value = r.take(r.u16(field), `${field}.${code}`);
    if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
    options.push({ code, value });
  }
  return ok(options);
}

export function encodeOptions6(options: readonly Dhcp6Option[]): Uint8Array {
  const bytes = new Uint8Array(options.reduce((sum, { value }) => sum + 4 + value.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { code, value } of options) {
    view.setUint16(at, code);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}

export function encodeDhcp6({ relays, message }: Dhcp6Packet): Uint8Array {
  let bytes = withHead(4, message.options);
  new DataView(bytes.buffer).setUint32(0, message.type * 0x1000000 + message.transactionId);
  for (const relay of relays.toReversed()) {
    const carried = { code: OPTION_RELAY_MSG, value: bytes };
    bytes = withHead(34, [...relay.options, carried]);
    const view = new DataView(bytes.buffer);
    bytes[0] = relay.type;
    bytes[1] = relay.hopCount;
    putIpv6(view, 2, relay.linkAddress);
    putIpv6(view, 18, relay.peerAddress);
  }
  return bytes;
}

function withHead(headBytes: number, options: readonly Dhcp6Option[]): Uint8Array {
  const body = encodeOptions6(options);
  const bytes = new Uint8Array(headBytes + body.length);
  bytes.set(body, headBytes);
  return bytes;
}
