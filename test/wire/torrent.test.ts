/** Torrent files and magnet links, as other programs make them and as an attacker would. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { toHex } from '../../src/base/bytes.ts';
import { formatIpPort, parseIpPort } from '../../src/base/ip-port.ts';
import { type Bencodable, encodeBencode } from '../../src/wire/bencode-writer.ts';
import { formatMagnet, parseInfoHash, parseMagnet, shortHash } from '../../src/wire/magnet.ts';
import {
  type Digests,
  isNamedBy,
  readInfoBytes,
  readTorrent,
  writeTorrent,
} from '../../src/wire/torrent.ts';
import { safeName } from '../../src/wire/torrent-names.ts';

const hash = (algorithm: string) => (bytes: Uint8Array) =>
  new Uint8Array(createHash(algorithm).update(bytes).digest());
const digests: Digests = { sha1: hash('sha1'), sha256: hash('sha256') };
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'utf8'));

const info = (
  more: Record<string, Bencodable | undefined> = {},
): Record<string, Bencodable | undefined> => ({
  length: 40_000,
  name: 'a.iso',
  'piece length': 16_384,
  pieces: new Uint8Array(60),
  ...more,
});
const read = (value: Record<string, Bencodable | undefined>) =>
  readTorrent(encodeBencode({ info: value }), digests);
const files = (...paths: string[][]): Record<string, Bencodable | undefined> =>
  info({
    length: undefined,
    files: paths.map((path) => ({ length: 0, path })),
    pieces: new Uint8Array(0),
  });

t.test('a plain torrent', async (t) => {
  const { torrent, faults } = read(info());
  t.same(faults, []);
  t.match(torrent?.info, { version: 'v1', name: 'a.iso', pieces: 3, totalBytes: 40_000 });
  const infoBytes = encodeBencode(info());
  t.same(torrent?.info.id, { v1: digests.sha1(infoBytes) });
  t.same(torrent?.infoBytes, infoBytes);
});

t.test('what is not acceptable is told with its field', async (t) => {
  const refused: [string, Record<string, Bencodable | undefined>, RegExp][] = [
    ['traversal', files(['..', 'etc', 'passwd']), /leads elsewhere/],
    ['a separator', files(['a/../../b']), /path separator/],
    ['a backslash', files(['a\\b']), /path separator/],
    ['an empty name', files(['']), /empty/],
    ['control characters', info({ name: 'a\u001b[2J' }), /control/],
    ['turned writing', info({ name: 'gpj.\u202eexe' }), /control/],
    ['a long name', info({ name: 'x'.repeat(256) }), /longer than 255/],
    ['not UTF-8', info({ name: Uint8Array.of(0x61, 0xff) }), /not UTF-8/],
    ['the same twice', files(['a', 'b'], ['a', 'b']), /twice/],
    ['a file as folder', files(['a'], ['a', 'b']), /a file is its folder/],
    ['a folder as file', files(['a', 'b'], ['a']), /it is a folder/],
    ['no files', files(), /there are none/],
    ['length and files', info({ files: [] }), /either/],
    ['a negative length', info({ length: -1 }), /no length/],
    ['no piece length', info({ 'piece length': 0 }), /from 1 to/],
    ['too few pieces', info({ pieces: new Uint8Array(40) }), /not as many hashes/],
    ['a version of the future', info({ 'meta version': 3 }), /no other is known/],
  ];
  for (const [name, value, reason] of refused) {
    const { torrent, faults } = read(value);
    t.match(faults.map(({ message }) => message).join('\n'), reason, name);
    for (const { path } of torrent?.info.files ?? [])
      t.notOk(
        path.some((part) => /^\.*$|[/\\\p{Cc}]/u.test(part)),
        `${name}: what is left is safe`,
      );
  }
  t.match(readTorrent(latin1('d4:infod'), digests).faults[0]?.message, /ends too early/);
  for (const other of ['', '<html>not found</html>'])
    t.match(readTorrent(latin1(other), digests), {
      faults: [{ field: 'document', message: /^no torrent file: / }],
    });
  t.match(readTorrent(latin1('le'), digests).faults, [{ field: 'document' }]);
  t.match(readTorrent(latin1('de'), digests).faults, [{ field: 'info' }]);
});

t.test('whatever a name is made of, what comes out is safe', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const { name, fault } = safeName(bytes);
      const again = safeName(latin1(name));
      return (
        again.name === name &&
        again.fault === undefined &&
        Buffer.byteLength(name) <= 255 &&
        (fault !== undefined || toHex(latin1(name)) === toHex(bytes))
      );
    }),
    { seed: 1, numRuns: 2000 },
  );
});

t.test('truncated at every length', async (t) => {
  const whole = encodeBencode({ announce: 'udp://192.0.2.1:1', info: info() });
  for (let length = 0; length < whole.length; length++)
    if (readTorrent(whole.subarray(0, length), digests).faults.length === 0) t.fail(`${length}`);
});

t.test('what is written is read again, and keeps its infohash', async (t) => {
  const infoBytes = encodeBencode(info());
  const trackers = ['udp://192.0.2.1:1', 'http://198.51.100.1/announce'];
  const { torrent, faults } = readTorrent(writeTorrent(infoBytes, trackers), digests);
  t.same(faults, []);
  t.same(torrent?.trackers, trackers);
  t.ok(torrent && isNamedBy(torrent.infoBytes, torrent.info.id, digests));
  t.notOk(isNamedBy(infoBytes, { v1: new Uint8Array(20) }, digests));
  t.ok(isNamedBy(infoBytes, { v1: digests.sha256(infoBytes).subarray(0, 20) }, digests), 'short');
});

const LIBTORRENT = `
import libtorrent as lt, sys
fs = lt.file_storage()
lt.add_files(fs, sys.argv[1])
flags = {'v1': lt.create_torrent.v1_only, 'v2': lt.create_torrent.v2_only, 'hybrid': 0}[sys.argv[2]]
c = lt.create_torrent(fs, 32768, flags)
c.add_tracker('udp://192.0.2.1:6969')
lt.set_piece_hashes(c, sys.argv[3])
e = c.generate()
open(sys.argv[4], 'wb').write(lt.bencode(e))
h = lt.torrent_info(e).info_hashes()
print(str(h.v1) if h.has_v1() else '', str(h.v2) if h.has_v2() else '', sep=',')
`;
const PYTHON = '/usr/bin/python3';
const noLibtorrent =
  spawnSync(PYTHON, ['-c', 'import libtorrent']).status === 0 ? false : 'needs python3-libtorrent';

for (const version of ['v1', 'v2', 'hybrid'] as const)
  t.test(`${version} of libtorrent`, { skip: noLibtorrent }, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'gh-torrent-'));
    t.teardown(() => rmSync(dir, { recursive: true }));
    mkdirSync(join(dir, 'set/sub'), { recursive: true });
    writeFileSync(join(dir, 'set/large'), Buffer.alloc(250_000, 'large'));
    writeFileSync(join(dir, 'set/sub/small'), 'small');
    const file = join(dir, 'set.torrent');
    const args = ['-c', LIBTORRENT, join(dir, 'set'), version, dir, file];
    const [v1 = '', v2 = ''] = execFileSync(PYTHON, args, { encoding: 'utf8' }).trim().split(',');
    const bytes = readFileSync(file);
    const { torrent, faults } = readTorrent(bytes, digests);
    t.same(faults, []);
    t.equal(torrent?.info.version, version);
    t.equal(toHex(torrent?.info.id.v1 ?? new Uint8Array(0)), v1);
    t.equal(toHex(torrent?.info.id.v2 ?? new Uint8Array(0)), v2);
    const names = torrent?.info.files
      .filter(({ padding }) => !padding)
      .map(({ path }) => path.join('/'));
    t.same(names?.sort(), ['large', 'sub/small'], 'v1 has the order of the folder');
    t.equal(torrent?.info.totalBytes, 250_005);
    t.same(torrent && readInfoBytes(torrent.infoBytes, digests).faults, []);
    if (version === 'v1') return;
    const at = bytes.indexOf('12:piece layers') + 70;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    t.match(readTorrent(bytes, digests).faults, [{ field: /piece layers/ }], 'a forged layer');
  });

t.test('magnet links', async (t) => {
  const v1 = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a';
  const v2 = 'caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e';
  const link = `magnet:?xt=urn:btih:${v1}&xt=urn:btmh:1220${v2}&dn=a%20b&tr=udp%3A%2F%2Fx&x.pe=[2001:db8::1]:6881&x.pe=host:1`;
  const magnet = parseMagnet(link);
  if (!magnet.ok) return t.fail(magnet.error.message);
  t.equal(toHex(magnet.value.id.v1 ?? new Uint8Array(0)), v1);
  t.equal(toHex(magnet.value.id.v2 ?? new Uint8Array(0)), v2);
  t.equal(magnet.value.displayName, 'a b');
  t.same(magnet.value.peers.map(formatIpPort), ['[2001:db8::1]:6881'], 'names are left out');
  t.same(parseMagnet(formatMagnet(magnet.value)), magnet);
  const base32 = parseInfoHash('YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK');
  t.equal(base32.ok && toHex(shortHash(base32.value)), v1);
  for (const bad of [
    '',
    'magnet:?',
    'magnet:?dn=x',
    `magnet:?xt=urn:btih:${v1}&xt=urn:btih:${v1}`,
    'magnet:?xt=urn:btih:zz',
    `magnet:?xt=urn:btmh:${v1}`,
    `magnet:?xt=urn:btih:${v1}&dn=%zz`,
    `magnet:?xt=urn:btih:${v1}&${'tr=x&'.repeat(300)}`,
    'x'.repeat(20_000),
    '1'.repeat(32),
  ])
    t.notOk(parseMagnet(bad).ok, bad.slice(0, 60));
});

t.test('an address and a port', async (t) => {
  for (const text of ['192.0.2.1:1', '[::1]:65535']) {
    const parsed = parseIpPort(text);
    t.equal(parsed.ok && formatIpPort(parsed.value), text);
  }
  for (const bad of ['192.0.2.1', '192.0.2.1:0', '192.0.2.1:65536', '::1:5', '[::1]', 'a:1'])
    t.notOk(parseIpPort(bad).ok, bad);
});

t.test('however many trackers are wrong, a bounded number is told', (t) => {
  const tiers = Array.from({ length: 20_000 }, () => [1]);
  const whole = encodeBencode({ 'announce-list': tiers, info: info() });
  const { faults } = readTorrent(whole, digests);
  t.ok(faults.length > 0 && faults.length <= 1000, `${faults.length} told`);
  t.end();
});
