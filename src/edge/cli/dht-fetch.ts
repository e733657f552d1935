/** dht metadata MAGNET: asks peers for a torrent's metadata, from here. */
import { toHex } from '../../base/bytes.ts';
import { formatIpPort, type IpPort, parseIpPort } from '../../base/ip-port.ts';
import type { MetadataFetcher } from '../../services/dht/metadata.ts';
import type { FetchProgress } from '../../services/dht/metadata-config.ts';
import type { MetadataFetch } from '../../services/dht/metadata-fetch.ts';
import type { MetadataSeeder, SeederLimits } from '../../services/dht/metadata-seeder.ts';
import type { EndReason } from '../../services/dht/peer-machine.ts';
import { parseMagnet, shortHash } from '../../wire/magnet.ts';
import { METADATA_PIECE_BYTES } from '../../wire/peer-wire.ts';
import { readTorrent, writeTorrent } from '../../wire/torrent.ts';
import { isObject, type JsonObject } from './bus.ts';
import { runInJob } from './dht-job.ts';
import { tellTorrent } from './dht-torrent.ts';
import { EXIT } from './environment.ts';
import { tellerOf } from './progress-line.ts';
import type { Session } from './session.ts';

export interface PeerTools extends AsyncDisposable {
  readonly fetcher: MetadataFetcher;
  seeder(limits: Pick<SeederLimits, 'maxConnections' | 'bytesPerSec'>): MetadataSeeder;
}

/** Loaded when the command is run. */
export type LoadPeers = () => Promise<PeerTools>;

interface FetchOptions {
  readonly peers: readonly IpPort[];
  readonly out?: string;
  /** Seconds. */
  readonly timeout: number;
  readonly private?: boolean;
}

/** Between two looks at how far it is. */
const PROGRESS_MS = 250;
/** Between two looks for peers in the DHT. */
const AGAIN_MS = 5000;

export async function fetchMetadata(
  session: Session,
  text: string,
  options: FetchOptions,
): Promise<void> {
  const { environment } = session;
  const magnet = parseMagnet(text);
  if (!magnet.ok) {
    const { field, message } = magnet.error;
    // Whoever names a file hears where it goes.
    const hint = /[./]/.test(text) && field === 'infohash' ? '; a file is read by --file' : '';
    return session.fail(`${field}: ${message}${hint}`, EXIT.usage);
  }
  const { out } = options;
  // Nobody waits for what could not be kept.
  if (out !== undefined && environment.readPiece(out, 0, 0).ok)
    return session.fail(`${out} is there already: it is not written over`);
  const { id, peers, trackers } = magnet.value;
  await using tools = await environment.peers();
  const { fetcher } = tools;
  const running = fetcher.fetch({
    ...{ id, timeoutMs: options.timeout * 1000, private: options.private ?? false },
  });
  const cancel = (): void => fetcher.cancel(running);
  environment.signal.addEventListener('abort', cancel);
  running.add([...options.peers, ...peers]);
  let search = '';
  const [dht] = await Promise.all([
    askDht(session, running, (line) => {
      search = line;
    }).finally(() => running.noMorePeers()),
    watch(session, running, () => search),
  ]);
  environment.signal.removeEventListener('abort', cancel);
  const result = await running.result;
  const progress = running.progress();
  if (!result.ok) {
    const { reason, message } = result.error;
    if (session.json)
      session.printJson({ error: { reason, message, dht }, peers: plainOf(progress) });
    return session.fail(`${message}${whyNot(progress, options.private === true)}; ${dht}`);
  }
  const { infoBytes, faults, from, tookMs } = result.value;
  const bytes = writeTorrent(infoBytes, trackers);
  const { torrent } = readTorrent(bytes, environment.digests);
  tellTorrent(
    session,
    'metadata',
    { torrent, faults },
    {
      ...{ from: formatIpPort(from), tookMs: Math.round(tookMs), peers: plainOf(progress) },
    },
  );
  if (out === undefined) return;
  // A file that others would be harmed by is not made.
  if (faults.length > 0) return session.fail(`${out} was not written`);
  const written = environment.writeFile(out, bytes, false);
  if (!written.ok) return session.fail(written.error.message);
  // Peers give the layers with the content (BEP 52), which nobody asks for here.
  const layers = torrent?.info.version === 'v1' ? '' : ', without piece layers';
  session.note(`${out}: ${bytes.length.toLocaleString('en')} bytes${layers}`);
}

