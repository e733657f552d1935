/** `Device.IP.` (TR-181): interfaces with their IPv4 addresses, static and learned by DHCP. */
import { broadcastOf, formatIpv4, maskOf, networkOf, prefixLenOf } from '../../base/ip.ts';
import type { InterfaceConfig, ItemReport, NetworkConfig } from '../../services/network/config.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  REASON,
  type ReportContext,
  type ReportSink,
} from '../table.ts';
import {
  clientOf,
  INTERFACE_STATUS,
  IP,
  ifNameOf,
  ipInterfaceOf,
  isBridge,
  type LinkObserved,
  lastChange,
  linkStatus,
  portsOf,
  rowStatus,
  SSIDS,
  STATS_PARAMS,
  secondsSince,
  statsObject,
  statsValues,
} from './interfaces.ts';
import { compileAddresses6, ipv6On } from './ip6.ts';
import { END_POINTS } from './wifi-params.ts';

export const ip: ObjectGroup = {
  name: 'IP',
  inputs: ['network'],
  objects: [
    {
      path: 'Device.IP.',
      about: 'The IP stack.',
      params: {
        IPv4Capable: { type: 'boolean', about: 'The kernel has IPv4.' },
        IPv4Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether IPv4 is in use on any interface.',
        },
        IPv4Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          about: 'Whether IPv4 is in use.',
        },
        IPv6Capable: { type: 'boolean', about: 'The kernel has IPv6.' },
        IPv6Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether IPv6 is in use on any interface.',
        },
        IPv6Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          about: 'Whether IPv6 is in use.',
        },
        ULAPrefix: {
          type: 'IPv6Prefix',
          access: 'readWrite',
          size: [0, 49],
          default: '',
          about:
            'Unique local /48 of the box (RFC 4193), made at random at the first start; interfaces with ULAEnable have a /64 of it.',
        },
      },
      omitted: {
        ActivePortNumberOfEntries: 'open ports are not listed yet',
      },
    },
    {
      path: 'Device.IP.Interface.{i}.',
      about:
        'An IP interface. With one interface below it is that interface, with several a bridge of them (`br-lan` for the first in zone Lan, else `br-ip<instance>`).',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Name']],
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: INTERFACE_STATUS,
          default: 'Down',
          about: 'Operational state.',
        },
        Alias: ALIAS,
        Name: { type: 'string', size: [0, 64], about: 'Kernel name.' },
        LastChange: lastChange,
        LowerLayers: {
          type: 'string',
          access: 'readWrite',
          list: { maxLength: 1024 },
          default: '',
          ref: {
            targets: ['Device.Ethernet.Interface.{i}.', 'Device.WiFi.SSID.{i}.'],
            strong: true,
          },
          about: 'The Ethernet interfaces below, of which several make a bridge, or one Wi-Fi.',
          reason:
            'TR-181 has bridges as objects of their own; most routers have one, and this says it',
        },
        IPv4Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether it carries IPv4.',
        },
        IPv6Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether it carries IPv6, be it link-local.',
        },
        ULAEnable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'false',
          about: 'Whether it has a /64 of ULAPrefix, and the address ::1 in it.',
        },
        MaxMTUSize: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[64, 65535]],
          about: 'MTU in bytes; while it was never set, the one that the driver has.',
        },
        Type: {
          type: 'string',
          enum: ['Normal', 'Loopback', 'Tunnel', 'Tunneled'],
          default: 'Normal',
          about: 'Kind of interface.',
        },
        Loopback: {
          type: 'boolean',
          access: 'readWrite',
          default: 'false',
          about: 'It is the loopback interface `lo`.',
        },
        X_GATEHOUSE_Zone: {
          type: 'string',
          access: 'readWrite',
          enum: ['', 'Wan', 'Lan'],
          default: '',
          about:
            'Zone of the firewall: nothing new is accepted from Wan; Lan may reach the box and, through it, the WAN; interfaces in no zone are not forwarded.',
          reason: 'TR-181 Firewall has chains and rules but no zones, which decide here',
        },
        X_GATEHOUSE_DelegatedPrefix: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about:
            'Whether it has a /64 of each prefix that the WAN is delegated, if it is of zone Lan.',
          reason:
            'TR-181 has it by a prefix of type Child for each parent, whose parents come and go',
        },
        X_GATEHOUSE_SubnetNumber: {
          type: 'int',
          access: 'readWrite',
          range: [[-1, 65_535]],
          default: '-1',
          about:
            'Its number among the /64s of a delegated prefix; -1 for the number of the interface. One that a prefix has not gets the first that is free.',
          reason: 'as X_GATEHOUSE_DelegatedPrefix',
        },
        X_GATEHOUSE_Reason: REASON,
      },
      omitted: {
        Router: 'there is one routing table, so nothing to choose',
        AutoIPEnable: 'no link-local IPv4 on a router',
        TWAMPReflectorNumberOfEntries: 'no TWAMP reflector',
        'Reset()': 'setting Enable to false and true does the same, durably',
      },
    },
    statsObject('Device.IP.Interface.{i}.Stats.', STATS_PARAMS),
    {
      path: 'Device.IP.Interface.{i}.IPv4Address.{i}.',
      about: 'An IPv4 address: added by users, or learned by the DHCP client on this interface.',
      rows: 'both',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['IPAddress', 'SubnetMask']],
      params: {
        Enable: ENABLE,
        Status: rowStatus('Whether the kernel has the address.'),
        Alias: ALIAS,
        IPAddress: {
          type: 'IPv4Address',
          access: 'readWrite',
          size: [0, 45],
          about: 'The address.',
        },
        SubnetMask: {
          type: 'IPv4Address',
          access: 'readWrite',
          size: [0, 45],
          default: '',
          about: 'Its mask.',
        },
        AddressingType: {
          type: 'string',
          enum: ['DHCP', 'IKEv2', 'AutoIP', 'IPCP', 'Static', '3GPP-NAS'],
          default: 'Static',
          about: 'Where it comes from: Static or DHCP.',
        },
        X_GATEHOUSE_Reason: REASON,
      },
    },
  ],
  report,
  check,
};

