/** Set, add and delete: check everything, report every fault, write once, tell everybody. */
import { SystemError } from '../base/errors.ts';
import { err, ok, type Result } from '../base/result.ts';
import { deltaOf, type SystemNumber, type ValueDelta } from '../state/delta.ts';
import { type Along, splitRow } from '../state/rows.ts';
import { emptyReferences } from './checks.ts';
import { accept, checkWhole, Draft, type DraftDeps, freeAlias, shown } from './draft.ts';
import { type HashPassword, hashAll } from './hashes.ts';
import { layDown } from './lay-down.ts';
import type {
  AddDone,
  Change,
  DelDone,
  Fault,
  LayDownPlan,
  Notice,
  Origin,
  Snapshot,
  WriteDone,
  WriteOptions,
} from './model.ts';
import { type Replaced, replaceAll } from './replace.ts';
import { badPath, type Target, unknownName } from './resolve.ts';
import type { Schema, SchemaNode } from './schema.ts';

/** Changes in one request: what a controller sends in practice has a few hundred. */
const MAX_CHANGES = 10_000;
/** Rows that users can add to one table, unless its definition says less. */
const MAX_ROWS = 1024;

/** One line of the audit trail. Values of secrets are undefined, as is `old` of a new row. */
export interface AuditEntry {
  readonly origin: Origin;
  readonly op: 'set' | 'add' | 'del' | 'operate';
  readonly path: string;
  readonly old: string | undefined;
  /** Of `operate`: its arguments. */
  readonly new: string | undefined;
  /** Revision of the rows that it made (of `operate`: that it ran on). */
  readonly revision: number;
  /** For `operate`: whether it was carried out. */
  readonly outcome: 'done' | 'failed';
}

/** Records what was done; it is on disk, or its failure told, when this resolves. Answers wait for it. */
export type Audit = (entries: readonly AuditEntry[]) => Promise<void>;

/** One committed change of the configuration, as a history keeps it. */
export interface JournalEntry {
  readonly revision: number;
  readonly origin: Origin;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly values: readonly (ValueDelta & { readonly secret: boolean })[];
  /** Of rows that the system makes, as they were. */
  readonly numbers: readonly SystemNumber[];
  readonly options: WriteOptions;
}

/** Who keeps the history of the configuration, in the same commits as the configuration itself. */
export interface Journal {
  /** Why nothing may be changed now. */
  refuse(origin: Origin, options: WriteOptions): Fault | undefined;
  record(entry: JournalEntry): Along | undefined;
}

export interface WriterDeps extends DraftDeps {
  readonly audit: Audit;
  readonly hashPassword: HashPassword;
  readonly journal: Journal | undefined;
  /** Called after a durable write with what changed. */
  readonly written: (notices: readonly Notice[]) => void;
}

