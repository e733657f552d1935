/** `Device.DHCPv4.Client.{i}.` (TR-181) with what it sends, asks for, waits and counts. */
import { formatIpv4, maskOf } from '../../base/ip.ts';
import { err, ok } from '../../base/result.ts';
import type {
  ClientConfig,
  ClientObserved,
  DhcpClientConfig,
  MessageCounts,
} from '../../services/dhcp-client/config.ts';
import { splitRow } from '../../state/rows.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type Lookups,
  type ObjectGroup,
  type ParamDef,
  type ReportContext,
  type Reported,
  type ReportedValues,
  type ReportSink,
} from '../table.ts';
import { CLIENTS, clientId, ifNameBehind, ipInterfaceRef, rowStatus } from './interfaces.ts';

/**
 * Options that the client program fills in by itself; a second one would contradict it
 * (RFC 2131 table 5, RFC 2132 §9): requested address, overload, message type, server id,
 * parameter list (that is ReqOption), maximum message size.
 */
const OWN_OPTIONS: ReadonlySet<number> = new Set([50, 52, 53, 54, 55, 57]);

const NO_TIMER =
  'the client program has no setting for it; only the pauses between DISCOVERs can be chosen';
const NO_SERVER = 'there is no DHCP server yet that options could be passed to';

const ipv4Out = (about: string): ParamDef => ({
  type: 'IPv4Address',
  size: [0, 45],
  default: '',
  about,
});
const ipv4List = (about: string): ParamDef => ({
  type: 'IPv4Address',
  size: [0, 45],
  list: { maxLength: 256 },
  default: '',
  about,
});
const counted = (what: string): ParamDef => ({
  type: 'StatsCounter64',
  volatile: true,
  about: `${what} messages seen on the wire.`,
});
const TAG: ParamDef = {
  type: 'unsignedInt',
  access: 'readWrite',
  range: [[1, 254]],
  about: 'Option code (RFC 2132).',
};

const COUNTERS: Readonly<Record<string, keyof MessageCounts>> = {
  Discover: 'discover',
  Offer: 'offer',
  Request: 'request',
  Decline: 'decline',
  Release: 'release',
  Inform: 'inform',
  ACK: 'ack',
  NACK: 'nack',
  ForceRenew: 'forceRenew',
  DiscardedPackets: 'discarded',
};

