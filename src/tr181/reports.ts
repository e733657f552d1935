/**
 * The latest report of every group: read-only values and rows that the system made. A group is
 * asked again when one of its inputs changed, at the latest when somebody reads; what differs from
 * its last report becomes notices.
 */
import type { Rows } from '../state/rows.ts';
import { splitRow } from '../state/rows.ts';
import type { Notice } from './model.ts';
import { RowReader } from './reader.ts';
import type { Schema, SchemaNode } from './schema.ts';
import type {
  Fact,
  Lookups,
  ObjectGroup,
  Observations,
  Product,
  ReportContext,
  Reported,
  ReportedValues,
  ReportSink,
  Running,
} from './table.ts';
import { emptyValue } from './types.ts';

/** Rows that the system makes in one table, at most: a hostile network must not fill the memory. */
const MAX_SYSTEM_ROWS = 1024;

/** The same moment is a little elsewhere each time it is computed of two clocks. */
const SAME_MOMENT_MS = 500;

interface GroupReport {
  readonly objects: Map<string, ReportedValues>;
  /** Concrete table path → instance numbers. */
  readonly tables: Map<string, Set<number>>;
}

export interface ReportsDeps {
  readonly schema: Schema;
  readonly rows: Rows;
  readonly observed: () => Readonly<Partial<Observations>>;
  readonly lookups: Lookups;
  readonly product: Product;
}

export class Reports {
  readonly #deps: ReportsDeps;
  readonly #groups: readonly ObjectGroup[];
  readonly #reports: GroupReport[];
  readonly #dirty: boolean[];
  #anyDirty = true;
  #seen: Readonly<Partial<Observations>> = {};
  readonly #counters = new Map<string, Map<string, () => bigint>>();
  readonly #baselines = new Map<string, Map<string, bigint>>();
  #notices: Notice[] = [];

  constructor(deps: ReportsDeps) {
    this.#deps = deps;
    this.#groups = deps.schema.groups;
    this.#reports = this.#groups.map(() => ({ objects: new Map(), tables: new Map() }));
    this.#dirty = this.#groups.map(() => true);
  }

  rowsChanged(): void {
    this.#dirty.fill(true);
    this.#anyDirty = true;
  }

