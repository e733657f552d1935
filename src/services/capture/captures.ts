/** The captures of the daemon: those of the configuration, and those that somebody started by a command. */
import { err, ok, type Result } from '../../base/result.ts';
import type { CaptureFile, CaptureReport } from '../../os/ports-capture.ts';
import { checkCapture } from './check.ts';
import type { CapturesConfig, CapturesObserved, SessionObserved, SessionSpec } from './config.ts';
import { mostBytesOfFile, nextId, tooMany } from './files.ts';
import { isGoing } from './machine.ts';
import { Session, type SessionDeps } from './session.ts';
import { Trigger, type TriggerDeps } from './trigger.ts';

/** Each has a thread, a ring and tables of its own. */
export const MAX_RUNNING = 2;
/** Started by commands; of those that are over the oldest are forgotten. */
export const MAX_OWN = 8;

export interface CapturesDeps
  extends Omit<SessionDeps, 'changed' | 'fileBytes'>,
    Pick<TriggerDeps, 'ills'> {
  /** The link is there and up. */
  isUp(ifName: string): boolean;
  report(value: CapturesObserved): void;
}

const OFF: CapturesConfig = {
  ...{ enable: false, maxSec: 0, wan: undefined, lan: undefined, captures: [], triggers: [] },
  clients: [],
  ...{ maxFiles: 0, maxFileBytes: 0 },
};

export class CapturesService implements AsyncDisposable {
  readonly #deps: CapturesDeps;
  readonly #sessions = new Map<string, Session>();
  readonly #triggers = new Map<string, Trigger>();
  #config = OFF;
  /** Of captures that commands begin; 0 before the first. */
  #next = 0;
  #looking = false;
  /** What was reported last: who looks at everything shall not for nothing. */
  #told = '';
  #closed = false;

  constructor(deps: CapturesDeps) {
    this.#deps = deps;
  }

