import type { Clock, Timer } from '../../src/base/clock.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that moves only when the test says so: a day of lease time takes no time at all. */
export class FakeClock implements Clock {
  #monoMs: number;
  #wallMs: number;
  #order = 0;
  readonly #timers = new Set<Due>();

  constructor(start: { readonly monoMs?: number; readonly wallMs?: number } = {}) {
    this.#monoMs = start.monoMs ?? 1_000;
    this.#wallMs = start.wallMs ?? Date.UTC(2026, 0, 1);
  }

  monoMs(): number {
    return this.#monoMs;
  }

  boottimeMs(): number {
    return this.#monoMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const due: Due = { atMs: this.#monoMs + Math.max(0, delayMs), order: this.#order++, run };
    if (delayMs !== Infinity) this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  /** Timers that have neither fired nor been cancelled: a test of disposal expects 0. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or undefined when none is armed. */
  get nextDelayMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.atMs - this.#monoMs;
  }

  /** Moves both clocks on by `ms`, firing what falls due in order, each at its own time. */
  advance(ms: number): void {
    const end = this.#monoMs + ms;
    for (let due = this.#next(); due !== undefined && due.atMs <= end; due = this.#next()) {
      this.#wallMs += due.atMs - this.#monoMs;
      this.#monoMs = due.atMs;
      this.#timers.delete(due);
      due.run();
    }
    this.#wallMs += end - this.#monoMs;
    this.#monoMs = end;
  }

  /** Someone set the wall clock; monotonic time knows nothing of it. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs;
  }

  #next(): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#timers) {
      if (
        next === undefined ||
        due.atMs < next.atMs ||
        (due.atMs === next.atMs && due.order < next.order)
      )
        next = due;
    }
    return next;
  }
}
