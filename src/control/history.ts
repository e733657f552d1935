/**
 * The last configurations: every committed change with who made it, when and how, kept in the same
 * commit as the change itself, so that neither is ever there without the other. Accounts are left
 * out of what is returned to (a password that was changed stays changed); that they changed is told.
 * Only the change that waits for its confirmation is undone with the accounts in it.
 *
 * In the store: `history/e/<revision>` a change, `history/pending` the one that waits for its
 * confirmation.
 */

import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Secrets, Store, StoreChange } from '../os/ports.ts';
import type { Along } from '../state/rows.ts';
import type { Change, Fault, Origin, Snapshot, WriteOptions } from '../tr181/model.ts';
import type { Journal, JournalEntry } from '../tr181/writer.ts';
import type { Pending } from './confirm.ts';

/** Configurations that can be returned to. */
export const KEPT_CHANGES = 20;
/** What stays as it is when an earlier configuration comes back. */
export const ACCOUNTS = 'Device.Users.';

const ENTRY = 'history/e/';
const PENDING = 'history/pending';
const VERSION = 1;
const MAX_CONFIRM_SEC = 3600;
const TOKEN_BYTES = 16;

export interface KeptValue {
  readonly path: string;
  readonly old?: string;
  readonly new?: string;
  readonly secret?: true;
}

/** One change, as it is kept: it leads from the configuration before to the one after, and back. */
export interface KeptChange {
  readonly revision: number;
  /** Unix ms. */
  readonly atMs: number;
  readonly origin: Origin;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly values: readonly KeptValue[];
  /** Of rows that the system makes, as they were before; absent where none changed. */
  readonly numbers?: Snapshot['system'];
}

/** What waits, with its deadline as it survives a restart. */
export interface PendingRecord extends Pending {
  /** CLOCK_BOOTTIME and `bootId` count; after a reboot the time is over in any case. */
  readonly deadlineBootMs: number;
  readonly bootId: string;
  /** Where it touched accounts: their secrets of before, as they are stored. */
  readonly secrets?: readonly Change[];
}

export interface HistoryParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly secrets: Pick<Secrets, 'randomBytes'>;
  readonly bootId: string;
}

