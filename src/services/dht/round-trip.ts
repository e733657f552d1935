/** How long an answer takes, learnt from those that came (as RFC 6298, section 2, does for TCP). */

export interface RoundTripLimits {
  /** Before anybody answered. */
  readonly firstMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

/** A timer's own coarseness. */
const GRANULARITY_MS = 10;

export class RoundTrip {
  readonly #limits: RoundTripLimits;
  #smoothedMs = -1;
  #variationMs = 0;

  constructor(limits: RoundTripLimits) {
    this.#limits = limits;
  }

  measured(ms: number): void {
    if (this.#smoothedMs < 0) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
      return;
    }
    this.#variationMs += (Math.abs(this.#smoothedMs - ms) - this.#variationMs) / 4;
    this.#smoothedMs += (ms - this.#smoothedMs) / 8;
  }

  /** Smoothed; 0 while unknown. */
  get ms(): number {
    return Math.max(0, this.#smoothedMs);
  }

  /** Most answers have come after so long. */
  get timeoutMs(): number {
    const { firstMs, leastMs, mostMs } = this.#limits;
    if (this.#smoothedMs < 0) return firstMs;
    const wanted = this.#smoothedMs + Math.max(GRANULARITY_MS, 4 * this.#variationMs);
    return Math.min(mostMs, Math.max(leastMs, wanted));
  }
}
