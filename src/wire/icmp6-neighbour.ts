/** Neighbour solicitations and advertisements (RFC 4861 §4.3, §4.4) and echo (RFC 4443 §4) as whole Ethernet frames. */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv6, ipv6, isMulticast6, putIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { checksum6, decodeIp6, encodeIp6, HEADERS_BYTES, takeIpv6 } from './ip6.ts';

export type NeighbourBody =
  /** `mac`: source link-layer address, undefined where it was left out. */
  | {
      readonly kind: 'solicitation';
      readonly target: Ipv6;
      readonly mac: Uint8Array | undefined;
    }
  /** `mac`: target link-layer address. */
  | {
      readonly kind: 'advertisement';
      readonly target: Ipv6;
      readonly mac: Uint8Array | undefined;
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
    }
  | {
      readonly kind: 'echoRequest' | 'echoReply';
      readonly id: number;
      readonly sequence: number;
      readonly data: Uint8Array;
    };

export interface NeighbourPacket {
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly body: NeighbourBody;
}

const isEcho = (body: NeighbourBody): body is Extract<NeighbourBody, { readonly id: number }> =>
  body.kind === 'echoRequest' || body.kind === 'echoReply';

const NEXT_HEADER_ICMPV6 = 58;
const TYPE = { echoRequest: 128, echoReply: 129, solicitation: 135, advertisement: 136 } as const;
/** Proves that no router forwarded it (RFC 4861 §7.1). */
const ND_HOP_LIMIT = 255;
const ECHO_HOP_LIMIT = 1;
const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
const MAC_BYTES = 6;
/** Of a message without options. */
const ND_BYTES = 24;
/** One option with a MAC address, in units of eight bytes. */
const MAC_OPTION_UNITS = 1;
const SOLICITED_NODE = (0xff02n << 112n) | 0x1_ff00_0000n;

/** RFC 4291 §2.7.1. */
export const solicitedNode = (address: Ipv6): Ipv6 => ipv6(SOLICITED_NODE | (address & 0xff_ffffn));

/** MAC address of an IPv6 group (RFC 2464 §7). */
export function groupMac(group: Ipv6): Uint8Array {
  const low = Number(group & 0xffff_ffffn);
  return Uint8Array.of(0x33, 0x33, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255);
}

/** Refuses what RFC 4861 §7.1 has a node discard, and whatever is none of the four messages. */
export function decodeNeighbour(frame: Uint8Array): Result<NeighbourPacket> {
  const ip = decodeIp6(frame);
  if (!ip.ok) return ip;
  const { payload, source, destination, sourceMac, destinationMac, hopLimit } = ip.value;
  if (ip.value.nextHeader !== NEXT_HEADER_ICMPV6) return refuse('not ICMPv6', 'ip.nextHeader', -34);
  const r = new ByteReader(payload);
  const type = r.u8('icmp.type');
  const code = r.u8('icmp.code');
  r.u16('icmp.checksum');
  const word = r.u32('icmp.word');
  if (r.error !== undefined) return refuse('truncated', r.error.field, r.error.offset);
  if (code !== 0) return refuse(`code ${code}`, 'icmp.code', 1);
  if (checksum6(source, destination, NEXT_HEADER_ICMPV6, payload) !== 0) {
    return refuse('wrong checksum', 'icmp.checksum', 2);
  }
  const common = { sourceMac, destinationMac, source, destination };
  if (type === TYPE.echoRequest || type === TYPE.echoReply) {
    const kind = type === TYPE.echoReply ? 'echoReply' : 'echoRequest';
    const data = r.take(r.remaining, 'echo.data');
    return ok({ ...common, body: { kind, id: word >>> 16, sequence: word & 0xffff, data } });
  }
  if (type !== TYPE.solicitation && type !== TYPE.advertisement) {
    return refuse(`type ${type}`, 'icmp.type', 0);
  }
  if (hopLimit !== ND_HOP_LIMIT) return refuse('was forwarded', 'ip.hopLimit', -33);
  const target = takeIpv6(r, 'nd.target');
  if (payload.length < ND_BYTES) return refuse('truncated', 'nd.target', payload.length);
  if (isMulticast6(target)) return refuse('a group has no neighbour', 'nd.target', 8);
  const solicitation = type === TYPE.solicitation;
  const mac = macOption(r, solicitation ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER);
  if (!mac.ok) return mac;
  if (solicitation) {
    if (source === 0n && mac.value !== undefined) {
      return refuse('a link-layer address of nobody', 'nd.option', 24);
    }
    return ok({ ...common, body: { kind: 'solicitation', target, mac: mac.value } });
  }
  const solicited = (word & 0x4000_0000) !== 0;
  if (solicited && isMulticast6(destination)) {
    return refuse('solicited by a group', 'na.flags', 4);
  }
  return ok({
    ...common,
    body: {
      ...{ kind: 'advertisement', target, mac: mac.value, solicited },
      router: word >>> 31 === 1,
      override: (word & 0x2000_0000) !== 0,
    },
  });
}

/** The first option of this type; others are passed over (RFC 4861 §4.6). */
function macOption(r: ByteReader, wanted: number): Result<Uint8Array | undefined> {
  let found: Uint8Array | undefined;
  while (r.remaining > 0) {
    const at = r.offset;
    const type = r.u8('nd.option');
    const units = r.u8('nd.option');
    if (units === 0) return refuse('an option without length', 'nd.option', at);
    const body = r.take(units * 8 - 2, 'nd.option');
    if (body.length !== units * 8 - 2) return refuse('truncated', 'nd.option', at);
    if (type === wanted && units === MAC_OPTION_UNITS) found ??= body;
  }
  return ok(found);
}

export function encodeNeighbour({ body, ...packet }: NeighbourPacket): Uint8Array {
  const nextHeader = NEXT_HEADER_ICMPV6;
  if (isEcho(body)) {
    const payload = new Uint8Array(8 + body.data.length);
    const view = new DataView(payload.buffer);
    view.setUint8(0, TYPE[body.kind]);
    view.setUint16(4, body.id);
    view.setUint16(6, body.sequence);
    payload.set(body.data, 8);
    return encodeIp6({ ...packet, nextHeader, hopLimit: ECHO_HOP_LIMIT, payload }, 2);
  }
  const payload = new Uint8Array(ND_BYTES + (body.mac === undefined ? 0 : 8));
  const view = new DataView(payload.buffer);
  view.setUint8(0, TYPE[body.kind]);
  if (body.kind === 'advertisement') {
    const flags =
      Number(body.router) * 0x80 + Number(body.solicited) * 0x40 + Number(body.override) * 0x20;
    view.setUint8(4, flags);
  }
  putIpv6(view, 8, body.target);
  if (body.mac !== undefined) {
    view.setUint8(24, body.kind === 'solicitation' ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER);
    view.setUint8(25, MAC_OPTION_UNITS);
    payload.set(body.mac.subarray(0, MAC_BYTES), 26);
  }
  return encodeIp6({ ...packet, nextHeader, hopLimit: ND_HOP_LIMIT, payload }, 2);
}

/** `at` counts from the start of the ICMPv6 message. */
const refuse = (message: string, field: string, at: number): Result<never> =>
  decodeError(message, field, HEADERS_BYTES + at);