/**
 * Peers that the daemon's node of the DHT finds, looked for again while there are none; gives what
 * became of that. Without a daemon those that were named are all there are.
 */
async function askDht(
  session: Session,
  running: MetadataFetch,
  told: (line: string) => void,
): Promise<string> {
  const args = { infohash: toHex(shortHash(running.options.id)) };
  // Nobody needs more peers after that.
  const fetched = new AbortController();
  void running.result.then(() => fetched.abort());
  const signal = AbortSignal.any([session.environment.signal, fetched.signal]);
  const said = await session.withRouterIfThere(async (router) => {
    let isAlone = false;
    for (;;) {
      const answer = await runInJob(session, router, { command: 'peers', args, signal, told });
      told('');
      if (!answer.ok) return `the DHT was not asked: ${answer.error.message}`;
      const { status, message, data } = answer.value;
      if (status !== 'success') return `the DHT was not asked: ${message ?? 'it failed'}`;
      // One that was cut short says nothing of who would have answered.
      if (!signal.aborted) isAlone = isObject(data) && data['answered'] === 0;
      const texts = isObject(data) && Array.isArray(data['peers']) ? data['peers'] : [];
      const found = texts.flatMap((text) => {
        const peer = parseIpPort(String(text));
        return peer.ok ? [peer.value] : [];
      });
      running.add(found);
      if (found.length > 0) return `the DHT knows ${found.length}`;
      await session.environment.pause(AGAIN_MS, signal);
      if (running.isOver) return isAlone ? 'no node of the DHT answers' : 'the DHT knows none';
    }
  });
  return said ?? 'no daemon is there whose DHT could be asked';
}

/** Until it has ended; on a terminal with a line of how far it is. */
async function watch(
  session: Session,
  running: MetadataFetch,
  search: () => string,
): Promise<void> {
  const { environment } = session;
  if (session.json || !environment.stderr.isTerminal) {
    await running.result;
    return;
  }
  const tell = tellerOf(session);
  const ended = new AbortController();
  void running.result.then(() => ended.abort());
  while (!running.isOver) {
    const found = search();
    tell(`${lineOf(running.progress())}${found === '' ? '' : `; DHT: ${found}`}`);
    await environment.pause(PROGRESS_MS, ended.signal);
  }
  tell('');
}

function lineOf({ known, connecting, talking, tried, ...rest }: FetchProgress): string {
  const { receivedBytes, sizeBytes } = rest;
  const size = sizeBytes === undefined ? '' : `, ${sizeOf(receivedBytes, sizeBytes)}`;
  return `${known} peers, ${tried} asked, ${connecting} connecting, ${talking} talking${size}`;
}

function sizeOf(received: number, whole: number): string {
  const pieces = Math.ceil(whole / METADATA_PIECE_BYTES);
  const done = received >= whole ? pieces : Math.floor(received / METADATA_PIECE_BYTES);
  const [some, all] = [received, whole].map((bytes) => bytes.toLocaleString('en'));
  return `${done} of ${pieces} pieces, ${some} of ${all} bytes`;
}

const ENDS: Readonly<Record<EndReason, string>> = {
  delivered: 'gave all of it',
  unreachable: 'unreachable',
  silent: 'silent',
  left: 'hung up',
  otherTorrent: 'answered for another torrent',
  noMetadata: 'without metadata',
  badSize: 'named a size that cannot be',
  rejected: 'refused to give it',
  broken: 'broke the protocol',
  stopped: 'still being asked',
  lagging: 'too slow',
};

function whyNot({ known, unfit, ends, convicted }: FetchProgress, isPrivate: boolean): string {
  const why = Object.entries(ends).map(
    ([reason, count]) => `${count} ${ENDS[reason as EndReason]}`,
  );
  const remedy = isPrivate ? '' : ' (see --private)';
  if (unfit > 0) why.push(`${unfit} of no address that may be asked${remedy}`);
  if (convicted.length > 0)
    why.push(`wrong metadata from ${convicted.map(formatIpPort).join(', ')}`);
  return known + unfit === 0
    ? ': none is known, name some with --peer'
    : why.length === 0
      ? ''
      : ` (${why.join(', ')})`;
}

const plainOf = ({ convicted, ends, known, unfit, tried }: FetchProgress): JsonObject => ({
  ...{ known, unfit, tried },
  ends: { ...ends },
  convicted: convicted.map(formatIpPort),
});
