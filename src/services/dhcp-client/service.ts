import type { SystemError } from '../../base/errors.ts';
import { err, type Result } from '../../base/result.ts';
import type { Store } from '../../os/ports.ts';
import type { HookMessage } from '../client-programs/program.ts';
import { Roster } from '../client-programs/roster.ts';
import { Client, type ClientDeps } from './client.ts';
import type { ClientConfig, DhcpClientConfig, DhcpClientObserved } from './config.ts';
import { type ClientRecord, decodeRecord, encodeRecord } from './record.ts';

export interface DhcpClientDeps extends Omit<ClientDeps, 'hook' | 'save' | 'changed'> {
  readonly store: Store;
  /** Directory of the plugin's links, one per client: `RUN_DIR/hook`. */
  readonly hookDir: string;
  /** Makes `hookDir/<id>` a link to the plugin. */
  linkHook(id: string): Result<void, SystemError>;
  report(observed: DhcpClientObserved): void;
  refusedMessages(): number;
}

/** All DHCPv4 clients of the box. */
export class DhcpClientService implements AsyncDisposable {
  readonly #roster: Roster<ClientConfig, ClientRecord, Client>;
  readonly #deps: DhcpClientDeps;

  constructor(deps: DhcpClientDeps) {
    this.#deps = deps;
    const hookOf = (id: string): string => `${deps.hookDir}/${id}`;
    this.#roster = new Roster({
      ...{ log: deps.log, store: deps.store, processes: deps.processes, linkHook: deps.linkHook },
      ...{ keyPrefix: 'dhcp4/', decode: decodeRecord, encode: encodeRecord, markOf: hookOf },
      make: (config, save, changed) =>
        new Client({ ...deps, hook: hookOf(config.id), save, changed }, config),
      changed: () => deps.report(this.observed),
    });
  }

  /**
   * Takes up leases and processes that an earlier daemon left for the clients of `config`, and
   * starts nothing: what is `observed` is true from then on. It must come before anything removes
   * addresses that nobody asked for. `apply` does the same for clients that are new to it.
   */
  recover({ clients }: DhcpClientConfig): void {
    this.#roster.recover(clients);
  }

  /** Makes `config` the whole truth. */
  apply({ clients }: DhcpClientConfig): void {
    this.#roster.apply(clients);
  }

  linksChanged(): void {
    this.#roster.linksChanged();
  }

  /** A message of the hook; false when no client of ours is meant. */
  async hook(message: HookMessage): Promise<boolean> {
    return await this.#roster.hook(message);
  }

  async renew(id: string): Promise<Result<void, string>> {
    return (await this.#roster.get(id)?.renew()) ?? err(`no DHCP client ${id}`);
  }

  get observed(): DhcpClientObserved {
    return {
      clients: this.#roster.all.map((client) => client.observed),
      refusedMessages: this.#deps.refusedMessages(),
    };
  }

  /** Lets go: processes, addresses and routes stay for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#roster.close();
  }
}
