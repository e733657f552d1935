/** Who speaks BitTorrent in a capture, as tables. */
import type { CaptureTorrents, HostTorrent, TorrentHost } from '../../os/ports-capture.ts';
import { quantity } from './figures.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

const HOSTS: readonly Column<TorrentHost>[] = [
  { title: 'HOST', cell: ({ address }) => address },
  { title: 'MAC', cell: ({ mac }) => mac ?? '' },
  { title: 'SENT', cell: ({ sentBytes }) => quantity(sentBytes) },
  { title: 'RECEIVED', cell: ({ receivedBytes }) => quantity(receivedBytes) },
  { title: 'LIKELY SENT', cell: ({ likelySentBytes }) => quantity(likelySentBytes) },
  { title: 'LIKELY RECEIVED', cell: ({ likelyReceivedBytes }) => quantity(likelyReceivedBytes) },
];

const INFO_HASHES: readonly Column<HostTorrent>[] = [
  { title: 'INFOHASH', cell: ({ infoHash }) => infoHash },
  { title: 'HOST', cell: ({ address }) => address },
  { title: 'SENT', cell: ({ sentBytes }) => quantity(sentBytes) },
  { title: 'RECEIVED', cell: ({ receivedBytes }) => quantity(receivedBytes) },
  { title: 'CLIENT', cell: ({ client }) => client ?? '' },
  { title: 'SEEN', cell: ({ seen }) => seen.join(', ') },
];

/** Nothing where there is none. */
export function printTorrents(session: Session, torrents: CaptureTorrents): void {
  const { hosts, infoHashes } = torrents;
  if (hosts.length === 0) return;
  session.data(`\n${session.paint('bold', 'BitTorrent')}\n`);
  session.print(HOSTS, hosts);
  if (infoHashes.length === 0) return;
  session.data('\n');
  session.print(INFO_HASHES, infoHashes);
}
