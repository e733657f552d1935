/** dht lan: who in the LAN speaks BitTorrent, about what, and how much. */
import type { Command } from 'commander';
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import { quantity } from './figures.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

const OFF =
  'the LAN is not listened to: set Device.X_GATEHOUSE_DHT.LANView.Enable to true, and it is';

const amount = (value: Json | undefined): string => quantity(Number(value ?? 0));
const since = ({ first }: JsonObject): string =>
  text(first ?? '')
    .slice(0, 16)
    .replace('T', ' ');

const DEVICES: readonly Column<JsonObject>[] = [
  { title: 'DEVICE', cell: ({ device }) => text(device) },
  { title: 'UP', cell: ({ sentBytes }) => amount(sentBytes) },
  { title: 'DOWN', cell: ({ receivedBytes }) => amount(receivedBytes) },
  { title: 'LIKELY UP', cell: ({ likelySentBytes }) => amount(likelySentBytes) },
  { title: 'LIKELY DOWN', cell: ({ likelyReceivedBytes }) => amount(likelyReceivedBytes) },
  { title: 'SINCE', cell: since },
];
const TORRENTS: readonly Column<JsonObject>[] = [
  { title: 'DEVICE', cell: ({ device }) => text(device) },
  { title: 'TORRENT', cell: ({ torrent }) => text(torrent) },
  { title: 'UP', cell: ({ sentBytes }) => amount(sentBytes) },
  { title: 'DOWN', cell: ({ receivedBytes }) => amount(receivedBytes) },
  { title: 'SINCE', cell: since },
  { title: 'SEEN', cell: ({ seen }) => list(seen).map(text).join(', ') },
  { title: 'CLIENT', cell: ({ client }) => (client === null ? '' : text(client)) },
];

export function defineDhtLan(dht: Command, session: Session): void {
  dht
    .command('lan')
    .description('who in the LAN speaks BitTorrent, about what, and how much')
    .allowExcessArguments(false)
    .option('--clear', 'forget all that was heard')
    .action(async ({ clear }: { clear?: true }) => {
      if (clear) await session.ask('dht', 'lan_clear');
      else await show(session);
    });
}

async function show(session: Session): Promise<void> {
  const data = await session.ask('dht', 'lan');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  if (data['status'] === 'off') return session.note(OFF);
  const devices = list(data['devices']).filter(isObject);
  const parts = list(data['torrents'])
    .filter(isObject)
    .flatMap(({ infoHash, name, devices: of }) =>
      list(of)
        .filter(isObject)
        .map((part): JsonObject => ({ ...part, torrent: name ?? infoHash ?? '' })),
    );
  session.print(DEVICES, devices);
  if (parts.length > 0) session.data('\n');
  session.print(TORRENTS, parts);
  if (devices.length === 0) session.note('nothing of BitTorrent was heard');
  const reason = data['reason'];
  if (typeof reason === 'string' && reason !== '') session.note(reason);
}
