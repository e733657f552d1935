/** What the page shows of the model: read once for each place that is looked at, then kept by events. */
import { batch, type Signal, signal } from '@preact/signals';
import { applyLive, applyPatch, covered, laidOver, type Values } from '../lib/patch.ts';
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

/** An answer that is under way. */
interface Asked {
  readonly paths: readonly string[];
  /** What the event stream said since it was asked for; each gives what is to be read for it. */
  readonly meanwhile: (() => readonly string[])[];
}

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
  readonly #asked = new Set<Asked>();
  /** Changes before the event stream that is followed; undefined before the first. */
  #stream: { readonly changes: number } | undefined;
  /** Changes before the oldest answer that is shown. */
  #oldest = Infinity;
  /** What did not come, though somebody may wait for it. */
  readonly #owed = new Set<string>();
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
    const stream = this.#stream;
    const asked: Asked = { paths, meanwhile: [] };
    this.#asked.add(asked);
    const answer = await this.#api.post<GetAnswer>('/api/get', { paths });
    this.#asked.delete(asked);
    if (!answer.ok) {
      if (answer.error.status === 0) this.#readLater(paths);
      return;
    }
    const atMs = performance.now();
    const values = answer.value.values.map((value): ModelValue => ({ ...value, atMs }));
    batch(() => {
      this.values.value = laidOver(this.values.value, paths, values);
      this.revision.value = Math.max(this.revision.value, answer.value.revision);
      this.ready.value = new Set([...this.ready.value, ...paths]);
      // The answer may be older than these; where it is newer, the stream will say so yet.
      const again = new Set(asked.meanwhile.flatMap((said) => said()));
      void this.read([...again].filter((path) => this.#undid(asked, path)));
    });
    const { changes } = answer.value;
    this.#oldest = Math.min(this.#oldest, changes);
    // What changed between the answer and the stream, neither of them tells.
    if (this.#stream !== stream && changes < (this.#stream?.changes ?? 0)) void this.read(paths);
  }

  /** Whether what was read of `path` is gone by this older answer, and no other answer is under way that brings it. */
  #undid({ paths }: Asked, path: string): boolean {
    if (!covered(paths, path) && !paths.some((one) => covered([path], one))) return false;
    return ![...this.#asked].some((other) => covered(other.paths, path));
  }

  /** The stream goes on by itself when one answer is late: it will not say what is missing. */
  #readLater(paths: readonly string[]): void {
    if (this.#owed.size === 0) {
      setTimeout(() => {
        const owed = [...this.#owed];
        this.#owed.clear();
        if (this.#watched.size > 0) void this.read(owed);
      }, AGAIN_MS);
    }
    for (const path of paths) this.#owed.add(path);
  }

  /** When anything may have changed. */
  readAll(): Promise<void> {
    this.rowsChanged.value++;
    return this.read([...this.#watched.keys()]);
  }

  /**
   * A stream of events begins behind `changes`: what was read before some of them is read again, and
   * all of it after a loss (`again`).
   */
  follow(changes: number, again: boolean): void {
    const isOld = again || this.#oldest < changes;
    this.#stream = { changes };
    this.#oldest = Infinity;
    if (isOld) void this.readAll();
  }

  patch(patch: Patch): void {
    this.revision.value = Math.max(this.revision.value, patch.revision);
    if (patch.added.length + patch.removed.length > 0) this.rowsChanged.value++;
    const atMs = performance.now();
    const wanted = this.#said(() => {
      const prefixes = new Set(this.#watched.keys());
      const { values, read } = applyPatch(this.values.value, patch, prefixes, atMs);
      this.values.value = values;
      return read;
    });
    void this.read(wanted);
  }

  live(values: LiveValues): void {
    const atMs = performance.now();
    this.#said(() => {
      this.values.value = applyLive(this.values.value, values, atMs);
      return [];
    });
  }

  #said(apply: () => readonly string[]): readonly string[] {
    for (const { meanwhile } of this.#asked) meanwhile.push(apply);
    return apply();
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
