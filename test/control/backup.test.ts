/** The file of a backup: golden bytes, every cut, every changed byte, and what its content may be. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { SystemError } from '../../src/base/errors.ts';
import { ok } from '../../src/base/result.ts';
import {
  type BackupContent,
  decodeHeader,
  MAX_BACKUP_BYTES,
  openBackup,
  parseContent,
  sealBackup,
} from '../../src/control/backup.ts';
import { LinuxSecrets } from '../../src/os/linux/secrets.ts';
import type { Secrets } from '../../src/os/ports.ts';

const PASSPHRASE = 'three words here';
const CONTENT: BackupContent = {
  software: '0.1.0',
  atMs: 1_767_225_600_000,
  revision: 7,
  snapshot: {
    system: [{ table: 'Device.Ethernet.Interface.', key: 'eth0', instance: 1 }],
    rows: ['Device.IP.Interface.1.'],
    values: [{ path: 'Device.IP.Interface.1.Alias', value: 'wan' }],
  },
};

/**
 * Written once by version 1 with salt 00…0f and nonce 00…0b. Files like it lie in drawers: this one
 * must open for ever.
 */
const GOLDEN = `
  4748424b01000100000304000102030405060708090a0b0c0d0e0f000102030405060708090a0b45
  8e043fa113b139a62b010440ae785b932817fcd744d64b33fb1678c9274b4559fd26ba3c548e286c
  46839b445d59cd0f8bc2e4938622e686be4ee30d958e79a815b370204c55d9fc6d0ecc26663d7517
  a197a90f3bcc27090cfaab33822003d3db25373fbdf3a9abce0a52ee32350ba1f3a6bf77cc82f36f
  0a69559b84ca3dc65c03b0c0d1837d0f043debd891d0870acb44512184f84196c90336d1af5afe41
  8df190584afee5003ec1059f2504696cda56efd6f7042405f5a176a2123a33ad100b5f96f6ce1ea5
  12707b218f7b0255afcd53f2d11cf35107a24c691718177722fd3dc4033bb4a961e18bd8c7c99ee1
  db804d00217b611603b25be96892d4d4
`;

const counted = (): Secrets => {
  const real = new LinuxSecrets();
  return {
    randomBytes: (count) => Uint8Array.from({ length: count }, (_, i) => i),
    argon2id: (...args) => real.argon2id(...args),
    cryptMatches: (...args) => real.cryptMatches(...args),
    equal: real.equal,
    seal: real.seal,
    open: real.open,
  };
};

/** Costs nothing, so that a file can be tried a thousand times. */
const cheap = (): Secrets => ({
  ...counted(),
  argon2id: async (secret, salt) => ok(createHash('sha256').update(secret).update(salt).digest()),
});

async function made(secrets: Secrets): Promise<Uint8Array> {
  const file = await sealBackup(secrets, PASSPHRASE, CONTENT);
  if (!file.ok) throw file.error;
  return file.value;
}

const why = async (file: Uint8Array, passphrase = PASSPHRASE): Promise<string> => {
  const opened = await openBackup(cheap(), passphrase, file);
  return opened.ok ? 'opened' : opened.error.message;
};

t.test('golden: what was written once is written the same, and opens', async (t) => {
  const file = await made(counted());
  t.equal(Buffer.from(file).toString('hex'), GOLDEN.replace(/\s/g, ''));
  const opened = await openBackup(
    new LinuxSecrets(),
    PASSPHRASE,
    Buffer.from(GOLDEN.replace(/\s/g, ''), 'hex'),
  );
  t.same(opened, ok(CONTENT));
  const again = await made(new LinuxSecrets());
  t.notSame(again, await made(new LinuxSecrets()), 'never the same salt and nonce twice');
});

t.test('passphrases are the same on every keyboard, and otherwise not', async (t) => {
  const file = await sealBackup(cheap(), 'café au lait', CONTENT);
  if (!file.ok) throw file.error;
  t.equal(await why(file.value, 'café au lait'.normalize('NFD')), 'opened');
  for (const wrong of ['', 'cafe au lait', 'café au lait ']) {
    t.match(await why(file.value, wrong), /wrong passphrase, or the file was changed/);
  }
});

