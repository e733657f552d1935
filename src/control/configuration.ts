/** The configuration over time: history, differences, return, confirmation, backup. */
import { delayMs } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { BugError, SystemError, unreachable } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Secrets } from '../os/ports.ts';
import type { Fault, Model, Origin, WriteDone, WriteOptions } from '../tr181/model.ts';
import { passwordFault } from '../tr181/objects/users.ts';
import { openBackup, sealBackup } from './backup.ts';
import { type ConfirmEffect, type ConfirmEvent, type ConfirmState, step } from './confirm.ts';
import { ACCOUNTS, type History, type KeptValue } from './history.ts';

/** One parameter that changed. Null: it had no value of its own. Both null for secrets. */
export interface Difference {
  readonly path: string;
  readonly old: string | null;
  readonly new: string | null;
  readonly secret?: true;
}

export interface Differences {
  /** Rows, by object path. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changes: readonly Difference[];
}

export interface HistoryEntry extends Differences {
  /** Of the configuration that the change led to. */
  readonly revision: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly user: string;
  readonly via: string;
  readonly address?: string;
}

export interface PendingChange {
  readonly token: string;
  readonly revision: number;
  readonly user: string;
  readonly via: string;
  readonly remainingMs: number;
  /** Unix ms, by the wall clock of now. */
  readonly deadlineMs: number;
}

/** The face for edges. Writes are audited and in the history like any other. */
export interface Configuration {
  /** The change that waits for its confirmation. */
  readonly pending: PendingChange | undefined;
  /** Newest first. */
  history(): readonly HistoryEntry[];
  diff(from: number, to: number): Result<Differences, string>;
  /** Makes the configuration what it was after `revision`; accounts stay as they are. */
  restore(
    revision: number,
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>>;
  /** The change that waits stays. Durable when it resolves; the reason when there is none, or another. */
  confirm(token: string | undefined, origin: Origin): Promise<Result<void, string>>;
  /** The change that waits is undone now. */
  rollback(origin: Origin): Promise<Result<void, string>>;
  /** The file. */
  backup(passphrase: string): Promise<Result<Uint8Array, string>>;
  restoreBackup(
    file: Uint8Array,
    passphrase: string,
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>>;
  /** Called when a change begins to wait, and with undefined when it waits no more. */
  onPending(listener: (pending: PendingChange | undefined) => void): Disposable;
}

export interface ConfigurationParts {
  readonly model: Pick<Model, 'snapshot' | 'replace' | 'revision'>;
  readonly history: History;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly log: Log;
  /** Version of the software, for backups. */
  readonly version: string;
  /** Records who confirmed or undid what. */
  readonly audit: (what: 'confirm' | 'rollback', origin: Origin) => Promise<void>;
}

const ITSELF: Origin = { user: 'gatehouse', via: 'config' };
const PAUSES = { firstMs: 1000, maxMs: 60_000 };
/** A disk that fails must not make a loop of it. */
const SHORTEST_WAIT_MS = 250;

export class ConfigurationService implements Configuration, Disposable {
  readonly #parts: ConfigurationParts;
  readonly #listeners = new Set<(pending: PendingChange | undefined) => void>();
  readonly #settled = new Set<() => void>();
  #state: ConfirmState = { tag: 'idle' };
  #timer: Timer | undefined;
  /** Who asked for the return that is under way. */
  #undoer: Origin = ITSELF;

  constructor(parts: ConfigurationParts) {
    this.#parts = parts;
    parts.history.onArmed((record) => this.#feed({ tag: 'armed', pending: record }));
  }

  /**
   * Takes up the change that waited when an earlier daemon ended: what was not confirmed in time is
   * undone before this resolves, so it is never put into effect.
   */
  async recover(): Promise<void> {
    const { history, log } = this.#parts;
    const record = history.pending;
    if (record === undefined) return;
    this.#feed({ tag: 'armed', pending: record });
    if (history.remainingMs(record) > 0) return;
    log.warn({ revision: record.revision }, 'a change was not confirmed in time; it is undone');
    const settled = this.#nextTry();
    this.#feed({ tag: 'deadline' });
    await settled;
  }

  get pending(): PendingChange | undefined {
    const { history, clock } = this.#parts;
    const record = history.pending;
    if (record === undefined) return undefined;
    const { token, revision, user, via } = record;
    const remainingMs = history.remainingMs(record);
    return { token, revision, user, via, remainingMs, deadlineMs: clock.wallMs() + remainingMs };
  }

  history(): readonly HistoryEntry[] {
    return this.#parts.history.changes.toReversed().map((change) => ({
      revision: change.revision,
      time: new Date(change.atMs).toISOString(),
      user: change.origin.user,
      via: change.origin.via,
      ...(change.origin.address === undefined ? {} : { address: change.origin.address }),
      added: change.added,
      removed: change.removed,
      changes: change.values.map(shown),
    }));
  }

