/** How the composition root begins and ends. */
import type { SystemError } from '../base/errors.ts';
import type { Result } from '../base/result.ts';

/** It may give up: a daemon that lacks one of these cannot do its work. */
export function must<T>(result: Result<T, SystemError>): T {
  if (!result.ok) throw result.error;
  return result.value;
}

export const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
