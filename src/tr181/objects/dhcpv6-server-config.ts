/** `Device.DHCPv6.Server.` and `Device.RouterAdvertisement.`: from rows to what the server is given whole. Pure. */
import { fromHex } from '../../base/bytes.ts';
import type { Mac } from '../../base/ip.ts';
import {
  contains6,
  formatPrefix6,
  type Ipv6,
  type Ipv6Prefix,
  isHostAddress6,
  maskOf6,
  type PrefixLen6,
  parseIpv6,
  parseIpv6Prefix,
} from '../../base/ip6.ts';
import type {
  AdvertiseConfig,
  Dhcp6ServerConfig,
  Pool6Config,
  Segment6Config,
  Static6Config,
  TimedPrefix,
} from '../../services/dhcp6-server/config.ts';
import type { Row, RowReader } from '../reader.ts';
import { IP, ifNameOf, isBridge, portsOf } from './interfaces.ts';
import { ipv6On, prefixBehind, prefixesOf6, ulaOf } from './ip6.ts';

export const SERVER6 = 'Device.DHCPv6.Server.';
export const POOLS6 = `${SERVER6}Pool.`;
export const STATICS6 = `${SERVER6}X_GATEHOUSE_StaticBinding.`;
export const ADVERTISE = 'Device.RouterAdvertisement.';
export const SETTINGS = `${ADVERTISE}InterfaceSetting.`;

/** RFC 9096 §3.4: a prefix that vanished unseen is used by no new connection after so long. */
const PREFERRED_LIMIT_SEC = 2700;
const VALID_LIMIT_SEC = 5400;
const SUBNET = 64 as PrefixLen6;
const ALL_BITS = maskOf6(128 as PrefixLen6);

export function compileDhcp6Server(rows: RowReader): Dhcp6ServerConfig {
  const pools = rows.rows(POOLS6).toSorted((a, b) => a.number('Order') - b.number('Order'));
  const guard = rows.at(`${SERVER6}X_GATEHOUSE_Guard.`);
  const segments = rows.rows(IP).flatMap((row) => compileSegment(rows, row) ?? []);
  return {
    enable: rows.at(SERVER6)?.bool('Enable') === true,
    segments,
    pools: pools.map((pool) => compilePool(rows, pool, segments)),
    statics: rows.rows(STATICS6).map(compileStatic),
    guard: {
      newClientsPerSec: guard?.number('NewClientsPerSec') ?? 0,
      answersPerClient: guard?.number('AnswersPerClient') ?? 0,
      bindingsPerClient: guard?.number('BindingsPerClient') ?? 0,
    },
  };
}

/** Undefined for an interface that is off, is loopback, or speaks no IPv6. */
function compileSegment(rows: RowReader, row: Row): Segment6Config | undefined {
  const ifName = ifNameOf(rows, row);
  const on = row.bool('Enable') && ipv6On(rows, row) && !row.bool('Loopback');
  if (ifName === undefined || !on) return undefined;
  const setting = rows
    .rows(SETTINGS)
    .find((entry) => entry.bool('Enable') && entry.text('Interface') === row.id);
  const advertising = rows.at(ADVERTISE)?.bool('Enable') === true;
  const prefixes = prefixesOf6(rows, row);
  return {
    ...{ id: row.id, ifName, ports: isBridge(rows, row) ? portsOf(rows, row) : [] },
    prefixes: prefixes.map(({ prefix, onLink, autonomous }) => ({
      ...{ ...forever(prefix), onLink, autonomous },
    })),
    advertise:
      advertising && setting !== undefined ? compileSetting(rows, row, setting) : undefined,
  };
}

function compileSetting(rows: RowReader, row: Row, setting: Row): AdvertiseConfig {
  const maxIntervalSec = setting.number('MaxRtrAdvInterval');
  const ula = ulaOf(rows);
  const pref64 = parseIpv6Prefix(setting.text('X_GATEHOUSE_PREF64'));
  const mtu = setting.number('AdvLinkMTU');
  return {
    id: setting.id,
    maxIntervalSec,
    // RFC 4861 §6.2.1: no more than three quarters of the other.
    minIntervalSec: Math.min(setting.number('MinRtrAdvInterval'), 0.75 * maxIntervalSec),
    managed: setting.bool('AdvManagedFlag'),
    other: setting.bool('AdvOtherConfigFlag'),
    preference: PREFERENCE[setting.text('AdvPreferredRouterFlag')] ?? 'medium',
    lifetimeSec: setting.number('AdvDefaultLifetime'),
    hopLimit: setting.number('AdvCurHopLimit'),
    reachableMs: setting.number('AdvReachableTime'),
    retransMs: setting.number('AdvRetransTimer'),
    ...{ mtu, preferredLimitSec: PREFERRED_LIMIT_SEC, validLimitSec: VALID_LIMIT_SEC },
    dnsServers: resolversOf(rows, setting),
    dnsGiven: setting.text('X_GATEHOUSE_DNSServers') !== '',
    domains: setting.list('X_GATEHOUSE_Domains'),
    // The way to the box's other subnets, and to what it delegates.
    routes: row.bool('ULAEnable') && ula !== undefined ? [ula] : [],
    captivePortal: setting.text('X_GATEHOUSE_CaptivePortal') || undefined,
    pref64: pref64.ok ? pref64.value : undefined,
    options: rows
      .rows(`${setting.path}Option.`)
      .filter((option) => option.bool('Enable'))
      .map((option) => ({
        type: option.number('Tag'),
        body: fromHex(option.text('Value')) ?? new Uint8Array(0),
      })),
  };
}

const PREFERENCE: Readonly<Record<string, AdvertiseConfig['preference']>> = {
  Low: 'low',
  Medium: 'medium',
  High: 'high',
};

