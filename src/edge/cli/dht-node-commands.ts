/** dht status, ping, find, peers, announce, item, crawl: what the daemon's node of the DHT does. */
import type { Command } from 'commander';
import { fromHex, toHex } from '../../base/bytes.ts';
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import { count } from './count.ts';
import { askInJob } from './dht-job.ts';
import { EXIT } from './environment.ts';
import { tellerOf } from './progress-line.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';
import { within } from './typed.ts';

const TABLE: readonly Column<JsonObject>[] = [
  { title: 'FAMILY', cell: ({ family }) => `IPv${text(family)}` },
  { title: 'NODES', cell: ({ nodes }) => text(nodes) },
  { title: 'SPARES', cell: ({ spares }) => text(spares) },
  { title: 'BUCKETS', cell: ({ buckets }) => text(buckets) },
  { title: 'RTT', cell: ({ nodes, rttMs }) => (nodes === 0 ? '' : `${text(rttMs)} ms`) },
  { title: 'SEEN AS', cell: ({ externalAddress }) => text(externalAddress ?? '') },
  { title: 'ID', cell: ({ id }) => text(id) },
];
const NODE: readonly Column<JsonObject>[] = [
  { title: 'NODE', cell: ({ node }) => text(node) },
  { title: 'ID', cell: ({ id }) => text(id) },
];
const HASH: readonly Column<JsonObject>[] = [
  { title: 'INFOHASH', cell: ({ infoHash }) => text(infoHash) },
  { title: 'SEEN', cell: ({ seenMs }) => new Date(Number(seenMs)).toISOString() },
];

const NAME_WIDTH = 17;
const NOBODY =
  'no other node answered yet: whom it asks first is in Device.X_GATEHOUSE_DHT.BootstrapNodes';
/** Between two looks at the crawler. */
const FOLLOW_MS = 1_000;

interface ItemOptions {
  readonly key?: string;
  readonly salt?: string;
  readonly seed?: string;
  readonly seq?: string;
  readonly cas?: string;
  readonly bencode?: true;
}

export function defineDhtNode(dht: Command, session: Session): void {
  const define = (name: string, about: string): Command =>
    dht.command(name).description(about).allowExcessArguments(false);
  define('status', 'tables, counters and budgets of the node').action(() => status(session));
  define('ping', 'asks whether a node is there')
    .argument('<node>', 'address and port, such as 192.0.2.1:6881 or [2001:db8::1]:6881')
    .action((node: string) => ping(session, node));
  define('find', 'the nodes closest to an id')
    .argument('<id>', '40 hexadecimal digits')
    .action((id: string) => find(session, id));
  define('peers', 'who has a torrent, and how many there are')
    .argument('<infohash>', 'infohash or magnet link')
    .action((infohash: string) => peers(session, infohash));
  define('announce', 'announces that this address has a torrent')
    .argument('<infohash>', 'infohash or magnet link')
    .option(
      '--port <port>',
      'TCP port where it is to be had; 0 is the node’s own',
      within(0, 65_535),
      0,
    )
    .option('--seed', 'all of it is there')
    .action((infohash: string, options: { port: number; seed?: true }) =>
      announce(session, infohash, options),
    );
  const item = define('item', 'values that the DHT keeps (BEP 44)');
  item
    .command('get')
    .description('gets a value by its target, or by --key and --salt')
    .allowExcessArguments(false)
    .argument('[target]', '40 hexadecimal digits')
    .option('--key <key>', 'public key, 64 hexadecimal digits')
    .option('--salt <salt>', 'which of the key’s values')
    .action((target: string | undefined, options: ItemOptions) =>
      getItem(session, target, options),
    );
  item
    .command('put')
    .description('puts a text; signed where a file with a seed is given')
    .allowExcessArguments(false)
    .argument('<value>', 'a text, or with --bencode a value in bencode in hexadecimal')
    .option('--bencode', 'the value is in bencode')
    .option('--seed <file>', 'file with the 64 hexadecimal digits that the key is made of')
    .option('--salt <salt>', 'which of the key’s values')
    .option('--seq <number>', 'its number; without one it follows on the one that is there')
    .option('--cas <number>', 'only where the one with this number is')
    .action((value: string, options: ItemOptions) => putItem(session, value, options));
  define('publish', 'announces an update to the boxes that follow the key of a seed')
    .argument('<version>', 'version of the bundle')
    .argument('<url>', 'where it is: https://… or a magnet link')
    .argument('<sha256>', 'digest of the whole bundle, 64 hexadecimal digits')
    .requiredOption('--seed <file>', 'file with the 64 hexadecimal digits that the key is made of')
    .option('--salt <salt>', 'which of the key’s announcements', 'gatehouse')
    .option('--seq <number>', 'its number; without one it follows on the one that is there')
    .action((...[version, url, sha256, options]: [string, string, string, ItemOptions]) =>
      publish(session, { version, url, sha256 }, options),
    );
  define('crawl', 'infohashes that the crawler came across, the newest first')
    .option('--most <count>', 'so many at most', within(1, 500), 100)
    .option('--follow', 'how far it is, until Ctrl-C; then what it knows')
    .action(({ most, follow }: { most: number; follow?: true }) =>
      crawl(session, most, follow === true),
    );
}

