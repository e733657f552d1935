// needs root: network namespaces
/**
 * Transmission announces its own torrent, and we hear of it. It does so only where it knows more than
 * eight nodes, and looks at its torrents once a minute: GATEHOUSE_LONG=1 has the patience.
 */
import { existsSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { formatIpPort } from '#src/base/ip-port.ts';
import { digests } from '#src/os/linux/digests.ts';
import type { DhtService } from '#src/services/dht/service.ts';
import { encodeBencode } from '#src/wire/bencode-writer.ts';
import { BOX4, DhtNet, PORT } from '../lib/dht-net.ts';
import { runAlone } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

t.setTimeout(600_000);

const TRANSMISSION = '/usr/bin/transmission-daemon';
const NODES = 14;
const PATIENCE_MS = 400_000;
const skip =
  process.env['GATEHOUSE_LONG'] === undefined
    ? 'takes minutes: GATEHOUSE_LONG=1'
    : existsSync(TRANSMISSION)
      ? false
      : 'needs transmission-daemon';

runAlone(t, 'Transmission', import.meta.url, () => {
  t.test('its own announcement', { skip }, async (t) => {
    using net = new DhtNet();
    const content = Buffer.from('content of its torrent');
    const info = {
      ...{ length: content.length, name: 'its-torrent', 'piece length': 16_384 },
      pieces: digests.sha1(content),
    };
    const settings = {
      ...{ 'dht-enabled': true, 'lpd-enabled': false, 'pex-enabled': false, 'peer-port': 7005 },
      ...{ 'port-forwarding-enabled': false, 'rpc-enabled': false, 'utp-enabled': false },
      'bind-address-ipv4': '10.77.0.4',
    };
    const infoHash = digests.sha1(encodeBencode(info));
    const hex = Buffer.from(infoHash).toString('hex');
    // As it keeps the torrents of an earlier run: it has all of this one, and shares it.
    const dir = t.testdir({
      'settings.json': JSON.stringify(settings),
      torrents: { [`${hex}.torrent`]: Buffer.from(encodeBencode({ info })) },
    });
    writeFileSync(`${dir}/its-torrent`, content);
    net.spawn(t, TRANSMISSION, '-f', '-g', dir, '-w', dir);
    const nodes: DhtService[] = [];
    for (let i = 0; i < NODES; i++) {
      const bootstrap = ['10.77.0.4:7005', ...(i === 0 ? [] : [`${BOX4}:${PORT}`])];
      nodes.push(await net.service(t, { port: PORT + i, bootstrap }));
    }
    const began = performance.now();
    const found = await until(
      'it announced itself to one of us',
      () =>
        nodes
          .flatMap(({ running }) =>
            (running?.node.peers.peersOf(infoHash, 4, false, 10, 0) ?? []).map((compact) =>
              Buffer.from(compact).toString('hex'),
            ),
          )
          .find((peer) => peer === `0a4d0004${(7005).toString(16)}`),
      PATIENCE_MS,
    );
    t.comment(`after ${Math.round((performance.now() - began) / 1000)} s`);
    t.equal(found, '0a4d00041b5d');
    const { peers } = (await nodes[0]?.running?.operations.getPeers(infoHash)) ?? { peers: [] };
    t.ok(peers.map(formatIpPort).includes('10.77.0.4:7005'), 'and a search finds it');
  });
});
