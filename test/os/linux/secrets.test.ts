/** The cryptography behind the port: answers that others know, and what does not authenticate. */
import { constants } from 'node:os';
import t from 'tap';
import { loadNative } from '../../../src/os/linux/native.ts';
import { LinuxSecrets } from '../../../src/os/linux/secrets.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replace(/\s/g, ''), 'hex');
const secrets = new LinuxSecrets();

t.test('AES-256-GCM is the one of McGrew and Viega (test case 16)', async (t) => {
  const key = hex('feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308');
  const nonce = hex('cafebabefacedbaddecaf888');
  const aad = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
  const clear = hex(`d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72
    1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39`);
  const sealed = hex(`522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa
    8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662 76fc6ece0f4e1768cddf8853bb2d551b`);
  t.same(new Uint8Array(secrets.seal(key, nonce, aad, clear)), new Uint8Array(sealed));
  const opened = secrets.open(key, nonce, aad, sealed);
  t.ok(opened && Buffer.from(opened).equals(clear));
  for (let at = 0; at < sealed.byteLength; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 0x80;
    if (secrets.open(key, nonce, aad, changed) !== undefined) t.fail(`byte ${at}`);
  }
  for (let end = 0; end < sealed.byteLength; end++) {
    if (secrets.open(key, nonce, aad, sealed.subarray(0, end)) !== undefined) t.fail(`cut ${end}`);
  }
  t.equal(secrets.open(key, nonce, aad.subarray(1), sealed), undefined, 'another header');
  t.equal(secrets.open(hex('00'.repeat(32)), nonce, aad, sealed), undefined, 'another key');
});

t.test('equal, and random', async (t) => {
  t.ok(secrets.equal(hex('0102'), hex('0102')));
  t.notOk(secrets.equal(hex('0102'), hex('0103')));
  t.notOk(secrets.equal(hex('0102'), hex('010203')), 'of another length');
  t.ok(secrets.equal(hex(''), hex('')));
  t.equal(secrets.randomBytes(16).byteLength, 16);
  t.notSame(secrets.randomBytes(16), secrets.randomBytes(16));
});

t.test('misuse throws, and does not keep the next one from being served', async (t) => {
  const cost = { memoryKib: 64, passes: 1, lanes: 1 };
  for (let i = 0; i < 20; i++) {
    await t.rejects(secrets.argon2id(hex('01'), hex('0102'), cost, 32), /nonce/);
  }
  t.ok((await secrets.argon2id(hex('01'), new Uint8Array(16), cost, 32)).ok);
});

t.test("crypt(5), by the system's library", async (t) => {
  const native = loadNative();
  const real = new LinuxSecrets(native);
  const hash =
    '$6$abcdefgh$f9LPJ/wqBklh5wU/pgNl9r7WstsyWUPP1fgev6JbvAcbDi852t3jw3BhooOWzN6.mAvo4AZau.Ph.kVoOci2//';
  t.same(await real.cryptMatches('three words here', hash), { ok: true, value: true });
  t.same(await real.cryptMatches('three words', hash), { ok: true, value: false });
  t.same(await real.cryptMatches('three words here\0', hash), { ok: true, value: false });
  t.same(await real.cryptMatches('x'.repeat(5000), hash), { ok: true, value: false });
  const unknown = await real.cryptMatches('x', '$nothing$like$this');
  t.match(unknown, { ok: false, error: { code: 'ENOSYS' } });
  t.match(await secrets.cryptMatches('x', hash), { ok: false, error: { code: 'ENOSYS' } });
  t.equal(native.crypt('x', 'x'.repeat(300)), -constants.errno.EINVAL);
});
