/** Metadata over real TCP on loopback: good seeders, bad ones of every kind, and thousands at once. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { ipv4, type PrefixLen } from '#src/base/ip.ts';
import { type IpPort, parseIpPort } from '#src/base/ip-port.ts';
import { LinuxClock } from '#src/os/linux/clock.ts';
import { digests } from '#src/os/linux/digests.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxTcpSockets } from '#src/os/linux/tcp.ts';
import { MetadataFetcher } from '#src/services/dht/metadata.ts';
import { METADATA_LIMITS, type MetadataLimits } from '#src/services/dht/metadata-config.ts';
import {
  MetadataSeeder,
  SEEDER_LIMITS,
  type SeederLimits,
} from '#src/services/dht/metadata-seeder.ts';
import { reachablePeers } from '#src/services/dht/peer-addresses.ts';
import { encodeBencode } from '#src/wire/bencode-writer.ts';
import type { TorrentId } from '#src/wire/magnet.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
} from '#src/wire/peer-wire.ts';
import { MemoryLog } from '../../lib/log.ts';

const at = (text: string): IpPort => {
  const parsed = parseIpPort(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

/** An info dictionary of about so many bytes. */
const infoOf = (bytes: number, name = 'a.iso'): Uint8Array => {
  const count = Math.max(1, Math.floor((bytes - 60) / 20));
  return encodeBencode({
    ...{ length: count * 16_384, name, 'piece length': 16_384 },
    pieces: Uint8Array.from({ length: count * 20 }, (_, i) => (i * 31) & 255),
  });
};
const idOf = (info: Uint8Array): TorrentId => ({ v1: digests.sha1(info) });
const QUICK: MetadataLimits = { ...METADATA_LIMITS, connectsPerSec: 1000, maxHalfOpen: 1000 };

function rig(t: Test, limits: MetadataLimits = QUICK, seeder: SeederLimits = SEEDER_LIMITS) {
  const native = loadNative();
  const [ours, theirs] = [new Reactor(native), new Reactor(native)];
  const clock = new LinuxClock(native);
  const log = new MemoryLog();
  const fetcher = new MetadataFetcher({
    ...{ tcp: new LinuxTcpSockets(ours), clock, log, digests, limits },
    peerId: new Uint8Array(20).fill(65),
    mayReach: reachablePeers(() => []),
  });
  const seed = new MetadataSeeder({
    ...{ tcp: new LinuxTcpSockets(theirs), clock, limits: seeder },
    peerId: new Uint8Array(20).fill(66),
  });
  t.teardown(async () => {
    await fetcher[Symbol.asyncDispose]();
    await seed[Symbol.asyncDispose]();
    const left = [ours.open, theirs.open, fetcher.counters.open, fetcher.counters.memoryBytes];
    if (left.some((count) => count !== 0)) throw new Error(`left open: ${left}`);
    await ours[Symbol.asyncDispose]();
    await theirs[Symbol.asyncDispose]();
  });
  const listen = (text: string): IpPort => {
    const bound = seed.listen({ ...at(text), port: 0 });
    if (!bound.ok) throw bound.error;
    return bound.value;
  };
  const fetch = (info: Uint8Array, peers: readonly IpPort[], timeoutMs = 30_000) => {
    const running = fetcher.fetch({ id: idOf(info), timeoutMs, private: true });
    running.add(peers);
    running.noMorePeers();
    return running;
  };
  return { fetcher, seed, listen, fetch };
}

/** A peer that says what it is told to, to everybody. */
async function peer(t: Test, said: (socket: Socket) => void): Promise<IpPort> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    said(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('not bound');
  return at(`127.0.0.1:${bound.port}`);
}

const hello = (id: TorrentId, sizeBytes: number | undefined, utMetadata: number | undefined = 3) =>
  Buffer.concat([
    encodeHandshake({
      ...{ infoHash: id.v1 ?? new Uint8Array(20), peerId: new Uint8Array(20), extended: true },
    }),
    encodeExtendedHandshake({ utMetadata, metadataSizeBytes: sizeBytes, client: 'x' }),
  ]);
