/** `Device.Hosts.` (TR-181): who is on the LAN, with addresses, name, vendor, and since when. */
import { toHex } from '../../base/bytes.ts';
import { formatIp } from '../../base/ip6.ts';
import type { HostView, NeighborsConfig } from '../../services/neighbors/config.ts';
import type { RowReader } from '../reader.ts';
import type { ObjectDef, ObjectGroup, ReportContext, ReportSink } from '../table.ts';
import { dateTimeOf } from '../types.ts';
import { compileSystem } from './device-info.ts';
import { compileDhcpServer } from './dhcpv4-server-config.ts';
import {
  CONFLICT_EVENT,
  checkApart,
  compileApart,
  compileScan,
  reportWatch,
  WATCH_OBJECTS,
} from './hosts-watch.ts';
import { ETHERNET, IP, ifNameOf, ipInterfaceOf } from './interfaces.ts';

const HOSTS = 'Device.Hosts.';
const CLIENT = 'Device.DHCPv4.Server.Pool.{i}.Client.{i}.';
const DELETED = 'TR-181 has deleted it';
/** TR-181: of DHCPClient. */
const MAX_CLIENTS = 2;
const MAX_STAYS = 16;

const addressTable = (family: 'IPv4' | 'IPv6'): ObjectDef => ({
  path: `Device.Hosts.Host.{i}.${family}Address.{i}.`,
  about: `An ${family} address of the host: on loan, or heard of it.`,
  rows: 'system',
  uniqueKeys: [['IPAddress']],
  params: {
    IPAddress: { type: `${family}Address`, size: [0, 45], about: 'The address.' },
  },
});

export const hosts: ObjectGroup = {
  name: 'Hosts',
  inputs: ['neighbors', 'neighborWatch', 'network'],
  objects: [
    {
      path: 'Device.Hosts.',
      about: 'The devices of the LAN.',
      params: {
        X_GATEHOUSE_CheckInterval: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [
            [0, 0],
            [5, 86_400],
          ],
          default: '60',
          units: 'seconds',
          about:
            'Silence after which a host is asked whether it is still there, by one ARP request or neighbour solicitation to itself; 0 asks nobody.',
          reason: 'TR-181 does not say how the box finds out that a host is active',
        },
        X_GATEHOUSE_Full: {
          type: 'boolean',
          about: 'A device was seen that found no room among the hosts.',
          reason: 'the table is bounded, so that a hostile network does not fill the memory',
        },
      },
      events: {
        X_GATEHOUSE_HostChange: {
          about: 'A host is new, came back, went away, or has another name.',
          args: {
            Change: { type: 'string', enum: ['New', 'Active', 'Inactive', 'Renamed'] },
            PhysAddress: { type: 'string' },
            HostName: { type: 'string' },
            IPAddress: { type: 'IPAddress' },
            // Of the first MAC address of the same device; its own for one that is new altogether.
            Device: { type: 'string' },
          },
        },
        X_GATEHOUSE_AddressConflict: CONFLICT_EVENT,
      },
      omitted: {
        AccessControlNumberOfEntries: 'who is served stands in DHCPv4.Server.X_GATEHOUSE_Rule',
      },
    },
    {
      path: 'Device.Hosts.Host.{i}.',
      about: 'All that has one MAC address. A host that comes back has its old row.',
      rows: 'system',
      uniqueKeys: [['PhysAddress']],
      params: {
        PhysAddress: { type: 'string', size: [0, 64], about: 'MAC address.' },
        IPAddress: {
          type: 'IPAddress',
          size: [0, 45],
          about: 'One of its addresses: rather IPv4 than IPv6, rather on loan than only heard of.',
        },
        DHCPClient: {
          type: 'string',
          list: { maxItems: MAX_CLIENTS },
          ref: { targets: [CLIENT], strong: true },
          volatile: true,
          about: 'What the DHCP server knows of it.',
        },
        Layer1Interface: {
          type: 'string',
          size: [0, 256],
          ref: { targets: ['Device.Ethernet.Interface.{i}.'], strong: true },
          about: 'Port behind which it was heard last; empty when that is not known.',
        },
        Layer3Interface: {
          type: 'string',
          size: [0, 256],
          ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
          about: 'Interface on which it was seen last.',
        },
        InterfaceType: {
          type: 'string',
          enum: ['Ethernet', 'Other'],
          default: 'Other',
          about: 'How it is connected to the box itself; Other when the port is not known.',
          reason: 'all ports of the box are wired',
        },
        HostName: {
          type: 'string',
          size: [0, 64],
          about: 'Name by which it is found on the LAN: no other host has the same.',
        },
        Active: {
          type: 'boolean',
          about: 'Whether it was heard within the last minutes; a lease alone does not count.',
        },
        ActiveLastChange: { type: 'dateTime', about: 'When Active changed last.' },
        X_GATEHOUSE_Vendor: {
          type: 'string',
          size: [0, 64],
          about: 'To whom IEEE gave the first bits of its MAC address.',
          reason: 'tells devices apart that have no name',
        },
        X_GATEHOUSE_RandomisedMAC: {
          type: 'boolean',
          about: 'Its MAC address is made up by itself, so it may come under others, too.',
          reason: 'such a device may be several hosts here',
        },
        X_GATEHOUSE_FirstSeen: {
          type: 'dateTime',
          about: 'When it was seen first, over all restarts.',
          reason: 'tells new devices from old ones',
        },
        X_GATEHOUSE_LastSeen: {
          type: 'dateTime',
          volatile: true,
          about: 'When it was seen last.',
          reason: 'tells how long a device is away',
        },
        X_GATEHOUSE_Presence: {
          type: 'string',
          list: { maxItems: MAX_STAYS },
          volatile: true,
          about:
            'When it was there, the newest first: first and last moment with a slash between; no last one for one that is there now.',
          reason: 'tells the habits of a device',
        },
        X_GATEHOUSE_AnnouncedName: {
          type: 'string',
          size: [0, 63],
          about:
            'What it calls itself by mDNS or DHCP; anybody may say so, and nobody is found by it.',
          reason: 'tells devices apart that have no lease of the box',
        },
        X_GATEHOUSE_Device: {
          type: 'string',
          size: [0, 64],
          about: 'MAC address under which its device was seen first; its own, unless it is joined.',
          reason: 'one device may have several or made-up MAC addresses',
        },
        X_GATEHOUSE_JoinedTo: {
          type: 'string',
          size: [0, 64],
          about:
            'MAC address with which it has in common what X_GATEHOUSE_JoinedBy says; empty where it stands alone. A row of X_GATEHOUSE_Apart undoes it.',
          reason: 'says why two are one device',
        },
        X_GATEHOUSE_JoinedBy: {
          type: 'string',
          enum: ['None', 'ClientId', 'IPv6Address', 'HostName'],
          default: 'None',
          about:
            'Why it is counted as the same device: its client identifier of DHCP, an IPv6 address made of the other MAC address, or its host name, when they were never there at the same time.',
          reason: 'says why two are one device',
        },
      },
      omitted: {
        Alias: DELETED,
        AddressSource: DELETED,
        LeaseTimeRemaining: DELETED,
        VendorClassID: DELETED,
        ClientID: DELETED,
        UserClassID: DELETED,
        AssociatedDevice: 'the box has no Wi-Fi of its own',
        'WANStats.': 'traffic is not counted by host',
      },
    },
    addressTable('IPv4'),
    addressTable('IPv6'),
    ...WATCH_OBJECTS,
  ],
  report,
  check: checkApart,
};

