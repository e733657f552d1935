/** What turns IPv4 into IPv6 and back on one link: TAYGA in its process, or the kernel module nat46. */
import type { Clock, Timer } from '../../base/clock.ts';
import { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories, Files, Link, Processes, ProcessIdentity } from '../../os/ports.ts';
import { EarlierProcesses } from '../client-programs/earlier.ts';
import { Runner } from '../client-programs/runner.ts';
import type { MapEndpoint } from './plan.ts';
import { nat46Commands, nat46Removal, renderTayga } from './render.ts';

export interface TranslatorDeps {
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  readonly directories: Pick<Directories, 'remove'>;
  /** Path of tayga(8). */
  readonly tayga: string;
  /** For its configuration: `RUN_DIR/map`. */
  readonly folder: string;
  argumentsOf(process: ProcessIdentity): readonly string[];
  linkOf(name: string): Link | undefined;
  /** Something that is observed changed. */
  changed(): void;
}

export interface Translator {
  readonly engine: 'tayga' | 'nat46';
  readonly restarts: number;
  /** Why it does not run although it was started, for people. */
  readonly fault: string | undefined;
  /** Makes its link, which is not up yet, for `endpoint`. */
  prepare(endpoint: MapEndpoint): Promise<Result<void, SystemError>>;
  /** The link is as it shall be. */
  start(): void;
  /** Takes the link away. */
  remove(): Promise<Result<void, SystemError>>;
  /** Lets go; everything stays for the next daemon. */
  close(): void;
}

export const NAT46_CONTROL = '/proc/net/nat46/control';
const RUN_MS = 5000;
/** A process that lived so long is well. */
const WELL_MS = 5000;
const GONE_MS = 3000;

export class TaygaTranslator implements Translator {
  readonly engine = 'tayga';
  readonly #deps: TranslatorDeps;
  readonly #link: string;
  readonly #configPath: string;
  readonly #args: readonly string[];
  readonly #earlier: EarlierProcesses;
  readonly #runner: Runner;
  #written: string | undefined;
  /** What the process that runs was started with. */
  #running: { readonly text: string; readonly mtu: number; readonly ifIndex: number } | undefined;
  #restarts = 0;
  #well: Timer | undefined;
  #idle: (() => void) | undefined;

