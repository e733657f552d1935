/** What the page shows of the model: read once for each place that is looked at, then kept by events. */
import { batch, type Signal, signal } from '@preact/signals';
import { applyLive, applyPatch, laidOver, type Values } from '../lib/patch.ts';
import type {
  GetAnswer,
  InstanceRow,
  LiveValues,
  ModelValue,
  Patch,
  SchemaRow,
} from '../lib/shapes.ts';
import type { Answer, Api } from './api.ts';

/** After an answer that did not come. */
const AGAIN_MS = 2000;

export class ModelStore {
  readonly values: Signal<Values> = signal(new Map());
  /** Prefixes that were read whole at least once. */
  readonly ready: Signal<ReadonlySet<string>> = signal(new Set());
  readonly revision: Signal<number> = signal(0);
  /** Counts rows that came and went, for those who list them. */
  readonly rowsChanged: Signal<number> = signal(0);
  readonly #api: Api;
  readonly #watched = new Map<string, number>();
  readonly #soon: string[] = [];
  /** For each answer that is under way, what the event stream said since it was asked for. */
  readonly #meanwhile = new Set<(() => void)[]>();
  /** How many changes there had been when the stream began: it says those that come after. */
  #since: number | undefined;
  /** What was read before there was a stream. */
  #early: { readonly paths: readonly string[]; readonly told: number }[] = [];
  /** What did not come, though somebody may wait for it. */
  #owed = new Set<string>();
  #schema: Promise<Answer<readonly SchemaRow[]>> | undefined;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Reads and follows all below `prefixes` until the function that it gives is called. */
  watch(prefixes: readonly string[]): () => void {
    const fresh = prefixes.filter((prefix) => !this.#watched.has(prefix));
    for (const prefix of prefixes) this.#watched.set(prefix, (this.#watched.get(prefix) ?? 0) + 1);
    if (fresh.length > 0) this.#readSoon(fresh);
    return () => {
      for (const prefix of prefixes) {
        const left = (this.#watched.get(prefix) ?? 1) - 1;
        if (left > 0) this.#watched.set(prefix, left);
        else this.#watched.delete(prefix);
      }
    };
  }

  /** What several parts of a page ask for while it is drawn goes in one request. */
  #readSoon(prefixes: readonly string[]): void {
    if (this.#soon.length === 0) queueMicrotask(() => void this.read(this.#soon.splice(0)));
    this.#soon.push(...prefixes);
  }

  async read(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const meanwhile: (() => void)[] = [];
    this.#meanwhile.add(meanwhile);
    const answer = await this.#api.post<GetAnswer>('/api/get', { paths });
    this.#meanwhile.delete(meanwhile);
    if (!answer.ok) {
      if (answer.error.status === 0) this.#readAgain(paths);
      return;
    }
    const { told } = answer.value;
    if (this.#since === undefined) this.#early.push({ paths, told });
    else if (told < this.#since) void this.read(paths);
    const atMs = performance.now();
    const values = answer.value.values.map((value): ModelValue => ({ ...value, atMs }));
    batch(() => {
      this.values.value = laidOver(this.values.value, paths, values);
      this.revision.value = Math.max(this.revision.value, answer.value.revision);
      this.ready.value = new Set([...this.ready.value, ...paths]);
      // The answer may be older than these; where it is newer, the stream will say so yet.
      for (const said of meanwhile) said();
    });
  }

  /** The stream goes on by itself when one answer is late: it will not say what is missing. */
  #readAgain(paths: readonly string[]): void {
    if (this.#owed.size === 0) {
      setTimeout(() => {
        const owed = [...this.#owed];
        this.#owed.clear();
        if (this.#watched.size > 0) void this.read(owed);
      }, AGAIN_MS);
    }
    for (const path of paths) this.#owed.add(path);
  }

  /**
   * A stream of events begins after so many changes: what was answered before is read once more.
   * After a lost connection, `again`, anything may have changed.
   */
  opened(told: number, again: boolean): void {
    this.#since = told;
    const early = this.#early.splice(0).filter((answer) => answer.told < told);
    if (again) void this.readAll();
    else void this.read(early.flatMap(({ paths }) => paths));
  }

  readAll(): Promise<void> {
    this.rowsChanged.value++;
    return this.read([...this.#watched.keys()]);
  }

  patch(patch: Patch): void {
    this.revision.value = Math.max(this.revision.value, patch.revision);
    if (patch.added.length + patch.removed.length > 0) this.rowsChanged.value++;
    this.#said(() => {
      const prefixes = new Set(this.#watched.keys());
      const { values, read } = applyPatch(this.values.value, patch, prefixes, performance.now());
      this.values.value = values;
      void this.read(read);
    });
  }

  live(values: LiveValues): void {
    this.#said(() => {
      this.values.value = applyLive(this.values.value, values, performance.now());
    });
  }

  #said(apply: () => void): void {
    for (const meanwhile of this.#meanwhile) meanwhile.push(apply);
    apply();
  }

  /** The supported data model, asked for once. */
  async schema(): Promise<readonly SchemaRow[]> {
    this.#schema ??= this.#api
      .post<readonly SchemaRow[] | { rows: readonly SchemaRow[] }>('/api/schema', {
        path: 'Device.',
      })
      .then((answer) => (answer.ok ? { ok: true, value: rowsIn(answer.value) } : answer));
    const answer = await this.#schema;
    if (answer.ok) return answer.value;
    this.#schema = undefined;
    return [];
  }

  async instances(path: string): Promise<readonly InstanceRow[]> {
    const answer = await this.#api.post<readonly InstanceRow[] | { rows: readonly InstanceRow[] }>(
      '/api/instances',
      { path },
    );
    return answer.ok ? rowsIn(answer.value) : [];
  }

  forget(): void {
    this.values.value = new Map();
    this.ready.value = new Set();
  }
}

/** The interface wraps lists of rows, or gives them bare. */
const rowsIn = <T>(answer: readonly T[] | { readonly rows: readonly T[] }): readonly T[] =>
  'rows' in answer ? answer.rows : answer;