/** Says it when the first piece is asked for. */
function whenAsked(socket: Socket, bytes: Uint8Array): void {
  let heard = '';
  socket.on('data', (chunk) => {
    const before = heard.includes('msg_type');
    heard += chunk.toString('latin1');
    if (!before && heard.includes('msg_type')) socket.write(bytes);
  });
}

const data = (piece: number, totalBytes: number, bytes: Uint8Array) =>
  encodeMetadataMessage(1, { type: 'data', piece, totalBytes, data: bytes });

for (const local of ['127.0.0.1:1', '[::1]:1'])
  t.test(`from our own seeder, one piece and many (${local})`, async (t) => {
    const { seed, listen, fetch, fetcher } = rig(t, QUICK, { ...SEEDER_LIMITS, bytesPerSec: 1e9 });
    const where = listen(local);
    for (const bytes of [200, 4096, 16_384 + 1, 500_000, 4_000_000]) {
      const info = infoOf(bytes);
      t.ok(seed.hold(idOf(info), info));
      const result = await fetch(info, [where]).result;
      if (!result.ok) return t.fail(result.error.message);
      t.ok(Buffer.from(info).equals(result.value.infoBytes), `${bytes}`);
      t.equal(result.value.info?.name, 'a.iso');
      t.same(result.value.from, where);
    }
    t.match(fetcher.counters, { fetched: 5, failed: 0, connections: 5, ends: { delivered: 5 } });
  });

t.test('SHA-256 (BEP 52): short, whole, and of a hybrid', async (t) => {
  const { seed, listen, fetcher } = rig(t);
  const where = listen('127.0.0.1:1');
  const leaf = { '': { length: 5, 'pieces root': new Uint8Array(32) } };
  const info = encodeBencode({
    ...{ 'file tree': { n: leaf }, 'meta version': 2, name: 'n', 'piece length': 16_384 },
  });
  const v2 = digests.sha256(info);
  seed.hold({ v2 }, info);
  for (const id of [{ v2 }, { v1: v2.subarray(0, 20) }]) {
    const running = fetcher.fetch({ id, timeoutMs: 30_000, private: true });
    running.add([where]);
    const result = await running.result;
    t.match(result, { ok: true, value: { info: { version: 'v2', id: { v2 } } } });
  }
  // The hash of a hybrid's other half must hold, too.
  seed.hold({ v1: digests.sha1(info) }, info);
  const wrong = { v1: digests.sha1(info), v2: new Uint8Array(32) };
  const running = fetcher.fetch({ id: wrong, timeoutMs: 30_000, private: true });
  running.add([where]);
  running.noMorePeers();
  t.match(await running.result, { ok: false, error: { reason: 'nobody' } });
  t.match(running.progress().convicted, [where]);
});

