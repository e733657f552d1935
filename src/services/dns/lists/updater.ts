/**
 * Keeps lists up to date: fetches those whose time has come, one after the other, compiles them in
 * small steps, and gives the engine the new file. Until that is there, and whenever it cannot be
 * made, the file before it stays in use, over a restart too.
 *
 * It is done in this process, since another one would take 90 MB where this takes the size of the
 * compiled file (9 MB for a million names).
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../../base/backoff.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { BlockBuilders } from '../../../os/ports-dns.ts';
import type { ListFetches } from '../../../os/ports-dns-lists.ts';
import { type CompiledLists, rewriteKey } from '../policy.ts';
import {
  type ListConfig,
  type ListObserved,
  MAX_LISTS,
  type RewriteConfig,
} from '../policy-config.ts';
import type { StoredVersion } from './list-index.ts';
import { sourceOf } from './list-source.ts';
import { ListStore, type ListStoreDeps } from './list-store.ts';
import { LIST_TABLE, type ListEvent, type ListState } from './machine.ts';
import { listText, type MadeFile, madeOf, makeFile, type ReadyList } from './making.ts';
import type { ListReading } from './read-list.ts';

export interface ListUpdaterDeps extends ListStoreDeps {
  readonly clock: Clock;
  readonly fetches: ListFetches;
  readonly builders: BlockBuilders;
  /** The engine has loaded it. */
  readonly use: (compiled: CompiledLists) => void;
  /** What is observed changed. */
  readonly report: () => void;
}

const RETRY_FIRST_MS = 60_000;
const RETRY_MOST_MS = 6 * 3600_000;
const SEC_MS = 1000;

interface OneList {
  config: ListConfig;
  state: ListState;
  /** Unix ms. */
  triedMs: number | undefined;
  fault: string;
  retry: Backoff;
  nextMs: number | undefined;
  /** Fetched, and not in a compiled file yet: it may turn out to be no list at all. */
  candidate: StoredVersion | undefined;
  ending: AbortController | undefined;
}

export class ListUpdater implements AsyncDisposable {
  readonly #deps: ListUpdaterDeps;
  readonly #lists = new Map<string, OneList>();
  /** Undefined before `apply`. */
  #wanted: readonly ListConfig[] | undefined;
  #rewrites: readonly RewriteConfig[] = [];
  /** There is an engine that wants lists. */
  #active = false;
  readonly #store: ListStore;
  #loaded = false;
  #dirty = false;
  /** Somebody wanted something while work was under way. */
  #again = false;
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  readonly #ending = new AbortController();
  #compileRetry: Backoff = backoff(RETRY_FIRST_MS, RETRY_MOST_MS);
  #compileAtMs = 0;

  constructor(deps: ListUpdaterDeps) {
    this.#deps = deps;
    this.#store = new ListStore(deps);
  }

