/** dht metadata, dht seed: what a torrent holds, from its file or from its peers; and giving that to others. */
import { type Command, InvalidArgumentError } from 'commander';
import { type IpPort, parseIpPort } from '../../base/ip-port.ts';
import { defineDhtLan } from './dht-lan.ts';
import { defineDhtNode } from './dht-node-commands.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import { within } from './typed.ts';

interface MetadataOptions {
  readonly file?: string;
  readonly peer?: readonly IpPort[];
  readonly out?: string;
  readonly timeout: number;
  readonly private?: boolean;
}

export interface SeedOptions {
  readonly listen?: readonly IpPort[];
  readonly connections: number;
  readonly rate: number;
}

export function defineDht(dht: Command, session: Session): void {
  dht
    .command('metadata')
    .description(
      'tell what a torrent holds (BEP 3, BEP 52): from its file, or from its peers by magnet link or infohash',
    )
    .allowExcessArguments(false)
    .argument('[torrent]', 'magnet link, or infohash in hex or base32')
    .option('--file <file>', 'check this torrent file instead, without a network')
    .option('--peer <address:port>', 'ask this peer; may be given again', endpoints)
    .option('--out <file>', 'write a torrent file, which must not be there yet')
    .option('--timeout <seconds>', 'give up after so long', within(1, 3600), 60)
    .option('--private', 'the swarm is in networks of yours: ask addresses in them, too')
    .action((torrent: string | undefined, options: MetadataOptions) =>
      metadata(session, torrent, options),
    );
  dht
    .command('seed')
    .description('give the metadata of a torrent file to peers that ask for it, until Ctrl-C')
    .allowExcessArguments(false)
    .argument('<file>', 'torrent file')
    .option(
      '--listen <address:port>',
      'where they may connect; may be given again (default: port 6881 of all addresses)',
      endpoints,
    )
    .option('--connections <n>', 'at most so many at a time', within(1, 3000), 100)
    .option('--rate <bytes>', 'at most so many bytes a second', within(1, 100_000_000), 1_000_000)
    .action(async (file: string, options: SeedOptions) => {
      const { seed } = await import('./dht-seed.ts');
      await seed(session, file, options);
    });
  defineDhtNode(dht, session);
  defineDhtLan(dht, session);
}

async function metadata(
  session: Session,
  torrent: string | undefined,
  options: MetadataOptions,
): Promise<void> {
  const { file, peer = [] } = options;
  if ((torrent === undefined) === (file === undefined))
    return session.fail('either a magnet link or infohash, or --file is wanted', EXIT.usage);
  if (torrent !== undefined) {
    const { fetchMetadata } = await import('./dht-fetch.ts');
    return fetchMetadata(session, torrent, { ...options, peers: peer });
  }
  // Loaded here: most commands and the daemon start without them.
  const [{ TORRENT_LIMITS }, { readTorrent }, { tellTorrent }] = await Promise.all([
    import('../../wire/bencode.ts'),
    import('../../wire/torrent.ts'),
    import('./dht-torrent.ts'),
  ]);
  const { environment } = session;
  const path = file ?? '';
  const bytes = environment.readFile(path, TORRENT_LIMITS.maxBytes);
  if (!bytes.ok) return session.fail(bytes.error.message);
  tellTorrent(session, path, readTorrent(bytes.value, environment.digests));
}

function endpoints(text: string, before: readonly IpPort[] = []): readonly IpPort[] {
  const endpoint = parseIpPort(text);
  if (endpoint.ok) return [...before, endpoint.value];
  throw new InvalidArgumentError('192.0.2.1:6881 or [2001:db8::1]:6881 is wanted');
}
