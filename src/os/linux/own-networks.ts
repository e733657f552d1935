/** The networks that this box has an address in, as the kernel says now. */
import { networkInterfaces } from 'node:os';
import { type Ipv4Prefix, parseIpv4, prefixLen } from '../../base/ip.ts';
import { type Ipv6Prefix, parseIpv6, prefixLen6 } from '../../base/ip6.ts';

export function ownNetworks(): {
  readonly v4: readonly Ipv4Prefix[];
  readonly v6: readonly Ipv6Prefix[];
} {
  const [v4, v6]: [Ipv4Prefix[], Ipv6Prefix[]] = [[], []];
  for (const { cidr } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
    const [text = '', length = ''] = (cidr ?? '').split('/');
    if (text.includes(':')) {
      const [address, len] = [parseIpv6(text), prefixLen6(Number(length))];
      if (address.ok && len !== undefined) v6.push({ address: address.value, prefixLen: len });
    } else {
      const [address, len] = [parseIpv4(text), prefixLen(Number(length))];
      if (address.ok && len !== undefined) v4.push({ address: address.value, prefixLen: len });
    }
  }
  return { v4, v6 };
}
