/** The way to a collector of metrics. Types only. */
import type { SystemError } from '../base/errors.ts';
import type { Result } from '../base/result.ts';

export interface OtlpTo {
  /** `http[s]://…` */
  readonly endpoint: string;
  /** Beside those of the way itself. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM of who signed its certificate; empty: one of those that the system trusts. */
  readonly authority: string;
}

export interface OtlpAnswer {
  readonly status: number;
  /** Seconds that it asks to be left alone for. */
  readonly retryAfterSec: number | undefined;
  /** Its beginning. */
  readonly text: string;
}

export interface OtlpWay {
  /** Posts JSON. Resolves with the answer, or soon after `signal` fires. Never rejects. */
  post(to: OtlpTo, json: string, signal: AbortSignal): Promise<Result<OtlpAnswer, SystemError>>;
}
