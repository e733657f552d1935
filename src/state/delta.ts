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
  /** Numbers of rows that the system makes, as they were before this took or changed them. */
  readonly numbers: readonly SystemNumber[];
}

export interface SystemNumber {
  readonly table: string;
  readonly key: string;
  readonly instance: number;
}

/** What `after` changes of the state that it stands on; what comes and goes within it is nothing. */
export function deltaOf(before: RowsView, after: Candidate): RowsDelta {
  const objects = new Set<string>();
  const gone: string[] = [];
  const numbers: SystemNumber[] = [];
  let moved = false;
  for (const change of after.changes) {
    if (change.op === 'set' || change.op === 'unset') objects.add(change.object);
    else if (change.op === 'map') numbers.push(...numbersBefore(before, change));
    else {
      moved = true;
      if (change.op === 'remove') gone.push(`${change.table}${change.instance}.`);
    }
  }
  if (gone.length > 0) {
    for (const object of before.objects()) {
      if (gone.some((row) => object.startsWith(row))) objects.add(object);
    }
  }
  const [was, is] = moved ? [new Set(allRows(before)), new Set(allRows(after))] : [NONE, NONE];
  return {
    added: [...is].filter((row) => !was.has(row)),
    removed: [...was].filter((row) => !is.has(row)),
    values: [...objects].flatMap((object) =>
      valuesOf(object, before.values(object) ?? NOTHING, after.values(object) ?? NOTHING),
    ),
    numbers,
  };
}

/** What a row and a number that are joined now were joined with before. */
function numbersBefore(before: RowsView, { table, key, instance }: SystemNumber): SystemNumber[] {
  const [number, holder] = [before.systemInstance(table, key), before.systemKey(table, instance)];
  return [
    ...(number === undefined || number === instance ? [] : [{ table, key, instance: number }]),
    ...(holder === undefined || holder === key ? [] : [{ table, key: holder, instance }]),
  ];
}

const NONE: ReadonlySet<string> = new Set();
const NOTHING: ReadonlyMap<string, string> = new Map();

function valuesOf(
  object: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): ValueDelta[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    return old === now ? [] : [{ path: object + name, old, new: now }];
  });
}

/** Every row that somebody added, parents before what is in them. */
export function allRows(view: RowsView): string[] {
  const rows = [...view.tables()].flatMap((table) =>
    view.instances(table).map((instance) => `${table}${instance}.`),
  );
  return rows.sort((a, b) => a.split('.').length - b.split('.').length);
}
