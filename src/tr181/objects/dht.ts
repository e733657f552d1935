/** `Device.X_GATEHOUSE_DHT.`: the node of the BitTorrent DHT. */
import { parseIpv4, prefixLen } from '../../base/ip.ts';
import { parseIpv6Prefix } from '../../base/ip6.ts';
import type { DhtConfig, DhtCounters, DhtObserved, IpPrefix } from '../../services/dht/config.ts';
import type { RowReader } from '../reader.ts';
import {
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  type ReportContext,
  type ReportedValues,
  type ReportSink,
} from '../table.ts';
import { own } from './params.ts';

const NO_DHT = 'TR-181 knows no DHT';

const DHT = 'Device.X_GATEHOUSE_DHT.';
const BUDGET = `${DHT}Budget.`;
const CRAWLER = `${DHT}Crawler.`;
const ANNOUNCEMENT = `${DHT}Announcement.`;
const STATS = `${DHT}Stats.`;
const TABLES = `${DHT}Table.`;

/** A budget takes the burst of a second: with less than the longest datagram and its headers, that would never leave. */
const LEAST_BYTES = 2_100;

const rate = (about: string, fallback: number, max = 1_000_000, min = 1): ParamDef => ({
  type: 'unsignedInt',
  access: 'readWrite',
  range: [[min, max]],
  default: String(fallback),
  about,
});
const bytes = (about: string, fallback: number): ParamDef =>
  rate(about, fallback, 1_000_000_000, LEAST_BYTES);
const seen = (type: ParamDef['type'], about: string): ParamDef => ({ type, volatile: true, about });

const COUNTERS: Readonly<Record<string, readonly [keyof DhtCounters, string]>> = {
  PacketsReceived: ['packetsIn', 'Datagrams that came.'],
  PacketsSent: ['packetsOut', 'Datagrams that were sent.'],
  BytesReceived: ['bytesIn', 'Their bytes, without headers.'],
  BytesSent: ['bytesOut', 'Their bytes, without headers.'],
  DroppedBudget: ['droppedBudget', 'Datagrams not read, or answers not sent, for lack of budget.'],
  DroppedAddress: ['droppedAddress', 'Datagrams from addresses that nobody talks to.'],
  DroppedSource: ['droppedSource', 'Queries of those who had asked enough.'],
  DroppedKernel: [
    'droppedKernel',
    'Datagrams that the kernel had no room for, or that were too long.',
  ],
  Unsent: ['unsent', 'Datagrams that the kernel did not take.'],
  Malformed: ['malformed', 'Datagrams that are no message of the DHT.'],
  QueriesAnswered: ['queriesAnswered', 'Queries of others that were looked at.'],
  QueriesSent: ['queriesSent', 'Queries of our own.'],
  Answers: ['answers', 'Answers to them.'],
  Timeouts: ['timeouts', 'Queries that nobody answered.'],
  StrayAnswers: ['strayAnswers', 'Answers to nothing that was asked, or from elsewhere.'],
  RefusedQueries: ['refusedQueries', 'Queries of our own that found no room.'],
};

