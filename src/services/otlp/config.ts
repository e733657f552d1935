import type { OtlpTo } from '../../os/ports-otlp.ts';

export interface OtlpConfig extends OtlpTo {
  /** From one export to the next. */
  readonly intervalMs: number;
}

export interface OtlpObserved {
  /** Connecting: nothing was answered yet. */
  readonly state: 'Connecting' | 'Up' | 'Error';
  /** Why it is not up, for people, or what of the last export was not taken; empty while all is well. */
  readonly reason: string;
  /** Exports that were taken, that were not, and data points that were refused out of those that were. */
  readonly sent: number;
  readonly failed: number;
  readonly rejected: number;
}
