/** Pure: the nftables table of all domains, TAYGA's configuration, and what nat46 is told. */
import { formatIpv4, formatPrefix, type Ipv4, ipv4 } from '../../base/ip.ts';
import { formatIpv6, formatPrefix6, type Ipv6, type Ipv6Prefix, ipv6 } from '../../base/ip6.ts';
import type { PortRange } from './addressing.ts';
import type { MapEndpoint } from './plan.ts';

export const MAP_TABLE = 'gatehouse_map';
/** The dummy IPv4 address (RFC 7600 §4.8): who has no IPv4 address speaks from it. */
const DUMMY: Ipv4 = ipv4(0xc0000008);
/** TAYGA's own, of the range for such translators (RFC 7335). */
const OWN: Ipv4 = ipv4(0xc0000001);
/** What a header grows by from IPv4 to IPv6 (RFC 7915 §1.3). */
const HEADER_GROWTH = 20;
const TCP_HEADERS = 40;
const MIN_MTU6 = 1280;
/**
 * Connections to one destination go through the sets in turn. One turn for all destinations would
 * be out of step as soon as they alternate: every third connection meets every third set alone.
 */
const TURNS = 64;
/** Sockets of the LAN that keep their port; those beyond take the sets in turn. */
const SOCKETS = 16384;
/** Places of all turns together: what the kernel loads in a blink. */
const MAX_PLACES = 4096;

export const mtu4Of = (mtu6: number): number => Math.max(MIN_MTU6, mtu6) - HEADER_GROWTH;

/**
 * One transaction that replaces the table; with no domain it is gone after it. Masquerade takes
 * the link's one address, and the kernel forgets the flows when that goes: none is left over on
 * another way.
 *
 * nft's `snat … map` would take the first port of each range; a chain for each set takes all.
 * Where a set has no port left for a destination, the kernel drops the first packet, and its
 * repetition meets another set. A UDP socket keeps its set, and with that the kernel gives it the
 * same port towards everyone, as games and calls need it (RFC 4787 REQ-1).
 */
export function renderMap(
  endpoints: readonly MapEndpoint[],
  mtu6Of: (wan: string) => number,
): string {
  const removal = `table inet ${MAP_TABLE} {}
delete table inet ${MAP_TABLE}
`;
  if (endpoints.length === 0) return removal;
  return `${removal}table inet ${MAP_TABLE} {
${endpoints.map((endpoint, i) => chains(endpoint, i)).join('')}
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${endpoints.map(({ link }, i) => `    oifname "${link}" meta nfproto ipv4 goto out${i}\n`).join('')}  }

  chain leaving {
    type filter hook postrouting priority srcnat + 1; policy accept;
${endpoints.map(leaving).join('')}  }

  chain forward {
    type filter hook forward priority mangle; policy accept;
${endpoints.map(({ link, wan }) => clamp(link, mtu4Of(mtu6Of(wan)) - TCP_HEADERS)).join('')}  }
}
`;
}

function chains({ addressing: { shared, ports } }: MapEndpoint, i: number): string {
  if (!shared) return `  chain out${i} {\n    masquerade\n  }\n`;
  const sets = ports.map(({ first, last }) => ({ first: Math.max(1, first), last }));
  const next = `numgen inc mod ${sets.length}`;
  const places = sets.map((_, k) => `${k} : goto set${i}_${k}`).join(', ');
  const turns = [
    ...Array(Math.max(1, Math.min(TURNS, Math.floor(MAX_PLACES / sets.length)))).keys(),
  ];
  const byDestination = (chain: string): string =>
    `jhash ip daddr . th dport mod ${turns.length} vmap { ${turns.map((k) => `${k} : goto ${chain}${i}_${k}`).join(', ')} }`;
  return `  map socket${i} {
    type ipv4_addr . inet_service : mark
    flags dynamic, timeout
    size ${SOCKETS}
    timeout 5m
  }
${sets.map((set, k) => setChain(`set${i}_${k}`, set)).join('')}  chain again${i} {
    meta mark set ip saddr . udp sport map @socket${i} meta mark vmap { ${places} }
    ${next} vmap { ${places} }
  }
${turns
  .map(
    (k) => `  chain turn${i}_${k} {
    ${next} vmap { ${places} }
  }
  chain udp${i}_${k} {
    update @socket${i} { ip saddr . udp sport : ${next} }
    goto again${i}
  }
`,
  )
  .join('')}  chain out${i} {
    meta l4proto tcp ${byDestination('turn')}
    meta l4proto udp ${byDestination('udp')}
    meta l4proto icmp ${next} vmap { ${places} }
    counter drop comment "has no ports"
  }
`;
}

