/** Which peers may be connected to: what strangers tell of addresses is not to be believed. */
import type { IpPort } from '../../base/ip-port.ts';
import { ipv6, type PrefixLen6, UNIQUE_LOCAL } from '../../base/ip6.ts';
import { AddressPolicy, prefix4 } from './address-policy.ts';
import type { IpPrefix } from './config.ts';

/** Private (RFC 1918), shared (RFC 6598), loopback, link-local and unique local. */
const INSIDE: readonly IpPrefix[] = [
  prefix4(0x0a000000, 8),
  prefix4(0x64400000, 10),
  prefix4(0x7f000000, 8),
  prefix4(0xa9fe0000, 16),
  prefix4(0xac100000, 12),
  prefix4(0xc0a80000, 16),
  UNIQUE_LOCAL,
  { address: ipv6(1n), prefixLen: 128 as PrefixLen6 },
];

/**
 * Addresses of the Internet that are in none of this box's own networks; and of those inside when
 * the owner says that the swarm is one of his.
 */
export function reachablePeers(
  own: () => readonly IpPrefix[],
): (endpoint: IpPort, isPrivate: boolean) => boolean {
  const outside = new AddressPolicy([], own);
  const inside = new AddressPolicy(INSIDE, own);
  return (endpoint, isPrivate) =>
    outside.allows(endpoint) || (isPrivate && inside.allows(endpoint));
}
