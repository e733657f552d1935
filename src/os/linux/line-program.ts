/** A program that talks in lines while it runs, such as ping. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createInterface } from 'node:readline';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';

/** Of the paths given, the first that can be run. */
export function firstProgram(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      // Not there, or not to be run: the next one may be.
      return false;
    }
  });
}

/**
 * Runs it with an empty environment until it ends or the signal fires, and tells each line of both of
 * its streams. How it ended, its lines have said; only that it cannot be started is a failure.
 */
export function runLines(
  file: string,
  args: readonly string[],
  said: (line: string) => void,
  signal: AbortSignal,
): Promise<Result<void, SystemError>> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      env: {},
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', said);
    }
    child.on('error', (thrown) => {
      if (signal.aborted) return;
      const message = `${file}: ${errorMessage(thrown)}`;
      resolve(err(new SystemError(message, errorCode(thrown), { cause: thrown })));
    });
    child.on('close', () => resolve(ok(undefined)));
  });
}
