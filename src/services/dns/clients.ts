/** Which group a client is in: by what the owner wrote, and by what is known of the LAN's hosts. */
import type { Mac } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { DnsPrefix } from '../../os/ports-dns.ts';
import type { ClientSelector, GroupConfig } from './policy-config.ts';

/** One device of the LAN. */
export interface HostFacts {
  readonly mac: Mac;
  /** Label in lower case, without the domain. */
  readonly name: string | undefined;
  readonly addresses: readonly IpAddress[];
}

/** The most that the engine's table of prefixes holds. */
const MAX_ENTRIES = 65_536;

export class ClientGroups {
  /** Whole addresses, and prefixes with the longest first. */
  readonly #byAddress = new Map<IpAddress, number>();
  readonly #prefixes: (DnsPrefix & { readonly group: number })[] = [];

  /** A MAC goes before an address, a longer prefix before a shorter one, any before a name; of equals the first group. */
  constructor(groups: readonly GroupConfig[], hosts: readonly HostFacts[]) {
    const macs = new Map<Mac, number>();
    const names = new Map<string, number>();
    const prefixes: (DnsPrefix & { readonly group: number })[] = [];
    for (const [group, { clients }] of groups.entries()) {
      for (const client of clients) {
        if (client.kind === 'prefix') {
          prefixes.push({ address: client.address, prefixLen: client.prefixLen, group });
        } else if (client.kind === 'mac') {
          if (!macs.has(client.mac)) macs.set(client.mac, group);
        } else if (!names.has(client.name)) {
          names.set(client.name, group);
        }
      }
    }
    prefixes.sort((a, b) => b.prefixLen - a.prefixLen);
    this.#prefixes.push(...prefixes.slice(0, MAX_ENTRIES / 2));
    for (const host of hosts) {
      const byMac = macs.get(host.mac);
      const byName = host.name === undefined ? undefined : names.get(host.name);
      for (const address of host.addresses) {
        const group = byMac ?? (this.#byPrefix(address) === undefined ? byName : undefined);
        if (group === undefined || this.#byAddress.size >= MAX_ENTRIES / 2) continue;
        this.#byAddress.set(address, group);
      }
    }
  }

  /** Place of the group in the configuration; undefined when none names the client. */
  of(address: IpAddress): number | undefined {
    return this.#byAddress.get(address) ?? this.#byPrefix(address);
  }

  /** For the engine; of equal prefixes only the first counts. */
  entries(): (DnsPrefix & { readonly group: number })[] {
    const found = new Map<string, DnsPrefix & { readonly group: number }>();
    for (const [address, group] of this.#byAddress) {
      const prefixLen = typeof address === 'number' ? 32 : 128;
      found.set(keyOf(address, prefixLen), { address, prefixLen, group });
    }
    for (const entry of this.#prefixes) {
      const key = keyOf(networkOf(entry), entry.prefixLen);
      if (!found.has(key)) found.set(key, entry);
    }
    return [...found.values()];
  }

  #byPrefix(address: IpAddress): number | undefined {
    return this.#prefixes.find((prefix) => isIn(address, prefix))?.group;
  }
}

const keyOf = (address: IpAddress, length: number): string =>
  `${typeof address}${address}/${length}`;

const networkOf = ({ address, prefixLen }: DnsPrefix): IpAddress =>
  typeof address === 'number'
    ? ((prefixLen === 0 ? 0 : (address & (-1 << (32 - prefixLen))) >>> 0) as IpAddress)
    : (((address >> BigInt(128 - prefixLen)) << BigInt(128 - prefixLen)) as IpAddress);

function isIn(address: IpAddress, { address: network, prefixLen }: DnsPrefix): boolean {
  if (typeof address === 'number') {
    if (typeof network !== 'number') return false;
    return prefixLen === 0 || (address ^ network) >>> (32 - prefixLen) === 0;
  }
  if (typeof network !== 'bigint') return false;
  return (address ^ network) >> BigInt(128 - prefixLen) === 0n;
}

/** Whether the selector of a rule means this client. */
export function isMeant(
  selector: ClientSelector,
  address: IpAddress,
  host: HostFacts | undefined,
): boolean {
  switch (selector.kind) {
    case 'prefix':
      return isIn(address, selector);
    case 'mac':
      return host?.mac === selector.mac;
    case 'name':
      return host?.name === selector.name;
  }
}
