/** Pure: what the LAN's DHCPv6 server and advertisements are told, with the prefixes that the WAN was delegated. */
import { contains6, type Ipv6, UNIQUE_LOCAL } from '../base/ip6.ts';
import type { LanPrefix6 } from '../services/dhcp6-client/config.ts';
import type {
  AdvertiseConfig,
  Dhcp6ServerConfig,
  Pool6Config,
  Segment6Config,
} from '../services/dhcp6-server/config.ts';

export interface Delegated {
  readonly prefixes: readonly LanPrefix6[];
  /** Resolvers that came with them: for hosts that are told of no others. */
  readonly resolvers: readonly Ipv6[];
}

export const NOTHING_DELEGATED: Delegated = { prefixes: [], resolvers: [] };

/**
 * Hosts make addresses of the delegated prefixes, for as long as those last. This box is their
 * default router while there is a prefix that the rest of the world knows (RFC 7084 L-4).
 */
export function withDelegated(
  config: Dhcp6ServerConfig,
  { prefixes, resolvers }: Delegated,
): Dhcp6ServerConfig {
  const of = (segment: string | undefined) =>
    prefixes.filter(({ lan }) => lan === segment).map(timed);
  const segments = config.segments.map((segment): Segment6Config => {
    const all = [
      ...segment.prefixes,
      ...of(segment.id).map((prefix) => ({ ...prefix, onLink: true, autonomous: true })),
    ];
    const known = all.some(({ prefix }) => !contains6(UNIQUE_LOCAL, prefix.address));
    const { advertise } = segment;
    return {
      ...segment,
      prefixes: all,
      advertise:
        advertise &&
        withNames({ ...advertise, lifetimeSec: known ? advertise.lifetimeSec : 0 }, resolvers),
    };
  });
  const pools = config.pools.map(
    (pool): Pool6Config =>
      withNames(
        pool.wholeLink && pool.addresses !== undefined
          ? { ...pool, addresses: [...pool.addresses, ...of(pool.segment)] }
          : pool,
        resolvers,
      ),
  );
  return { ...config, segments, pools };
}

const withNames = <T extends AdvertiseConfig | Pool6Config>(
  told: T,
  resolvers: readonly Ipv6[],
): T => (told.dnsServers.length > 0 ? told : { ...told, dnsServers: resolvers });

const timed = ({ subnet, preferredUntilMs, validUntilMs }: LanPrefix6) => ({
  ...{ prefix: subnet, preferredUntilMs, validUntilMs },
});
