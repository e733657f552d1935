import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  array,
  type BlobmsgTable,
  type BlobmsgValue,
  bool,
  decodeTable,
  field,
  int32,
  pick,
  string,
  table,
} from '../../src/wire/blobmsg.ts';
import { BlobWriter, encodeTable } from '../../src/wire/blobmsg-writer.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', '')) ?? new Uint8Array();
const encode = (fields: BlobmsgTable): string => toHex(encodeTable(fields) ?? new Uint8Array());

/** Each line by hand from the format: word, name length, name, NUL, padding, data, padding. */
const GOLDEN: readonly (readonly [string, BlobmsgTable, string])[] = [
  ['a boolean', [field('on', bool(true))], '8700000d 0002 6f6e00 000000 01000000'],
  ['an unnamed string', [field('', string('hi'))], '8300000b 0000 0000 68690000'],
  ['INT16', [field('abc', { type: 'int16', value: -2 })], '8600000e 0003 61626300 0000 fffe0000'],
  ['INT32', [field('i', int32(-1))], '8500000c 0001 6900 ffffffff'],
  [
    'INT64 beyond 2^53',
    [field('i', { type: 'int64', value: 9_007_199_254_740_993n })],
    '84000010 0001 6900 0020000000000001',
  ],
  ['DOUBLE', [field('d', { type: 'double', value: 1.5 })], '88000010 0001 6400 3ff8000000000000'],
  ['null', [field('n', { type: 'unspec' })], '80000008 0001 6e00'],
  [
    'a table in an array',
    [field('a', array([table([field('b', int32(1))]), string('')]))],
    '81000028 0001 6100 82000014 00000000 8500000c 0001 6200 00000001 83000009 00000000 00000000',
  ],
  [
    'empty table and array',
    [field('t', table([])), field('a', array([]))],
    '82000008 0001 7400 81000008 0001 6100',
  ],
];

t.test('golden bytes', (t) => {
  for (const [what, fields, hex] of GOLDEN) {
    const wire = hex.replaceAll(' ', '');
    t.equal(encode(fields), wire, `${what}: encode`);
    t.same(decodeTable(bytes(hex)), { ok: true, value: fields }, `${what}: decode`);
  }
  t.end();
});

t.test('a reader takes array elements without a name header, as older writers made them', (t) => {
  const old = bytes('81000018 0001 6100 05000008 00000007 03000006 6800 0000');
  t.same(decodeTable(old), { ok: true, value: [field('a', array([int32(7), string('h')]))] });
  t.end();
});

t.test('strings are bytes: what is no UTF-8 comes back as it was', (t) => {
  for (const hex of [
    '80',
    'c3',
    'e282',
    'eda080',
    'f4908080',
    'c0af',
    'ff00fe',
    'e29c93',
    'efbfbd',
    'efbbbf61',
  ]) {
    const raw = bytes(hex);
    const writer = new BlobWriter();
    const at = writer.beginNamed(3, 's');
    writer.raw(raw, 0, raw.length);
    writer.u8(0);
    writer.end(at);
    const wire = writer.toBytes();
    const decoded = decodeTable(wire);
    t.ok(decoded.ok, hex);
    if (decoded.ok) t.equal(encode(decoded.value), toHex(wire), `${hex} round trip`);
  }
  const long = 'ä✓🚀'.repeat(40);
  const decoded = decodeTable(encodeTable([field(long, string(long))]) ?? new Uint8Array());
  t.same(decoded, { ok: true, value: [field(long, string(long))] });
  t.end();
});

t.test('refuses with field and offset', (t) => {
  const inner = [field('a', table([field('b', array([int32(1), int32(2)]))]))];
  const wire = encodeTable(inner) ?? new Uint8Array();
  // The length of the second number, one byte short.
  const at = wire.length - 12;
  wire[at + 3] = 11;
  t.match(decodeTable(wire), {
    ok: false,
    error: { field: 'a.b[1]', message: '3 bytes where 4 belong', offset: at + 8 },
  });
  for (const [hex, message] of [
    ['89000008 0001 6100', 'unknown type'],
    ['05000008 00000001', 'value without a name'],
    ['83000008 0001 6100', 'string without its NUL'],
    ['83000009 0001 6100 78000000', 'string without its NUL'],
    ['85000008 00ff 6100', 'truncated name'],
    ['85000008 0001 6161', 'truncated name'],
    ['85000007 00000000', 'truncated name'],
    ['85000003', 'bad length'],
    ['850000ff', 'bad length'],
    ['8500', 'truncated header'],
  ] as const) {
    t.match(decodeTable(bytes(hex)), { ok: false, error: { message } }, hex);
  }
  t.end();
});

