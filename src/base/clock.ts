/** A pending call; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, handed in so that a test can run a day in a millisecond.
 * `monoMs` never goes back and stands still in suspend; `boottimeMs` counts suspend too and is
 * comparable between processes of one boot; `wallMs` is Unix time and may jump by years.
 */
export interface Clock {
  monoMs(): number;
  boottimeMs(): number;
  wallMs(): number;
  /** Calls `run` once, `delayMs` from now on the monotonic clock. `Infinity` never fires; waits over 2^31−1 ms are split. */
  after(delayMs: number, run: () => void): Timer;
}
