/**
 * Names of hosts in a filter of pcap-filter(7). libpcap asks the system's resolver for each, and waits: for
 * seconds, in which a router would do nothing else, and its own name server may be whom it asks. Pure.
 */

const setOf = (...lines: readonly string[]): ReadonlySet<string> =>
  new Set(lines.flatMap((line) => line.split(' ')));

/** After these a word is the name of a host or network. */
const OF_ADDRESSES = setOf(
  'host net gateway src dst addr1 addr2 addr3 addr4 address1 address2 address3 address4 ra ta',
);

/** Between words that share what stands before the first (`host a or b`). */
const JOINING = setOf('and or not mask');

/** What else the language has that may follow an address; no word after one of these is a host's. */
const OTHER = setOf(
  'ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp ether link ppp slip',
  'fddi tr wlan radio atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih',
  'lsp snp csnp psnp clnp stp ipx netbeui port portrange proto protochain type subtype dir',
  'direction less greater byte broadcast multicast len length inbound outbound ifindex vlan',
  'mpls pppoed pppoes geneve vxlan llc lane bcc oam on ifname rset ruleset rnr rulenum srnr',
  'subrulenum reason action',
);

/** IPv4 whole or in part (`net 10.1`), IPv6, and the forms of a MAC address (scanner.l of libpcap). */
const ADDRESS =
  /^(?:0x[\da-f]+|\d+(?:\.\d+){0,3}|[\da-f]*:[\da-f:.]*|[\da-f]{1,2}(?:[-.][\da-f]{1,2}){5}|[\da-f]{4}(?:\.?[\da-f]{4}){2})$/i;

/** Each word that would be looked up, as it stands there. */
export function hostNames(filter: string): readonly string[] {
  const found: string[] = [];
  let ofAddresses = false;
  for (const [word] of filter.matchAll(/[^\s()!&|<>=+*/%^[\],]+/g)) {
    if (OF_ADDRESSES.has(word)) ofAddresses = true;
    else if (OTHER.has(word)) ofAddresses = false;
    else if (ofAddresses && !JOINING.has(word) && !ADDRESS.test(word)) found.push(word);
  }
  return found;
}