function report({ observed, rows, lookups }: ReportContext, out: ReportSink): void {
  const { network } = observed;
  const links = new Map(network?.links.map((link) => [link.name, link]));
  const items = new Map(network?.items.map((item) => [item.id, item]));
  const enabled = rows.at('Device.IP.')?.bool('IPv4Enable') === true;
  const enabled6 = rows.at('Device.IP.')?.bool('IPv6Enable') === true;
  const capable6 = network?.ipv6Capable === true;
  out.put('Device.IP.', {
    IPv4Capable: String(lookups.readText('/proc/sys/net/ipv4/ip_forward') !== undefined),
    IPv4Status: enabled ? 'Enabled' : 'Disabled',
    IPv6Capable: String(capable6),
    IPv6Status: !enabled6 ? 'Disabled' : capable6 ? 'Enabled' : 'Error',
  });
  for (const row of rows.rows(IP)) {
    const ifName = ifNameOf(rows, row);
    const link = ifName === undefined ? undefined : links.get(ifName);
    const item = items.get(row.id);
    out.put(row.path, {
      Status: status(row, link, item),
      Name: ifName ?? '',
      LastChange: secondsSince(lookups, link?.changedAtMs),
      Type: row.bool('Loopback') ? 'Loopback' : 'Normal',
      X_GATEHOUSE_Reason: item?.reason ?? '',
      ...(link === undefined
        ? {}
        : { MaxMTUSize: String(Math.max(64, Math.min(65535, link.mtu))) }),
    });
    const stats = `${row.path}Stats.`;
    out.put(stats, statsValues(out, lookups, stats, ifName, STATS_PARAMS));
    for (const address of rows.rows(`${row.path}IPv4Address.`)) {
      const state = items.get(address.id);
      out.put(address.path, {
        Status: state?.status ?? 'Disabled',
        X_GATEHOUSE_Reason: state?.reason ?? '',
      });
    }
  }
  for (const { ifName, address, prefixLen, owner } of network?.addresses ?? []) {
    const row = ipInterfaceOf(rows, ifName);
    if (row === undefined || owner === undefined || clientOf(rows, owner) === undefined) continue;
    out.row(`${row.path}IPv4Address.`, owner, {
      Enable: 'true',
      Status: 'Enabled',
      IPAddress: formatIpv4(address),
      SubnetMask: formatIpv4(maskOf(prefixLen)),
      AddressingType: 'DHCP',
    });
  }
}

