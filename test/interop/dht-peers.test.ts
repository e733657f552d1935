// needs root: network namespaces
/** A node from npm, Transmission and aria2: each finds what we announced, and we find what it announced. */
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { fromHex, toHex } from '#src/base/bytes.ts';
import { formatIpPort } from '#src/base/ip-port.ts';
import { digests } from '#src/os/linux/digests.ts';
import { encodeBencode } from '#src/wire/bencode-writer.ts';
import { BOX4, DhtNet, PORT, Talk } from '../lib/dht-net.ts';
import { runAlone } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const CHILD = fileURLToPath(new URL('dht-npm-child.ts', import.meta.url));
const hash = (byte: number): string => byte.toString(16).padStart(2, '0').repeat(20);
const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array(0);

/** A torrent of one small file, with nobody to track it. */
function torrent(name: string): { readonly file: Uint8Array; readonly infoHash: Uint8Array } {
  const content = Buffer.from(`content of ${name}`);
  const info = {
    ...{ length: content.length, name, 'piece length': 16_384 },
    pieces: digests.sha1(content),
  };
  return { file: encodeBencode({ info }), infoHash: digests.sha1(encodeBencode(info)) };
}

runAlone(t, 'other programs', import.meta.url, () => {
  t.test('a node from npm', async (t) => {
    using net = new DhtNet();
    const service = await net.service(t);
    const talk = new Talk(net.spawn(t, process.execPath, CHILD, '10.77.0.2', `${BOX4}:${PORT}`));
    await talk.next();
    const { operations, node } = service.running ?? {};
    if (operations === undefined || node === undefined) throw new RangeError('it does not run');
    await until('we know it', () => (node.tables[4]?.size ?? 0) === 1);
    await talk.ask('announce', hash(1), '7001');
    const { peers } = await operations.getPeers(bytes(hash(1)));
    t.same(peers.map(formatIpPort), ['10.77.0.2:7001']);
    t.equal((await operations.announce(bytes(hash(2)), 7002, false)).stored, 1);
    t.same(await talk.ask('peers', hash(2)), [`${BOX4}:7002`]);
    const theirs = await talk.ask<string>('put', 'of npm');
    const got = (await operations.getImmutable(bytes(theirs)))?.value;
    t.equal(got instanceof Uint8Array ? Buffer.from(got).toString() : '', 'of npm');
    const put = await operations.put({ value: Buffer.from('of ours'), signed: undefined });
    t.equal(await talk.ask('get', put.ok ? toHex(put.value.target) : ''), 'of ours');
  });

  t.test('aria2', { skip: !existsSync('/usr/bin/aria2c') }, async (t) => {
    using net = new DhtNet();
    const service = await net.service(t);
    const { operations, node } = service.running ?? {};
    if (operations === undefined || node === undefined) throw new RangeError('it does not run');
    const { file, infoHash } = torrent('for-aria2');
    const dir = t.testdir({});
    writeFileSync(`${dir}/t.torrent`, file);
    net.spawn(
      ...[
        t,
        '/usr/bin/aria2c',
        '--no-conf',
        `--dir=${dir}`,
        '--enable-dht=true',
        '--bt-enable-lpd=false',
      ],
      ...[
        '--enable-dht6=true',
        `--dht-listen-addr6=fd77::3`,
        `--dht-file-path=${dir}/dht`,
        `--dht-file-path6=${dir}/dht6`,
      ],
      ...[
        `--dht-entry-point=${BOX4}:${PORT}`,
        '--dht-entry-point6=[fd77::1]:6881',
        '--dht-listen-port=6881',
        '--listen-port=7003',
      ],
      ...['--interface=10.77.0.3', '--seed-time=0', `${dir}/t.torrent`],
    );
    await until('we know it', () => (node.tables[4]?.size ?? 0) >= 1, 60_000);
    const found = await until(
      'it announced itself to us',
      async () => {
        const { peers } = await operations.getPeers(infoHash);
        return peers.map(formatIpPort).find((at) => at.endsWith(':7003'));
      },
      60_000,
    );
    t.equal(found, '10.77.0.3:7003');
    t.ok((await operations.announce(infoHash, 7004, false)).stored >= 1, 'and it keeps ours');
  });

  // What it announces itself, `dht-transmission.test.ts` waits for.
  t.test('Transmission', { skip: !existsSync('/usr/bin/transmission-daemon') }, async (t) => {
    using net = new DhtNet();
    const dir = t.testdir({
      'settings.json': JSON.stringify({
        ...{ 'dht-enabled': true, 'lpd-enabled': false, 'pex-enabled': false, 'peer-port': 7005 },
        ...{ 'port-forwarding-enabled': false, 'rpc-enabled': false, 'utp-enabled': false },
        'bind-address-ipv4': '10.77.0.4',
      }),
    });
    net.spawn(t, '/usr/bin/transmission-daemon', '-f', '-g', dir, '-w', dir);
    const service = await net.service(t, { bootstrap: ['10.77.0.4:7005'] });
    const { operations, node } = service.running ?? {};
    if (operations === undefined || node === undefined) throw new RangeError('it does not run');
    await until('we know it', () => (node.tables[4]?.size ?? 0) >= 1, 60_000);
    const infoHash = bytes(hash(4));
    t.equal((await operations.announce(infoHash, 7006, false)).stored, 1, 'it keeps ours');
    const { peers } = await operations.getPeers(infoHash);
    t.same(peers.map(formatIpPort), [`${BOX4}:7006`], 'and tells it');
  });
});
