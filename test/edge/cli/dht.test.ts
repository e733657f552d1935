/** `gatehouse dht metadata --file`: what is told of a torrent file, and how it ends. */
import t from 'tap';
import { toHex } from '#src/base/bytes.ts';
import { SystemError } from '#src/base/errors.ts';
import { formatIpPort, type IpPort } from '#src/base/ip-port.ts';
import { err, ok } from '#src/base/result.ts';
import type { JsonObject } from '#src/edge/cli/bus.ts';
import { peerTools } from '#src/main/peer-tools.ts';
import { digests } from '#src/os/linux/digests.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { encodeBencode } from '#src/wire/bencode-writer.ts';
import { MemoryLog } from '../../lib/log.ts';
import { Captured, cli, FakeBus } from './fake.ts';

const torrent = (name: string): Uint8Array =>
  encodeBencode({
    announce: 'http://tracker.example/announce',
    'created by': 'a \u001b[31mprogram',
    'creation date': 1_700_000_000,
    info: { length: 40_000, name, 'piece length': 16_384, pieces: new Uint8Array(60) },
    'url-list': ['https://seed.example/a'],
  });
const run = (bytes: Uint8Array, ...args: string[]) =>
  cli(['dht', 'metadata', '--file', 'x.torrent', ...args], undefined, {
    readFile: () => ok(bytes),
  });

t.test('a good one', async (t) => {
  const json = await run(torrent('a.iso'), '--json');
  t.equal(json.code, 0);
  t.match(JSON.parse(json.out), {
    acceptable: true,
    faults: [],
    torrent: {
      ...{ name: 'a.iso', version: 'v1', totalBytes: 40_000, pieces: 3, infohashV2: null },
      infohashV1: /^[0-9a-f]{40}$/,
      magnet: /^magnet:\?xt=urn:btih:[0-9a-f]{40}&dn=a\.iso&tr=http/,
      files: [{ path: 'a.iso', sizeBytes: 40_000 }],
      trackers: ['http://tracker.example/announce'],
    },
  });
  const text = await run(torrent('a.iso'));
  t.equal(text.code, 0);
  t.match(text.out, /^name +a\.iso\n/);
  t.match(
    text.out,
    /^web seed +https:\/\/seed\.example\/a\nmade by .*\nmade at +2023-11-14T22:13:20\.000Z$/m,
  );
  t.match(text.out, /^40,000 +a\.iso$/m);
  t.notMatch(text.out, '\u001b[31m', 'nothing of it reaches the terminal');
});

t.test('one whose file would lie elsewhere', async (t) => {
  const { code, out, err: said } = await run(torrent('../../etc/passwd'), '--json');
  t.equal(code, 1);
  t.match(JSON.parse(out), { acceptable: false, faults: [{ field: 'info.name' }] });
  t.match(said, /x\.torrent: info\.name: /);
});

t.test('none at all', async (t) => {
  const { code, out } = await run(new Uint8Array([100, 105]), '--json');
  t.equal(code, 1);
  t.match(JSON.parse(out), { acceptable: false, torrent: null, faults: [{ field: /./ }] });
  const gone = await cli(['dht', 'metadata', '--file', 'x.torrent'], undefined, {
    readFile: (path) => err(new SystemError(`read ${path}: no such file`, 'ENOENT')),
  });
  t.equal(gone.code, 1);
  t.match(gone.err, /^gatehouse: read x\.torrent: no such file$/m, 'its name is said once');
  t.equal((await cli(['dht', 'metadata'], undefined)).code, 2);
});

interface Job {
  readonly name: unknown;
  stopped: boolean;
}

/** Gives everything else its turn. */
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A daemon whose searches go on until they are stopped; `looked` is called at each look at one. */
function daemon(looked: () => void) {
  const jobs: (Job & { end(): void })[] = [];
  const done = (data: JsonObject) => ({ status: 'success', message: null, data });
  const bus = new FakeBus({
    'gatehouse call': ({ command, args }) => {
      const name = (args as JsonObject)['job'];
      const job = jobs.find((one) => one.name === name);
      if (command === 'progress') {
        looked();
        return done({ asked: 12, answered: 7, sharedBits: 9, peers: 1 });
      }
      if (command === 'stop') {
        job?.end();
        return done({});
      }
      return new Promise((resolve) => {
        const made = {
          ...{ name, stopped: false },
          end: () => {
            made.stopped = true;
            resolve(done({ ...FOUND }));
          },
        };
        jobs.push(made);
      });
    },
  });
  return { bus, jobs };
}

