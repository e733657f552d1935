/**
 * A smoke graph, as SmokePing draws one: the spread of round trips as bands around the median,
 * which is coloured by loss. Pure.
 */
import type { Box, Drawing, Point, Shape } from '../../wire/drawing.ts';
import type { SeriesRow } from './series/rows.ts';

export interface SmokeOptions {
  readonly title: string;
  readonly fromSec: number;
  readonly toSec: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Of the time at the axis: seconds east of UTC. */
  readonly offsetSec: number;
  readonly dark?: boolean;
}

const LEFT = 58;
const RIGHT = 12;
const TOP = 28;
const BOTTOM = 40;

/** Loss from so many percent on, and its colour: seen apart also by those who see no red or green. */
const LOSS_STEPS = [
  { from: 0, name: 'none', colour: '#1a8f3c' },
  { from: 0.0001, name: '< 5 %', colour: '#0072b2' },
  { from: 5, name: '< 20 %', colour: '#8f4fc4' },
  { from: 20, name: '< 50 %', colour: '#e07b00' },
  { from: 50, name: '< 100 %', colour: '#d62728' },
  { from: 100, name: 'all', colour: '#c4006b' },
] as const;

function lossStep({ sent, received }: Pick<SeriesRow, 'sent' | 'received'>): number {
  const percent = (100 * (sent - received)) / Math.max(1, sent);
  return LOSS_STEPS.findLastIndex(({ from }) => percent >= from);
}

/** Attributes alone: the page allows no style that stands in a document. */
const LIGHT = {
  paper: '#ffffff',
  ink: '#333333',
  line: '#d8d8d8',
  outer: '#e6e6e6',
  inner: '#bdbdbd',
};
const DARK = {
  paper: '#16191d',
  ink: '#dddddd',
  line: '#3a3f46',
  outer: '#2b3036',
  inner: '#565d66',
};

/** For `svgOf` or `pictureOf`. */
export function smokeDrawing(rows: readonly SeriesRow[], options: SmokeOptions): Drawing {
  const { fromSec, toSec, widthPx, heightPx, title } = options;
  const colours = options.dark === true ? DARK : LIGHT;
  const topUs = roundUp(ceiling(rows));
  const [right, bottom] = [widthPx - RIGHT, heightPx - BOTTOM];
  const x = (sec: number): number => LEFT + ((right - LEFT) * (sec - fromSec)) / (toSec - fromSec);
  const y = (us: number): number => TOP + (bottom - TOP) * (1 - Math.min(us, topUs) / topUs);
  const text = (at: Point, anchor: 'start' | 'middle' | 'end', body: string, size = 11): Shape => ({
    ...{ kind: 'text', at, anchor, size, body, fill: colours.ink },
  });
  const rule = (from: Point, to: Point): Shape => ({
    ...{ kind: 'line', from, to, stroke: colours.line },
  });
  const body: Shape[] = [
    { kind: 'rect', x: 0, y: 0, width: widthPx, height: heightPx, fill: colours.paper },
    text([LEFT, 17], 'start', title, 13),
  ];
  for (const us of levels(topUs)) {
    body.push(
      rule([LEFT, one(y(us))], [right, one(y(us))]),
      text([LEFT - 6, one(y(us) + 4)], 'end', timeText(us)),
    );
  }
  for (const { sec, clock } of timeTicks(options)) {
    body.push(
      rule([one(x(sec)), TOP], [one(x(sec)), bottom]),
      text([one(x(sec)), bottom + 14], 'middle', clock),
    );
  }
  body.push(...bands(rows, x, y, colours));
  for (const [i, { name, colour }] of LOSS_STEPS.entries()) {
    const left = LEFT + 78 * i;
    body.push(
      { kind: 'rect', x: left, y: heightPx - 15, width: 9, height: 9, fill: colour },
      text([left + 13, heightPx - 7], 'start', i === 0 ? 'no loss' : name),
    );
  }
  if (rows.length === 0) body.push(text([widthPx / 2, heightPx / 2], 'middle', 'nothing measured'));
  return { width: widthPx, height: heightPx, title, shapes: body };
}

