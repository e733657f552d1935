import type { SystemError } from '../../base/errors.ts';
import { err, type Result } from '../../base/result.ts';
import type { ProcessIdentity, Store } from '../../os/ports.ts';
import type { HookMessage } from '../client-programs/program.ts';
import { Client, type ClientDeps } from './client.ts';
import type { ClientConfig, DhcpClientConfig, DhcpClientObserved } from './config.ts';
import { decodeRecord, encodeRecord } from './record.ts';

export interface DhcpClientDeps
  extends Omit<ClientDeps, 'hook' | 'save' | 'changed' | 'argumentsOf'> {
  readonly store: Store;
  /** Directory of the plugin's links, one per client: `RUN_DIR/hook`. */
  readonly hookDir: string;
  argumentsOf(process: ProcessIdentity): readonly string[];
  /** Makes `hookDir/<id>` a link to the plugin. */
  linkHook(id: string): Result<void, SystemError>;
  report(observed: DhcpClientObserved): void;
  refusedMessages(): number;
}

const KEY = 'dhcp4/';

/** All DHCPv4 clients of the box. */
export class DhcpClientService implements AsyncDisposable {
  readonly #deps: DhcpClientDeps;
  readonly #clients = new Map<string, Client>();
  /** Clients whose removal is under way, by id: a new one of that id waits. */
  readonly #leaving = new Map<string, Promise<void>>();
  #wanted: ReadonlyMap<string, ClientConfig> = new Map();
  #reporting = false;
  #applied = false;
  #closed = false;

  constructor(deps: DhcpClientDeps) {
    this.#deps = deps;
  }

  /**
   * Takes up leases and processes that an earlier daemon left for the clients of `config`, and
   * starts nothing: what is `observed` is true from then on. It must come before anything removes
   * addresses that nobody asked for. `apply` does the same for clients that are new to it.
   */
  recover({ clients }: DhcpClientConfig): void {
    const fresh = clients.filter(({ id }) => !this.#clients.has(id) && !this.#leaving.has(id));
    const { hookDir, processes } = this.#deps;
    const running = processes.findByArguments(fresh.map(({ id }) => `${hookDir}/${id}`));
    for (const config of fresh) this.#recover(config, running.get(`${hookDir}/${config.id}`) ?? []);
  }

  /** Makes `config` the whole truth. */
  apply(config: DhcpClientConfig): void {
    const wanted = new Map(config.clients.map((client) => [client.id, client]));
    this.#wanted = wanted;
    this.#applied = true;
    for (const [id, client] of this.#clients) {
      const next = wanted.get(id);
      // On another interface it is another client: the old one gives its lease back first.
      if (next === undefined || next.ifName !== client.config.ifName) this.#remove(id, client);
    }
    this.recover(config);
    for (const next of config.clients) {
      const client = this.#clients.get(next.id);
      if (client !== undefined) client.configure(next);
      else void this.#leaving.get(next.id)?.then(() => this.#returned(next.id));
    }
    this.#changed();
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

  async renew(id: string): Promise<Result<void, string>> {
    return (await this.#clients.get(id)?.renew()) ?? err(`no DHCP client ${id}`);
  }

  get observed(): DhcpClientObserved {
    return {
      clients: [...this.#clients.values()].map((client) => client.observed),
      refusedMessages: this.#deps.refusedMessages(),
    };
  }

  /** Lets go: processes, addresses and routes stay for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
    this.#clients.clear();
  }

  #recover(config: ClientConfig, running: readonly ProcessIdentity[]): void {
    const { store, hookDir, log } = this.#deps;
    const key = `${KEY}${config.id}`;
    const linked = this.#deps.linkHook(config.id);
    if (!linked.ok) log.error({ code: linked.error.code }, linked.error.message);
    const client = new Client(
      {
        ...this.#deps,
        hook: `${hookDir}/${config.id}`,
        save: (record) => store.commit([{ key, value: encodeRecord(record) }]),
        changed: () => this.#changed(),
      },
      config,
    );
    this.#clients.set(config.id, client);
    const bytes = store.get(key);
    const record = bytes === undefined ? undefined : decodeRecord(bytes);
    if (record?.ok === false) {
      log.warn({ key, field: record.error.field }, `stored lease ignored: ${record.error.message}`);
    }
    const usable = record?.ok === true && record.value.ifName === (config.ifName ?? '');
    client.recover(usable ? record.value : undefined, running);
  }

  /** The old client of this id is gone; by now the configuration may have changed again. */
  #returned(id: string): void {
    const next = this.#wanted.get(id);
    if (next === undefined || this.#clients.has(id) || this.#closed) return;
    this.recover({ clients: [next] });
    this.#clients.get(id)?.configure(next);
  }

  #remove(id: string, client: Client): void {
    this.#clients.delete(id);
    const left = client.remove().then(async () => {
      if (this.#clients.has(id)) return;
      const gone = await this.#deps.store.commit([{ key: `${KEY}${id}`, value: undefined }]);
      if (!gone.ok) this.#deps.log.error({ code: gone.error.code }, gone.error.message);
      this.#leaving.delete(id);
      this.#changed();
    });
    this.#leaving.set(id, left);
  }

  /** One report for however many changes one turn of the event loop brings. */
  #changed(): void {
    if (this.#reporting || this.#closed) return;
    this.#reporting = true;
    queueMicrotask(() => {
      this.#reporting = false;
      this.#deps.report(this.observed);
    });
  }
}