const CLEAR = '\r\u001b[K';
const NODE = { id: 'ab'.repeat(20), node: '198.51.100.7:6881' };
const FOUND: JsonObject = {
  ...{ count: 1, peers: ['198.51.100.7:7000'], asked: 12, answered: 7, seeds: null },
  searches: [{ family: 4, asked: 12, answered: 7, nodes: [NODE] }],
  ...{ stored: 0, target: 'ab'.repeat(20), text: 'a value', key: null, seq: null },
};

t.test('how far a search is, and what it has found at Ctrl-C', async (t) => {
  const hash = 'cd'.repeat(20);
  for (const [args, found] of [
    [['find', hash], /198\.51\.100\.7:6881/],
    [['peers', hash], /198\.51\.100\.7:7000/],
    [['announce', hash], /0 nodes keep it/],
    [['item', 'get', hash], /a value/],
    [['item', 'put', 'a value', '--cas', '3', '--seed', 'seed'], /ababab/],
  ] as const) {
    const ending = new AbortController();
    let looks = 0;
    const { bus, jobs } = daemon(() => {
      if (++looks === 3) ending.abort();
    });
    const stderr = new Captured(true);
    const { signal } = ending;
    const readFile = () => ok(encodeBencode('07'));
    const ran = await cli(['dht', ...args], bus, { signal, stderr, pause: breath, readFile });
    t.match(ran.out, found, args.join(' '));
    if (args[0] === 'peers') t.match(stderr.text, /\n1 peer; 12 asked, 7 answered\n/);
    const line = '12 nodes asked, 7 answered, the closest shares 9 bits, 1 peer';
    t.ok(stderr.text.startsWith(`${CLEAR}${line}${CLEAR}stopped; this is what was found\n`));
    t.equal(jobs.length, 1);
    const quiet = daemon(() => quiet.jobs[0]?.end());
    const json = await cli(['dht', ...args, '--json'], quiet.bus, { pause: breath, readFile });
    t.equal(json.err, '', 'nothing but data with --json');
    t.match(JSON.parse(json.out), FOUND);
  }
  const refused = await cli(['dht', 'item', 'put', 'x', '--cas', 'x'], daemon(() => {}).bus);
  t.equal(refused.code, 2);
});

t.test('wrong words are refused here, and not lost', async (t) => {
  for (const [wrong, why] of [
    [['item', 'put', 'x', '--salt', 's'], /--salt .* --seed/],
    [['item', 'put', 'x', '--seq', '5'], /--seq .* --seed/],
    [['announce', 'ab'.repeat(20), '--port', '65536'], /from 0 to 65535/],
    [['crawl', '--most', '0'], /from 1 to 500/],
  ] as const) {
    const ran = await cli(['dht', ...wrong], daemon(() => {}).bus);
    t.equal(ran.code, 2, wrong.join(' '));
    t.match(ran.err, why);
  }
});

t.test('the state of the node, with its budgets, or why there is none', async (t) => {
  const status = (data: JsonObject) =>
    cli(
      ['dht', 'status'],
      new FakeBus({ 'gatehouse call': () => ({ status: 'success', message: null, data }) }),
    );
  const table = { spares: 0, id: 'ab'.repeat(20), externalAddress: null, buckets: 1 };
  const on = await status({
    ...{ status: 'Enabled', port: 6889, flows: 3, counters: { answers: 7, timeouts: 0 } },
    budget: { packetsOutPerSec: 250, flows: 1000 },
    tables: [
      { ...table, family: 4, nodes: 3, rttMs: 4 },
      { ...table, family: 6, nodes: 0, rttMs: 0 },
    ],
  });
  t.match(on.out, /^flows +3 of 1000$/m);
  t.match(on.out, /^packetsOutPerSec +250$/m);
  t.match(on.out, /^answers +7$/m);
  t.notMatch(on.out, 'timeouts');
  t.match(on.out, /^IPv4 .* 4 ms/m);
  t.notMatch(on.out, '0 ms', 'who was never asked took no time');
  const reason = 'UDP socket at 0.0.0.0:53: address already in use';
  t.match(await status({ status: 'Error', reason, tables: [] }), {
    ...{ out: /^status +Error\n$/, err: `${reason}\n` },
  });
  t.match((await status({ status: 'Starting', tables: [] })).err, /no other node answered yet/);
  t.match((await status({ status: 'Disabled' })).err, /X_GATEHOUSE_DHT\.Enable/);
});

