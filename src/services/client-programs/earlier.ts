/** Processes of an earlier daemon: the one that is as it would be started now goes on, all others are ended. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ChildProcess, Files, Processes, ProcessIdentity } from '../../os/ports.ts';

export interface Earlier {
  readonly child: ChildProcess;
  readonly args: readonly string[];
}

export interface LeftClients {
  /** Those that run for this client. */
  readonly running: readonly ProcessIdentity[];
  /** The one that served it, as it was stored. */
  readonly known: ProcessIdentity | undefined;
  /** Path of the program. */
  readonly file: string;
  /** Ends it with its lease kept. */
  readonly end: 'SIGTERM' | 'SIGKILL';
  /** Whether one with these arguments is as it would be started now. */
  fits(args: readonly string[]): boolean;
}

/**
 * Of a client's processes the known one, or else the first, if it fits. The others are ended; what they
 * hold stays held, or is given back by the one that follows.
 */
export function takeClient(
  deps: Pick<EarlierDeps, 'argumentsOf'> & {
    readonly log: Log;
    readonly processes: Pick<Processes, 'adopt'>;
  },
  { running, known, file, end, fits }: LeftClients,
): Earlier | undefined {
  const isKnown = ({ pid, startTicks }: ProcessIdentity) =>
    pid === known?.pid && startTicks === known.startTicks;
  const chosen = running.find(isKnown) ?? running[0];
  let taken: Earlier | undefined;
  for (const identity of running) {
    const { pid } = identity;
    const child = deps.processes.adopt(identity, file);
    if (child === undefined) continue;
    const args = deps.argumentsOf(identity).slice(1);
    if (identity === chosen && fits(args)) {
      deps.log.info({ pid }, 'adopted the running client');
      taken = { child, args };
    } else {
      deps.log.warn({ pid }, 'ended a stray client');
      child.signal(end);
      child.release();
    }
  }
  return taken;
}

export interface EarlierDeps {
  readonly clock: Clock;
  readonly processes: Pick<Processes, 'adopt' | 'findByArguments'>;
  readonly files: Pick<Files, 'readText'>;
  argumentsOf(process: ProcessIdentity): readonly string[];
}

export interface EarlierProgram {
  /** Path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** One of the arguments. */
  readonly configPath: string;
  readonly end: 'SIGTERM' | 'SIGKILL';
}

/** After that it is killed, and after that again nobody waits for it any more. */
const END_MS = 2000;

/** Those that are known by the configuration file that they were started with; the next one waits for the ended. */
export class EarlierProcesses {
  readonly #deps: EarlierDeps;
  readonly #program: EarlierProgram;
  readonly #ending = new Map<() => void, Promise<void>>();

  constructor(deps: EarlierDeps, program: EarlierProgram) {
    this.#deps = deps;
    this.#program = program;
  }

  /**
   * The one that runs with `text` as its configuration, while that still stands in the file: to be asked
   * before the file is another. None with undefined.
   */
  take(text: string | undefined): Earlier | undefined {
    const { processes, files, argumentsOf } = this.#deps;
    const { file, configPath, args: wanted } = this.#program;
    const before = files.readText(configPath);
    const fits = before.ok && before.value === text;
    let taken: Earlier | undefined;
    for (const identity of processes.findByArguments([configPath]).get(configPath) ?? []) {
      const args = argumentsOf(identity);
      const child = processes.adopt(identity, file);
      if (child === undefined) continue;
      const same = fits && taken === undefined && args.slice(1).join() === wanted.join();
      if (same) taken = { child, args };
      else this.#end(child);
    }
    return taken;
  }

  /** Those that were ended are gone. */
  async gone(): Promise<void> {
    await Promise.all(this.#ending.values());
  }

  /** Nobody waits any more. */
  close(): void {
    for (const over of this.#ending.keys()) over();
  }

  #end(child: ChildProcess): void {
    const { clock } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer = clock.after(END_MS, () => {
      child.signal('SIGKILL');
      timer = clock.after(END_MS, resolve);
    });
    child.signal(this.#program.end);
    void child.exited.then(resolve);
    const over = promise.then(() => {
      timer.cancel();
      child.release();
      this.#ending.delete(resolve);
    });
    this.#ending.set(resolve, over);
  }
}
