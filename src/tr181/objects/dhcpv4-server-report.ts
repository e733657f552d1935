import { formatIpv4 } from '../../base/ip.ts';
import type { DhcpServerObserved, ServerCounts } from '../../services/dhcp-server/config.ts';
import type { RowReader } from '../reader.ts';
import type { Lookups, ReportContext, Reported, ReportSink } from '../table.ts';
import { dateTimeOf, INFINITE_TIME, UNKNOWN_TIME } from '../types.ts';
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
  reportPools(rows, server, out);
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
  out: ReportSink,
): void {
  const config = compileDhcpServer(rows);
  const reports = new Map(server?.pools.map((pool) => [pool.id, pool]));
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
  }
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
export function timeOf(bootMs: number, lookups: Lookups): string {
  if (bootMs === Number.POSITIVE_INFINITY) return INFINITE_TIME;
  return dateTimeOf(lookups.wallMs() + bootMs - lookups.boottimeMs());
}
