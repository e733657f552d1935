/** Limits that a healthy network never meets. Every table here has a fixed size. */

/** Numbers of a bucket in its memory, where native code takes from it, too (native/dht/board.h). */
const PER_SEC = 0;
const MOST = 1;
const TOKENS = 2;
const AT_MS = 3;
export const BUCKET_NUMBERS = 4;

/** At most `perSec` a second, and `most` at once: as many, but ten at least for a house that comes back after a power cut. */
export class TokenBucket {
  readonly #memory: Float64Array;

  /** 0 is no limit. */
  constructor(
    perSec: number,
    most = Math.max(10, perSec),
    memory: Float64Array = new Float64Array(BUCKET_NUMBERS),
  ) {
    this.#memory = memory;
    memory.set([perSec, most, most, Number.NEGATIVE_INFINITY]);
  }

  take(nowMs: number): boolean {
    if (!this.has(1, 0, nowMs)) return false;
    this.spend(1);
    return true;
  }

  /** Whether `amount` is there and leaves the part `kept` of a whole bucket. */
  has(amount: number, kept: number, nowMs: number): boolean {
    const memory = this.#memory;
    const perSec = memory[PER_SEC] ?? 0;
    if (perSec === 0) return true;
    const most = memory[MOST] ?? 0;
    const atMs = memory[AT_MS] ?? 0;
    let tokens = memory[TOKENS] ?? 0;
    if (nowMs > atMs) {
      tokens = Math.min(most, tokens + ((nowMs - atMs) * perSec) / 1000);
      memory[TOKENS] = tokens;
      memory[AT_MS] = nowMs;
    }
    return tokens - amount >= kept * most;
  }

  /** What `has` said is there. */
  spend(amount: number): void {
    this.#memory[TOKENS] = (this.#memory[TOKENS] ?? 0) - amount;
  }
}

const SLOTS = 1 << 14;
const WINDOW_MS = 10_000;

/**
 * Counts answers per client in windows of ten seconds, by the client's hash. Two clients on one
 * slot take turns in it: then neither is limited, which is no harm to anybody.
 */
export class AnswerCounts {
  readonly limit: number;
  /** All columns, one behind the other: native/dht/board.h counts in it, too. */
  readonly memory = new Uint8Array(SLOTS * 10);
  readonly #who = new Uint32Array(this.memory.buffer, 0, SLOTS);
  readonly #window = new Uint32Array(this.memory.buffer, SLOTS * 4, SLOTS);
  readonly #count = new Uint16Array(this.memory.buffer, SLOTS * 8, SLOTS);

  /** 0 is no limit. */
  constructor(limit: number) {
    this.limit = Math.min(limit, 65_535);
  }

  /** One more answer for this client; false when it has had enough. */
  take(hash: number, nowMs: number): boolean {
    if (this.limit === 0) return true;
    const slot = hash % SLOTS;
    const window = Math.floor(nowMs / WINDOW_MS);
    if (this.#who[slot] !== hash || this.#window[slot] !== window) {
      this.#who[slot] = hash;
      this.#window[slot] = window;
      this.#count[slot] = 1;
      return true;
    }
    const count = this.#count[slot] ?? 0;
    if (count >= this.limit) return false;
    this.#count[slot] = count + 1;
    return true;
  }
}
