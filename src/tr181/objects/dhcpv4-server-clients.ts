/**
 * `Device.DHCPv4.Server.Pool.{i}.Client.{i}.` (TR-181): who has an address of a pool. A group of its
 * own, because leases change a thousand times as often as the rest.
 */
import { toHex } from '../../base/bytes.ts';
import { formatIpv4, formatMac, type Ipv4, parseIpv4 } from '../../base/ip.ts';
import { err, ok } from '../../base/result.ts';
import type { LeaseView } from '../../services/dhcp-server/config.ts';
import {
  ALIAS,
  type Lookups,
  type ObjectGroup,
  type ReportContext,
  type ReportedValues,
  type ReportSink,
} from '../table.ts';
import { compileDhcpServer } from './dhcpv4-server-config.ts';
import { timeOf } from './dhcpv4-server-report.ts';

/** Rows of one pool at most; `gatehouse dhcp leases` has all. */
const MAX_CLIENTS = 1024;

/** What a lease looked like when its rows were made. */
interface Made {
  readonly state: LeaseView['state'];
  readonly address: Ipv4;
  readonly hostName: string | undefined;
  readonly vendorClass: string | undefined;
  readonly clientId: Uint8Array | undefined;
  readonly fixed: boolean;
  readonly key: string;
  readonly client: ReportedValues;
  readonly addressText: string;
  readonly addressRow: ReportedValues;
  readonly options: readonly (readonly [tag: string, values: ReportedValues])[];
}

export function dhcpv4ServerClients(): ObjectGroup {
  // Most leases are as they were at the last report: equal values by identity cost nothing further on.
  const made = new WeakMap<LeaseView, Made>();
  return {
    name: 'DHCPv4.Server.Pool.Client',
    inputs: ['dhcpLeases'],
    objects: [
      {
        path: 'Device.DHCPv4.Server.Pool.{i}.Client.{i}.',
        about: 'A host with an address of this pool.',
        rows: 'system',
        uniqueKeys: [['Alias'], ['Chaddr']],
        params: {
          Alias: ALIAS,
          Chaddr: { type: 'MACAddress', size: [0, 17], about: 'Its MAC address.' },
          Active: { type: 'boolean', about: 'Its lease is not over.' },
          X_GATEHOUSE_HostName: {
            type: 'string',
            about: 'Name that it gave itself, where that is one; in lower case.',
            reason: 'shows who it is without a look at Hosts',
          },
          X_GATEHOUSE_Static: {
            type: 'boolean',
            about: 'A StaticAddress gives it this address.',
            reason: 'TR-181 leaves that to be found by comparing tables',
          },
        },
        commands: {
          X_GATEHOUSE_Release: {
            about: 'Ends the lease; the host keeps using the address until it renews.',
            run: async ({ object, rows, calls }) => {
              const [entry] = rows.systemRows(`${object}IPv4Address.`);
              const address = parseIpv4(entry?.key ?? '');
              if (!address.ok) return err('the host has no address any more');
              const released = await calls.dhcpServerRelease(address.value);
              return released.ok ? ok({}) : released;
            },
          },
        },
      },
      {
        path: 'Device.DHCPv4.Server.Pool.{i}.Client.{i}.IPv4Address.{i}.',
        about: 'Its address.',
        rows: 'system',
        uniqueKeys: [['IPAddress']],
        params: {
          IPAddress: { type: 'IPv4Address', size: [0, 45], about: 'The address on loan.' },
          LeaseTimeRemaining: {
            type: 'dateTime',
            volatile: true,
            about: 'When the lease is over; 9999-12-31T23:59:59Z for one without end.',
          },
        },
      },
      {
        path: 'Device.DHCPv4.Server.Pool.{i}.Client.{i}.Option.{i}.',
        about: 'What the host sent: host name (12), vendor class (60), client identifier (61).',
        rows: 'system',
        params: {
          Tag: { type: 'unsignedInt', range: [[0, 255]], about: 'Option code (RFC 2132).' },
          Value: { type: 'hexBinary', size: [0, 255], about: 'Its value as sent.' },
        },
      },
    ],
    report: (context, out) => report(context, out, made),
  };
}

function report(
  { observed, rows, lookups }: ReportContext,
  out: ReportSink,
  made: WeakMap<LeaseView, Made>,
): void {
  const leases = observed.dhcpLeases?.leases;
  if (leases === undefined) return;
  const pools = new Map(
    compileDhcpServer(rows).pools.map(({ id, statics }) => [
      id,
      {
        table: `${id}.Client.`,
        fixed: new Set(statics.filter(({ enable }) => enable).map(({ address }) => address)),
        room: MAX_CLIENTS,
      },
    ]),
  );
  for (const lease of leases) {
    const pool = lease.pool === undefined ? undefined : pools.get(lease.pool);
    if (pool === undefined || lease.state === 'declined' || pool.room === 0) continue;
    pool.room--;
    const fixed = pool.fixed.has(lease.address);
    let shown = made.get(lease);
    if (shown === undefined || !fits(shown, lease, fixed)) {
      shown = make(lease, fixed, lookups);
      made.set(lease, shown);
    }
    const client = out.row(pool.table, shown.key, shown.client);
    if (client === '') continue;
    out.row(`${client}IPv4Address.`, shown.addressText, shown.addressRow);
    for (const [tag, values] of shown.options) out.row(`${client}Option.`, tag, values);
  }
}

const fits = (shown: Made, lease: LeaseView, fixed: boolean): boolean =>
  shown.state === lease.state &&
  shown.address === lease.address &&
  shown.hostName === lease.hostName &&
  shown.vendorClass === lease.vendorClass &&
  shown.clientId === lease.clientId &&
  shown.fixed === fixed;

function make(lease: LeaseView, fixed: boolean, lookups: Lookups): Made {
  const mac = formatMac(lease.chaddr);
  const { state, address, hostName, vendorClass, clientId } = lease;
  const addressText = formatIpv4(address);
  return {
    ...{ state, address, hostName, vendorClass, clientId, fixed, addressText },
    // A host may hold several leases by several client identifiers.
    key: `${mac} ${clientId === undefined ? '' : toHex(clientId)}`,
    client: {
      Chaddr: mac,
      Active: String(state === 'bound'),
      X_GATEHOUSE_HostName: hostName ?? '',
      X_GATEHOUSE_Static: String(fixed),
    },
    addressRow: {
      IPAddress: addressText,
      LeaseTimeRemaining: () => timeOf(lease.expiresAtMs, lookups),
    },
    options: [...sentBy(lease)].map(([tag, value]) => [
      String(tag),
      { Tag: String(tag), Value: toHex(value.subarray(0, 255)).toUpperCase() },
    ]),
  };
}

function* sentBy(lease: LeaseView): Iterable<readonly [tag: number, value: Uint8Array]> {
  const text = new TextEncoder();
  if (lease.hostName !== undefined) yield [12, text.encode(lease.hostName)];
  if (lease.vendorClass !== undefined) yield [60, text.encode(lease.vendorClass)];
  if (lease.clientId !== undefined) yield [61, lease.clientId];
}
