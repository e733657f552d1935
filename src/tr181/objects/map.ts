/** `Device.MAP.` (TR-181): shared IPv4 addresses over IPv6 (RFC 7597), by translation (RFC 7599). */
import { formatIpv4, type Ipv4Prefix, parseIpv4, prefixLen } from '../../base/ip.ts';
import { formatIpv6, formatPrefix6, type Ipv6Prefix, parseIpv6Prefix } from '../../base/ip6.ts';
import type {
  MapConfig,
  MapDomainConfig,
  MapDomainObserved,
  MapRuleConfig,
  MapRuleObserved,
} from '../../services/map/config.ts';
import type { Row, RowReader } from '../reader.ts';
import type {
  CheckSink,
  ObjectGroup,
  ReportContext,
  ReportedValues,
  ReportSink,
} from '../table.ts';
import {
  ifNameBehind,
  ipInterfaceOf,
  linkStatus,
  STATS_PARAMS,
  secondsSince,
  statsValues,
} from './interfaces.ts';
import { prefixBehind } from './ip6.ts';
import { DOMAINS, MAP, MAP_OBJECTS, NONE } from './map-params.ts';

export const map: ObjectGroup = {
  name: 'MAP',
  inputs: ['map', 'network'],
  objects: MAP_OBJECTS,
  report,
  check,
};

export function compileMap(rows: RowReader): MapConfig {
  return {
    enable: rows.at(MAP)?.bool('Enable') === true,
    domains: rows.rows(DOMAINS).map((row): MapDomainConfig => {
      const dscp = row.number('DSCPMarkPolicy');
      return {
        ...{ id: row.id, instance: row.instance, enable: row.bool('Enable') },
        wan: ifNameBehind(rows, row.text('WANInterface')),
        delegated: prefixBehind(rows, row.text('IPv6Prefix')),
        dmr: prefix6In(row, 'BRIPv6Prefix'),
        dscp: dscp < 0 ? undefined : dscp,
        rules: rows.rows(`${row.path}Rule.`).flatMap((rule) => ruleOf(rule) ?? []),
      };
    }),
  };
}

/** Undefined while one of the prefixes is missing or none. */
function ruleOf(row: Row): MapRuleConfig | undefined {
  const prefix6 = prefix6In(row, 'IPv6Prefix');
  const prefix4 = prefix4In(row, 'IPv4Prefix');
  if (prefix6 === undefined || prefix4 === undefined) return undefined;
  return {
    ...{ id: row.id, enable: row.bool('Enable'), prefix6, prefix4, fmr: row.bool('IsFMR') },
    ...{ eaLen: row.number('EABitsLength'), psidOffset: row.number('PSIDOffset') },
    ...{ psidLen: row.number('PSIDLength'), psid: row.number('PSID') },
    systemPorts: row.bool('IncludeSystemPorts'),
  };
}

function prefix6In(row: Row, name: string): Ipv6Prefix | undefined {
  const parsed = parseIpv6Prefix(row.text(name));
  return parsed.ok ? parsed.value : undefined;
}

function prefix4In(row: Row, name: string): Ipv4Prefix | undefined {
  const [address = '', length = ''] = row.text(name).split('/');
  const parsed = parseIpv4(address);
  const len = prefixLen(length === '' ? -1 : Number(length));
  return parsed.ok && len !== undefined ? { address: parsed.value, prefixLen: len } : undefined;
}

function check(rows: RowReader, out: CheckSink): void {
  const prefix = (row: Row, name: string): void => {
    const text = row.text(name);
    const parsed = parseIpv6Prefix(text);
    if (text !== '' && text !== NONE && !parsed.ok)
      out.fault(`${row.path}${name}`, parsed.error.message);
  };
  for (const domain of rows.rows(DOMAINS)) {
    prefix(domain, 'BRIPv6Prefix');
    for (const rule of rows.rows(`${domain.path}Rule.`)) {
      prefix(rule, 'IPv6Prefix');
      const text = rule.text('IPv4Prefix');
      const { address = 0, prefixLen: len = 0 } = prefix4In(rule, 'IPv4Prefix') ?? {};
      if (text !== '' && address % 2 ** (32 - len) !== 0) {
        out.fault(`${rule.path}IPv4Prefix`, `${text} has bits behind the prefix`);
      }
    }
  }
}

function report(context: ReportContext, out: ReportSink): void {
  const { observed, rows } = context;
  const now = observed.map;
  out.put(MAP, {
    X_GATEHOUSE_RefusedOptions: String(now?.refusedOptions ?? 0),
    X_GATEHOUSE_Refusal: now?.refusal ?? '',
    X_GATEHOUSE_Restored: String(now?.restored ?? 0),
  });
  const known = new Map(now?.domains.map((domain) => [domain.id, domain]));
  for (const row of rows.rows(DOMAINS)) {
    const domain = known.get(row.id);
    reportDomain(context, row.path, domain, out, {});
    reportRules(rows, row, domain, out);
  }
  for (const domain of now?.domains ?? []) {
    if (domain.origin !== 'DHCPv6') continue;
    const wan = domain.wan === undefined ? undefined : ipInterfaceOf(rows, domain.wan);
    const path = out.row(DOMAINS, domain.id, {});
    if (path === '') continue;
    reportDomain(context, path, domain, out, {
      ...{ Enable: String(domain.status !== 'Disabled'), WANInterface: wan?.id ?? '' },
      BRIPv6Prefix: domain.dmr === undefined ? '' : formatPrefix6(domain.dmr),
    });
    learnedRules(path, domain.rules, out);
  }
}