t.test('truncation at every length is refused or ends between fields', (t) => {
  const wire = encodeTable(GOLDEN.flatMap(([, fields]) => fields)) ?? new Uint8Array();
  const whole = decodeTable(wire);
  t.ok(whole.ok);
  if (!whole.ok) return t.end();
  for (let length = 0; length < wire.length; length++) {
    const cut = decodeTable(wire.subarray(0, length));
    if (cut.ok) t.same(cut.value, whole.value.slice(0, cut.value.length));
    else t.ok(cut.error.offset <= length);
  }
  t.end();
});

t.test('depth, count and size are bounded', (t) => {
  const nested = (levels: number): BlobmsgValue =>
    levels === 0 ? array([]) : array([nested(levels - 1)]);
  t.ok(encodeTable([field('a', nested(30))]));
  t.equal(encodeTable([field('a', nested(31))]), undefined);
  // The same, made by hand: the decoder has the bound too.
  const writer = new BlobWriter();
  const opened = Array.from({ length: 33 }, () => writer.beginNamed(1, ''));
  for (const at of opened.reverse()) writer.end(at);
  t.match(decodeTable(writer.toBytes()), { ok: false, error: { message: 'nested too deeply' } });
  const three = encodeTable([field('a', bool(true)), field('b', array([bool(true)]))]);
  const limits = { maxDepth: 32, maxBytes: 1000, maxValues: 2 };
  t.match(decodeTable(three ?? new Uint8Array(), 0, three?.length, limits), {
    ok: false,
    error: { message: 'too many values' },
  });
  t.match(decodeTable(new Uint8Array(1001), 0, 1001, limits), {
    ok: false,
    error: { message: 'too large' },
  });
  t.equal(encodeTable([field('a', string('x'.repeat(1_048_576)))]), undefined);
  t.ok(encodeTable([field('a', string('x'.repeat(1_048_000)))]));
  t.equal(encodeTable([field('x'.repeat(65_536), bool(true))]), undefined);
  t.end();
});

t.test('pick takes the first field with that name and that very type', (t) => {
  const fields = [
    field('n', string('1')),
    field('n', int32(2)),
    field('n', int32(3)),
    field('l', { type: 'int64', value: 4n }),
  ];
  t.equal(pick(fields, 'n', 'int32'), 2);
  t.equal(pick(fields, 'l', 'int32'), undefined);
  t.equal(pick(fields, 'l', 'int64'), 4n);
  t.end();
});

// Numbers as the wire has them; NaN has many bit patterns and is left out.
const value: fc.Arbitrary<BlobmsgValue> = fc.letrec<{ value: BlobmsgValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant<BlobmsgValue>({ type: 'unspec' }),
    fc.integer({ min: 0, max: 255 }).map((v): BlobmsgValue => ({ type: 'int8', value: v })),
    fc
      .integer({ min: -32_768, max: 32_767 })
      .map((v): BlobmsgValue => ({ type: 'int16', value: v })),
    fc.integer().map(int32),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((v): BlobmsgValue => ({ type: 'int64', value: v })),
    fc.double({ noNaN: true }).map((v): BlobmsgValue => ({ type: 'double', value: v })),
    fc.string({ unit: 'binary', maxLength: 40 }).map(string),
    fc.array(tie('value'), { maxLength: 4 }).map(array),
    fc
      .array(
        fc.record(
          { name: fc.string({ maxLength: 9 }), value: tie('value') },
          { noNullPrototype: true },
        ),
        {
          maxLength: 4,
        },
      )
      .map(table),
  ),
})).value;

t.test('round trip', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ name: fc.string({ unit: 'binary' }), value }, { noNullPrototype: true }),
      ),
      (fields) => {
        const wire = encodeTable(fields);
        if (wire === undefined) throw new TypeError('did not fit');
        t.equal(wire.length % 4, 0);
        const decoded = decodeTable(wire);
        if (!decoded.ok) throw new TypeError(decoded.error.message);
        t.strictSame(decoded.value, fields);
      },
    ),
    { seed: 7, numRuns: 300 },
  );
  t.end();
});
