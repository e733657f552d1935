/** Puts the parts of the data model together behind the face of `model.ts`. */
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Observed } from '../state/observed.ts';
import { type Rows, splitRow } from '../state/rows.ts';
import { compileAll } from './compile.ts';
import type { HashPassword } from './hashes.ts';
import type {
  AddDone,
  Change,
  CompiledConfig,
  DelDone,
  Fault,
  GetAnswer,
  InstanceRow,
  LayDownPlan,
  Model,
  NameRow,
  Notice,
  Notification,
  OperateDone,
  Origin,
  SchemaRow,
  Snapshot,
  WriteDone,
  WriteOptions,
} from './model.ts';
import { Notifier } from './notify.ts';
import { objectGroups } from './objects/index.ts';
import { findEvent, operate } from './operate.ts';
import { parsePath } from './paths.ts';
import { getValues, listInstances, listNames, listSchema } from './read.ts';
import { RowReader } from './reader.ts';
import { snapshotOf } from './replace.ts';
import { Reports } from './reports.ts';
import { badPath, Resolver } from './resolve.ts';
import { Schema } from './schema.ts';
import type { Lookups, ObjectGroup, Observations, Product, ServiceCalls } from './table.ts';
import { type Audit, type Journal, Writer } from './writer.ts';

export interface ModelDeps {
  readonly rows: Rows;
  readonly observed: Observed<Observations>;
  readonly lookups: Lookups;
  readonly calls: ServiceCalls;
  readonly product: Product;
  readonly audit: Audit;
  readonly hashPassword: HashPassword;
  readonly journal?: Journal;
  readonly log: Log;
  /** Other tables than the product's; for tests of the engine itself. */
  readonly groups?: readonly ObjectGroup[];
}

export function createModel(deps: ModelDeps): Model {
  return new Engine(deps);
}

class Engine implements Model {
  readonly #deps: ModelDeps;
  readonly #schema: Schema;
  readonly #reports: Reports;
  /** Of the state as it is. */
  readonly #resolver: Resolver;
  readonly #writer: Writer;
  readonly #notifier: Notifier;
  readonly #subscriptions: Disposable[];
  readonly #rowsListeners = new Set<(revision: number) => void>();
  #notices: Notice[] = [];
  #flushing = false;

