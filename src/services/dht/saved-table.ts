/** What is kept of the routing tables over a restart: our ids, and nodes in compact form. */
import type { Family } from './config.ts';
import { ID_BYTES } from './distance.ts';
import type { NodeTable } from './node-table.ts';
import { type NamedNode, namedNodes } from './searcher.ts';

const FORM = 1;
const HEADER_BYTES = 1 + 2 * (ID_BYTES + 2);
const MAX_NODES = 2_000;

export interface SavedTables {
  readonly ids: Readonly<Partial<Record<Family, Uint8Array>>>;
  readonly nodes: readonly NamedNode[];
}

/** Of each family its id and the number of its nodes, then the nodes. */
export function saveTables(tables: Readonly<Partial<Record<Family, NodeTable>>>): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = FORM;
  const parts: Uint8Array[] = [header];
  for (const [i, family] of ([4, 6] as const).entries()) {
    const table = tables[family];
    if (table === undefined) continue;
    const at = 1 + i * (ID_BYTES + 2);
    header.set(table.own, at);
    const compact = table.compactAll(MAX_NODES);
    const count = compact.length / recordOf(family);
    header[at + ID_BYTES] = count >>> 8;
    header[at + ID_BYTES + 1] = count;
    parts.push(compact);
  }
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Undefined for bytes of another form, or damaged ones: then it begins as if nothing was kept. */
export function readTables(bytes: Uint8Array): SavedTables | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== FORM) return undefined;
  const ids: Partial<Record<Family, Uint8Array>> = {};
  const nodes: NamedNode[] = [];
  let at = HEADER_BYTES;
  for (const [i, family] of ([4, 6] as const).entries()) {
    const head = 1 + i * (ID_BYTES + 2);
    const id = bytes.slice(head, head + ID_BYTES);
    if (id.some((byte) => byte !== 0)) ids[family] = id;
    const count = ((bytes[head + ID_BYTES] ?? 0) << 8) | (bytes[head + ID_BYTES + 1] ?? 0);
    const end = at + count * recordOf(family);
    if (end > bytes.length) return undefined;
    nodes.push(...namedNodes(bytes.slice(at, end), family));
    at = end;
  }
  return at === bytes.length ? { ids, nodes } : undefined;
}

const recordOf = (family: Family): number => ID_BYTES + (family === 4 ? 6 : 18);
