/** Metrics in OTLP's JSON: every field as the protocol has it, and what is read of others. */
import t from 'tap';
import type { Family } from '#src/wire/openmetrics.ts';
import { encodeOtlpMetrics, readOtlpAnswer } from '#src/wire/otlp.ts';
import { readOtlpHeaders } from '#src/wire/otlp-headers.ts';
import { readOtlp } from '../lib/otlp.ts';

const FRAME = {
  resource: { 'service.name': 'gatehouse' },
  scope: { name: 'gatehouse', version: '1.2.3' },
  ...{ startMs: Date.UTC(2026, 0, 1) + 0.4, timeMs: Date.UTC(2026, 0, 2) },
};
const NANO = { start: '1767225600000000000', time: '1767312000000000000' };
const family = (more: Partial<Family> = {}): Family => ({
  ...{ name: 'some_bytes', type: 'counter', unit: 'bytes', help: 'a "b"' },
  samples: [{ labels: { link: 'wan', way: 'in' }, value: 2n ** 60n }],
  ...more,
});

t.test('as the protocol has it', async (t) => {
  const { unit: _, ...plain } = family({ name: 'links', type: 'gauge' });
  t.same(
    JSON.parse(
      encodeOtlpMetrics([family(), { ...plain, samples: [{ labels: {}, value: 1.5 }] }], FRAME),
    ),
    {
      resourceMetrics: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'gatehouse' } }] },
          scopeMetrics: [
            {
              scope: { name: 'gatehouse', version: '1.2.3' },
              metrics: [
                {
                  ...{ name: 'some_bytes', description: 'a "b"', unit: 'By' },
                  sum: {
                    dataPoints: [
                      {
                        attributes: [
                          { key: 'link', value: { stringValue: 'wan' } },
                          { key: 'way', value: { stringValue: 'in' } },
                        ],
                        startTimeUnixNano: NANO.start,
                        timeUnixNano: NANO.time,
                        asInt: '1152921504606846976',
                      },
                    ],
                    ...{ aggregationTemporality: 2, isMonotonic: true },
                  },
                },
                {
                  ...{ name: 'links', description: 'a "b"', unit: '' },
                  gauge: {
                    dataPoints: [{ attributes: [], timeUnixNano: NANO.time, asDouble: 1.5 }],
                  },
                },
                {
                  name: 'gatehouse_metrics_left_out',
                  description: 'Samples that are not told, since a family has at most 512.',
                  unit: '',
                  gauge: { dataPoints: [{ attributes: [], timeUnixNano: NANO.time, asDouble: 0 }] },
                },
              ],
            },
          ],
        },
      ],
    },
  );
});

t.test('bounds, odd values and odd words', async (t) => {
  const samples = Array.from({ length: 600 }, (_, i) => ({ labels: { id: `${i}` }, value: i }));
  const odd = [Number.NaN, Infinity, -Infinity, 2n ** 64n - 1n, 0.25];
  const { metrics } = readOtlp(
    encodeOtlpMetrics(
      [
        family({ name: 'many', samples }),
        family({ name: 'empty', samples: [] }),
        family({ name: 'build', type: 'info', samples: [{ labels: { v: '1' }, value: 1 }] }),
        family({
          ...{ name: 'odd', type: 'gauge' },
          samples: odd.map((value, i) => ({ labels: { i: `${i}` }, value })),
        }),
        family({ name: 'long', samples: [{ labels: { a: `${'b'.repeat(127)}😀` }, value: 1 }] }),
      ],
      FRAME,
    ),
  );
  t.same(
    metrics.map(({ name, points }) => [name, points.length]),
    [
      ...[['many', 512] as const, ['build_info', 1] as const, ['odd', 5] as const],
      ...[['long', 1] as const, ['gatehouse_metrics_left_out', 1] as const],
    ],
  );
  const values = (name: string) =>
    metrics.find((metric) => metric.name === name)?.points.map(({ value }) => value);
  t.same(values('odd'), [Number.NaN, Infinity, -Infinity, 2 ** 64, 0.25]);
  t.same(values('gatehouse_metrics_left_out'), [88]);
  const [long] = metrics.find(({ name }) => name === 'long')?.points ?? [];
  t.equal(long?.attributes['a'], `${'b'.repeat(127)}\ufffd`);
});

t.test('what a collector answers', async (t) => {
  const none = { rejected: 0, message: '' };
  for (const text of ['', '{}', 'null', '[1', '{"partialSuccess":7}', '{"partialSuccess":{}}'])
    t.same(readOtlpAnswer(text), none, text);
  const part = (rejectedDataPoints: unknown) =>
    readOtlpAnswer(JSON.stringify({ partialSuccess: { rejectedDataPoints, errorMessage: 'old' } }));
  t.same(part('12'), { rejected: 12, message: 'old' });
  t.same(part(3), { rejected: 3, message: 'old' });
  for (const wrong of ['x', -1, 1.5, {}, '1e30']) t.same(part(wrong), none);
});

t.test('headers', async (t) => {
  t.same(readOtlpHeaders(''), { ok: true, value: {} });
  t.same(readOtlpHeaders(' Authorization = Bearer%20a%3Db , x-scope=home,'), {
    ok: true,
    value: { authorization: 'Bearer a=b', 'x-scope': 'home' },
  });
  for (const [text, error] of [
    ['token', /name=value/],
    ['a b=c', /name=value/],
    ['=c', /name=value/],
    ['a=', /no header may have/],
    ['a=b%0d%0ac', /no header may have/],
    ['a=%zz', /no header may have/],
    ['a=b,A=c', /twice/],
    ['Content-Length=3', /by the router itself/],
    ['__proto__=x,__proto__=y', /./],
  ] as const)
    t.match(readOtlpHeaders(text), { ok: false, error }, text);
});
