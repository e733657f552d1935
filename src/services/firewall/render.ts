/** Pure: the nftables text of a desired state. */
import { isIfName, MAP_LINK } from '../../base/if-name.ts';
import type { FirewallConfig } from './config.ts';

export const TABLE = 'gatehouse';

/**
 * One transaction that replaces table `inet gatehouse`: it is never absent, not for a moment.
 * Creating before deleting makes the delete succeed also where there was none. Of ICMPv6 passes what
 * must not be dropped (RFC 4890 §4.3.1, §4.4.1); unique local addresses stay off the WAN (RFC 4193 §4.3).
 * Links of MAP lead to the WAN: what the LAN sends there comes back translated, as IPv6 that leaves.
 * Which ports it has is said in a table of its own, which changes with every lease while this one stands.
 */
export function renderTable(config: FirewallConfig): string {
  const established = 'ct state vmap { established : accept, related : accept, invalid : drop }';
  return `table inet ${TABLE} {}
delete table inet ${TABLE}
table inet ${TABLE} {
${set('wan', config.wan)}${set('lan', config.lan)}${set('hidden', config.masquerade)}
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
${config.openings.map(excess).join('')}    ${established}
    iifname @lan accept
    iifname @wan udp sport 67 udp dport 68 accept
    iifname @wan ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
    iifname @wan ip6 hoplimit 255 icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname @wan ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept
    iifname @wan icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
    iifname @wan icmpv6 type echo-request limit rate 20/second accept
${config.openings.map(opening).join('')}    counter
  }

  chain forward {
    type filter hook forward priority filter; policy drop;
    ${established}
    oifname @wan tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    oifname @wan ip6 saddr fc00::/7 reject with icmpv6 type no-route
    oifname @wan ip6 daddr fc00::/7 reject with icmpv6 type no-route
    iifname @wan oifname @lan icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
    iifname @wan oifname @lan icmpv6 type echo-request limit rate 20/second accept
    iifname @lan oifname @wan accept
    iifname @lan oifname @lan accept
    iifname @lan oifname "${MAP_LINK}*" accept
    iifname "${MAP_LINK}*" oifname @wan meta nfproto ipv6 accept
    counter
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @hidden meta nfproto ipv4 masquerade
  }
}
`;
}

/**
 * Table `netdev gatehouse`: DSCP of what the DHCP client sends. It writes raw frames, which pass no
 * other hook than egress. Apart from the other table, since it needs the device to exist.
 */
export function renderMarks(
  marks: FirewallConfig['dhcpDscp'],
  existing: ReadonlySet<string>,
): string {
  const ifNames = [...new Set(marks.map(({ ifName }) => ifName))];
  const chains = ifNames
    .filter((ifName) => existing.has(ifName) && isIfName(ifName))
    .map((ifName, i) => {
      const rules = marks
        .filter((mark) => mark.ifName === ifName)
        .map(({ family, dscp }) =>
          family === 4
            ? `udp sport 68 udp dport 67 ip dscp set ${dscp & 63}`
            : `udp sport 546 udp dport 547 ip6 dscp set ${dscp & 63}`,
        );
      return `  chain dhcp${i} {
    type filter hook egress device "${ifName}" priority filter; policy accept;
    ${rules.join('\n    ')}
  }
`;
    });
  return `table netdev ${TABLE} {}
delete table netdev ${TABLE}
table netdev ${TABLE} {
${chains.join('')}}
`;
}

type Opening = FirewallConfig['openings'][number];

const portOf = ({ port }: Opening): number => port & 0xffff;

/**
 * What comes in excess is dropped before connection tracking remembers it, whoever sends it, and whether
 * or not it belongs to something that was answered. Only here: a flow of the LAN that is masqueraded
 * behind the same port, or that is IPv6, passes through the box and is none of its own.
 */
function excess(one: Opening): string {
  const perSec = one.perSec >>> 0;
  return `    udp dport ${portOf(one)} limit rate over ${perSec}/second burst ${perSec} packets drop\n`;
}

const opening = (one: Opening): string => `    iifname @wan udp dport ${portOf(one)} accept\n`;

function set(name: string, ifNames: readonly string[]): string {
  const names = [...new Set(ifNames)].filter(isIfName);
  const elements =
    names.length === 0
      ? ''
      : `
    elements = { ${names.map((ifName) => `"${ifName}"`).join(', ')} }`;
  return `  set ${name} {
    type ifname${elements}
  }
`;
}