/** The first interface has the metric that the kernel would take (1024); those that follow come after. */
const FIRST_METRIC = 1023;

function status(row: Row, link: LinkObserved | undefined, item: ItemReport | undefined): string {
  if (!row.bool('Enable')) return 'Down';
  if (item?.status === 'Error' || item?.status === 'Error_Misconfigured') return 'Error';
  return linkStatus(link);
}

function check(rows: RowReader, out: CheckSink): void {
  const portUser = new Map<string, Row>();
  for (const row of rows.rows(IP)) {
    if (row.bool('Enable')) checkPorts(rows, row, portUser, out);
    for (const address of rows.rows(`${row.path}IPv4Address.`)) checkAddress(address, out);
  }
}

/** Two bridges cannot share a port, and an address on a port below a bridge would be dead. */
function checkPorts(rows: RowReader, row: Row, portUser: Map<string, Row>, out: CheckSink): void {
  if (row.bool('Loopback') && row.text('LowerLayers') !== '') {
    out.fault(`${row.path}LowerLayers`, 'the loopback interface has nothing below it');
  }
  for (const port of row.list('LowerLayers')) {
    const other = portUser.get(port);
    if (other === undefined) portUser.set(port, row);
    else out.fault(`${row.path}LowerLayers`, `${port} is below ${other.id} already`);
  }
  const ports = row.list('LowerLayers');
  // Where no network is joined, somebody else may have made an access point of the radio.
  const joins = rows.rows(END_POINTS).some((endPoint) => endPoint.bool('Enable'));
  if (joins && ports.length > 1 && ports.some((port) => port.startsWith(SSIDS))) {
    // A station sends from its own address alone (IEEE 802.11-2020 §9.3.2.1).
    out.fault(`${row.path}LowerLayers`, 'a Wi-Fi that joins another network cannot be bridged');
  }
}

function checkAddress(row: Row, out: CheckSink): void {
  const mask = row.ipv4('SubnetMask');
  if (mask === undefined) return;
  const prefixLen = prefixLenOf(mask);
  if (prefixLen === undefined) {
    out.fault(`${row.path}SubnetMask`, `${formatIpv4(mask)} has ones after zeros`);
    return;
  }
  const address = row.ipv4('IPAddress');
  if (address === undefined || prefixLen >= 31) return;
  // RFC 1122 §3.2.1.3: all-zeros and all-ones host parts are no hosts; RFC 3021 allows them in a /31.
  const subnet = { address, prefixLen };
  if (address === networkOf(subnet) || address === broadcastOf(subnet)) {
    const what = address === networkOf(subnet) ? 'network' : 'broadcast';
    out.fault(`${row.path}IPAddress`, `it is the ${what} address of its own subnet`);
  }
}

export function compileInterfaces(rows: RowReader): NetworkConfig['interfaces'] {
  const ipv4Enable = rows.at('Device.IP.')?.bool('IPv4Enable') === true;
  return rows.rows(IP).map(
    (row): InterfaceConfig => ({
      id: row.id,
      enable: row.bool('Enable'),
      ipv4Enable: ipv4Enable && row.bool('IPv4Enable'),
      ipv6Enable: ipv6On(rows, row),
      acceptAdvertisements:
        row.text('X_GATEHOUSE_Zone') === 'Wan' && ipv6On(rows, row)
          ? FIRST_METRIC + row.instance
          : undefined,
      ifName: ifNameOf(rows, row),
      bridgePorts: isBridge(rows, row) ? portsOf(rows, row) : [],
      mtu: row.isSet('MaxMTUSize') ? row.number('MaxMTUSize') : undefined,
      addresses: rows.rows(`${row.path}IPv4Address.`).map((address) => {
        const mask = address.ipv4('SubnetMask');
        return {
          id: address.id,
          enable: address.bool('Enable'),
          address: address.ipv4('IPAddress'),
          prefixLen: mask === undefined ? undefined : prefixLenOf(mask),
        };
      }),
      addresses6: compileAddresses6(rows, row),
    }),
  );
}
