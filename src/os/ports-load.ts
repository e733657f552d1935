/** Loading a line with bytes that nobody keeps. Types only. */
import type { SystemError } from '../base/errors.ts';
import type { Result } from '../base/result.ts';

export interface LoadWanted {
  /** http:// or https://. */
  readonly url: string;
  /** Connections at once. */
  readonly streams: number;
}

/**
 * Both go on, one request after another, until `signal` fires: then every connection is reset at once, and
 * they resolve when all are gone. They fail when no stream is left; EPROTO for answers that cannot be used.
 */
export interface LoadTransfers {
  /** No piece of a body is longer. */
  readonly pieceBytes: number;
  /** GET; `came` is told of each piece of a body as it comes, and of none once `signal` fired. */
  download(
    wanted: LoadWanted,
    came: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<Result<void, SystemError>>;
  /**
   * POST of bytes without a meaning; `grant` says how many of `most` may be sent now, 0 for none any more.
   * `begun` is handed what tells how many of those that were granted wait in this box, or for an acknowledgement.
   */
  upload(
    wanted: LoadWanted,
    grant: (most: number) => number,
    signal: AbortSignal,
    begun: (waiting: () => Promise<number>) => void,
  ): Promise<Result<void, SystemError>>;
}
