/** How many connections to strangers, and how quickly: a router's table of connections is everybody's. */

export interface ThrottleLimits {
  /** New connections a second, and as many at once after a rest. */
  readonly connectsPerSec: number;
  readonly maxHalfOpen: number;
  /** Those under way counted. The kernel keeps an ended one for two minutes more. */
  readonly maxOpen: number;
}

export class ConnectThrottle {
  readonly #limits: ThrottleLimits;
  #tokens: number;
  #atMs = Number.NEGATIVE_INFINITY;
  #halfOpen = 0;
  #standing = 0;
  #mostOpen = 0;

  constructor(limits: ThrottleLimits) {
    this.#limits = limits;
    this.#tokens = limits.connectsPerSec;
  }

  get open(): number {
    return this.#halfOpen + this.#standing;
  }

  get halfOpen(): number {
    return this.#halfOpen;
  }

  get mostOpen(): number {
    return this.#mostOpen;
  }

  /** Takes the leave for one more connection; false when it must wait. */
  begin(nowMs: number): boolean {
    const { connectsPerSec, maxHalfOpen, maxOpen } = this.#limits;
    if (nowMs > this.#atMs) {
      const gained = ((nowMs - this.#atMs) * connectsPerSec) / 1000;
      this.#tokens = Math.min(connectsPerSec, this.#tokens + gained);
      this.#atMs = nowMs;
    }
    if (this.#tokens < 1 || this.#halfOpen >= maxHalfOpen || this.open >= maxOpen) return false;
    this.#tokens -= 1;
    this.#halfOpen += 1;
    this.#mostOpen = Math.max(this.#mostOpen, this.open);
    return true;
  }

  opened(): void {
    this.#halfOpen -= 1;
    this.#standing += 1;
  }

  /** `stood`: after `opened`. */
  ended(stood: boolean): void {
    if (stood) this.#standing -= 1;
    else this.#halfOpen -= 1;
  }
}

const FIRST_MS = 3500;
const [LEAST_MS, MOST_MS] = [1000, 8000];

/** How long an answer may take, from those that came (RFC 6298 §2). */
export class RoundTrips {
  #smoothedMs = 0;
  #variationMs = 0;
  #samples = 0;

  add(ms: number): void {
    if (this.#samples === 0) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs = 0.75 * this.#variationMs + 0.25 * Math.abs(this.#smoothedMs - ms);
      this.#smoothedMs = 0.875 * this.#smoothedMs + 0.125 * ms;
    }
    this.#samples += 1;
  }

  /** Until the first came, long enough for one SYN sent again (after a second) on a slow line. */
  get timeoutMs(): number {
    if (this.#samples === 0) return FIRST_MS;
    return Math.min(MOST_MS, Math.max(LEAST_MS, this.#smoothedMs + 4 * this.#variationMs));
  }
}

/** Bytes a second, saved up for at most one second. */
export class ByteBucket {
  readonly #perSec: number;
  #saved: number;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(perSec: number) {
    this.#perSec = perSec;
    this.#saved = perSec;
  }

  /** More than a second's worth goes when the bucket is full, and is made up for afterwards. */
  take(bytes: number, nowMs: number): boolean {
    if (nowMs > this.#atMs) {
      const gained = ((nowMs - this.#atMs) * this.#perSec) / 1000;
      this.#saved = Math.min(this.#perSec, this.#saved + gained);
      this.#atMs = nowMs;
    }
    if (this.#saved < Math.min(bytes, this.#perSec)) return false;
    this.#saved -= bytes;
    return true;
  }
}
