/** dht seed FILE: gives the metadata of a torrent file to peers that ask. */
import { type Ipv4, ipv4 } from '../../base/ip.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import { ANY6 } from '../../base/ip6.ts';
import { TORRENT_LIMITS } from '../../wire/bencode.ts';
import { formatMagnet } from '../../wire/magnet.ts';
import { readTorrent } from '../../wire/torrent.ts';
import { count } from './count.ts';
import type { SeedOptions } from './dht-commands.ts';
import type { Session } from './session.ts';

const ANY4: Ipv4 = ipv4(0);
const PORT = 6881;
const EVERYWHERE: readonly IpPort[] = [
  { address: ANY4, port: PORT },
  { address: ANY6, port: PORT },
];

export async function seed(session: Session, path: string, options: SeedOptions): Promise<void> {
  const { environment } = session;
  const bytes = environment.readFile(path, TORRENT_LIMITS.maxBytes);
  if (!bytes.ok) return session.fail(bytes.error.message);
  const { torrent, faults } = readTorrent(bytes.value, environment.digests);
  if (torrent === undefined || faults.length > 0) {
    for (const { field, message } of faults) session.fail(`${path}: ${field}: ${message}`);
    return;
  }
  await using tools = await environment.peers();
  await using seeder = tools.seeder({
    ...{ maxConnections: options.connections, bytesPerSec: options.rate },
  });
  const { info, infoBytes, trackers } = torrent;
  seeder.hold(info.id, infoBytes);
  const listening: string[] = [];
  for (const local of options.listen ?? EVERYWHERE) {
    const bound = seeder.listen(local);
    if (!bound.ok) return session.fail(bound.error.message);
    listening.push(formatIpPort(bound.value));
  }
  const magnet = formatMagnet({ id: info.id, displayName: info.name, trackers, peers: [] });
  if (session.json) session.printJson({ listening, magnet });
  else {
    session.note(`listening on ${listening.join(', ')}`);
    session.data(`${magnet}\n`);
  }
  await new Promise<void>((resolve) => {
    if (environment.signal.aborted) resolve();
    environment.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const { accepted, pieces } = seeder.observed;
  session.note(`${count(accepted, 'connection')}, ${count(pieces, 'piece')} given`);
}
