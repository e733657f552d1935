/**
 * The capture engine's cryptography, under ASan and UBSan: against the vectors of the standards and
 * against Node's, and the packets of RFC 9001 and RFC 9369 opened with it.
 */
import { spawnSync } from 'node:child_process';
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { randomFrom } from '../fuzz/run.ts';
import { clientHello } from '../lib/capture-files.ts';
import { cryptoFrame, expandLabel, quicInitial, RFC_HELLO } from '../lib/quic-initial.ts';

t.setTimeout(120_000);
const folder = mkdtempSync(join(tmpdir(), 'gh-cipher-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const program = join(folder, 'cipher');

const hex = (bytes: Uint8Array): string =>
  bytes.length === 0 ? '-' : Buffer.from(bytes).toString('hex');
const ascii = (text: string): string => hex(Buffer.from(text));

/** What the program says to each line. */
function said(lines: readonly string[]): string[] {
  const ran = spawnSync(program, { input: lines.join('\n'), encoding: 'utf8', maxBuffer: 1 << 28 });
  if (ran.status !== 0) throw new Error(`ended with ${ran.status}: ${ran.stderr}`);
  return ran.stdout.split('\n').slice(0, -1);
}

t.before(() => {
  const sources = [
    '../../native/capture/cipher.cc',
    '../../native/capture/quic.cc',
    'quic-cipher.cc',
  ];
  const built = spawnSync(
    'g++',
    [
      ...['-std=c++20', '-O1', '-g', '-fsanitize=address,undefined'],
      ...['-fno-sanitize-recover=undefined', '-Wall', '-Wextra', '-Werror'],
      ...sources.map((name) => join(import.meta.dirname, name)),
      ...['-o', program],
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(built.stderr);
});

t.test('vectors of the standards', async (t) => {
  const target = '8394c8f03e515708';
  const client = 'c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea';
  const client2 = '14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b';
  const vectors: readonly (readonly [source: string, line: string, result: string])[] = [
    ['FIPS 180-4', 'sha256 -', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    [
      'FIPS 180-4',
      `sha256 ${ascii('abc')}`,
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    ],
    [
      'RFC 4231 §4.2',
      `hmac ${'0b'.repeat(20)} ${ascii('Hi There')}`,
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      'RFC 4231 §4.3',
      `hmac ${ascii('Jefe')} ${ascii('what do ya want for nothing?')}`,
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'RFC 4231 §4.7',
      `hmac ${'aa'.repeat(131)} ${ascii('Test Using Larger Than Block-Size Key - Hash Key First')}`,
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      'RFC 5869 A.1, extracted',
      `hmac 000102030405060708090a0b0c ${'0b'.repeat(22)}`,
      '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
    ],
    [
      'FIPS 197 B',
      'aes 2b7e151628aed2a6abf7158809cf4f3c 3243f6a8885a308d313198a2e0370734',
      '3925841d02dc09fbdc118597196a0b32',
    ],
    [
      'FIPS 197 C.1',
      'aes 000102030405060708090a0b0c0d0e0f 00112233445566778899aabbccddeeff',
      '69c4e0d86a7b0430d8cdb78070b4c55a',
    ],
    [
      'RFC 9001 A.1, initial secret',
      `hmac 38762cf7f55934b34d179ae6a4c80cadccbb7f0a ${target}`,
      '7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44',
    ],
    [
      'RFC 9001 A.1, secret of the client',
      `label 7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44 ${ascii('client in')} 32`,
      client,
    ],
    [
      'RFC 9001 A.1, key',
      `label ${client} ${ascii('quic key')} 16`,
      '1f369613dd76d5467730efcbe3b1a22d',
    ],
    ['RFC 9001 A.1, IV', `label ${client} ${ascii('quic iv')} 12`, 'fa044b2f42a3fd3b46fb255c'],
    [
      'RFC 9001 A.1, key of headers',
      `label ${client} ${ascii('quic hp')} 16`,
      '9f50449e04a0e810283a1e9933adedd2',
    ],
    [
      'RFC 9369 A.1, key',
      `label ${client2} ${ascii('quicv2 key')} 16`,
      '8b1a0bc121284290a29e0971b5cd045d',
    ],
    ['RFC 9369 A.1, IV', `label ${client2} ${ascii('quicv2 iv')} 12`, '91f73e2351d8fa91660e909f'],
    [
      'RFC 9369 A.1, key of headers',
      `label ${client2} ${ascii('quicv2 hp')} 16`,
      '45b95e15235d6f45a6b19cbcb0294ba9',
    ],
  ];
  const answers = said(vectors.map(([, line]) => line));
  for (const [i, [source, , result]] of vectors.entries()) t.equal(answers[i], result, source);
});

t.test("as Node's, at every length around a block", async (t) => {
  const next = randomFrom(1);
  const some = (n: number): Buffer => Buffer.from(Array.from({ length: n }, () => next() & 255));
  const lines: string[] = [];
  const wanted: string[] = [];
  for (let n = 0; n <= 200; n++) {
    const [message, key, secret] = [some(n), some(16), some(32)];
    // A counter that runs over takes nothing from the twelve bytes before it.
    const block = Buffer.concat([some(12), Buffer.from('fffffffe', 'hex')]);
    lines.push(`sha256 ${hex(message)}`, `hmac ${hex(message)} ${hex(secret)}`);
    wanted.push(createHash('sha256').update(message).digest('hex'));
    wanted.push(createHmac('sha256', message).update(secret).digest('hex'));
    lines.push(`aes ${hex(key)} ${hex(block)}`);
    wanted.push(createCipheriv('aes-128-ecb', key, null).update(block).toString('hex'));
    // GCM begins to count at 2 behind twelve bytes of IV.
    const iv = block.subarray(0, 12);
    lines.push(`counter ${hex(key)} ${hex(iv)}00000002 ${hex(message)}`);
    wanted.push(createCipheriv('aes-128-gcm', key, iv).update(message).toString('hex'));
    lines.push(`label ${hex(secret)} ${ascii('x'.repeat(n % 33))} ${n % 33}`);
    wanted.push(expandLabel(secret, 'x'.repeat(n % 33), n % 33).toString('hex'));
  }
  t.same(said(lines), wanted);
  const [around] = said([
    `counter ${'00'.repeat(16)} ${'00'.repeat(12)}ffffffff ${'00'.repeat(32)}`,
  ]);
  const [last, first] = said([
    `aes ${'00'.repeat(16)} ${'00'.repeat(12)}ffffffff`,
    `aes ${'00'.repeat(16)} ${'00'.repeat(16)}`,
  ]);
  t.equal(around, `${last}${first}`);
});

t.test("the RFCs' packets, and what is in them", async (t) => {
  // Head and tag: with the same plaintext under the same keys what is between is the same.
  const one = quicInitial();
  t.equal(one.length, 1200);
  t.match(one.toString('hex'), /^c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11/);
  t.match(one.toString('hex'), /e221af44860018ab0856972e194cd934$/);
  const two = quicInitial({ version: 2 });
  t.match(two.toString('hex'), /^d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485/);
  t.match(two.toString('hex'), /a18b2faa745b6fe189cf772a9f84cbfc$/);
  t.same(said([`hello ${hex(one)}`, `hello ${hex(two)}`]), [hex(RFC_HELLO), hex(RFC_HELLO)]);
});

t.test('other packets of clients', async (t) => {
  const hello = clientHello('a.example').subarray(5);
  const pieces = [0, 40, 41, 100].map((from, i, all) =>
    cryptoFrame(from, hello.subarray(from, all[i + 1] ?? hello.length)),
  );
  const [p0, p1, p2, p3] = pieces as [Buffer, Buffer, Buffer, Buffer];
  const frames = Buffer.concat([p3, Buffer.from([1, 0, 0, 1]), p1, p0, p2]);
  const cases: readonly (readonly [string, Buffer, Buffer])[] = [
    ['pieces out of order, among padding and pings', quicInitial({ frames }), hello],
    ['one twice', quicInitial({ frames: Buffer.concat([p0, p1, p1, p2, p3]) }), hello],
    [
      'up to the first gap',
      quicInitial({ frames: Buffer.concat([p0, p1, p3]) }),
      hello.subarray(0, 41),
    ],
    ['nothing at the beginning', quicInitial({ frames: p3 }), Buffer.alloc(0)],
    ['no piece', quicInitial({ frames: Buffer.alloc(0) }), Buffer.alloc(0)],
    [
      'another frame ends it',
      quicInitial({ frames: Buffer.concat([p0, Buffer.from([0x1c]), p1]) }),
      hello.subarray(0, 40),
    ],
    [
      'beyond the room',
      quicInitial({
        frames: Buffer.concat([cryptoFrame(2047, hello), cryptoFrame(1e9, hello), p0]),
      }),
      hello.subarray(0, 40),
    ],
    ...([1, 2, 3, 4] as const).map(
      (n) =>
        [
          `a number of ${n} bytes`,
          quicInitial({ packetNumber: Buffer.alloc(n, 3), frames }),
          hello,
        ] as const,
    ),
    ['a token', quicInitial({ token: Buffer.alloc(300, 7), frames }), hello],
    ['no connection ID', quicInitial({ target: new Uint8Array(0), frames }), hello],
    ['the longest connection ID', quicInitial({ target: Buffer.alloc(20, 7), frames }), hello],
    [
      'too long a connection ID',
      quicInitial({ target: Buffer.alloc(21), frames }),
      Buffer.alloc(0),
    ],
    ['a packet behind it', Buffer.concat([quicInitial({ frames }), Buffer.alloc(50, 0xe0)]), hello],
    ['a packet that was cut', quicInitial().subarray(0, 128), RFC_HELLO.subarray(0, 102)],
    ['a frame larger than any', quicInitial({ frames, payloadBytes: 9000 }), hello],
  ];
  const answers = said(cases.map(([, packet]) => `hello ${hex(packet)}`));
  for (const [i, [what, , wanted]] of cases.entries())
    t.equal(answers[i], wanted.toString('hex'), what);
  // Shorter than can be opened, or of another kind or version.
  const one = quicInitial();
  const none = Array.from({ length: 38 }, (_, n) => one.subarray(0, n));
  for (const [at, byte] of [
    [0, 0x40],
    [0, 0xe0],
    [0, 0xd0],
    [4, 2],
    [2, 1],
  ] as const) {
    const other = Buffer.from(one);
    other[at] = byte;
    none.push(other);
  }
  t.same(new Set(said(none.map((packet) => `hello ${hex(packet)}`))), new Set(['']));
});
