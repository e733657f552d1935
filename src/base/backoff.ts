/** Exponential back-off: `firstMs`, doubled each failure, at most `maxMs`. Immutable, so machines can hold it in their state. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly failures: number;
}

export const backoff = (firstMs: number, maxMs: number): Backoff => ({
  firstMs,
  maxMs,
  failures: 0,
});

export const failed = (b: Backoff): Backoff => ({ ...b, failures: b.failures + 1 });

export const healthy = (b: Backoff): Backoff => (b.failures === 0 ? b : { ...b, failures: 0 });

/** How long to wait before the next try after `failures` failures; 0 before the first one. */
export const delayMs = (b: Backoff): number =>
  b.failures === 0 ? 0 : Math.min(b.maxMs, b.firstMs * 2 ** Math.min(b.failures - 1, 30));
