import type { Lease } from './lease.ts';
import { recordEstimate } from './record.ts';

export interface JournalLimits {
  /** Least size of a file that is made where there is room. */
  readonly fileBytes: number;
  /** What may wait for a write under way, at least. */
  readonly queuedBytes: number;
  /** Copied by a sweep with each group, at least. */
  readonly sweepBytes: number;
}

export const JOURNAL_LIMITS: JournalLimits = {
  fileBytes: 1024 * 1024,
  queuedBytes: 256 * 1024,
  // Some 200 leases.
  sweepBytes: 28 * 1024,
};

/** Of a file for each address that the pools have: a record is some 140 bytes. */
const BYTES_PER_ADDRESS = 640;
const MAX_QUEUED_BYTES = 2 * 1024 * 1024;
/** Of the file that it is queued for. */
const QUEUED_SHARE = 1 / 8;
/** Sizes are multiples of the least one's 16th part, so that not every lease makes a file grow. */
const STEPS = 16;

/** So much may wait for a write under way: enough for one record of nearly every client. */
export const maxQueuedBytes = (limits: JournalLimits, fileBytes: number): number =>
  Math.max(limits.queuedBytes, Math.min(MAX_QUEUED_BYTES, fileBytes * QUEUED_SHARE));

/**
 * Bytes of a file that takes over. `need`: a sweep over all leases ends before it is full, since at
 * most as many bytes of new records come between, and the first group is no more than what may be
 * queued twice. `want`: most of it is left for new records then.
 */
export function fileSizes(
  limits: JournalLimits,
  leases: Iterable<Lease>,
  capacity: number,
): { readonly want: number; readonly need: number } {
  let live = 0;
  for (const lease of leases) if (lease.journalFile !== 0) live += recordEstimate(lease);
  const step = limits.fileBytes / STEPS;
  const queued = 2 * limits.queuedBytes;
  const need = Math.max(queued + 2.25 * live, (2.25 * live) / (1 - 2 * QUEUED_SHARE));
  const want = Math.max(limits.fileBytes, capacity * BYTES_PER_ADDRESS, queued + 5 * live);
  return { want: Math.ceil(want / step) * step, need: Math.ceil(need / step) * step };
}
