/**
 * What the last probes of a target come to: round trips, jitter, losses and their pattern. Pure; of a
 * fixed size for each target.
 */
import type { Burst } from './types.ts';

/** Probes that percentiles and the pattern of losses are told from. */
const WINDOW = 600;
const LOST = -1;

/** How losses follow each other. `Few`: too few to tell. */
export type LossPattern = 'None' | 'Few' | 'Random' | 'Bursts' | 'Periodic';

export interface LossRuns {
  /** Losses in a row, counted as one. */
  readonly count: number;
  readonly longest: number;
  readonly pattern: LossPattern;
  /** Probes from one run to the next, where they come periodically. */
  readonly period: number | undefined;
}

/** Round trips in µs; undefined while there is none. */
export interface TargetStatistics {
  /** Since the target was added or changed. */
  readonly bursts: number;
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  readonly reordered: number;
  /** Bursts with an answer, of all, in percent. */
  readonly availability: number | undefined;
  /** Of the last 600 probes: */
  readonly window: number;
  readonly lossPercent: number | undefined;
  readonly minUs: number | undefined;
  readonly meanUs: number | undefined;
  readonly medianUs: number | undefined;
  readonly p95Us: number | undefined;
  readonly p99Us: number | undefined;
  readonly maxUs: number | undefined;
  /** Distance of the quartiles: what is not disturbed by single late ones. */
  readonly iqrUs: number | undefined;
  /** RFC 3550 §6.4.1, of round trips in the order of sending. */
  readonly jitterUs: number | undefined;
  readonly lastUs: number | undefined;
  readonly ttl: number;
  readonly losses: LossRuns;
}

export class Statistics {
  readonly #ring = new Int32Array(WINDOW);
  #next = 0;
  #filled = 0;
  #bursts = 0;
  #answered = 0;
  #sent = 0;
  #received = 0;
  #duplicates = 0;
  #reordered = 0;
  #ttl = 0;
  #lastUs: number | undefined;
  #jitterUs: number | undefined;
  /** Of all that was added so far; each of its figures is read by itself. */
  #now: TargetStatistics | undefined;

  add(burst: Burst): void {
    this.#now = undefined;
    this.#bursts += 1;
    this.#sent += burst.sent;
    this.#received += burst.received;
    this.#duplicates += burst.duplicates;
    this.#reordered += burst.reordered;
    if (burst.received > 0) this.#answered += 1;
    if (burst.ttl !== 0) this.#ttl = burst.ttl;
    for (const rtt of burst.rttsUs) {
      this.#ring[this.#next] = rtt === undefined ? LOST : Math.round(rtt);
      this.#next = (this.#next + 1) % WINDOW;
      this.#filled = Math.min(WINDOW, this.#filled + 1);
      if (rtt === undefined) continue;
      if (this.#lastUs !== undefined) {
        const before = this.#jitterUs ?? 0;
        this.#jitterUs = before + (Math.abs(rtt - this.#lastUs) - before) / 16;
      }
      this.#lastUs = rtt;
    }
  }

  /** A second answer that came after its burst was over. */
  duplicate(): void {
    this.#now = undefined;
    this.#duplicates += 1;
  }

  get now(): TargetStatistics {
    this.#now ??= this.#compute();
    return this.#now;
  }

  #compute(): TargetStatistics {
    const inOrder = this.#inOrder();
    const sorted = inOrder.filter((rtt) => rtt !== LOST).sort((a, b) => a - b);
    const at = (share: number): number | undefined => quantile(sorted, share);
    const [q1, q3] = [at(0.25), at(0.75)];
    return {
      ...{ bursts: this.#bursts, sent: this.#sent, received: this.#received, ttl: this.#ttl },
      ...{ duplicates: this.#duplicates, reordered: this.#reordered },
      availability: share(this.#answered, this.#bursts),
      window: inOrder.length,
      lossPercent: share(inOrder.length - sorted.length, inOrder.length),
      minUs: sorted[0],
      meanUs: sorted.length === 0 ? undefined : sorted.reduce((a, b) => a + b, 0) / sorted.length,
      ...{ medianUs: at(0.5), p95Us: at(0.95), p99Us: at(0.99), maxUs: sorted.at(-1) },
      iqrUs: q1 === undefined || q3 === undefined ? undefined : q3 - q1,
      ...{ jitterUs: this.#jitterUs, lastUs: this.#lastUs },
      losses: lossRuns(Array.from(inOrder, (rtt) => rtt === LOST)),
    };
  }

  /** Oldest first. */
  #inOrder(): Int32Array {
    const from = this.#filled === WINDOW ? this.#next : 0;
    const out = new Int32Array(this.#filled);
    for (let i = 0; i < out.length; i++) out[i] = this.#ring[(from + i) % WINDOW] ?? LOST;
    return out;
  }
}

const share = (part: number, whole: number): number | undefined =>
  whole === 0 ? undefined : (100 * part) / whole;

/** Of ascending values: linear between the two nearest (Hyndman and Fan's type 7). */
export function quantile(sorted: ArrayLike<number>, share: number): number | undefined {
  const place = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return undefined;
  return low + (high - low) * (place - Math.floor(place));
}

/** Fewer losses tell no pattern. */
const FEW = 6;
/** Standard deviations by which losses after losses exceed what chance brings. */
const BEYOND_CHANCE = 3;
/** Of the distances between runs, against their mean; by chance it is about 1. */
const STEADY = 0.2;

/** What the losses among probes, in the order of sending, look like. */
export function lossRuns(lost: readonly boolean[]): LossRuns {
  const starts: number[] = [];
  let longest = 0;
  let run = 0;
  let losses = 0;
  let pairs = 0;
  for (const [i, gone] of lost.entries()) {
    if (!gone) {
      run = 0;
      continue;
    }
    losses += 1;
    if (run === 0) starts.push(i);
    else pairs += 1;
    run += 1;
    longest = Math.max(longest, run);
  }
  const told = { count: starts.length, longest, period: undefined };
  if (losses === 0) return { ...told, pattern: 'None' };
  const period = periodOf(starts);
  if (period !== undefined) return { ...told, pattern: 'Periodic', period };
  if (losses < FEW) return { ...told, pattern: 'Few' };
  if (losses === lost.length) return { ...told, pattern: 'Bursts' };
  const p = losses / lost.length;
  const excess = (pairs - losses * p) / Math.sqrt(losses * p * (1 - p));
  return { ...told, pattern: excess > BEYOND_CHANCE ? 'Bursts' : 'Random' };
}

/** Probes between the starts of runs, where all are nearly the same. */
function periodOf(starts: readonly number[]): number | undefined {
  if (starts.length < FEW) return undefined;
  const gaps = starts.slice(1).map((start, i) => start - (starts[i] ?? 0));
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  return Math.sqrt(variance) < STEADY * mean ? Math.round(mean) : undefined;
}
