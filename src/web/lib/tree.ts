/** The tree of the model browser: schema and rows that exist, joined; folding and search. Pure. */
import { comparePaths, generic, isRow, nameOf, parentOf } from './paths.ts';
import type { InstanceRow, SchemaRow } from './shapes.ts';

export interface TreeNode {
  /** Object path with its final dot. */
  readonly path: string;
  readonly name: string;
  /** Alias or name of a row, where it has one. */
  readonly title: string | undefined;
  readonly table: boolean;
  /** Rows can be added to it. */
  readonly writable: boolean;
  readonly children: readonly TreeNode[];
}

/** Joins what the model supports with the rows that exist. */
export function buildTree(
  schema: readonly SchemaRow[],
  instances: readonly InstanceRow[],
): TreeNode {
  const below = new Map<string, { path: string; table: boolean; writable: boolean }[]>();
  for (const row of schema) {
    if (row.kind !== 'object') continue;
    // A table's own path is above its `{i}.`.
    const path = row.path.replace(/\{i\}\.$/, '');
    const table = row.table || row.path !== path;
    const siblings = below.get(parentOf(path)) ?? [];
    siblings.push({ path, table, writable: row.writable });
    below.set(parentOf(path), siblings);
  }
  const rows = new Map<string, InstanceRow[]>();
  for (const row of instances)
    rows.set(parentOf(row.path), [...(rows.get(parentOf(row.path)) ?? []), row]);
  const object = (
    path: string,
    spec: { table: boolean; writable: boolean },
    title?: string,
  ): TreeNode => ({
    path,
    name: nameOf(path),
    title,
    table: spec.table,
    writable: spec.writable,
    children: spec.table
      ? (rows.get(path) ?? [])
          .toSorted((a, b) => comparePaths(a.path, b.path))
          .map((row) =>
            object(
              row.path,
              { table: false, writable: false },
              row.keys['Alias'] ?? row.keys['Name'],
            ),
          )
      : (below.get(isRow(path) ? generic(path).replace(/\d+\.$/, '{i}.') : generic(path)) ?? [])
          .map((child) => object(`${path}${nameOf(child.path)}.`, child))
          .sort((a, b) => comparePaths(a.path, b.path)),
  });
  return object('Device.', { table: false, writable: false });
}

export interface Line {
  readonly node: TreeNode;
  readonly depth: number;
  readonly open: boolean;
}

/** What is to be seen of the tree, from top to bottom. */
export function visible(node: TreeNode, open: ReadonlySet<string>, depth = 0): readonly Line[] {
  const here = open.has(node.path);
  const self = { node, depth, open: here };
  return here
    ? [self, ...node.children.flatMap((child) => visible(child, open, depth + 1))]
    : [self];
}

/** The objects above a path, the root first. */
export function above(path: string): readonly string[] {
  const found: string[] = [];
  for (let at = parentOf(path); at !== ''; at = parentOf(at)) found.unshift(at);
  return found;
}

export interface Hit {
  /** Object to show. */
  readonly object: string;
  readonly path: string;
  readonly about: string;
}

/** Objects, parameters and commands whose path or description holds every word; at most `max`. */
export function search(
  root: TreeNode,
  schema: readonly SchemaRow[],
  words: string,
  max: number,
): readonly Hit[] {
  const wanted = words
    .toLowerCase()
    .split(/[\s.]+/)
    .filter((word) => word !== '');
  if (wanted.length === 0) return [];
  const concrete = new Map<string, TreeNode[]>();
  const walk = (node: TreeNode): void => {
    const key = generic(node.path);
    concrete.set(key, [...(concrete.get(key) ?? []), node]);
    for (const child of node.children) walk(child);
  };
  walk(root);
  const found: Hit[] = [];
  for (const row of schema) {
    const path = row.kind === 'object' ? row.path.replace(/\{i\}\.$/, '') : row.path;
    const object = row.kind === 'object' ? path : parentOf(path);
    const text = `${path} ${row.about}`.toLowerCase();
    for (const node of concrete.get(object) ?? []) {
      const all = `${text} ${node.path} ${node.title ?? ''}`.toLowerCase();
      if (!wanted.every((word) => all.includes(word))) continue;
      found.push({
        object: node.path,
        path: row.kind === 'object' ? node.path : node.path + nameOf(path),
        about: row.about,
      });
    }
  }
  // A name that is meant comes before a description that mentions it.
  const rank = (hit: Hit): number =>
    wanted.every((word) => nameOf(hit.path).toLowerCase().includes(word))
      ? 0
      : wanted.every((word) => hit.path.toLowerCase().includes(word))
        ? 1
        : 2;
  return found.sort((a, b) => rank(a) - rank(b)).slice(0, max);
}