  diff(from: number, to: number): Result<Differences, string> {
    const { history, model } = this.#parts;
    const found = history.between(from, to, model.revision);
    if (!found.ok) return found;
    const { added, removed, values } = found.value;
    return ok({ added, removed, changes: values.map(shown) });
  }

  async restore(
    revision: number,
    origin: Origin,
    options: WriteOptions = {},
  ): Promise<Result<WriteDone, readonly Fault[]>> {
    const { history, model } = this.#parts;
    const target = history.at(revision, model.snapshot(), model.revision);
    if (!target.ok) return refused(target.error);
    return model.replace(target.value, [ACCOUNTS], origin, options);
  }

  async confirm(token: string | undefined, origin: Origin): Promise<Result<void, string>> {
    const { tag } = this.#state;
    if (tag !== 'waiting') return err(NOTHING[tag]);
    const { pending } = this.#state;
    if (token !== undefined && token !== pending.token) {
      return err('it is another change that waits to be confirmed');
    }
    const settled = this.#nextTry();
    this.#feed({ tag: 'confirm' });
    await settled;
    // Another state than before the wait, which the compiler cannot know.
    if ((this.#state as ConfirmState).tag !== 'idle') {
      return err('the confirmation could not be stored; the change still waits');
    }
    await this.#parts.audit('confirm', origin);
    return ok(undefined);
  }

  async rollback(origin: Origin): Promise<Result<void, string>> {
    const { tag } = this.#state;
    if (tag !== 'waiting') return err(NOTHING[tag]);
    await this.#parts.audit('rollback', origin);
    this.#undoer = origin;
    const settled = this.#nextTry();
    this.#feed({ tag: 'rollback' });
    await settled;
    this.#undoer = ITSELF;
    return (this.#state as ConfirmState).tag === 'idle'
      ? ok(undefined)
      : err('it could not be undone yet; it is tried again');
  }

  async backup(passphrase: string): Promise<Result<Uint8Array, string>> {
    const { secrets, clock, model, version } = this.#parts;
    const weak = passwordFault(passphrase);
    if (weak !== undefined) return err(weak.replace('password', 'passphrase'));
    const sealed = await sealBackup(secrets, passphrase, {
      software: version,
      atMs: clock.wallMs(),
      revision: model.revision,
      snapshot: model.snapshot(),
    });
    return sealed.ok ? sealed : err(sealed.error.message);
  }

  async restoreBackup(
    file: Uint8Array,
    passphrase: string,
    origin: Origin,
    options: WriteOptions = {},
  ): Promise<Result<WriteDone, readonly Fault[]>> {
    const { secrets, model, log } = this.#parts;
    const opened = await openBackup(secrets, passphrase, file);
    if (!opened.ok) {
      const busy = opened.error instanceof SystemError;
      const { message } = opened.error;
      return err([{ kind: busy ? 'resources' : 'badArguments', path: '', message }]);
    }
    const { snapshot, software, revision } = opened.value;
    log.info({ software, revision }, 'restoring a backup');
    const hasAccounts = snapshot.rows.some((row) => row.startsWith(ACCOUNTS));
    return model.replace(snapshot, hasAccounts ? [] : [ACCOUNTS], origin, options);
  }

  onPending(listener: (pending: PendingChange | undefined) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** The record stays on disk: the next daemon takes it up. */
  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#listeners.clear();
  }

  /** Resolves when the machine next comes to rest: idle, or waiting for time to pass. */
  #nextTry(): Promise<void> {
    return new Promise((resolve) => this.#settled.add(resolve));
  }

  #feed(event: ConfirmEvent): void {
    const before = this.#state;
    const { state, effects } = step(before, event);
    this.#state = state;
    if (state.tag !== before.tag) {
      this.#parts.log.info({ event: event.tag }, `confirmation: ${before.tag} → ${state.tag}`);
      if (state.tag === 'idle' || (state.tag === 'waiting' && before.tag === 'idle')) {
        const { pending } = this;
        for (const listener of [...this.#listeners]) listener(pending);
      }
    }
    for (const effect of effects) this.#run(effect);
    const atRest =
      state.tag === 'idle' || state.tag === 'waiting' || effects.some((e) => e.tag === 'pause');
    if (!atRest) return;
    for (const resolve of [...this.#settled]) resolve();
    this.#settled.clear();
  }

  #run(effect: ConfirmEffect): void {
    const { clock, history, log } = this.#parts;
    switch (effect.tag) {
      case 'arm': {
        const record = history.pending;
        const leftMs = record === undefined ? 0 : history.remainingMs(record);
        const delay = Math.max(SHORTEST_WAIT_MS, leftMs);
        this.#timer?.cancel();
        this.#timer = clock.after(delay, () => {
          log.warn({ revision: effect.pending.revision }, 'nobody confirmed the change');
          this.#feed({ tag: 'deadline' });
        });
        return;
      }
      case 'disarm':
        this.#timer?.cancel();
        this.#timer = undefined;
        return;
      case 'forget':
        void history.forgetPending().then((done) => {
          if (!done.ok) log.error({ err: done.error }, 'a confirmation could not be stored');
          this.#feed({ tag: done.ok ? 'forgotten' : 'notForgotten' });
        });
        return;
      case 'return':
        void this.#return().then((event) => this.#feed(event));
        return;
      case 'pause':
        this.#timer = clock.after(delayMs({ ...PAUSES, failures: effect.attempt }), () =>
          this.#feed({ tag: 'retry' }),
        );
        return;
      default:
        unreachable(effect);
    }
  }

  async #return(): Promise<ConfirmEvent> {
    const { history, log } = this.#parts;
    // A fresh object each time: `undoing` knows its writes by it.
    const origin = { ...this.#undoer };
    this.#undoer = ITSELF;
    const done = await history.undoing(origin, () => this.#replaceWithBefore(origin));
    if (done.ok) return { tag: 'returned' };
    const faults = done.error.map(({ message }) => message);
    log.error({ faults }, 'the configuration of before could not be brought back');
    const again = done.error.every(({ kind }) => kind === 'resources' || kind === 'internal');
    return { tag: again ? 'notReturned' : 'impossible' };
  }

  async #replaceWithBefore(origin: Origin): Promise<Result<WriteDone, readonly Fault[]>> {
    const { history, model } = this.#parts;
    const { pending } = history;
    if (pending === undefined) throw new BugError('nothing waits, yet it is to be undone');
    const found = history.beforePending(pending, model.snapshot(), model.revision);
    if (!found.ok) return refused(found.error);
    return model.replace(found.value.target, found.value.keep, origin);
  }
}

const NOTHING: Readonly<Record<ConfirmState['tag'], string>> = {
  idle: 'no change waits to be confirmed',
  waiting: '',
  confirming: 'the change is being confirmed already',
  returning: 'the change is being undone already',
};

const refused = (message: string): Result<never, readonly Fault[]> =>
  err([{ kind: 'badArguments', path: '', message }]);

const shown = ({ path, old, new: now, secret }: KeptValue): Difference =>
  secret === true
    ? { path, old: null, new: null, secret }
    : { path, old: old ?? null, new: now ?? null };
