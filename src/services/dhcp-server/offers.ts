/** Addresses that were offered and not yet asked for: each is kept for its client for ten seconds. */
import type { Ipv4 } from '../../base/ip.ts';

export interface Offer {
  readonly key: string;
  readonly address: Ipv4;
  /** CLOCK_BOOTTIME ms. */
  untilMs: number;
  /** An ARP probe for the address is under way: nothing is sent before it is over. */
  probing: boolean;
}

const OFFER_MS = 10_000;
/** Beyond it the oldest makes room: its client, if it comes, is served if the address is still free. */
const MAX_OFFERS = 65_536;

export class Offers {
  /** The next to end stands first: all are kept equally long. */
  readonly #offers = new Map<string, Offer>();

  of(key: string): Offer | undefined {
    return this.#offers.get(key);
  }

  add(key: string, address: Ipv4, nowMs: number): Offer {
    const offer: Offer = { key, address, untilMs: nowMs + OFFER_MS, probing: false };
    this.#offers.set(key, offer);
    return offer;
  }

  renew(offer: Offer, nowMs: number): void {
    offer.untilMs = nowMs + OFFER_MS;
    this.#offers.delete(offer.key);
    this.#offers.set(offer.key, offer);
  }

  remove(offer: Offer): void {
    if (this.#offers.get(offer.key) === offer) this.#offers.delete(offer.key);
  }

  /** When the next one ends; Infinity when there is none. */
  get nextMs(): number {
    for (const { untilMs } of this.#offers.values()) return untilMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Takes out one that has ended or that is too many; undefined when there is none more. */
  takeDue(nowMs: number): Offer | undefined {
    for (const offer of this.#offers.values()) {
      if (offer.untilMs > nowMs && this.#offers.size <= MAX_OFFERS) return undefined;
      this.#offers.delete(offer.key);
      return offer;
    }
    return undefined;
  }
}
