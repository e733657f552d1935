/** `gatehouse.dht`: what its commands do; loaded with the first of them. */
import { fromHex, toHex } from '../base/bytes.ts';
import { formatIpPort, type IpPort, parseIpPort } from '../base/ip-port.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type CommandAnswer, done, failed } from '../edge/ubus/gatehouse.ts';
import { ID_BYTES } from '../services/dht/distance.ts';
import { type DhtItem, ITEM_LIMITS } from '../services/dht/item-store.ts';
import type { Watch } from '../services/dht/operations.ts';
import type { Found } from '../services/dht/searcher.ts';
import type { DhtService } from '../services/dht/service.ts';
import { type BencodeValue, decodeBencode } from '../wire/bencode.ts';
import { encodeBencode } from '../wire/bencode-writer.ts';
import { parseMagnet, shortHash } from '../wire/magnet.ts';
import { readAnnouncement } from '../wire/update-announcement.ts';
import type { DhtJobs } from './dht-jobs.ts';
import type { DhtCommand } from './dht-lazy.ts';

type Args = Readonly<Record<string, unknown>>;
type Running = NonNullable<DhtService['running']>;

/** Of an answer on the bus. */
const MAX_LISTED = 500;
/** Of Ed25519: a public key, and the seed of a pair. */
const KEY_BYTES = 32;

export async function dhtCommand(
  name: DhtCommand,
  service: DhtService | undefined,
  jobs: DhtJobs,
  args: Args,
  signal: AbortSignal,
): Promise<CommandAnswer> {
  const running = service?.running;
  if (name === 'status') return done(statusOf(service));
  if (running === undefined) return failed('the DHT node is off');
  if (name === 'progress') return progressOf(jobs, textOf(args['job']));
  if (name === 'stop')
    return jobs.stop(textOf(args['job'])) ? done() : failed('there is no such job');
  const run = (watch: Watch) => COMMANDS[name](running, args, watch);
  const answer = await jobs.run(textOf(args['job']), signal, run);
  return answer.ok ? answer.value : failed(answer.error);
}

function progressOf(jobs: DhtJobs, name: string): CommandAnswer {
  const step = jobs.step(name);
  if (step === undefined) return failed('there is no such job');
  return done({ ...step, sharedBits: step.sharedBits ?? null });
}

const COMMANDS: Readonly<
  Record<
    Exclude<DhtCommand, 'status' | 'progress' | 'stop'>,
    (running: Running, args: Args, watch: Watch) => Promise<CommandAnswer>
  >
> = {
  ping: async ({ node }, args) => {
    const to = parseIpPort(textOf(args['node']), 'node');
    if (!to.ok) return failed(to.error.message);
    if (!node.mayReach(to.value))
      return failed(`${formatIpPort(to.value)} is not talked to: ${whyNotReached(node.isPrivate)}`);
    const answer = await node.ping(to.value);
    if (answer === undefined) return failed(`${formatIpPort(to.value)} does not answer`);
    const rttMs = Math.round(answer.rttMs * 1000) / 1000;
    return done({ node: formatIpPort(to.value), id: toHex(answer.id), rttMs });
  },

  find: async ({ operations }, args, watch) => {
    const id = bytesOf(args['id'], ID_BYTES, 'id');
    if (!id.ok) return failed(id.error);
    const found = await operations.findNode(id.value, watch);
    return done({ id: toHex(id.value), searches: searchesOf(found) });
  },

  peers: async ({ operations }, args, watch) => {
    const hash = hashOf(args['infohash']);
    if (!hash.ok) return failed(hash.error);
    const found = await operations.getPeers(hash.value, { ...watch, scrape: true });
    return done({ infohash: toHex(hash.value), ...peersOf(found.peers), ...countsOf(found) });
  },

  announce: async ({ operations, node, port: ownPort }, args, watch) => {
    const hash = hashOf(args['infohash']);
    if (!hash.ok) return failed(hash.error);
    const { port = 0, seed = false } = args;
    if (typeof port !== 'number' || port < 0 || port > 65_535)
      return failed('a port is a number up to 65535');
    const implied = port === 0;
    const at = implied ? ownPort : port;
    const whole = seed === true || seed === 1;
    const told = await operations.announce(hash.value, at, whole, { ...watch, implied });
    if (told.stored === 0)
      return failed(untold(watch, node, told.refusals), { refusals: [...told.refusals] });
    return done({
      ...{ infohash: toHex(hash.value), stored: told.stored, refusals: [...told.refusals] },
      ...peersOf(told.peers),
    });
  },

  get: async ({ operations, node }, args, watch) => {
    const salt = saltOf(args['salt']);
    if (args['key'] !== undefined) {
      const key = bytesOf(args['key'], KEY_BYTES, 'key');
      if (!key.ok) return failed(key.error);
      return itemAnswer(await operations.getMutable(key.value, salt, watch), node);
    }
    const target = bytesOf(args['target'], ID_BYTES, 'target');
    return target.ok
      ? itemAnswer(await operations.getImmutable(target.value, watch), node)
      : failed(target.error);
  },

  put: async ({ operations, node }, args, watch) => {
    const value = givenValue(args);
    if (!value.ok) return failed(value.error);
    let item: DhtItem = { value: value.value, signed: undefined };
    if (args['seed'] !== undefined) {
      const seed = bytesOf(args['seed'], KEY_BYTES, 'seed');
      if (!seed.ok) return failed(seed.error);
      const salt = saltOf(args['salt']);
      const key = operations.sign(seed.value, salt, value.value, 1).signed?.key ?? seed.value;
      // Without a number it follows on the one that is there.
      const before = (await operations.getMutable(key, salt, watch))?.signed?.seq ?? 0;
      const { seq = Number(before) + 1 } = args;
      if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1)
        return failed('seq is a number from 1 on');
      item = operations.sign(seed.value, salt, value.value, seq);
    }
    const { cas } = args;
    if (cas !== undefined && (typeof cas !== 'number' || item.signed === undefined))
      return failed('cas is a number, of an item that is signed');
    const put = await operations.put(item, { ...watch, cas });
    if (!put.ok) return failed(put.error);
    const { target, stored, refusals } = put.value;
    const said = { target: toHex(target), stored, refusals: [...refusals] };
    const key = item.signed === undefined ? null : toHex(item.signed.key);
    const seq = item.signed === undefined ? null : Number(item.signed.seq);
    return stored === 0 ? failed(untold(watch, node, refusals), said) : done({ ...said, key, seq });
  },

  crawl: async ({ crawler }, { most = 100 }) => {
    const count = Math.min(MAX_LISTED, Math.max(1, Number(most) || 100));
    return done({ ...crawler.observed, infoHashes: crawler.hashes(count) });
  },
};

