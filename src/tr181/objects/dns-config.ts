/** From rows to what the DNS server is given whole. Pure. */
import { fromHex } from '../../base/bytes.ts';
import { type Ipv4, parseIpv4, prefixLenOf } from '../../base/ip.ts';
import { type IpAddress, type Ipv6, ipv6, parseIpv6, UNIQUE_LOCAL } from '../../base/ip6.ts';
import type {
  DnsConfig,
  IpRange,
  LocalRecord,
  UpstreamConfig,
  UpstreamProtocol,
} from '../../services/dns/config.ts';
import type { LogPrivacy, QueryLogConfig } from '../../services/dns/log-config.ts';
import { type DnsName, lowerName, parseName } from '../../wire/dns-name.ts';
import { parseRdata } from '../../wire/dns-rdata-text.ts';
import { typeCode } from '../../wire/dns-registry.ts';
import type { Row, RowReader } from '../reader.ts';
import { IP, ifNameOf } from './interfaces.ts';

export const DNS = 'Device.X_GATEHOUSE_DNS.';
export const RELAY = 'Device.DNS.Relay.';
export const FORWARDING = `${RELAY}Forwarding.`;
export const RECORDS = `${DNS}Record.`;
export const CACHE = `${DNS}Cache.`;

const PORTS: Readonly<Record<UpstreamProtocol, number>> = {
  udp: 53,
  tcp: 53,
  tls: 853,
  https: 443,
};
const LOOPBACK: readonly IpRange[] = [
  { address: 0x7f00_0000 as Ipv4, prefixLen: 8 },
  { address: ipv6(1n), prefixLen: 128 },
];
const LINK_LOCAL6: IpRange = { address: ipv6(0xfe80n << 112n), prefixLen: 10 };

export function compileDns(rows: RowReader): DnsConfig {
  const row = single(rows, DNS);
  const cache = single(rows, CACHE);
  const dnssec = single(rows, `${DNS}DNSSEC.`);
  const lan = lanRows(rows, row);
  return {
    enable: rows.at(RELAY)?.bool('Enable') === true,
    listen: {
      interfaces: lan.flatMap((one) => ifNameOf(rows, one) ?? []),
      addresses: row.list('Addresses').flatMap((text) => addressOf(text) ?? []),
      port: row.number('Port'),
      tlsPort: row.number('TLSPort') || undefined,
      httpsPort: row.number('HTTPSPort') || undefined,
    },
    allow: [...allowOf(rows, lan), ...row.list('Allow').flatMap((text) => rangeOf(text) ?? [])],
    clientPerSec: row.number('ClientRate'),
    upstreams: rows.rows(FORWARDING).map(upstreamOf),
    useLeaseResolvers: row.bool('UseLeaseResolvers'),
    bootstrap: row.list('Bootstrap').flatMap((text) => addressOf(text) ?? []),
    local: {
      domain: nameOf(row.text('Domain')) ?? ('lan' as DnsName),
      ownNames: row.list('OwnNames').map((text) => text.toLowerCase()),
      ttlSec: row.number('LocalTTL'),
      records: rows.rows(RECORDS).flatMap((one) => recordOf(one) ?? []),
      mdns: row.bool('MDNS'),
    },
    cache: {
      sizeBytes: cache.number('Size') * 1024,
      minTtlSec: cache.number('MinTTL'),
      maxTtlSec: cache.number('MaxTTL'),
      maxNegativeTtlSec: cache.number('MaxNegativeTTL'),
      staleSec: cache.number('Stale'),
      prefetch: cache.bool('Prefetch'),
    },
    dnssec: {
      enable: dnssec.bool('Enable'),
      anchors: dnssec.list('Anchors'),
      negativeAnchors: namesOf(dnssec.list('NegativeAnchors')),
    },
    rebind: { enable: row.bool('RebindProtection'), exempt: namesOf(row.list('RebindExempt')) },
  };
}

export function compileQueryLog(rows: RowReader): QueryLogConfig {
  const row = single(rows, `${DNS}QueryLog.`);
  return {
    privacy: row.text('Privacy').toLowerCase() as LogPrivacy,
    entries: row.number('Entries'),
  };
}

