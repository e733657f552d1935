/** One request before it is written: what it changes, and everything that is wrong with it. */

import { cryptFault } from '../base/crypt-hash.ts';
import { BugError } from '../base/errors.ts';
import { parsePhc } from '../base/phc.ts';
import type { Candidate } from '../state/candidate.ts';
import { type Rows, splitRow } from '../state/rows.ts';
import { canonicalReference, checkUnique, danglingReference, settleOrder } from './checks.ts';
import type { Change, Fault } from './model.ts';
import { RowReader } from './reader.ts';
import type { Reports } from './reports.ts';
import { Resolver, type Target } from './resolve.ts';
import type { Param, Schema, SchemaNode } from './schema.ts';
import { canonical } from './types.ts';

/** Passwords of a request, with the hashes that were made of them before: hashing takes its time. */
export type Hashes = ReadonlyMap<string, string>;

export interface DraftDeps {
  readonly schema: Schema;
  readonly rows: Rows;
  readonly reports: Reports;
}

interface Written {
  readonly node: SchemaNode;
  readonly object: string;
  readonly name: string;
  readonly old: string | undefined;
  readonly value: string;
}

/** What one request does, gathered before anything is written. */
export class Draft {
  readonly schema: Schema;
  readonly candidate: Candidate;
  readonly now: Resolver;
  readonly after: Resolver;
  readonly hashes: Hashes;
  /** Values come from the store (a backup, an earlier revision): hashed and converted already. */
  readonly stored: boolean;
  readonly faults: Fault[] = [];
  readonly written = new Map<string, Written>();
  readonly touched = new Map<string, SchemaNode>();
  /** Rows of a table whose Order was given. */
  readonly moved = new Map<string, Set<number>>();

  constructor(
    candidate: Candidate,
    deps: DraftDeps,
    options: { readonly hashes?: Hashes; readonly stored?: boolean } = {},
  ) {
    this.hashes = options.hashes ?? new Map();
    this.stored = options.stored ?? false;
    this.schema = deps.schema;
    this.candidate = candidate;
    this.now = new Resolver(deps.schema, deps.rows, deps.reports);
    this.after = new Resolver(deps.schema, candidate, deps.reports);
  }

  touch(node: SchemaNode, object: string): void {
    if (node.table) this.touched.set(splitRow(object).table, node);
  }

  /** Takes back a value that was given: the default holds again. */
  clear(node: SchemaNode, object: string, param: Param, old: string): void {
    this.candidate.unset(object, param.name);
    const value = this.after.value(node, object, param);
    this.written.set(object + param.name, { node, object, name: param.name, old, value });
    this.touch(node, object);
  }

  put(
    node: SchemaNode,
    object: string,
    param: Param,
    value: string,
    old: string | undefined,
  ): void {
    if (this.candidate.values(object)?.get(param.name) !== value) {
      this.candidate.set(object, param.name, value);
    }
    this.written.set(object + param.name, { node, object, name: param.name, old, value });
    this.touch(node, object);
    if (param.def.type === 'Order' && node.table) {
      const { table, instance } = splitRow(object);
      const moved = this.moved.get(table) ?? new Set();
      this.moved.set(table, moved.add(instance));
    }
  }
}

/**
 * Canonical text of a value that may be written to that parameter; else undefined, with a fault.
 * `stored` says that it is as the store keeps it: a password is its hash.
 */
