/** The clients of one kind, by id: made, taken up, configured and removed as the configuration has it. */
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { Processes, ProcessIdentity, Store } from '../../os/ports.ts';
import type { HookMessage } from './program.ts';

export interface RosterConfig {
  readonly id: string;
  readonly ifName: string | undefined;
}

export interface RosterRecord {
  readonly ifName: string;
}

export interface RosterClient<Config, Record> {
  readonly config: Config;
  /** Takes up what an earlier daemon stored, and of the processes that are `running` the one that fits. */
  recover(record: Record | undefined, running: readonly ProcessIdentity[]): void;
  configure(config: Config): void;
  linkChanged(): void;
  hook(message: HookMessage): Promise<boolean>;
  /** Ends it and gives back what it holds; then nothing is left of it. */
  remove(): Promise<void>;
  /** Lets go; its process lives on. */
  close(): Promise<void>;
}

export interface RosterDeps<Config, Record, Client> {
  readonly log: Log;
  readonly store: Store;
  readonly processes: Pick<Processes, 'findByArguments'>;
  /** Before the ids: where records are stored. */
  readonly keyPrefix: string;
  decode(bytes: Uint8Array): Result<Record>;
  encode(record: Record): Uint8Array;
  /** The argument by which processes of a client are known. */
  markOf(id: string): string;
  /** Makes the plugin's link of a client. */
  linkHook(id: string): Result<void, SystemError>;
  make(
    config: Config,
    save: (record: Record) => Promise<Result<void, SystemError>>,
    changed: () => void,
  ): Client;
  /** Something observable changed: told once for however many changes one turn of the event loop brings. */
  changed(): void;
}

export class Roster<
  Config extends RosterConfig,
  Record extends RosterRecord,
  Client extends RosterClient<Config, Record>,
> {
  readonly #deps: RosterDeps<Config, Record, Client>;
  readonly #clients = new Map<string, Client>();
  /** Clients whose removal is under way, by id: a new one of that id waits. */
  readonly #leaving = new Map<string, Promise<void>>();
  #wanted: ReadonlyMap<string, Config> = new Map();
  #telling = false;
  #applied = false;
  #closed = false;

  constructor(deps: RosterDeps<Config, Record, Client>) {
    this.#deps = deps;
  }

  get all(): readonly Client[] {
    return [...this.#clients.values()];
  }

  get(id: string): Client | undefined {
    return this.#clients.get(id);
  }

  /** Makes those of `configs` that are new, with what an earlier daemon left of them. Starts nothing. */
  recover(configs: readonly Config[]): void {
    const { processes, markOf } = this.#deps;
    const fresh = configs.filter(({ id }) => !this.#clients.has(id) && !this.#leaving.has(id));
    const running = processes.findByArguments(fresh.map(({ id }) => markOf(id)));
    for (const config of fresh) this.#make(config, running.get(markOf(config.id)) ?? []);
  }

  /** Makes `configs` the whole truth. */
  apply(configs: readonly Config[]): void {
    this.#wanted = new Map(configs.map((config) => [config.id, config]));
    this.#applied = true;
    for (const [id, client] of this.#clients) {
      const next = this.#wanted.get(id);
      // On another interface it is another client: the old one gives back what it holds first.
      if (next === undefined || next.ifName !== client.config.ifName) this.#remove(id, client);
    }
    this.recover(configs);
    for (const next of configs) {
      const client = this.#clients.get(next.id);
      if (client !== undefined) client.configure(next);
      else void this.#leaving.get(next.id)?.then(() => this.#returned(next.id));
    }
    this.changed();
  }

  linksChanged(): void {
    // What was recovered is not started before it is applied.
    if (!this.#applied) return;
    for (const client of this.#clients.values()) client.linkChanged();
  }

  /** A message of the hook; false when no client of ours is meant. */
  async hook(message: HookMessage): Promise<boolean> {
    return (await this.#clients.get(message.clientId)?.hook(message)) ?? false;
  }

  changed(): void {
    if (this.#telling || this.#closed) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (!this.#closed) this.#deps.changed();
    });
  }

  /** Lets go: processes, addresses and routes stay for the next daemon. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.all.map((client) => client.close()));
    this.#clients.clear();
  }

  #make(config: Config, running: readonly ProcessIdentity[]): void {
    const { store, log, keyPrefix, decode, encode, linkHook } = this.#deps;
    const { id, ifName } = config;
    const key = `${keyPrefix}${id}`;
    const linked = linkHook(id);
    if (!linked.ok) log.error({ code: linked.error.code }, linked.error.message);
    const save = (record: Record) => store.commit([{ key, value: encode(record) }]);
    const client = this.#deps.make(config, save, () => this.changed());
    this.#clients.set(id, client);
    const bytes = store.get(key);
    const record = bytes === undefined ? undefined : decode(bytes);
    if (record?.ok === false) {
      log.warn({ key, field: record.error.field }, `stored lease ignored: ${record.error.message}`);
    }
    const usable = record?.ok === true && record.value.ifName === (ifName ?? '');
    client.recover(usable ? record.value : undefined, running);
  }

  /** The old client of this id is gone; by now the configuration may have changed again. */
  #returned(id: string): void {
    const next = this.#wanted.get(id);
    if (next === undefined || this.#clients.has(id) || this.#closed) return;
    this.recover([next]);
    this.#clients.get(id)?.configure(next);
  }

  #remove(id: string, client: Client): void {
    this.#clients.delete(id);
    const left = client.remove().then(async () => {
      if (this.#clients.has(id)) return;
      const { store, log, keyPrefix } = this.#deps;
      const gone = await store.commit([{ key: `${keyPrefix}${id}`, value: undefined }]);
      if (!gone.ok) log.error({ code: gone.error.code }, gone.error.message);
      this.#leaving.delete(id);
      this.changed();
    });
    this.#leaving.set(id, left);
  }
}