  get observed(): CapturesObserved {
    return {
      sessions: [...this.#sessions.values()].map(({ observed }) => observed),
      triggers: [...this.#triggers.values()].map(({ observed }) => observed),
    };
  }

  async apply(config: CapturesConfig): Promise<readonly string[]> {
    const before = this.#config;
    this.#config = config;
    const wanted = new Map(config.captures.map((capture) => [capture.id, capture]));
    for (const session of [...this.#sessions.values()]) {
      const now = wanted.get(session.id);
      const known = before.captures.find(({ id }) => id === session.id);
      const kept = session.configured
        ? now !== undefined && JSON.stringify(now) === JSON.stringify(known)
        : true;
      if (!kept) {
        this.#sessions.delete(session.id);
        await session[Symbol.asyncDispose]();
      } else if (!config.enable) session.stop();
    }
    for (const { id, enable, ...spec } of config.captures) {
      const known = this.#sessions.get(id);
      const session = known ?? this.#make(id, true, spec);
      const asked = known === undefined || !before.enable;
      if (config.enable && enable && asked) session.start(config.maxSec);
    }
    await this.#applyTriggers(config);
    this.#tidy();
    this.#changed();
    return [];
  }

  /** Its id; or what is wrong. */
  start(spec: SessionSpec): Result<string, string> {
    if (!this.#config.enable) return err('captures are off (X_GATEHOUSE_Capture.Enable)');
    const checked = checkCapture(spec, this.#deps.engine);
    if (!checked.ok) return checked;
    const own = [...this.#sessions.values()].filter(({ configured }) => !configured);
    if (own.length >= MAX_OWN) {
      const over = own.find(({ state, busy }) => !isGoing(state) && !busy);
      if (over === undefined) return err(`there are ${MAX_OWN} captures already: stop one`);
      this.#sessions.delete(over.id);
    }
    // What an earlier daemon has written keeps its number to itself.
    if (this.#next === 0) this.#next = nextId(this.#deps.store.list());
    const session = this.#make(String(this.#next++), false, spec);
    session.start(this.#config.maxSec);
    return ok(session.id);
  }

  /** One of the configuration, or one that is over, begins anew. */
  again(id: string): Result<void, string> {
    if (!this.#config.enable) return err('captures are off (X_GATEHOUSE_Capture.Enable)');
    const session = this.#sessions.get(id);
    if (session === undefined) return err(`there is no capture ${id}`);
    if (session.start(this.#config.maxSec)) return ok(undefined);
    return err(session.observed.reason || 'it goes already');
  }

  stop(id: string): Result<void, string> {
    const session = this.#sessions.get(id);
    if (session === undefined) return err(`there is no capture ${id}`);
    return session.stop() ? ok(undefined) : err('it is over already');
  }

  /** Forgets one that was started by a command. */
  async remove(id: string): Promise<Result<void, string>> {
    const session = this.#sessions.get(id);
    if (session === undefined) return err(`there is no capture ${id}`);
    if (session.configured) return err('it belongs to the configuration: delete its row');
    this.#sessions.delete(id);
    await session[Symbol.asyncDispose]();
    this.#changed();
    return ok(undefined);
  }

  async look(
    id: string,
  ): Promise<{ session: SessionObserved; report: CaptureReport | undefined } | undefined> {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    const report = await session.look();
    return { session: session.observed, report };
  }

  /** Links or leases are others now. */
  surroundingsChanged(): void {
    // First of all: what is lost takes what is kept with it.
    for (const trigger of this.#triggers.values()) trigger.look();
    this.#changed();
  }

  /** All that is there, the oldest first. */
  files(): Result<readonly CaptureFile[], string> {
    const files = this.#deps.store.list();
    return files.ok ? files : err(files.error.message);
  }

  removeFile(name: string): Result<void, string> {
    if (this.#inUse().has(name)) return err(`${name} is still written`);
    const removed = this.#deps.store.remove(name);
    return removed.ok ? removed : err(removed.error.message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const all = [...this.#sessions.values(), ...this.#triggers.values()];
    await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
    this.#sessions.clear();
    this.#triggers.clear();
  }

  async #applyTriggers({ enable, triggers }: CapturesConfig): Promise<void> {
    const wanted = new Map(
      triggers.filter((one) => enable && one.enable).map((one) => [one.id, one]),
    );
    for (const trigger of [...this.#triggers.values()]) {
      const { config } = trigger;
      if (JSON.stringify(config) === JSON.stringify(wanted.get(config.id))) continue;
      this.#triggers.delete(config.id);
      await trigger[Symbol.asyncDispose]();
    }
    for (const config of wanted.values()) {
      if (this.#triggers.has(config.id)) continue;
      const trigger = new Trigger(config, {
        ...this.#deps,
        changed: () => this.#changed(),
        wrote: () => this.#tidy(),
      });
      this.#triggers.set(config.id, trigger);
      trigger.arm();
    }
  }

  /** Files of captures that run are the engine's to replace. */
  #inUse(): ReadonlySet<string> {
    const running = [...this.#sessions.values()].filter(({ busy }) => busy);
    return new Set(running.flatMap(({ observed }) => observed.files));
  }

  /** Of what is over, half of the room stays: the other half is of captures that run. */
  #tidy(): void {
    const files = this.#deps.store.list();
    if (!files.ok) {
      this.#deps.log.error({ code: files.error.code }, files.error.message);
      return;
    }
    const inUse = this.#inUse();
    const over = files.value.filter(({ name }) => !inUse.has(name));
    const { maxFiles, maxFileBytes } = this.#config;
    for (const name of tooMany(over, { files: maxFiles, bytes: maxFileBytes / 2 }))
      this.#deps.store.remove(name);
  }

  #make(id: string, configured: boolean, spec: SessionSpec): Session {
    const session = new Session(id, configured, spec, {
      ...this.#deps,
      fileBytes: () => mostBytesOfFile(this.#config.maxFileBytes),
      changed: () => this.#changed(),
    });
    this.#sessions.set(id, session);
    return session;
  }

  /** Opens what waits and may run, and tells how all of it stands. */
  #changed(): void {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    let running = [...this.#sessions.values()].filter(({ busy }) => busy).length;
    for (const session of this.#sessions.values()) {
      if (session.state !== 'waiting' || session.busy) continue;
      const ifName = this.#ifNameOf(session.spec.ifName);
      if (ifName === undefined) session.wait(`the router has no ${session.spec.ifName}`);
      else if (!this.#deps.isUp(ifName)) session.wait(`${ifName} is not there, or not up`);
      else if (running >= MAX_RUNNING) session.wait(`${MAX_RUNNING} captures run already`);
      else {
        if (session.spec.write) this.#tidy();
        session.open(ifName);
        running++;
      }
    }
    for (const trigger of this.#triggers.values()) {
      if (trigger.state !== 'waiting' || trigger.busy) continue;
      const ifName = this.#ifNameOf(trigger.config.ifName);
      if (ifName === undefined) trigger.wait(`the router has no ${trigger.config.ifName}`);
      else if (!this.#deps.isUp(ifName)) trigger.wait(`${ifName} is not there, or not up`);
      else trigger.open(ifName);
    }
    this.#looking = false;
    const { observed } = this;
    const told = JSON.stringify(observed);
    if (told === this.#told) return;
    this.#told = told;
    this.#deps.report(observed);
  }

  #ifNameOf(asked: string): string | undefined {
    return asked === 'wan' || asked === 'lan' ? this.#config[asked] : asked;
  }
}