const whyNotReached = (isPrivate: boolean): string =>
  isPrivate
    ? 'it is in none of Device.X_GATEHOUSE_DHT.PrivateNetworks'
    : "it is no address of the Internet, or one of the box's own networks";

const ALONE =
  'no other node of the DHT answers: whom it asks first is in Device.X_GATEHOUSE_DHT.BootstrapNodes';

const isAlone = ({ tables }: Running['node']): boolean =>
  Object.values(tables).every(({ size }) => size === 0);

function untold({ signal }: Watch, node: Running['node'], refusals: readonly string[]): string {
  if (signal?.aborted === true) return 'stopped before anybody was told';
  if (isAlone(node)) return ALONE;
  const why = [...new Set(refusals)].slice(0, 3);
  return why.length === 0 ? 'nobody took it' : `nobody took it: ${why.join('; ')}`;
}

function statusOf(service: DhtService | undefined): object {
  if (service === undefined) return { status: 'Disabled' };
  const { reason, announcement, tables, ...rest } = service.observed;
  return {
    ...rest,
    ...{ reason: reason ?? null, announcement: announcement ?? null },
    port: service.config?.port ?? null,
    tables: tables.map((table) => ({ ...table, externalAddress: table.externalAddress ?? null })),
    budget: service.config?.budget ?? null,
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function bytesOf(value: unknown, length: number, name: string): Result<Uint8Array, string> {
  const bytes = fromHex(textOf(value));
  return bytes?.length === length ? ok(bytes) : err(`${name} has ${2 * length} hexadecimal digits`);
}

function hashOf(value: unknown): Result<Uint8Array, string> {
  const magnet = parseMagnet(textOf(value));
  return magnet.ok ? ok(shortHash(magnet.value.id)) : err(`infohash: ${magnet.error.message}`);
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const saltOf = (value: unknown): Uint8Array | undefined =>
  textOf(value) === '' ? undefined : utf8(textOf(value));

function givenValue(args: Args): Result<BencodeValue, string> {
  const { text, bencode } = args;
  if (typeof text === 'string' && textOf(bencode) === '') return ok(utf8(text));
  if (typeof bencode !== 'string') return err('text or bencode is missing');
  const bytes = fromHex(bencode);
  if (bytes === undefined) return err('bencode: an even number of hexadecimal digits is wanted');
  const value = decodeBencode(bytes, ITEM_LIMITS);
  return value.ok ? ok(value.value) : err(`bencode: ${value.error.message}`);
}

function itemAnswer(item: DhtItem | undefined, node: Running['node']): CommandAnswer {
  if (item === undefined) return failed(isAlone(node) ? ALONE : 'nobody has it');
  const { value, signed } = item;
  const printable = value instanceof Uint8Array && value.every((byte) => byte >= 32 && byte < 127);
  const announced = readAnnouncement(value);
  return done({
    text: printable ? String.fromCharCode(...value) : null,
    bencode: toHex(encodeBencode(value)),
    key: signed === undefined ? null : toHex(signed.key),
    seq: signed === undefined ? null : Number(signed.seq),
    // BEP 46: a mutable item may name a torrent.
    torrent: torrentOf(value),
    update: announced === undefined ? null : { ...announced, sha256: toHex(announced.sha256) },
  });
}

function torrentOf(value: BencodeValue): string | null {
  const hash = value instanceof Map ? (value.get('ih') as BencodeValue | undefined) : undefined;
  return hash instanceof Uint8Array && hash.length === ID_BYTES ? toHex(hash) : null;
}

const peersOf = (peers: readonly IpPort[]): object => ({
  count: peers.length,
  peers: peers.slice(0, MAX_LISTED).map(formatIpPort),
});

const countsOf = (found: {
  readonly seeds: number | undefined;
  readonly leeches: number | undefined;
  readonly searches: readonly Found[];
}): object => ({
  ...{ seeds: found.seeds ?? null, leeches: found.leeches ?? null },
  asked: found.searches.reduce((sum, { asked }) => sum + asked, 0),
  answered: found.searches.reduce((sum, { answered }) => sum + answered, 0),
});

const searchesOf = (searches: readonly Found[]): readonly object[] =>
  searches.map(({ family, asked, answered, closest }) => ({
    ...{ family, asked, answered },
    nodes: closest.map(({ id, endpoint }) => ({ id: toHex(id), node: formatIpPort(endpoint) })),
  }));
