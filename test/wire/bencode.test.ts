import npm from 'bencode';
import fc from 'fast-check';
import t from 'tap';
import {
  BencodeDocument,
  type BencodeValue,
  decodeBencode,
  TORRENT_LIMITS,
} from '../../src/wire/bencode.ts';
import { type Bencodable, BencodeWriter, encodeBencode } from '../../src/wire/bencode-writer.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (of: Uint8Array): string => Buffer.from(of).toString('latin1');

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -10, max: 10 }),
  fc
    .bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
);
const key = fc.uint8Array({ maxLength: 12 }).map((of) => Buffer.from(of).toString('latin1'));
const { tree } = fc.letrec<{ tree: BencodeValue }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    integer,
    fc.uint8Array({ maxLength: 70 }),
    fc.array(tie('tree'), { maxLength: 6 }),
    fc
      .array(fc.tuple(key, tie('tree')), { maxLength: 6 })
      .map((entries) => new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)))),
  ),
}));

/** What npm's decoder makes of the same: records for dictionaries, all integers rounded. */
const asNpm = (value: BencodeValue): unknown => {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, asNpm(v)]));
  return (value as readonly BencodeValue[]).map(asNpm);
};
const fromNpm = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(fromNpm);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fromNpm(v)]));
  return value;
};

t.test('what is written is read as it was, and written again byte for byte', async () => {
  fc.assert(
    fc.property(tree, (value) => {
      const written = encodeBencode(value);
      const read = decodeBencode(written);
      if (!read.ok) throw new Error(read.error.message);
      t.strictSame(read.value, value);
      return text(encodeBencode(read.value)) === text(written);
    }),
    { seed: 1, numRuns: 1500 },
  );
});