  /**
   * A new engine wants lists: it gets what is on the disk, so that names are blocked before anything
   * is fetched. Nothing is fetched or compiled before this, or after `rest`.
   */
  start(): void {
    const compiled = this.#store.open();
    this.#loaded = compiled !== undefined;
    this.#active = true;
    if (compiled !== undefined) this.#deps.use(compiled);
    if (this.#wanted !== undefined) this.apply(this.#wanted, this.#rewrites);
  }

  /** The engine is off. */
  rest(): void {
    this.#active = false;
    this.#loaded = false;
    this.#timer?.cancel();
    for (const { ending } of this.#lists.values()) ending?.abort();
  }

  /** `lists` and `rewrites` are the whole of it. */
  apply(lists: readonly ListConfig[], rewrites: readonly RewriteConfig[]): void {
    this.#wanted = lists;
    this.#rewrites = rewrites;
    if (!this.#active) return;
    const gone = new Set(this.#lists.keys());
    for (const config of lists) {
      gone.delete(config.id);
      const one = this.#lists.get(config.id) ?? this.#added(config);
      this.#configure(one, config);
    }
    for (const id of gone) {
      const one = this.#lists.get(id);
      if (one !== undefined) this.#step(one, 'disable');
      this.#lists.delete(id);
    }
    const { compiled } = this.#store.index;
    if (madeOf(this.#ready(), rewrites) !== compiled?.made) this.#dirty = true;
    this.#wake();
  }

  /** Fetches now what is named, or all that is enabled. */
  update(id?: string): void {
    for (const one of this.#lists.values()) {
      if (id !== undefined && one.config.id !== id) continue;
      if (one.state !== 'disabled' && one.config.source.kind === 'url') one.nextMs = 0;
    }
    this.#wake();
  }

  get observed(): readonly ListObserved[] {
    const compiled = new Map(this.#store.index.compiled?.lists.map((one) => [one.id, one.counts]));
    return [...this.#lists.values()].map(({ config, state, triedMs, fault, nextMs }) => {
      const counts = compiled.get(config.id);
      const version = this.#store.index.versions[config.id];
      return {
        ...{ id: config.id, state, fault, triedMs },
        nextMs: config.source.kind === 'url' && state !== 'disabled' ? nextMs : undefined,
        format: counts?.format,
        rules: counts?.rules ?? 0,
        rejected: counts?.rejected ?? 0,
        rejectedLines: counts?.rejectedLines ?? [],
        sizeBytes: version?.sizeBytes ?? 0,
        sha256: version?.sha256,
        fetchedMs: version?.fetchedMs,
      };
    });
  }

  /** Names in the compiled file. */
  get names(): number {
    return this.#store.index.compiled?.names ?? 0;
  }

  /** What the version of a list in use consists of; undefined while there is none. */
  source(
    id: string,
  ): { readonly reading: ListReading; readonly pieces: AsyncIterable<Uint8Array> } | undefined {
    const one = this.#lists.get(id);
    const version = one && this.#versionOf(one);
    if (one === undefined || (one.config.source.kind === 'url' && version === undefined)) {
      return undefined;
    }
    const text = listText(this.#store, { config: one.config, version });
    return { reading: one.config, pieces: sourceOf(text, 0, this.#deps.fetches).read() };
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#timer?.cancel();
    for (const { ending } of this.#lists.values()) ending?.abort();
    await this.settled();
  }

  // ---- the machine of each list --------------------------------------------------------------

  #added(config: ListConfig): OneList {
    const one: OneList = {
      ...{ config, state: 'disabled', triedMs: undefined, fault: '', nextMs: undefined },
      retry: backoff(RETRY_FIRST_MS, RETRY_MOST_MS),
      ...{ candidate: undefined, ending: undefined },
    };
    this.#lists.set(config.id, one);
    return one;
  }

  #configure(one: OneList, config: ListConfig): void {
    const wasUrl = urlOf(one.config);
    const wasOn = one.state !== 'disabled';
    one.config = config;
    if (!config.enable) {
      if (wasOn) this.#step(one, 'disable');
      return;
    }
    if (wasOn && wasUrl === urlOf(config)) {
      this.#schedule(one);
      return;
    }
    one.retry = healthy(one.retry);
    one.fault = '';
    one.triedMs = undefined;
    const has = config.source.kind === 'text' || this.#versionOf(one) !== undefined;
    this.#step(one, has ? 'keep' : 'want');
    this.#schedule(one);
  }

  /** One that was fetched from where it is to come from. */
  #versionOf({ config }: OneList): StoredVersion | undefined {
    const version = this.#store.index.versions[config.id];
    const isThere = version?.file === undefined || this.#store.has(version.file);
    return version?.url === urlOf(config) && isThere ? version : undefined;
  }

  #step(one: OneList, event: ListEvent): boolean {
    const next = LIST_TABLE[one.state][event];
    if (next === undefined) return false;
    if (next.state !== one.state) {
      this.#deps.log.debug({ list: one.config.id }, `list ${one.state} → ${next.state}`);
    }
    one.state = next.state;
    if (next.effects.includes('compile')) this.#dirty = true;
    if (next.effects.includes('abort')) {
      one.ending?.abort();
      one.candidate = undefined;
    }
    return next.effects.includes('fetch');
  }

  /** When it is to be fetched next, in Unix ms; a clock that went back counts as its time having come. */
  #schedule(one: OneList): void {
    const now = this.#deps.clock.wallMs();
    const { everySec } = one.config;
    if (one.state === 'failed') {
      one.nextMs = (one.triedMs ?? now) + Math.min(delayMs(one.retry), everySec * SEC_MS);
      return;
    }
    const since = Math.max(this.#versionOf(one)?.fetchedMs ?? 0, one.triedMs ?? 0);
    one.nextMs = since > now ? now : since + everySec * SEC_MS;
  }

  // ---- work ----------------------------------------------------------------------------------

  #wake(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#active || this.#ending.signal.aborted) return;
    this.#again = this.#working !== undefined;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // What came while the last of the work was ending.
      if (this.#again) this.#wake();
      else this.#arm();
    });
  }

  #arm(): void {
    if (!this.#active || this.#ending.signal.aborted) return;
    const now = this.#deps.clock.wallMs();
    let next = Infinity;
    for (const one of this.#lists.values()) {
      if (this.#isFetched(one)) next = Math.min(next, one.nextMs ?? Infinity);
    }
    if (this.#dirty) next = Math.min(next, this.#compileAtMs);
    // The clock may be set meanwhile: never wait for long without a look at it.
    const waitMs = Math.min(Math.max(next - now, SEC_MS), RETRY_MOST_MS);
    if (next !== Infinity) this.#timer = this.#deps.clock.after(waitMs, () => this.#wake());
    this.#deps.report();
  }

  #isFetched(one: OneList): boolean {
    return one.state !== 'disabled' && one.config.source.kind === 'url';
  }

  async #work(): Promise<void> {
    // What was applied a moment ago is gathered first.
    await Promise.resolve();
    for (const one of this.#lists.values()) this.#missLost(one);
    for (let one = this.#nextDue(); one !== undefined; one = this.#nextDue())
      await this.#fetch(one);
    while (this.#mayCompile()) await this.#compile();
  }

  /** Somebody took the file of a version away: it is to come again. */
  #missLost(one: OneList): void {
    const isLost = one.candidate === undefined && this.#versionOf(one) === undefined;
    if (one.state !== 'current' || !this.#isFetched(one) || !isLost) return;
    this.#step(one, 'want');
    one.triedMs = undefined;
    this.#schedule(one);
  }

  #nextDue(): OneList | undefined {
    if (!this.#active || this.#ending.signal.aborted) return undefined;
    const now = this.#deps.clock.wallMs();
    for (const one of this.#lists.values()) {
      if (this.#isFetched(one) && (one.nextMs ?? Infinity) <= now) return one;
    }
    return undefined;
  }

  #mayCompile(): boolean {
    const now = this.#deps.clock.wallMs();
    return this.#dirty && this.#active && !this.#ending.signal.aborted && this.#compileAtMs <= now;
  }

  async #fetch(one: OneList): Promise<void> {
    const { config } = one;
    const { clock, fetches, log, report } = this.#deps;
    if (config.source.kind !== 'url' || !this.#step(one, 'due')) {
      one.nextMs = undefined;
      return;
    }
    const ending = new AbortController();
    one.ending = ending;
    one.triedMs = clock.wallMs();
    report();
    const version = this.#versionOf(one);
    const file = this.#store.newFile('list', 'txt');
    const { url } = config.source;
    const { maxBytes, sha256, signature } = config;
    const order = { url, path: this.#store.path(file), have: version, maxBytes, sha256, signature };
    const fetched = await fetches.fetch(order, ending.signal);
    one.ending = undefined;
    if (ending.signal.aborted || this.#ending.signal.aborted) {
      this.#store.remove(file);
      // Not one that is wanted from elsewhere now, or not at all: the engine went.
      if (one.state === 'fetching') this.#step(one, 'fail');
      return;
    }
    if (!fetched.ok) {
      this.#failed(one, fetched.error.message);
      return;
    }
    one.retry = healthy(one.retry);
    one.fault = '';
    if (fetched.value.kind === 'unchanged' || fetched.value.sha256 === version?.sha256) {
      this.#store.remove(file);
      this.#step(one, 'unchanged');
    } else {
      const { sizeBytes, sha256: hash, etag, lastModified } = fetched.value;
      const fetchedMs = one.triedMs;
      one.candidate = { url, file, sizeBytes, sha256: hash, etag, lastModified, fetchedMs };
      log.info({ list: config.name, sizeBytes }, 'a list was fetched');
      this.#step(one, 'fetched');
    }
    this.#schedule(one);
  }

  #failed(one: OneList, why: string): void {
    this.#deps.log.warn({ list: one.config.name, error: why }, 'a list could not be fetched');
    one.fault = why;
    one.retry = failed(one.retry);
    this.#step(one, 'fail');
    this.#schedule(one);
  }

  // ---- compiling -----------------------------------------------------------------------------

  /** The lists that have a version, with it. */
  #ready(): ReadyList[] {
    const all = [...this.#lists.values()].flatMap((one) => {
      if (one.state === 'disabled') return [];
      const { config } = one;
      const version = one.candidate ?? this.#versionOf(one);
      return config.source.kind === 'text' || version !== undefined ? [{ config, version }] : [];
    });
    return all.slice(0, MAX_LISTS);
  }

  async #compile(): Promise<void> {
    this.#dirty = false;
    const ready = this.#ready();
    const { compiled } = this.#store.index;
    if (this.#loaded && compiled?.made === madeOf(ready, this.#rewrites)) return;
    const nothing = ready.length === 0 && rewriteKey(this.#rewrites) === '';
    if (nothing && compiled === undefined) return;
    const deps = { ...this.#deps, store: this.#store };
    try {
      const made = await makeFile(deps, ready, this.#rewrites, this.#ending.signal);
      if (made.ok) this.#take(ready, made.value);
      else this.#retryCompiling(made.error.message);
    } catch (thrown) {
      if (!this.#ending.signal.aborted) this.#retryCompiling(errorMessage(thrown));
    }
  }

  #retryCompiling(why: string): void {
    this.#deps.log.error({ error: why }, 'lists could not be compiled');
    this.#dirty = true;
    this.#compileRetry = failed(this.#compileRetry);
    this.#compileAtMs = this.#deps.clock.wallMs() + delayMs(this.#compileRetry);
  }

  #take(ready: readonly ReadyList[], { compiled, rules, ruleless }: MadeFile): void {
    if (!this.#active || this.#refuse(ruleless)) {
      this.#store.remove(compiled.blocks);
      this.#dirty = true;
      return;
    }
    const versions = { ...this.#store.index.versions };
    for (const { config, version } of ready) {
      if (version !== undefined) versions[config.id] = version;
    }
    for (const id of Object.keys(versions)) if (!this.#lists.has(id)) delete versions[id];
    const taken = this.#store.take(versions, compiled, rules);
    if (!taken.ok) return void this.#retryCompiling(String(taken.error));
    this.#loaded = true;
    this.#compileRetry = healthy(this.#compileRetry);
    for (const { config } of ready) {
      const one = this.#lists.get(config.id);
      if (one !== undefined) one.candidate = undefined;
    }
    this.#deps.use(taken.value);
  }

  /** A page of a portal, say, that came in a list's stead: the file before stays in use meanwhile. */
  #refuse(ruleless: ReadonlySet<string>): boolean {
    let refused = false;
    for (const one of this.#lists.values()) {
      if (one.candidate === undefined || !ruleless.has(one.config.id)) continue;
      if (one.candidate.file !== undefined) this.#store.remove(one.candidate.file);
      one.candidate = undefined;
      this.#failed(one, 'there is no rule in what came');
      refused = true;
    }
    return refused;
  }
}

const urlOf = ({ source }: ListConfig): string => (source.kind === 'url' ? source.url : '');