t.test(
  'a line of progress is as long as the terminal is wide, so that the next one replaces it',
  async (t) => {
    let looks = 0;
    const { bus, jobs } = daemon(() => {
      if (++looks === 2) jobs[0]?.end();
    });
    const stderr = new Captured(true);
    stderr.columns = 20;
    await cli(['dht', 'find', 'cd'.repeat(20)], bus, { stderr, pause: breath });
    t.match(stderr.text, `${CLEAR}12 nodes asked, 7 a${CLEAR}`);
  },
);

t.test('two command lines of the same moment have jobs of their own', async (t) => {
  const { bus, jobs } = daemon(() => {
    if (jobs.length === 2) for (const job of jobs) job.end();
  });
  const args = ['dht', 'find', 'cd'.repeat(20)];
  const both = await Promise.all([1, 2].map(() => cli(args, bus, { pause: breath })));
  t.same(
    both.map(({ code }) => code),
    [0, 0],
  );
  const names = jobs.map(({ name }) => String(name));
  t.equal(new Set(names).size, 2);
  t.ok(names.every((name) => name.startsWith('find ') && name.length <= 64));
});

t.test('the crawler is followed until Ctrl-C', async (t) => {
  const ending = new AbortController();
  let looks = 0;
  const bus = new FakeBus({
    'gatehouse call': ({ args }) => {
      if (++looks === 3) ending.abort();
      const infoHashes = (args as JsonObject)['most'] === 1 ? [] : [{ infoHash: 'ef', seenMs: 0 }];
      const data = { hashes: looks, nodesAsked: 5, nodesKnown: 9, running: true, infoHashes };
      return { status: 'success', message: null, data };
    },
  });
  const off = { hashes: 0, nodesAsked: 0, nodesKnown: 0, running: false, enabled: false };
  const said = await cli(
    ['dht', 'crawl'],
    new FakeBus({ 'gatehouse call': () => ({ status: 'success', message: null, data: off }) }),
  );
  t.match(said.err, /it is off: set Device\.X_GATEHOUSE_DHT\.Crawler\.Enable/);
  const stderr = new Captured(true);
  const { signal } = ending;
  const ran = await cli(['dht', 'crawl', '--follow'], bus, { signal, stderr });
  t.equal(ran.code, 0);
  const first = '1 infohashes of 5 nodes, 9 known; it goes on';
  t.ok(stderr.text.startsWith(`${CLEAR}${first}${CLEAR}2 infohashes`));
  t.match(ran.out, /ef/);
});

