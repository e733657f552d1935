/** Standard input and output as a terminal that is typed at character by character. */
import { spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';

/** What is kept of what is typed while nobody listens. */
const MAX_AHEAD = 1024;
/** Of what a terminal is when its line does not tell: a serial line does not. */
const COLUMNS = 80;
const ROWS = 24;

type Heard = (key: string | undefined) => void;

/** One of a process: it takes the terminal as a whole, until disposal. */
export class RawTerminal implements Disposable {
  readonly #idleMs: number;
  readonly #decoder = new StringDecoder('utf8');
  #ahead: string[] = [];
  #heard: Heard | undefined;
  #over = false;
  #idle: NodeJS.Timeout | undefined;

  /** When nothing is typed and nothing is shown for `idleMs`, the input is taken to have ended. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    const { stdin, stdout } = process;
    stdin.on('data', this.#data);
    stdin.on('end', this.#end);
    // A line that was pulled out says EIO, and nobody is there any more.
    stdin.on('error', this.#end);
    stdout.on('error', this.#end);
    this.#take();
  }

  get columns(): number {
    return process.stdout.columns || COLUMNS;
  }

  get rows(): number {
    return process.stdout.rows || ROWS;
  }

  write(text: string): void {
    process.stdout.write(text);
    this.#stir();
  }

  listen(heard: Heard): Disposable {
    this.#heard = heard;
    while (this.#ahead.length > 0 && this.#heard === heard) heard(this.#ahead.shift());
    if (this.#over && this.#heard === heard) queueMicrotask(() => this.#heard?.(undefined));
    return {
      [Symbol.dispose]: () => {
        if (this.#heard === heard) this.#heard = undefined;
      },
    };
  }

  forget(): void {
    this.#ahead = [];
  }

  /** The terminal is the program's until it ends. */
  async handOver(file: string, args: readonly string[]): Promise<Result<void, SystemError>> {
    this.#release();
    const { promise, resolve } = Promise.withResolvers<Result<void, SystemError>>();
    const child = spawn(file, args, { stdio: 'inherit' });
    child.on('error', (thrown) => {
      const message = `${file}: ${errorMessage(thrown)}`;
      resolve(err(new SystemError(message, errorCode(thrown), { cause: thrown })));
    });
    child.on('close', () => resolve(ok(undefined)));
    // Ctrl-C is the program's, and this one's as well, which it must not end.
    const ignore = (): void => {};
    process.on('SIGINT', ignore);
    const done = await promise;
    process.off('SIGINT', ignore);
    this.#take();
    return done;
  }

  /** As if nobody were there any more. */
  end(): void {
    this.#end();
  }

  [Symbol.dispose](): void {
    this.#release();
    const { stdin, stdout } = process;
    stdin.off('data', this.#data);
    stdin.off('end', this.#end);
    stdin.off('error', this.#end);
    stdout.off('error', this.#end);
  }

  #take(): void {
    const { stdin } = process;
    if (stdin.isTTY) stdin.setRawMode(true);
    stdin.resume();
    this.#stir();
  }

  #release(): void {
    clearTimeout(this.#idle);
    const { stdin } = process;
    stdin.pause();
    if (stdin.isTTY) stdin.setRawMode(false);
  }

  #stir(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(this.#end, this.#idleMs);
  }

  readonly #data = (chunk: Buffer): void => {
    this.#stir();
    for (const key of this.#decoder.write(chunk)) {
      if (this.#heard !== undefined) this.#heard(key);
      else if (this.#ahead.length < MAX_AHEAD) this.#ahead.push(key);
    }
  };

  readonly #end = (): void => {
    this.#over = true;
    this.#heard?.(undefined);
  };
}
