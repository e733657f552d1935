/** How fast bytes came over time: looked at now and then, so that counting them is one addition. Pure. */

/** TCP finds the speed of a line in this time. */
const RAMP_MS = 2000;
/** Of a phase that is short. */
const RAMP_SHARE = 1 / 3;
const RECENT_MS = 1000;

/** How much of a phase is left out. */
export const rampMs = (tookMs: number): number => Math.min(RAMP_MS, tookMs * RAMP_SHARE);

export class Meter {
  readonly #timesMs: Float64Array;
  readonly #bytes: Float64Array;
  #count = 0;

  /** At most so many looks are kept. */
  constructor(looks: number) {
    this.#timesMs = new Float64Array(looks);
    this.#bytes = new Float64Array(looks);
  }

  /** `bytes` in all at this time. Times do not go back. */
  look(nowMs: number, bytes: number): void {
    const at = Math.min(this.#count, this.#timesMs.length - 1);
    this.#timesMs[at] = nowMs;
    this.#bytes[at] = bytes;
    this.#count = at + 1;
  }

  get tookMs(): number {
    return this.#count === 0 ? 0 : this.#timeAt(this.#count - 1) - this.#timeAt(0);
  }

  /** Bits a second from `fromMs` after the first look to the last. */
  rate(fromMs: number): number {
    const last = this.#count - 1;
    let first = 0;
    while (first < last && this.#timeAt(first) - this.#timeAt(0) < fromMs) first++;
    // Of the last look alone there is no rate.
    if (first === last) first = Math.max(0, last - 1);
    const ms = this.#timeAt(last) - this.#timeAt(first);
    if (!(ms > 0)) return 0;
    return (8000 * ((this.#bytes[last] ?? 0) - (this.#bytes[first] ?? 0))) / ms;
  }

  /** Of the last second. */
  get recent(): number {
    return this.rate(Math.max(0, this.tookMs - RECENT_MS));
  }

  #timeAt(place: number): number {
    return this.#timesMs[place] ?? 0;
  }
}
