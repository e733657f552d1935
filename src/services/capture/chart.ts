/** Statistics as charts, readable in print and without colour. Pure. */
import type { CaptureReport } from '../../os/ports-capture.ts';
import { type Drawing, INK, type Point, type Shape, svgOf } from '../../wire/drawing.ts';
import { type Picture, pictureOf } from '../../wire/picture.ts';

const WIDTH = 800;
const GRID = '#dddddd';
/** Blue and vermilion of Okabe and Ito, which everybody can tell apart. */
const BLUE = '#0072b2';
const VERMILION = '#d55e00';
const MOST_BARS = 15;

interface Bar {
  readonly label: string;
  readonly value: number;
  /** Of `value`, what is drawn in the second colour. */
  readonly second?: number;
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` of them up to `most`. */
export function ticks(most: number, count: number): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, i) => i * step);
}

/** 1,234 · 12.3 k · 4.56 M: three digits and a prefix of the SI. */
export function short(value: number): string {
  const prefixes = ['', ' k', ' M', ' G', ' T', ' P'];
  let i = 0;
  let v = value;
  while (v >= 999.5 && i < prefixes.length - 1) {
    v /= 1000;
    i++;
  }
  return `${Number(v.toPrecision(3))}${prefixes[i]}`;
}

const text = (
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end',
  size: number,
  body: string,
): Shape => ({ kind: 'text', at: [x, y], anchor, size, body });
const line = (from: Point, to: Point, stroke: string): Shape => ({
  ...{ kind: 'line', from, to, stroke },
});
const rect = (x: number, y: number, width: number, height: number, fill: string): Shape => ({
  ...{ kind: 'rect', x, y, width, height, fill },
});

const drawing = (height: number, title: string, shapes: readonly Shape[]): Drawing => ({
  ...{ width: WIDTH, height, title },
  shapes: [rect(0, 0, WIDTH, height, '#ffffff'), text(20, 30, 'start', 17, title), ...shapes],
});

function bars(
  title: string,
  unit: string,
  list: readonly Bar[],
  legend: readonly string[],
): Drawing {
  const [left, top, step] = [230, legend.length > 0 ? 80 : 60, 26];
  const right = WIDTH - 90;
  const bottom = top + Math.max(1, list.length) * step;
  const scale = ticks(Math.max(0, ...list.map(({ value }) => value)), 5);
  const most = scale.at(-1) ?? 1;
  const x = (value: number): number => Math.round(left + (value / most) * (right - left));
  const body: Shape[] = [];
  for (const value of scale) {
    body.push(
      line([x(value), top - 4], [x(value), bottom], GRID),
      text(x(value), bottom + 18, 'middle', 11, short(value)),
    );
  }
  for (const [i, word] of legend.entries()) {
    body.push(
      rect(left + i * 130, 48, 12, 12, i === 0 ? BLUE : VERMILION),
      text(left + i * 130 + 18, 58, 'start', 12, word),
    );
  }
  for (const [i, { label, value, second = 0 }] of list.entries()) {
    const y = top + i * step;
    const middle = x(value - second);
    body.push(
      text(left - 8, y + 15, 'end', 12, label.length > 32 ? `${label.slice(0, 31)}…` : label),
      rect(left, y + 3, middle - left, step - 8, BLUE),
      ...(second > 0 ? [rect(middle, y + 3, x(value) - middle, step - 8, VERMILION)] : []),
      text(x(value) + 6, y + 15, 'start', 11, short(value)),
    );
  }
  body.push(
    line([left, top - 4], [left, bottom], INK),
    text((left + right) / 2, bottom + 38, 'middle', 12, unit),
  );
  return drawing(bottom + 52, title, body);
}

/** At most one point for each pixel: the highest of those that fall on it. */
function curve({ bandwidth: { startSec, stepSec, bytes } }: CaptureReport, title: string): Drawing {
  const [left, top, right, bottom] = [80, 60, WIDTH - 30, 330];
  const rates = bytes.map((n) => (n * 8) / stepSec);
  const width = right - left;
  const fold = Math.max(1, Math.ceil(rates.length / width));
  const points: number[] = [];
  for (let i = 0; i < rates.length; i += fold) points.push(Math.max(...rates.slice(i, i + fold)));
  const scale = ticks(Math.max(0, ...points), 5);
  const most = scale.at(-1) ?? 1;
  const y = (rate: number): number =>
    Math.round((bottom - (rate / most) * (bottom - top)) * 10) / 10;
  const x = (i: number): number =>
    Math.round((left + (points.length < 2 ? 0 : (i / (points.length - 1)) * width)) * 10) / 10;
  const spanSec = rates.length * stepSec;
  const body = scale.flatMap((rate): Shape[] => [
    line([left, y(rate)], [right, y(rate)], GRID),
    text(left - 8, y(rate) + 4, 'end', 11, short(rate)),
  ]);
  for (const sec of ticks(spanSec, 6).filter((sec) => sec <= spanSec)) {
    const at = Math.round(left + (sec / Math.max(spanSec, 1)) * width);
    body.push(text(at, bottom + 18, 'middle', 11, String(Number(sec.toPrecision(6)))));
  }
  if (points.length > 0) {
    const at = points.map((rate, i): Point => [x(i), y(rate)]);
    body.push({ kind: 'curve', points: at, bottom, stroke: BLUE });
  }
  const from = new Date(startSec * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  body.push(
    line([left, top], [left, bottom], INK),
    line([left, bottom], [right, bottom], INK),
    text((left + right) / 2, bottom + 38, 'middle', 12, `seconds since ${from}`),
    text(left, top - 12, 'start', 12, 'bit/s'),
  );
  return drawing(bottom + 52, title, body);
}

const KINDS = {
  /** What packets carried at last: the tree's leaves, put together by name. */
  protocols: (report: CaptureReport, title: string) => {
    const own = new Map<string, number>();
    for (const { path, protocol, bytes } of report.protocols) {
      const inside = report.protocols
        .filter((child) => child.path.slice(0, child.path.lastIndexOf(':')) === path)
        .reduce((sum, child) => sum + child.bytes, 0);
      if (bytes > inside) own.set(protocol, (own.get(protocol) ?? 0) + bytes - inside);
    }
    const list = [...own].map(([label, value]) => ({ label, value }));
    list.sort((a, b) => b.value - a.value);
    return bars(title, 'bytes', list.slice(0, MOST_BARS), []);
  },
  talkers: (report: CaptureReport, title: string) =>
    bars(
      title,
      'bytes',
      report.endpoints.slice(0, MOST_BARS).map(({ address, name, bytes, receivedBytes }) => ({
        label: name ?? address,
        value: bytes,
        second: receivedBytes,
      })),
      ['sent', 'received'],
    ),
  bandwidth: curve,
  sizes: (report: CaptureReport, title: string) =>
    bars(
      title,
      'packets',
      report.sizes.map(({ leastBytes, packets }, i, all) => {
        const next = all[i + 1];
        const range =
          next === undefined ? `${leastBytes} and more` : `${leastBytes}–${next.leastBytes - 1}`;
        return { label: `${range} bytes`, value: packets };
      }),
      [],
    ),
} as const satisfies Record<string, (report: CaptureReport, title: string) => Drawing>;

export type ChartKind = keyof typeof KINDS;
export const CHART_KINDS = Object.keys(KINDS) as readonly ChartKind[];

/** An SVG document. */
export const chart = (report: CaptureReport, kind: ChartKind, title: string): string =>
  svgOf(KINDS[kind](report, title));

/** The same as pixels, twice as fine. */
export const chartPicture = (report: CaptureReport, kind: ChartKind, title: string): Picture =>
  pictureOf(KINDS[kind](report, title), 2);
