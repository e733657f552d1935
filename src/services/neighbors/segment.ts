/** What an interface of the LAN is made of, and what there is to search on it. Pure. */
import {
  broadcastOf,
  contains,
  type Ipv4,
  type Ipv4Prefix,
  ipv4,
  type Mac,
  networkOf,
  prefixLen,
} from '../../base/ip.ts';
import {
  contains6,
  eui64,
  type IpAddress,
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  isLinkLocal,
  networkOf6,
} from '../../base/ip6.ts';
import type { Net } from '../../os/ports.ts';
import type { ArpRange } from '../../os/ports-scan.ts';
import type { HostView } from './config.ts';

export interface Segment {
  readonly name: string;
  readonly ifIndex: number;
  readonly mac: Mac;
  readonly own4: readonly Ipv4Prefix[];
  readonly own6: readonly Ipv6Prefix[];
  readonly linkLocal: Ipv6 | undefined;
}

/** Of a larger network only so much around the own address is searched: 4,096 addresses. */
const WIDEST = 20;
const MAX_GUESSES = 4096;
/** Addresses made of a MAC address have such a prefix (RFC 4291 §2.5.1). */
const IID_PREFIX = 64;

/** Undefined for an interface that is not there, is down, or has no MAC address. */
export function segmentOf(
  name: string,
  net: Pick<Net, 'links' | 'addresses' | 'addresses6'>,
): Segment | undefined {
  const link = net.links().find((one) => one.name === name);
  if (link?.mac === undefined || !link.adminUp) return undefined;
  const { ifIndex, mac } = link;
  const own4 = net.addresses().filter((one) => one.ifIndex === ifIndex);
  const own6 = net.addresses6().filter(({ ifIndex: at, dad }) => at === ifIndex && dad === 'done');
  const linkLocal = own6.find(({ address }) => isLinkLocal(address))?.address;
  return { name, ifIndex, mac, own4, own6, linkLocal };
}

/** Whoever has it is on this link, and not behind a router of it. */
export const isOnLink = ({ own4, own6 }: Segment, address: IpAddress): boolean =>
  typeof address === 'number'
    ? own4.some((prefix) => contains(prefix, address))
    : isLinkLocal(address) || own6.some((prefix) => contains6(prefix, address));

export const isOwnAddress = ({ own4, own6 }: Segment, address: IpAddress): boolean =>
  [...own4, ...own6].some((own) => own.address === address);

/** IPv4 addresses to be asked for, without those of a network itself and of everybody in it (RFC 3021 for /31). */
export function rangesOf({ own4 }: Segment): readonly ArpRange[] {
  const widest = prefixLen(WIDEST);
  return own4.flatMap((own) => {
    const prefix =
      own.prefixLen >= WIDEST || widest === undefined ? own : { ...own, prefixLen: widest };
    if (prefix.prefixLen > 31) return [];
    const edge = prefix.prefixLen === own.prefixLen && own.prefixLen < 31 ? 1 : 0;
    return [{ first: ipv4(networkOf(prefix) + edge), last: ipv4(broadcastOf(prefix) - edge) }];
  });
}

/** IPv6 addresses that hosts have, or have if they make them of their MAC address. */
export function guesses6(segment: Segment, hosts: Iterable<HostView>): readonly Ipv6[] {
  const found = new Set<Ipv6>();
  const networks = segment.own6
    .filter((own) => own.prefixLen === IID_PREFIX)
    .map((own) => networkOf6(own));
  for (const { mac, addresses, randomised } of hosts) {
    if (found.size >= MAX_GUESSES) break;
    for (const { address, ifName } of addresses) {
      const six = typeof address !== 'number' && ifName === segment.name;
      if (six && isOnLink(segment, address)) found.add(address);
    }
    // Whoever makes up its MAC address makes up its IPv6 addresses, too.
    if (randomised) continue;
    for (const network of new Set(networks)) found.add(ipv6(network | eui64(mac)));
  }
  for (const { address } of segment.own6) found.delete(address);
  return [...found].slice(0, MAX_GUESSES);
}

/** An address of the network of `address` that is in nobody's hands. */
export function unusedNear(
  { own4 }: Segment,
  address: Ipv4,
  isUsed: (address: Ipv4) => boolean,
): Ipv4 | undefined {
  const prefix = own4.find((one) => contains(one, address));
  if (prefix === undefined) return undefined;
  const first = networkOf(prefix) + 1;
  for (let i = broadcastOf(prefix) - 1; i >= first; i--) if (!isUsed(ipv4(i))) return ipv4(i);
  return undefined;
}