t.test('by infohash, from peers that are named and those of the DHT', async (t) => {
  const info = encodeBencode({
    ...{ length: 5, name: '../evil.iso', 'piece length': 16_384, pieces: new Uint8Array(20) },
  });
  const good = encodeBencode({
    ...{ length: 5, name: 'good.iso', 'piece length': 16_384, pieces: new Uint8Array(20) },
  });
  const peers = async () => peerTools(loadNative(), new MemoryLog());
  await using tools = await peers();
  await using seeder = tools.seeder({ maxConnections: 10, bytesPerSec: 1_000_000 });
  for (const bytes of [info, good]) seeder.hold({ v1: digests.sha1(bytes) }, bytes);
  const bound = seeder.listen({ address: 0x7f000001, port: 0 } as IpPort);
  if (!bound.ok) throw bound.error;
  const where = formatIpPort(bound.value);
  const hash = toHex(digests.sha1(good));

  let asked = 0;
  const bus = new FakeBus({
    'gatehouse call': (args) => {
      if (args['command'] !== 'peers') return { status: 'error', message: 'no job', data: null };
      t.match(args, { service: 'dht', args: { infohash: hash, job: /./ } });
      asked += 1;
      // Nobody at first: it is asked again.
      const found = asked === 1 ? [] : [where, 'nonsense', '224.0.0.1:1'];
      return { status: 'success', message: null, data: { count: found.length, peers: found } };
    },
  });
  const written: [string, number][] = [];
  const writeFile = (path: string, bytes: Uint8Array) => {
    written.push([path, bytes.length]);
    return ok(undefined);
  };
  const args = ['dht', 'metadata', hash, '--private', '--json'];
  const found = await cli([...args, '--out', 'o.torrent'], bus, { peers, writeFile });
  t.equal(found.code, 0);
  t.match(JSON.parse(found.out), {
    ...{ acceptable: true, from: where, peers: { known: 1, unfit: 1, convicted: [] } },
    torrent: { name: 'good.iso', infohashV1: hash },
  });
  t.equal(asked, 2);
  t.same(written, [['o.torrent', good.length + 8]]);
  t.ok(bus.disposed);

  const readPiece = () => ok({ bytes: new Uint8Array(0), sizeBytes: 1 });
  const kept = await cli([...args, '--out', 'o.torrent'], bus, { peers, writeFile, readPiece });
  t.match(kept, { code: 1, err: /o\.torrent is there already/ });
  t.equal(asked, 2, 'nobody is asked in vain');

  const evil = ['dht', 'metadata', toHex(digests.sha1(info)), '--private', '--peer', where];
  const refused = await cli([...evil, '--out', 'o.torrent'], undefined, { peers, writeFile });
  t.equal(refused.code, 1);
  t.match(refused.err, /metadata: info\.name: .*\n.*o\.torrent was not written/);
  t.notMatch(refused.out, '../', 'names are safe');
  t.equal(written.length, 1);

  const nobody = await cli(['dht', 'metadata', hash], undefined, { peers });
  t.equal(nobody.code, 1);
  t.match(nobody.err, /none is known, name some with --peer; no daemon is there/);
  const inside = await cli(['dht', 'metadata', hash, '--peer', where], undefined, { peers });
  t.match(inside.err, /1 of no address that may be asked \(see --private\)/);
  const odd = ['dht', 'metadata', hash, '--private', '--peer', '203.0.113.1:1'];
  const unfit = (await cli(odd, undefined, { peers })).err;
  t.match(unfit, /1 of no address that may be asked\)/, 'what is said already is no remedy');
  const off = new FakeBus({
    'gatehouse call': () => ({ status: 'error', message: 'the DHT node is off', data: null }),
  });
  t.match((await cli(['dht', 'metadata', hash], off, { peers })).err, /the DHT node is off/);
  // A search that would never end ends with the fetch, and with Ctrl-C.
  const named = ['dht', 'metadata', hash, '--private', '--json', '--peer', where];
  const searching = daemon(() => undefined);
  t.equal((await cli(named, searching.bus, { peers, pause: breath })).code, 0);
  t.ok(searching.jobs.every(({ stopped }) => stopped));
  const ctrlC = new AbortController();
  const without = daemon(() => ctrlC.abort());
  const { signal } = ctrlC;
  const ended = await cli(['dht', 'metadata', hash], without.bus, { peers, signal, pause: breath });
  t.equal(ended.code, 1);
  t.ok(without.jobs[0]?.stopped);

  // Nor is a torrent without peers what a DHT without nodes is.
  for (const [answered, says] of [
    [0, /no node of the DHT answers/],
    [8, /the DHT knows none/],
  ] as const) {
    const over = new AbortController();
    const silent = new FakeBus({
      'gatehouse call': ({ command }) =>
        command === 'peers'
          ? { status: 'success', message: null, data: { peers: [], answered } }
          : { status: 'error', message: 'no job', data: null },
    });
    const pause = async (ms: number): Promise<void> => {
      if (ms >= 5000) over.abort();
      await breath();
    };
    const lone = await cli(['dht', 'metadata', hash], silent, {
      peers,
      signal: over.signal,
      pause,
    });
    t.match(lone.err, says);
  }

  for (const wrong of [
    ['dht', 'metadata'],
    ['dht', 'metadata', hash, '--file', 'x'],
    ['dht', 'metadata', 'hello'],
    ['dht', 'metadata', hash, '--peer', 'example.com:1'],
    ['dht', 'metadata', hash, '--timeout', '0'],
  ])
    t.equal((await cli(wrong, undefined, { peers })).code, 2, wrong.join(' '));
  for (const [wrong, why] of [
    [`magnet:?xt=urn:btih:${hash}&xt=urn:btih:${hash}`, /xt: there twice/],
    ['magnet:?xt=%zz', /xt: a broken percent escape/],
    ['good.torrent', /infohash: neither .*; a file is read by --file/],
  ] as const)
    t.match((await cli(['dht', 'metadata', wrong], undefined, { peers })).err, why);
});
