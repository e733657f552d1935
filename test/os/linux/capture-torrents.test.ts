/** Who speaks BitTorrent about which torrent, out of captures made by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { CaptureTorrents, HostTorrent } from '#src/os/ports-capture.ts';
import { ethernet, ipv4, ipv6, pcapFile, TCP, tcp, udp } from '../../lib/capture-files.ts';
import * as bt from '../../lib/torrent-packets.ts';

const ALL = { endpoints: 10, conversations: 10, flows: 10, names: 1e5 };
const folder = mkdtempSync(join(tmpdir(), 'gh-torrents-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const engine = new LinuxCaptureEngine(loadNative());

const [HOST, MATE, PEER, OTHER] = [0xc0a80102, 0xc0a80103, 0x5db80001, 0x5db80002];
const HOST_MAC = '02:00:00:00:00:01';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function read(...frames: readonly Uint8Array[]): Promise<CaptureTorrents> {
  const path = join(folder, 'file.pcap');
  const packets = frames.map((bytes, i) => ({ us: 1_700_000_000_000_000 + i * 1000, bytes }));
  writeFileSync(path, pcapFile(packets));
  const found = await engine.analyze(path, { rows: ALL });
  if (!found.ok) throw found.error;
  return found.value.torrents;
}

const over = (from: number, to: number, protocol: number, body: Uint8Array): Buffer =>
  ethernet(0x0800, ipv4(from, to, protocol, body));
const datagram = (from: number, to: number, ports: readonly [number, number], body: Uint8Array) =>
  over(from, to, 17, udp(...ports, body));
const up = (body: Uint8Array, to = PEER): Buffer => datagram(HOST, to, [6881, 6881], body);
const down = (body: Uint8Array, from = PEER): Buffer => datagram(from, HOST, [6881, 6881], body);

/** A connection of the host to a peer's port, or the other way around, with what each says. */
function connection(
  said: readonly (readonly [up: boolean, bytes: Uint8Array])[],
  { to = PEER, port = 40_000, peerPort = 51_413, incoming = false } = {},
): readonly Buffer[] {
  let [mine, theirs] = [100, 500];
  const segment = (isUp: boolean, flags: number, bytes: Uint8Array = Buffer.alloc(0)): Buffer => {
    const made = isUp
      ? over(HOST, to, 6, tcp(port, peerPort, mine, theirs, flags, bytes))
      : over(to, HOST, 6, tcp(peerPort, port, theirs, mine, flags, bytes));
    const used = bytes.length + ((flags & TCP.syn) === 0 ? 0 : 1);
    if (isUp) mine += used;
    else theirs += used;
    return made;
  };
  return [
    segment(!incoming, TCP.syn),
    segment(incoming, TCP.syn | TCP.ack),
    segment(!incoming, TCP.ack),
    ...said.map(([isUp, bytes]) => segment(isUp, TCP.ack, bytes)),
  ];
}
const bytesOf = (frames: readonly Uint8Array[]): number =>
  frames.reduce((sum, frame) => sum + frame.length, 0);
const isUp = (frame: Buffer): boolean => frame.readUInt32BE(26) === HOST;
const one = ({ infoHashes }: CaptureTorrents): HostTorrent => {
  const [first, second] = infoHashes;
  if (first === undefined || second !== undefined) throw t.fail('not one', { infoHashes });
  return first;
};
const HAND = bt.handshake(bt.HASH);
const BULK = Buffer.alloc(1400, 7);

t.test('a handshake marks its connection, whose bytes are counted to the byte', async (t) => {
  const frames = connection([
    [true, HAND],
    [false, bt.handshake(bt.HASH, '-lt2080-abcdefghijkl')],
    ...Array.from({ length: 9 }, (): [boolean, Uint8Array] => [false, BULK]),
  ]);
  const found = await read(...frames);
  const sentBytes = bytesOf(frames.filter(isUp));
  const receivedBytes = bytesOf(frames.filter((frame) => !isUp(frame)));
  t.match(found.hosts, [
    {
      ...{ address: '192.168.1.2', mac: HOST_MAC, sentBytes, receivedBytes },
      ...{ likelySentBytes: 0, likelyReceivedBytes: 0, firstSec: 1_700_000_000 },
    },
  ]);
  t.match(one(found), {
    ...{ infoHash: hex(bt.HASH), address: '192.168.1.2', seen: ['handshake'], client: 'TR4050' },
    ...{ sentBytes, receivedBytes },
  });
});

t.test('who is asked for a torrent has it only if he answers so', async (t) => {
  const asked = connection([[false, HAND]], { incoming: true, port: 6881, peerPort: 40_000 });
  t.same((await read(...asked)).infoHashes, []);
  const answered = connection(
    [
      [false, HAND],
      [true, HAND],
    ],
    { incoming: true, port: 6881, peerPort: 40_000 },
  );
  t.equal(one(await read(...answered)).infoHash, hex(bt.HASH));
});

