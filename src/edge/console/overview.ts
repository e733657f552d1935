/** What the router is like at a glance, and long lists, as text of 80 columns. Pure. */
import { escapeControls } from '../../base/text.ts';
import { isObject, type JsonObject, list, text } from '../cli/bus.ts';
import { LENT_COLUMNS, leasesOf, remaining } from '../cli/lease-commands.ts';
import type { Value } from '../cli/router.ts';
import { type Column, type Paint, pairs, statusStyle, table } from '../cli/table.ts';

const IP = 'Device.IP.Interface.';

export const HEADER_PATHS: readonly string[] = [
  'Device.DeviceInfo.HostName',
  'Device.DeviceInfo.ModelName',
  'Device.DeviceInfo.SoftwareVersion',
  'Device.DeviceInfo.UpTime',
  `${IP}*.Alias`,
  `${IP}*.Status`,
  `${IP}*.Loopback`,
  `${IP}*.IPv4Address.*.IPAddress`,
];

interface Network {
  readonly alias: string;
  readonly status: string;
  readonly addresses: string;
}

const NETWORKS: readonly Column<Network>[] = [
  { title: 'NETWORK', cell: ({ alias }) => alias },
  { title: 'STATUS', cell: ({ status }) => status, style: ({ status }) => statusStyle(status) },
  { title: 'ADDRESS', cell: ({ addresses }) => addresses },
];

const MAX_NETWORKS = 4;

/** Name, version, and the addresses of the first networks; above the menu. */
export function header(values: ReadonlyMap<string, string>, paint: Paint): string {
  const info = (name: string): string => values.get(`Device.DeviceInfo.${name}`) ?? '';
  const line = [
    `Gatehouse ${info('SoftwareVersion')}`.trim(),
    info('HostName'),
    info('ModelName').slice(0, 32),
    info('UpTime') === '' ? '' : `up ${remaining(info('UpTime'))}`,
  ].filter((part) => part !== '');
  const networks: Network[] = [];
  for (const [path, alias] of values) {
    const object = /^(Device\.IP\.Interface\.\d+\.)Alias$/.exec(path)?.[1];
    if (object === undefined || values.get(`${object}Loopback`) === 'true') continue;
    const addresses = [...values].filter(
      ([other, value]) => other.startsWith(`${object}IPv4Address.`) && value !== '',
    );
    networks.push({
      alias,
      status: values.get(`${object}Status`) ?? '',
      addresses: addresses.map(([, address]) => address).join(', '),
    });
  }
  const shown = paint('bold', escapeControls(line.join('  ')));
  return `${shown}\n${table(NETWORKS, networks.slice(0, MAX_NETWORKS), paint)}`;
}

const LEASE_LINES: readonly (readonly [title: string, name: string])[] = [
  ['state', 'DHCPStatus'],
  ['address', 'IPAddress'],
  ['netmask', 'SubnetMask'],
  ['router', 'IPRouters'],
  ['DNS', 'DNSServers'],
  ['server', 'DHCPServer'],
];

/** One block for each DHCP client: as a table it is too wide for 80 columns. */
export function leaseBlocks(rows: readonly Value[], paint: Paint): string {
  const leases = leasesOf(rows);
  if (leases.length === 0) return 'no DHCP client is configured\n';
  const blocks = leases.map(({ client, values }) =>
    pairs(
      [
        ['client', values.get('Alias') ?? client],
        ['status', values.get('Status') ?? ''],
        ...LEASE_LINES.map(([title, name]) => [title, values.get(name) ?? ''] as const),
        ['remaining', remaining(values.get('LeaseTimeRemaining') ?? '')],
      ],
      paint,
    ),
  );
  return blocks.join('\n');
}

/** What the hosts of the LAN have on loan: the first few hundred. */
export function lentLines(data: JsonObject, paint: Paint): string {
  const lent = objects(data, 'leases');
  return lent.length === 0 ? 'nobody has an address on loan\n' : table(LENT_COLUMNS, lent, paint);
}

const of = (title: string, cell: (row: JsonObject) => string): Column<JsonObject> => ({
  title,
  cell,
});

const LINKS: readonly Column<JsonObject>[] = [
  of('LINK', (row) => text(row['name'])),
  of('STATE', (row) => text(row['operState'])),
  of('MAC', (row) => text(row['mac'])),
  of('MTU', (row) => text(row['mtu'])),
];

const ADDRESSES: readonly Column<JsonObject>[] = [
  of('LINK', (row) => text(row['ifName'])),
  of('ADDRESS', (row) => `${text(row['address'])}/${text(row['prefixLen'])}`),
  of('WANTED BY', (row) => text(row['owner']) || '-'),
];

const ROUTES: readonly Column<JsonObject>[] = [
  of('TO', (row) =>
    row['prefixLen'] === 0 ? 'default' : `${text(row['destination'])}/${text(row['prefixLen'])}`,
  ),
  of('VIA', (row) => text(row['gateway']) || '-'),
  of('LINK', (row) => text(row['ifName']) || text(row['type'])),
  of('METRIC', (row) => text(row['metric'])),
  of('WANTED BY', (row) => text(row['owner']) || '-'),
];

const objects = (data: JsonObject, name: string): readonly JsonObject[] =>
  list(data[name]).filter(isObject);

/** Of `network status`. */
export const linksAndAddresses = (data: JsonObject, paint: Paint): string =>
  `${table(LINKS, objects(data, 'links'), paint)}\n${table(ADDRESSES, objects(data, 'addresses'), paint)}`;

export const routes = (data: JsonObject, paint: Paint): string => {
  const all = objects(data, 'routes');
  return all.length === 0 ? 'no routes\n' : table(ROUTES, all, paint);
};

/** Kernel names of links that frames can be taken from: Ethernet, and neither loopback. */
export const linkNames = (data: JsonObject): readonly string[] =>
  objects(data, 'links')
    .filter((row) => row['loopback'] !== true && text(row['mac']) !== '')
    .map((row) => text(row['name']));
