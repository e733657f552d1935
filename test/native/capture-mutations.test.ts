/**
 * Mutated packets and files through the capture engine under ASan and UBSan. `MUTATIONS` says how many
 * packets: `MUTATIONS=10000000 node test/native/capture-mutations.test.ts`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { capturePackets, ethernet, ipv4, TCP, tcp, udp } from '../lib/capture-files.ts';
import * as bt from '../lib/torrent-packets.ts';

const COUNT = Number(process.env['MUTATIONS'] ?? 200_000);
t.setTimeout(120_000 + COUNT / 10);

t.test('mutated packets are read within their bounds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-mutations-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'mutations');
  // What reads untrusted bytes; the rest of the engine is not of it.
  const engine = [
    'apps',
    'bittorrent',
    'cipher',
    'filter',
    'lines',
    'link',
    'network',
    'pcapng',
    'quic',
    'reader',
    'report',
    'torrent-apps',
    'torrents',
  ];
  const built = spawnSync(
    'g++',
    [
      ...['-std=c++20', '-O1', '-g', '-fsanitize=address,undefined'],
      ...['-fno-sanitize-recover=undefined', '-Wall', '-Wextra', '-Werror'],
      join(import.meta.dirname, 'capture-mutations.cc'),
      ...engine.map((name) => join(import.meta.dirname, `../../native/capture/${name}.cc`)),
      ...['-o', program],
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) return t.fail('not built', { said: built.stderr });
  const seeds = Object.entries({ ...capturePackets(), ...torrentPackets() }).map(
    ([name, bytes]) => {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      return path;
    },
  );
  const child = spawn(program, [String(COUNT), '7', ...seeds], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  t.equal(code, 0, complained);
  t.equal(said, `${COUNT} packets, ${Math.floor(COUNT / 100)} files, QUIC opened\n`);
});

function torrentPackets(): Readonly<Record<string, Uint8Array>> {
  const [a, b] = [0xc0a80102, 0x5db80001];
  const over = (protocol: number, body: Uint8Array): Buffer =>
    ethernet(0x0800, ipv4(a, b, protocol, body));
  const said = (bytes: Uint8Array): Buffer => over(6, tcp(6881, 51_413, 1, 1, TCP.ack, bytes));
  const sent = (bytes: Uint8Array): Buffer => over(17, udp(6881, 6881, bytes));
  const hand = bt.handshake(bt.HASH);
  const peers = [bt.compact(0x5db80001, 6881), bt.compact(0x5db80002, 80)];
  return {
    hand: said(Buffer.concat([hand, bt.extended(6881)])),
    extended: said(bt.extended(6881)),
    announce: said(bt.httpAnnounce(bt.HASH, 6881)),
    peers: said(bt.httpPeers(...peers)),
    utp: sent(bt.utp(0, hand, true)),
    getPeers: sent(bt.getPeers(bt.HASH)),
    announcePeer: sent(bt.announcePeer(bt.HASH, 6881)),
    values: sent(bt.peersAnswer(...peers)),
    connect: sent(bt.trackerConnect()),
    udpAnnounce: sent(bt.trackerAnnounce(bt.HASH, 6881)),
    udpPeers: sent(bt.trackerPeers(...peers)),
    search: sent(bt.lanSearch(6881, bt.HASH, bt.OTHER)),
  };
}
