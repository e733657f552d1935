import t from 'tap';
import { CHART_KINDS, chart, short, ticks } from '#src/services/capture/chart.ts';
import { REPORT } from './report.ts';

/** Tags that are opened and closed in order; attributes without a stray quote or bracket. */
function wellFormed(svg: string): boolean {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [\w-]+="[^"<>]*")*)(\/?)>/g,
    (_, end, name, _a, alone) => {
      if (end === '/') {
        if (open.pop() !== name) open.push('wrong');
      } else if (alone === '') open.push(name);
      return '';
    },
  );
  return open.length === 0 && !/[<>]/.test(rest);
}

const nothing = () => ({
  ...REPORT,
  packets: 0,
  bytes: 0,
  protocols: [],
  endpoints: [],
  sizes: [],
  bandwidth: { startSec: 0, stepSec: 1, packets: [], bytes: [] },
});

t.test('every chart is one well-formed document, and what is strange in it escaped', async (t) => {
  for (const kind of CHART_KINDS) {
    const svg = chart(REPORT, kind, 'Tom & "Jerry" <x>\u0007');
    t.ok(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
    t.ok(wellFormed(svg), kind);
    t.match(svg, 'Tom &#38; &#34;Jerry&#34; &#60;x&#62;\ufffd');
    t.notMatch(svg, /NaN|Infinity|undefined/);
    t.notMatch(chart(nothing(), kind, ''), /NaN|Infinity|undefined/, `${kind} of nothing`);
  }
});

t.test('bars are as long as their values', async (t) => {
  const svg = chart(REPORT, 'protocols', 'x');
  const widths = [...svg.matchAll(/<rect x="230" y="\d+" width="(\d+)"/g)].map(([, w]) =>
    Number(w),
  );
  // 2000 of TLS, 600 of UDP, 400 of TCP alone.
  t.equal(widths.length, 3);
  const [tls = 0, udp = 0, tcp = 0] = widths;
  t.ok(Math.abs(udp / tls - 0.3) < 0.01 && Math.abs(tcp / tls - 0.2) < 0.01);
});

t.test('steps of an axis, and figures beside it', async (t) => {
  t.same(ticks(1000, 5), [0, 200, 400, 600, 800, 1000]);
  t.same(ticks(7, 5), [0, 2, 4, 6, 8]);
  t.same(ticks(0, 5), [0, 1]);
  t.same([0, 999, 1000, 12_345, 4.5e9].map(short), ['0', '999', '1 k', '12.3 k', '4.5 G']);
});