t.test('cut at every length, and every byte changed: refused', async (t) => {
  const file = await made(cheap());
  t.equal(await why(file), 'opened');
  for (let end = 0; end < file.byteLength; end++) {
    const reason = await why(file.subarray(0, end));
    if (!/cut off|changed/.test(reason)) t.fail(`${end}: ${reason}`);
  }
  for (let at = 0; at < file.byteLength; at++) {
    const changed = Uint8Array.from(file);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const reason = await why(changed);
    if (reason === 'opened') t.fail(`byte ${at}`);
  }
  const longer = new Uint8Array(file.byteLength + 1);
  longer.set(file);
  t.match(await why(longer), /changed/);
});

t.test('what can be said before the passphrase is asked', async (t) => {
  const file = await made(cheap());
  const patched = (at: number, ...bytes: number[]): string => {
    const changed = Uint8Array.from(file);
    changed.set(bytes, at);
    const header = decodeHeader(changed);
    return header.ok ? 'fits' : `${header.error.message} at ${header.error.offset}`;
  };
  t.equal(patched(0), 'fits');
  t.equal(patched(0, 0x50, 0x4b), 'this is no backup of Gatehouse at 0');
  const newer = 'the backup was made by a newer version of Gatehouse: update this box first';
  t.equal(patched(4, 2), `${newer} at 4`);
  t.equal(patched(4, 0), 'an unknown version at 4');
  // 4 GiB, 255 passes, no lane: none of it is even begun.
  for (const [at, ...bytes] of [
    [5, 0, 0x40, 0, 0],
    [5, 0, 0, 0, 1],
    [9, 0],
    [9, 255],
    [10, 0],
    [10, 9],
  ] as const) {
    t.match(patched(at, ...bytes), /costs more/, `${at}: ${bytes}`);
  }
  t.match(decodeHeader(new Uint8Array(MAX_BACKUP_BYTES + 1)), { ok: false });
});

t.test('too many at once: the system refuses, not the file', async (t) => {
  const busy: Secrets = {
    ...cheap(),
    argon2id: async () => ({ ok: false, error: new SystemError('busy', 'EBUSY') }),
  };
  const opened = await openBackup(busy, PASSPHRASE, await made(cheap()));
  t.ok(!opened.ok && opened.error instanceof SystemError);
  t.notOk((await sealBackup(busy, PASSPHRASE, CONTENT)).ok);
});

t.test('the content: shape and bounds', async (t) => {
  t.same(parseContent(JSON.stringify(CONTENT)), ok(CONTENT));
  const { snapshot } = CONTENT;
  const [system] = snapshot.system;
  const refused: readonly (readonly [string, unknown])[] = [
    ['content', []],
    ['software', { ...CONTENT, software: 1 }],
    ['atMs', { ...CONTENT, atMs: 'now' }],
    ['revision', { ...CONTENT, revision: null }],
    ['snapshot', { ...CONTENT, snapshot: [] }],
    ['rows', { ...CONTENT, snapshot: { ...snapshot, rows: 'all' } }],
    ...['', 'Device.', 'Device.IP.Interface.', 'Device.X.0.', 'Device.X.1', '__proto__.1.'].map(
      (row) =>
        ['rows', { ...CONTENT, snapshot: { ...snapshot, rows: [row] } }] as readonly [
          string,
          unknown,
        ],
    ),
    ['rows', { ...CONTENT, snapshot: { ...snapshot, rows: Array(50_001).fill('Device.X.1.') } }],
    ['values', { ...CONTENT, snapshot: { ...snapshot, values: [{ path: 'a', value: 1 }] } }],
    ['values', { ...CONTENT, snapshot: { ...snapshot, values: [null] } }],
    ['system', { ...CONTENT, snapshot: { ...snapshot, system: [{ ...system, instance: 0 }] } }],
    ['system', { ...CONTENT, snapshot: { ...snapshot, system: [{ ...system, table: 'x' }] } }],
    [
      'system',
      { ...CONTENT, snapshot: { ...snapshot, system: [{ ...system, key: 'x'.repeat(257) }] } },
    ],
  ];
  for (const [field, value] of refused) {
    const parsed = parseContent(JSON.stringify(value));
    t.equal(parsed.ok || parsed.error.field, field);
  }
  t.match(parseContent('{'), { ok: false });
});
