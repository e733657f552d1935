/** The smoke graph: what is drawn where, and that no name breaks out of it. */
import t from 'tap';
import type { SeriesRow } from '../../../src/services/monitor/series/rows.ts';
import { smokeDrawing } from '../../../src/services/monitor/smoke.ts';
import { svgOf } from '../../../src/wire/drawing.ts';
import { pictureOf } from '../../../src/wire/picture.ts';

const FROM = Date.UTC(2026, 0, 1) / 1000;

const row = (minute: number, lost: number, us = 10_000): SeriesRow => ({
  ...{ atSec: FROM + 60 * minute, spanSec: 60, sent: 20, received: 20 - lost },
  times:
    lost === 20
      ? undefined
      : { minUs: us / 2, q1Us: us * 0.9, medianUs: us, q3Us: us * 1.1, maxUs: us * 2 },
});

const drawing = (rows: readonly SeriesRow[], title = 'gate', dark = false) =>
  smokeDrawing(rows, {
    ...{ title, fromSec: FROM, toSec: FROM + 3600, widthPx: 800, heightPx: 280, offsetSec: 3600 },
    dark,
  });
const draw = (rows: readonly SeriesRow[], title?: string) => svgOf(drawing(rows, title));

t.test('loss is told by colour', async (t) => {
  const paths = (svg: string, colour: string) => svg.includes(`<path fill="${colour}"`);
  for (const [lost, colour] of [
    [0, '#1a8f3c'],
    [1, '#8f4fc4'],
    [4, '#e07b00'],
    [10, '#d62728'],
    [20, '#c4006b'],
  ] as const) {
    t.ok(paths(draw([row(5, lost)]), colour), `${lost} of 20`);
    t.equal((draw([row(5, lost)]).match(/<path fill=/g) ?? []).length, 3);
  }
});

t.test('a row stands at its time, its bands around its median', async (t) => {
  const svg = draw([row(30, 0), row(31, 0)]);
  // 58 px to the left, 12 to the right: half past is in the middle.
  const [, x, y] = /<path fill="#e6e6e6" d="M([\d.]+) ([\d.]+)h/.exec(svg) ?? [];
  t.equal(Number(x), 58 + (800 - 58 - 12) / 2);
  t.equal(Number(y), 28, 'the longest round trip is the top');
  t.match(svg, />20 ms</);
  t.match(svg, />01:30</, 'of the clock there, an hour east');
  t.notMatch(svg, /NaN|Infinity|undefined/);
});

t.test('one late answer does not press all others to the foot', async (t) => {
  const rows = Array.from({ length: 60 }, (_, i) => row(i, 0, i === 30 ? 2_000_000 : 10_000));
  const late = {
    ...row(30, 0),
    times: { minUs: 5000, q1Us: 9000, medianUs: 10_000, q3Us: 11_000, maxUs: 2e6 },
  };
  t.match(draw(rows.with(30, late)), />20 ms</);
});

t.test('a pause is not drawn over', async (t) => {
  const svg = draw([row(0, 0), row(1, 0), row(2, 0), row(50, 0)]);
  const widths = [...svg.matchAll(/fill="#e6e6e6" d="([^"]*)"/g)]
    .flatMap(([, d = '']) => [...d.matchAll(/h([\d.]+)v/g)])
    .map(([, width]) => Number(width));
  t.equal(widths.length, 4);
  t.ok(Math.max(...widths) <= (1.5 * 60 * 730) / 3600 + 0.1);
});

t.test('names are text, whatever is in them', async (t) => {
  const svg = draw([], '<script>alert("1")</script>&\u0000\u001b');
  t.notOk(['<script', '\u0000', '\u001b'].some((text) => svg.includes(text)));
  t.match(svg, /&#60;script&#62;alert\(&#34;1&#34;\)&#60;\/script&#62;&#38;/);
  t.match(svg, /nothing measured/);
});

t.test('the same as pixels', async (t) => {
  const { width, height, rgb } = pictureOf(drawing([row(30, 0), row(31, 10)]), 2);
  t.same([width, height], [1600, 560]);
  const at = (x: number, y: number): string =>
    `#${Buffer.from(rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)).toString('hex')}`;
  // The plot is 28 to 240 from above, 0 to 20 ms; a minute is 730 / 60 px wide, half past at 423.
  const y = (ms: number): number => Math.round(2 * (28 + 212 * (1 - ms / 20)));
  t.equal(at(2 * 426, y(10)), '#1a8f3c', 'its median');
  t.equal(at(2 * 438, y(10)), '#d62728', 'half was lost');
  t.equal(at(2 * 426, y(10.5)), '#bdbdbd', 'quartiles');
  t.equal(at(2 * 426, y(15)), '#e6e6e6', 'from shortest to longest');
  t.equal(at(2 * 400, y(15)), '#ffffff');
  const seam = Array.from({ length: 12 }, (_, i) => at(2 * 435 - 6 + i, y(15)));
  t.same(new Set(seam), new Set(['#e6e6e6']), 'and nothing shines through between two');
  const dark = pictureOf(drawing([], 'gate', true), 1);
  t.equal(Buffer.from(dark.rgb.subarray(0, 3)).toString('hex'), '16191d');
});
