/** How long an answer takes, learnt from those that came (as RFC 6298 does for TCP). */

/** Before anybody answered. */
const FIRST_MS = 500;
const MIN_SLOW_MS = 20;
const MAX_SLOW_MS = 1_000;
/** A timer's own coarseness. */
const GRANULARITY_MS = 10;
/** An answer may still come after the asker went on to others. */
const GIVE_UP_FACTOR = 4;
const MIN_GIVE_UP_MS = 1_000;
const MAX_GIVE_UP_MS = 4_000;

export class RoundTrip {
  #smoothedMs = -1;
  #variationMs = 0;

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

  /** After so long another is asked. */
  get slowMs(): number {
    if (this.#smoothedMs < 0) return FIRST_MS;
    const wanted = this.#smoothedMs + Math.max(GRANULARITY_MS, 4 * this.#variationMs);
    return Math.min(MAX_SLOW_MS, Math.max(MIN_SLOW_MS, wanted));
  }

  /** After so long nobody waits any more. */
  get giveUpMs(): number {
    return Math.min(MAX_GIVE_UP_MS, Math.max(MIN_GIVE_UP_MS, GIVE_UP_FACTOR * this.slowMs));
  }
}
