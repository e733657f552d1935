/** Which address a client is to have: its own by right, or a free one (RFC 2131 §4.3.1). */
import { type Ipv4, ipv4 } from '../../base/ip.ts';
import type { Bindings } from './bindings.ts';
import type { Lease } from './lease.ts';
import type { Offer } from './offers.ts';
import type { Requester } from './requester.ts';
import type { Pool, Segment } from './segment.ts';

const REQUESTED_ADDRESS = 50;

/** What a client has a claim by; the best comes first. */
const BY = { offer: 1, lease: 2, wish: 3, nothing: 4 } as const;

export class Place {
  /** After `find…` gave a pool: the address in it. */
  address: Ipv4 = ipv4(0);
  headroomPercent: number;
  readonly #bindings: Bindings;

  constructor(bindings: Bindings, headroomPercent: number) {
    this.#bindings = bindings;
    this.headroomPercent = headroomPercent;
  }

  /** Where the client belongs by its static address, its offer, its lease, or its own wish, in that order. */
  findOwn(
    segment: Segment,
    who: Requester,
    selector: Ipv4,
    lease: Lease | undefined,
    offer: Offer | undefined,
  ): Pool | undefined {
    const wished = who.view.ipOf(REQUESTED_ADDRESS);
    let best: Pool | undefined;
    let by: number = BY.nothing;
    for (const pool of segment.pools) {
      if (!segment.accepts(pool, who, selector)) continue;
      const row = pool.staticOf(who);
      if (row !== undefined && this.#bindings.available(segment, pool, row.address, who)) {
        this.address = row.address;
        return pool;
      }
      if (by > BY.offer && offer !== undefined && pool.space.has(offer.address)) {
        this.address = offer.address;
        [best, by] = [pool, BY.offer];
      }
      if (by > BY.lease && lease !== undefined && keeps(pool, lease)) {
        this.address = lease.address;
        [best, by] = [pool, BY.lease];
      }
      // Who has a lease is not moved by a wish, and a stranger's wish leaves the headroom alone.
      if (by > BY.wish && lease === undefined && pool.space.isFree(wished)) {
        if (pool.space.isHeld(wished) || !this.hasRoom(pool, false)) continue;
        this.address = wished;
        [best, by] = [pool, BY.wish];
      }
    }
    return best;
  }

  /** A free address in the first pool that has one. */
  findFree(segment: Segment, who: Requester, selector: Ipv4, known: boolean): Pool | undefined {
    for (const pool of segment.pools) {
      if (!segment.accepts(pool, who, selector) || !this.hasRoom(pool, known)) continue;
      const address = pool.space.choose(who.hash);
      if (address === undefined) continue;
      this.address = address;
      return pool;
    }
    return undefined;
  }

  /** A share of each pool is for those who are known. */
  hasRoom(pool: Pool, known: boolean): boolean {
    const { free, usable } = pool.space;
    return free > (known ? 0 : Math.floor((usable * this.headroomPercent) / 100));
  }

  /** The client has `address` already, by lease or offer, and it is in `pool`, and none better is meant for it. */
  mayHave(
    segment: Segment,
    pool: Pool,
    who: Requester,
    address: Ipv4,
    lease: Lease | undefined,
    offer: Offer | undefined,
  ): boolean {
    const row = pool.staticOf(who);
    if (row !== undefined && this.#bindings.available(segment, pool, row.address, who)) {
      return row.address === address;
    }
    if (!pool.space.has(address)) return false;
    if (offer !== undefined && offer.address === address) return true;
    return lease !== undefined && lease.address === address && keeps(pool, lease);
  }
}

/** The client's old address is in the pool, and still, or again, its own. */
const keeps = (pool: Pool, lease: Lease): boolean =>
  pool.space.has(lease.address) && (lease.state === 'bound' || pool.space.isFree(lease.address));
