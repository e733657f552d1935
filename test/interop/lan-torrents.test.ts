// needs root: network namespaces
/** Real clients in the LAN fetch from a seeder behind the router: who, what and how much is told as it was, and nothing while it is off. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Talk } from '../lib/dht-net.ts';
import { home, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Router } from '../lib/router.ts';
import { lanSearch } from '../lib/torrent-packets.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const ENTRY = sh(fileURLToPath(new URL('../../scripts/entry', import.meta.url))).trim();
const NODE = fileURLToPath(new URL('dht-npm-child.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('lan-torrents.py', import.meta.url));
const DHT = 'Device.X_GATEHOUSE_DHT.';
const VIEW = `${DHT}LANView.`;
const [CLIENT, ARIA] = ['192.168.1.2', '192.168.1.3'];

interface Part {
  readonly device: string;
  readonly seen: readonly string[];
  readonly client: string | null;
  readonly receivedBytes: number;
}
interface View {
  readonly status: string;
  readonly devices: readonly {
    readonly device: string;
    readonly mac: string | null;
    readonly addresses: readonly string[];
    readonly receivedBytes: number;
    readonly likelyReceivedBytes: number;
  }[];
  readonly reason: string;
  readonly names: { readonly asked: number };
  readonly torrents: readonly {
    readonly infoHash: string;
    readonly name: string | null;
    readonly devices: readonly Part[];
  }[];
}

t.test('the LAN’s BitTorrent', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'gh-lan-torrents-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const spaces = stack.use(home('lanbt'));
  const ip = (node: string, ...args: string[]): unknown => spaces.exec(node, 'ip', ...args);
  ip('r', 'address', 'add', '198.51.100.2/24', 'dev', 'wan0');
  ip('r', 'address', 'add', '192.168.1.1/24', 'dev', 'lan0');
  ip('lan', 'address', 'add', `${CLIENT}/24`, 'dev', 'eth0');
  ip('lan', 'route', 'add', 'default', 'via', '192.168.1.1');
  ip('isp', 'route', 'add', '192.168.1.0/24', 'via', '198.51.100.2');
  ip('isp', 'address', 'add', '5.6.7.1/32', 'dev', 'isp0');
  ip('r', 'route', 'add', '5.6.7.0/24', 'via', '198.51.100.1');
  spaces.exec('r', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  // A host of its own, with a MAC address of its own, behind the same link.
  spaces.make('aria');
  spaces.exec('lan', 'ip', 'link', 'add', 'br0', 'type', 'bridge');
  for (const args of [
    ['address', 'del', `${CLIENT}/24`, 'dev', 'eth0'],
    ['link', 'set', 'eth0', 'master', 'br0'],
    ['link', 'set', 'br0', 'up'],
    ['address', 'add', `${CLIENT}/24`, 'dev', 'br0'],
    ['route', 'replace', 'default', 'via', '192.168.1.1'],
  ])
    ip('lan', ...args);
  spaces.link(['lan', 'port'], ['aria', 'eth0']);
  ip('lan', 'link', 'set', 'port', 'master', 'br0');
  ip('aria', 'address', 'add', `${ARIA}/24`, 'dev', 'eth0');
  ip('aria', 'route', 'add', 'default', 'via', '192.168.1.1');
  const macOf = (node: string, link: string): string =>
    spaces.exec(node, 'cat', `/sys/class/net/${link}/address`).trim();

  const child = spawn('ip', spaces.argv('isp', '/usr/bin/python3', PROGRAM, 'seed', folder));
  const ended = (running: ChildProcessWithoutNullStreams): void => {
    running.stderr.on('data', (bytes) => t.comment(String(bytes)));
    stack.defer(async () => {
      const gone = once(running, 'exit');
      running.kill('SIGKILL');
      await gone;
    });
  };
  ended(child);
  const [hashes, size] = (await new Talk(child).next()) as [Record<string, string>, number];
  const run = async (node: string, ...argv: string[]): Promise<string> => {
    const started = spawn('ip', spaces.argv(node, argv[0] ?? '', ...argv.slice(1)));
    const [out, complained] = await Promise.all([text(started.stdout), text(started.stderr)]);
    if (complained !== '') t.comment(complained);
    return out;
  };
  const leech = async (name: string): Promise<void> => {
    const said = await run('lan', '/usr/bin/python3', PROGRAM, 'leech', folder, name, CLIENT);
    t.match(JSON.parse(said), { done: true }, `libtorrent has ${name}`);
    rmSync(join(folder, `got-${name}`), { recursive: true });
  };

  const router = stack.use(new Router(spaces, 'r'));
  await router.start('--only', 'dht');
  const cli = async (...args: string[]): Promise<string> => {
    const argv = [...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, ...args];
    const started = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    return await text(started.stdout);
  };
  const view = async (): Promise<View> => JSON.parse(await cli('--json', 'dht', 'lan')) as View;

  await leech('plain');
  t.match(await view(), { status: 'off', devices: [], torrents: [] }, 'nothing while it is off');
  await cli('set', `${VIEW}Enable=true`);
  await until('it listens', async () => (await router.value(`${VIEW}Status`)) === 'Enabled');
  t.match(await view(), { devices: [], torrents: [] }, 'nor of the time before');

  await leech('plain');
  await leech('utp');
  await leech('secret');
  const aria = await run(
    'aria',
    ...['aria2c', '--dir', join(folder, 'got-aria'), '--seed-time=0', '--enable-dht=false'],
    ...['--bt-enable-lpd=false', '--file-allocation=none', '--no-conf', '--quiet'],
    ...['--dht-file-path', join(folder, 'dht.dat'), join(folder, 'tracked.torrent')],
  );
  t.equal(aria, '');
  const seen = await view();
  const within = (bytes: number | undefined, what: string): void => {
    // Whole frames: headers, acknowledgements of what was sent, and what was sent again.
    t.ok((bytes ?? 0) >= size && (bytes ?? 0) <= 1.15 * size, `${what}: ${bytes} of ${size}`);
  };
  const part = (name: string): Part | undefined =>
    seen.torrents.find(({ infoHash }) => infoHash === hashes[name])?.devices[0];
  t.same(
    seen.devices.map(({ mac }) => mac).sort(),
    [macOf('lan', 'br0'), macOf('aria', 'eth0')].sort(),
  );
  const device = seen.devices.find(({ addresses }) => addresses.includes(CLIENT));
  const other = seen.devices.find(({ addresses }) => addresses.includes(ARIA));
  t.match(part('plain'), { device: device?.device, seen: ['handshake'], client: /^LT/i });
  within(part('plain')?.receivedBytes, 'over TCP');
  t.match(part('utp'), { device: device?.device, seen: ['utp'] });
  within(part('utp')?.receivedBytes, 'over uTP');
  t.match(part('tracked'), { device: other?.device });
  t.ok(part('tracked')?.seen.includes('http-tracker'));
  within(part('tracked')?.receivedBytes, 'aria2');
  // Of the encrypted one its tracker told; its bytes are a guess, and apart.
  t.match(part('secret'), { seen: ['http-tracker'], receivedBytes: 0 });
  within(device?.likelyReceivedBytes, 'encrypted');
  // A connection that ended before anybody said anything.
  t.ok((other?.likelyReceivedBytes ?? size) < size / 1000);
  within((device?.receivedBytes ?? 0) / 2, 'both in the clear');

  t.match(await cli('dht', 'lan'), /DEVICE[\s\S]*TORRENT/);
  await cli('dht', 'lan', '--clear');
  t.match(await view(), { status: 'listening', devices: [], torrents: [] }, 'cleared');
  await leech('plain');
  t.equal((await view()).torrents.length, 1);
  const named = spawn('ip', spaces.argv('isp', process.execPath, NODE, '5.6.7.1'));
  ended(named);
  const peer = new Talk(named);
  await peer.next();
  t.equal((await view()).torrents[0]?.name, null, 'nobody was asked for its name');
  await cli('set', `${VIEW}ResolveNames=true`);
  t.match((await view()).reason, /names need the DHT node/);
  await cli('set', `${VIEW}ResolveNames=false`);
  await cli(
    'set',
    `${DHT}PrivateNetworks=5.6.7.0/24`,
    `${DHT}BootstrapNodes=5.6.7.1:6881`,
    `${DHT}Enable=true`,
  );
  await until(
    'they know each other',
    async () => (await router.value(`${DHT}Status`)) === 'Enabled',
  );
  await peer.ask('announce', hashes['plain'] ?? '', 6885);
  await cli('set', `${VIEW}ResolveNames=true`);
  t.equal((await view()).names.asked, 0, 'from its handshake alone it may be private');
  // What libtorrent does by itself when it is not told to be quiet.
  const search = lanSearch(6881, Buffer.from(hashes['plain'] ?? '', 'hex')).toString('base64');
  const send = [
    'import base64, socket',
    's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
    `s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("${CLIENT}"))`,
    `s.sendto(base64.b64decode("${search}"), ("239.192.152.143", 6771))`,
  ];
  t.equal(await run('lan', '/usr/bin/python3', '-c', send.join('\n')), '');
  await until('it has a name', async () => (await view()).torrents[0]?.name === 'plain.bin');
  await cli('set', `${VIEW}Enable=false`);
  t.match(await view(), { status: 'off', devices: [], torrents: [] }, 'off forgets');
});
