/**
 * The one loop between what was asked and what is: rows changed → compile → apply. Applies are
 * ordered, direct calls; events only say that there is something to do, and the last state always
 * arrives.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { SystemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { CompiledConfig, Model } from '../tr181/model.ts';

type Services = Omit<CompiledConfig, 'revision'>;

/**
 * How each service takes its share of the compiled configuration: idempotent, and gives what
 * failed. They are applied in the order in which they stand here.
 */
export type Steps = {
  readonly [K in keyof Services]: (
    config: Services[K],
  ) => Promise<readonly string[]> | readonly string[];
};

export interface ControlDeps {
  readonly model: Pick<Model, 'compileAll' | 'rowsChanged'>;
  readonly steps: Steps;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Convergence {
  /** Revision of the rows that the box now is in. */
  readonly applied: number;
  /** What could not be done, by service; it is tried again. */
  readonly failing: Readonly<Record<string, readonly string[]>>;
}

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;
/** A client that does not take its answer delays what others want no longer than this. */
const MAX_HOLD_MS = 1000;

export class Control implements AsyncDisposable {
  readonly #deps: ControlDeps;
  readonly #subscription: Disposable;
  /** What each step was last given with success, as text: equal text need not be applied again. */
  readonly #done = new Map<string, string>();
  #failing: Record<string, readonly string[]> = {};
  #applied = -1;
  #wanted = false;
  #closed = false;
  #running: Promise<void> | undefined;
  #backoff: Backoff = backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #retry: Timer | undefined;
  readonly #held = new Set<Promise<void>>();
  /** Ends the wait for what is held. */
  #letGo: (() => void) | undefined;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    this.#subscription = deps.model.rowsChanged(() => void this.converge());
  }

  get convergence(): Convergence {
    return { applied: this.#applied, failing: this.#failing };
  }

  /** Applies the newest rows; calls while it runs are merged into one more pass. Resolves when that is through. */
  converge(): Promise<void> {
    this.#wanted = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Nothing is applied before `until` resolves, or for a second at most: an answer that is on its way
   * must not lose that way to the very change that it answers.
   */
  hold(until: Promise<void>): void {
    this.#held.add(until);
    void until.finally(() => this.#held.delete(until));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#letGo?.();
    this.#subscription[Symbol.dispose]();
    this.#retry?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Changes of the same turn of the event loop belong together.
    await Promise.resolve();
    while (this.#wanted && !this.#closed) {
      if (this.#held.size > 0) await this.#release();
      if (this.#closed) break;
      this.#wanted = false;
      await this.#pass();
    }
    this.#running = undefined;
  }

  async #release(): Promise<void> {
    const bound = new Promise<void>((resolve) => {
      this.#letGo = resolve;
    });
    const timer = this.#deps.clock.after(MAX_HOLD_MS, () => this.#letGo?.());
    await Promise.race([Promise.all(this.#held), bound]);
    timer.cancel();
    this.#letGo = undefined;
  }

  async #pass(): Promise<void> {
    const { model, steps, log, clock } = this.#deps;
    const config = model.compileAll();
    const failing: Record<string, readonly string[]> = {};
    for (const name of Object.keys(steps) as (keyof Services)[]) {
      const errors = await this.#apply(name, config);
      if (errors.length === 0) continue;
      failing[name] = errors;
      log.error({ service: name, errors }, 'the configuration could not be applied whole');
    }
    this.#failing = failing;
    this.#applied = config.revision;
    this.#retry?.cancel();
    if (Object.keys(failing).length === 0) {
      this.#backoff = healthy(this.#backoff);
      log.debug({ revision: config.revision }, 'converged');
      return;
    }
    this.#backoff = failed(this.#backoff);
    this.#retry = clock.after(delayMs(this.#backoff), () => void this.converge());
  }

  async #apply<K extends keyof Services>(name: K, config: Services): Promise<readonly string[]> {
    const share = config[name];
    const text = JSON.stringify(share, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString(16) : value,
    );
    if (this.#done.get(name) === text) return [];
    const errors = await this.#step(name, share);
    if (errors.length === 0) this.#done.set(name, text);
    else this.#done.delete(name);
    return errors;
  }

  /** A failure of the system, such as code that could not be read, is one to try again; a bug throws. */
  async #step<K extends keyof Services>(name: K, share: Services[K]): Promise<readonly string[]> {
    try {
      return await this.#deps.steps[name](share);
    } catch (thrown) {
      if (thrown instanceof SystemError) return [thrown.message];
      throw thrown;
    }
  }
}
