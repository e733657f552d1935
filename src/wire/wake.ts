/** Wake on LAN: the magic packet (AMD 20213) right in an Ethernet frame. */
import { type Mac, macBytes } from '../base/ip.ts';

const ETHERTYPE_WAKE = 0x0842;
const HEADER_BYTES = 14;
const MAC_BYTES = 6;
const REPEATS = 16;

/** A frame from `source` to everyone: six times 255, then sixteen times the sleeper's MAC address. */
export function encodeWake(sleeper: Mac, source: Mac): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + MAC_BYTES * (1 + REPEATS));
  frame.fill(255, 0, MAC_BYTES);
  frame.set(macBytes(source), MAC_BYTES);
  new DataView(frame.buffer).setUint16(2 * MAC_BYTES, ETHERTYPE_WAKE);
  frame.fill(255, HEADER_BYTES, HEADER_BYTES + MAC_BYTES);
  for (let i = 1; i <= REPEATS; i++) frame.set(macBytes(sleeper), HEADER_BYTES + MAC_BYTES * i);
  return frame;
}
