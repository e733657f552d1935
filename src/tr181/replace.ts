/** The configuration as a whole: taken out as a snapshot, and put in place of the one there is. */
import type { RowsView } from '../state/candidate.ts';
import { allRows } from '../state/delta.ts';
import { splitRow } from '../state/rows.ts';
import { accept, type Draft } from './draft.ts';
import type { Change, Snapshot } from './model.ts';
import { parsePath } from './paths.ts';
import { badPath } from './resolve.ts';
import type { Param, Schema, SchemaNode } from './schema.ts';
import { listItems } from './types.ts';

/** Observations that are kept durably (a date of first use) are no configuration. */
const isConfiguration = ({ def, writable }: Param): boolean => writable || def.derived === true;

export function snapshotOf(schema: Schema, view: RowsView): Snapshot {
  const values: Change[] = [];
  /** Rows that hold values or are pointed to; those that the system made need their number. */
  const wanted = new Set<string>();
  for (const object of view.objects()) {
    const node = schema.nodeOf(object);
    if (node === undefined) continue;
    for (const [name, value] of view.values(object) ?? []) {
      const param = node.params.get(name);
      if (param === undefined || !isConfiguration(param)) continue;
      values.push({ path: object + name, value });
      if (node.table) wanted.add(object);
      if (param.def.ref !== undefined) {
        for (const item of listItems(value)) wanted.add(`${item}.`);
      }
    }
  }
  const system = [...wanted].sort().flatMap((object) => {
    const { table, instance } = splitRow(object);
    const key = view.systemKey(table, instance);
    return key === undefined ? [] : [{ table, key, instance }];
  });
  return { system, rows: allRows(view), values };
}

export interface Replaced {
  /** Object paths, with final dots. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Fills `draft` with all that leads from the configuration there is to `target`. */
export function replaceAll(draft: Draft, target: Snapshot, keep: readonly string[]): Replaced {
  const { candidate, schema } = draft;
  const kept = (path: string): boolean => keep.some((prefix) => path.startsWith(prefix));
  for (const { table, key, instance } of target.system) {
    if (schema.nodeOf(table) === undefined || kept(table)) continue;
    if (candidate.systemInstance(table, key) !== instance) candidate.map(table, key, instance);
  }
  const removed = removeRows(draft, new Set(target.rows), kept);
  const added = addRows(draft, target.rows, kept);
  const wanted = new Set(target.values.map(({ path }) => path));
  clearValues(draft, (path) => wanted.has(path) || kept(path));
  for (const change of target.values) if (!kept(change.path)) putValue(draft, change, added);
  return { added, removed };
}

function removeRows(
  draft: Draft,
  wanted: ReadonlySet<string>,
  kept: (path: string) => boolean,
): string[] {
  const removed: string[] = [];
  for (const row of allRows(draft.candidate)) {
    if (wanted.has(row) || kept(row)) continue;
    // A row below another one that goes as well goes with it.
    if (removed.some((above) => row.startsWith(above))) continue;
    const { table, instance } = splitRow(row);
    const node = draft.schema.nodeOf(row);
    draft.candidate.remove(table, instance);
    if (node !== undefined) draft.touched.set(table, node);
    removed.push(row);
  }
  return removed;
}

/** At most so many rows and values: a configuration of a house has a few hundred. */
const MAX_ITEMS = 50_000;
const MAX_ROWS = 1024;

function addRows(draft: Draft, rows: readonly string[], kept: (path: string) => boolean): string[] {
  const added: string[] = [];
  const { candidate, schema, faults } = draft;
  const byDepth = [...rows].sort((a, b) => a.split('.').length - b.split('.').length);
  for (const row of byDepth.slice(0, MAX_ITEMS)) {
    if (kept(row)) continue;
    const node = nodeOfRow(draft, row);
    if (node === undefined) continue;
    const { table, instance } = splitRow(row);
    if (candidate.instances(table).includes(instance)) continue;
    // A row that comes back has its number again: references and people know it by that.
    if (!node.growable) {
      const message = `${row}: the system makes the rows of ${table}`;
      faults.push({ kind: 'notCreatable', path: row, message });
    } else if (candidate.instances(table).length >= (node.def.maxRows ?? MAX_ROWS)) {
      const message = `${table} has as many rows as it takes already`;
      faults.push({ kind: 'resources', path: row, message });
    } else if (!rowAbove(schema, table, candidate)) {
      faults.push({ kind: 'unknownPath', path: row, message: `${row}: the row above is missing` });
    } else {
      candidate.add(table, instance);
      draft.touch(node, row);
      added.push(row);
    }
  }
  return added;
}

/** The node of `row` where it is the path of a row at all; else a fault. */
function nodeOfRow(draft: Draft, row: string): SchemaNode | undefined {
  const parsed = parsePath(row);
  const node = parsed.ok && parsed.value.concrete ? draft.schema.nodeOf(row) : undefined;
  if (node?.table === true && /\.[1-9]\d{0,9}\.$/.test(row)) return node;
  draft.faults.push(badPath(row, 'this version knows no such rows'));
  return undefined;
}

/** Whether the row that `table` is in, if it is in one, is there. */
function rowAbove(schema: Schema, table: string, view: RowsView): boolean {
  const match = /^(.*\.)(\d+)\.(?:[A-Za-z_]\w*\.)+$/.exec(table);
  if (match === null) return true;
  const [, above = '', number = ''] = match;
  if (schema.nodeOf(above)?.table !== true) return true;
  const instance = Number(number);
  return view.instances(above).includes(instance) || view.systemKey(above, instance) !== undefined;
}

function clearValues(draft: Draft, stays: (path: string) => boolean): void {
  const { candidate, schema } = draft;
  for (const object of [...candidate.objects()]) {
    const node = schema.nodeOf(object);
    for (const [name, old] of [...(candidate.values(object) ?? [])]) {
      const param = node?.params.get(name);
      if (node === undefined || param === undefined || !isConfiguration(param)) continue;
      if (!stays(object + name)) draft.clear(node, object, param, old);
    }
  }
}

function putValue(draft: Draft, { path, value }: Change, added: readonly string[]): void {
  const { candidate, schema } = draft;
  const dot = path.lastIndexOf('.') + 1;
  const object = path.slice(0, dot);
  const parsed = parsePath(path);
  const concrete = parsed.ok && parsed.value.concrete && parsed.value.ends === 'name';
  const node = concrete ? schema.nodeOf(object) : undefined;
  const param = node?.params.get(path.slice(dot));
  if (node === undefined || param === undefined) {
    draft.faults.push(badPath(path, 'this version knows no such parameter'));
    return;
  }
  let system = false;
  if (node.table) {
    const { table, instance } = splitRow(object);
    system = !candidate.instances(table).includes(instance);
    if (system && candidate.systemKey(table, instance) === undefined) {
      draft.faults.push({ kind: 'unknownPath', path, message: `${path}: there is no such row` });
      return;
    }
  } else if (!rowAbove(schema, object, candidate)) {
    draft.faults.push({ kind: 'unknownPath', path, message: `${path}: there is no such row` });
    return;
  }
  const stored = candidate.values(object)?.get(param.name);
  if (stored === value) return;
  const isNew = added.some((row) => object.startsWith(row));
  const old = isNew ? undefined : (stored ?? draft.now.value(node, object, param));
  const accepted = accept(
    draft,
    { node, object, isTable: false, system, param },
    param,
    value,
    true,
  );
  if (accepted !== undefined) draft.put(node, object, param, accepted, old);
}
