/** What the DHCP server is told besides its rows, and what of its observations is news. Pure. */
import { contains, formatIpv4, type Ipv4, parseIpv4 } from '../base/ip.ts';
import { contains6, type IpAddress, type Ipv6, isLinkLocal, UNIQUE_LOCAL } from '../base/ip6.ts';
import type { DhcpServerConfig, DhcpServerObserved } from '../services/dhcp-server/config.ts';
import type { Dhcp6ServerConfig } from '../services/dhcp6-server/config.ts';
import type { DnsObserved } from '../services/dns/config.ts';
import type { NetworkObserved } from '../services/network/config.ts';

/** TR-181's limit of `DNSServers`. */
const MAX_RESOLVERS = 4;

/** The IPv4 resolvers that the box itself uses, in their order: hosts of pools without any get these. */
export function resolversOf(network: Pick<NetworkObserved, 'resolvers'>): readonly Ipv4[] {
  return network.resolvers
    .flatMap(({ address }) => {
      const parsed = parseIpv4(address);
      return parsed.ok && parsed.value >>> 24 !== 127 ? [parsed.value] : [];
    })
    .slice(0, MAX_RESOLVERS);
}

/**
 * Pools without resolvers of their own name the box itself where it answers (`served`), else those
 * that it uses.
 */
export const withResolvers = (
  config: DhcpServerConfig,
  resolvers: readonly Ipv4[],
  served: ReadonlySet<IpAddress> = new Set(),
): DhcpServerConfig => ({
  ...config,
  pools: config.pools.map((pool) => {
    if (pool.dnsServers.length > 0) return pool;
    const segment = config.segments.find(({ id }) => id === pool.segment);
    const own = (segment?.addresses ?? [])
      .map(({ address }) => address)
      .filter((a) => served.has(a));
    const subnet = { address: pool.min, prefixLen: pool.prefixLen };
    const nearest = own.find((address) => contains(subnet, address)) ?? own[0];
    return { ...pool, dnsServers: nearest === undefined ? resolvers : [nearest] };
  }),
});

/** The same for IPv6; `ownOf` gives where the box answers on an interface. */
export const withResolvers6 = (
  config: Dhcp6ServerConfig,
  ownOf: (ifName: string) => readonly Ipv6[],
): Dhcp6ServerConfig => {
  const ofSegment = <
    T extends { readonly dnsGiven: boolean; readonly dnsServers: readonly Ipv6[] },
  >(
    told: T,
    ifName: string | undefined,
  ): T => {
    const own = told.dnsGiven || ifName === undefined ? [] : ownOf(ifName);
    const [best] = [...own].sort((a, b) => rank(a) - rank(b));
    return best === undefined ? told : { ...told, dnsServers: [best] };
  };
  return {
    ...config,
    segments: config.segments.map((segment) => ({
      ...segment,
      advertise: segment.advertise && ofSegment(segment.advertise, segment.ifName),
    })),
    pools: config.pools.map((pool) =>
      ofSegment(pool, config.segments.find(({ id }) => id === pool.segment)?.ifName),
    ),
  };
};

/** What the provider changes comes behind what stays; link-local needs an interface besides. */
const rank = (address: Ipv6): number =>
  contains6(UNIQUE_LOCAL, address) ? 0 : isLinkLocal(address) ? 2 : 1;

/** Addresses at which the DNS server answers on its usual port. */
export const servedBy = (dns: Pick<DnsObserved, 'listeners'> | undefined): Set<IpAddress> =>
  new Set(
    (dns?.listeners ?? []).flatMap(({ transport, port, address, error }) =>
      transport === 'udp' && port === DNS_PORT && error === undefined ? [address] : [],
    ),
  );

const DNS_PORT = 53;

/** An event of `Device.DHCPv4.Server.` with its arguments. */
export interface DhcpNews {
  readonly event: 'X_GATEHOUSE_NewDevice' | 'X_GATEHOUSE_OtherServer';
  readonly args: Readonly<Record<string, string>>;
}

type Strangers = Pick<DhcpServerObserved, 'pending' | 'rogues'>;

const rogueKey = ({ segment, mac, server }: Strangers['rogues'][number]): string =>
  `${segment} ${mac} ${server}`;

/** Devices and servers that `after` has and `before` has not. */
export function newsOf(before: Strangers | undefined, after: Strangers): readonly DhcpNews[] {
  const known = new Set(before?.pending.map(({ segment, mac }) => `${segment} ${mac}`));
  const servers = new Set(before?.rogues.map(rogueKey));
  return [
    ...after.pending
      .filter(({ segment, mac }) => !known.has(`${segment} ${mac}`))
      .map(
        ({ mac, hostName }): DhcpNews => ({
          event: 'X_GATEHOUSE_NewDevice',
          args: { Chaddr: mac, HostName: hostName ?? '' },
        }),
      ),
    ...after.rogues
      .filter((rogue) => !servers.has(rogueKey(rogue)))
      .map(
        ({ mac, server }): DhcpNews => ({
          event: 'X_GATEHOUSE_OtherServer',
          args: { Chaddr: mac, IPAddress: formatIpv4(server) },
        }),
      ),
  ];
}
