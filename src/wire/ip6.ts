/** Ethernet II and the fixed header of IPv6 (RFC 8200 §3), and the checksum of what is above (§8.1). */
import { ByteReader } from '../base/bytes.ts';
import { getIpv6, type Ipv6, putIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { checksumOf, sumWords } from './checksum.ts';

const ETHERTYPE_IPV6 = 0x86dd;
/** Ethernet and IPv6 together: where the payload starts. */
export const HEADERS_BYTES = 54;
const IP_AT = 14;

/** An IPv6 packet inside an Ethernet frame; `payload` and MACs are views of the frame. */
export interface Ip6Frame {
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly payload: Uint8Array;
}

/** Padding of short frames behind the packet is left out. Extension headers are not followed. */
export function decodeIp6(frame: Uint8Array): Result<Ip6Frame> {
  const r = new ByteReader(frame);
  const destinationMac = r.take(6, 'ethernet.destination');
  const sourceMac = r.take(6, 'ethernet.source');
  const type = r.u16('ethernet.type');
  // A frame that ends before its type is cut; what is wrong with that is told below.
  if (r.error === undefined && type !== ETHERTYPE_IPV6) {
    return decodeError('not IPv6', 'ethernet.type', 12);
  }
  const versionClassFlow = r.u32('ip.version');
  const length = r.u16('ip.length');
  const nextHeader = r.u8('ip.nextHeader');
  const hopLimit = r.u8('ip.hopLimit');
  const source = takeIpv6(r, 'ip.source');
  const destination = takeIpv6(r, 'ip.destination');
  const payload = r.take(length, 'ip.payload');
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  if (versionClassFlow >>> 28 !== 6) return decodeError('not version 6', 'ip.version', IP_AT);
  return ok({ destinationMac, sourceMac, source, destination, nextHeader, hopLimit, payload });
}

/** Frame around `payload`, whose checksum field at `checksumAt` must be 0 and is filled in; `dscp` is 0 to 63 (RFC 2474). */
export function encodeIp6(packet: Ip6Frame, checksumAt: number, dscp = 0): Uint8Array {
  const { payload, source, destination, nextHeader } = packet;
  const frame = new Uint8Array(HEADERS_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  frame.set(packet.destinationMac, 0);
  frame.set(packet.sourceMac, 6);
  view.setUint16(12, ETHERTYPE_IPV6);
  view.setUint32(IP_AT, 0x60000000 + (dscp & 63) * 0x400000);
  view.setUint16(IP_AT + 4, payload.length);
  frame[IP_AT + 6] = nextHeader;
  frame[IP_AT + 7] = packet.hopLimit;
  putIpv6(view, IP_AT + 8, source);
  putIpv6(view, IP_AT + 24, destination);
  frame.set(payload, HEADERS_BYTES);
  const sum = checksum6(source, destination, nextHeader, payload);
  // For UDP 0 means none, which IPv6 forbids; for ICMPv6 both are the same sum.
  view.setUint16(HEADERS_BYTES + checksumAt, sum === 0 ? 0xffff : sum);
  return frame;
}

/** RFC 8200 §8.1: over the pseudo-header and `payload`. 0 when `payload` holds a right checksum. */
export function checksum6(
  source: Ipv6,
  destination: Ipv6,
  nextHeader: number,
  payload: Uint8Array,
): number {
  const pseudo = new Uint8Array(40);
  const view = new DataView(pseudo.buffer);
  putIpv6(view, 0, source);
  putIpv6(view, 16, destination);
  view.setUint32(32, payload.length);
  view.setUint32(36, nextHeader);
  return checksumOf(sumWords(pseudo, 0, 40) + sumWords(payload, 0, payload.length));
}

export function takeIpv6(r: ByteReader, field: string): Ipv6 {
  const bytes = r.take(16, field);
  return bytes.length < 16
    ? (0n as Ipv6)
    : getIpv6(new DataView(bytes.buffer, bytes.byteOffset, 16), 0);
}
