import type { Lease } from './lease.ts';
import { recordEstimate } from './record.ts';

/** What holds for a network with few addresses; more of them raise all but `sweepBytes`. */
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
const BYTES_PER_ADDRESS = 512;
const QUEUED_PER_ADDRESS = 160;
const MAX_QUEUED_BYTES = 2 * 1024 * 1024;
/** Sizes are multiples of the least one's 16th part, so that not every lease makes a file grow. */
const STEPS = 16;

/** So much may wait for a write under way: the records of all clients at once, within limits. */
export const maxQueuedBytes = (limits: JournalLimits, capacity: number): number =>
  Math.max(limits.queuedBytes, Math.min(MAX_QUEUED_BYTES, capacity * QUEUED_PER_ADDRESS));

/**
 * Bytes of a file that takes over. `need`: a sweep over all leases ends before it is full, since at
 * most as many bytes of new records come between. `want`: most of it is left for new records then.
 */
export function fileSizes(
  limits: JournalLimits,
  leases: Iterable<Lease>,
  capacity: number,
): { readonly want: number; readonly need: number } {
  let live = 0;
  for (const lease of leases) if (lease.journalFile !== 0) live += recordEstimate(lease);
  const step = limits.fileBytes / STEPS;
  const queued = 2 * maxQueuedBytes(limits, capacity);
  const need = queued + 2.25 * live;
  const want = Math.max(
    limits.fileBytes,
    queued + Math.max(capacity * BYTES_PER_ADDRESS, 4 * live),
  );
  return { want: Math.ceil(want / step) * step, need: Math.ceil(need / step) * step };
}
