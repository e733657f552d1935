/** Rows with fixed instance numbers and their values, all in one write: first start, restored backup. */
import { splitRow } from '../state/rows.ts';
import { accept, type Draft, freeAlias } from './draft.ts';
import type { Change, LayDownPlan } from './model.ts';
import { parsePath } from './paths.ts';
import { listSchema } from './read.ts';
import { badPath } from './resolve.ts';

/** Gives the object paths of the rows that came to be. */
export function layDown(draft: Draft, plan: LayDownPlan): readonly string[] {
  for (const table of plan.mustBeEmpty ?? []) {
    if (draft.candidate.instances(table).length === 0) continue;
    const message = `${table} has rows already: that was done before`;
    draft.faults.push({ kind: 'conflict', path: table, message });
    return [];
  }
  for (const { table, key, instance } of plan.system) draft.candidate.map(table, key, instance);
  const added: string[] = [];
  for (const change of plan.values) layValue(draft, change, added);
  for (const change of plan.stored ?? []) layValue(draft, change, added, true);
  for (const object of added) {
    const { table, instance } = splitRow(object);
    const node = draft.schema.nodeOf(object);
    const alias = node?.params.get('Alias');
    if (node === undefined || alias === undefined) continue;
    if (draft.candidate.values(object)?.has('Alias') === true) continue;
    draft.put(node, object, alias, freeAlias(draft, node, table, instance), undefined);
  }
  return added;
}

function layValue(draft: Draft, { path, value }: Change, added: string[], stored?: boolean): void {
  const parsed = parsePath(path);
  if (!parsed.ok || !parsed.value.concrete || parsed.value.ends !== 'name') {
    const why = parsed.ok ? 'it must be the full path of one parameter' : parsed.error.message;
    draft.faults.push(badPath(path, why));
    return;
  }
  const known = listSchema(draft.schema, path, true);
  if (!known.ok) {
    draft.faults.push(known.error);
    return;
  }
  const dot = path.lastIndexOf('.') + 1;
  const object = path.slice(0, dot);
  const node = draft.schema.nodeOf(object);
  const param = node?.params.get(path.slice(dot));
  if (node === undefined || param === undefined) {
    draft.faults.push(badPath(path, 'it must be the full path of one parameter'));
    return;
  }
  const system = ensureRows(draft, object, path, added);
  if (system === undefined) return;
  const target = { node, object, isTable: false, system, param };
  const isNew = added.some((made) => object.startsWith(made));
  const old = isNew ? undefined : draft.now.value(node, object, param);
  // Of a row that the system made, the plan may still give what can be given but once.
  const accepted = accept(draft, target, param, value, isNew || system, stored);
  if (accepted !== undefined) draft.put(node, object, param, accepted, old);
}

/**
 * Adds the rows along `object` that are missing, under the numbers that it has. Gives whether its
 * last row is one of the system's; undefined, with a fault, when a row cannot be.
 */
function ensureRows(
  draft: Draft,
  object: string,
  path: string,
  added: string[],
): boolean | undefined {
  const { candidate, schema } = draft;
  let system = false;
  const row = /\.(\d+)\./g;
  for (let match = row.exec(object); match !== null; match = row.exec(object)) {
    // The final dot may be the first one of the next row.
    row.lastIndex -= 1;
    const table = object.slice(0, match.index + 1);
    const instance = Number(match[1]);
    if (candidate.instances(table).includes(instance)) continue;
    if (candidate.systemKey(table, instance) !== undefined) {
      system = true;
      continue;
    }
    const node = schema.nodeOf(table);
    if (node?.growable !== true || system) {
      const message = `${path}: the system makes the rows of ${table}, and has made no ${instance}`;
      draft.faults.push({ kind: 'notCreatable', path, message });
      return undefined;
    }
    if (instance < candidate.nextInstance(table) && candidate.nextInstance(table) > 1) {
      // Within one plan numbers come in any order; a number that was ever used before stays used.
      if (!added.some((other) => other.startsWith(table))) {
        const message = `${path}: row ${instance} of ${table} was deleted; its number is not used again`;
        draft.faults.push({ kind: 'notCreatable', path, message });
        return undefined;
      }
    }
    candidate.add(table, instance);
    const made = `${table}${instance}.`;
    added.push(made);
    draft.touch(node, made);
  }
  return system;
}
