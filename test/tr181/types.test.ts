import fc from 'fast-check';
import t from 'tap';
import { canonical, emptyValue, type TypeName, type ValueSpec } from '../../src/tr181/types.ts';

const read = (spec: ValueSpec, text: string): string => {
  const result = canonical(spec, text);
  return result.ok ? result.value : `!${result.error.kind}`;
};

const table: [TypeName, [string, string][]][] = [
  [
    'boolean',
    [
      ['true', 'true'],
      ['1', 'true'],
      ['0', 'false'],
      ['false', 'false'],
      ['True', '!wrongType'],
      ['', '!wrongType'],
      ['yes', '!wrongType'],
    ],
  ],
  [
    'int',
    [
      ['-2147483648', '-2147483648'],
      ['2147483647', '2147483647'],
      ['2147483648', '!outOfRange'],
      ['+5', '5'],
      ['007', '7'],
      ['-0', '0'],
      ['1.5', '!wrongType'],
      ['', '!wrongType'],
      ['0x10', '!wrongType'],
      [' 1', '!wrongType'],
    ],
  ],
  [
    'unsignedInt',
    [
      ['4294967295', '4294967295'],
      ['4294967296', '!outOfRange'],
      ['-1', '!outOfRange'],
      ['1e3', '!wrongType'],
    ],
  ],
  [
    'long',
    [
      ['-9223372036854775808', '-9223372036854775808'],
      ['9223372036854775808', '!outOfRange'],
    ],
  ],
  [
    'unsignedLong',
    [
      ['18446744073709551615', '18446744073709551615'],
      ['18446744073709551616', '!outOfRange'],
      ['9'.repeat(41), '!wrongType'],
    ],
  ],
  [
    'Order',
    [
      ['1', '1'],
      ['0', '!outOfRange'],
      ['00', '!outOfRange'],
      ['-0', '!outOfRange'],
    ],
  ],
  [
    'dateTime',
    [
      ['2026-02-28T23:59:59Z', '2026-02-28T23:59:59Z'],
      ['2026-02-29T00:00:00Z', '!wrongType'],
      ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
      ['2026-01-01T00:30:00+01:00', '2025-12-31T23:30:00Z'],
      ['2026-01-01T00:00:00', '2026-01-01T00:00:00Z'],
      ['2026-01-01T00:00:00.125Z', '2026-01-01T00:00:00.125Z'],
      ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
      ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'],
      ['2026-01-01 00:00:00', '!wrongType'],
      ['2026-01-01T24:00:00Z', '!wrongType'],
      ['2026-01-01T00:00:00+99:00', '!wrongType'],
    ],
  ],
  [
    'hexBinary',
    [
      ['00ff', '00FF'],
      ['', ''],
      ['0', '!wrongType'],
      ['0g', '!wrongType'],
    ],
  ],
  [
    'base64',
    [
      ['AAEC', 'AAEC'],
      ['', ''],
      ['AAE', '!wrongType'],
      ['AAE=', 'AAE='],
      ['A*==', '!wrongType'],
      ['AA EC', 'AAEC'],
    ],
  ],
  [
    'IPv4Address',
    [
      ['', ''],
      ['192.0.2.1', '192.0.2.1'],
      ['192.0.2.256', '!wrongType'],
      ['192.0.2', '!wrongType'],
      ['192.0.02.1', '!wrongType'],
      ['::1', '!wrongType'],
    ],
  ],
  [
    'IPv6Address',
    [
      ['', ''],
      ['2001:DB8::0:1', '2001:db8::1'],
      ['192.0.2.1', '!wrongType'],
      ['fe80::1%eth0', '!wrongType'],
    ],
  ],
  [
    'IPAddress',
    [
      ['', ''],
      ['192.0.2.1', '192.0.2.1'],
      ['::', '::'],
      ['x', '!wrongType'],
    ],
  ],
  [
    'IPv4Prefix',
    [
      ['192.0.2.0/24', '192.0.2.0/24'],
      ['192.0.2.0/33', '!wrongType'],
      ['192.0.2.0', '!wrongType'],
      ['192.0.2.0/024', '!wrongType'],
      ['', ''],
    ],
  ],
  [
    'IPv6Prefix',
    [
      ['2001:db8::/32', '2001:db8::/32'],
      ['2001:db8::/129', '!wrongType'],
      ['', ''],
    ],
  ],
  [
    'MACAddress',
    [
      ['02:00:5E:00:53:01', '02:00:5e:00:53:01'],
      ['', ''],
      ['02-00-5e-00-53-01', '!wrongType'],
      ['02:00:5e:00:53', '!wrongType'],
    ],
  ],
  [
    'Alias',
    [
      ['wan', 'wan'],
      ['cpe-1', 'cpe-1'],
      ['', '!outOfRange'],
      ['1wan', '!outOfRange'],
      ['a"b', '!outOfRange'],
      ['a]b', '!outOfRange'],
      [`a${'b'.repeat(64)}`, '!outOfRange'],
    ],
  ],
  [
    'string',
    [
      ['', ''],
      ['über', 'über'],
      ['a\nb\tc', 'a\nb\tc'],
      ['a\0b', '!wrongType'],
      ['a\x1bb', '!wrongType'],
      ['\ud800', '!wrongType'],
      ['x'.repeat(65536), '!outOfRange'],
    ],
  ],
  ['StatsCounter64', [['18446744073709551615', '18446744073709551615']]],
  ['StatsCounter32', [['4294967296', '!outOfRange']]],
];

