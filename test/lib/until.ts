/** Waiting for what no event tells, with a bound. */
import { setTimeout as pause } from 'node:timers/promises';

/** What `check` gives as soon as it is truthy. @throws when it is not within `timeoutMs` */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await pause(100);
  }
}
