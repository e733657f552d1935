/** `Device.Routing.Router.{i}.` (TR-181): forwarding, and IPv4 routes, static and learned by DHCP. */
import { formatIpv4, ipv4, maskOf, prefixLenOf } from '../../base/ip.ts';
import type { NetworkConfig, RouteConfig } from '../../services/network/config.ts';
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
import { clientOf, ifNameBehind, ipInterfaceOf, ipInterfaceRef, rowStatus } from './interfaces.ts';

type RouteType = RouteConfig['type'];

const ROUTERS = 'Device.Routing.Router.';

const TYPES: Readonly<Record<string, RouteType>> = {
  Normal: 'unicast',
  Blackhole: 'blackhole',
  Unreachable: 'unreachable',
  Prohibit: 'prohibit',
};

const NAMES: Readonly<Record<RouteType, string>> = {
  unicast: 'Normal',
  blackhole: 'Blackhole',
  unreachable: 'Unreachable',
  prohibit: 'Prohibit',
};

export const routing: ObjectGroup = {
  name: 'Routing',
  inputs: ['network'],
  objects: [
    {
      path: 'Device.Routing.Router.{i}.',
      about:
        'A router: while one is enabled, the kernel forwards IPv4. All routes are in table main.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias']],
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          default: 'Disabled',
          about: 'Whether the kernel forwards.',
        },
        Alias: ALIAS,
      },
      omitted: { IPv6ForwardingNumberOfEntries: 'IPv6 is not configured here yet' },
    },
    {
      path: 'Device.Routing.Router.{i}.IPv4Forwarding.{i}.',
      about:
        'A route: added by users, or learned by a DHCP client (those are rows of the first Router).',
      rows: 'both',
      enable: 'Enable',
      uniqueKeys: [
        ['Alias'],
        ['DestIPAddress', 'DestSubnetMask', 'GatewayIPAddress', 'Interface', 'ForwardingMetric'],
      ],
      params: {
        Enable: ENABLE,
        Status: rowStatus('Whether the kernel has the route.'),
        Alias: ALIAS,
        Type: {
          type: 'string',
          access: 'readWrite',
          enum: ['Normal', 'Blackhole', 'Unreachable', 'Prohibit'],
          default: 'Normal',
          about: 'What is done with packets that match.',
          reason: 'Receive is left out: addresses of the box are IPv4Address rows',
        },
        StaticRoute: {
          type: 'boolean',
          default: 'true',
          about: 'Added by users, not learned.',
        },
        DestIPAddress: {
          type: 'IPv4Address',
          access: 'readWrite',
          size: [0, 45],
          default: '',
          about: 'Destination; empty (with an empty mask) is the default route.',
        },
        DestSubnetMask: {
          type: 'IPv4Address',
          access: 'readWrite',
          size: [0, 45],
          default: '',
          about:
            'Mask of the destination; empty is /0 for an empty destination, else a host route.',
        },
        GatewayIPAddress: {
          type: 'IPv4Address',
          access: 'readWrite',
          size: [0, 45],
          default: '',
          about: 'Next hop; empty when the destination is on the link.',
        },
        Interface: ipInterfaceRef(
          'Interface to send through; empty lets the kernel find the gateway.',
        ),
        Origin: {
          type: 'string',
          enum: ['DHCPv4', 'OSPF', 'IPCP', 'RIP', '3GPP-NAS', 'Static'],
          default: 'Static',
          about: 'Where it comes from: Static or DHCPv4.',
        },
        ForwardingMetric: {
          type: 'int',
          access: 'readWrite',
          range: [[-1, undefined]],
          default: '-1',
          about: 'Metric of the kernel, the lowest wins; -1 is none (0).',
        },
        X_GATEHOUSE_Reason: REASON,
      },
      omitted: { ForwardingPolicy: 'no routing by policy' },
    },
  ],
  report,
  check,
};

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const { network } = observed;
  const items = new Map(network?.items.map((item) => [item.id, item]));
  for (const router of rows.rows(ROUTERS)) {
    const forwards = network?.forwarding === true;
    const failed = network !== undefined && !forwards;
    const enabled = forwards ? 'Enabled' : failed ? 'Error' : 'Disabled';
    out.put(router.path, { Status: router.bool('Enable') ? enabled : 'Disabled' });
    for (const route of rows.rows(`${router.path}IPv4Forwarding.`)) {
      const item = items.get(route.id);
      out.put(route.path, {
        Status: item?.status ?? 'Disabled',
        X_GATEHOUSE_Reason: item?.reason ?? '',
      });
    }
  }
  const [first] = rows.rows(ROUTERS);
  if (first === undefined) return;
  for (const route of network?.routes ?? []) {
    if (clientOf(rows, route.owner) === undefined) continue;
    const through = route.ifName === undefined ? undefined : ipInterfaceOf(rows, route.ifName);
    const destination = formatIpv4(route.destination);
    const gateway = route.gateway === undefined ? '' : formatIpv4(route.gateway);
    const key = `${route.owner} ${destination}/${route.prefixLen} ${gateway}`;
    out.row(`${first.path}IPv4Forwarding.`, key, {
      Enable: 'true',
      Status: 'Enabled',
      Type: NAMES[route.type],
      StaticRoute: 'false',
      DestIPAddress: destination,
      DestSubnetMask: formatIpv4(maskOf(route.prefixLen)),
      GatewayIPAddress: gateway,
      Interface: through?.id ?? '',
      Origin: 'DHCPv4',
      ForwardingMetric: String(route.metric),
    });
  }
}

function check(rows: RowReader, out: CheckSink): void {
  for (const router of rows.rows(ROUTERS)) {
    for (const row of rows.rows(`${router.path}IPv4Forwarding.`)) checkRoute(row, out);
  }
}

function checkRoute(row: Row, out: CheckSink): void {
  const destination = row.ipv4('DestIPAddress');
  const mask = row.ipv4('DestSubnetMask');
  if (mask === undefined) return;
  if (prefixLenOf(mask) === undefined) {
    out.fault(`${row.path}DestSubnetMask`, `${formatIpv4(mask)} has ones after zeros`);
  } else if (destination === undefined && mask !== 0) {
    out.fault(`${row.path}DestIPAddress`, 'a mask needs a destination');
  } else if (destination !== undefined && ipv4(destination & mask) !== destination) {
    out.fault(
      `${row.path}DestIPAddress`,
      `${formatIpv4(destination)} has bits outside the mask; did you mean ${formatIpv4(ipv4(destination & mask))}?`,
    );
  }
}

export function compileRoutes(rows: RowReader): NetworkConfig['routes'] {
  return rows.rows(ROUTERS).flatMap((router) =>
    rows.rows(`${router.path}IPv4Forwarding.`).map((row): RouteConfig => {
      const destination = row.ipv4('DestIPAddress');
      const metric = row.number('ForwardingMetric');
      return {
        id: row.id,
        enable: router.bool('Enable') && row.bool('Enable'),
        type: TYPES[row.text('Type')] ?? 'unicast',
        destination: destination ?? ipv4(0),
        prefixLen: prefixLenOf(
          row.ipv4('DestSubnetMask') ?? ipv4(destination === undefined ? 0 : -1),
        ),
        gateway: row.ipv4('GatewayIPAddress'),
        ifName: ifNameBehind(rows, row.text('Interface')),
        metric: Math.max(0, metric),
      };
    }),
  );
}

/** While any Router is enabled, the kernel forwards. */
export const compileForwarding = (rows: RowReader): boolean =>
  rows.rows(ROUTERS).some((router) => router.bool('Enable'));