for (const [type, cases] of table) {
  t.test(type, async (t) => {
    for (const [text, expected] of cases) {
      t.equal(read({ type }, text), expected, JSON.stringify(text.slice(0, 40)));
    }
  });
}

t.test('limits', async (t) => {
  const range: ValueSpec = {
    type: 'int',
    range: [
      [-1, -1],
      [64, 65535],
    ],
  };
  t.same(
    ['-1', '0', '63', '64', '65536'].map((text) => read(range, text)),
    ['-1', '!outOfRange', '!outOfRange', '64', '!outOfRange'],
  );
  t.match(canonical(range, '0'), { error: { message: '0 is not -1 to -1 or 64 to 65535' } });
  t.match(
    canonical({ type: 'unsignedInt', range: [[0, 65_535]] }, '-1'),
    { error: { kind: 'outOfRange', message: '-1 is not 0 to 65535' } },
    'what the parameter allows, not what its type does',
  );
  t.match(canonical({ type: 'int', range: [[1, undefined]] }, '0'), {
    error: { message: '0 is not at least 1' },
  });
  t.match(canonical({ type: 'unsignedInt', range: [[undefined, 100]] }, '101'), {
    error: { message: '101 is not at most 100' },
  });
  const named: ValueSpec = { type: 'string', enum: ['Wan', 'Lan'] };
  t.match(canonical(named, 'wan'), {
    error: { kind: 'outOfRange', message: '"wan" is none of "Wan", "Lan"' },
  });
  t.equal(read({ type: 'string', size: [2, 3] }, 'ü😀a'), 'ü😀a', 'characters, not bytes');
  t.match(canonical({ type: 'string', size: [2, 3] }, 'a'), {
    error: { message: 'it has 1 characters; 2 to 3 are allowed' },
  });
  t.match(canonical({ type: 'string', size: [6, 6] }, 'a'), { error: { message: /exactly 6/ } });
  t.match(canonical({ type: 'hexBinary', size: [0, 2] }, '010203'), {
    error: { message: 'it has 3 bytes; at most 2 are allowed' },
  });
  t.match(canonical({ type: 'base64', size: [0, 2] }, 'AAEC'), { error: { message: /3 bytes/ } });
  t.equal(read({ type: 'string', pattern: '[0-9A-F]{6}' }, '00005E'), '00005E');
  t.equal(read({ type: 'string', pattern: '[0-9A-F]{6}' }, '00005E0'), '!outOfRange');
});

t.test('lists', async (t) => {
  const spec: ValueSpec = { type: 'IPv4Address', list: { maxItems: 3, maxLength: 40 } };
  t.equal(read(spec, ' 192.0.2.1 ,192.0.2.2'), '192.0.2.1,192.0.2.2');
  t.equal(read(spec, ''), '');
  t.equal(read(spec, '  '), '');
  t.equal(read(spec, '192.0.2.1,x'), '!wrongType');
  t.equal(read(spec, '1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4'), '!outOfRange');
  t.equal(read(spec, '192.168.100.101,192.168.100.102,192.168.100.103'), '!outOfRange');
});

t.test('the empty value of every type is a value of it', async (t) => {
  for (const [type] of table) {
    if (type === 'Alias' || type === 'Order') continue;
    t.equal(read({ type }, emptyValue({ type })), emptyValue({ type }), type);
  }
});

t.test('canonical text is a fixed point', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...table.map(([type]) => type)),
      fc.boolean(),
      fc.oneof(
        fc.string(),
        fc.integer().map(String),
        fc.ipV4(),
        fc.ipV6(),
        fc.stringMatching(/^[0-9a-fA-F]*$/),
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      ),
      (type, list, text) => {
        const spec: ValueSpec = list ? { type, list: {} } : { type };
        const once = canonical(spec, text);
        if (!once.ok) return once.error.message.length > 0;
        return read(spec, once.value) === once.value;
      },
    ),
    { seed: 11, numRuns: 3000 },
  );
  t.pass('3,000 values');
});
