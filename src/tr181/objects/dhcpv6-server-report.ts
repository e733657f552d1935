/** `Device.DHCPv6.Server.`: what the server observed, and what rows must hold. Pure. */
import { toHex } from '../../base/bytes.ts';
import { formatIpv6, formatPrefix6, type Ipv6Prefix } from '../../base/ip6.ts';
import type {
  Binding6View,
  Lease6View,
  Server6Counts,
} from '../../services/dhcp6-server/config.ts';
import type { RowReader } from '../reader.ts';
import type { CheckSink, Lookups, ReportContext, Reported, ReportSink } from '../table.ts';
import { dateTimeOf, INFINITE_TIME } from '../types.ts';
import { compileDhcp6Server, POOLS6, SERVER6, STATICS6 } from './dhcpv6-server-config.ts';
import { IP } from './interfaces.ts';
import { prefixesOf6 } from './ip6.ts';

const COUNTERS: Readonly<Record<string, keyof Server6Counts>> = {
  Solicit: 'solicit',
  Advertise: 'advertise',
  Request: 'request',
  Confirm: 'confirm',
  Renew: 'renew',
  Rebind: 'rebind',
  Reply: 'reply',
  Release: 'release',
  Decline: 'decline',
  InformationRequest: 'informationRequest',
  RelayForward: 'relayForward',
  RelayReply: 'relayReply',
  DiscardedPackets: 'discarded',
  TransmitFailure: 'transmitFailure',
  X_GATEHOUSE_Refused: 'refused',
  X_GATEHOUSE_Limited: 'limited',
  X_GATEHOUSE_NotDurable: 'notDurable',
};

export function reportDhcp6Server(
  { observed, rows, lookups }: ReportContext,
  out: ReportSink,
): void {
  const server = observed.dhcp6Server;
  out.put(SERVER6, { X_GATEHOUSE_Reason: server?.storeFault ?? '' });
  const stats = `${SERVER6}Stats.`;
  const counters: Record<string, Reported> = {};
  for (const [name, field] of Object.entries(COUNTERS)) {
    counters[name] = out.counter(stats, name, () => BigInt(server?.counts[field] ?? 0));
  }
  out.put(stats, counters);
  const config = compileDhcp6Server(rows);
  const reports = new Map(server?.pools.map((pool) => [pool.id, pool]));
  const bindings = Map.groupBy(
    (server?.bindings ?? []).filter(({ state }) => state !== 'declined'),
    (binding) => binding.pool,
  );
  const paths = pathsOfPrefixes(rows);
  for (const pool of config.pools) {
    const report = reports.get(pool.id);
    const enabled = pool.enable && config.enable;
    const named = (prefixes: readonly { readonly prefix: Ipv6Prefix }[] | undefined): string =>
      enabled && pool.fault === undefined
        ? (prefixes ?? []).flatMap(({ prefix }) => paths.get(formatPrefix6(prefix)) ?? []).join(',')
        : '';
    out.put(`${pool.id}.`, {
      Status: !enabled
        ? 'Disabled'
        : pool.fault !== undefined
          ? 'Error_Misconfigured'
          : (report?.status ?? 'Error'),
      IANAPrefixes: named(pool.addresses),
      IAPDPrefixes: named(pool.delegation?.prefixes),
      X_GATEHOUSE_Reason: enabled ? (pool.fault ?? report?.reason ?? '') : '',
    });
    const clients = Map.groupBy(bindings.get(pool.id) ?? [], ({ source }) => formatIpv6(source));
    for (const [source, all] of clients) {
      reportClient(`${pool.id}.`, source, all, lookups, out);
    }
  }
}

/** Rows of prefixes by their prefix; of several interfaces with the same the first. */
function pathsOfPrefixes(rows: RowReader): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const row of rows.rows(IP)) {
    for (const { id, prefix } of prefixesOf6(rows, row)) {
      const name = formatPrefix6(prefix);
      if (id !== undefined && !paths.has(name)) paths.set(name, id);
    }
  }
  return paths;
}

