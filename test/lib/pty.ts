import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const HELPER = fileURLToPath(new URL('pty.py', import.meta.url));

/** A program on a terminal of 80 × 24 that it takes for a real one; read and typed at by the test. */
export class Pty implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #changed: () => void = () => {};
  #seen = 0;
  /** All that it showed, with `\r\n` as `\n`. */
  shown = '';

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn('python3', [HELPER, '24', '80', ...argv], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text.replaceAll('\r\n', '\n');
      this.#changed();
    });
    this.#ended = once(this.#child, 'exit');
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** What came since the last call, up to `text`. */
  async until(text: string, timeoutMs = 60_000): Promise<string> {
    const bound = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const at = this.shown.indexOf(text, this.#seen);
      if (at >= 0) {
        const part = this.shown.slice(this.#seen, at + text.length);
        this.#seen = at + text.length;
        return part;
      }
      await new Promise<void>((resolve, reject) => {
        this.#changed = resolve;
        bound.onabort = () =>
          reject(new Error(`waited in vain for ${JSON.stringify(text)} after:\n${this.shown}`));
      });
    }
  }

  /** The exit code, once it ended by itself. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The terminal goes with what holds it: the program gets SIGHUP.
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
