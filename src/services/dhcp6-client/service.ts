import type { SystemError } from '../../base/errors.ts';
import { formatPrefix6, type Ipv6, ipv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories, Files, ProcessIdentity, Store } from '../../os/ports.ts';
import type { HookMessage, Launch } from '../client-programs/program.ts';
import { Client6, type Client6Deps } from './client.ts';
import type {
  Client6Config,
  Dhcp6ClientConfig,
  Dhcp6ClientObserved,
  Lan6Config,
  LanPrefix6,
} from './config.ts';
import { planLan } from './plan.ts';
import { decodeRecord6, encodeRecord6 } from './record.ts';

export interface Dhcp6ClientDeps
  extends Omit<
    Client6Deps,
    'hook' | 'folder' | 'duid' | 'read' | 'prepare' | 'save' | 'changed' | 'argumentsOf'
  > {
  readonly store: Store;
  readonly files: Files;
  readonly directories: Directories;
  /** Directory of the plugin's links, one per client: `RUN_DIR/hook`. */
  readonly hookDir: string;
  /** Directory of the clients' own folders: `RUN_DIR/dhcp6`. */
  readonly workDir: string;
  randomBytes(count: number): Uint8Array;
  argumentsOf(process: ProcessIdentity): readonly string[];
  /** Makes `hookDir/<id>` a link to the plugin. */
  linkHook(id: string): Result<void, SystemError>;
  /** All that the LAN has of delegated prefixes, with the resolvers that came with them; told when it changed. */
  lanChanged(prefixes: readonly LanPrefix6[], resolvers: readonly Ipv6[]): void;
  report(observed: Dhcp6ClientObserved): void;
}

const KEY = 'dhcp6-client/lease/';
const DUID_KEY = 'dhcp6-client/duid';
/** RFC 6355. */
const DUID_UUID = 4;
/** Owner of the addresses on the LAN. */
const LAN = 'lan6';

/** All DHCPv6 clients of the box, and the prefixes that they bring to the LAN. */
export class Dhcp6ClientService implements AsyncDisposable {
  readonly #deps: Dhcp6ClientDeps;
  readonly #clients = new Map<string, Client6>();
  /** Clients whose removal is under way, by id: a new one of that id waits. */
  readonly #leaving = new Map<string, Promise<void>>();
  #duid: Uint8Array = new Uint8Array(0);
  #wanted: ReadonlyMap<string, Client6Config> = new Map();
  #lans: readonly Lan6Config[] = [];
  #lan: ReturnType<typeof planLan> = { placed: [], unplaced: [] };
  #told = '';
  #reporting = false;
  #applied = false;
  #closed = false;

  constructor(deps: Dhcp6ClientDeps) {
    this.#deps = deps;
  }

  /** This box's DUID, or a new one for good (RFC 8415 §11). Before anything else. */
  async identify(): Promise<Result<void, SystemError>> {
    const { store, randomBytes } = this.#deps;
    const known = store.get(DUID_KEY);
    if (known !== undefined) {
      this.#duid = known.slice();
      return ok(undefined);
    }
    const duid = Uint8Array.of(0, DUID_UUID, ...randomBytes(16));
    // Version 4, variant of RFC 4122.
    duid[8] = ((duid[8] ?? 0) & 0x0f) | 0x40;
    duid[10] = ((duid[10] ?? 0) & 0x3f) | 0x80;
    this.#duid = duid;
    return await store.commit([{ key: DUID_KEY, value: duid }]);
  }

  /**
   * Takes up what an earlier daemon held and ran for the clients of `config`, and starts nothing. It
   * must come before anything removes addresses, or tells the LAN that its prefixes are gone.
   */
  recover({ clients, lans }: Dhcp6ClientConfig): void {
    this.#lans = lans;
    this.#takeUp(clients);
    this.#distribute();
  }