export const dhcpv4Client: ObjectGroup = {
  name: 'DHCPv4.Client',
  inputs: ['dhcpClient'],
  objects: [
    {
      path: 'Device.DHCPv4.Client.{i}.',
      about: 'A DHCPv4 client on one IP interface.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Interface']],
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Interface: ipInterfaceRef('Interface to configure.'),
        Status: rowStatus('Whether the client runs.'),
        DHCPStatus: {
          type: 'string',
          enum: ['Init', 'Selecting', 'Requesting', 'Rebinding', 'Bound', 'Renewing'],
          default: 'Init',
          about: 'State of RFC 2131 figure 5.',
        },
        IPAddress: ipv4Out('Leased address.'),
        SubnetMask: ipv4Out('Mask of the leased address.'),
        IPRouters: ipv4List('Routers of the lease, the preferred one first.'),
        DNSServers: ipv4List('Resolvers of the lease.'),
        LeaseTimeRemaining: {
          type: 'int',
          range: [[-1, undefined]],
          units: 'seconds',
          default: '0',
          volatile: true,
          about: 'Time until the lease ends; -1 for one without end, 0 for none.',
        },
        DHCPServer: ipv4Out('Server that gave the lease.'),
        AuthenticationProtocol: {
          type: 'string',
          access: 'readWrite',
          enum: ['None'],
          default: 'None',
          about: 'Authentication of messages (RFC 3118).',
          reason: 'neither the client program nor any known server does RFC 3118',
        },
        DSCPMark: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 63]],
          default: '48',
          about: 'DSCP of the messages that are sent.',
        },
        X_GATEHOUSE_Reason: {
          type: 'string',
          about: 'What is wrong or was clamped, for people; empty when all is well.',
          reason: 'Status says that something is wrong, TR-181 has no place for what',
        },
        X_GATEHOUSE_RouteMetric: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 2_000_000_000]],
          default: '0',
          about: 'Metric of its routes, the lowest wins; 0 takes ten times the instance number.',
          reason: 'TR-181 does not say which of several WANs is preferred',
        },
        X_GATEHOUSE_UseDNS: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether the resolvers of the lease are used.',
          reason: 'TR-181 can disable a learned server only after it was learned',
        },
        X_GATEHOUSE_DomainName: {
          type: 'string',
          about: 'Domain of the lease (option 15).',
          reason: 'TR-181 shows it as hex in ReqOption only',
        },
        X_GATEHOUSE_LeaseOptions: {
          type: 'string',
          list: {},
          about: 'Every option of the last answer, as code=hex.',
          reason: 'ReqOption shows asked options only; servers send others too',
        },
        X_GATEHOUSE_Restarts: {
          type: 'unsignedInt',
          about: 'Times the client program died and was started again.',
          reason: 'TR-181 knows no client program that can die',
        },
      },
      omitted: {
        PassthroughEnable: NO_SERVER,
        PassthroughDHCPPool: NO_SERVER,
      },
      commands: {
        Renew: {
          about: 'Asks the server for an extension of the lease (or for a new one) now.',
          run: async ({ object, rows, calls, signal }) => {
            if (rows.at(object)?.bool('Enable') !== true) return err('the client is disabled');
            const renewed = await calls.dhcpRenew(clientId(splitRow(object).instance), signal);
            return renewed.ok ? ok({}) : err(renewed.error.message);
          },
        },
      },
    },
    {
      path: 'Device.DHCPv4.Client.{i}.SentOption.{i}.',
      about: 'An option to send.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Tag']],
      maxRows: 254,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Tag: TAG,
        Value: {
          type: 'hexBinary',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Its value; an empty one is not sent.',
        },
      },
    },
    {
      path: 'Device.DHCPv4.Client.{i}.ReqOption.{i}.',
      about: 'An option to ask for (parameter request list, RFC 2132 §9.8).',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Tag']],
      maxRows: 254,
      params: {
        Enable: ENABLE,
        Order: {
          type: 'Order',
          access: 'readWrite',
          range: [[1, undefined]],
          about: 'Place in the list; rows that follow move down.',
        },
        Alias: ALIAS,
        Tag: TAG,
        Value: {
          type: 'hexBinary',
          size: [0, 255],
          default: '',
          about: 'What the server answered; cut at 255 bytes (X_GATEHOUSE_LeaseOptions has all).',
        },
      },
    },
    {
      path: 'Device.DHCPv4.Client.{i}.Retransmission.',
      about: 'How often the client asks while nobody answers.',
      params: {
        DiscoverInitialTimeout: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[1, 3600]],
          units: 'seconds',
          default: '4',
          about: 'Time between two DISCOVERs of one round.',
          reason: 'bounded: 0 would flood the network',
        },
        DiscoverMaxTimeout: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[1, 86_400]],
          units: 'seconds',
          default: '64',
          about: 'Silence between two rounds.',
          reason: 'bounded: 0 would flood the network',
        },
      },
      omitted: {
        DiscoverMaxDuration: 'a router must never give up',
        RequestInitialTimeout: NO_TIMER,
        RequestMaxTimeout: NO_TIMER,
        RequestMaxDuration: NO_TIMER,
        TimeoutRandomize: NO_TIMER,
      },
    },
    {
      path: 'Device.DHCPv4.Client.{i}.Stats.',
      about: 'Messages on the wire since the daemon started or since Reset().',
      params: {
        Discover: counted('DISCOVER'),
        Offer: counted('OFFER'),
        Request: counted('REQUEST'),
        Decline: counted('DECLINE'),
        Release: counted('RELEASE'),
        Inform: counted('INFORM'),
        ACK: counted('ACK'),
        NACK: counted('NAK'),
        ForceRenew: counted('FORCERENEW'),
        DiscardedPackets: {
          type: 'StatsCounter64',
          volatile: true,
          about: 'Messages that were malformed or meant for someone else.',
        },
      },
      commands: {
        Reset: {
          about: 'Counts from zero again.',
          run: (context) => {
            context.zeroCounters();
            return Promise.resolve(ok({}));
          },
        },
      },
      omitted: { TransmitFailure: 'the client program sends, and does not say when that failed' },
    },
    {
      path: 'Device.X_GATEHOUSE_LeaseMonitor.',
      about: 'The socket that client programs report their leases to.',
      params: {
        RefusedMessages: {
          type: 'unsignedInt',
          volatile: true,
          about: 'Messages that were malformed or came from a stranger, since the daemon started.',
          reason: 'an attack on the lease socket shows here; TR-181 has no such part',
        },
      },
    },
  ],
  report,
  check,
};

function report({ observed, rows, lookups }: ReportContext, out: ReportSink): void {
  const clients = new Map(observed.dhcpClient?.clients.map((client) => [client.id, client]));
  out.put('Device.X_GATEHOUSE_LeaseMonitor.', {
    RefusedMessages: () => String(observed.dhcpClient?.refusedMessages ?? 0),
  });
  for (const row of rows.rows(CLIENTS)) {
    const client = clients.get(clientId(row.instance));
    out.put(row.path, {
      ...clientValues(client, lookups),
      X_GATEHOUSE_Reason: (row.bool('Enable') && blockedBy(rows, row)) || (client?.reason ?? ''),
    });
    for (const option of rows.rows(`${row.path}ReqOption.`)) {
      const code = option.number('Tag');
      const answer = client?.lease?.options.find((sent) => sent.code === code);
      out.put(option.path, { Value: (answer?.hex ?? '').slice(0, 510).toUpperCase() });
    }
    const stats = `${row.path}Stats.`;
    const counters: Record<string, Reported> = {};
    for (const [name, field] of Object.entries(COUNTERS)) {
      counters[name] = out.counter(stats, name, () => BigInt(client?.counts[field] ?? 0));
    }
    out.put(stats, counters);
  }
}

