/** `Device.DHCPv4.Server.`: what the server observed, as parameters and rows. Pure. */
import { toHex } from '../../base/bytes.ts';
import { formatIpv4, formatMac } from '../../base/ip.ts';
import type {
  DhcpServerObserved,
  LeaseView,
  ServerCounts,
} from '../../services/dhcp-server/config.ts';
import type { RowReader } from '../reader.ts';
import type { Lookups, ReportContext, Reported, ReportSink } from '../table.ts';
import { dateTimeOf } from '../types.ts';
import { compileDhcpServer, RULES, SERVER, untilMs } from './dhcpv4-server-config.ts';

const COUNTERS: Readonly<Record<string, keyof ServerCounts>> = {
  Discover: 'discover',
  Offer: 'offer',
  Request: 'request',
  ACK: 'ack',
  NACK: 'nack',
  Decline: 'decline',
  Release: 'release',
  Inform: 'inform',
  DiscardedPackets: 'discarded',
  TransmitFailure: 'transmitFailure',
  RelayOptionDropped: 'relayOptionDropped',
  SecondServerDetected: 'secondServer',
  X_GATEHOUSE_Refused: 'refused',
  X_GATEHOUSE_Limited: 'limited',
  X_GATEHOUSE_Exhausted: 'exhausted',
  X_GATEHOUSE_NotDurable: 'notDurable',
};

/** TR-106 §3.2.1. */
const UNKNOWN_TIME = '0001-01-01T00:00:00Z';
const INFINITE_TIME = '9999-12-31T23:59:59Z';

export function reportDhcpServer(context: ReportContext, out: ReportSink): void {
  const { observed, rows, lookups } = context;
  const server = observed.dhcpServer;
  out.put(SERVER, { X_GATEHOUSE_Reason: server?.storeFault ?? '' });
  const stats = `${SERVER}Stats.`;
  const counters: Record<string, Reported> = {};
  for (const [name, field] of Object.entries(COUNTERS)) {
    counters[name] = out.counter(stats, name, () => BigInt(server?.counts[field] ?? 0));
  }
  out.put(stats, counters);
  reportPools(rows, server, lookups, out);
  for (const rule of rows.rows(RULES)) {
    const over = untilMs(rule) <= lookups.wallMs();
    out.put(rule.path, {
      Status: !rule.bool('Enable') ? 'Disabled' : over ? 'Expired' : 'Enabled',
    });
  }
  if (server !== undefined) reportStrangers(server, lookups, out);
}

function reportPools(
  rows: RowReader,
  server: DhcpServerObserved | undefined,
  lookups: Lookups,
  out: ReportSink,
): void {
  const config = compileDhcpServer(rows);
  const reports = new Map(server?.pools.map((pool) => [pool.id, pool]));
  const leases = Map.groupBy(server?.leases ?? [], (lease) => lease.pool);
  for (const pool of config.pools) {
    const report = reports.get(pool.id);
    const enabled = pool.enable && config.enable;
    const path = `${pool.id}.`;
    out.put(path, {
      Status: !enabled
        ? 'Disabled'
        : pool.fault !== undefined
          ? 'Error_Misconfigured'
          : (report?.status ?? 'Error'),
      X_GATEHOUSE_Reason: enabled ? (pool.fault ?? report?.reason ?? '') : '',
      X_GATEHOUSE_Range:
        enabled && pool.fault === undefined
          ? `${formatIpv4(pool.min)}-${formatIpv4(pool.max)}`
          : '',
      X_GATEHOUSE_Size: String(report?.size ?? 0),
      X_GATEHOUSE_Bound: () => String(report?.bound ?? 0),
    });
    const fixed = new Set(
      pool.statics.filter(({ enable }) => enable).map(({ address }) => address),
    );
    for (const lease of leases.get(pool.id) ?? []) {
      if (lease.state !== 'declined') {
        reportClient(path, lease, fixed.has(lease.address), lookups, out);
      }
    }
  }
}

function reportClient(
  pool: string,
  lease: LeaseView,
  fixed: boolean,
  lookups: Lookups,
  out: ReportSink,
): void {
  const mac = formatMac(lease.chaddr);
  // A host may hold several leases by several client identifiers.
  const key = `${mac} ${lease.clientId === undefined ? '' : toHex(lease.clientId)}`;
  const client = out.row(`${pool}Client.`, key, {
    Chaddr: mac,
    Active: String(lease.state === 'bound'),
    X_GATEHOUSE_HostName: lease.hostName ?? '',
    X_GATEHOUSE_Static: String(fixed),
  });
  if (client === '') return;
  out.row(`${client}IPv4Address.`, formatIpv4(lease.address), {
    IPAddress: formatIpv4(lease.address),
    LeaseTimeRemaining: () => timeOf(lease.expiresAtMs, lookups),
  });
  for (const [tag, value] of sentBy(lease)) {
    out.row(`${client}Option.`, String(tag), {
      Tag: String(tag),
      Value: toHex(value.subarray(0, 255)).toUpperCase(),
    });
  }
}

function* sentBy(lease: LeaseView): Iterable<readonly [tag: number, value: Uint8Array]> {
  const text = new TextEncoder();
  if (lease.hostName !== undefined) yield [12, text.encode(lease.hostName)];
  if (lease.vendorClass !== undefined) yield [60, text.encode(lease.vendorClass)];
  if (lease.clientId !== undefined) yield [61, lease.clientId];
}

function reportStrangers(server: DhcpServerObserved, lookups: Lookups, out: ReportSink): void {
  for (const one of server.pending) {
    out.row(`${SERVER}X_GATEHOUSE_Pending.`, `${one.segment} ${one.mac}`, {
      Chaddr: one.mac,
      Interface: one.segment,
      HostName: one.hostName ?? '',
      VendorClassID: one.vendorClass ?? '',
      RandomisedMAC: String(one.randomised),
      FirstSeen: dateTimeOf(one.firstWallMs),
      LastSeen: () => dateTimeOf(one.lastWallMs),
      Requests: () => String(one.requests),
    });
  }
  for (const one of server.rogues) {
    out.row(`${SERVER}X_GATEHOUSE_OtherServer.`, `${one.segment} ${one.mac} ${one.server}`, {
      Interface: one.segment,
      IPAddress: formatIpv4(one.server),
      Chaddr: one.mac,
      FirstSeen: dateTimeOf(one.firstWallMs),
      LastSeen: () => dateTimeOf(one.lastWallMs),
      Offers: () => String(one.offers),
    });
  }
  for (const one of server.foreign) {
    out.row(`${SERVER}X_GATEHOUSE_OtherLease.`, `${one.segment} ${one.mac}`, {
      Interface: one.segment,
      Chaddr: one.mac,
      IPAddress: formatIpv4(one.address),
      Server: formatIpv4(one.server),
      HostName: one.hostName ?? '',
      LeaseTimeRemaining: () =>
        one.expiresAtMs === undefined ? UNKNOWN_TIME : timeOf(one.expiresAtMs, lookups),
    });
  }
}

/** A CLOCK_BOOTTIME moment as the wall clock has it now. */
function timeOf(bootMs: number, lookups: Lookups): string {
  if (bootMs === Number.POSITIVE_INFINITY) return INFINITE_TIME;
  return dateTimeOf(lookups.wallMs() + bootMs - lookups.boottimeMs());
}