const setChain = (name: string, { first, last }: PortRange): string => {
  const range = first === last ? `${first}` : `${first}-${last}`;
  return `  chain ${name} {
    meta l4proto tcp masquerade to :${range}
    meta l4proto udp masquerade to :${range}
    meta l4proto icmp masquerade to :${range}
  }
`;
};

/**
 * What was not translated here must not leave under another's address. A router of the provider has
 * no IPv4 address to say "time exceeded" from, and TAYGA would drop it: it speaks from the dummy one
 * (RFC 7600 §4.8).
 */
const leaving = ({ link, addressing, dscp, dmr }: MapEndpoint): string =>
  `    oifname "${link}" ip saddr != ${formatIpv4(addressing.address)} counter drop\n${
    dscp === undefined ? '' : `    oifname "${link}" ip dscp set ${dscp & 63}\n`
  }    oifname "${link}" ip6 saddr != ${formatPrefix6(dmr)} icmpv6 type { destination-unreachable, time-exceeded } ip6 saddr set ${formatIpv6(embedded(dmr, DUMMY))}
`;

const clamp = (link: string, mss: number): string =>
  ['oifname', 'iifname']
    .map(
      (way) =>
        `    ${way} "${link}" tcp flags syn / syn,rst tcp option maxseg size > ${mss} tcp option maxseg size set ${mss}\n`,
    )
    .join('');

/** tayga.conf(5). Its own addresses are for ICMP errors alone. */
export function renderTayga({ link, addressing, dmr }: MapEndpoint): string {
  return `tun-device ${link}
ipv4-addr ${formatIpv4(OWN)}
ipv6-addr ${formatIpv6(translatorAddress(addressing.address6))}
prefix ${formatPrefix6(dmr)}
map ${formatIpv4(addressing.address)} ${formatIpv6(addressing.address6)}
`;
}

/** An IPv4 address behind a prefix; bits 64 to 71 stay zero (RFC 6052 §2.2). */
function embedded({ address, prefixLen }: Ipv6Prefix, inner: Ipv4): Ipv6 {
  const before = Math.max(0, Math.min(32, 64 - prefixLen));
  if (prefixLen > 64) return ipv6(address | BigInt(inner));
  const high = BigInt(inner) >> BigInt(32 - before);
  const low = BigInt.asUintN(32 - before, BigInt(inner));
  return ipv6(address | (high << 64n) | (low << BigInt(56 - (32 - before))));
}

/** Beside the MAP address, as its interface identifier would be for TAYGA's own address. */
export const translatorAddress = (address6: Ipv6): Ipv6 =>
  ipv6((address6 & ~0xffffffffffffffffn) | (BigInt(OWN) << 16n));

/** Lines for /proc/net/nat46/control, as the README of the module has them; the last rule comes first. */
export function nat46Commands(endpoint: MapEndpoint): readonly string[] {
  const { link, rule, addressing, forwarding, dmr } = endpoint;
  const { address, address6 } = addressing;
  const remote = `remote.style RFC6052 remote.v4 0.0.0.0/0 remote.v6 ${formatPrefix6(dmr)}`;
  const map = ({ prefix4, prefix6, eaLen, psidOffset, fmr }: MapEndpoint['rule']): string =>
    `local.style MAP local.v4 ${formatPrefix(prefix4)} local.v6 ${formatPrefix6(prefix6)} local.ea-len ${eaLen} local.psid-offset ${psidOffset} local.fmr-flag ${fmr ? 1 : 0}`;
  // Without EA bits the module could not know the PSID: one address to one address.
  const own =
    rule.eaLen === 0
      ? `local.style NONE local.v4 ${formatIpv4(address)}/32 local.v6 ${formatIpv6(address6)}/128`
      : map(rule);
  return [
    `add ${link}`,
    `config ${link} ${own} ${remote}`,
    ...forwarding
      .filter((other) => other !== rule && other.eaLen > 0)
      .map((other) => `insert ${link} ${map(other)} ${remote}`),
  ];
}

export const nat46Removal = (link: string): string => `del ${link}`;
