/** `Device.DHCPv6.Client.{i}.` (TR-181): what it asks for, what it was given, and what it counts. */
import { fromHex, toHex } from '../../base/bytes.ts';
import {
  formatIpv6,
  formatPrefix6,
  type Ipv6Prefix,
  type PrefixLen6,
  parseIpv6Prefix,
} from '../../base/ip6.ts';
import { err, ok } from '../../base/result.ts';
import type {
  Client6Config,
  Client6Observed,
  Dhcp6ClientConfig,
  Lan6Config,
  Message6Counts,
} from '../../services/dhcp6-client/config.ts';
import { splitRow } from '../../state/rows.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  type ReportContext,
  type Reported,
  type ReportedValues,
  type ReportSink,
} from '../table.ts';
import { INFINITE_TIME } from '../types.ts';
import {
  CLIENTS6,
  client6Id,
  IP,
  ifNameBehind,
  ifNameOf,
  ipInterfaceRef,
  rowStatus,
} from './interfaces.ts';
import { ipv6On } from './ip6.ts';

/**
 * Options that the client program fills in by itself (RFC 8415 §21): identifiers, IAs, request and
 * elapsed time, status, rapid commit, and what is between relays and servers alone.
 */
const OWN_OPTIONS: ReadonlySet<number> = new Set([
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26],
]);

/** What is read of an answer here, besides what is passed on raw. */
const SUPPORTED: readonly number[] = [17, 21, 22, 23, 24, 31, 56, 64];

/** Asked for where nothing else is said: resolvers, domains, SIP, SNTP, NTP, AFTR, MAP-E, MAP-T. */
const REQUESTED = '17,21,22,23,24,31,56,64,94,95';

const ANY: Ipv6Prefix = { address: 0n as Ipv6Prefix['address'], prefixLen: 0 as PrefixLen6 };
const NO_TABLE = 'TR-181 has it only as the bytes of a received option';

const suggested = (what: string): ParamDef => ({
  type: 'int',
  access: 'readWrite',
  range: [[-1, undefined]],
  units: 'seconds',
  default: '-1',
  about: `${what} that servers are told of as a wish; -1 for none.`,
});
const own = (about: string, reason: string, more: Partial<ParamDef> = {}): ParamDef => ({
  ...{ type: 'string', default: '', about, reason },
  ...more,
});
const counted = (what: string): ParamDef => ({
  ...{ type: 'StatsCounter64', volatile: true, about: `${what} messages seen on the wire.` },
  reason: 'TR-181 counts nothing for a DHCPv6 client',
});

const COUNTERS: Readonly<Record<string, keyof Message6Counts>> = {
  ...{ Solicit: 'solicit', Advertise: 'advertise', Request: 'request', Confirm: 'confirm' },
  ...{ Renew: 'renew', Rebind: 'rebind', Reply: 'reply', Release: 'release', Decline: 'decline' },
  ...{ InformationRequest: 'informationRequest', Reconfigure: 'reconfigure' },
  ...{ DiscardedPackets: 'discarded', MalformedOptions: 'badOptions' },
};

