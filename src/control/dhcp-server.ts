/** What the DHCP server is told besides its rows, and what of its observations is news. Pure. */
import { formatIpv4, type Ipv4, parseIpv4 } from '../base/ip.ts';
import type { DhcpServerConfig, DhcpServerObserved } from '../services/dhcp-server/config.ts';
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

export const withResolvers = (
  config: DhcpServerConfig,
  resolvers: readonly Ipv4[],
): DhcpServerConfig => ({
  ...config,
  pools: config.pools.map((pool) =>
    pool.dnsServers.length > 0 ? pool : { ...pool, dnsServers: resolvers },
  ),
});

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
