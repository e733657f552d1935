import type { SystemError } from '../../base/errors.ts';
import type { LeaseLog } from './bindings.ts';

/** The disk, as far as the server sees it: the lease journal. */
export interface LeaseStore extends LeaseLog, AsyncDisposable {
  /** What is wrong, with the remedy, for people; nothing is taken meanwhile. */
  readonly fault: string | undefined;
  /**
   * `listener` is told the highest ticket on disk. With an error: none of the tickets that it was
   * not told of, up to `upTo`, may be acknowledged.
   */
  onDurable(listener: (upTo: number, error?: SystemError) => void): void;
  resize(capacity: number): void;
}
