import { ByteReader } from '../base/bytes.ts';
import { type Ipv4, ipv4 } from '../base/ip.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { sumIpv4Udp } from './checksum.ts';

/** The UDP datagram inside an Ethernet frame. `payload` is a view of the frame. */
export interface Udp4 {
  readonly destinationMac: Uint8Array;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const HEADERS_BYTES = 42;

/**
 * Ethernet II + IPv4 (RFC 791, with options) + UDP (RFC 768), first fragments refused as well:
 * whoever reads single datagrams cannot use half of one. Checksums are the kernel's and the
 * client's business (offload leaves them unset on veth), so they are not looked at.
 */
export function decodeUdp4(frame: Uint8Array): Result<Udp4> {
  const r = new ByteReader(frame);
  const destinationMac = r.take(6, 'ethernet.destination');
  r.take(6, 'ethernet.source');
  if (r.u16('ethernet.type') !== ETHERTYPE_IPV4) {
    return decodeError('not IPv4', 'ethernet.type', 12);
  }
  const ipAt = r.offset;
  const versionIhl = r.u8('ip.version');
  const headerBytes = (versionIhl & 15) * 4;
  r.u8('ip.tos');
  const totalBytes = r.u16('ip.length');
  r.u16('ip.id');
  const fragment = r.u16('ip.fragment');
  r.u8('ip.ttl');
  const protocol = r.u8('ip.protocol');
  r.u16('ip.checksum');
  const source = ipv4(r.u32('ip.source'));
  const destination = ipv4(r.u32('ip.destination'));
  if (r.error !== undefined) return short(r);
  if (versionIhl >> 4 !== 4 || headerBytes < 20) {
    return decodeError('not an IPv4 header', 'ip.version', ipAt);
  }
  if ((fragment & 0x3fff) !== 0) return decodeError('a fragment', 'ip.fragment', ipAt + 6);
  if (protocol !== PROTOCOL_UDP) return decodeError('not UDP', 'ip.protocol', ipAt + 9);
  r.take(headerBytes - 20, 'ip.options');
  const udpAt = r.offset;
  const sourcePort = r.u16('udp.source');
  const destinationPort = r.u16('udp.destination');
  const udpBytes = r.u16('udp.length');
  r.u16('udp.checksum');
  if (udpBytes < 8 || headerBytes + udpBytes > totalBytes) {
    return decodeError('length does not fit the packet', 'udp.length', udpAt + 4);
  }
  const payload = r.take(udpBytes - 8, 'udp.payload');
  if (r.error !== undefined) return short(r);
  return ok({ destinationMac, source, destination, sourcePort, destinationPort, payload });
}

const short = (r: ByteReader): Result<never> =>
  decodeError('truncated', r.error?.field ?? 'frame', r.error?.offset ?? 0);

/** A whole frame with its checksums; never to be fragmented. MACs have six bytes. */
export function encodeUdp4(datagram: Udp4 & { readonly sourceMac: Uint8Array }): Uint8Array {
  const { payload } = datagram;
  const frame = new Uint8Array(HEADERS_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  frame.set(datagram.destinationMac);
  frame.set(datagram.sourceMac, 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  frame[14] = 0x45;
  view.setUint16(16, HEADERS_BYTES - 14 + payload.length);
  frame[20] = 0x40;
  frame[22] = 64;
  frame[23] = PROTOCOL_UDP;
  view.setUint32(26, datagram.source);
  view.setUint32(30, datagram.destination);
  view.setUint16(34, datagram.sourcePort);
  view.setUint16(36, datagram.destinationPort);
  view.setUint16(38, 8 + payload.length);
  frame.set(payload, HEADERS_BYTES);
  sumIpv4Udp(frame, 14, frame.length);
  return frame;
}