export class Writer {
  readonly #deps: WriterDeps;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  async set(
    changes: readonly Change[],
    origin: Origin,
    options: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>> {
    if (changes.length > MAX_CHANGES) return err([tooMany(changes.length)]);
    const outcome = await this.#change({ given: changes, origin, options }, (draft) => {
      for (const change of changes) this.#setOne(draft, change);
    });
    if (!outcome.ok) return outcome;
    const { draft, revision } = outcome.value;
    await this.#announce('set', draft, revision, origin, []);
    return ok({ revision, changes: shown(draft) });
  }

  async add(
    path: string,
    values: Readonly<Record<string, string>>,
    origin: Origin,
    options: WriteOptions,
  ): Promise<Result<AddDone, readonly Fault[]>> {
    let added = { path: '', instance: 0 };
    const table = path.endsWith('.') ? path : `${path}.`;
    const given = Object.entries(values).map(([name, value]) => ({ path: table + name, value }));
    const outcome = await this.#change({ given, origin, options }, (draft) => {
      const row = this.#addOne(draft, path, values);
      if (row !== undefined) added = row;
    });
    if (!outcome.ok) return outcome;
    const { draft, revision } = outcome.value;
    await this.#announce('add', draft, revision, origin, [{ kind: 'added', path: added.path }]);
    const changes = shown(draft).filter((change) => change.path.startsWith(added.path));
    return ok({ revision, instance: added.instance, path: added.path, changes });
  }

  async del(
    paths: readonly string[],
    origin: Origin,
    options: WriteOptions,
  ): Promise<Result<DelDone, readonly Fault[]>> {
    if (paths.length > MAX_CHANGES) return err([tooMany(paths.length)]);
    let deleted: readonly string[] = [];
    const outcome = await this.#change({ given: [], origin, options }, (draft) => {
      deleted = this.#delAll(draft, paths);
    });
    if (!outcome.ok) return outcome;
    const { draft, revision } = outcome.value;
    const notices = deleted.map((path): Notice => ({ kind: 'removed', path }));
    await this.#announce('del', draft, revision, origin, notices);
    return ok({ revision, deleted, emptied: shown(draft) });
  }

  async layDown(plan: LayDownPlan, origin: Origin): Promise<Result<WriteDone, readonly Fault[]>> {
    let added: readonly string[] = [];
    const outcome = await this.#change({ given: plan.values, origin, options: {} }, (draft) => {
      added = layDown(draft, plan);
    });
    if (!outcome.ok) return outcome;
    const { draft, revision } = outcome.value;
    const notices = added.map((path): Notice => ({ kind: 'added', path }));
    await this.#announce('add', draft, revision, origin, notices);
    return ok({ revision, changes: shown(draft) });
  }

  async replace(
    target: Snapshot,
    keep: readonly string[],
    origin: Origin,
    options: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>> {
    let replaced: Replaced = { added: [], removed: [] };
    const outcome = await this.#change({ given: [], origin, options, stored: true }, (draft) => {
      replaced = replaceAll(draft, target, keep);
    });
    if (!outcome.ok) return outcome;
    const { draft, revision } = outcome.value;
    const { added, removed } = replaced;
    const notices = [
      ...removed.map((path): Notice => ({ kind: 'removed', path })),
      ...added.map((path): Notice => ({ kind: 'added', path })),
    ];
    await this.#announce('set', draft, revision, origin, notices);
    return ok({ revision, changes: shown(draft) });
  }

  async #change(
    request: Request,
    fill: (draft: Draft) => void,
  ): Promise<Result<{ draft: Draft; revision: number }, readonly Fault[]>> {
    const { schema, rows, reports, hashPassword, journal } = this.#deps;
    const { given, origin, options, stored = false } = request;
    const hashes = await hashAll(schema, given, hashPassword);
    if (!hashes.ok) return hashes;
    reports.refresh();
    const outcome = await rows.change<Draft, readonly Fault[]>(
      (candidate) => {
        const refusal = journal?.refuse(origin, options);
        if (refusal !== undefined) return err([refusal]);
        const draft = new Draft(candidate, this.#deps, { hashes: hashes.value, stored });
        fill(draft);
        checkWhole(draft);
        return draft.faults.length === 0 ? ok(draft) : err(draft.faults);
      },
      (_draft, candidate, revision) => {
        const { values, ...rest } = deltaOf(rows, candidate);
        const marked = values.map((each) => ({ ...each, secret: isSecret(schema, each.path) }));
        return journal?.record({ ...rest, revision, origin, values: marked, options });
      },
    );
    if (outcome.ok) {
      return ok({ draft: outcome.value.value, revision: outcome.value.revision });
    }
    if (!(outcome.error instanceof SystemError)) return err(outcome.error);
    const { code, message, remedy } = outcome.error;
    const full = ['ENOSPC', 'EDQUOT', 'MDB_MAP_FULL', 'MDB_TXN_FULL'].includes(code);
    return err([
      {
        kind: full ? 'resources' : 'internal',
        path: '',
        message: `nothing was changed: ${message}`,
        ...(remedy === undefined ? {} : { remedy }),
      },
    ]);
  }

  #setOne(draft: Draft, change: Change): void {
    const found = draft.now.resolve(change.path);
    if (!found.ok) {
      draft.faults.push(found.error);
      return;
    }
    for (const target of found.value) {
      const { node, object, param } = target;
      if (param === undefined) {
        draft.faults.push(badPath(change.path, 'it names an object; a value goes to a parameter'));
        continue;
      }
      const path = object + param.name;
      const value = accept(draft, target, param, change.value, false);
      if (value === undefined) continue;
      const twice = draft.written.get(path);
      if (twice !== undefined && twice.value !== value) {
        const message = `${path} is set twice, to different values`;
        draft.faults.push({ kind: 'conflict', path, message });
        continue;
      }
      draft.put(node, object, param, value, draft.now.value(node, object, param));
    }
  }

  #addOne(
    draft: Draft,
    path: string,
    values: Readonly<Record<string, string>>,
  ): { path: string; instance: number } | undefined {
    const found = draft.now.resolve(path);
    if (!found.ok) {
      draft.faults.push(found.error);
      return undefined;
    }
    const [target, second] = found.value;
    if (target === undefined || second !== undefined || !target.isTable) {
      draft.faults.push(
        badPath(path, 'it must name exactly one table, such as Device.DHCPv4.Client.'),
      );
      return undefined;
    }
    const { node, object: table } = target;
    if (!node.growable || target.system) {
      const why = node.growable
        ? 'the row above was made by the system'
        : 'the system makes its rows';
      draft.faults.push({
        kind: 'notCreatable',
        path,
        message: `no rows can be added to ${table}: ${why}`,
      });
      return undefined;
    }
    const limit = node.def.maxRows ?? MAX_ROWS;
    if (draft.candidate.instances(table).length >= limit) {
      draft.faults.push({
        kind: 'resources',
        path,
        message: `${table} has ${limit} rows already, and takes no more`,
      });
      return undefined;
    }
    const instance = draft.candidate.add(table);
    const object = `${table}${instance}.`;
    draft.touch(node, object);
    const row: Target = { node, object, isTable: false, system: false, param: undefined };
    for (const [name, text] of Object.entries(values)) {
      const param = node.params.get(name);
      if (param === undefined) {
        draft.faults.push(unknownName(node, object, name, 'parameter', `${table}${name}`));
        continue;
      }
      const value = accept(draft, row, param, text, true);
      if (value !== undefined) draft.put(node, object, param, value, undefined);
    }
    const alias = node.params.get('Alias');
    if (alias !== undefined && values['Alias'] === undefined) {
      draft.put(node, object, alias, freeAlias(draft, node, table, instance), undefined);
    }
    return { path: object, instance };
  }

  #delAll(draft: Draft, paths: readonly string[]): readonly string[] {
    const rows = new Map<string, SchemaNode>();
    for (const path of paths) {
      const found = draft.now.resolve(path);
      if (!found.ok) {
        draft.faults.push(found.error);
        continue;
      }
      for (const { node, object, isTable, param, system } of found.value) {
        if (isTable || param !== undefined || !node.table) {
          draft.faults.push(badPath(path, 'it must name rows, such as Device.DHCPv4.Client.1.'));
        } else if (system || !node.growable) {
          draft.faults.push({
            kind: 'notCreatable',
            path: object,
            message: `${object} was made by the system and cannot be deleted`,
          });
        } else rows.set(object, node);
      }
    }
    // A row below another one that goes as well goes with it.
    const deleted = [...rows.keys()].filter(
      (path) => ![...rows.keys()].some((other) => other !== path && path.startsWith(other)),
    );
    for (const object of deleted) {
      const { table, instance } = splitRow(object);
      draft.candidate.remove(table, instance);
      const node = rows.get(object);
      if (node !== undefined) draft.touched.set(table, node);
    }
    for (const { object, name, old, value, node } of emptyReferences(
      draft.candidate,
      this.#deps.schema,
      deleted,
    )) {
      draft.written.set(object + name, { node, object, name, old, value });
      draft.touch(node, object);
    }
    return deleted;
  }

  #announce(
    op: 'set' | 'add' | 'del',
    draft: Draft,
    revision: number,
    origin: Origin,
    rowNotices: readonly Notice[],
  ): Promise<void> {
    const notices: Notice[] = [...rowNotices];
    const common = { origin, revision, outcome: 'done' as const };
    const entries = rowNotices.map(
      ({ kind, path }): AuditEntry => ({
        ...common,
        op: kind === 'removed' ? 'del' : 'add',
        path,
        old: undefined,
        new: undefined,
      }),
    );
    for (const { node, object, name, old, value } of draft.written.values()) {
      if (old === value) continue;
      const param = node.params.get(name);
      if (param === undefined) continue;
      const secret = param.def.secret === true;
      const path = object + name;
      entries.push({
        ...common,
        op: old === undefined && op !== 'del' ? op : 'set',
        path,
        old: secret ? undefined : old,
        new: secret ? undefined : value,
      });
      if (old !== undefined) {
        notices.push({ kind: 'value', path, value: secret ? '' : value, type: param.base });
      }
    }
    this.#deps.written(notices);
    return this.#deps.audit(entries);
  }
}

interface Request {
  /** Values that people wrote: passwords among them are hashed. */
  readonly given: readonly Change[];
  readonly origin: Origin;
  readonly options: WriteOptions;
  readonly stored?: boolean;
}

function isSecret(schema: Schema, path: string): boolean {
  const dot = path.lastIndexOf('.') + 1;
  return schema.nodeOf(path.slice(0, dot))?.params.get(path.slice(dot))?.def.secret === true;
}

const tooMany = (count: number): Fault => ({
  kind: 'resources',
  path: '',
  message: `${count} changes in one request; at most ${MAX_CHANGES} are taken`,
});
