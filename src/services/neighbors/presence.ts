/** When a host was there. Pure. */
import type { Stay } from './config.ts';

const MAX_STAYS = 64;
const KEPT_MS = 30 * 86_400_000;
/** Absence that is none: a restart of the daemon, a door of a lift. */
const SAME_STAY_MS = 300_000;

interface OpenStay extends Stay {
  readonly fromMs: number;
  toMs: number | undefined;
}

/** Stays in order, none overlapping; times that jump back never make one that ends before it began. */
export class Presence {
  /** The oldest first. */
  #stays: OpenStay[] = [];

  get stays(): readonly Stay[] {
    return this.#stays.toReversed();
  }

  /** What was stored; an open one ended when its host was seen last. */
  restore(stays: readonly Stay[], lastSeenMs: number): void {
    this.#stays = [];
    for (const { fromMs, toMs } of [...stays].sort((a, b) => a.fromMs - b.fromMs)) {
      const endMs = Math.max(fromMs, toMs ?? lastSeenMs);
      const last = this.#stays.at(-1);
      if (last?.toMs !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, endMs);
      else this.#stays.push({ fromMs, toMs: endMs });
    }
    this.#stays = this.#stays.slice(-MAX_STAYS);
  }

  came(wallMs: number): void {
    const last = this.#stays.at(-1);
    if (last !== undefined) {
      if (last.toMs === undefined) return;
      if (wallMs - last.toMs <= SAME_STAY_MS) {
        last.toMs = undefined;
        return;
      }
    }
    this.#stays.push({ fromMs: wallMs, toMs: undefined });
    const oldestMs = wallMs - KEPT_MS;
    this.#stays = this.#stays
      .filter(({ toMs }) => toMs === undefined || toMs >= oldestMs)
      .slice(-MAX_STAYS);
  }

  /** It was seen last at `wallMs`. */
  went(wallMs: number): void {
    const last = this.#stays.at(-1);
    if (last !== undefined && last.toMs === undefined) last.toMs = Math.max(last.fromMs, wallMs);
  }

  /** Time that two were there at once, in ms; `nowMs` ends what is open. */
  overlapMs(other: Presence, nowMs: number): number {
    let sum = 0;
    for (const a of this.#stays) {
      for (const b of other.#stays) {
        const endMs = Math.min(a.toMs ?? nowMs, b.toMs ?? nowMs);
        sum += Math.max(0, endMs - Math.max(a.fromMs, b.fromMs));
      }
    }
    return sum;
  }
}
