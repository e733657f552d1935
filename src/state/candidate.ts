/**
 * A state of the rows that is being put together on top of another one: checks run on it as a
 * whole before it is written, or it is dropped and nothing happened.
 */
export type RowChange =
  /** `object` ends in a dot; `value` is canonical text. */
  | {
      readonly op: 'set';
      readonly object: string;
      readonly name: string;
      readonly value: string;
    }
  | { readonly op: 'unset'; readonly object: string; readonly name: string }
  /** `table` ends in a dot, without the instance number. */
  | { readonly op: 'add'; readonly table: string; readonly instance: number }
  /** The row and all below it. */
  | { readonly op: 'remove'; readonly table: string; readonly instance: number }
  /** Fixes the instance number of a row that the system makes, by its key. */
  | {
      readonly op: 'map';
      readonly table: string;
      readonly key: string;
      readonly instance: number;
    };

/** Reading face of the rows as they are, and of a candidate. Object and table paths end in a dot. */
export interface RowsView {
  /** What was set explicitly on one object, by parameter name. */
  values(object: string): ReadonlyMap<string, string> | undefined;
  /** Rows that someone added, ascending. Rows that the system made are not among them. */
  instances(table: string): readonly number[];
  nextInstance(table: string): number;
  systemInstance(table: string, key: string): number | undefined;
  systemKey(table: string, instance: number): string | undefined;
  /** Every number given to a row that the system made, present or not, by its key. */
  systemRows(table: string): ReadonlyMap<string, number>;
  /** Objects that hold a value. */
  objects(): Iterable<string>;
  /** Tables that rows were ever added to; some may be empty by now. */
  tables(): Iterable<string>;
}

export class Candidate implements RowsView {
  readonly #base: RowsView;
  readonly #changes: RowChange[] = [];
  readonly #objects = new Map<string, Map<string, string>>();
  readonly #tables = new Map<string, readonly number[]>();
  readonly #next = new Map<string, number>();
  readonly #system = new Map<string, Map<string, number>>();
  readonly #removed: string[] = [];

  constructor(base: RowsView) {
    this.#base = base;
  }

  get changes(): readonly RowChange[] {
    return this.#changes;
  }

  values(object: string): ReadonlyMap<string, string> | undefined {
    return (
      this.#objects.get(object) ?? (this.#isRemoved(object) ? undefined : this.#base.values(object))
    );
  }

  instances(table: string): readonly number[] {
    return this.#tables.get(table) ?? (this.#isRemoved(table) ? [] : this.#base.instances(table));
  }

  nextInstance(table: string): number {
    return Math.max(this.#next.get(table) ?? 1, this.#base.nextInstance(table));
  }

  systemInstance(table: string, key: string): number | undefined {
    return this.#system.get(table)?.get(key) ?? this.#base.systemInstance(table, key);
  }

  systemKey(table: string, instance: number): string | undefined {
    for (const [key, n] of this.#system.get(table) ?? []) if (n === instance) return key;
    return this.#base.systemKey(table, instance);
  }

  systemRows(table: string): ReadonlyMap<string, number> {
    const own = this.#system.get(table);
    const base = this.#base.systemRows(table);
    return own === undefined ? base : new Map([...base, ...own]);
  }

  *objects(): Iterable<string> {
    for (const object of this.#base.objects()) {
      if (!this.#objects.has(object) && !this.#isRemoved(object)) yield object;
    }
    yield* this.#objects.keys();
  }

  *tables(): Iterable<string> {
    for (const table of this.#base.tables()) {
      if (!this.#tables.has(table) && !this.#isRemoved(table)) yield table;
    }
    yield* this.#tables.keys();
  }

  set(object: string, name: string, value: string): void {
    this.#own(object).set(name, value);
    this.#changes.push({ op: 'set', object, name, value });
  }

  unset(object: string, name: string): void {
    this.#own(object).delete(name);
    this.#changes.push({ op: 'unset', object, name });
  }

  /** Adds a row under the next number of the table, or under `instance` where nobody ever had it. */
  add(table: string, instance = this.nextInstance(table)): number {
    this.#tables.set(
      table,
      [...this.instances(table), instance].sort((a, b) => a - b),
    );
    this.#next.set(table, Math.max(instance + 1, this.nextInstance(table)));
    this.#changes.push({ op: 'add', table, instance });
    return instance;
  }

  remove(table: string, instance: number): void {
    const prefix = `${table}${instance}.`;
    this.#tables.set(
      table,
      this.instances(table).filter((n) => n !== instance),
    );
    for (const map of [this.#objects, this.#tables, this.#next, this.#system]) {
      for (const path of map.keys()) if (path.startsWith(prefix)) map.delete(path);
    }
    this.#removed.push(prefix);
    this.#changes.push({ op: 'remove', table, instance });
  }

  map(table: string, key: string, instance: number): void {
    const own = this.#system.get(table) ?? new Map<string, number>();
    own.set(key, instance);
    this.#system.set(table, own);
    this.#next.set(table, Math.max(instance + 1, this.nextInstance(table)));
    this.#changes.push({ op: 'map', table, key, instance });
  }

  #own(object: string): Map<string, string> {
    const known = this.#objects.get(object);
    if (known !== undefined) return known;
    const copy = new Map(this.values(object));
    this.#objects.set(object, copy);
    return copy;
  }

  #isRemoved(path: string): boolean {
    return this.#removed.some((prefix) => path.startsWith(prefix));
  }
}