  constructor(deps: TranslatorDeps, link: string) {
    this.#deps = deps;
    this.#link = link;
    this.#configPath = `${deps.folder}/${link}.conf`;
    this.#args = ['--nodetach', '-c', this.#configPath, '-p', `${deps.folder}/${link}.pid`];
    this.#earlier = new EarlierProcesses(deps, {
      ...{ file: deps.tayga, args: this.#args, configPath: this.#configPath, end: 'SIGKILL' },
    });
    this.#runner = new Runner({
      ...{ clock: deps.clock, log: deps.log, processes: deps.processes, file: deps.tayga },
      program: { renew: 'restart', release: 'SIGTERM', releaseMs: 0, end: 'SIGTERM' },
      arguments: () => this.#args,
      mayRelease: () => false,
      started: () => this.#started(),
      exited: (unwanted) => {
        this.#well?.cancel();
        this.#running = undefined;
        if (unwanted) this.#restarts += 1;
        // What comes of it is known when the runner has heard of it, too.
        queueMicrotask(() => deps.changed());
      },
      over: () => this.#idle?.(),
    });
  }

  get restarts(): number {
    return this.#restarts;
  }

  get fault(): string | undefined {
    if (this.#runner.trouble !== undefined) return this.#runner.trouble;
    return this.#runner.state === 'Backoff' ? 'tayga ended; it is started again' : undefined;
  }

  async prepare(endpoint: MapEndpoint): Promise<Result<void, SystemError>> {
    const text = renderTayga(endpoint);
    if (this.#written !== text) {
      // Before the file is another: what runs by the old one is taken over only if it is the same.
      if (this.#written === undefined) await this.#adopt(text);
      const written = this.#deps.files.writeAtomic(this.#configPath, text, 0o600);
      if (!written.ok) return written;
      this.#written = text;
    }
    if (this.#deps.linkOf(this.#link) !== undefined) return ok(undefined);
    return await this.#tun('--mktun');
  }

  start(): void {
    const link = this.#deps.linkOf(this.#link);
    const text = this.#written;
    if (link === undefined || text === undefined) return;
    const now = this.#running;
    // It asks for the MTU once, when it starts, and does not see that its link is another by now.
    const stale =
      now !== undefined &&
      (now.text !== text || now.mtu !== link.mtu || now.ifIndex !== link.ifIndex);
    this.#runner.tell({ type: stale ? 'restart' : 'start' });
  }

  async remove(): Promise<Result<void, SystemError>> {
    const { clock, directories } = this.#deps;
    if (this.#runner.state !== 'Off') {
      const { promise, resolve } = Promise.withResolvers<void>();
      // It is called at once where there is nothing to wait for.
      this.#idle = resolve;
      const timer = clock.after(GONE_MS, resolve);
      this.#runner.tell({ type: 'stop', release: false });
      await promise;
      timer.cancel();
    }
    this.#well?.cancel();
    // A link that is not there any more needs no removal; tayga would make it to remove it.
    const gone =
      this.#deps.linkOf(this.#link) === undefined ? ok(undefined) : await this.#tun('--rmtun');
    directories.remove(this.#configPath);
    return gone;
  }

  close(): void {
    this.#earlier.close();
    this.#well?.cancel();
    this.#runner.close();
  }

  async #adopt(text: string): Promise<void> {
    const link = this.#deps.linkOf(this.#link);
    const earlier = this.#earlier.take(link === undefined ? undefined : text);
    if (earlier !== undefined && link !== undefined) {
      const { child, args } = earlier;
      this.#deps.log.info({ pid: child.identity.pid, link: this.#link }, 'translator taken over');
      this.#running = { text, mtu: link.mtu, ifIndex: link.ifIndex };
      this.#runner.adopt(child, args);
    }
    // A link has one of them at a time.
    await this.#earlier.gone();
  }

  #started(): void {
    const { clock, linkOf, changed } = this.#deps;
    const { mtu = 0, ifIndex = 0 } = linkOf(this.#link) ?? {};
    this.#running = { text: this.#written ?? '', mtu, ifIndex };
    this.#well?.cancel();
    this.#well = clock.after(WELL_MS, () => this.#runner.tell({ type: 'healthy' }));
    changed();
  }

  async #tun(verb: '--mktun' | '--rmtun'): Promise<Result<void, SystemError>> {
    const { processes, tayga } = this.#deps;
    const run = await processes.run(tayga, [verb, '-c', this.#configPath], { timeoutMs: RUN_MS });
    if (!run.ok) return run;
    if (run.value.code === 0) return ok(undefined);
    const [line = `ended with ${run.value.code}`] = run.value.stderr.trim().split('\n');
    return err(
      new SystemError(`tayga ${verb}: ${line}`, 'ETAYGA', {
        remedy: 'it needs /dev/net/tun, open to the daemon, and CAP_NET_ADMIN',
      }),
    );
  }
}

/** The kernel does it all; its file takes the lines of its README and belongs to root. */
export class Nat46Translator implements Translator {
  readonly engine = 'nat46';
  readonly restarts = 0;
  readonly fault = undefined;
  readonly #deps: TranslatorDeps;
  readonly #link: string;
  #told: string | undefined;

  constructor(deps: TranslatorDeps, link: string) {
    this.#deps = deps;
    this.#link = link;
  }

  async prepare(endpoint: MapEndpoint): Promise<Result<void, SystemError>> {
    const commands = nat46Commands(endpoint);
    const there = this.#deps.linkOf(this.#link) !== undefined;
    if (there && this.#told === commands.join('\n')) return ok(undefined);
    const done = this.#tell([...(there ? [nat46Removal(this.#link)] : []), ...commands]);
    if (done.ok) this.#told = commands.join('\n');
    return done;
  }

  start(): void {}

  async remove(): Promise<Result<void, SystemError>> {
    return this.#tell([nat46Removal(this.#link)]);
  }

  close(): void {}

  /** The module takes one line a write. */
  #tell(lines: readonly string[]): Result<void, SystemError> {
    for (const line of lines) {
      const written = this.#deps.files.writeExisting(NAT46_CONTROL, `${line}\n`);
      if (!written.ok) return written;
    }
    return ok(undefined);
  }
}