export const dhcpv6Client: ObjectGroup = {
  name: 'DHCPv6.Client',
  inputs: ['dhcp6Client', 'network'],
  objects: [
    {
      path: 'Device.DHCPv6.Client.{i}.',
      about: 'A DHCPv6 client on one IP interface.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Interface']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Interface: ipInterfaceRef('Interface to configure.'),
        Status: rowStatus('Whether the client runs.'),
        DUID: { type: 'hexBinary', size: [0, 130], default: '', about: 'This box’s, for good.' },
        RequestAddresses: {
          ...{ type: 'boolean', access: 'readWrite', default: 'true' },
          about: 'Whether an address is asked for (IA_NA).',
        },
        RequestPrefixes: {
          ...{ type: 'boolean', access: 'readWrite', default: 'false' },
          about: 'Whether prefixes are asked for (IA_PD); networks of the LAN get a /64 of each.',
        },
        RapidCommit: {
          ...{ type: 'boolean', access: 'readWrite', default: 'false' },
          about: 'Whether a server may answer to the first message with the lease.',
        },
        SuggestedT1: suggested('T1'),
        SuggestedT2: suggested('T2'),
        SupportedOptions: {
          ...{
            type: 'unsignedInt',
            list: {},
            about: 'Options that are read; others are passed on.',
          },
        },
        RequestedOptions: {
          ...{ type: 'unsignedInt', access: 'readWrite', list: {}, default: REQUESTED },
          about: 'Options that are asked for (Option Request option).',
        },
        AuthenticationProtocol: {
          ...{ type: 'string', access: 'readWrite', enum: ['None'], default: 'None' },
          about: 'Authentication of messages.',
          reason: 'no client program here does any that servers use',
        },
        DSCPMark: {
          ...{ type: 'unsignedInt', access: 'readWrite', range: [[0, 63]], default: '48' },
          about: 'DSCP of the messages that are sent.',
        },
        X_GATEHOUSE_State: own('What the client is at (RFC 8415 §18.2).', 'TR-181 has no state', {
          ...{ default: 'Init' },
          enum: [
            ...['Init', 'Soliciting', 'Requesting', 'Confirming', 'Bound', 'Renewing', 'Rebinding'],
          ],
        }),
        X_GATEHOUSE_Reason: own(
          'What is wrong or was refused, for people; empty when all is well.',
          'Status says that something is wrong, TR-181 has no place for what',
        ),
        X_GATEHOUSE_PrefixHints: own(
          'One IA_PD for each, asked for what stands here, such as `::/56` for a length alone; empty asks for any one prefix.',
          'TR-181 can ask for prefixes, but says neither how many nor how long',
          { type: 'IPv6Prefix', size: [0, 49], access: 'readWrite', list: { maxItems: 8 } },
        ),
        X_GATEHOUSE_UseDNS: own(
          'Whether the resolvers of the lease are used by the box itself.',
          'TR-181 can disable a learned server only after it was learned',
          { type: 'boolean', access: 'readWrite', default: 'true' },
        ),
        X_GATEHOUSE_Addresses: own(
          'Addresses that were given.',
          'they are rows of the interface as well; here they stand by their client',
          { type: 'IPv6Address', list: {} },
        ),
        X_GATEHOUSE_Prefixes: own(
          'Prefixes that were delegated.',
          'they are rows of the interface as well; here they stand by their client',
          { type: 'IPv6Prefix', list: {} },
        ),
        X_GATEHOUSE_IPRouters: own(
          'Default routers on the interface, as they advertised themselves.',
          'DHCPv6 tells of none; for IPv4 they stand by the client as well',
          { type: 'IPv6Address', list: {} },
        ),
        X_GATEHOUSE_DNSServers: own('Resolvers of the lease.', NO_TABLE, {
          ...{ type: 'IPv6Address', list: {} },
        }),
        X_GATEHOUSE_Domains: own('Domains of the lease.', NO_TABLE, { list: {} }),
        X_GATEHOUSE_AFTR: own('End of the tunnel for DS-Lite (RFC 6334).', NO_TABLE),
        X_GATEHOUSE_NTPServers: own('Time servers of the lease.', NO_TABLE, { list: {} }),
        X_GATEHOUSE_SIPServers: own('SIP servers of the lease.', NO_TABLE, { list: {} }),
        X_GATEHOUSE_VendorOptions: own('Options of vendors, as enterprise:code=hex.', NO_TABLE, {
          list: {},
        }),
        X_GATEHOUSE_LeaseTimeRemaining: own(
          'Time until the last of the lease ends; -1 for one without end, 0 for none.',
          'TR-181 has it only by address and prefix',
          { type: 'int', units: 'seconds', default: '0', volatile: true },
        ),
        X_GATEHOUSE_Program: own(
          'The client program in use; empty where none is installed.',
          'TR-181 knows no client program',
        ),
        X_GATEHOUSE_ProgramLimits: own(
          'What the client program cannot do, for people.',
          'TR-181 knows no client program',
        ),
        X_GATEHOUSE_Restarts: own(
          'Times the client program died and was started again.',
          'TR-181 knows no client program that can die',
          { type: 'unsignedInt', default: '0' },
        ),
      },
      commands: {
        Renew: {
          about: 'Asks the server for an extension of the lease (or for a new one) now.',
          run: async ({ object, rows, calls }) => {
            if (rows.at(object)?.bool('Enable') !== true) return err('the client is disabled');
            const renewed = await calls.dhcp6Renew(client6Id(splitRow(object).instance));
            return renewed.ok ? ok({}) : err(renewed.error.message);
          },
        },
      },
    },
    {
      path: 'Device.DHCPv6.Client.{i}.Server.{i}.',
      about: 'The server that answered last.',
      rows: 'system',
      uniqueKeys: [['SourceAddress']],
      params: {
        SourceAddress: { type: 'IPv6Address', size: [0, 45], about: 'Where its answer came from.' },
        DUID: { type: 'hexBinary', size: [0, 130], about: 'Its identifier.' },
        InformationRefreshTime: {
          type: 'dateTime',
          default: INFINITE_TIME,
          about: 'Until when what it told holds without an address.',
          reason: 'no answer without an address is asked for, so none ends by itself',
        },
      },
    },
    {
      path: 'Device.DHCPv6.Client.{i}.SentOption.{i}.',
      about: 'An option to send.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Tag']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Tag: {
          ...{ type: 'unsignedInt', access: 'readWrite', range: [[0, 65_535]] },
          about: 'Option code (RFC 8415).',
        },
        Value: {
          ...{ type: 'hexBinary', access: 'readWrite', size: [0, 65_535], default: '' },
          about: 'Its value; an empty one is not sent.',
        },
      },
    },
    {
      path: 'Device.DHCPv6.Client.{i}.ReceivedOption.{i}.',
      about: 'An option of the last answer, as received.',
      rows: 'system',
      params: {
        Tag: { type: 'unsignedInt', range: [[0, 65_535]], about: 'Option code.' },
        Value: { type: 'hexBinary', size: [0, 65_535], about: 'Its value.' },
        Server: {
          type: 'string',
          default: '',
          ref: { targets: ['Device.DHCPv6.Client.{i}.Server.{i}.'], strong: true },
          about: 'The server that sent it.',
        },
      },
    },
    {
      path: 'Device.DHCPv6.Client.{i}.X_GATEHOUSE_Stats.',
      about: 'Messages on the wire since the daemon started or since Reset().',
      params: {
        ...Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, counted(name)])),
        DiscardedPackets: {
          ...counted(''),
          about: 'Messages that were malformed or meant for someone else.',
        },
        MalformedOptions: {
          ...counted(''),
          about: 'Options that were refused in an answer whose rest was used.',
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
    },
  ],
  report,
  check,
};