export const dht: ObjectGroup = {
  name: 'DHT',
  inputs: ['dht'],
  objects: [
    {
      path: DHT,
      about: 'A node of the BitTorrent DHT (BEP 5), off by default.',
      params: own(NO_DHT, {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: ['Disabled', 'Starting', 'Enabled', 'Error'],
          default: 'Disabled',
          volatile: true,
          about: 'Starting until another node answered.',
        },
        Reason: { type: 'string', about: 'What is wrong, for people; empty when all is well.' },
        Port: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[1, 65_535]],
          default: '6889',
          about: 'UDP port, open towards the WAN only while the node is enabled.',
        },
        BootstrapNodes: {
          type: 'string',
          access: 'readWrite',
          list: { maxItems: 32, maxLength: 2_048 },
          size: [3, 260],
          default:
            'dht.libtorrent.org:25401,router.bittorrent.com:6881,dht.transmissionbt.com:6881',
          about: 'Whom to ask first: name or address, and port, such as [2001:db8::1]:6881.',
        },
        PrivateNetworks: {
          type: 'string',
          access: 'readWrite',
          list: { maxItems: 16, maxLength: 512 },
          size: [3, 49],
          default: '',
          about:
            'Prefixes of a DHT that is not of the internet: only addresses in them are talked to. Empty for the internet’s, where private addresses are not.',
        },
        ReadOnly: {
          type: 'boolean',
          access: 'readWrite',
          default: 'false',
          about: 'Asks others, but answers nobody (BEP 43).',
        },
        Flows: seen('unsignedInt', 'Endpoints asked within three minutes.'),
        Peers: seen('unsignedInt', 'Peers that were announced to this node.'),
        InfoHashes: seen('unsignedInt', 'Infohashes they were announced for.'),
        Items: seen('unsignedInt', 'Items kept for others (BEP 44).'),
      }),
    },
    {
      path: BUDGET,
      about: 'What the node may use, whatever arrives.',
      params: own(NO_DHT, {
        PacketsReceived: rate('Datagrams read a second.', 500),
        PacketsSent: rate('Datagrams sent a second.', 250),
        BytesReceived: bytes('Bytes read a second, with headers.', 125_000),
        BytesSent: bytes('Bytes sent a second, with headers.', 60_000),
        QueriesPerSource: {
          ...rate(
            'Queries answered a second for one address; of its /24 or /64 four times as many.',
            10,
            1_000,
          ),
        },
        Flows: rate(
          'Endpoints asked within three minutes: entries that connection tracking holds for it.',
          1_000,
          100_000,
        ),
      }),
    },
    {
      path: CRAWLER,
      about: 'Collects infohashes by BEP 51, off by default.',
      params: own(NO_DHT, {
        Enable: ENABLE,
        StartTime: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 1_439]],
          default: '120',
          units: 'minutes',
          about: 'When it begins each day, after midnight of UTC.',
        },
        Duration: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[1, 1_440]],
          default: '120',
          units: 'minutes',
          about: 'How long it goes on; 1440 is always.',
        },
        PacketsPerSecond: rate('Queries a second, of the node’s budget.', 5, 100),
        MaxInfoHashes: rate('Infohashes kept, the oldest going first.', 10_000, 100_000),
        Running: seen('boolean', 'Whether it is its time.'),
        InfoHashes: seen('unsignedInt', 'Infohashes that it knows.'),
        NodesAsked: seen('unsignedInt', 'Nodes asked since the start.'),
      }),
    },
    {
      path: ANNOUNCEMENT,
      about: 'Updates announced in the DHT: a mutable item (BEP 44) under the maker’s key.',
      params: own(NO_DHT, {
        PublicKey: {
          type: 'hexBinary',
          access: 'readWrite',
          size: [0, 32],
          default: '',
          about: 'Key that announcements are signed by (Ed25519); empty follows none.',
        },
        Salt: {
          type: 'string',
          access: 'readWrite',
          size: [0, 64],
          pattern: '[ -~]*',
          default: 'gatehouse',
          about: 'Which of the key’s items is followed.',
        },
        Sequence: seen('unsignedLong', 'Number of the newest one; 0 for none.'),
        Version: seen('string', 'Version that it announces.'),
        URL: seen(
          'string',
          'Where the bundle is. Its own signature is verified when it is installed.',
        ),
        SHA256: seen('string', 'Digest of the bundle, in hexadecimal.'),
        Refused: seen(
          'unsignedInt',
          'Announcements refused: older ones, or such that say nothing.',
        ),
      }),
    },
    {
      path: STATS,
      about: 'Since the node was started.',
      params: own(
        NO_DHT,
        Object.fromEntries(
          Object.entries(COUNTERS).map(([name, [, about]]) => [
            name,
            seen('StatsCounter64', about),
          ]),
        ),
      ),
    },
    {
      path: `${TABLES}{i}.`,
      about: 'The routing table of each family of addresses.',
      rows: 'system',
      params: own(NO_DHT, {
        Family: { type: 'string', enum: ['IPv4', 'IPv6'], default: 'IPv4', about: 'Of addresses.' },
        NodeID: seen('string', 'Our id in it, in hexadecimal.'),
        ExternalAddress: seen('string', 'Our address as other nodes see it (BEP 42).'),
        Nodes: seen('unsignedInt', 'Nodes in it.'),
        Spares: seen('unsignedInt', 'Nodes that take the place of those that fail.'),
        Buckets: seen('unsignedInt', 'Buckets that hold a node.'),
        RoundTripTime: {
          ...seen('unsignedInt', 'Smoothed, of all nodes asked; 0 while unknown.'),
          units: 'milliseconds',
        },
      }),
    },
  ],
  report,
  check,
};

export function compileDht(rows: RowReader): DhtConfig {
  const [own, budget, crawler, announcement] = [DHT, BUDGET, CRAWLER, ANNOUNCEMENT].map((path) =>
    rows.at(path),
  );
  const number = (row: typeof own, name: string): number => row?.number(name) ?? 0;
  const publicKey = announcement?.text('PublicKey') ?? '';
  return {
    enable: own?.bool('Enable') === true,
    port: number(own, 'Port'),
    bootstrap: own?.list('BootstrapNodes') ?? [],
    privateNetworks: (own?.list('PrivateNetworks') ?? []).flatMap((text) => prefixOf(text) ?? []),
    readOnly: own?.bool('ReadOnly') === true,
    budget: {
      packetsInPerSec: number(budget, 'PacketsReceived'),
      packetsOutPerSec: number(budget, 'PacketsSent'),
      bytesInPerSec: number(budget, 'BytesReceived'),
      bytesOutPerSec: number(budget, 'BytesSent'),
      perSourcePerSec: number(budget, 'QueriesPerSource'),
      flows: number(budget, 'Flows'),
    },
    crawler: {
      enable: crawler?.bool('Enable') === true,
      startMin: number(crawler, 'StartTime'),
      lengthMin: number(crawler, 'Duration'),
      packetsPerSec: number(crawler, 'PacketsPerSecond'),
      maxHashes: number(crawler, 'MaxInfoHashes'),
    },
    announcements:
      publicKey === '' ? undefined : { publicKey, salt: announcement?.text('Salt') ?? '' },
  };
}