/** Bands and median, each step by step; where all is lost, a mark at the foot. */
function bands(
  rows: readonly SeriesRow[],
  x: (sec: number) => number,
  y: (us: number) => number,
  colours: typeof LIGHT,
): readonly Shape[] {
  const [outer, inner]: [Box[], Box[]] = [[], []];
  const medians = LOSS_STEPS.map((): Box[] => []);
  const gaps = rows.slice(1).map(({ atSec }, i) => atSec - (rows[i]?.atSec ?? 0));
  const usual = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 1;
  for (const [i, row] of rows.entries()) {
    const { times, atSec, spanSec } = row;
    // To the next row; but a pause is a pause.
    const most = 1.5 * Math.max(spanSec, usual);
    const next = Math.min(rows[i + 1]?.atSec ?? atSec + most / 1.5, atSec + most);
    const wide = one(Math.max(1, x(next) - x(atSec)));
    const box = (top: number, height: number): Box => [one(x(atSec)), one(top), wide, one(height)];
    const between = (low: number, high: number): Box => box(y(high), Math.max(0, y(low) - y(high)));
    const median = medians[lossStep(row)];
    if (times === undefined) {
      median?.push(box(y(0) - 5, 5));
      continue;
    }
    outer.push(between(times.minUs, times.maxUs));
    inner.push(between(times.q1Us, times.q3Us));
    median?.push(box(y(times.medianUs) - 1, 2));
  }
  return [
    { kind: 'boxes', fill: colours.outer, boxes: outer },
    { kind: 'boxes', fill: colours.inner, boxes: inner },
    ...medians.flatMap((boxes, step): Shape[] =>
      boxes.length === 0 ? [] : [{ kind: 'boxes', fill: LOSS_STEPS[step]?.colour ?? '', boxes }],
    ),
  ];
}

const one = (value: number): number => Math.round(value * 10) / 10;

/** What nearly all round trips stay below: a single late one does not press the rest to the foot. */
function ceiling(rows: readonly SeriesRow[]): number {
  const highs = rows.flatMap(({ times }) => times?.maxUs ?? []).sort((a, b) => a - b);
  const quarters = rows.flatMap(({ times }) => times?.q3Us ?? []);
  const most = highs[Math.floor(0.95 * (highs.length - 1))] ?? 1000;
  return Math.max(100, most, ...quarters);
}

/** The next of 1, 2, 5, 10, … */
function roundUp(us: number): number {
  const power = 10 ** Math.floor(Math.log10(us));
  return ([1, 2, 5, 10].find((factor) => factor * power >= us) ?? 10) * power;
}

const levels = (topUs: number): readonly number[] =>
  [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => share * topUs);

/** `40 ms`, `250 µs`. */
const timeText = (us: number): string =>
  us === 0 ? '0' : us < 1000 ? `${Math.round(us)} µs` : `${Number((us / 1000).toPrecision(3))} ms`;

const STEPS_SEC = [
  60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600,
  2_629_800, 7_889_400,
];

/** About eight, at even times of the day there. */
function timeTicks({
  fromSec,
  toSec,
  offsetSec,
}: SmokeOptions): readonly { readonly sec: number; readonly clock: string }[] {
  const wanted = (toSec - fromSec) / 8;
  const step = STEPS_SEC.find((sec) => sec >= wanted) ?? STEPS_SEC.at(-1) ?? wanted;
  const ticks: { sec: number; clock: string }[] = [];
  const first = Math.ceil((fromSec + offsetSec) / step) * step - offsetSec;
  for (let sec = first; sec <= toSec; sec += step) {
    const iso = new Date((sec + offsetSec) * 1000).toISOString();
    ticks.push({ sec, clock: step < 86_400 ? iso.slice(11, 16) : iso.slice(5, 10) });
  }
  return ticks;
}