  /** Brings every report up to date. */
  refresh(): void {
    this.#noticeObservations();
    if (!this.#anyDirty) return;
    this.#anyDirty = false;
    for (const [i, group] of this.#groups.entries()) {
      if (this.#dirty[i] !== true) continue;
      this.#dirty[i] = false;
      if (group.report !== undefined) this.#run(i, group);
    }
  }

  /** What changed since the last call. */
  takeNotices(): readonly Notice[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  facts(): readonly Fact[] {
    return this.#groups.flatMap((group) => group.facts?.(this.#context()) ?? []);
  }

  value(node: SchemaNode, object: string, name: string): string | undefined {
    const reported = this.#reports[node.group]?.objects.get(object)?.[name];
    return reported === undefined ? undefined : textOf(reported);
  }

  /** Instance numbers of the rows of `table` that the system makes now. */
  live(node: SchemaNode, table: string): ReadonlySet<number> | undefined {
    return this.#reports[node.group]?.tables.get(table);
  }

  /** The counters of `object` count from zero from now on. */
  zeroCounters(object: string): void {
    const values = new Map<string, bigint>();
    for (const [name, read] of this.#counters.get(object) ?? []) values.set(name, read());
    this.#baselines.set(object, values);
  }

  /** By identity, so that a reader sees what was published an instant ago. */
  #noticeObservations(): void {
    const now = this.#deps.observed();
    const before = this.#seen;
    if (now === before) return;
    this.#seen = now;
    for (const [i, group] of this.#groups.entries()) {
      if (group.inputs.every((input) => now[input] === before[input])) continue;
      this.#dirty[i] = true;
      this.#anyDirty = true;
    }
  }

  #run(index: number, group: ObjectGroup): void {
    const { rows } = this.#deps;
    const objects = new Map<string, ReportedValues>();
    const tables = new Map<string, Set<number>>();
    const sink: ReportSink = {
      put: (object, values) => {
        const known = objects.get(object);
        objects.set(object, known === undefined ? values : { ...known, ...values });
      },
      row: (table, key, values) => {
        const live = tables.get(table) ?? new Set<number>();
        tables.set(table, live);
        const known = rows.systemInstance(table, key);
        if (known === undefined && live.size >= MAX_SYSTEM_ROWS) return '';
        const instance = known ?? rows.systemNumber(table, key);
        live.add(instance);
        const object = `${table}${instance}.`;
        sink.put(object, values);
        return object;
      },
      counter: (object, name, read) => this.#counter(object, name, read),
    };
    group.report?.(this.#context(), sink);
    const old = this.#reports[index] ?? { objects: new Map(), tables: new Map() };
    this.#reports[index] = { objects, tables };
    this.#diffTables(old, tables);
    this.#diffValues(old, objects);
    for (const [table, live] of tables) rows.forgetOld(table, live);
  }

  #context(): ReportContext {
    const { schema, rows, observed, lookups, product } = this.#deps;
    return {
      observed: observed(),
      rows: new RowReader(schema, rows),
      view: rows,
      lookups,
      product,
    };
  }

  #counter(object: string, name: string, read: () => bigint): () => string {
    const counters = this.#counters.get(object) ?? new Map<string, () => bigint>();
    this.#counters.set(object, counters.set(name, read));
    return () => {
      const raw = read();
      const base = this.#baselines.get(object)?.get(name) ?? 0n;
      // Less than at the reset: the interface was made anew and counts from zero itself.
      return String(raw < base ? raw : raw - base);
    };
  }

  #diffTables(old: GroupReport, tables: ReadonlyMap<string, ReadonlySet<number>>): void {
    for (const table of new Set([...old.tables.keys(), ...tables.keys()])) {
      const before = old.tables.get(table) ?? new Set();
      const now = tables.get(table) ?? new Set();
      for (const n of now) {
        if (!before.has(n)) this.#notices.push({ kind: 'added', path: `${table}${n}.` });
      }
      for (const n of before) {
        if (now.has(n)) continue;
        this.#notices.push({ kind: 'removed', path: `${table}${n}.` });
        this.#forget(`${table}${n}.`);
      }
    }
  }

  #diffValues(old: GroupReport, objects: ReadonlyMap<string, ReportedValues>): void {
    for (const [object, values] of objects) {
      const before = old.objects.get(object);
      const node = this.#deps.schema.nodeOf(object);
      if (node === undefined || before === values) continue;
      // A row that appears is announced by itself, not value by value.
      if (before === undefined && this.#isSystemRow(node, object)) continue;
      for (const [name, value] of Object.entries(values)) {
        const param = node.params.get(name);
        if (param === undefined || typeof value === 'function') continue;
        const previous: Reported = before?.[name] ?? param.def.default ?? emptyValue(param.def);
        if (typeof value === 'string' ? value !== previous : beginsAnew(previous, value)) {
          const text = textOf(value);
          this.#notices.push({ kind: 'value', path: object + name, value: text, type: param.base });
        }
      }
    }
  }

  #isSystemRow(node: SchemaNode, object: string): boolean {
    if (!node.table) return false;
    const { table, instance } = splitRow(object);
    return !this.#deps.rows.instances(table).includes(instance);
  }

  #forget(object: string): void {
    for (const map of [this.#counters, this.#baselines]) {
      for (const path of map.keys()) if (path.startsWith(object)) map.delete(path);
    }
  }
}

const textOf = (value: Reported): string =>
  typeof value === 'string' ? value : typeof value === 'function' ? value() : value.read();

const beginsAnew = (previous: Reported, { momentMs: now }: Running): boolean => {
  if (typeof previous !== 'object' || previous.momentMs === now) return false;
  const { momentMs: before } = previous;
  return before === undefined || now === undefined || !(Math.abs(now - before) < SAME_MOMENT_MS);
};