/** Ports that the firewall opens for it, with what may come a second. */
export function dhtOpenings(
  rows: RowReader,
): readonly { readonly port: number; readonly perSec: number }[] {
  const { enable, readOnly, port, budget } = compileDht(rows);
  return enable && !readOnly ? [{ port, perSec: budget.packetsInPerSec }] : [];
}

function check(rows: RowReader, out: CheckSink): void {
  const own = rows.at(DHT);
  for (const text of own?.list('BootstrapNodes') ?? []) {
    const [, port = '0'] = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? [];
    if (Number(port) < 1 || Number(port) > 65_535)
      out.fault(
        `${DHT}BootstrapNodes`,
        `${text.slice(0, 64)} is not a name or address with a port`,
      );
  }
  for (const text of own?.list('PrivateNetworks') ?? [])
    if (prefixOf(text) === undefined)
      out.fault(`${DHT}PrivateNetworks`, `${text.slice(0, 64)} is not a prefix`);
  const key = rows.at(ANNOUNCEMENT)?.text('PublicKey') ?? '';
  if (key !== '' && key.length !== 64)
    out.fault(`${ANNOUNCEMENT}PublicKey`, 'a key of Ed25519 has 32 bytes');
}

function prefixOf(text: string): IpPrefix | undefined {
  if (text.includes(':')) {
    const parsed = parseIpv6Prefix(text);
    return parsed.ok ? parsed.value : undefined;
  }
  const [address = '', length = ''] = text.split('/');
  const parsed = parseIpv4(address);
  const len = /^\d{1,2}$/.test(length) ? prefixLen(Number(length)) : undefined;
  return parsed.ok && len !== undefined ? { address: parsed.value, prefixLen: len } : undefined;
}

function report({ observed, lookups }: ReportContext, out: ReportSink): void {
  const now = (): DhtObserved | undefined => lookups.dht();
  const of =
    <T>(read: (dht: DhtObserved) => T | undefined, fallback: string) =>
    (): string => {
      const dht = now();
      return String((dht && read(dht)) ?? fallback);
    };
  out.put(DHT, {
    Status: of(({ status }) => status, 'Disabled'),
    Reason: observed.dht?.reason ?? '',
    Flows: of(({ flows }) => flows, '0'),
    Peers: of(({ peers }) => peers, '0'),
    InfoHashes: of(({ infoHashes }) => infoHashes, '0'),
    Items: of(({ items }) => items, '0'),
  });
  out.put(CRAWLER, {
    Running: of(({ crawler }) => crawler.running, 'false'),
    InfoHashes: of(({ crawler }) => crawler.hashes, '0'),
    NodesAsked: of(({ crawler }) => crawler.nodesAsked, '0'),
  });
  out.put(ANNOUNCEMENT, {
    Sequence: of(({ announcement }) => announcement?.seq, '0'),
    Version: of(({ announcement }) => announcement?.version, ''),
    URL: of(({ announcement }) => announcement?.url, ''),
    SHA256: of(({ announcement }) => announcement?.sha256, ''),
    Refused: of(({ announcement }) => announcement?.refused, '0'),
  });
  const counters = Object.entries(COUNTERS).map(
    ([name, [field]]): [string, ReportedValues[string]] => [
      name,
      of((dht) => dht.counters[field], '0'),
    ],
  );
  out.put(STATS, Object.fromEntries(counters));
  for (const { family } of observed.dht?.tables ?? []) {
    const table = (read: (table: DhtObserved['tables'][number]) => unknown) =>
      of((dht) => dht.tables.filter((one) => one.family === family).map(read)[0], '');
    out.row(TABLES, String(family), {
      Family: `IPv${family}`,
      NodeID: table(({ id }) => id),
      ExternalAddress: table(({ externalAddress }) => externalAddress),
      Nodes: table(({ nodes }) => nodes),
      Spares: table(({ spares }) => spares),
      Buckets: table(({ buckets }) => buckets),
      RoundTripTime: table(({ rttMs }) => rttMs),
    });
  }
}
