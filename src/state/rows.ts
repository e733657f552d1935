/**
 * What was asked: one durable value per TR-181 path, the rows of each table, and the revision.
 * Nothing here knows a parameter's meaning; `tr181` checks before it writes.
 *
 * In the store: `tr181/p/<path>` value, `tr181/i/<table><n>.` a row, `tr181/n/<table>` the next
 * instance number (numbers are never reused, TR-106), `tr181/s/<table><n>.` the key of a row that
 * the system made (an Ethernet interface's kernel name, say), `tr181/rev` the revision.
 */
import { BugError, type SystemError } from '../base/errors.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Store, StoreChange } from '../os/ports.ts';
import { Candidate, type RowChange, type RowsView } from './candidate.ts';

const PREFIX = 'tr181/';
const VALUE = `${PREFIX}p/`;
const ROW = `${PREFIX}i/`;
const NEXT = `${PREFIX}n/`;
const SYSTEM = `${PREFIX}s/`;
const REVISION = `${PREFIX}rev`;

/** How many rows of one table that are gone now keep their number for when they come back. */
export const REMEMBERED_ROWS = 256;

interface SystemTable {
  readonly byKey: Map<string, number>;
  readonly byInstance: Map<number, string>;
}

export interface RowsCommit {
  readonly revision: number;
  readonly changes: readonly RowChange[];
}

/** What goes to disk in the same commit as a change, such as its place in a history. */
export interface Along {
  readonly store: readonly StoreChange[];
  /** Called once all of it is on disk, before the change is announced. */
  committed(): void;
}

export class Rows implements RowsView {
  readonly #store: Store;
  readonly #objects = new Map<string, Map<string, string>>();
  readonly #tables = new Map<string, number[]>();
  readonly #next = new Map<string, number>();
  readonly #system = new Map<string, SystemTable>();
  /** Changes of the system's numbers that are in memory but not on disk yet, by store key. */
  #unsaved = new Map<string, string | undefined>();
  readonly #listeners = new Set<(commit: RowsCommit) => void>();
  #revision = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** Reads everything at once: a few thousand rows take some milliseconds. */
  constructor(store: Store) {
    this.#store = store;
    for (const [key, bytes] of store.entries(PREFIX)) {
      this.#load(key, new TextDecoder().decode(bytes));
    }
    // A lost counter must not lead to a number's reuse.
    for (const [table, numbers] of this.#tables) {
      numbers.sort((a, b) => a - b);
      this.#raiseNext(table, numbers.at(-1) ?? 0);
    }
    for (const [table, { byInstance }] of this.#system) {
      for (const instance of byInstance.keys()) this.#raiseNext(table, instance);
    }
  }

  get revision(): number {
    return this.#revision;
  }

  /** True before anything was ever written: the first start. */
  get empty(): boolean {
    // A lost revision alone must not make a configured router look new.
    return this.#revision === 0 && this.#objects.size === 0 && this.#tables.size === 0;
  }

  /** Numbers given out by `systemNumber` wait to be written. */
  get unsaved(): boolean {
    return this.#unsaved.size > 0;
  }

  values(object: string): ReadonlyMap<string, string> | undefined {
    return this.#objects.get(object);
  }

  instances(table: string): readonly number[] {
    return this.#tables.get(table) ?? [];
  }

  nextInstance(table: string): number {
    return this.#next.get(table) ?? 1;
  }

  systemInstance(table: string, key: string): number | undefined {
    return this.#system.get(table)?.byKey.get(key);
  }

  systemKey(table: string, instance: number): string | undefined {
    return this.#system.get(table)?.byInstance.get(instance);
  }

  systemRows(table: string): ReadonlyMap<string, number> {
    return this.#system.get(table)?.byKey ?? new Map();
  }

  objects(): Iterable<string> {
    return this.#objects.keys();
  }

  tables(): Iterable<string> {
    return this.#tables.keys();
  }

  /**
   * The number of a row that the system made, given out at first sight and kept from then on. It
   * holds at once in memory and is written with the next change or `save`.
   */
  systemNumber(table: string, key: string): number {
    const known = this.systemInstance(table, key);
    if (known !== undefined) return known;
    const instance = this.nextInstance(table);
    this.#apply({ op: 'map', table, key, instance });
    this.#unsaved.set(`${SYSTEM}${table}${instance}.`, key);
    this.#unsaved.set(`${NEXT}${table}`, String(instance + 1));
    return instance;
  }