function report({ observed, rows, lookups }: ReportContext, out: ReportSink): void {
  const all = observed.dhcp6Client;
  const clients = new Map(all?.clients.map((client) => [client.id, client]));
  for (const row of rows.rows(CLIENTS6)) {
    const client = clients.get(client6Id(row.instance));
    const unplaced = (all?.unplaced ?? []).map(({ lan, reason }) => `${lan}: ${reason}`);
    const reasons = [client?.reason, ...(client?.lease === undefined ? [] : unplaced)];
    out.put(row.path, {
      ...clientValues(client, () => lookups.boottimeMs()),
      DUID: toHex(all?.duid ?? new Uint8Array(0)).toUpperCase(),
      SupportedOptions: SUPPORTED.join(','),
      X_GATEHOUSE_IPRouters: (observed.network?.defaultRoutes6 ?? [])
        .filter(({ ifName }) => ifName !== undefined && ifName === client?.ifName)
        .flatMap(({ gateway }) => (gateway === undefined ? [] : [formatIpv6(gateway)]))
        .join(','),
      X_GATEHOUSE_Reason:
        (row.bool('Enable') && blockedBy(rows, row)) ||
        reasons.filter((reason) => reason !== undefined).join('; '),
      X_GATEHOUSE_Program: all?.program?.name ?? '',
      X_GATEHOUSE_ProgramLimits: (all?.program?.limits ?? []).join('; '),
    });
    let server = '';
    const lease = client?.lease;
    if (lease?.serverAddress !== undefined) {
      const SourceAddress = formatIpv6(lease.serverAddress);
      const DUID = toHex(lease.serverDuid).toUpperCase();
      server = out.row(`${row.path}Server.`, SourceAddress, { SourceAddress, DUID }).slice(0, -1);
    }
    const seen = new Map<number, number>();
    for (const { code, data } of lease?.options ?? []) {
      const place = seen.get(code) ?? 0;
      seen.set(code, place + 1);
      out.row(`${row.path}ReceivedOption.`, `${code} ${place}`, {
        ...{ Tag: String(code), Value: toHex(data).toUpperCase(), Server: server },
      });
    }
    const stats = `${row.path}X_GATEHOUSE_Stats.`;
    const counters: Record<string, Reported> = {};
    for (const [name, field] of Object.entries(COUNTERS)) {
      counters[name] = out.counter(stats, name, () => BigInt(client?.counts[field] ?? 0));
    }
    out.put(stats, counters);
  }
}

