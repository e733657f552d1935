import { ByteReader } from '../base/bytes.ts';
import type { Ipv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { decodeIp6, encodeIp6, HEADERS_BYTES } from './ip6.ts';

/** The UDP datagram inside an Ethernet frame. `payload` and MACs are views of the frame. */
export interface Udp6 {
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

const NEXT_HEADER_UDP = 17;
const HOP_LIMIT = 64;
const UDP_BYTES = 8;

/**
 * Ethernet II + IPv6 without extension headers + UDP (RFC 768). Checksums are not looked at: on
 * veth and behind offload they are not filled in yet when a raw socket sees the frame.
 */
export function decodeUdp6(frame: Uint8Array): Result<Udp6> {
  const ip = decodeIp6(frame);
  if (!ip.ok) return ip;
  const { destinationMac, sourceMac, source, destination } = ip.value;
  if (ip.value.nextHeader !== NEXT_HEADER_UDP) {
    return decodeError('not UDP', 'ip.nextHeader', 20);
  }
  const r = new ByteReader(ip.value.payload);
  const sourcePort = r.u16('udp.source');
  const destinationPort = r.u16('udp.destination');
  const length = r.u16('udp.length');
  r.u16('udp.checksum');
  const payload = r.take(length - UDP_BYTES, 'udp.payload');
  if (r.error !== undefined) {
    return decodeError('truncated', r.error.field, HEADERS_BYTES + r.error.offset);
  }
  return ok({
    ...{ destinationMac, sourceMac, source, destination },
    ...{ sourcePort, destinationPort, payload },
  });
}

/** `payload` of at most 65,527 bytes. */
export function encodeUdp6(datagram: Udp6, dscp = 0): Uint8Array {
  const payload = new Uint8Array(UDP_BYTES + datagram.payload.length);
  const view = new DataView(payload.buffer);
  view.setUint16(0, datagram.sourcePort);
  view.setUint16(2, datagram.destinationPort);
  view.setUint16(4, payload.length);
  payload.set(datagram.payload, UDP_BYTES);
  const { destinationMac, sourceMac, source, destination } = datagram;
  return encodeIp6(
    {
      ...{ destinationMac, sourceMac, source, destination, payload },
      nextHeader: NEXT_HEADER_UDP,
      hopLimit: HOP_LIMIT,
    },
    6,
    dscp,
  );
}
