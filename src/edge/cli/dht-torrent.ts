/** How a torrent is told: as text, and as JSON. */
import { toHex } from '../../base/bytes.ts';
import { formatMagnet } from '../../wire/magnet.ts';
import type { Torrent, TorrentFile, TorrentReading } from '../../wire/torrent.ts';
import type { JsonObject } from './bus.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

/** Prints it, with `more` beside it in JSON. The session fails by each of its faults. */
export function tellTorrent(
  session: Session,
  where: string,
  { torrent, faults }: TorrentReading,
  more: JsonObject = {},
): void {
  const magnet =
    torrent &&
    formatMagnet({
      ...{ id: torrent.info.id, displayName: torrent.info.name },
      ...{ trackers: torrent.trackers, peers: [] },
    });
  if (session.json) {
    session.printJson({
      acceptable: faults.length === 0,
      faults: faults.map(({ field, message }) => ({ field, message })),
      torrent: torrent === undefined ? null : { ...plain(torrent), magnet: magnet ?? null },
      ...more,
    });
  } else if (torrent !== undefined) {
    show(session, torrent, magnet);
  }
  for (const { field, message } of faults) session.fail(`${where}: ${field}: ${message}`);
}

const pathOf = ({ path }: TorrentFile): string => path.join('/');

function plain(torrent: Torrent): JsonObject {
  const { info } = torrent;
  return {
    ...{ name: info.name, version: info.version, private: info.private },
    infohashV1: info.id.v1 === undefined ? null : toHex(info.id.v1),
    infohashV2: info.id.v2 === undefined ? null : toHex(info.id.v2),
    ...{ totalBytes: info.totalBytes, pieceLengthBytes: info.pieceLengthBytes },
    pieces: info.pieces,
    files: info.files.map((file) => ({
      ...{ path: pathOf(file), sizeBytes: file.sizeBytes, padding: file.padding },
      piecesRoot: file.piecesRoot === undefined ? null : toHex(file.piecesRoot),
    })),
    ...{ trackers: [...torrent.trackers], webSeeds: [...torrent.webSeeds] },
    ...{ comment: torrent.comment ?? null, createdBy: torrent.createdBy ?? null },
    createdAt: torrent.createdAt ?? null,
  };
}

/** Undefined for what no calendar has. */
function dateOf(unixSec: number | undefined): string | undefined {
  const date = new Date((unixSec ?? Number.NaN) * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function show(session: Session, torrent: Torrent, magnet: string | undefined): void {
  const { info } = torrent;
  const { v1, v2 } = info.id;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['name', info.name],
    ['version', `${info.version}${info.private ? ', private' : ''}`],
    ['infohash v1', v1 && toHex(v1)],
    ['infohash v2', v2 && toHex(v2)],
    ['bytes', info.totalBytes.toLocaleString('en')],
    ['pieces', `${info.pieces} of ${info.pieceLengthBytes.toLocaleString('en')} bytes`],
    ...torrent.trackers.map((tracker) => ['tracker', tracker] as const),
    ...torrent.webSeeds.map((seed) => ['web seed', seed] as const),
    ['comment', torrent.comment],
    ['made by', torrent.createdBy],
    ['made at', dateOf(torrent.createdAt)],
    ['magnet', magnet],
  ];
  for (const [title, value] of facts) {
    if (value !== undefined) session.line(`${title.padEnd(12)} ${value}`, undefined);
  }
  session.data('\n');
  const columns: readonly Column<TorrentFile>[] = [
    { title: 'BYTES', cell: ({ sizeBytes }) => sizeBytes.toLocaleString('en') },
    { title: 'FILE', cell: pathOf },
  ];
  session.print(
    columns,
    info.files.filter(({ padding }) => !padding),
  );
}
