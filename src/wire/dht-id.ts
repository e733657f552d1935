/** Node ids that are bound to their address (BEP 42), and compact endpoints (BEP 5, BEP 32). */
import { ipv4 } from '../base/ip.ts';
import type { IpPort } from '../base/ip-port.ts';
import { getIpv6, type IpAddress, putIpv6 } from '../base/ip6.ts';

const ID_BYTES = 20;
const MASK4 = [0x03, 0x0f, 0x3f, 0xff];
const MASK6 = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];
/** Castagnoli's polynomial, reflected (RFC 3720 §12.1). */
const CRC32C = 0x82f63b78;

/** Six or eighteen bytes: the address, then the port. */
export function compactEndpoint({ address, port }: IpPort): Uint8Array {
  const length = typeof address === 'number' ? 4 : 16;
  const bytes = new Uint8Array(length + 2);
  const view = new DataView(bytes.buffer);
  if (typeof address === 'number') view.setUint32(0, address);
  else putIpv6(view, 0, address);
  view.setUint16(length, port);
  return bytes;
}

/** Undefined for bytes that are neither six nor eighteen; whether to talk to it is another question. */
export function readEndpoint(bytes: Uint8Array): IpPort | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 6) return { address: ipv4(view.getUint32(0)), port: view.getUint16(4) };
  if (bytes.length === 18) return { address: getIpv6(view, 0), port: view.getUint16(16) };
  return undefined;
}

/**
 * The id of a node that others see at `address`. `random` are 20 random bytes: the last is the seed
 * and stays as it is, the first 21 bits become what the address asks for.
 */
export function secureId(address: IpAddress, random: Uint8Array): Uint8Array {
  const id = random.slice(0, ID_BYTES);
  const crc = crcOf(address, id[ID_BYTES - 1] ?? 0);
  id[0] = crc >>> 24;
  id[1] = crc >>> 16;
  id[2] = ((crc >>> 8) & 0xf8) | ((id[2] ?? 0) & 7);
  return id;
}

/** Whether a node at `address` may have this id. */
export function isSecureId(id: Uint8Array, address: IpAddress): boolean {
  if (id.length !== ID_BYTES) return false;
  const crc = crcOf(address, id[ID_BYTES - 1] ?? 0);
  const found = ((id[0] ?? 0) << 24) | ((id[1] ?? 0) << 16) | ((id[2] ?? 0) << 8);
  return ((found ^ crc) & 0xfffff800) === 0;
}

/** Of the address's higher half, masked, with the seed's low three bits at its top. */
function crcOf(address: IpAddress, seed: number): number {
  const mask = typeof address === 'number' ? MASK4 : MASK6;
  const bytes = compactEndpoint({ address, port: 0 });
  let crc = 0xffffffff;
  for (const [i, bits] of mask.entries()) {
    crc ^= ((bytes[i] ?? 0) & bits) | (i === 0 ? (seed & 7) << 5 : 0);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? CRC32C : 0);
  }
  return ~crc;
}