function clientValues(client: Client6Observed | undefined, nowMs: () => number): ReportedValues {
  const lease = client?.lease;
  const facts = client?.facts;
  const held = lease && [...lease.addresses, ...lease.prefixes];
  const endMs = held && Math.max(...held.map(({ validUntilMs }) => validUntilMs));
  return {
    Status: client?.status ?? 'Disabled',
    X_GATEHOUSE_State: client?.state ?? 'Init',
    X_GATEHOUSE_Addresses: (lease?.addresses ?? [])
      .map(({ address }) => formatIpv6(address))
      .join(','),
    X_GATEHOUSE_Prefixes: (lease?.prefixes ?? [])
      .map(({ prefix }) => formatPrefix6(prefix))
      .join(','),
    X_GATEHOUSE_DNSServers: (lease?.dnsServers ?? []).map(formatIpv6).join(','),
    X_GATEHOUSE_Domains: (lease?.domains ?? []).join(','),
    X_GATEHOUSE_AFTR: facts?.aftr ?? '',
    X_GATEHOUSE_NTPServers: (facts?.ntpServers ?? []).join(','),
    X_GATEHOUSE_SIPServers: (facts?.sipServers ?? []).join(','),
    X_GATEHOUSE_VendorOptions: (facts?.vendors ?? [])
      .flatMap(({ enterprise, options }) =>
        options.map(({ code, hex }) => `${enterprise}:${code}=${hex}`),
      )
      .join(','),
    X_GATEHOUSE_LeaseTimeRemaining: {
      momentMs: endMs,
      read: () => {
        if (endMs === undefined) return '0';
        const leftSec = Math.ceil((endMs - nowMs()) / 1000);
        return leftSec === Infinity ? '-1' : String(Math.max(0, leftSec));
      },
    },
    X_GATEHOUSE_Restarts: String(client?.restarts ?? 0),
  };
}

