/** Hashes of addresses under a salt, so that nobody chooses with whom to share a slot; native/dht/answerer.cc has the same. */
import type { IpAddress } from '../../base/ip6.ts';

/** Of the address, and of its /24 or /64. */
export function hashesOf(address: IpAddress, salt: number): readonly [number, number] {
  if (typeof address === 'number') return [mix(address, salt), mix(address >>> 8, ~salt)];
  const low = Number(address & 0xffffffffn) ^ Number((address >> 32n) & 0xffffffffn);
  const high = Number((address >> 64n) & 0xffffffffn) ^ Math.imul(Number(address >> 96n), 31);
  return [mix(low ^ Math.imul(high, 17), salt), mix(high, ~salt)];
}

function mix(value: number, salt: number): number {
  let hash = Math.imul(value ^ salt, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