export function compileNeighbors(rows: RowReader): NeighborsConfig {
  const lan = rows
    .rows(IP)
    .filter((row) => row.bool('Enable') && row.text('X_GATEHOUSE_Zone') === 'Lan');
  const { pools } = compileDhcpServer(rows);
  return {
    interfaces: lan.flatMap((row) => ifNameOf(rows, row) ?? []),
    names: pools
      .flatMap(({ statics }) => statics)
      .flatMap(({ enable, chaddr, hostName }) =>
        enable && chaddr !== undefined && hostName !== undefined
          ? [{ mac: chaddr, name: hostName }]
          : [],
      ),
    ownName: compileSystem(rows).hostName,
    checkSec: rows.at(HOSTS)?.number('X_GATEHOUSE_CheckInterval') ?? 0,
    ...compileScan(rows),
    apart: compileApart(rows),
  };
}

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  reportWatch(observed.neighborWatch, rows, out);
  out.put(HOSTS, { X_GATEHOUSE_Full: String(observed.neighbors?.full === true) });
  for (const host of observed.neighbors?.hosts ?? []) {
    const { addresses } = host;
    const port = portOf(rows, host);
    const path = out.row(`${HOSTS}Host.`, host.mac, {
      PhysAddress: host.mac,
      IPAddress: host.mainAddress === undefined ? '' : formatIp(host.mainAddress),
      // The server tells of its clients in its own time.
      DHCPClient: () => clientsOf(rows, host).join(','),
      Layer1Interface: port,
      Layer3Interface:
        host.ifName === undefined ? '' : (ipInterfaceOf(rows, host.ifName)?.id ?? ''),
      InterfaceType: port === '' ? 'Other' : 'Ethernet',
      HostName: host.name ?? '',
      Active: String(host.active),
      ActiveLastChange: dateTimeOf(host.activeChangedMs),
      X_GATEHOUSE_Vendor: host.vendor ?? '',
      X_GATEHOUSE_RandomisedMAC: String(host.randomised),
      X_GATEHOUSE_FirstSeen: dateTimeOf(host.firstSeenMs),
      X_GATEHOUSE_LastSeen: () => dateTimeOf(host.lastSeenMs),
      X_GATEHOUSE_Presence: () => presenceOf(host),
      X_GATEHOUSE_AnnouncedName: host.calls ?? '',
      X_GATEHOUSE_Device: host.device,
      X_GATEHOUSE_JoinedTo: host.joined?.to ?? '',
      X_GATEHOUSE_JoinedBy: host.joined?.by ?? 'None',
    });
    if (path === '') continue;
    for (const { address } of addresses) {
      const text = formatIp(address);
      const family = typeof address === 'number' ? 'IPv4' : 'IPv6';
      out.row(`${path}${family}Address.`, text, { IPAddress: text });
    }
  }
}

const presenceOf = ({ presence }: HostView): string =>
  presence
    .slice(0, MAX_STAYS)
    .map(
      ({ fromMs, toMs }) => `${dateTimeOf(fromMs)}/${toMs === undefined ? '' : dateTimeOf(toMs)}`,
    )
    .join(',');

/** Its rows in the pools that lent it something: their key is `<MAC> <client identifier in hex>`. */
function clientsOf(rows: RowReader, { mac, leases }: HostView): readonly string[] {
  const found = leases.flatMap(({ pool, clientId }) => {
    const key = `${mac} ${clientId === undefined ? '' : toHex(clientId)}`;
    const table = `${pool}.Client.`;
    const instance = rows.view.systemInstance(table, key);
    return instance === undefined ? [] : [`${table}${instance}`];
  });
  return found.slice(0, MAX_CLIENTS);
}

/** The bridge says behind which port; where there is no bridge, the interface has one port alone. */
function portOf(rows: RowReader, { port, ifName }: HostView): string {
  const instance = rows.view.systemInstance(ETHERNET, port ?? ifName ?? '');
  return instance === undefined ? '' : `${ETHERNET}${instance}`;
}