function reportDomain(
  { observed, lookups }: ReportContext,
  path: string,
  domain: MapDomainObserved | undefined,
  out: ReportSink,
  more: ReportedValues,
): void {
  const has = domain?.addressing;
  const id = domain?.id ?? '';
  const used = (read: 'ports' | 'tcp' | 'udp' | 'icmp') => (): string =>
    String(has === undefined ? 0 : (lookups.mapUsage(id)?.[read] ?? 0));
  out.put(path, {
    Status: domain?.status ?? 'Disabled',
    X_GATEHOUSE_Reason: domain?.reason ?? '',
    X_GATEHOUSE_Origin: domain?.origin ?? 'Static',
    X_GATEHOUSE_Delegated: domain?.delegated === undefined ? '' : formatPrefix6(domain.delegated),
    X_GATEHOUSE_BorderRelay: domain?.dmr === undefined ? '' : formatPrefix6(domain.dmr),
    X_GATEHOUSE_IPv4Address: has === undefined ? '' : formatIpv4(has.address),
    X_GATEHOUSE_IPv6Address: has === undefined ? '' : formatIpv6(has.address6),
    X_GATEHOUSE_Shared: String(has?.shared ?? false),
    X_GATEHOUSE_PSID: String(has?.psid ?? 0),
    X_GATEHOUSE_PSIDLength: String(has?.psidLen ?? 0),
    X_GATEHOUSE_PortSets: (has?.ports ?? []).map((set) => `${set.first}-${set.last}`).join(','),
    X_GATEHOUSE_PortSetUse: () =>
      has === undefined ? '' : (lookups.mapUsage(id)?.perSet.join(',') ?? ''),
    X_GATEHOUSE_PortsInUse: used('ports'),
    X_GATEHOUSE_TCPFlows: used('tcp'),
    X_GATEHOUSE_UDPFlows: used('udp'),
    X_GATEHOUSE_ICMPFlows: used('icmp'),
    X_GATEHOUSE_Engine: domain?.engine ?? '',
    X_GATEHOUSE_Restarts: String(domain?.restarts ?? 0),
    X_GATEHOUSE_MTU: String(domain?.mtu ?? 0),
    ...more,
  });
  const link = observed.network?.links.find(({ name }) => name === domain?.link);
  const at = `${path}Interface.`;
  const lower = more['WANInterface'];
  out.put(at, {
    Enable: String(domain !== undefined && domain.status !== 'Disabled'),
    Status: domain?.link === undefined ? 'Down' : linkStatus(link),
    Name: domain?.link ?? '',
    LastChange: secondsSince(lookups, link?.changedAtMs),
    ...(lower === undefined ? {} : { LowerLayers: lower }),
  });
  out.put(`${at}Stats.`, statsValues(out, lookups, `${at}Stats.`, link?.name, STATS_PARAMS));
}

function reportRules(
  rows: RowReader,
  row: Row,
  domain: MapDomainObserved | undefined,
  out: ReportSink,
): void {
  const own = rows.rows(`${row.path}Rule.`);
  const known = new Map(domain?.rules.map((rule) => [rule.id, rule]));
  for (const rule of own) {
    const found = known.get(rule.id);
    const missing = ruleOf(rule) === undefined && rule.bool('Enable');
    out.put(rule.path, {
      Status: missing ? 'Error' : (found?.status ?? 'Disabled'),
      X_GATEHOUSE_Reason: missing
        ? 'IPv6Prefix and IPv4Prefix are both needed'
        : (found?.reason ?? ''),
      X_GATEHOUSE_Basic: String(found?.basic ?? false),
    });
  }
  if (own.length === 0) learnedRules(row.path, domain?.rules ?? [], out);
}

/** Rules that came by DHCPv6: rows of the system. */
function learnedRules(domain: string, rules: readonly MapRuleObserved[], out: ReportSink): void {
  for (const { id, rule, status, reason, basic } of rules) {
    out.row(`${domain}Rule.`, id, {
      ...{ Enable: 'true', Status: status, Origin: 'DHCPv6', IsFMR: String(rule.fmr) },
      IPv6Prefix: formatPrefix6(rule.prefix6),
      IPv4Prefix: `${formatIpv4(rule.prefix4.address)}/${rule.prefix4.prefixLen}`,
      EABitsLength: String(rule.eaLen),
      PSIDOffset: String(rule.psidOffset),
      PSIDLength: String(rule.psidLen),
      PSID: String(rule.psid),
      IncludeSystemPorts: String(rule.systemPorts),
      X_GATEHOUSE_Reason: reason ?? '',
      X_GATEHOUSE_Basic: String(basic),
    });
  }
}
