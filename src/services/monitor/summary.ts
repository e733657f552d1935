/** What people ask of probes that were sent one after another. */

export interface Summary {
  readonly sent: number;
  readonly received: number;
  readonly lossPercent: number;
  /** Times in ms are undefined where nobody answered. */
  readonly lastMs: number | undefined;
  readonly bestMs: number | undefined;
  readonly meanMs: number | undefined;
  readonly worstMs: number | undefined;
  /** Standard deviation of all answers. */
  readonly deviationMs: number | undefined;
}

/** Counts probes as their outcomes come; of constant size, however long it goes on. */
export class Counting {
  sent = 0;
  #received = 0;
  #lastMs: number | undefined;
  #bestMs = Infinity;
  #worstMs = 0;
  #meanMs = 0;
  /** Sum of the squares of differences from the mean (Welford). */
  #squares = 0;

  answered(ms: number): void {
    this.#received++;
    this.#lastMs = ms;
    this.#bestMs = Math.min(this.#bestMs, ms);
    this.#worstMs = Math.max(this.#worstMs, ms);
    const away = ms - this.#meanMs;
    this.#meanMs += away / this.#received;
    this.#squares += away * (ms - this.#meanMs);
  }

  get summary(): Summary {
    const { sent } = this;
    const received = this.#received;
    const of = (value: number): number | undefined => (received === 0 ? undefined : value);
    return {
      ...{ sent, received, lossPercent: sent === 0 ? 0 : (100 * (sent - received)) / sent },
      ...{ lastMs: this.#lastMs, bestMs: of(this.#bestMs), meanMs: of(this.#meanMs) },
      ...{ worstMs: of(this.#worstMs), deviationMs: of(Math.sqrt(this.#squares / received)) },
    };
  }
}