  /** Makes `config` the whole truth. */
  apply(config: Dhcp6ClientConfig): void {
    const wanted = new Map(config.clients.map((client) => [client.id, client]));
    this.#wanted = wanted;
    this.#lans = config.lans;
    this.#applied = true;
    for (const [id, client] of this.#clients) {
      const next = wanted.get(id);
      // On another interface it is another client: the old one gives its leases back first.
      if (next === undefined || next.ifName !== client.config.ifName) this.#remove(id, client);
    }
    this.#takeUp(config.clients);
    for (const next of config.clients) {
      const client = this.#clients.get(next.id);
      if (client !== undefined) client.configure(next);
      else void this.#leaving.get(next.id)?.then(() => this.#returned(next.id));
    }
    this.#distribute();
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

  renew(id: string): Result<void, string> {
    return this.#clients.get(id)?.renew() ?? err(`no DHCPv6 client ${id}`);
  }

  get observed(): Dhcp6ClientObserved {
    const face = this.#deps.program?.face;
    return {
      duid: this.#duid,
      clients: [...this.#clients.values()].map((client) => client.observed),
      lanPrefixes: this.#lan.placed,
      unplaced: this.#lan.unplaced,
      program: face && { name: face.name, limits: face.limits },
    };
  }

  /** Lets go: processes, addresses and routes stay for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
    this.#clients.clear();
  }

  #takeUp(clients: readonly Client6Config[]): void {
    const fresh = clients.filter(({ id }) => !this.#clients.has(id) && !this.#leaving.has(id));
    const { processes, workDir } = this.#deps;
    const running = processes.findByArguments(fresh.map(({ id }) => `${workDir}/${id}`));
    for (const config of fresh) this.#recover(config, running.get(`${workDir}/${config.id}`) ?? []);
  }

  #recover(config: Client6Config, running: readonly ProcessIdentity[]): void {
    const { store, hookDir, workDir, files, log } = this.#deps;
    const { id } = config;
    const key = `${KEY}${id}`;
    const folder = `${workDir}/${id}`;
    const linked = this.#deps.linkHook(id);
    if (!linked.ok) log.error({ code: linked.error.code }, linked.error.message);
    const client = new Client6(
      {
        ...this.#deps,
        ...{ hook: `${hookDir}/${id}`, folder, duid: this.#duid },
        read: (name) => {
          const text = files.readText(`${folder}/${name}`);
          return text.ok ? text.value : undefined;
        },
        prepare: (launch) => this.#prepare(folder, launch),
        save: (record) => store.commit([{ key, value: encodeRecord6(record) }]),
        changed: () => this.#changed(),
      },
      config,
    );
    this.#clients.set(id, client);
    const bytes = store.get(key);
    const record = bytes === undefined ? undefined : decodeRecord6(bytes);
    if (record?.ok === false) {
      log.warn({ key, field: record.error.field }, `stored lease ignored: ${record.error.message}`);
    }
    const usable = record?.ok === true && record.value.ifName === (config.ifName ?? '');
    client.recover(usable ? record.value : undefined, running);
  }

  #prepare(folder: string, { files, stale }: Launch): Result<void, SystemError> {
    const { directories, files: disk } = this.#deps;
    const steps = [
      () => directories.make(folder, 0o700),
      ...stale.map((name) => () => directories.remove(`${folder}/${name}`)),
      ...files.map(
        ({ name, text }) =>
          () =>
            disk.writeAtomic(`${folder}/${name}`, text, 0o600),
      ),
    ];
    for (const step of steps) {
      const done = step();
      if (!done.ok) return done;
    }
    return ok(undefined);
  }

  /** The old client of this id is gone; by now the configuration may have changed again. */
  #returned(id: string): void {
    const next = this.#wanted.get(id);
    if (next === undefined || this.#clients.has(id) || this.#closed) return;
    this.#takeUp([next]);
    this.#clients.get(id)?.configure(next);
  }

  #remove(id: string, client: Client6): void {
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

  /** Gives each network of the LAN its part of what is delegated now. */
  #distribute(): void {
    const clients = [...this.#clients.values()];
    this.#lan = planLan(
      this.#lans,
      clients.map((client) => ({ id: client.config.id, prefixes: client.held?.prefixes ?? [] })),
    );
    const { placed } = this.#lan;
    const resolvers = clients.flatMap((client) => client.held?.dnsServers ?? []).slice(0, 4);
    const told = [
      ...placed.map(
        ({ lan, ifName, subnet, preferredUntilMs, validUntilMs }) =>
          `${lan} ${ifName} ${formatPrefix6(subnet)} ${preferredUntilMs} ${validUntilMs}`,
      ),
      ...resolvers.map((address) => address.toString(16)),
    ].join('\n');
    if (told === this.#told) return;
    this.#told = told;
    const addresses = placed.map(({ ifName, subnet, preferredUntilMs, validUntilMs }) => ({
      ...{ ifName, address: ipv6(subnet.address | 1n), prefixLen: subnet.prefixLen },
      ...{ preferredUntilMs, validUntilMs },
    }));
    const plan = { addresses, unreachable: [], resolvers: [], searchDomains: [] };
    for (const error of this.#deps.planner.set6(LAN, placed.length === 0 ? undefined : plan)) {
      this.#deps.log.error({ code: error.code }, `prefix on the LAN: ${error.message}`);
    }
    this.#deps.lanChanged(placed, resolvers);
  }

  /** One distribution and one report for however many changes one turn of the event loop brings. */
  #changed(): void {
    if (this.#reporting || this.#closed) return;
    this.#reporting = true;
    queueMicrotask(() => {
      this.#reporting = false;
      if (this.#closed) return;
      this.#distribute();
      this.#deps.report(this.observed);
    });
  }
}