/** Rows of a list of objects. */
const rows = (value: Json | undefined): readonly JsonObject[] => list(value).filter(isObject);

async function status(session: Session): Promise<void> {
  const data = await session.ask('dht', 'status');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const state = text(data['status']);
  session.line(`${'status'.padEnd(NAME_WIDTH)} ${state}`, statusStyle(state));
  if (state === 'Disabled')
    return session.note('to switch it on, set Device.X_GATEHOUSE_DHT.Enable to true');
  const { announcement, reason, budget, counters } = data;
  if (typeof reason === 'string') session.note(reason);
  if (state === 'Error') return;
  const fact = (name: string, value: Json | undefined, of?: Json): void =>
    session.line(
      `${name.padEnd(NAME_WIDTH)} ${text(value ?? '')}${of === undefined ? '' : ` of ${text(of)}`}`,
      undefined,
    );
  const limits = isObject(budget) ? budget : {};
  fact('port', data['port']);
  fact('flows', data['flows'], limits['flows']);
  for (const name of ['peers', 'infoHashes', 'items']) fact(name, data[name]);
  for (const [name, value] of Object.entries(limits)) if (name !== 'flows') fact(name, value);
  for (const [name, value] of Object.entries(isObject(counters) ? counters : {}))
    if (value !== 0) fact(name, value);
  session.data('\n');
  session.print(TABLE, rows(data['tables']));
  if (isObject(announcement))
    session.note(`an update is announced: ${text(announcement['version'])}`);
  if (state === 'Starting') session.note(NOBODY);
}

async function ping(session: Session, node: string): Promise<void> {
  const data = await session.ask('dht', 'ping', { node });
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else
    session.line(
      `${text(data['node'])} answers after ${text(data['rttMs'])} ms: ${text(data['id'])}`,
      undefined,
    );
}

async function find(session: Session, id: string): Promise<void> {
  const data = await askInJob(session, 'find', { id });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  for (const search of rows(data['searches'])) {
    session.note(
      `IPv${text(search['family'])}: ${text(search['asked'])} asked, ${text(search['answered'])} answered`,
    );
    session.print(NODE, rows(search['nodes']));
  }
  if (rows(data['searches']).every(({ answered }) => answered === 0)) session.note(NOBODY);
}

async function peers(session: Session, infohash: string): Promise<void> {
  const data = await askInJob(session, 'peers', { infohash });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  for (const peer of list(data['peers'])) session.line(text(peer), undefined);
  const scraped = typeof data['seeds'] === 'number';
  session.note(
    `${count(Number(data['count']), 'peer')}; ${text(data['asked'])} asked, ${text(data['answered'])} answered` +
      (scraped
        ? `; about ${count(Number(data['seeds']), 'seed')} and ${count(Number(data['leeches']), 'other')}`
        : ''),
  );
  if (data['answered'] === 0) session.note(NOBODY);
}

async function announce(
  session: Session,
  infohash: string,
  { port, seed }: { readonly port: number; readonly seed?: true },
): Promise<void> {
  const args = { infohash, port, seed: seed === true ? 1 : 0 };
  const data = await askInJob(session, 'announce', args);
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else session.line(keptBy(data), undefined);
}

const keptBy = ({ stored }: JsonObject): string =>
  stored === 1 ? '1 node keeps it' : `${text(stored)} nodes keep it`;