function check(rows: RowReader, out: CheckSink): void {
  for (const client of rows.rows(CLIENTS6)) {
    for (const code of client.list('RequestedOptions')) {
      if (OWN_OPTIONS.has(Number(code)) || Number(code) > 65_535) {
        out.fault(`${client.path}RequestedOptions`, `option ${code} is none to be asked for`);
      }
    }
    for (const option of rows.rows(`${client.path}SentOption.`)) {
      const code = option.number('Tag');
      if (option.bool('Enable') && code > 0 && OWN_OPTIONS.has(code)) {
        out.fault(`${option.path}Tag`, `the client sends option ${code} by itself`);
      }
    }
    for (const hint of client.list('X_GATEHOUSE_PrefixHints')) {
      const parsed = parseIpv6Prefix(hint);
      if (!parsed.ok || parsed.value.prefixLen > 64) {
        out.fault(
          `${client.path}X_GATEHOUSE_PrefixHints`,
          `${hint} is no prefix of at most 64 bits`,
        );
      }
    }
    const [t1, t2] = [client.number('SuggestedT1'), client.number('SuggestedT2')];
    if (t1 > t2 && t2 >= 0) out.fault(`${client.path}SuggestedT1`, 'T1 must not be after T2');
  }
}

export const compileDhcp6Client = (rows: RowReader): Dhcp6ClientConfig => ({
  clients: rows.rows(CLIENTS6).map((row) => compileClient(rows, row)),
  lans: rows.rows(IP).flatMap((row) => compileLan(rows, row)),
});

/** Why an enabled client cannot run, as far as the rows say; undefined when it can. */
function blockedBy(rows: RowReader, row: Row): string | undefined {
  const reference = row.text('Interface');
  const below = reference === '' ? undefined : rows.at(reference);
  if (below === undefined) return undefined;
  if (!below.bool('Enable')) return `${below.id} is disabled`;
  return ipv6On(rows, below) ? undefined : `IPv6 is disabled on ${below.id}`;
}

function compileClient(rows: RowReader, row: Row): Client6Config {
  const seconds = (name: string): number | undefined =>
    row.number(name) < 0 ? undefined : row.number(name);
  const hints = row.list('X_GATEHOUSE_PrefixHints').flatMap((text) => {
    const parsed = parseIpv6Prefix(text);
    return parsed.ok ? [parsed.value] : [];
  });
  return {
    ...{ id: client6Id(row.instance), instance: row.instance },
    enable: row.bool('Enable') && blockedBy(rows, row) === undefined,
    ifName: ifNameBehind(rows, row.text('Interface')),
    requestAddresses: row.bool('RequestAddresses'),
    prefixHints: row.bool('RequestPrefixes') ? (hints.length === 0 ? [ANY] : hints) : [],
    rapidCommit: row.bool('RapidCommit'),
    requestedOptions: [...new Set(row.list('RequestedOptions').map(Number))].filter(
      (code) => code > 0 && code < 65_536 && !OWN_OPTIONS.has(code),
    ),
    sentOptions: rows
      .rows(`${row.path}SentOption.`)
      .filter((option) => option.bool('Enable') && option.number('Tag') > 0)
      .flatMap((option) => {
        const value = fromHex(option.text('Value'));
        return value === undefined || value.length === 0
          ? []
          : [{ code: option.number('Tag'), value }];
      }),
    suggestedT1Sec: seconds('SuggestedT1'),
    suggestedT2Sec: seconds('SuggestedT2'),
    useResolvers: row.bool('X_GATEHOUSE_UseDNS'),
  };
}

/** Networks of zone Lan with IPv6 get a part of what is delegated, by the number that they have in the ULA, too. */
function compileLan(rows: RowReader, row: Row): readonly Lan6Config[] {
  const ifName = ifNameOf(rows, row);
  const on = row.bool('Enable') && ipv6On(rows, row) && !row.bool('Loopback');
  const number = row.number('X_GATEHOUSE_SubnetNumber');
  if (ifName === undefined || !on || row.text('X_GATEHOUSE_Zone') !== 'Lan') return [];
  if (!row.bool('X_GATEHOUSE_DelegatedPrefix')) return [];
  const chosen = number >= 0;
  return [{ id: row.id, ifName, subnet: chosen ? number : row.instance, chosen }];
}