  constructor(deps: ModelDeps) {
    const { rows, observed, log } = deps;
    this.#deps = deps;
    this.#schema = new Schema(deps.groups ?? objectGroups());
    this.#reports = new Reports({
      schema: this.#schema,
      rows,
      lookups: deps.lookups,
      product: deps.product,
      observed: () => observed.values,
    });
    this.#resolver = new Resolver(this.#schema, rows, this.#reports);
    this.#notifier = new Notifier(this.#schema, log);
    this.#writer = new Writer({
      schema: this.#schema,
      rows,
      reports: this.#reports,
      audit: deps.audit,
      hashPassword: deps.hashPassword,
      journal: deps.journal,
      written: (notices) => {
        this.#notices.push(...notices);
        this.#flushSoon();
      },
    });
    this.#subscriptions = [
      rows.subscribe(({ revision }) => {
        this.#reports.rowsChanged();
        this.#flushSoon();
        for (const listener of [...this.#rowsListeners]) this.#guard(() => listener(revision));
      }),
      observed.subscribe(() => this.#flushSoon()),
    ];
  }

  get revision(): number {
    return this.#deps.rows.revision;
  }

  get(paths: readonly string[], options: { readonly maxDepth?: number } = {}): GetAnswer[] {
    this.#refresh();
    const maxDepth = options.maxDepth ?? 0;
    return paths.map((path) => ({ path, result: getValues(this.#resolver, path, maxDepth) }));
  }

  set(
    changes: readonly Change[],
    origin: Origin,
    options: WriteOptions = {},
  ): Promise<Result<WriteDone, readonly Fault[]>> {
    return this.#writer.set(changes, origin, options);
  }

  add(
    path: string,
    values: Readonly<Record<string, string>>,
    origin: Origin,
    options: WriteOptions = {},
  ): Promise<Result<AddDone, readonly Fault[]>> {
    return this.#writer.add(path, values, origin, options);
  }

  del(
    paths: readonly string[],
    origin: Origin,
    options: WriteOptions = {},
  ): Promise<Result<DelDone, readonly Fault[]>> {
    return this.#writer.del(paths, origin, options);
  }

  layDown(plan: LayDownPlan, origin: Origin): Promise<Result<WriteDone, readonly Fault[]>> {
    return this.#writer.layDown(plan, origin);
  }

  nextInstance(table: string): number {
    return this.#deps.rows.nextInstance(table);
  }

  snapshot(): Snapshot {
    return snapshotOf(this.#schema, this.#deps.rows);
  }

  replace(
    target: Snapshot,
    keep: readonly string[],
    origin: Origin,
    options: WriteOptions = {},
  ): Promise<Result<WriteDone, readonly Fault[]>> {
    return this.#writer.replace(target, keep, origin, options);
  }

  instances(
    path: string,
    options: { readonly firstLevel?: boolean } = {},
  ): Result<readonly InstanceRow[], Fault> {
    this.#refresh();
    return listInstances(this.#resolver, path, options.firstLevel === true);
  }

  schema(
    path: string,
    options: { readonly firstLevel?: boolean } = {},
  ): Result<readonly SchemaRow[], Fault> {
    return listSchema(this.#schema, path, options.firstLevel === true);
  }

  names(
    path: string,
    options: { readonly firstLevel?: boolean } = {},
  ): Result<readonly NameRow[], Fault> {
    this.#refresh();
    return listNames(this.#resolver, path, options.firstLevel === true);
  }

  operate(
    path: string,
    args: Readonly<Record<string, string>>,
    options: { readonly origin: Origin; readonly signal: AbortSignal },
  ): Promise<Result<OperateDone, Fault>> {
    this.#refresh();
    return operate(
      {
        resolver: this.#resolver,
        rows: new RowReader(this.#schema, this.#deps.rows),
        calls: this.#deps.calls,
        revision: this.revision,
        zeroCounters: (object) => this.#reports.zeroCounters(object),
        audit: this.#deps.audit,
        log: this.#deps.log,
      },
      path,
      args,
      options.origin,
      options.signal,
    );
  }

  subscribe(
    pattern: string,
    listener: (notification: Notification) => void,
  ): Result<Disposable, Fault> {
    const path = parsePath(pattern);
    if (!path.ok) return err(badPath(pattern, path.error.message));
    if (path.value.ends === 'command') {
      return err(badPath(pattern, 'commands do not change; subscribe to a parameter or object'));
    }
    const known = listSchema(this.#schema, pattern, true);
    if (!known.ok) return known;
    return ok(this.#notifier.add(path.value, listener));
  }

  emit(path: string, args: Readonly<Record<string, string>>): Result<void, Fault> {
    this.#refresh();
    const found = findEvent(this.#resolver, path, args);
    if (!found.ok) return found;
    this.#notices.push(found.value);
    this.#flushSoon();
    return ok(undefined);
  }

  compileAll(): CompiledConfig {
    const { rows } = this.#deps;
    return { revision: rows.revision, ...compileAll(new RowReader(this.#schema, rows)) };
  }

  rowsChanged(listener: (revision: number) => void): Disposable {
    this.#rowsListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#rowsListeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    this.#rowsListeners.clear();
  }

  #refresh(): void {
    this.#reports.refresh();
    const notices = this.#reports.takeNotices();
    if (notices.length === 0) return;
    this.#notices.push(...notices);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#guard(() => this.#flush());
    });
  }

  #flush(): void {
    this.#reports.refresh();
    const notices = [...this.#notices, ...this.#reports.takeNotices()];
    this.#notices = [];
    this.#notifier.deliver(this.revision, this.#withCounts(notices), this.#resolver);
    this.#remember();
    const { rows, log } = this.#deps;
    if (!rows.unsaved) return;
    void rows.save().then((saved) => {
      // They stay in memory and go with the next write.
      if (!saved.ok) log.warn({ err: saved.error }, 'instance numbers could not be stored yet');
    });
  }

  /** Writes what groups want kept of the observations. */
  #remember(): void {
    const { rows, log } = this.#deps;
    const facts = this.#reports
      .facts()
      .filter(({ object, name, value }) => rows.values(object)?.get(name) !== value);
    if (facts.length === 0) return;
    const written = rows.change<void, never>((candidate) => {
      for (const { object, name, value } of facts) candidate.set(object, name, value);
      return ok(undefined);
    });
    void written.then((done) => {
      if (!done.ok) log.warn({ err: done.error }, 'an observation could not be stored yet');
    });
  }

  /** `…NumberOfEntries` of each table that gained or lost rows. */
  #withCounts(notices: readonly Notice[]): readonly Notice[] {
    const counts = new Map<string, Notice>();
    for (const notice of notices) {
      if (notice.kind !== 'added' && notice.kind !== 'removed') continue;
      const { table } = splitRow(notice.path);
      const node = this.#schema.nodeOf(table);
      if (node?.parent === undefined) continue;
      const path = table.slice(0, -node.name.length - 1) + node.countName;
      const value = String(this.#resolver.instances(node, table).length);
      counts.set(path, { kind: 'value', path, value, type: 'unsignedInt' });
    }
    return counts.size === 0 ? notices : [...notices, ...counts.values()];
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#deps.log.error({ err: cause }, 'the data model failed to announce a change');
    }
  }
}
