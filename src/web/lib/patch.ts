/** What the page knows of the model, and how the event stream changes it. Pure. */
import type { LiveValues, ModelValue, Patch } from './shapes.ts';

export type Values = ReadonlyMap<string, ModelValue>;

/** An object (final dot) covers all below it, a parameter itself; `*` stands for every row. */
const covers = (prefix: string, path: string): boolean => {
  const full = prefix.includes('*') ? starred(path) : path;
  return prefix.endsWith('.') ? full.startsWith(prefix) : full === prefix;
};

const starred = (path: string): string => path.replace(/\.\d+(?=\.)/g, '.*');

/** Whether one of the prefixes that somebody looks at covers `path`. */
export const covered = (prefixes: Iterable<string>, path: string): boolean => {
  for (const prefix of prefixes) if (covers(prefix, path)) return true;
  return false;
};

export interface Patched {
  /** The same map when nothing of interest changed. */
  readonly values: Values;
  /** Objects and parameters to read: new rows, parameters never seen. */
  readonly read: readonly string[];
}

export function applyPatch(
  values: Values,
  patch: Patch,
  prefixes: ReadonlySet<string>,
  atMs: number,
): Patched {
  let next: Map<string, ModelValue> | undefined;
  const read = new Set<string>();
  const draft = (): Map<string, ModelValue> => {
    next ??= new Map(values);
    return next;
  };
  for (const object of patch.removed) {
    for (const path of values.keys()) if (path.startsWith(object)) draft().delete(path);
  }
  for (const object of patch.added) {
    if (covered(prefixes, object)) read.add(object);
    // A new row, of which some parameters are looked at.
    const rows = starred(object);
    for (const prefix of prefixes)
      if (prefix !== rows && prefix.includes('*') && prefix.startsWith(rows)) read.add(prefix);
  }
  for (const [path, value] of patch.values) {
    if (!covered(prefixes, path)) continue;
    const known = (next ?? values).get(path);
    if (known === undefined) {
      if (!covered(read, path)) read.add(path);
    } else {
      // Also one of the same text: a lease of 120 s that was renewed at once has 120 s left, from now.
      draft().set(path, { ...known, value, atMs });
    }
  }
  return { values: next ?? values, read: outermost(read) };
}

/** Counters and remaining times as they are now; what was never read stays unknown. */
export function applyLive(values: Values, live: LiveValues, atMs: number): Values {
  let next: Map<string, ModelValue> | undefined;
  for (const [path, value] of live) {
    const known = values.get(path);
    if (known === undefined || known.value === value) continue;
    next ??= new Map(values);
    next.set(path, { ...known, value, atMs });
  }
  return next ?? values;
}

/** Lays an answer over what is known: all below `asked` is replaced. */
export function laidOver(
  values: Values,
  asked: readonly string[],
  answer: Iterable<ModelValue>,
): Values {
  const next = new Map<string, ModelValue>();
  for (const [path, value] of values) {
    if (!covered(asked, path)) next.set(path, value);
  }
  for (const value of answer) next.set(value.path, value);
  return next;
}

/** Drops what lies below another of them. */
const outermost = (paths: ReadonlySet<string>): readonly string[] =>
  [...paths].filter(
    (path) =>
      ![...paths].some((other) => other !== path && other.endsWith('.') && path.startsWith(other)),
  );
