/**
 * This program once more, for one errand: an order on its standard input, the answer on its standard
 * output, and all that it took is given back when it ends.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Errands } from '../ports-dns-lists.ts';
import type { Command } from './program.ts';

export class ChildErrands implements Errands {
  readonly #command: Command;
  readonly #word: string;
  readonly #timeoutMs: number;

  /** `command` starts this program, `word` is the hidden command of `main.ts`. */
  constructor(command: Command, word: string, timeoutMs: number) {
    this.#command = command;
    this.#word = word;
    this.#timeoutMs = timeoutMs;
  }

  async run(order: string, signal: AbortSignal): Promise<Result<string, SystemError>> {
    const [file, ...args] = this.#command;
    const child = spawn(file, [...args, this.#word], {
      env: {},
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: this.#timeoutMs,
      killSignal: 'SIGKILL',
      signal,
    });
    child.stdin.on('error', () => {
      // It ended without reading: its exit code tells why.
    });
    child.stdin.end(order);
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    try {
      const [out, said, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
      if (code !== 0) throw new SystemError(`it ended with ${code}: ${said.slice(-300)}`, 'ECHILD');
      return ok(out);
    } catch (cause) {
      const why = `${this.#word}: ${errorMessage(cause)}`;
      return err(new SystemError(why, errorCode(cause), { cause }));
    }
  }
}
