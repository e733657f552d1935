/** `Device.DNS.Client.` (TR-181): the resolvers of the box itself, static and learned by DHCP. */
import type { NetworkConfig, ResolverConfig } from '../../services/network/config.ts';
import type { RowReader } from '../reader.ts';
import { ALIAS, ENABLE, type ObjectGroup, type ReportContext, type ReportSink } from '../table.ts';
import { clientOf } from './interfaces.ts';

const CLIENT = 'Device.DNS.Client.';
const SERVERS = 'Device.DNS.Client.Server.';

export const dnsClient: ObjectGroup = {
  name: 'DNS.Client',
  inputs: ['network'],
  objects: [
    {
      path: CLIENT,
      about: 'Name resolution of the box itself.',
      params: {
        Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether resolv.conf is kept.',
        },
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          about: 'Whether resolv.conf names the servers; Error while there is none.',
        },
      },
    },
    {
      path: 'Device.DNS.Client.Server.{i}.',
      about:
        'A resolver: added by users, or learned by a DHCP client. Static ones are asked first.',
      rows: 'both',
      enable: 'Enable',
      uniqueKeys: [['DNSServer'], ['Alias']],
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          default: 'Disabled',
          about: 'Whether resolv.conf has it.',
        },
        Alias: ALIAS,
        DNSServer: { type: 'IPAddress', access: 'readWrite', size: [0, 45], about: 'Its address.' },
        Interface: {
          type: 'string',
          size: [0, 256],
          default: '',
          ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
          about: 'Interface that it was learned on.',
          reason: 'not writable: resolv.conf cannot bind a server to an interface',
        },
        Type: {
          type: 'string',
          enum: ['DHCP', 'DHCPv4', 'DHCPv6', 'RouterAdvertisement', 'IPCP', '3GPP-NAS', 'Static'],
          default: 'Static',
          about: 'Where it comes from: Static, DHCPv4 or DHCPv6.',
        },
      },
    },
  ],
  report,
};

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const resolvers = observed.network?.resolvers ?? [];
  const owners = new Set(resolvers.map(({ owner }) => owner));
  const enabled = rows.at(CLIENT)?.bool('Enable') === true;
  const inUse = resolvers.length > 0 ? 'Enabled' : 'Error';
  out.put(CLIENT, { Status: enabled ? inUse : 'Disabled' });
  for (const server of rows.rows(SERVERS)) {
    const wanted = enabled && server.bool('Enable');
    out.put(server.path, {
      Status: !wanted ? 'Disabled' : owners.has(server.id) ? 'Enabled' : 'Error',
    });
  }
  for (const { address, owner } of resolvers) {
    const client = clientOf(rows, owner);
    if (client === undefined) continue;
    out.row(SERVERS, `${owner} ${address}`, {
      Enable: 'true',
      Status: 'Enabled',
      DNSServer: address,
      Interface: client.text('Interface'),
      Type: owner.startsWith('dhcp6.') ? 'DHCPv6' : 'DHCPv4',
    });
  }
}

export const compileResolvers = (
  rows: RowReader,
): Pick<NetworkConfig, 'resolvers' | 'resolverEnable'> => ({
  resolverEnable: rows.at(CLIENT)?.bool('Enable') === true,
  resolvers: rows
    .rows(SERVERS)
    .filter((server) => server.text('DNSServer') !== '')
    .map(
      (server): ResolverConfig => ({
        id: server.id,
        enable: server.bool('Enable'),
        address: server.text('DNSServer'),
      }),
    ),
});
