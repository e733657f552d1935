/**
 * How often somebody may try: a few times a minute, and after several failures in a row not for a
 * while that doubles. Bounded: a storm of names costs no memory.
 */

export interface AttemptLimits {
  readonly perMinute: number;
  /** Failures in a row before the first lock-out. */
  readonly freeFailures: number;
  readonly firstLockMs: number;
  readonly maxLockMs: number;
  readonly maxKeys: number;
}

export const LOGIN_LIMITS: AttemptLimits = {
  perMinute: 5,
  freeFailures: 5,
  firstLockMs: 60_000,
  maxLockMs: 15 * 60_000,
  maxKeys: 1024,
};

const MINUTE_MS = 60_000;
/** Failures are forgotten after a day without one. */
const FORGET_MS = 24 * 60 * MINUTE_MS;

interface Seen {
  /** When it was tried, within the last minute. */
  triedMs: number[];
  failures: number;
  lockedUntilMs: number;
  lastMs: number;
}

export class Attempts {
  readonly #limits: AttemptLimits;
  /** In the order of their last attempt. */
  readonly #seen = new Map<string, Seen>();

  constructor(limits: AttemptLimits = LOGIN_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** How long `key` has to wait before it may try; 0 is now. */
  waitMs(key: string, nowMs: number): number {
    const seen = this.#seen.get(key);
    if (seen === undefined) return 0;
    const recent = seen.triedMs.filter((at) => at > nowMs - MINUTE_MS);
    const oldest = recent[recent.length - this.#limits.perMinute];
    const windowMs = oldest === undefined ? 0 : oldest + MINUTE_MS - nowMs;
    return Math.max(0, seen.lockedUntilMs - nowMs, windowMs);
  }

  /** It tries now. */
  begin(key: string, nowMs: number): void {
    const known = this.#seen.get(key);
    const seen =
      known === undefined || nowMs - known.lastMs > FORGET_MS
        ? { triedMs: [], failures: 0, lockedUntilMs: 0, lastMs: nowMs }
        : known;
    seen.triedMs = seen.triedMs.filter((at) => at > nowMs - MINUTE_MS);
    seen.triedMs.push(nowMs);
    seen.lastMs = nowMs;
    this.#seen.delete(key);
    this.#seen.set(key, seen);
    for (const [oldest] of this.#seen) {
      if (this.#seen.size <= this.#limits.maxKeys) break;
      this.#seen.delete(oldest);
    }
  }

  failed(key: string, nowMs: number): void {
    const seen = this.#seen.get(key);
    if (seen === undefined) return;
    const { freeFailures, firstLockMs, maxLockMs } = this.#limits;
    seen.failures++;
    const over = seen.failures - freeFailures;
    if (over < 0) return;
    seen.lockedUntilMs = nowMs + Math.min(maxLockMs, firstLockMs * 2 ** Math.min(over, 20));
  }

  succeeded(key: string): void {
    this.#seen.delete(key);
  }
}
