/** Limits that a healthy network never meets. Every table here has a fixed size. */

/** At most `perSec` a second, and as many at once (but ten at least, for a house that comes back after a power cut). */
export class TokenBucket {
  readonly #perSec: number;
  readonly #most: number;
  #tokens: number;
  #atMs = Number.NEGATIVE_INFINITY;

  /** 0 is no limit. */
  constructor(perSec: number) {
    this.#perSec = perSec;
    this.#most = Math.max(10, perSec);
    this.#tokens = this.#most;
  }

  take(nowMs: number): boolean {
    if (this.#perSec === 0) return true;
    if (nowMs > this.#atMs) {
      const gained = ((nowMs - this.#atMs) * this.#perSec) / 1000;
      this.#tokens = Math.min(this.#most, this.#tokens + gained);
      this.#atMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

const SLOTS = 1 << 14;
const WINDOW_MS = 10_000;

/**
 * Counts answers per client in windows of ten seconds, by the client's hash. Two clients on one
 * slot take turns in it: then neither is limited, which is no harm to anybody.
 */
export class AnswerCounts {
  readonly #limit: number;
  readonly #who = new Uint32Array(SLOTS);
  readonly #window = new Uint32Array(SLOTS);
  readonly #count = new Uint16Array(SLOTS);

  /** 0 is no limit. */
  constructor(limit: number) {
    this.#limit = Math.min(limit, 65_535);
  }

  /** One more answer for this client; false when it has had enough. */
  take(hash: number, nowMs: number): boolean {
    if (this.#limit === 0) return true;
    const slot = hash % SLOTS;
    const window = Math.floor(nowMs / WINDOW_MS);
    if (this.#who[slot] !== hash || this.#window[slot] !== window) {
      this.#who[slot] = hash;
      this.#window[slot] = window;
      this.#count[slot] = 1;
      return true;
    }
    const count = this.#count[slot] ?? 0;
    if (count >= this.#limit) return false;
    this.#count[slot] = count + 1;
    return true;
  }
}
