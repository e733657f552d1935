/** `gatehouse dht metadata --file`: what is told of a torrent file, and how it ends. */
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { err, ok } from '#src/base/result.ts';
import { encodeBencode } from '#src/wire/bencode-writer.ts';
import { cli } from './fake.ts';

const torrent = (name: string): Uint8Array =>
  encodeBencode({
    announce: 'http://tracker.example/announce',
    'created by': 'a \u001b[31mprogram',
    info: { length: 40_000, name, 'piece length': 16_384, pieces: new Uint8Array(60) },
  });
const run = (bytes: Uint8Array, ...args: string[]) =>
  cli(['dht', 'metadata', '--file', 'x.torrent', ...args], undefined, {
    readFile: () => ok(bytes),
  });

t.test('a good one', async (t) => {
  const json = await run(torrent('a.iso'), '--json');
  t.equal(json.code, 0);
  t.match(JSON.parse(json.out), {
    acceptable: true,
    faults: [],
    torrent: {
      ...{ name: 'a.iso', version: 'v1', totalBytes: 40_000, pieces: 3, infohashV2: null },
      infohashV1: /^[0-9a-f]{40}$/,
      magnet: /^magnet:\?xt=urn:btih:[0-9a-f]{40}&dn=a\.iso&tr=http/,
      files: [{ path: 'a.iso', sizeBytes: 40_000 }],
      trackers: ['http://tracker.example/announce'],
    },
  });
  const text = await run(torrent('a.iso'));
  t.equal(text.code, 0);
  t.match(text.out, /^name +a\.iso\n/);
  t.match(text.out, /^40,000 +a\.iso$/m);
  t.notMatch(text.out, '\u001b[31m', 'nothing of it reaches the terminal');
});

t.test('one whose file would lie elsewhere', async (t) => {
  const { code, out, err: said } = await run(torrent('../../etc/passwd'), '--json');
  t.equal(code, 1);
  t.match(JSON.parse(out), { acceptable: false, faults: [{ field: 'info.name' }] });
  t.match(said, /x\.torrent: info\.name: /);
});

t.test('none at all', async (t) => {
  const { code, out } = await run(new Uint8Array([100, 105]), '--json');
  t.equal(code, 1);
  t.match(JSON.parse(out), { acceptable: false, torrent: null, faults: [{ field: /./ }] });
  const gone = await cli(['dht', 'metadata', '--file', 'x.torrent'], undefined, {
    readFile: () => err(new SystemError('no such file', 'ENOENT')),
  });
  t.equal(gone.code, 1);
  t.match(gone.err, /x\.torrent: no such file/);
  t.equal((await cli(['dht', 'metadata'], undefined)).code, 2);
});
