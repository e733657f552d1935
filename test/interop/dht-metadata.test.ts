/**
 * Metadata from real seeders over IPv4 and IPv6 (libtorrent: v1, v2 and hybrid; Transmission; aria2),
 * and libtorrent's from ours. In a network namespace of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { encodeBencode } from '#src/wire/bencode-writer.ts';
import { runAlone, sh } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const PYTHON = '/usr/bin/python3';
const V4 = '10.77.0.1';
const V6 = 'fd77::1';
const NAMES = { v1: 'v1.torrent', v2: 'v2.torrent', hybrid: 'hybrid.torrent' } as const;

/** Makes a hybrid and a v2 torrent, seeds all three, and says when it listens. */
const SEED = `
import libtorrent as lt, json, sys
dir, host4, host6, port = sys.argv[1:5]
fs = lt.file_storage()
fs.add_file('payload.bin', ${14_000_000})
for name, flags in (('hybrid', 0), ('v2', lt.create_torrent.v2_only)):
    ct = lt.create_torrent(fs, 16384, flags)
    lt.set_piece_hashes(ct, dir)
    open(f'{dir}/{name}.torrent', 'wb').write(lt.bencode(ct.generate()))
s = lt.session({'listen_interfaces': f'{host4}:{port},[{host6}]:{port}', 'enable_dht': False,
  'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False, 'enable_outgoing_utp': False, 'alert_mask': lt.alert.category_t.all_categories})
told = {}
for name in ('v1', 'v2', 'hybrid'):
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(f'{dir}/{name}.torrent')
    p.save_path = dir
    s.add_torrent(p)
    both = p.ti.info_hashes()
    v1, v2 = str(both.v1), str(both.v2)
    told[name] = (v1 if both.has_v1() else v2, v2 if both.has_v2() else None)
# Whoever asks before the files were read is sent away.
while not all(h.status().is_seeding for h in s.get_torrents()):
    s.wait_for_alert(100)
    s.pop_alerts()
print(json.dumps(told), flush=True)
sys.stdin.read()
`;

/** Fetches by a magnet link from one peer, and says the name and the size of what it got. */
const FETCH = `
import libtorrent as lt, sys, time
dir, magnet, host, port, own = sys.argv[1:6]
s = lt.session({'listen_interfaces': own, 'enable_dht': False, 'enable_lsd': False,
  'enable_upnp': False, 'enable_natpmp': False, 'enable_outgoing_utp': False, 'alert_mask': lt.alert.category_t.all_categories})
p = lt.parse_magnet_uri(magnet)
p.save_path = dir
h = s.add_torrent(p)
h.connect_peer((host, int(port)))
end = time.time() + 60
while time.time() < end:
    s.wait_for_alert(200)
    s.pop_alerts()
    if h.status().has_metadata:
        ti = h.torrent_file()
        print(ti.name(), ti.total_size(), len(ti.info_section()), flush=True)
        sys.exit(0)
sys.exit(1)
`;

const missing = ['/usr/bin/transmission-daemon', '/usr/bin/aria2c', PYTHON].find(
  (path) => !existsSync(path),
);

function child(t: Test, file: string, args: readonly string[]): ChildProcess {
  const started = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  t.teardown(async () => {
    if (started.exitCode !== null || started.signalCode !== null) return;
    started.kill('SIGKILL');
    await once(started, 'exit');
  });
  return started;
}

/** The first line that begins so. */
async function says(process: ChildProcess, word: string): Promise<string> {
  if (process.stdout === null) throw new Error('no output');
  for await (const line of createInterface(process.stdout)) if (line.startsWith(word)) return line;
  throw new Error(`${process.spawnfile} ended without ${word}`);
}

interface Told {
  readonly torrent?: { readonly infohashV2: string | null };
}

/** The command line, as the owner has it. */
async function gatehouse(
  ...args: readonly string[]
): Promise<{ readonly status: number | null; readonly out: string }> {
  const run = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [out, [status]] = await Promise.all([text(run.stdout), once(run, 'exit')]);
  return { status, out };
}

async function metadata(...args: readonly string[]): Promise<Told> {
  const { out } = await gatehouse('dht', 'metadata', '--json', ...args);
  return out === '' ? {} : (JSON.parse(out) as Told);
}

/** From peers in networks of our own. */
const fetched = (...args: readonly string[]): Promise<Told> =>
  metadata('--private', '--timeout', '12', ...args);

const listens = (host: string, port: number): Promise<true> =>
  until(
    `${host} port ${port} listens`,
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, host);
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('close', () => socket.destroy());
        socket.once('connect', () => socket.destroy());
      }),
  ) as Promise<true>;

