/** With whom in a swarm the box may speak at all: what strangers tell of addresses is not to be believed. */
import { contains, type Ipv4, type Ipv4Prefix, ipv4, type PrefixLen } from '../../base/ip.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { type IpAddress, type Ipv6, isLinkLocal, isMulticast6 } from '../../base/ip6.ts';

const prefix = (address: number, length: number): Ipv4Prefix => ({
  address: ipv4(address),
  prefixLen: length as PrefixLen,
});

/** This network, multicast, reserved and broadcast: nobody's address, in a private swarm neither. */
const NOBODY: readonly Ipv4Prefix[] = [prefix(0, 8), prefix(0xe0000000, 3)];
/** Private (RFC 1918), shared (RFC 6598), loopback and link-local. */
const INSIDE: readonly Ipv4Prefix[] = [
  prefix(0x0a000000, 8),
  prefix(0x64400000, 10),
  prefix(0x7f000000, 8),
  prefix(0xa9fe0000, 16),
  prefix(0xac100000, 12),
  prefix(0xc0a80000, 16),
];

export interface PeerRules {
  /** The owner says that the swarm is one of his own networks: addresses inside are fit, too. */
  readonly private: boolean;
  /** Whether an address is of a network that this box has an address in. */
  isOwn(address: IpAddress): boolean;
}

/** Why a peer is never spoken to; undefined for one that is fit. */
export function unfitPeer({ address, port }: IpPort, rules: PeerRules): string | undefined {
  if (port < 1 || port > 65_535) return 'no port';
  const inside = typeof address === 'number' ? whatIsIpv4(address) : whatIsIpv6(address);
  if (inside === 'nobody') return 'nobody’s address';
  if (rules.private) return undefined;
  if (inside === 'inside') return 'not an address of the Internet';
  return rules.isOwn(address) ? 'an address of this box’s own networks' : undefined;
}

function whatIsIpv4(address: Ipv4): 'nobody' | 'inside' | 'outside' {
  if (NOBODY.some((range) => contains(range, address))) return 'nobody';
  return INSIDE.some((range) => contains(range, address)) ? 'inside' : 'outside';
}

/** Outside is 2000::/3 (RFC 4291 §2.4), without what only carries an IPv4 address: Teredo and 6to4. */
function whatIsIpv6(address: Ipv6): 'nobody' | 'inside' | 'outside' {
  // Mapped, compatible and translated IPv4, and the unspecified address; ::1 is loopback.
  if ((address >> 32n === 0n && address !== 1n) || address >> 32n === 0xffffn) return 'nobody';
  if (isMulticast6(address) || address >> 96n === 0x0064ff9bn) return 'nobody';
  if (isLinkLocal(address) || address >> 125n !== 1n) return 'inside';
  return address >> 96n === 0x20010000n || address >> 112n === 0x2002n ? 'nobody' : 'outside';
}