function clientValues(client: ClientObserved | undefined, lookups: Lookups): ReportedValues {
  const lease = client?.lease;
  return {
    Status: client?.status ?? 'Disabled',
    DHCPStatus: client?.dhcpStatus ?? 'Init',
    IPAddress: lease === undefined ? '' : formatIpv4(lease.address),
    SubnetMask: lease === undefined ? '' : formatIpv4(maskOf(lease.prefixLen)),
    IPRouters: fitting(lease?.routers.map(formatIpv4) ?? []),
    DNSServers: fitting(lease?.dnsServers.map(formatIpv4) ?? []),
    LeaseTimeRemaining: {
      momentMs: lease?.expiresAtMs,
      read: () => {
        if (lease === undefined) return '0';
        if (lease.expiresAtMs === Number.POSITIVE_INFINITY) return '-1';
        const leftSec = Math.ceil((lease.expiresAtMs - lookups.monoMs()) / 1000);
        return String(Math.min(2 ** 31 - 1, Math.max(0, leftSec)));
      },
    },
    DHCPServer: lease?.server === undefined ? '' : formatIpv4(lease.server),
    X_GATEHOUSE_DomainName: lease?.domain ?? '',
    X_GATEHOUSE_LeaseOptions:
      lease?.options.map(({ code, hex }) => `${code}=${hex.toUpperCase()}`).join(',') ?? '',
    X_GATEHOUSE_Restarts: String(client?.restarts ?? 0),
  };
}

/** TR-181 limits these lists to 256 characters; the lease itself has no limit. */
function fitting(items: readonly string[]): string {
  let text = '';
  for (const item of items) {
    const longer = text === '' ? item : `${text},${item}`;
    if (longer.length > 256) break;
    text = longer;
  }
  return text;
}

function check(rows: RowReader, out: CheckSink): void {
  for (const client of rows.rows(CLIENTS)) {
    for (const option of rows.rows(`${client.path}SentOption.`)) {
      const code = option.number('Tag');
      if (option.bool('Enable') && OWN_OPTIONS.has(code)) {
        out.fault(`${option.path}Tag`, `the client sends option ${code} by itself`);
      }
    }
  }
}

export const compileDhcpClient = (rows: RowReader): DhcpClientConfig => ({
  clients: rows.rows(CLIENTS).map((row) => compileClient(rows, row)),
});

/** Why an enabled client cannot run, as far as the rows say; undefined when it can. */
function blockedBy(rows: RowReader, row: Row): string | undefined {
  const reference = row.text('Interface');
  const below = reference === '' ? undefined : rows.at(reference);
  if (below === undefined) return undefined;
  if (!below.bool('Enable')) return `${below.id} is disabled`;
  const ipv4 = below.bool('IPv4Enable') && rows.at('Device.IP.')?.bool('IPv4Enable') === true;
  return ipv4 ? undefined : `IPv4 is disabled on ${below.id}`;
}

function compileClient(rows: RowReader, row: Row): ClientConfig {
  const retransmission = rows.at(`${row.path}Retransmission.`);
  const metric = row.number('X_GATEHOUSE_RouteMetric');
  return {
    id: clientId(row.instance),
    enable: row.bool('Enable') && blockedBy(rows, row) === undefined,
    ifName: ifNameBehind(rows, row.text('Interface')),
    requestOptions: rows
      .rows(`${row.path}ReqOption.`)
      .filter((option) => option.bool('Enable') && option.number('Tag') > 0)
      .sort((a, b) => a.number('Order') - b.number('Order'))
      .map((option) => option.number('Tag')),
    sentOptions: rows
      .rows(`${row.path}SentOption.`)
      .filter((option) => option.bool('Enable') && option.number('Tag') > 0)
      .filter((option) => option.text('Value') !== '')
      .map((option) => ({ code: option.number('Tag'), hex: option.text('Value').toLowerCase() })),
    routeMetric: metric === 0 ? 10 * row.instance : metric,
    discoverIntervalSec: retransmission?.number('DiscoverInitialTimeout') ?? 4,
    discoverPauseSec: retransmission?.number('DiscoverMaxTimeout') ?? 64,
    useResolvers: row.bool('X_GATEHOUSE_UseDNS'),
  };
}