function reportClient(
  pool: string,
  source: string,
  bindings: readonly Binding6View[],
  lookups: Lookups,
  out: ReportSink,
): void {
  const [first] = bindings;
  if (first === undefined) return;
  const duid = toHex(first.duid).toUpperCase();
  const hostName = bindings.find((binding) => binding.hostName !== undefined)?.hostName;
  const client = out.row(`${pool}Client.`, source, {
    SourceAddress: source,
    Active: String(bindings.some((binding) => isActive(binding, lookups))),
    X_GATEHOUSE_DUID: duid,
    X_GATEHOUSE_Chaddr: first.mac ?? '',
    X_GATEHOUSE_HostName: hostName ?? '',
  });
  if (client === '') return;
  out.row(`${client}Option.`, '1', { Tag: '1', Value: duid });
  for (const binding of bindings) {
    if (!isActive(binding, lookups)) continue;
    for (const lease of binding.leases) {
      const times = {
        PreferredLifetime: () => {
          const shorterMs = (lease.validSec - lease.preferredSec) * 1000;
          return timeOf(
            lease.preferredSec === Infinity ? Infinity : lease.expiresAtMs - shorterMs,
            lookups,
          );
        },
        ValidLifetime: () => timeOf(lease.expiresAtMs, lookups),
      };
      const text = formatPrefix6(lease.prefix);
      if (binding.kind === 'prefix') {
        out.row(`${client}IPv6Prefix.`, text, { Prefix: text, ...times });
      } else {
        const ip = formatIpv6(lease.prefix.address);
        out.row(`${client}IPv6Address.`, ip, { IPAddress: ip, ...times });
      }
    }
  }
}

const isActive = (binding: Binding6View, lookups: Lookups): boolean =>
  binding.state === 'bound' &&
  binding.leases.some((lease: Lease6View) => lease.expiresAtMs > lookups.boottimeMs());

/** A CLOCK_BOOTTIME moment as the wall clock has it now. */
function timeOf(bootMs: number, lookups: Lookups): string {
  if (bootMs === Number.POSITIVE_INFINITY) return INFINITE_TIME;
  return dateTimeOf(lookups.wallMs() + bootMs - lookups.boottimeMs());
}

export function checkDhcp6Server(rows: RowReader, out: CheckSink): void {
  for (const pool of rows.rows(POOLS6)) {
    for (const option of rows.rows(`${pool.path}Option.`)) {
      if (option.bool('Enable')) checkOption(option.number('Tag'), option.path, out);
    }
    checkDomains(pool.list('X_GATEHOUSE_Domains'), pool.path, out);
  }
  for (const row of rows.rows(STATICS6)) {
    if (!row.bool('Enable')) continue;
    if (row.text('DUID') === '' && row.text('Chaddr') === '') {
      out.fault(`${row.path}DUID`, 'give a DUID or a Chaddr: they say which host it is');
    }
    if (row.text('IPv6Address') === '' && row.text('IPv6Prefix') === '') {
      out.fault(`${row.path}IPv6Address`, 'give an IPv6Address or an IPv6Prefix for the host');
    }
  }
}

/** Options that the server makes itself (RFC 8415 §21): a configured one would contradict it. */
const SERVERS_OWN: ReadonlySet<number> = new Set([
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26],
]);

function checkOption(tag: number, path: string, out: CheckSink): void {
  if (SERVERS_OWN.has(tag)) out.fault(`${path}Tag`, `option ${tag} is the server's own`);
}

/** RFC 1123 labels. */
const DOMAIN =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;

export function checkDomains(domains: readonly string[], path: string, out: CheckSink): void {
  for (const domain of domains) {
    if (!DOMAIN.test(domain))
      out.fault(`${path}X_GATEHOUSE_Domains`, `${domain} is no domain name`);
  }
}
