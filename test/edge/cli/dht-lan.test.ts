import t from 'tap';
import type { JsonObject } from '#src/edge/cli/bus.ts';
import { cli, FakeBus } from './fake.ts';

const HASH = 'a'.repeat(40);
const figures = { sentBytes: 1500, receivedBytes: 2e6, first: '2026-01-02T03:04:05.000Z' };
const DATA = {
  ...{ status: 'listening', reason: 'names need the DHT node' },
  devices: [
    {
      ...{ device: 'laptop\u001b[31m', mac: null, addresses: ['192.168.1.2'], ...figures },
      ...{ likelySentBytes: 0, likelyReceivedBytes: 3e6 },
    },
  ],
  torrents: [
    {
      ...{ infoHash: HASH, name: null, ...figures },
      devices: [{ device: 'laptop', seen: ['handshake', 'utp'], client: null, ...figures }],
    },
  ],
};
const said = (data: JsonObject) =>
  new FakeBus({ 'gatehouse call': () => ({ status: 'success', message: null, data }) });

t.test('dht lan: devices and their torrents, for people and for programs', async (t) => {
  const { out, err, code } = await cli(['dht', 'lan'], said(DATA));
  t.equal(code, 0);
  t.match(out, /laptop\S+ +1\.50 k +2\.00 M +0 +3\.00 M +2026-01-02 03:04/);
  t.notMatch(out, '\u001b[31m');
  t.match(out, new RegExp(`laptop +${HASH} +1\\.50 k .* handshake, utp`));
  t.match(err, /names need the DHT node/);
  const json = await cli(['dht', 'lan', '--json'], said(DATA));
  t.same(JSON.parse(json.out), DATA);
});

t.test('dht lan: off, and nothing', async (t) => {
  const off = await cli(['dht', 'lan'], said({ status: 'off', devices: [], torrents: [] }));
  t.match(off, { code: 0, out: '', err: /LANView\.Enable/ });
  const none = { status: 'listening', reason: '', devices: [], torrents: [] };
  t.match(await cli(['dht', 'lan'], said(none)), { out: '', err: /nothing of BitTorrent/ });
  t.equal((await cli(['dht', 'lan', '--clear'], said({}))).code, 0);
});
