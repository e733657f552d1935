/** Hosts by their names and addresses, for whoever resolves them. Pure. */
import type { Mac } from '../../base/ip.ts';
import { type IpAddress, isLinkLocal } from '../../base/ip6.ts';
import type { Changes } from './changes.ts';
import type { NeighborsConfig } from './config.ts';
import type { Host } from './host.ts';
import { assignNames } from './names.ts';

export class NameIndex {
  #byName = new Map<string, Host>();
  #byAddress = new Map<IpAddress, Host>();

  addressesOf(name: string): readonly IpAddress[] {
    const addresses = this.#byName.get(name.toLowerCase())?.addresses ?? [];
    return addresses.map(({ address }) => address).filter(isReachableByName);
  }

  nameOf(address: IpAddress): string | undefined {
    return this.#byAddress.get(address)?.name;
  }

  ownerOf(address: IpAddress): Host | undefined {
    return this.#byAddress.get(address);
  }

  /** To be called after names or addresses changed. */
  rebuild(hosts: Iterable<Host>): void {
    this.#byName = new Map();
    this.#byAddress = new Map();
    // Whoever has an address on loan has it before whoever was heard with it; of those, the last one.
    const owners = new Map<IpAddress, { readonly leased: boolean; readonly seenMs: number }>();
    for (const host of hosts) {
      if (host.name !== undefined) this.#byName.set(host.name, host);
      for (const one of host.addresses) {
        const other = owners.get(one.address);
        if (
          other !== undefined &&
          (other.leased === one.leased ? other.seenMs >= one.seenMs : other.leased)
        ) {
          continue;
        }
        owners.set(one.address, one);
        this.#byAddress.set(one.address, host);
      }
    }
  }
}

/** Gives every host the name that is its own now. */
export function nameHosts(
  hosts: ReadonlyMap<Mac, Host>,
  config: NeighborsConfig,
  otherOwnNames: Iterable<string>,
  changes: Changes,
): void {
  const fixed = new Map(config.names.map(({ mac, name }) => [mac, name]));
  const claims = [...hosts.values()].map(({ mac, wanted, sinceMs, live, name }) => ({
    ...{ mac, wanted, sinceMs, live, held: name, fixed: fixed.get(mac) },
  }));
  // A name that the owner gave is kept for its host before that was ever seen.
  for (const [mac, name] of fixed) {
    if (hosts.has(mac)) continue;
    claims.push({ mac, fixed: name, wanted: undefined, sinceMs: 0, live: true, held: undefined });
  }
  const { ownName } = config;
  const own = [...otherOwnNames, ...(ownName === undefined ? [] : [ownName])];
  const names = assignNames(claims, own);
  for (const host of hosts.values()) {
    const name = names.get(host.mac);
    if (name === host.name) continue;
    host.name = name;
    if (!changes.fresh.has(host)) changes.renamed.add(host);
    changes.toStore.add(host);
    changes.any = true;
    changes.names = true;
  }
}

/** A link-local address means nothing without its link. */
const isReachableByName = (address: IpAddress): boolean =>
  typeof address === 'number' ? address >>> 16 !== 0xa9fe : !isLinkLocal(address);
