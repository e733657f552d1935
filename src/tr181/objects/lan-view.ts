/** `Device.X_GATEHOUSE_DHT.LANView.`: who in the LAN speaks BitTorrent, about what, and how much. */
import { ok } from '../../base/result.ts';
import type {
  LanTorrent,
  LanTorrentsConfig,
  LanTorrentsObserved,
  TorrentDevice,
} from '../../services/lan-torrents/config.ts';
import type { RowReader } from '../reader.ts';
import {
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  type ReportContext,
  type ReportSink,
} from '../table.ts';
import { dateTimeOf } from '../types.ts';
import { compileNeighbors } from './hosts.ts';
import { own } from './params.ts';

const NO_TORRENTS = 'TR-181 does not look into what a LAN carries';
const VIEW = 'Device.X_GATEHOUSE_DHT.LANView.';
const HOSTS = `${VIEW}Host.`;
const TORRENTS = `${VIEW}Torrent.`;
const STATUS = { off: 'Disabled', waiting: 'Waiting', listening: 'Enabled', failed: 'Error' };
/** Of one row's lists. */
const MAX_LISTED = 32;

const volatile = (type: ParamDef['type'], about: string): ParamDef => ({
  type,
  volatile: true,
  about,
});
const figures = {
  BytesSent: volatile('StatsCounter64', 'Bytes that left it, of whole frames.'),
  BytesReceived: volatile('StatsCounter64', 'Bytes that came to it.'),
  FirstSeen: volatile('dateTime', 'When it was heard first.'),
  LastSeen: volatile('dateTime', 'When it was heard last.'),
};
const many = (about: string): ParamDef => ({
  type: 'string',
  list: { maxItems: MAX_LISTED },
  volatile: true,
  about,
});

export const lanView: ObjectGroup = {
  name: 'LANView',
  inputs: ['lanTorrents'],
  objects: [
    {
      path: VIEW,
      about:
        'What of the LAN is BitTorrent, off by default: kept in memory alone, told to nobody, forgotten when it is switched off.',
      params: own(NO_TORRENTS, {
        Enable: { ...ENABLE, about: 'Whether the LAN is listened to for it.' },
        ResolveNames: {
          ...ENABLE,
          about:
            'Asks the DHT and peers what torrents are called, except those that may be private (BEP 27). They learn that this address is interested. Needs the DHT node.',
        },
        RetainTime: {
          ...{ type: 'unsignedInt', access: 'readWrite', range: [[1, 720]], default: '24' },
          units: 'hours',
          about: 'What was not heard of for so long is forgotten.',
        },
        Status: {
          ...{ type: 'string', enum: Object.values(STATUS), default: 'Disabled' },
          about: 'Waiting while no link of the LAN is up.',
        },
        Reason: { type: 'string', about: 'What is wrong, for people; empty when all is well.' },
        Forgotten: volatile('unsignedInt', 'Addresses and infohashes that found no room.'),
        DroppedPackets: volatile('StatsCounter64', 'Packets that the kernel had no room for.'),
        NamesAsked: volatile('unsignedInt', 'Torrents whose name was asked for.'),
        NamesFound: volatile('unsignedInt', 'Names that came of it.'),
      }),
      commands: {
        Clear: {
          about: 'Forgets all that was heard.',
          run: async ({ calls }) => {
            await calls.lanTorrentsClear();
            return ok({});
          },
        },
      },
    },
    {
      path: `${HOSTS}{i}.`,
      about: 'A device of the LAN that speaks BitTorrent.',
      rows: 'system',
      params: own(NO_TORRENTS, {
        PhysAddress: volatile('string', 'MAC address; empty while only its address is known.'),
        IPAddresses: many('Addresses that it spoke from.'),
        ...figures,
        LikelyBytesSent: volatile(
          'StatsCounter64',
          'Bytes of flows that say nothing of themselves, such as encrypted ones, to or from a known peer; not in BytesSent.',
        ),
        LikelyBytesReceived: volatile('StatsCounter64', 'The same, of what came.'),
        Torrents: many('Infohashes that it has or wants, the newest first.'),
      }),
    },
    {
      path: `${TORRENTS}{i}.`,
      about: 'A torrent that a device of the LAN has, or wants.',
      rows: 'system',
      params: own(NO_TORRENTS, {
        InfoHash: volatile('string', '40 hexadecimal digits.'),
        Name: volatile('string', 'What it is called; empty while that is not known.'),
        ...figures,
        Hosts: many('MAC addresses, or addresses, of the devices that have it or want it.'),
        SeenBy: {
          ...many('How that was heard.'),
          enum: [
            ...['handshake', 'utp', 'dht-get', 'dht-announce'],
            ...['udp-tracker', 'http-tracker', 'lan-search'],
          ],
        },
      }),
    },
  ],
  report,
};

