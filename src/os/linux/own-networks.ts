/** The networks that this box has an address in, as the kernel says now. */
import { networkInterfaces } from 'node:os';
import { type Ipv4Prefix, parseIpv4, prefixLen } from '../../base/ip.ts';
import { type Ipv6Prefix, parseIpv6, prefixLen6 } from '../../base/ip6.ts';

export function ownNetworks(): readonly (Ipv4Prefix | Ipv6Prefix)[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.flatMap(({ cidr }): (Ipv4Prefix | Ipv6Prefix)[] => {
    const [text = '', length = ''] = (cidr ?? '').split('/');
    if (text.includes(':')) {
      const [address, len] = [parseIpv6(text), prefixLen6(Number(length))];
      return address.ok && len !== undefined ? [{ address: address.value, prefixLen: len }] : [];
    }
    const [address, len] = [parseIpv4(text), prefixLen(Number(length))];
    return address.ok && len !== undefined ? [{ address: address.value, prefixLen: len }] : [];
  });
}