export class History implements Journal {
  readonly #parts: HistoryParts;
  /** Oldest first. */
  #changes: readonly KeptChange[];
  #pending: PendingRecord | undefined;
  #armed: (record: PendingRecord) => void = () => {};
  /** Whose writes pass although a change waits: those that undo it. */
  #returning: Origin | undefined;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
    const changes: KeptChange[] = [];
    for (const [, bytes] of parts.store.entries(ENTRY)) {
      const change = read<KeptChange>(bytes);
      if (change !== undefined) changes.push(change);
    }
    this.#changes = changes.sort((a, b) => a.revision - b.revision);
    const bytes = parts.store.get(PENDING);
    this.#pending = bytes === undefined ? undefined : read<PendingRecord>(bytes);
  }

  /** Oldest first. */
  get changes(): readonly KeptChange[] {
    return this.#changes;
  }

  get pending(): PendingRecord | undefined {
    return this.#pending;
  }

  /** `armed` is called for each change that is to be confirmed, once it is on disk. */
  onArmed(armed: (record: PendingRecord) => void): void {
    this.#armed = armed;
  }

  refuse(origin: Origin, { confirmSec }: WriteOptions): Fault | undefined {
    const fits =
      confirmSec === undefined ||
      (Number.isInteger(confirmSec) && confirmSec >= 1 && confirmSec <= MAX_CONFIRM_SEC);
    if (!fits) {
      const message = `a change waits 1 to ${MAX_CONFIRM_SEC} seconds for its confirmation`;
      return { kind: 'badArguments', path: '', message };
    }
    if (this.#pending === undefined || origin === this.#returning) return undefined;
    return {
      kind: 'conflict',
      path: '',
      message: `a change by ${this.#pending.user} waits to be confirmed; nothing else can be changed until it is, or is undone`,
      remedy: 'confirm it, roll it back, or wait',
    };
  }

  record(entry: JournalEntry): Along | undefined {
    const { revision, origin, added, removed, numbers, options } = entry;
    const undoes = origin === this.#returning;
    const empty = added.length + removed.length + entry.values.length === 0;
    if (empty && !undoes) return undefined;
    const store: StoreChange[] = [];
    let changes = this.#changes;
    if (!empty) {
      const values = entry.values.map(keptValue);
      const atMs = this.#parts.clock.wallMs();
      const change: KeptChange = {
        ...{ revision, atMs, origin, added, removed, values },
        ...(numbers.length === 0 ? {} : { numbers }),
      };
      const all = [...this.#changes, change];
      changes = all.slice(-KEPT_CHANGES);
      store.push({ key: keyOf(revision), value: write(change) });
      for (const gone of all.slice(0, -KEPT_CHANGES)) {
        store.push({ key: keyOf(gone.revision), value: undefined });
      }
    }
    const armed = options.confirmSec === undefined ? undefined : this.#toConfirm(entry);
    if (armed !== undefined) store.push({ key: PENDING, value: write(armed) });
    else if (undoes) store.push({ key: PENDING, value: undefined });
    return {
      store,
      committed: () => {
        this.#changes = changes;
        if (undoes) this.#pending = undefined;
        if (armed === undefined) return;
        this.#pending = armed;
        this.#armed(armed);
      },
    };
  }

  /** Runs `work` with an origin whose writes undo the change that waits, and forget about it. */
  async undoing<T>(origin: Origin, work: () => Promise<T>): Promise<T> {
    this.#returning = origin;
    try {
      return await work();
    } finally {
      this.#returning = undefined;
    }
  }

  /** The change that waits is there to stay. */
  async forgetPending(): ReturnType<Store['commit']> {
    const done = await this.#parts.store.commit([{ key: PENDING, value: undefined }]);
    if (done.ok) this.#pending = undefined;
    return done;
  }

  /** What is left until the deadline; 0 after a reboot. */
  remainingMs(record: PendingRecord): number {
    const { bootId, clock } = this.#parts;
    if (record.bootId !== bootId) return 0;
    return Math.max(0, record.deadlineBootMs - clock.boottimeMs());
  }

  /** The configuration as it was after `revision`, given the one there is now. */
  at(revision: number, now: Snapshot, current: number): Result<Snapshot, string> {
    const undone = this.#after(revision, current);
    if (!undone.ok) return undone;
    const rows = new Set(now.rows);
    const values = new Map(now.values.map(({ path, value }) => [path, value]));
    const numbers = new Map<string, Snapshot['system'][number]>();
    for (const change of undone.value.toReversed()) {
      for (const row of change.added) rows.delete(row);
      for (const row of change.removed) rows.add(row);
      for (const { path, old } of change.values) {
        if (old === undefined) values.delete(path);
        else values.set(path, old);
      }
      // The oldest change comes last, and says what held before all of them.
      for (const each of change.numbers ?? []) numbers.set(`${each.table}${each.key}`, each);
    }
    return ok({
      system: [...numbers.values()],
      rows: [...rows],
      values: [...values].map(([path, value]) => ({ path, value })),
    });
  }

  /** What there was before the change that waits, and what of it stays as it is now. */
  beforePending(
    { before, secrets }: PendingRecord,
    now: Snapshot,
    current: number,
  ): Result<{ readonly target: Snapshot; readonly keep: readonly string[] }, string> {
    const found = this.at(before, now, current);
    if (!found.ok || secrets === undefined) {
      return found.ok ? ok({ target: found.value, keep: [ACCOUNTS] }) : found;
    }
    const values = [...found.value.values, ...secrets];
    return ok({ target: { ...found.value, values }, keep: [] });
  }

  /** What leads from one configuration to another, either way; secrets without their values. */
  between(
    from: number,
    to: number,
    current: number,
  ): Result<Pick<KeptChange, 'added' | 'removed' | 'values'>, string> {
    const [low, high] = from <= to ? [from, to] : [to, from];
    const after = this.#after(low, current);
    if (!after.ok) return after;
    if (high > current) return err(noRevision(high, low, current));
    const within = after.value.filter(({ revision }) => revision <= high);
    const summed = sum(within);
    if (from <= to) return ok(summed);
    return ok({
      added: summed.removed,
      removed: summed.added,
      values: summed.values.map(({ path, old, new: now, ...rest }) => ({
        path,
        ...rest,
        ...(now === undefined ? {} : { old: now }),
        ...(old === undefined ? {} : { new: old }),
      })),
    });
  }

  #after(revision: number, current: number): Result<readonly KeptChange[], string> {
    // 0 is no configuration yet: a box with neither WAN nor LAN.
    const oldest = Math.max(1, (this.#changes[0]?.revision ?? current + 1) - 1);
    if (!Number.isInteger(revision) || revision < oldest || revision > current) {
      return err(noRevision(revision, oldest, current));
    }
    return ok(this.#changes.filter((change) => change.revision > revision));
  }

  #toConfirm(entry: JournalEntry): PendingRecord {
    const { revision, origin, options } = entry;
    const { clock, secrets, bootId } = this.#parts;
    return {
      token: toHex(secrets.randomBytes(TOKEN_BYTES)),
      revision,
      before: revision - 1,
      user: origin.user,
      via: origin.via,
      deadlineBootMs: clock.boottimeMs() + (options.confirmSec ?? 0) * 1000,
      bootId,
      ...accountSecrets(entry),
    };
  }
}

const noRevision = (revision: number, oldest: number, current: number): string =>
  `there is no configuration ${revision}; there are ${oldest} to ${current}`;

/** Several changes as one. */
function sum(changes: readonly KeptChange[]): Pick<KeptChange, 'added' | 'removed' | 'values'> {
  const rows = new Map<string, number>();
  const values = new Map<string, KeptValue>();
  for (const change of changes) {
    for (const row of change.added) rows.set(row, (rows.get(row) ?? 0) + 1);
    for (const row of change.removed) rows.set(row, (rows.get(row) ?? 0) - 1);
    for (const value of change.values) {
      const first = values.get(value.path);
      const { path, secret } = value;
      values.set(path, {
        path,
        ...present('old', first === undefined ? value.old : first.old),
        ...present('new', value.new),
        ...(secret === undefined ? {} : { secret }),
      });
    }
  }
  return {
    added: [...rows].filter(([, n]) => n > 0).map(([row]) => row),
    removed: [...rows].filter(([, n]) => n < 0).map(([row]) => row),
    values: [...values.values()].filter((value) => value.old !== value.new || value.secret),
  };
}

/** A password's hash is of no use here: accounts are not returned to. */
function keptValue({ path, old, new: now, secret }: JournalEntry['values'][number]): KeptValue {
  if (!secret) return { path, ...present('old', old), ...present('new', now) };
  if (path.startsWith(ACCOUNTS)) return { path, secret };
  return { path, secret, ...present('old', old), ...present('new', now) };
}

/** Nothing else is changed while a change waits, so its return cannot undo a newer password. */
function accountSecrets({ added, removed, values }: JournalEntry): Pick<PendingRecord, 'secrets'> {
  const paths = [...added, ...removed, ...values.map(({ path }) => path)];
  if (!paths.some((path) => path.startsWith(ACCOUNTS))) return {};
  return {
    secrets: values.flatMap(({ path, old, secret }) =>
      secret && old !== undefined && path.startsWith(ACCOUNTS) ? [{ path, value: old }] : [],
    ),
  };
}

const present = (name: 'old' | 'new', value: string | undefined): Partial<KeptValue> =>
  value === undefined ? {} : { [name]: value };

const keyOf = (revision: number): string => `${ENTRY}${String(revision).padStart(12, '0')}`;

const write = (value: object): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ v: VERSION, ...value }));

/** The store vouches for the bytes by checksum; of another version they are as good as lost. */
function read<T>(bytes: Uint8Array): T | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as { v?: unknown } | null;
    return value?.v === VERSION ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