/** Rows of the LAN's interfaces that are served. */
function lanRows(rows: RowReader, dns: Row): readonly Row[] {
  const wanted = new Set(dns.list('Interfaces'));
  return rows
    .rows(IP)
    .filter(
      (row) =>
        row.bool('Enable') &&
        row.text('X_GATEHOUSE_Zone') === 'Lan' &&
        (wanted.size === 0 || wanted.has(row.id)),
    );
}

/** The box itself, the subnets of the LAN, and addresses that lead no further than it. */
function allowOf(rows: RowReader, lan: readonly Row[]): readonly IpRange[] {
  const subnets = lan.flatMap((row) =>
    rows.rows(`${row.path}IPv4Address.`).flatMap((entry): IpRange[] => {
      const address = entry.ipv4('IPAddress');
      const mask = entry.ipv4('SubnetMask');
      const prefixLen = mask === undefined ? undefined : prefixLenOf(mask);
      if (!entry.bool('Enable') || address === undefined || prefixLen === undefined) return [];
      return [{ address, prefixLen }];
    }),
  );
  return [...LOOPBACK, ...subnets, ...(lan.length === 0 ? [] : [LINK_LOCAL6, UNIQUE_LOCAL])];
}

function upstreamOf(row: Row): UpstreamConfig {
  const protocol = row.text('X_GATEHOUSE_Protocol').toLowerCase() as UpstreamProtocol;
  const address = addressOf(row.text('DNSServer'));
  return {
    id: row.id,
    enable: row.bool('Enable') && (address !== undefined || row.text('X_GATEHOUSE_Name') !== ''),
    protocol,
    addresses: address === undefined ? [] : [address],
    port: row.number('X_GATEHOUSE_Port') || PORTS[protocol],
    name: row.text('X_GATEHOUSE_Name') || undefined,
    path: row.text('X_GATEHOUSE_Path'),
    pins: row.list('X_GATEHOUSE_Pins'),
    domains: namesOf(row.list('X_GATEHOUSE_Domains')),
  };
}

/** Undefined for one that is off or is none. */
function recordOf(row: Row): LocalRecord | undefined {
  const name = nameOf(row.text('Name'));
  const type = typeCode(row.text('Type'));
  if (!row.bool('Enable') || name === undefined || type === undefined) return undefined;
  const rdata = parseRdata(type, row.text('Value'));
  return rdata.ok
    ? { id: row.id, name, type, ttlSec: row.number('TTL'), rdata: rdata.value }
    : undefined;
}

/** An object that is there once. */
export function single(rows: RowReader, path: string): Row {
  const row = rows.at(path);
  if (row === undefined) throw new TypeError(`${path} is no object`);
  return row;
}

/** In lower case. */
export function nameOf(text: string): DnsName | undefined {
  const parsed = parseName(text);
  return parsed.ok ? lowerName(parsed.value) : undefined;
}

const namesOf = (texts: readonly string[]): readonly DnsName[] =>
  texts.flatMap((text) => nameOf(text) ?? []);

function addressOf(text: string): IpAddress | undefined {
  const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return parsed.ok ? parsed.value : undefined;
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. */
export function rangeOf(text: string): IpRange | undefined {
  const [head = '', tail, ...rest] = text.split('/');
  const address = addressOf(head);
  if (address === undefined || rest.length > 0) return undefined;
  const most = typeof address === 'number' ? 32 : 128;
  if (tail === undefined) return { address, prefixLen: most };
  const prefixLen = /^\d{1,3}$/.test(tail) ? Number(tail) : Number.NaN;
  if (!(prefixLen <= most)) return undefined;
  return { address: networkOf(address, prefixLen), prefixLen };
}

function networkOf(address: IpAddress, prefixLen: number): IpAddress {
  if (typeof address === 'number') {
    return (prefixLen === 0 ? 0 : (address & (-1 << (32 - prefixLen))) >>> 0) as Ipv4;
  }
  const shift = BigInt(128 - prefixLen);
  return ((address >> shift) << shift) as Ipv6;
}

/** Undefined for text that is no hex of `bytes` bytes. */
export function hexOf(text: string, bytes: number): string | undefined {
  const parsed = fromHex(text);
  return parsed?.length === bytes ? text.toLowerCase() : undefined;
}
