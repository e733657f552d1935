import type { SystemError } from '../../base/errors.ts';
import { formatPrefix6, type Ipv6, ipv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories, Files, Store } from '../../os/ports.ts';
import type { HookMessage, Launch } from '../client-programs/program.ts';
import { Roster } from '../client-programs/roster.ts';
import { Client6, type Client6Deps } from './client.ts';
import type {
  Client6Config,
  Dhcp6ClientConfig,
  Dhcp6ClientObserved,
  Lan6Config,
  LanPrefix6,
} from './config.ts';
import { planLan } from './plan.ts';
import { type Client6Record, decodeRecord6, encodeRecord6 } from './record.ts';

export interface Dhcp6ClientDeps
  extends Omit<Client6Deps, 'hook' | 'folder' | 'duid' | 'read' | 'prepare' | 'save' | 'changed'> {
  readonly store: Store;
  readonly files: Files;
  readonly directories: Directories;
  /** Directory of the plugin's links, one per client: `RUN_DIR/hook`. */
  readonly hookDir: string;
  /** Directory of the clients' own folders: `RUN_DIR/dhcp6`. */
  readonly workDir: string;
  randomBytes(count: number): Uint8Array;
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
  readonly #roster: Roster<Client6Config, Client6Record, Client6>;
  #duid: Uint8Array = new Uint8Array(0);
  #lans: readonly Lan6Config[] = [];
  #lan: ReturnType<typeof planLan> = { placed: [], unplaced: [] };
  #told = '';

  constructor(deps: Dhcp6ClientDeps) {
    this.#deps = deps;
    const folderOf = (id: string): string => `${deps.workDir}/${id}`;
    this.#roster = new Roster({
      ...{ log: deps.log, store: deps.store, processes: deps.processes, linkHook: deps.linkHook },
      ...{ keyPrefix: KEY, decode: decodeRecord6, encode: encodeRecord6, markOf: folderOf },
      make: (config, save, changed) => this.#make(folderOf(config.id), config, save, changed),
      changed: () => {
        this.#distribute();
        deps.report(this.observed);
      },
    });
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
    this.#roster.recover(clients);
    this.#distribute();
  }

  /** Makes `config` the whole truth. */
  apply({ clients, lans }: Dhcp6ClientConfig): void {
    this.#lans = lans;
    this.#roster.apply(clients);
    this.#distribute();
  }

  linksChanged(): void {
    this.#roster.linksChanged();
  }

  /** A message of the hook; false when no client of ours is meant. */
  async hook(message: HookMessage): Promise<boolean> {
    return await this.#roster.hook(message);
  }

  renew(id: string): Result<void, string> {
    return this.#roster.get(id)?.renew() ?? err(`no DHCPv6 client ${id}`);
  }

  get observed(): Dhcp6ClientObserved {
    const face = this.#deps.program?.face;
    return {
      duid: this.#duid,
      clients: this.#roster.all.map((client) => client.observed),
      lanPrefixes: this.#lan.placed,
      unplaced: this.#lan.unplaced,
      program: face && { name: face.name, limits: face.limits },
    };
  }

  /** Lets go: processes, addresses and routes stay for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#roster.close();
  }

  #make(
    folder: string,
    config: Client6Config,
    save: Client6Deps['save'],
    changed: () => void,
  ): Client6 {
    const { hookDir, files } = this.#deps;
    return new Client6(
      {
        ...this.#deps,
        ...{ hook: `${hookDir}/${config.id}`, folder, duid: this.#duid, save, changed },
        read: (name) => {
          const text = files.readText(`${folder}/${name}`);
          return text.ok ? text.value : undefined;
        },
        prepare: (launch) => this.#prepare(folder, launch),
      },
      config,
    );
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

  /** Gives each network of the LAN its part of what is delegated now. */
  #distribute(): void {
    const clients = this.#roster.all;
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
}
