/** What a change does to the rows, both ways: from before to after, and back. */
import type { Candidate, RowsView } from './candidate.ts';

export interface ValueDelta {
  readonly path: string;
  /** Undefined: nobody had given it a value. */
  readonly old: string | undefined;
  /** Undefined: nobody has given it a value now. */
  readonly new: string | undefined;
}

export interface RowsDelta {
  /** Object paths with their final dot, also of rows that hold no value. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Those of rows that came or went included. */
  readonly values: readonly ValueDelta[];
}

/** What `after` changes of the state that it stands on; what comes and goes within it is nothing. */
export function deltaOf(before: RowsView, after: Candidate): RowsDelta {
  const rows = new Set<string>();
  const objects = new Set<string>();
  for (const change of after.changes) {
    if (change.op === 'set' || change.op === 'unset') objects.add(change.object);
    else if (change.op !== 'map') {
      const row = `${change.table}${change.instance}.`;
      for (const path of [row, ...below(before, row), ...below(after, row)]) rows.add(path);
      for (const object of before.objects()) if (object.startsWith(row)) objects.add(object);
    }
  }
  const added: string[] = [];
  const removed: string[] = [];
  for (const row of rows) {
    const [was, is] = [hasRow(before, row), hasRow(after, row)];
    if (was !== is) (is ? added : removed).push(row);
  }
  const values: ValueDelta[] = [];
  for (const object of objects) {
    const [was, is] = [before.values(object), after.values(object)];
    for (const name of new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])) {
      const [old, now] = [was?.get(name), is?.get(name)];
      if (old !== now) values.push({ path: object + name, old, new: now });
    }
  }
  return { added, removed, values };
}

/** Every row that somebody added, parents before what is in them. */
export function allRows(view: RowsView): string[] {
  const rows = [...view.tables()].flatMap((table) =>
    view.instances(table).map((instance) => `${table}${instance}.`),
  );
  return rows.sort((a, b) => a.split('.').length - b.split('.').length);
}

const below = (view: RowsView, row: string): string[] =>
  allRows(view).filter((path) => path.startsWith(row));

function hasRow(view: RowsView, row: string): boolean {
  const dot = row.lastIndexOf('.', row.length - 2) + 1;
  return view.instances(row.slice(0, dot)).includes(Number(row.slice(dot, -1)));
}
