/** Child processes by pidfd, and the little that /proc must be asked about them (proc(5)). */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { ChildProcess, Processes, ProcessIdentity, RunResult } from '../ports.ts';
import { systemError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

/** What `run` keeps of stdout and of stderr; a command that says more is ended. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

class Watched implements ChildProcess, Sink {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<void>;
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #settle: () => void;
  #over = false;

  constructor(reactor: Reactor, id: number, identity: ProcessIdentity) {
    this.#reactor = reactor;
    this.#id = id;
    this.identity = identity;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.exited = promise;
    this.#settle = resolve;
    reactor.attach(id, this);
  }

  signal(name: Parameters<ChildProcess['signal']>[0]): boolean {
    return !this.#over && this.#reactor.raw.signal(this.#id, constants.signals[name]) === 0;
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reactor.detach(this.#id);
    this.#reactor.raw.release(this.#id);
  }

  event(what: number): void {
    if (what !== What.exited) return;
    this.#over = true;
    this.#reactor.detach(this.#id);
    this.#settle();
  }
}

export class LinuxProcesses implements Processes {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  spawn(file: string, args: readonly string[]): Result<ChildProcess, SystemError> {
    if ([file, ...args].some((a) => a.includes('\0'))) {
      return err(systemError(`start ${file}`, -constants.errno.EINVAL));
    }
    const pid = this.#reactor.raw.spawn(file, [file, ...args]);
    if (pid < 0) return err(systemError(`start ${file}`, pid));
    // Nobody reaps it but us, so the number is its own until the watch below says that it ended.
    const id = this.#reactor.raw.watch(pid, 1);
    if (id < 0) {
      process.kill(pid, 'SIGKILL'); // nobody could ever end or reap it
      return err(systemError(`watch ${file}`, id));
    }
    return ok(new Watched(this.#reactor, id, { pid, startTicks: startTicks(pid) ?? 0 }));
  }

  adopt(identity: ProcessIdentity, file: string): ChildProcess | undefined {
    if (!Number.isInteger(identity.pid) || identity.pid <= 0) return undefined;
    // First the pidfd, then the question who it is: from here on the number cannot change hands.
    const id = this.#reactor.raw.watch(identity.pid, 0);
    if (id < 0) return undefined;
    if (startTicks(identity.pid) !== identity.startTicks || !runs(identity.pid, file)) {
      this.#reactor.close(id);
      return undefined;
    }
    return new Watched(this.#reactor, id, identity);
  }

  findByArguments(args: readonly string[]): ReadonlyMap<string, readonly ProcessIdentity[]> {
    const found = new Map<string, ProcessIdentity[]>(args.map((arg) => [arg, []]));
    for (const name of args.length === 0 ? [] : readdirSync('/proc')) {
      if (!/^[1-9]\d*$/.test(name)) continue;
      const pid = Number(name);
      const wanted = new Set(argumentsOf(pid)).intersection(found);
      const ticks = wanted.size === 0 ? undefined : startTicks(pid);
      if (ticks === undefined) continue;
      for (const arg of wanted) found.get(arg)?.push({ pid, startTicks: ticks });
    }
    return found;
  }

  /** The argument list of a process, or none when it is gone or another by now. */
  argumentsOf(identity: ProcessIdentity): readonly string[] {
    const args = argumentsOf(identity.pid);
    return startTicks(identity.pid) === identity.startTicks ? args : [];
  }

  run(
    file: string,
    args: readonly string[],
    options: { readonly stdin?: string; readonly timeoutMs: number },
  ): Promise<Result<RunResult, SystemError>> {
    const { promise, resolve } = Promise.withResolvers<Result<RunResult, SystemError>>();
    const fail = (message: string, code: string, cause?: unknown): void =>
      resolve(err(new SystemError(`${file}: ${message}`, code, { cause })));
    const child = spawn(file, args, {
      env: {},
      cwd: '/',
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    let overflow = false;
    const collect = (stream: NodeJS.ReadableStream): (() => string) => {
      const chunks: Buffer[] = [];
      let size = 0;
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
        else {
          overflow = true;
          child.kill('SIGKILL');
        }
      });
      return () => Buffer.concat(chunks).toString();
    };
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    // A command that ends without reading all of its input is judged by its exit code alone.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.on('error', (thrown) => fail(errorMessage(thrown), errorCode(thrown), thrown));
    child.on('close', (code, signal) => {
      if (overflow) fail(`more than ${MAX_OUTPUT_BYTES} bytes of output`, 'EMSGSIZE');
      else if (code !== null) resolve(ok({ code, stdout: stdout(), stderr: stderr() }));
      else if (signal === 'SIGKILL') fail(`not done within ${options.timeoutMs} ms`, 'ETIMEDOUT');
      else fail(`ended by ${signal}`, 'EINTR');
    });
    return promise;
  }
}

/** Start time in clock ticks since boot: field 22, counted after the name, which may hold anything. */
function startTicks(pid: number): number | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  const field = text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  return field === undefined ? undefined : Number(field);
}

function argumentsOf(pid: number): readonly string[] {
  const text = readProc(`/proc/${pid}/cmdline`);
  return text === undefined || text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** By its image where the kernel lets us see it (an applet is a link to busybox), else by its name. */
function runs(pid: number, file: string): boolean {
  if (argumentsOf(pid)[0] === file) return true;
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '') === realpathSync(file);
  } catch (thrown) {
    if (isAbsent(thrown) || errorCode(thrown) === 'EACCES') return false;
    throw thrown;
  }
}

function readProc(path: string): string | undefined {
  try {
    // As UTF-8 it is Node's quick way, which takes 64 KiB of garbage less for each file of /proc.
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined;
    throw thrown;
  }
}

/** The process ended, before or while it was asked about, or it is hidden from us (hidepid). */
const isAbsent = (thrown: unknown): boolean =>
  ['ENOENT', 'ESRCH', 'EPERM'].includes(errorCode(thrown));
