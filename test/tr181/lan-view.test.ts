/** `Device.X_GATEHOUSE_DHT.LANView.`: off by default; what rows tell; what of it is durable. */
import t from 'tap';
import type { LanTorrentsObserved } from '#src/services/lan-torrents/config.ts';
import { bench, ORIGIN } from './fixture.ts';

const VIEW = 'Device.X_GATEHOUSE_DHT.LANView.';
const HASH = 'a'.repeat(40);
const figures = {
  sentBytes: 10,
  receivedBytes: 20,
  firstMs: 1_700_000_000_000,
  lastMs: 1_700_000_060_000,
};
const SEEN: LanTorrentsObserved = {
  ...{ status: 'listening', reason: '', forgotten: 3, droppedPackets: 4 },
  names: { asked: 2, found: 1 },
  devices: [
    {
      ...{ id: 1, mac: '02:00:00:00:00:02', addresses: ['192.168.1.2', 'fd00::2'] },
      ...figures,
      likely: { sentBytes: 5, receivedBytes: 6 },
    },
  ],
  torrents: [
    {
      ...{ id: 1, infoHash: HASH, name: 'Some name' },
      ...figures,
      parts: [{ device: 1, seen: ['handshake', 'dht-get'], client: 'TR4050', ...figures }],
    },
  ],
};

t.test('off by default, on the links of the LAN, in hours', async (t) => {
  const b = bench();
  const { lanTorrents, neighbors } = b.model.compileAll();
  t.match(lanTorrents, { enable: false, resolveNames: false, keepSec: 86_400 });
  t.same(lanTorrents.links, neighbors.interfaces);
  t.equal(b.get(`${VIEW}Status`), 'Disabled');
  t.equal(await b.set(`${VIEW}Enable`, 'true'), 'done');
  t.equal(await b.set(`${VIEW}RetainTime`, '1'), 'done');
  t.match(b.model.compileAll().lanTorrents, { enable: true, resolveNames: false, keepSec: 3600 });
});

t.test('rows tell devices and torrents; the store holds no infohash', async (t) => {
  const b = bench();
  b.observed.publish('lanTorrents', SEEN);
  t.match(
    ['Status', 'Forgotten', 'DroppedPackets', 'NamesAsked', 'NamesFound'].map((name) =>
      b.get(`${VIEW}${name}`),
    ),
    ['Enabled', '3', '4', '2', '1'],
  );
  const host = (name: string): string | undefined => b.get(`${VIEW}Host.1.${name}`);
  t.same(['PhysAddress', 'IPAddresses', 'BytesSent', 'LikelyBytesReceived', 'Torrents'].map(host), [
    '02:00:00:00:00:02',
    '192.168.1.2,fd00::2',
    '10',
    '6',
    HASH,
  ]);
  t.equal(host('LastSeen'), '2023-11-14T22:14:20Z');
  const torrent = (name: string): string | undefined => b.get(`${VIEW}Torrent.1.${name}`);
  t.same(['InfoHash', 'Name', 'Hosts', 'SeenBy', 'BytesReceived'].map(torrent), [
    HASH,
    'Some name',
    '02:00:00:00:00:02',
    'handshake,dht-get',
    '20',
  ]);
  t.same([...b.rows.systemRows(`${VIEW}Torrent.`)], [['1', 1]]);
  b.observed.publish('lanTorrents', { ...SEEN, status: 'off', devices: [], torrents: [] });
  t.equal(b.get(`${VIEW}TorrentNumberOfEntries`), '0');
});

t.test('all of it is forgotten by a command', async (t) => {
  const b = bench();
  let cleared = 0;
  b.calls.lanTorrentsClear = async () => {
    cleared += 1;
  };
  const { signal } = new AbortController();
  const done = await b.model.operate(`${VIEW}Clear()`, {}, { origin: ORIGIN, signal });
  t.match(done, { ok: true });
  t.equal(cleared, 1);
});

t.test('a device lists its newest torrents, each once; a torrent its devices', async (t) => {
  const b = bench();
  const [device] = SEEN.devices;
  const part = { seen: ['utp'] as const, client: undefined, ...figures };
  const many: LanTorrentsObserved = {
    ...SEEN,
    devices: [1, 2].map((id) => ({
      ...{ ...figures, addresses: [`192.168.1.${id}`], likely: device?.likely ?? figures },
      ...{ id, mac: id === 1 ? '02:00:00:00:00:01' : undefined },
    })),
    torrents: Array.from({ length: 40 }, (_, i) => ({
      ...{ ...figures, id: i + 1, infoHash: `${i + 1}`.padStart(40, '0'), name: undefined },
      // The twentieth is the newest, and the first device has it on two links.
      lastMs: i === 19 ? 9e12 : figures.lastMs + i,
      parts: (i === 19 ? [1, 1, 2] : [1]).map((one) => ({ ...part, device: one })),
    })),
  };
  b.observed.publish('lanTorrents', many);
  const hashes = b.get(`${VIEW}Host.1.Torrents`).split(',').map(Number);
  t.equal(hashes.length, 32);
  t.same(hashes.slice(0, 4), [20, 40, 39, 38]);
  t.equal(b.get(`${VIEW}Host.2.Torrents`), '20'.padStart(40, '0'));
  const both = '02:00:00:00:00:01,192.168.1.2';
  t.equal(b.get(`${VIEW}Torrent.20.Hosts`), `02:00:00:00:00:01,${both}`);
  b.observed.publish('lanTorrents', { ...many, torrents: many.torrents.slice(0, 1) });
  t.equal(b.get(`${VIEW}Host.1.Torrents`), '1'.padStart(40, '0'));
  t.equal(b.get(`${VIEW}Host.2.Torrents`), '', 'what is known is looked at anew');
});
