/** The filters of a scrape (BEP 33): how many peers a swarm has, without saying who they are. */
import type { IpAddress } from '../../base/ip6.ts';
import { compactEndpoint } from '../../wire/dht-id.ts';

const BYTES = 256;
const BITS = BYTES * 8;
const HASHES = 2;

export class Bloom {
  readonly bytes = new Uint8Array(BYTES);
  readonly #sha1: (bytes: Uint8Array) => Uint8Array;

  constructor(sha1: (bytes: Uint8Array) => Uint8Array) {
    this.#sha1 = sha1;
  }

  add(address: IpAddress): void {
    const compact = compactEndpoint({ address, port: 0 });
    const hash = this.#sha1(compact.subarray(0, compact.length - 2));
    for (let i = 0; i < HASHES; i++) {
      const bit = ((hash[2 * i] ?? 0) | ((hash[2 * i + 1] ?? 0) << 8)) % BITS;
      const at = bit >> 3;
      this.bytes[at] = (this.bytes[at] ?? 0) | (1 << (bit & 7));
    }
  }
}

/** Joins what several nodes said of one swarm. */
export function joinBloom(into: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < BYTES; i++) into[i] = (into[i] ?? 0) | (other[i] ?? 0);
}

/** How many are in a filter, about. */
export function bloomCount(bytes: Uint8Array): number {
  let zeros = 0;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) if (((byte >> bit) & 1) === 0) zeros++;
  const empty = Math.min(BITS - 1, Math.max(1, zeros));
  return zeros === BITS ? 0 : Math.log(empty / BITS) / (HASHES * Math.log(1 - 1 / BITS));
}
