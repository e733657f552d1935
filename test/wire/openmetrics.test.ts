import t from 'tap';
import { encodeOpenMetrics, type Family } from '#src/wire/openmetrics.ts';
import { noParser, parseOpenMetrics } from '../lib/openmetrics.ts';

const family = (more: Partial<Family> = {}): Family => ({
  ...{ name: 'some_bytes', type: 'counter', unit: 'bytes', help: 'a "b" \\ c\nd' },
  samples: [{ labels: { link: 'a"b\\c\nd', way: 'in' }, value: 2n ** 64n - 1n }],
  ...more,
});

t.test('as the specification has it', (t) => {
  t.equal(
    encodeOpenMetrics([family(), family({ name: 'empty_bytes', samples: [] })]),
    [
      '# TYPE some_bytes counter',
      '# UNIT some_bytes bytes',
      '# HELP some_bytes a \\"b\\" \\\\ c\\nd',
      'some_bytes_total{link="a\\"b\\\\c\\nd",way="in"} 18446744073709551615',
      '# TYPE gatehouse_metrics_left_out gauge',
      '# HELP gatehouse_metrics_left_out Samples that are not told, since a family has at most 512.',
      'gatehouse_metrics_left_out 0',
      '# EOF',
      '',
    ].join('\n'),
  );
  t.throws(() => encodeOpenMetrics([family({ name: 'Some bytes' })]), /no name of a metric/);
  t.throws(() => encodeOpenMetrics([family({ name: 'some' })]), /no name/, 'without its unit');
  const label = family({ samples: [{ labels: { 'a-b': '' }, value: 1 }] });
  t.throws(() => encodeOpenMetrics([label]), /no name of a label/);
  t.end();
});

t.test('read by a parser of others', { skip: noParser() ?? false }, (t) => {
  const samples = Array.from({ length: 600 }, (_, i) => ({ labels: { id: `${i}` }, value: i }));
  const { unit: _, ...plain } = family();
  const [bytes, info, many, odd, left] = parseOpenMetrics(
    encodeOpenMetrics([
      family(),
      { ...plain, name: 'build', type: 'info', samples: [{ labels: { v: '1' }, value: 1 }] },
      { ...plain, name: 'many', type: 'gauge', samples },
      {
        ...{ ...plain, name: 'odd', type: 'gauge' },
        samples: [
          { labels: { at: `${'ü'.repeat(200)}` }, value: Infinity },
          { labels: { at: '\ud800' }, value: Number.NaN },
          { labels: { at: '' }, value: -1.5e-9 },
        ],
      },
    ]),
  );
  t.match(bytes, { type: 'counter', unit: 'bytes', samples: [{ labels: { link: 'a"b\\c\nd' } }] });
  t.match(info, { type: 'info', samples: [{ name: 'build_info', labels: { v: '1' } }] });
  t.equal(many?.samples.length, 512);
  t.match(
    odd?.samples.map(({ value }) => value),
    ['inf', 'nan', '-1.5e-09'],
  );
  t.match(left, { name: 'gatehouse_metrics_left_out', samples: [{ value: '88' }] });
  t.end();
});
