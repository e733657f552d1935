import type { Clock, Timer } from '../../base/clock.ts';
import type { Native } from './native.ts';

/** setTimeout takes a signed 32-bit number and fires at once beyond it. */
const LONGEST_MS = 2 ** 31 - 1;

/** Time of this machine: CLOCK_MONOTONIC, CLOCK_BOOTTIME and CLOCK_REALTIME (clock_gettime(2)). */
export class LinuxClock implements Clock {
  readonly #native: Pick<Native, 'boottimeMs'>;

  constructor(native: Pick<Native, 'boottimeMs'>) {
    this.#native = native;
  }

  monoMs(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  }

  boottimeMs(): number {
    return this.#native.boottimeMs();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    // NaN is a bug of the caller's; taking it for "never" would hide it, so it fires at once.
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel: () => {} };
    const dueMs = this.monoMs() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      // Node rounds down, so a timer may come up to 1 ms early: round up.
      timer = setTimeout(fire, Math.min(LONGEST_MS, Math.max(0, Math.ceil(leftMs))));
    };
    const fire = (): void => {
      const leftMs = dueMs - this.monoMs();
      if (leftMs > 0) arm(leftMs);
      else run();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(timer) };
  }
}
