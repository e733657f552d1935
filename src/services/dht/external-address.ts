/** Our address as others see it (BEP 42): believed when several others say the same. */
import type { IpAddress } from '../../base/ip6.ts';

const NEEDED = 4;
const MAX_VOTES = 16;

export class ExternalAddress {
  /** By the address of the voter (IPv6: its /64), so that one host has one vote; the newest last. */
  readonly #votes = new Map<bigint | number, IpAddress>();
  #address: IpAddress | undefined;

  get address(): IpAddress | undefined {
    return this.#address;
  }

  /** The address once enough agree on it, at each vote for it. */
  vote(seen: IpAddress, by: IpAddress): IpAddress | undefined {
    const network = typeof by === 'number' ? by >>> 0 : by >> 64n;
    this.#votes.delete(network);
    this.#votes.set(network, seen);
    if (this.#votes.size > MAX_VOTES) {
      const [oldest] = this.#votes.keys();
      if (oldest !== undefined) this.#votes.delete(oldest);
    }
    const agreeing = [...this.#votes.values()].filter((vote) => vote === seen).length;
    // More than half of those that we remember, so that a change of address comes through.
    if (agreeing < NEEDED || agreeing * 2 <= this.#votes.size) return undefined;
    this.#address = seen;
    return seen;
  }
}