export function accept(
  draft: Draft,
  target: Target,
  param: Param,
  text: string,
  creating: boolean,
  stored = draft.stored,
): string | undefined {
  const { node, object, system } = target;
  const path = object + param.name;
  const { def } = param;
  const refuse = (kind: Fault['kind'], why: string): undefined => {
    draft.faults.push({ kind, path, message: `${path}: ${why}` });
    return undefined;
  };
  if (!param.writable && !(stored && def.derived === true)) {
    return refuse('notWritable', 'it is read-only');
  }
  if (system && !node.systemWritable.has(param.name)) {
    return refuse('notWritable', 'the system made this row and sets its values');
  }
  const parsed = canonical(def, text);
  if (!parsed.ok) {
    const why = def.secret === true ? secretWanted(def) : parsed.error.message;
    return refuse(parsed.error.kind, why);
  }
  if (def.access === 'writeOnce' && !creating) {
    // Writing what stands there already changes nothing, and is what restoring a backup does.
    return parsed.value === draft.now.value(node, object, param)
      ? parsed.value
      : refuse('notWritable', 'it can be given only when the row is added');
  }
  if (def.hashed !== undefined && parsed.value !== '') {
    const hash = stored ? storedHash(parsed.value) : draft.hashes.get(parsed.value);
    const why = stored ? undefined : def.hashed.refuse(parsed.value);
    if (why !== undefined) return refuse('outOfRange', why);
    return hash ?? refuse('outOfRange', 'it could not be hashed');
  }
  if (def.convert !== undefined && !stored) {
    const converted = def.convert(parsed.value);
    if (!converted.ok) return refuse('outOfRange', converted.error);
    for (const [name, value] of Object.entries(converted.value.also)) {
      const other = node.params.get(name);
      if (other === undefined) throw new BugError(`${path} writes ${name}, which is not declared`);
      draft.put(node, object, other, value, draft.now.value(node, object, other));
    }
    return converted.value.value;
  }
  if (def.ref === undefined) return parsed.value;
  const reference = canonicalReference(def, parsed.value, draft.schema, draft.now);
  if ('why' in reference) return refuse('badReference', reference.why);
  return reference.value;
}

/** A password that nobody logged in with yet may be as another tool hashed it. */
const storedHash = (text: string): string | undefined =>
  parsePhc(text).ok || cryptFault(text) === undefined ? text : undefined;

export function checkWhole(draft: Draft): void {
  const { candidate, after, faults, schema } = draft;
  for (const { node, object, name, value } of draft.written.values()) {
    const param = node.params.get(name);
    if (param?.def.ref?.strong !== true) continue;
    const missing = danglingReference(value, candidate, schema, after);
    if (missing !== undefined) {
      faults.push({
        kind: 'badReference',
        path: object + name,
        message: `${object}${name}: there is no row ${missing}.`,
      });
    }
  }
  for (const [table, node] of draft.touched) {
    if (node.order === undefined) continue;
    const moved = draft.moved.get(table) ?? new Set<number>();
    for (const change of settleOrder(candidate, table, node.order, moved)) {
      const path = change.object + change.name;
      const before = draft.written.get(path);
      draft.written.set(path, {
        ...change,
        node,
        old: before === undefined ? change.old : before.old,
      });
    }
  }
  faults.push(...checkUnique(draft.touched, after));
  // Checks across parameters would blame what merely follows from a value that was refused.
  if (faults.length > 0) return;
  const reader = new RowReader(schema, candidate);
  for (const group of schema.groups) {
    group.check?.(reader, {
      fault: (path, message) =>
        faults.push({ kind: 'conflict', path, message: `${path}: ${message}` }),
    });
  }
}

/** What was written, as it may be shown. */
export const shown = (draft: Draft): Change[] =>
  [...draft.written.values()].map(({ node, object, name, value }) => ({
    path: object + name,
    value: node.params.get(name)?.def.secret === true ? '' : value,
  }));

/** Why a secret is refused, without what was given. */
const secretWanted = ({ pattern }: Param['def']): string =>
  pattern === undefined ? 'the value does not fit its type' : `it does not match ${pattern}`;

export function freeAlias(draft: Draft, node: SchemaNode, table: string, instance: number): string {
  const param = node.params.get('Alias');
  if (param === undefined) return '';
  const taken = new Set(
    draft.after
      .instances(node, table)
      .filter((n) => n !== instance)
      .map((n) => draft.after.value(node, `${table}${n}.`, param)),
  );
  let alias = `cpe-${instance}`;
  for (let n = 2; taken.has(alias); n++) alias = `cpe-${instance}-${n}`;
  return alias;
}