function compilePool(rows: RowReader, row: Row, segments: readonly Segment6Config[]): Pool6Config {
  const segment = segments.find(({ id }) => id === row.text('Interface'));
  const links = segment?.prefixes.map(({ prefix }) => prefix) ?? [];
  const named = (name: string): readonly Ipv6Prefix[] =>
    row.list(name).flatMap((reference) => prefixBehind(rows, reference) ?? []);
  const stateful = row.bool('IANAEnable')
    ? addressPools(named('IANAManualPrefixes'), links)
    : undefined;
  const delegated = row.bool('IAPDEnable')
    ? delegation(rows, row, named('IAPDManualPrefixes'))
    : undefined;
  return {
    ...{ id: row.id, enable: row.bool('Enable'), segment: segment?.id },
    fault: faultOf(row, segment, stateful, links, delegated),
    duid: condition(row, 'DUID'),
    vendorClass: condition(row, 'VendorClassID'),
    userClass: condition(row, 'UserClassID'),
    source: sourceOf(row),
    addresses: stateful?.map(forever),
    wholeLink: named('IANAManualPrefixes').length === 0,
    delegation: delegated && {
      prefixes: delegated.prefixes.map(forever),
      length: delegated.length,
    },
    preferredSec: row.number('X_GATEHOUSE_PreferredLifetime'),
    validSec: Math.max(
      row.number('X_GATEHOUSE_PreferredLifetime'),
      row.number('X_GATEHOUSE_ValidLifetime'),
    ),
    preference: row.number('X_GATEHOUSE_Preference'),
    rapidCommit: row.bool('X_GATEHOUSE_RapidCommit'),
    dnsServers: resolversOf(rows, row),
    dnsGiven: row.text('X_GATEHOUSE_DNSServers') !== '',
    domains: row.list('X_GATEHOUSE_Domains'),
    options: rows
      .rows(`${row.path}Option.`)
      .filter((option) => option.bool('Enable') && option.text('PassthroughClient') === '')
      .map((option) => ({
        code: option.number('Tag'),
        value: fromHex(option.text('Value')) ?? new Uint8Array(0),
      })),
    dscp: row.number('DSCPMark'),
  };
}

/** Without a list: all prefixes of the link. */
const addressPools = (
  named: readonly Ipv6Prefix[],
  links: readonly Ipv6Prefix[],
): readonly Ipv6Prefix[] => (named.length > 0 ? named : links);

/** Without a list: the ULA, of which each link has but a /64. */
function delegation(
  rows: RowReader,
  row: Row,
  named: readonly Ipv6Prefix[],
): { readonly prefixes: readonly Ipv6Prefix[]; readonly length: PrefixLen6 } | undefined {
  const ula = ulaOf(rows);
  const prefixes = named.length > 0 ? named : ula === undefined ? [] : [ula];
  const [first] = prefixes;
  if (first === undefined) return undefined;
  const length = Math.min(SUBNET, first.prefixLen + row.number('IAPDAddLength'));
  return { prefixes, length: length as PrefixLen6 };
}

function faultOf(
  row: Row,
  segment: Segment6Config | undefined,
  stateful: readonly Ipv6Prefix[] | undefined,
  links: readonly Ipv6Prefix[],
  delegated: { readonly length: PrefixLen6 } | undefined,
): string | undefined {
  if (segment === undefined) return 'Interface must name one that is enabled and has IPv6';
  const off = stateful?.find((p) => !links.some((link) => contains6(link, p.address)));
  if (off !== undefined) return `${formatPrefix6(off)} is not on the interface`;
  if (row.bool('IAPDEnable') && delegated === undefined) return 'there is no prefix to delegate';
  return undefined;
}

const forever = (prefix: Ipv6Prefix): TimedPrefix => ({
  ...{ prefix, preferredUntilMs: Infinity, validUntilMs: Infinity },
});

function condition(row: Row, name: string) {
  const value = fromHex(row.text(name));
  return value === undefined || value.length === 0
    ? undefined
    : { value, exclude: row.bool(`${name}Exclude`) };
}

function sourceOf(row: Row): Pool6Config['source'] {
  const value = parseIpv6(row.text('SourceAddress'));
  const mask = parseIpv6(row.text('SourceAddressMask'));
  if (!value.ok) return undefined;
  const exclude = row.bool('SourceAddressExclude');
  return { value: value.value, mask: mask.ok ? mask.value : ALL_BITS, exclude };
}

/** Those given; else those that the box itself uses, as far as hosts can reach them. */
function resolversOf(rows: RowReader, row: Row): readonly Ipv6[] {
  const given = row.list('X_GATEHOUSE_DNSServers');
  const own = rows
    .rows('Device.DNS.Client.Server.')
    .filter((server) => server.bool('Enable'))
    .map((server) => server.text('DNSServer'));
  return (given.length > 0 ? given : own)
    .flatMap((text) => {
      const address = parseIpv6(text);
      return address.ok && isHostAddress6(address.value) ? [address.value] : [];
    })
    .slice(0, 4);
}

function compileStatic(row: Row): Static6Config {
  const duid = fromHex(row.text('DUID'));
  const address = parseIpv6(row.text('IPv6Address'));
  const prefix = parseIpv6Prefix(row.text('IPv6Prefix'));
  return {
    ...{ id: row.id, enable: row.bool('Enable') },
    duid: duid === undefined || duid.length === 0 ? undefined : duid,
    iaid: row.number('IAID') < 0 ? undefined : row.number('IAID'),
    mac: row.text('Chaddr') === '' ? undefined : (row.text('Chaddr') as Mac),
    address: address.ok ? address.value : undefined,
    prefix: prefix.ok ? prefix.value : undefined,
  };
}