t.test("npm's encoder and decoder agree, where they can say it", async () => {
  const plainKey = fc.stringMatching(/^[a-z][a-z ]{0,9}$/);
  const { plain } = fc.letrec<{ plain: Bencodable }>((tie) => ({
    plain: fc.oneof(
      { depthSize: 'small' },
      fc.maxSafeInteger(),
      fc.uint8Array({ maxLength: 70 }),
      fc.string(),
      fc.array(tie('plain'), { maxLength: 6 }),
      fc.dictionary(plainKey, tie('plain'), { maxKeys: 6, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(plain, (value) => {
      const ours = encodeBencode(value);
      if (text(ours) !== text(npm.encode(value))) return false;
      const read = decodeBencode(ours);
      if (!read.ok) throw new Error(read.error.message);
      t.same(asNpm(read.value), fromNpm(npm.decode(ours)));
      return true;
    }),
    { seed: 2, numRuns: 1500 },
  );
});

t.test('integers of 64 bits are exact', async (t) => {
  for (const [written, value] of [
    ['i0e', 0],
    ['i-1e', -1],
    ['i9007199254740991e', Number.MAX_SAFE_INTEGER],
    ['i9007199254740993e', 9007199254740993n],
    ['i9223372036854775807e', (1n << 63n) - 1n],
    ['i-9223372036854775808e', -(1n << 63n)],
  ] as const) {
    t.strictSame(decodeBencode(bytes(written)), { ok: true, value });
    t.equal(text(encodeBencode(value)), written);
  }
  t.throws(() => encodeBencode(0.5));
  t.throws(() => encodeBencode(1n << 63n));
});

t.test('what is not canonical is refused, with field and offset', async (t) => {
  const refused: readonly (readonly [string, string, number])[] = [
    ['', 'value', 0],
    ['e', 'value', 0],
    ['x', 'value', 0],
    ['i', 'integer', 1],
    ['ie', 'integer', 1],
    ['i-e', 'integer', 2],
    ['i-0e', 'integer', 2],
    ['i01e', 'integer', 1],
    ['i-01e', 'integer', 2],
    ['i+1e', 'integer', 1],
    ['i1.5e', 'integer', 2],
    ['i 1e', 'integer', 1],
    ['i9223372036854775808e', 'integer', 1],
    ['i-9223372036854775809e', 'integer', 2],
    ['i10000000000000000000e', 'integer', 1],
    ['01:a', 'string length', 0],
    ['00:', 'string length', 0],
    ['1', 'string length', 1],
    ['1x', 'string length', 1],
    ['-1:a', 'value', 0],
    ['4:abc', 'string', 2],
    ['9999999999:a', 'string length', 0],
    ['1:ab', 'document', 3],
    ['i1ei2e', 'document', 3],
    ['l', 'value', 1],
    ['li1e', 'value', 4],
    ['d', 'value', 1],
    ['di1e1:ae', 'key', 1],
    ['dle1:ae', 'key', 1],
    ['d1:ae', 'dictionary', 4],
    ['d1:bi1e1:ai2ee', 'key', 9],
    ['d1:ai1e1:ai2ee', 'key', 9],
    ['d2:aai1e1:ai2ee', 'key', 10],
    ['d1:\xffi1e1:\x7fi2ee', 'key', 9],
  ];
  for (const [written, field, offset] of refused) {
    const read = decodeBencode(bytes(written));
    t.match(read, { ok: false, error: { field, offset } }, JSON.stringify(written));
  }
  t.ok(decodeBencode(bytes('d0:i1e1:ai2e2:aai3ee')).ok, 'in order, the empty key first');
});

t.test('cut anywhere, it is refused', async (t) => {
  const whole = bytes('d1:ad2:id20:abcdefghij0123456789e1:lli-5eli0eee1:q4:pinge');
  t.ok(decodeBencode(whole).ok);
  for (let n = 0; n < whole.length; n++) {
    const read = decodeBencode(whole.subarray(0, n));
    if (read.ok || read.error.offset > n) t.fail(`${n} bytes`);
  }
});

t.test('depth, size and tokens are bounded', async (t) => {
  const limits = { maxBytes: 100, maxDepth: 3, maxTokens: 6 };
  const document = new BencodeDocument(limits);
  t.equal(document.load(bytes('llleee')), undefined);
  t.match(document.load(bytes('lllleeee')), { message: 'too deep', offset: 3 });
  t.equal(document.load(bytes('li1ei1ei1ei1ei1ee')), undefined);
  t.match(document.load(bytes('li1ei1ei1ei1ei1ei1ee')), { message: 'too many values' });
  t.match(document.load(new Uint8Array(101)), { field: 'document', offset: 100 });
  t.equal(document.kind(0), undefined, 'nothing is left of what was refused');
  const deep = new Uint8Array(9_000_000).fill(108);
  t.match(decodeBencode(deep), { error: { message: 'too deep' } });
  const many = new Uint8Array(9_000_000);
  for (let i = 0; i < many.length; i += 2) many.set([48, 58], i);
  many[0] = 108;
  t.match(decodeBencode(many.subarray(0, 1 + 2 * 10)), { ok: false });
  t.match(
    decodeBencode(Uint8Array.of(108, ...bytes('0:'.repeat(50)), 101), {
      ...TORRENT_LIMITS,
      maxTokens: 50,
    }),
    { error: { message: 'too many values' } },
  );
});

t.test('a document is asked, without copies', async (t) => {
  const message = bytes('d1:ad2:id3:abc4:porti6881ee1:lli1e2:xxe1:q4:ping1:t2:\x00\xffe');
  const document = new BencodeDocument(TORRENT_LIMITS);
  t.equal(document.load(message), undefined);
  const a = document.get(0, 'a');
  t.equal(document.kind(0), 'dictionary');
  t.equal(document.text(document.get(0, 'q')), 'ping');
  const id = document.bytes(document.get(a, 'id'));
  t.equal(id?.buffer, message.buffer);
  t.same(id, bytes('abc'));
  t.equal(document.offset(document.get(a, 'id')), message.indexOf(97, 10));
  t.equal(document.integerIn(document.get(a, 'port'), 1, 65_535), 6881);
  t.equal(document.integerIn(document.get(a, 'port'), 1, 6880), undefined);
  t.equal(text(document.raw(a) ?? bytes('')), 'd2:id3:abc4:porti6881ee');
  t.equal(text(document.raw(document.get(a, 'id')) ?? bytes('')), '3:abc');
  const list = [...document.children(document.get(0, 'l'))];
  t.same(
    list.map((node) => document.value(node)),
    [1, bytes('xx')],
  );
  // What is missing or of another kind answers as nothing, whatever is asked.
  for (const node of [-1, 9_999, document.get(0, 'zz'), document.get(a, 'port')]) {
    t.equal(document.text(node), undefined);
    t.equal(document.length(node), -1);
    t.equal(document.get(node, 'x'), -1);
    t.same([...document.children(node)], []);
  }
  t.equal(document.integer(0), undefined);
});

t.test('a writer is used again, and grows', async (t) => {
  const writer = new BencodeWriter(4);
  writer.dictionary().key('n').string(new Uint8Array(100)).key('z').integer(-7).end();
  t.equal(writer.length, 1 + 3 + 104 + 3 + 4 + 1);
  t.ok(decodeBencode(writer.bytes()).ok);
  const hole = writer.reset().list().hole(3);
  hole.bytes.set([1, 2, 3], hole.at);
  t.equal(text(writer.end().view()), 'l3:\x01\x02\x03e');
  t.equal(text(encodeBencode({ b: 1, a: 'ü', c: undefined })), 'd1:a2:\xc3\xbc1:bi1ee');
  t.throws(() => encodeBencode({ '€': 1 }));
});
