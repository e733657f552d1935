/**
 * Requests that wait for an answer, by their 16-bit seq. Not a Map: one that gains and loses a key
 * for each call is rebuilt every few calls, and each old table keeps the next one and all that it
 * held from the collector (measured: a fifth of all garbage survived, and GC took a third of the
 * time). Slots that are emptied keep nothing.
 */
import { BugError } from '../../base/errors.ts';
import type { FrameAttributes } from '../../wire/ubus.ts';

export interface Pending {
  readonly seq: number;
  readonly peer: number;
  readonly deadlineMs: number;
  readonly data: ((attributes: FrameAttributes) => void) | undefined;
  readonly settle: (status: number) => void;
}

/** A power of 2, so that seqs a full turn apart share a slot. */
export const MAX_WAITING = 4096;

export class Waiting {
  readonly #slots: (Pending | undefined)[] = new Array(MAX_WAITING).fill(undefined);
  #size = 0;
  #seq = 0;

  get size(): number {
    return this.#size;
  }

  /** The next seq that is free, never 0. They go round, so that a late answer to an old request finds none. */
  freeSeq(): number {
    for (let tries = 0; tries <= MAX_WAITING; tries++) {
      this.#seq = this.#seq === 0xffff ? 1 : this.#seq + 1;
      if (this.#slots[this.#seq % MAX_WAITING] === undefined) return this.#seq;
    }
    throw new BugError('no seq is free below the bound on requests');
  }

  /** `pending.seq` is one of `freeSeq`. */
  add(pending: Pending): void {
    this.#slots[pending.seq % MAX_WAITING] = pending;
    this.#size++;
  }

  get(seq: number): Pending | undefined {
    const pending = this.#slots[seq % MAX_WAITING];
    return pending?.seq === seq ? pending : undefined;
  }

  /** False when it was not there (any more). */
  delete(seq: number): boolean {
    if (this.get(seq) === undefined) return false;
    this.#slots[seq % MAX_WAITING] = undefined;
    this.#size--;
    return true;
  }

  /** Those that wait now; what is done to them meanwhile does not disturb it. */
  all(): readonly Pending[] {
    return this.#size === 0 ? [] : this.#slots.filter((pending) => pending !== undefined);
  }
}