function tests(): void {
  t.setTimeout(290_000);
  const dir = mkdtempSync(join(tmpdir(), 'gh-metadata-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  sh('ip', 'link', 'set', 'lo', 'up');
  sh('ip', 'address', 'add', `${V4}/24`, 'dev', 'lo');
  sh('ip', 'address', 'add', `${V6}/64`, 'dev', 'lo', 'nodad');

  // More than one piece of metadata.
  const payload = Buffer.alloc(14_000_000, 'what is seeded');
  writeFileSync(join(dir, 'payload.bin'), payload);
  const hashes: Buffer[] = [];
  for (let at = 0; at < payload.length; at += 16_384)
    hashes.push(
      createHash('sha1')
        .update(payload.subarray(at, at + 16_384))
        .digest(),
    );
  const info = {
    ...{ length: payload.length, name: 'payload.bin', 'piece length': 16_384 },
    pieces: Buffer.concat(hashes),
  };
  writeFileSync(join(dir, NAMES.v1), encodeBencode({ info }));
  const infohash = createHash('sha1').update(encodeBencode(info)).digest('hex');
  const where = [`${V4}:`, `[${V6}]:`];

  t.test('from libtorrent: v1, v2 and hybrid', async (t) => {
    const seeder = child(t, PYTHON, ['-c', SEED, dir, V4, V6, '7001']);
    const said = JSON.parse(await says(seeder, '{')) as Record<string, [string, string | null]>;
    const seeded = new Map(
      Object.entries(said).map(([name, [hash, v2]]) => [name, { hash, v2 }] as const),
    );
    await Promise.all(
      (['v1', 'v2', 'hybrid'] as const).map(async (version) => {
        const { hash = '', v2 = null } = seeded.get(version) ?? {};
        for (const [i, host] of where.entries()) {
          const out = join(dir, `${version}-${i}.torrent`);
          const told = await fetched(hash, '--peer', `${host}7001`, '--out', out);
          t.match(told, { torrent: { name: 'payload.bin', version } }, `${version} ${host}`);
          t.equal(told.torrent?.infohashV2, v2);
          if (host !== where[0]) continue;
          const written = await gatehouse('dht', 'metadata', '--file', out);
          t.match(written.out, /^name +payload\.bin\n/);
          // The layers of v2 come with the content (BEP 52).
          t.equal(written.status, version === 'v1' ? 0 : 1);
        }
      }),
    );
  });

  t.test('from Transmission', async (t) => {
    const config = join(dir, 'transmission');
    mkdirSync(join(config, 'watch'), { recursive: true });
    writeFileSync(join(config, 'watch', 'v1.torrent'), readFileSync(join(dir, NAMES.v1)));
    writeFileSync(
      join(config, 'settings.json'),
      JSON.stringify({
        'dht-enabled': false,
        'lpd-enabled': false,
        'utp-enabled': false,
        'port-forwarding-enabled': false,
        'peer-port': 7002,
        'rpc-port': 7092,
        'bind-address-ipv4': V4,
        'bind-address-ipv6': V6,
        'download-dir': dir,
        'watch-dir': join(config, 'watch'),
        'watch-dir-enabled': true,
      }),
    );
    child(t, '/usr/bin/transmission-daemon', ['-f', '-g', config]);
    for (const [host, address] of [
      [where[0], V4],
      [where[1], V6],
    ] as const) {
      await listens(address, 7002);
      const told = await until('Transmission has read the torrent', async () => {
        const got = await fetched(infohash, '--peer', `${host}7002`);
        return got.torrent === undefined ? undefined : got;
      });
      t.match(told, { torrent: { name: 'payload.bin', version: 'v1' }, from: `${host}7002` });
    }
  });

  t.test('from aria2', async (t) => {
    child(t, '/usr/bin/aria2c', [
      ...['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false'],
      ...['--listen-port=7003', '--seed-time=10', '--seed-ratio=0', '--check-integrity=true'],
      ...['--no-conf=true', `--dir=${dir}`, join(dir, NAMES.v1)],
    ]);
    for (const [host, address] of [
      [where[0], V4],
      [where[1], V6],
    ] as const) {
      await listens(address, 7003);
      const told = await until('aria2 has read the torrent', async () => {
        const got = await fetched(`magnet:?xt=urn:btih:${infohash}&x.pe=${host}7003`);
        return got.torrent === undefined ? undefined : got;
      });
      t.match(told, { torrent: { name: 'payload.bin' }, from: `${host}7003` });
    }
  });

  t.test('libtorrent from ours', async (t) => {
    await Promise.all(
      (['v1', 'v2', 'hybrid'] as const).map(async (version, i) => {
        const port = `${7010 + i}`;
        const ours = child(t, process.execPath, [
          ...[MAIN, 'dht', 'seed', join(dir, NAMES[version])],
          ...['--listen', `${V4}:${port}`, '--listen', `[${V6}]:${port}`],
        ]);
        const magnet = await says(ours, 'magnet:');
        for (const [host, own] of [
          [V4, `${V4}:${7020 + i}`],
          [V6, `[${V6}]:${7020 + i}`],
        ] as const) {
          const args = ['-c', FETCH, join(dir, 'none'), magnet, host, port, own];
          const told = await says(child(t, PYTHON, args), 'payload.bin');
          t.match(told, /^payload\.bin 140\d+ \d+$/, `${version} ${host}`);
        }
        ours.kill('SIGINT');
        const [code] = await once(ours, 'exit');
        t.equal(code, 0, 'Ctrl-C ends it in order');
      }),
    );
  });
}

if (missing !== undefined) t.test('metadata', { skip: `needs ${missing}` }, () => undefined);
else runAlone(t, 'metadata', import.meta.url, tests);