export function compileLanView(rows: RowReader): LanTorrentsConfig {
  const own = rows.at(VIEW);
  return {
    enable: own?.bool('Enable') === true,
    resolveNames: own?.bool('ResolveNames') === true,
    keepSec: (own?.number('RetainTime') ?? 0) * 3600,
    links: compileNeighbors(rows).interfaces,
  };
}

/** What is known, by the numbers of the rows. */
interface Index {
  readonly of: LanTorrentsObserved;
  readonly devices: ReadonlyMap<number, TorrentDevice>;
  readonly torrents: ReadonlyMap<number, LanTorrent>;
  /** Infohashes of a device, the newest first. */
  readonly hashes: ReadonlyMap<number, readonly string[]>;
}

function indexOf(of: LanTorrentsObserved): Index {
  const hashes = new Map<number, string[]>();
  for (const { infoHash, parts } of of.torrents.toSorted((a, b) => b.lastMs - a.lastMs)) {
    for (const device of new Set(parts.map((part) => part.device))) {
      const known = hashes.get(device);
      if (known === undefined) hashes.set(device, [infoHash]);
      else if (known.length < MAX_LISTED) known.push(infoHash);
    }
  }
  return {
    ...{ of, hashes, devices: new Map(of.devices.map((device) => [device.id, device])) },
    torrents: new Map(of.torrents.map((torrent) => [torrent.id, torrent])),
  };
}

/** What a row tells is read when it is asked for: only that it is there is news. */
function report({ observed, lookups }: ReportContext, out: ReportSink): void {
  const known = observed.lanTorrents;
  const now = lookups.lanTorrents;
  let last: Index | undefined;
  /** All parameters of one answer are asked for at once, and what is known is the same for all of them. */
  const indexed = (): Index | undefined => {
    const found = now();
    if (found !== last?.of) last = found === undefined ? undefined : indexOf(found);
    return last;
  };
  out.put(VIEW, {
    Status: STATUS[known?.status ?? 'off'],
    Reason: known?.reason ?? '',
    Forgotten: () => String(now()?.forgotten ?? 0),
    DroppedPackets: () => String(now()?.droppedPackets ?? 0),
    NamesAsked: () => String(now()?.names.asked ?? 0),
    NamesFound: () => String(now()?.names.found ?? 0),
  });
  for (const { id } of known?.devices ?? []) {
    const of = (read: (device: TorrentDevice) => unknown) => (): string => {
      const device = indexed()?.devices.get(id);
      return device === undefined ? '' : String(read(device));
    };
    out.row(HOSTS, String(id), {
      PhysAddress: of(({ mac }) => mac ?? ''),
      IPAddresses: of(({ addresses }) => addresses.slice(0, MAX_LISTED).join()),
      ...figuresOf(of),
      LikelyBytesSent: of(({ likely }) => likely.sentBytes),
      LikelyBytesReceived: of(({ likely }) => likely.receivedBytes),
      Torrents: () => (indexed()?.hashes.get(id) ?? []).join(),
    });
  }
  for (const { id } of known?.torrents ?? []) {
    const of = (read: (torrent: LanTorrent) => unknown) => (): string => {
      const torrent = indexed()?.torrents.get(id);
      return torrent === undefined ? '' : String(read(torrent));
    };
    const nameOf = (device: number): string => {
      const found = indexed()?.devices.get(device);
      return found?.mac ?? found?.addresses[0] ?? '';
    };
    out.row(TORRENTS, String(id), {
      InfoHash: of(({ infoHash }) => infoHash),
      Name: of(({ name }) => name ?? ''),
      ...figuresOf(of),
      Hosts: of(({ parts }) =>
        parts
          .slice(0, MAX_LISTED)
          .map(({ device }) => nameOf(device))
          .filter((name) => name !== '')
          .join(),
      ),
      SeenBy: of(({ parts }) => [...new Set(parts.flatMap(({ seen }) => seen))].join()),
    });
  }
}

type Row = Pick<TorrentDevice, 'sentBytes' | 'receivedBytes' | 'firstMs' | 'lastMs'>;

const figuresOf = (of: (read: (row: Row) => unknown) => () => string) => {
  const when = (read: (row: Row) => number) => {
    const text = of((row) => dateTimeOf(read(row)));
    return (): string => text() || dateTimeOf(0);
  };
  return {
    BytesSent: of(({ sentBytes }) => sentBytes),
    BytesReceived: of(({ receivedBytes }) => receivedBytes),
    FirstSeen: when(({ firstMs }) => firstMs),
    LastSeen: when(({ lastMs }) => lastMs),
  };
};