async function getItem(
  session: Session,
  target: string | undefined,
  { key, salt }: ItemOptions,
): Promise<void> {
  if ((target === undefined) === (key === undefined))
    return session.fail('either a target or --key', EXIT.usage);
  const which: JsonObject =
    key === undefined ? { target: target ?? '' } : { key, salt: salt ?? '' };
  const data = await askInJob(session, 'get', which);
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.line(text(data['text'] ?? data['bencode'] ?? ''), undefined);
  if (typeof data['seq'] === 'number')
    session.note(`seq ${data['seq']}, signed by ${text(data['key'])}`);
  const { torrent, update } = data;
  if (typeof torrent === 'string') session.note(`names the torrent ${torrent}`);
  if (isObject(update)) {
    const { version, url, sha256 } = update;
    session.note(`announces ${text(version)} at ${text(url)}, SHA-256 ${text(sha256)}`);
  }
}

async function putItem(
  session: Session,
  value: string,
  { salt, seed: path, seq, cas, bencode }: ItemOptions,
): Promise<void> {
  for (const [name, given] of Object.entries({ seq, cas }))
    if (given !== undefined && !/^\d{1,15}$/.test(given))
      return session.fail(`--${name} is a number`, EXIT.usage);
  // Only what is signed has these; they would be lost in silence.
  for (const [name, given] of Object.entries({ salt, seq, cas }))
    if (given !== undefined && path === undefined)
      return session.fail(`--${name} is of an item that is signed: give --seed, too`, EXIT.usage);
  const args: Record<string, Json> = bencode === true ? { bencode: value } : { text: value };
  if (path !== undefined) {
    const read = session.environment.readFile(path, 4096);
    if (!read.ok) return session.fail(read.error.message);
    args['seed'] = String.fromCharCode(...read.value).trim();
  }
  if (salt !== undefined) args['salt'] = salt;
  if (seq !== undefined) args['seq'] = Number(seq);
  if (cas !== undefined) args['cas'] = Number(cas);
  const data = await askInJob(session, 'put', args);
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.line(text(data['target']), undefined);
  const key =
    typeof data['key'] === 'string' ? `; key ${data['key']}, seq ${text(data['seq'])}` : '';
  session.note(`${keptBy(data)}${key}`);
}

async function publish(
  session: Session,
  said: { readonly version: string; readonly url: string; readonly sha256: string },
  options: ItemOptions,
): Promise<void> {
  const [{ announcementValue, readAnnouncement }, { encodeBencode }] = await Promise.all([
    import('../../wire/update-announcement.ts'),
    import('../../wire/bencode-writer.ts'),
  ]);
  const sha256 = fromHex(said.sha256);
  const value = sha256 && announcementValue({ ...said, sha256 });
  if (value === undefined || readAnnouncement(value) === undefined)
    return session.fail(
      'wanted are a version, a link (https://… or magnet:…) and 64 hexadecimal digits of SHA-256',
      EXIT.usage,
    );
  await putItem(session, toHex(encodeBencode(value)), { ...options, bencode: true });
}

async function crawl(session: Session, most: number, follow: boolean): Promise<void> {
  if (follow && !(await followCrawler(session))) return;
  const data = await session.ask('dht', 'crawl', { most });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.print(HASH, rows(data['infoHashes']));
  session.note(crawledLine(data));
}

/** Until Ctrl-C; false after the daemon said that it cannot tell. */
async function followCrawler(session: Session): Promise<boolean> {
  const { environment } = session;
  const tell = tellerOf(session);
  while (!environment.signal.aborted) {
    const data = await session.ask('dht', 'crawl', { most: 1 });
    if (data === undefined) return false;
    tell(crawledLine(data));
    await environment.pause(FOLLOW_MS, environment.signal);
  }
  tell('');
  return true;
}

const crawledLine = ({ hashes, nodesAsked, nodesKnown, running, enabled }: JsonObject): string =>
  `${text(hashes)} infohashes of ${text(nodesAsked)} nodes, ${text(nodesKnown)} known; ${
    running === true
      ? 'it goes on'
      : enabled === false
        ? 'it is off: set Device.X_GATEHOUSE_DHT.Crawler.Enable to true'
        : 'it is not its time'
  }`;
