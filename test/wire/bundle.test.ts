import t from 'tap';
import {
  BUNDLE_HEAD_BYTES,
  bundleBytes,
  decodeBundleHead,
  encodeBundleHead,
  type Manifest,
  signedBytes,
} from '#src/wire/bundle.ts';
import { decodeUpdateStatus } from '#src/wire/update-status.ts';

const part = (sizeBytes: number, fill: number) => ({
  sizeBytes,
  sha256: new Uint8Array(32).fill(fill),
});
const MANIFEST: Manifest = {
  product: 'gatehouse',
  arch: 'arm64',
  version: '1.2.0+g0a1b2c3',
  serial: 7,
  parts: { kernel: part(10, 1), initramfs: part(20, 2), rootfs: part(30, 0xab) },
};
const SIGNATURE = new Uint8Array(64).fill(9);

function headOf(manifest: Manifest): Uint8Array {
  const head = encodeBundleHead({ manifest, signature: SIGNATURE });
  if (!head.ok) throw new Error(`${head.error.field}: ${head.error.message}`);
  return head.value;
}

t.test('the bytes of a head', async (t) => {
  const head = headOf(MANIFEST);
  const text =
    `{"arch":"arm64","parts":[{"name":"kernel","sha256":"${'01'.repeat(32)}","size":10},` +
    `{"name":"initramfs","sha256":"${'02'.repeat(32)}","size":20},` +
    `{"name":"rootfs","sha256":"${'ab'.repeat(32)}","size":30}],` +
    '"product":"gatehouse","serial":7,"version":"1.2.0+g0a1b2c3"}';
  const expected = Buffer.alloc(BUNDLE_HEAD_BYTES);
  expected.write(`GHBUNDLE\0\0\0\x01\0\0\x01\x91${text}`, 'latin1');
  expected.fill(9, 4032);
  t.equal(text.length, 0x191);
  t.ok(expected.equals(head));
  t.same(decodeBundleHead(head), { ok: true, value: { manifest: MANIFEST, signature: SIGNATURE } });
  t.equal(bundleBytes(MANIFEST), 4156);
  const signed = signedBytes(MANIFEST);
  t.ok(signed.ok && expected.subarray(0, 4032).equals(signed.value));
});

t.test('every other length is refused', async (t) => {
  const head = headOf(MANIFEST);
  for (let n = 0; n < head.length; n++) {
    if (decodeBundleHead(head.subarray(0, n)).ok) t.fail(`${n} bytes`);
  }
  t.notOk(decodeBundleHead(new Uint8Array([...head, 0])).ok);
});

t.test('what does not fit is refused where it does not', async (t) => {
  const head = headOf(MANIFEST);
  const edited = (from: string, to: string): Uint8Array => {
    const text = Buffer.from(head).toString('latin1').replace(from, to);
    const bytes = Buffer.alloc(BUNDLE_HEAD_BYTES);
    bytes.write(text.slice(0, 4000), 'latin1');
    bytes.writeUInt32BE(0x191 + to.length - from.length, 12);
    return new Uint8Array(bytes);
  };
  const wrong: readonly (readonly [Uint8Array, string])[] = [
    [head.with(0, 0), 'magic'],
    [head.with(11, 2), 'format'],
    [head.with(13, 1), 'length'],
    [head.with(2000, 1), 'padding'],
    [head.with(15, 0x90), 'padding'],
    [edited('{"arch"', ' {"arch"'), 'manifest'],
    [edited('"serial":7', '"serial":07'), 'manifest'],
    [edited('"serial":7', '"serial":7.0'), 'manifest'],
    [edited('"serial":7', '"serial":7,"x":1'), 'manifest'],
    [edited('"serial":7', '"serial":"7"'), 'manifest'],
    [edited('"serial":7', '"serial":0'), 'serial'],
    [edited('"serial":7', '"serial":1000000000000000'), 'serial'],
    [edited('"size":10', '"size":0'), 'kernel'],
    [edited('"size":30', '"size":1073741824'), 'size'],
    [edited('"gatehouse"', '"Gatehouse"'), 'product'],
    [edited('"arm64"', '""'), 'arch'],
    [edited('1.2.0+', '1.2.0/'), 'version'],
    [edited('01'.repeat(32), '01'.repeat(31)), 'kernel'],
    [edited('"initramfs"', '"kernel"'), 'manifest'],
  ];
  for (const [bytes, field] of wrong) {
    t.match(decodeBundleHead(bytes), { ok: false, error: { field } }, field);
  }
  const encoded = (change: Partial<Manifest>) =>
    encodeBundleHead({ manifest: { ...MANIFEST, ...change }, signature: SIGNATURE });
  t.match(encoded({ serial: 1.5 }), { ok: false, error: { field: 'serial' } });
  t.match(encoded({ version: 'x'.repeat(49) }), { ok: false, error: { field: 'version' } });
  t.match(encodeBundleHead({ manifest: MANIFEST, signature: new Uint8Array(63) }), {
    error: { field: 'signature' },
  });
});

t.test('what the slot writer says', async (t) => {
  const said = {
    arch: 'arm64',
    fault: '',
    leastSerial: 3,
    left: 2,
    order: 'b a',
    percent: 7,
    phase: 'writing',
    running: 'b',
    slots: { a: null, b: { serial: 3, version: '1.0' } },
  };
  t.same(decodeUpdateStatus(`${JSON.stringify(said)}\n`), {
    ok: true,
    value: {
      ...said,
      order: ['b', 'a'],
      slots: { a: undefined, b: { version: '1.0', serial: 3 } },
    },
  });
  const wrong = {
    running: 'c',
    order: 'a a',
    left: -1,
    leastSerial: 1.5,
    percent: '7',
    phase: 'sleeping',
    fault: null,
    arch: 1,
    slots: { a: 1, b: null },
  };
  for (const [field, value] of Object.entries(wrong)) {
    const decoded = decodeUpdateStatus(JSON.stringify({ ...said, [field]: value }));
    t.match(decoded, { ok: false, error: { field } });
  }
  for (const text of ['', '[]', '{', 'x'.repeat(3000)]) t.notOk(decodeUpdateStatus(text).ok);
});