t.test('a handshake without its peer id, cut, and in IPv6', async (t) => {
  const early = await read(...connection([[true, HAND.subarray(0, 48)]]));
  t.equal(one(early).infoHash, hex(bt.HASH));
  t.equal(one(early).client, undefined);
  t.same((await read(...connection([[true, HAND.subarray(0, 47)]]))).infoHashes, []);
  const six = ethernet(0x86dd, ipv6(1, 2, 6, tcp(1, 2, 1, 1, TCP.ack, HAND)));
  t.match(one(await read(six)), { infoHash: hex(bt.HASH), address: '2001:db8::1' });
  // A client's name is of letters and digits, or is none.
  const odd = await read(...connection([[true, bt.handshake(bt.HASH, '-"<3050-abcdefghijkl')]]));
  t.equal(one(odd).client, undefined);
});

t.test(
  'uTP carries it, behind messages of the DHT too; and the ports are peers from then on',
  async (t) => {
    const flow = [
      up(bt.getPeers(bt.OTHER)),
      down(bt.peersAnswer()),
      up(bt.utp(4, Buffer.alloc(0))),
      down(bt.utp(2, Buffer.alloc(0))),
      up(bt.utp(0, HAND, true)),
      down(bt.utp(0, BULK)),
    ];
    const found = await read(...flow);
    const named = found.infoHashes.find(({ infoHash }) => infoHash === hex(bt.HASH));
    t.match(named, { seen: ['utp'], sentBytes: bytesOf(flow.filter(isUp)) });
    t.match(
      found.infoHashes.find(({ infoHash }) => infoHash === hex(bt.OTHER)),
      { seen: ['dht-get'], sentBytes: 0 },
    );
  },
);

t.test('queries of the DHT tell who wants and who has; those of others nothing', async (t) => {
  const found = await read(
    up(bt.getPeers(bt.HASH)),
    up(bt.announcePeer(bt.HASH, 6881)),
    down(bt.getPeers(bt.OTHER)),
  );
  t.match(one(found), { infoHash: hex(bt.HASH), seen: ['dht-get', 'dht-announce'] });
  t.equal(found.hosts.length, 1);
  for (const broken of ['1:q9:get_peers', '9:info_hash20:']) {
    const whole = bt.getPeers(bt.HASH).toString('latin1');
    const bent = Buffer.from(whole.replace(broken, '1:q4:ping'), 'latin1');
    t.same((await read(up(bent))).infoHashes, [], broken);
  }
  const query = bt.getPeers(bt.HASH);
  for (let n = 12; n < query.length - 30; n++)
    t.same((await read(up(query.subarray(0, n)))).infoHashes.length, 0);
});

t.test('trackers over UDP, after a connection alone', async (t) => {
  const port: readonly [number, number] = [6881, 2710];
  const announce = datagram(HOST, PEER, port, bt.trackerAnnounce(bt.HASH, 6881));
  t.same((await read(announce)).infoHashes, []);
  const connect = datagram(HOST, PEER, port, bt.trackerConnect());
  const found = await read(connect, announce);
  t.match(one(found), { infoHash: hex(bt.HASH), seen: ['udp-tracker'] });
});

t.test('trackers over HTTP, however the infohash is escaped', async (t) => {
  const tracker = { peerPort: 80 };
  for (const all of [true, false]) {
    const found = await read(...connection([[true, bt.httpAnnounce(bt.HASH, 6881, all)]], tracker));
    t.match(one(found), { infoHash: hex(bt.HASH), seen: ['http-tracker'] });
  }
  const bad = [
    'GET /announce?info_hash=short&port=1 HTTP/1.1\r\n\r\n',
    'GET /announce?info_hash=%zz%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00 HTTP/1.1\r\n\r\n',
    `GET /?xinfo_hash=${'a'.repeat(20)} HTTP/1.1\r\n\r\n`,
    `GET /?info_hash=${'a'.repeat(21)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nX: ?info_hash=${'a'.repeat(20)}\r\n\r\n`,
  ];
  for (const text of bad)
    t.same((await read(...connection([[true, Buffer.from(text)]], tracker))).infoHashes, [], text);
});

t.test('a search in the LAN names several', async (t) => {
  const group = 0xefc0988f;
  const found = await read(
    datagram(HOST, group, [6771, 6771], bt.lanSearch(6881, bt.HASH, bt.OTHER)),
  );
  t.same(found.infoHashes.map(({ infoHash }) => infoHash).sort(), [hex(bt.HASH), hex(bt.OTHER)]);
  t.match(found.infoHashes[0]?.seen, ['lan-search']);
});

