/** Checks of a candidate as a whole, and the upkeep that TR-106 asks for: Order, emptied references. */
import type { Candidate } from '../state/candidate.ts';
import { splitRow } from '../state/rows.ts';
import type { Fault } from './model.ts';
import { parsePath } from './paths.ts';
import type { Resolver } from './resolve.ts';
import type { Schema, SchemaNode } from './schema.ts';
import type { ParamDef } from './table.ts';
import { listItems } from './types.ts';

/** Tables (concrete paths) with rows that a change touched. */
export type TouchedTables = ReadonlyMap<string, SchemaNode>;

export function checkUnique(touched: TouchedTables, after: Resolver): Fault[] {
  const faults: Fault[] = [];
  for (const [table, node] of touched) {
    for (const key of node.def.uniqueKeys ?? []) {
      faults.push(...checkKey(table, node, key, after));
    }
  }
  return faults;
}

function checkKey(
  table: string,
  node: SchemaNode,
  key: readonly string[],
  after: Resolver,
): Fault[] {
  const isAlias = key.length === 1 && key[0] === 'Alias';
  const enable = isAlias ? undefined : node.params.get(node.def.enable ?? '');
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  for (const instance of after.instances(node, table)) {
    // Rows that the system made follow the network: they must not keep users from writing.
    if (!isAlias && !after.isAdded(table, instance)) continue;
    const object = `${table}${instance}.`;
    if (enable !== undefined && after.value(node, object, enable) !== 'true') continue;
    const values = key.map((name) => {
      const param = node.params.get(name);
      return param === undefined ? '' : after.value(node, object, param);
    });
    // Nothing of the key is configured yet.
    if (values.every((value) => value === '')) continue;
    const text = JSON.stringify(values);
    const other = seen.get(text);
    if (other === undefined) seen.set(text, object);
    else {
      const what = key.map((name, i) => `${name} ${JSON.stringify(values[i])}`).join(', ');
      faults.push({
        kind: 'notUnique',
        path: `${object}${key[0]}`,
        message: `${object} and ${other} would both have ${what}`,
      });
    }
  }
  return faults;
}

/**
 * The canonical text of references (paths without final dot, aliases and searches resolved), or
 * why one is refused. Whether the row exists is checked on the candidate.
 */
export function canonicalReference(
  def: ParamDef,
  value: string,
  schema: Schema,
  now: Resolver,
): { readonly value: string } | { readonly why: string } {
  const targets = def.ref?.targets ?? [];
  const items: string[] = [];
  for (const item of def.list === undefined ? (value === '' ? [] : [value]) : listItems(value)) {
    const path = parsePath(item);
    const wanted = targets.join(' or ');
    if (!path.ok) return { why: `${JSON.stringify(item)} is not a path of a row of ${wanted}` };
    let object = item.endsWith('.') ? item : `${item}.`;
    if (!path.value.concrete) {
      const found = now.resolvePath(path.value, item);
      if (!found.ok) return { why: found.error.message };
      const [only, second] = found.value;
      if (only === undefined || second !== undefined || only.isTable || only.param !== undefined) {
        return { why: `${item} must name exactly one row` };
      }
      object = only.object;
    }
    const node = schema.nodeOf(object);
    const isRow = node?.table === true && /\.\d+\.$/.test(object);
    if (node === undefined || !isRow || !targets.includes(node.path)) {
      return { why: `${JSON.stringify(item)} is not a row of ${wanted}` };
    }
    const canonical = object.slice(0, -1);
    if (!items.includes(canonical)) items.push(canonical);
  }
  return { value: items.join(',') };
}

/** The first reference in `value` to a row that neither exists nor is one that the system remembers. */
export function danglingReference(
  value: string,
  candidate: Candidate,
  schema: Schema,
  after: Resolver,
): string | undefined {
  return listItems(value).find((item) => {
    const object = `${item}.`;
    const node = schema.nodeOf(object);
    if (node === undefined) return true;
    const { table, instance } = splitRow(object);
    return (
      !after.exists(node, table, instance) && candidate.systemKey(table, instance) === undefined
    );
  });
}

export interface Emptied {
  readonly object: string;
  readonly name: string;
  readonly old: string;
  readonly value: string;
  readonly node: SchemaNode;
}

/** TR-106 §3.2.4: strong references to deleted rows become empty (of a list, the item goes). */
export function emptyReferences(
  candidate: Candidate,
  schema: Schema,
  removed: readonly string[],
): Emptied[] {
  const emptied: Emptied[] = [];
  for (const object of [...candidate.objects()]) {
    const node = schema.nodeOf(object);
    for (const [name, old] of [...(candidate.values(object) ?? [])]) {
      if (old === '' || node === undefined) continue;
      if (node.params.get(name)?.def.ref?.strong !== true) continue;
      const left = listItems(old).filter(
        (item) => !removed.some((prefix) => `${item}.`.startsWith(prefix)),
      );
      const value = left.join(',');
      if (value === old) continue;
      candidate.set(object, name, value);
      emptied.push({ object, name, old, value, node });
    }
  }
  return emptied;
}

export interface Reordered {
  readonly object: string;
  readonly name: string;
  readonly old: string;
  readonly value: string;
}

/**
 * TR-181 Order: a row that is moved to a place pushes the one there and those after it down; then
 * the numbers are closed up to 1, 2, 3 …
 */
export function settleOrder(
  candidate: Candidate,
  table: string,
  name: string,
  moved: ReadonlySet<number>,
): Reordered[] {
  const rows = candidate.instances(table).map((instance) => {
    const object = `${table}${instance}.`;
    const old = candidate.values(object)?.get(name) ?? '';
    return { instance, object, old, order: old === '' ? Number.POSITIVE_INFINITY : Number(old) };
  });
  const first = (instance: number): number => (moved.has(instance) ? 0 : 1);
  rows.sort(
    (a, b) =>
      compareNumbers(a.order, b.order) ||
      first(a.instance) - first(b.instance) ||
      a.instance - b.instance,
  );
  const reordered: Reordered[] = [];
  for (const [i, { object, old }] of rows.entries()) {
    const value = String(i + 1);
    if (value === old) continue;
    candidate.set(object, name, value);
    reordered.push({ object, name, old, value });
  }
  return reordered;
}

// Infinity − Infinity is NaN, so no subtraction.
const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
