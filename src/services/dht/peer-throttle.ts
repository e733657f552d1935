/** How many connections to strangers, and how quickly: a router's table of connections is everybody's. */
import { TokenBucket } from '../../base/limits.ts';

export interface ThrottleLimits {
  /** New connections a second, and as many at once after a rest; 0 is no limit. */
  readonly connectsPerSec: number;
  readonly maxHalfOpen: number;
  /** Those under way counted. The kernel keeps an ended one for two minutes more. */
  readonly maxOpen: number;
}

export class ConnectThrottle {
  readonly #limits: ThrottleLimits;
  readonly #connects: TokenBucket;
  #halfOpen = 0;
  #standing = 0;
  #mostOpen = 0;

  constructor(limits: ThrottleLimits) {
    this.#limits = limits;
    this.#connects = new TokenBucket(limits.connectsPerSec, limits.connectsPerSec);
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
    const { maxHalfOpen, maxOpen } = this.#limits;
    if (this.#halfOpen >= maxHalfOpen || this.open >= maxOpen) return false;
    if (!this.#connects.take(nowMs)) return false;
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