t.test('what is encrypted counts as likely when one of its ends is known, and apart', async (t) => {
  const secret = Buffer.alloc(300, 0xa5);
  const to = { to: OTHER, peerPort: 50_000 };
  const encrypted = connection([[true, secret], ...Array(4).fill([false, BULK])], to);
  // Nobody knows that peer.
  t.same((await read(...encrypted)).hosts, []);
  const tellers = {
    dht: [up(bt.getPeers(bt.HASH)), down(bt.peersAnswer(bt.compact(OTHER, 50_000)))],
    udp: [
      datagram(HOST, PEER, [6881, 2710], bt.trackerConnect()),
      datagram(HOST, PEER, [6881, 2710], bt.trackerAnnounce(bt.HASH, 6881)),
      datagram(PEER, HOST, [2710, 6881], bt.trackerPeers(bt.compact(OTHER, 50_000))),
    ],
    http: connection(
      [
        [true, bt.httpAnnounce(bt.HASH, 6881)],
        [false, bt.httpPeers(bt.compact(OTHER, 50_000))],
      ],
      { peerPort: 80, port: 40_001 },
    ),
    handshake: connection([[true, HAND]], { ...to, port: 40_002 }),
    extended: connection(
      [
        [true, HAND],
        [false, Buffer.concat([HAND, bt.extended(50_000)])],
      ],
      { to: OTHER, incoming: true, port: 6881, peerPort: 40_003 },
    ),
  };
  for (const [how, told] of Object.entries(tellers)) {
    const { hosts } = await read(...told, ...encrypted);
    const [host] = hosts;
    t.equal(host?.likelySentBytes, bytesOf(encrypted.filter(isUp)), how);
    t.equal(host?.likelyReceivedBytes, bytesOf(encrypted.filter((one) => !isUp(one))), how);
    t.not(host?.sentBytes === undefined ? 0 : host.sentBytes, host?.likelySentBytes, how);
  }
  // What the host answers to others tells nothing of its own peers.
  const given = up(bt.peersAnswer(bt.compact(OTHER, 50_000)));
  const [host] = (await read(up(bt.getPeers(bt.HASH)), given, ...encrypted)).hosts;
  t.equal(host?.likelySentBytes, 0);
});

t.test('within the LAN both are hosts', async (t) => {
  const frames = connection(
    [
      [true, HAND],
      [false, HAND],
      [false, BULK],
    ],
    { to: MATE },
  );
  const found = await read(...frames);
  t.same(found.hosts.map(({ address }) => address).sort(), ['192.168.1.2', '192.168.1.3']);
  const [a, b] = found.infoHashes;
  t.equal(a?.sentBytes, b?.receivedBytes);
  t.equal(a?.receivedBytes, b?.sentBytes);
});

t.test(
  'the next connection on the same ports is not of the torrent of the one before',
  async (t) => {
    const first = connection([[true, HAND]]);
    const end = over(HOST, PEER, 6, tcp(40_000, 51_413, 300, 500, TCP.rst));
    const web = connection([
      [true, Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')],
      [false, BULK],
    ]);
    const found = await read(...first, end, ...web);
    // The SYN that begins it is where the connection before is told from it.
    t.equal(one(found).receivedBytes, bytesOf(first.filter((one) => !isUp(one))));
  },
);

t.test('tables have a bound, and say what they let go', async (t) => {
  const hash = (i: number): Buffer => {
    const bytes = Buffer.from(bt.HASH);
    bytes.writeUInt32BE(i, 8);
    return bytes;
  };
  const frames = Array.from({ length: 5000 }, (_, i) => up(bt.getPeers(hash(i))));
  const found = await read(...frames);
  t.equal(found.infoHashes.length, 2048);
  t.equal(found.infoHashesForgotten, 5000 - 2048);
  // The newest is there.
  t.ok(found.infoHashes.some(({ infoHash }) => infoHash === hex(hash(4999))));
  const crowd = Array.from({ length: 1000 }, (_, i) =>
    datagram(0x0a000000 + i, PEER, [6881, 6881], bt.getPeers(bt.HASH)),
  );
  const hosts = await read(...crowd);
  t.equal(hosts.hosts.length, 256);
  t.ok(hosts.hostsForgotten >= 1000 - 256);
  const told = Array.from({ length: 400 }, (_, i) =>
    down(
      bt.peersAnswer(
        ...Array.from({ length: 60 }, (_, n) => bt.compact(0x50000000 + i * 60 + n, 1)),
      ),
    ),
  );
  t.ok((await read(up(bt.getPeers(bt.HASH)), ...told)).endsForgotten > 10_000);
});