  /** Forgets the oldest numbers of rows that are neither in `keep` nor hold values, beyond `REMEMBERED_ROWS`. */
  forgetOld(table: string, keep: ReadonlySet<number>): void {
    const system = this.#system.get(table);
    if (system === undefined || system.byKey.size <= keep.size + REMEMBERED_ROWS) return;
    const gone = [...system.byInstance.keys()]
      .filter((n) => !keep.has(n) && !this.#objects.has(`${table}${n}.`))
      .sort((a, b) => a - b);
    for (const instance of gone.slice(0, Math.max(0, gone.length - REMEMBERED_ROWS))) {
      const key = system.byInstance.get(instance);
      system.byInstance.delete(instance);
      if (key !== undefined) system.byKey.delete(key);
      this.#unsaved.set(`${SYSTEM}${table}${instance}.`, undefined);
    }
  }

  /** Writes numbers given out by `systemNumber`; what cannot be written stays for the next try. */
  save(): Promise<Result<void, SystemError>> {
    return this.#serial(() => this.#write([]));
  }

  /**
   * Runs `build` on the latest state, one caller after the other; when it gives ok, what it put in
   * the candidate is on disk, visible and announced when this resolves. Otherwise nothing is.
   * `along` says what to write with it, given the candidate and the revision that it makes.
   */
  change<T, E>(
    build: (candidate: Candidate) => Result<T, E>,
    along?: (value: T, candidate: Candidate, revision: number) => Along | undefined,
  ): Promise<Result<{ readonly value: T; readonly revision: number }, E | SystemError>> {
    return this.#serial(async () => {
      const candidate = new Candidate(this);
      const built = build(candidate);
      if (!built.ok) return built;
      const { changes } = candidate;
      const beside = along?.(built.value, candidate, this.#revision + (changes.length > 0 ? 1 : 0));
      if (changes.length > 0 || beside !== undefined) {
        const written = await this.#write(changes, beside);
        if (!written.ok) return written;
      }
      return ok({ value: built.value, revision: this.#revision });
    });
  }

  subscribe(listener: (commit: RowsCommit) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #serial<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #write(changes: readonly RowChange[], along?: Along): Promise<Result<void, SystemError>> {
    const saving = this.#unsaved;
    const entries = new Map<string, string | undefined>(saving);
    for (const change of changes) this.#entriesOf(change, entries);
    const revision = this.#revision + (changes.length > 0 ? 1 : 0);
    if (changes.length > 0) entries.set(REVISION, String(revision));
    const beside = along?.store ?? [];
    if (entries.size + beside.length === 0) return ok(undefined);
    this.#unsaved = new Map();
    const written = await this.#store.commit([...[...entries].map(toStoreChange), ...beside]);
    if (!written.ok) {
      // Newer numbers win over those that were to be saved.
      this.#unsaved = new Map([...saving, ...this.#unsaved]);
      return err(written.error);
    }
    for (const change of changes) this.#apply(change);
    this.#revision = revision;
    along?.committed();
    if (changes.length > 0) {
      for (const listener of [...this.#listeners]) listener({ revision, changes });
    }
    return ok(undefined);
  }

  #entriesOf(change: RowChange, entries: Map<string, string | undefined>): void {
    switch (change.op) {
      case 'set':
        entries.set(`${VALUE}${change.object}${change.name}`, change.value);
        return;
      case 'unset':
        entries.set(`${VALUE}${change.object}${change.name}`, undefined);
        return;
      case 'add':
        entries.set(`${ROW}${change.table}${change.instance}.`, '');
        // `systemNumber` may have given out higher numbers since the candidate was built.
        entries.set(
          `${NEXT}${change.table}`,
          String(Math.max(change.instance + 1, this.nextInstance(change.table))),
        );
        return;
      case 'map':
        entries.set(`${SYSTEM}${change.table}${change.instance}.`, change.key);
        entries.set(
          `${NEXT}${change.table}`,
          String(Math.max(change.instance + 1, this.nextInstance(change.table))),
        );
        return;
      case 'remove': {
        const prefix = `${change.table}${change.instance}.`;
        // What the same change wrote below the row before it removed it.
        for (const key of [...entries.keys()]) {
          if (key.startsWith(prefix, VALUE.length)) entries.set(key, undefined);
        }
        entries.set(`${ROW}${prefix}`, undefined);
        for (const [object, values] of this.#objects) {
          if (!object.startsWith(prefix)) continue;
          for (const name of values.keys()) entries.set(`${VALUE}${object}${name}`, undefined);
        }
        // Counters of tables inside stay: they go with the number, which never comes back.
        for (const [table, numbers] of this.#tables) {
          if (!table.startsWith(prefix)) continue;
          for (const n of numbers) entries.set(`${ROW}${table}${n}.`, undefined);
          entries.set(`${NEXT}${table}`, undefined);
        }
        for (const [table, { byInstance }] of this.#system) {
          if (!table.startsWith(prefix)) continue;
          for (const n of byInstance.keys()) entries.set(`${SYSTEM}${table}${n}.`, undefined);
          entries.set(`${NEXT}${table}`, undefined);
        }
        return;
      }
    }
  }

  #apply(change: RowChange): void {
    switch (change.op) {
      case 'set': {
        const values = this.#objects.get(change.object);
        if (values === undefined)
          this.#objects.set(change.object, new Map([[change.name, change.value]]));
        else values.set(change.name, change.value);
        return;
      }
      case 'unset':
        this.#objects.get(change.object)?.delete(change.name);
        return;
      case 'add': {
        this.#tables.set(
          change.table,
          [...this.instances(change.table), change.instance].sort((a, b) => a - b),
        );
        this.#raiseNext(change.table, change.instance);
        return;
      }
      case 'map': {
        const system = this.#systemTable(change.table);
        this.#displace(system, change);
        system.byKey.set(change.key, change.instance);
        system.byInstance.set(change.instance, change.key);
        this.#raiseNext(change.table, change.instance);
        return;
      }
      case 'remove': {
        const prefix = `${change.table}${change.instance}.`;
        const left = this.instances(change.table).filter((n) => n !== change.instance);
        this.#tables.set(change.table, left);
        for (const map of [this.#objects, this.#tables, this.#next, this.#system]) {
          for (const path of map.keys()) if (path.startsWith(prefix)) map.delete(path);
        }
        return;
      }
    }
  }

  /** A number laid down by plan may have been given out at first sight meanwhile: the plan wins, the other row gets a new one. */
  #displace(system: SystemTable, change: Extract<RowChange, { op: 'map' }>): void {
    const { table, key, instance } = change;
    const former = system.byInstance.get(instance);
    if (former !== undefined && former !== key) {
      system.byKey.delete(former);
      this.#unsaved.set(`${SYSTEM}${table}${instance}.`, key);
    }
    const elsewhere = system.byKey.get(key);
    if (elsewhere !== undefined && elsewhere !== instance) {
      system.byInstance.delete(elsewhere);
      this.#unsaved.set(`${SYSTEM}${table}${elsewhere}.`, undefined);
    }
  }

  #load(key: string, text: string): void {
    if (key === REVISION) this.#revision = Number(text) || 0;
    else if (key.startsWith(VALUE)) {
      const path = key.slice(VALUE.length);
      const dot = path.lastIndexOf('.') + 1;
      this.#apply({
        op: 'set',
        object: path.slice(0, dot),
        name: path.slice(dot),
        value: text,
      });
    } else if (key.startsWith(NEXT)) {
      this.#raiseNext(key.slice(NEXT.length), Number(text) - 1 || 0);
    } else if (key.startsWith(ROW) || key.startsWith(SYSTEM)) {
      const { table, instance } = splitRow(key.slice(ROW.length));
      if (key.startsWith(SYSTEM)) this.#apply({ op: 'map', table, key: text, instance });
      else {
        const numbers = this.#tables.get(table);
        if (numbers === undefined) this.#tables.set(table, [instance]);
        else numbers.push(instance);
      }
    }
  }

  #raiseNext(table: string, used: number): void {
    if (used >= this.nextInstance(table)) this.#next.set(table, used + 1);
  }

  #systemTable(table: string): SystemTable {
    const known = this.#system.get(table);
    if (known !== undefined) return known;
    const made = { byKey: new Map<string, number>(), byInstance: new Map<number, string>() };
    this.#system.set(table, made);
    return made;
  }
}

/** `Device.X.Y.3.` → table `Device.X.Y.` and 3. */
export function splitRow(path: string): { table: string; instance: number } {
  const dot = path.lastIndexOf('.', path.length - 2) + 1;
  const instance = Number(path.slice(dot, -1));
  if (!Number.isInteger(instance) || instance < 1)
    throw new BugError(`${path} is not the path of a row`);
  return { table: path.slice(0, dot), instance };
}

function toStoreChange([key, value]: readonly [string, string | undefined]): StoreChange {
  return value === undefined ? { key, value } : { key, value: Buffer.from(value) };
}
