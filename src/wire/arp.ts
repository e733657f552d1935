/** ARP for IPv4 over Ethernet (RFC 826). */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv4, ipv4 } from '../base/ip.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export interface Arp {
  /** 1 request, 2 reply. */
  readonly op: 1 | 2;
  /** Six bytes each. */
  readonly senderMac: Uint8Array;
  readonly senderIp: Ipv4;
  readonly targetMac: Uint8Array;
  readonly targetIp: Ipv4;
}

const FRAME_BYTES = 42;
const ETHERTYPE_ARP = 0x0806;
const FIXED = [0, 1, 8, 0, 6, 4];

/** An Ethernet frame with an ARP message; what pads it is left aside. */
export function decodeArp(frame: Uint8Array): Result<Arp> {
  const r = new ByteReader(frame);
  r.take(12, 'ethernet');
  if (r.u16('ethernet.type') !== ETHERTYPE_ARP) return decodeError('not ARP', 'ethernet.type', 12);
  const fixed = r.take(6, 'arp.types');
  const op = r.u16('arp.op');
  const senderMac = r.take(6, 'arp.senderMac').slice();
  const senderIp = ipv4(r.u32('arp.senderIp'));
  const targetMac = r.take(6, 'arp.targetMac').slice();
  const targetIp = ipv4(r.u32('arp.targetIp'));
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  if (FIXED.some((byte, i) => fixed[i] !== byte)) {
    return decodeError('not IPv4 over Ethernet', 'arp.types', 14);
  }
  if (op !== 1 && op !== 2) return decodeError(`operation ${op}`, 'arp.op', 20);
  return ok({ op, senderMac, senderIp, targetMac, targetIp });
}

/** A frame from `senderMac`; a request to everyone, a reply to `targetMac`. */
export function encodeArp(arp: Arp): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  const view = new DataView(frame.buffer);
  if (arp.op === 1) frame.fill(255, 0, 6);
  else frame.set(arp.targetMac);
  frame.set(arp.senderMac, 6);
  view.setUint16(12, ETHERTYPE_ARP);
  frame.set(FIXED, 14);
  view.setUint16(20, arp.op);
  frame.set(arp.senderMac, 22);
  view.setUint32(28, arp.senderIp);
  frame.set(arp.targetMac, 32);
  view.setUint32(38, arp.targetIp);
  return frame;
}
