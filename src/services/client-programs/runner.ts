import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ChildProcess, Processes, ProcessIdentity } from '../../os/ports.ts';
import type { ClientProgram } from './program.ts';
import {
  OFF,
  type SupervisorEvent,
  type SupervisorState,
  superviseStep,
  supervisorDeadlineMs,
} from './supervisor.ts';

export interface RunnerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Processes;
  readonly program: Pick<ClientProgram<never, unknown>, 'renew' | 'release' | 'releaseMs' | 'end'>;
  readonly file: string;
  /** Arguments wanted now, with all that they name in place; undefined when nothing should run. */
  arguments(): readonly string[] | undefined;
  /** True where the process must be told to give its lease back before it is ended. */
  mayRelease(): boolean;
  /** A process was started. */
  started(): void;
  /** It is gone; `unwanted` when nobody asked for that. */
  exited(unwanted: boolean): void;
  /** Nothing runs and nothing will: it was stopped, or its interface is gone. */
  over(): void;
}

const KILL_MS = 2000;

/** Runs the supervisor's machine: at most one process at a time, watched by its pidfd. */
export class Runner {
  readonly #deps: RunnerDeps;
  #state: SupervisorState = OFF;
  #child: ChildProcess | undefined;
  #arguments: readonly string[] = [];
  #heard = false;
  #trouble: string | undefined;
  #timer: Timer | undefined;
  #ending: Timer | undefined;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  get state(): SupervisorState['name'] {
    return this.#state.name;
  }

  get identity(): ProcessIdentity | undefined {
    return this.#child?.identity;
  }

  /** Arguments of the process that runs. */
  get runningArguments(): readonly string[] {
    return this.#arguments;
  }

  /** Why the last start failed. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** It has been heard, so its signal handlers stand: before that, USR1 would kill it. */
  get heard(): boolean {
    return this.#heard && this.#child !== undefined;
  }

  hear(): void {
    this.#heard = this.#child !== undefined;
  }

  adopt(child: ChildProcess, args: readonly string[]): void {
    this.#watch(child, args);
    this.#heard = true;
    this.tell({ type: 'adopted' });
  }

  /** Asks for renewal, or for a new round of DISCOVER. False when nothing runs that would hear it. */
  nudge(): boolean {
    const { renew } = this.#deps.program;
    if (!this.heard) return false;
    if (renew !== 'restart') return this.#child?.signal(renew) ?? false;
    this.tell({ type: 'restart' });
    return true;
  }

  /** The RELEASE has left: no need to wait longer before the end. */
  released(): void {
    if (this.#state.name !== 'Stopping') return;
    this.#ending?.cancel();
    this.#end();
  }

  tell(event: SupervisorEvent): void {
    const before = this.#state;
    const { state, effects } = superviseStep(before, event, this.#deps.clock.boottimeMs());
    this.#state = state;
    if (before.name !== state.name) {
      this.#deps.log.debug({ event: event.type }, `process: ${before.name} → ${state.name}`);
    }
    for (const effect of effects) {
      if (effect.type === 'spawn') this.#spawn();
      else this.#terminate(effect.release);
    }
    this.#arm();
    const idle = state.name === 'Off' || state.name === 'Absent';
    if (idle && before.name !== state.name) this.#deps.over();
  }

  /** Lets go; the process lives on. */
  close(): void {
    this.#timer?.cancel();
    this.#ending?.cancel();
    this.#child?.release();
    this.#child = undefined;
  }

  #arm(): void {
    this.#timer?.cancel();
    const { clock } = this.#deps;
    const wait = Math.max(0, supervisorDeadlineMs(this.#state) - clock.boottimeMs());
    this.#timer = clock.after(wait, () => this.tell({ type: 'time' }));
  }

  #spawn(): void {
    const { log, file, processes } = this.#deps;
    const args = this.#deps.arguments();
    if (args === undefined) {
      this.tell({ type: 'stop', release: false });
      this.tell({ type: 'exited' });
      return;
    }
    const child = processes.spawn(file, args);
    if (!child.ok) {
      this.#trouble = `cannot start ${file}: ${child.error.message}`;
      log.error({ code: child.error.code }, this.#trouble);
      this.tell({ type: 'spawnFailed' });
      return;
    }
    this.#trouble = undefined;
    this.#heard = false;
    this.#watch(child.value, args);
    log.info({ pid: child.value.identity.pid }, 'client started');
    this.#deps.started();
  }

  #watch(child: ChildProcess, args: readonly string[]): void {
    this.#child = child;
    this.#arguments = args;
    void child.exited.then(() => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#ending?.cancel();
      const unwanted = this.#state.name === 'Running';
      if (unwanted) this.#deps.log.warn({ pid: child.identity.pid }, 'client died');
      this.#deps.exited(unwanted);
      this.tell({ type: 'exited' });
    });
  }

  #terminate(release: boolean): void {
    if (this.#child === undefined) {
      this.tell({ type: 'exited' });
    } else if (release && this.heard && this.#deps.mayRelease()) {
      const { release, releaseMs } = this.#deps.program;
      this.#child.signal(release);
      this.#ending = this.#deps.clock.after(releaseMs, () => this.#end());
    } else {
      this.#end();
    }
  }

  #end(): void {
    const child = this.#child;
    child?.signal(this.#deps.program.end);
    this.#ending = this.#deps.clock.after(KILL_MS, () => child?.signal('SIGKILL'));
  }
}