t.test(
  'bad peers of every kind; the good one wins, and exactly the poisoner is convicted',
  async (t) => {
    const { seed, listen, fetch, fetcher } = rig(t);
    const info = infoOf(40_000);
    const id = idOf(info);
    const wrong = infoOf(40_000, 'b.iso');
    const good = listen('127.0.0.1:1');
    const total = info.length;
    const pieces = (from: Uint8Array) =>
      Buffer.concat(
        [0, 1, 2].map((n) => data(n, total, from.subarray(n * 16_384, (n + 1) * 16_384))),
      );
    const poisoner = await peer(t, (s) => {
      s.write(hello(id, total));
      whenAsked(s, pieces(wrong));
    });
    const first = data(0, total, info.subarray(0, 16_384));
    const answers = (bytes: Uint8Array) => (s: Socket) => {
      s.write(hello(id, total));
      whenAsked(s, bytes);
    };
    const ends: [string, (socket: Socket) => unknown][] = [
      ['broken', (s) => s.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
      ['otherTorrent', (s) => s.write(hello({ v1: new Uint8Array(20) }, total))],
      ['noMetadata', (s) => s.write(hello(id, undefined))],
      ['badSize', (s) => s.write(hello(id, 10 * 1024 * 1024 + 1))],
      ['broken', answers(data(7, total, Buffer.alloc(9)))],
      ['broken', answers(data(0, total + 1, info.subarray(0, 16_384)))],
      ['broken', answers(Buffer.concat([first, first]))],
      ['broken', answers(data(0, total, info.subarray(0, 16_383)))],
    ];
    for (const [reason, said] of ends) {
      const running = fetch(info, [await peer(t, said)]);
      t.match(await running.result, { ok: false, error: { reason: 'nobody' } }, reason);
      t.match(running.progress().ends, { [reason]: 1 });
      t.same(running.progress().convicted, []);
    }
    const running = fetch(info, [poisoner]);
    t.match(await running.result, { ok: false, error: { reason: 'nobody' } });
    t.same(running.progress().convicted, [poisoner]);
    seed.hold(id, info);
    const won = fetch(info, [
      ...(await Promise.all(ends.map(([, said]) => peer(t, said)))),
      poisoner,
      good,
    ]);
    t.match(await won.result, { ok: true, value: { from: good } });
    t.equal(fetcher.counters.fetched, 1);
  },
);

t.test('nobody listens, and somebody is silent: it ends in time', async (t) => {
  const { fetch, fetcher } = rig(t);
  const silent = await peer(t, () => undefined);
  const running = fetch(infoOf(100), [silent, at('127.0.0.1:1')], 700);
  t.match(await running.result, { ok: false, error: { reason: 'late' } });
  t.match(running.progress(), { known: 2, ends: { unreachable: 1, stopped: 1 } });
  // Whoever is asked again is one peer still.
  const again = fetch(infoOf(150), [at('127.0.0.1:1')], 60_000);
  t.match(await again.result, { ok: false, error: { reason: 'nobody' } });
  t.match(again.progress(), { known: 1, tried: 1, ends: { unreachable: 1 } });
  const other = fetch(infoOf(200), [silent]);
  t.equal(fetch(infoOf(200), [silent]), other, 'whoever wants the same joins in');
  fetcher.cancel(other);
  t.match(await other.result, { ok: false, error: { reason: 'ended' } });
});

t.test('who may not be spoken to is not', async (t) => {
  const { fetcher } = rig(t);
  const running = fetcher.fetch({ id: idOf(infoOf(100)), timeoutMs: 30_000, private: false });
  const inside = [
    ...['127.0.0.1:1', '10.1.2.3:1', '192.168.0.1:9', '172.31.0.1:9', '100.64.0.1:9'],
    ...['169.254.1.1:9', '224.0.0.1:9', '255.255.255.255:9', '0.0.0.0:9', '240.0.0.1:9'],
    ...['[::1]:9', '[fe80::1]:9', '[fd00::1]:9', '[ff02::1]:9', '[::]:9', '[::ffff:8.8.8.8]:9'],
    ...['[64:ff9b::808:808]:9', '[2002:a00:1::1]:9', '[2001:0:1::1]:9'],
    ...['[2001:2::1]:9', '[2001:20::1]:9', '[3fff:123::1]:9'],
  ];
  running.add(inside.map(at));
  running.add([{ ...at('8.8.8.8:1'), port: 0 }]);
  running.noMorePeers();
  t.match(await running.result, { ok: false, error: { reason: 'nobody' } });
  t.match(running.progress(), { known: 0, unfit: inside.length + 1, tried: 0 });
  const may = reachablePeers(() => []);
  for (const fit of ['8.8.8.8:1', '[2a00::1]:65535', '172.32.0.1:1'])
    t.ok(may(at(fit), false), fit);
  const house = reachablePeers(() => [{ address: ipv4(0x08080800), prefixLen: 24 as PrefixLen }]);
  t.notOk(house(at('8.8.8.8:1'), false), 'an own network');
  t.ok(house(at('8.8.9.8:1'), false));
  for (const never of ['224.0.0.1:9', '0.1.2.3:9', '[::]:9', '[::ffff:10.0.0.1]:9', '240.0.0.1:9'])
    t.notOk(may(at(never), true), never);
  t.ok(may(at('10.1.2.3:1'), true), 'a swarm of his own');
});

t.test('memory has a bound: large claims wait, and the honest one gets through', async (t) => {
  const { seed, listen, fetch, fetcher } = rig(t, { ...QUICK, memoryBytes: 100_000 });
  const info = infoOf(60_000);
  const id = idOf(info);
  const liars = await Promise.all(
    Array.from({ length: 6 }, () => peer(t, (s) => s.write(hello(id, 90_000)))),
  );
  seed.hold(id, info);
  const good = listen('127.0.0.1:1');
  const result = await fetch(info, [...liars, good]).result;
  t.match(result, { ok: true, value: { from: good } });
  t.ok(fetcher.counters.mostMemoryBytes <= 100_000);
});

t.test('the seeder keeps its bounds', async (t) => {
  const { seed, listen, fetch } = rig(t, QUICK, {
    ...SEEDER_LIMITS,
    maxConnections: 2,
    bytesPerSec: 200_000,
  });
  const info = infoOf(300_000);
  seed.hold(idOf(info), info);
  const where = listen('127.0.0.1:1');
  const { connect } = await import('node:net');
  const ask = async (bytes: Uint8Array): Promise<Buffer> => {
    const socket = connect(where.port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.write(bytes);
    await once(socket, 'close');
    return Buffer.concat(chunks);
  };
  t.equal((await ask(Buffer.from('GET / HTTP/1.1\r\n'))).length, 0);
  t.equal((await ask(hello({ v1: new Uint8Array(20) }, undefined))).length, 0, 'not held');
  const greedy = [hello(idOf(info), undefined, 5)];
  for (let i = 0; i < 200; i++)
    greedy.push(Buffer.from(encodeMetadataMessage(1, { type: 'request', piece: i % 30 })));
  const got = await ask(Buffer.concat(greedy));
  t.ok(got.length < 250_000, 'asked too often: closed, and never more than the rate');
  t.match(seed.observed, { dropped: 3, open: 0 });
  t.ok(seed.observed.rejected > 0, 'pieces behind the end are refused');
  t.match(
    await fetch(info, [where]).result,
    { ok: true },
    'slower than the rate of the moment, but whole',
  );
});

t.test('3,000 at once, all of them succeed, at most 8 KB a connection', async (t) => {
  const most = { connectsPerSec: 3000, maxHalfOpen: 3000, maxOpen: 3000, maxFetches: 3000 };
  const { seed, listen, fetcher } = rig(
    t,
    { ...METADATA_LIMITS, ...most },
    { maxConnections: 3000, bytesPerSec: 1e9, maxTorrents: 3000 },
  );
  const infos = Array.from({ length: 3000 }, (_, i) => infoOf(4096, `file ${i}`));
  for (const info of infos) seed.hold(idOf(info), info);
  const where = listen('127.0.0.1:1');
  const running = infos.map((info) => {
    const fetch = fetcher.fetch({ id: idOf(info), timeoutMs: 120_000, private: true });
    fetch.add([where]);
    fetch.noMorePeers();
    return fetch.result;
  });
  t.equal(fetcher.counters.open, 3000, 'all at the same time');
  const results = await Promise.all(running);
  t.equal(results.filter(({ ok }) => ok).length, 3000);
  t.match(fetcher.counters, { fetched: 3000, failed: 0, mostOpen: 3000 });
  t.ok(fetcher.counters.mostMemoryBytes <= 3000 * 4200);
});
