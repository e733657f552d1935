/**
 * A smoke graph as SVG, as SmokePing draws one: the spread of round trips as bands around the median,
 * which is coloured by loss. Pure; all text is escaped.
 */
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

export function smokeSvg(rows: readonly SeriesRow[], options: SmokeOptions): string {
  const { fromSec, toSec, widthPx, heightPx } = options;
  const colours = options.dark === true ? DARK : LIGHT;
  const topUs = roundUp(ceiling(rows));
  const width = widthPx - LEFT - RIGHT;
  const height = heightPx - TOP - BOTTOM;
  const x = (sec: number): number => LEFT + (width * (sec - fromSec)) / (toSec - fromSec);
  const y = (us: number): number => TOP + height * (1 - Math.min(us, topUs) / topUs);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${widthPx}" height="${heightPx}" viewBox="0 0 ${widthPx} ${heightPx}" role="img">`,
    `<title>${escapeXml(options.title)}</title>`,
    `<rect width="100%" height="100%" fill="${colours.paper}"/><g font-family="system-ui,sans-serif" font-size="11" fill="${colours.ink}">`,
    `<text font-size="13" font-weight="600" x="${LEFT}" y="17">${escapeXml(options.title)}</text>`,
    ...levels(topUs).map(
      (us) =>
        `<path stroke="${colours.line}" d="M${LEFT} ${one(y(us))}h${width}"/><text x="${LEFT - 6}" y="${one(y(us) + 4)}" text-anchor="end">${timeText(us)}</text>`,
    ),
    ...timeTicks(options).map(
      ({ sec, text }) =>
        `<path stroke="${colours.line}" d="M${one(x(sec))} ${TOP}v${height}"/><text x="${one(x(sec))}" y="${TOP + height + 14}" text-anchor="middle">${text}</text>`,
    ),
    ...shapes(rows, x, y, colours),
    ...LOSS_STEPS.map(
      ({ name, colour }, i) =>
        `<rect x="${LEFT + 78 * i}" y="${heightPx - 15}" width="9" height="9" fill="${colour}"/><text x="${LEFT + 78 * i + 13}" y="${heightPx - 7}">${escapeXml(i === 0 ? 'no loss' : name)}</text>`,
    ),
    rows.length === 0
      ? `<text x="${widthPx / 2}" y="${heightPx / 2}" text-anchor="middle">nothing measured</text>`
      : '',
    '</g></svg>',
  ];
  return parts.join('\n');
}

/** Bands and median, each step by step; where all is lost, a mark at the foot. */
function shapes(
  rows: readonly SeriesRow[],
  x: (sec: number) => number,
  y: (us: number) => number,
  colours: typeof LIGHT,
): readonly string[] {
  const bands = { o: [] as string[], i: [] as string[] };
  const medians = LOSS_STEPS.map((): string[] => []);
  const gaps = rows.slice(1).map(({ atSec }, i) => atSec - (rows[i]?.atSec ?? 0));
  const usual = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 1;
  for (const [i, row] of rows.entries()) {
    const { times, atSec, spanSec } = row;
    // To the next row; but a pause is a pause.
    const most = 1.5 * Math.max(spanSec, usual);
    const next = Math.min(rows[i + 1]?.atSec ?? atSec + most / 1.5, atSec + most);
    const wide = Math.max(1, x(next) - x(atSec));
    const at = `M${one(x(atSec))} `;
    if (times === undefined) {
      medians[lossStep(row)]?.push(`${at}${one(y(0) - 5)}h${one(wide)}v5h-${one(wide)}z`);
      continue;
    }
    const box = (low: number, high: number): string =>
      `${at}${one(y(high))}h${one(wide)}v${one(Math.max(0, y(low) - y(high)))}h-${one(wide)}z`;
    bands.o.push(box(times.minUs, times.maxUs));
    bands.i.push(box(times.q1Us, times.q3Us));
    medians[lossStep(row)]?.push(
      `${at}${one(y(times.medianUs) - 1)}h${one(wide)}v2h-${one(wide)}z`,
    );
  }
  return [
    `<path fill="${colours.outer}" d="${bands.o.join('')}"/>`,
    `<path fill="${colours.inner}" d="${bands.i.join('')}"/>`,
    ...medians.flatMap((paths, step) =>
      paths.length === 0
        ? []
        : [`<path fill="${LOSS_STEPS[step]?.colour}" d="${paths.join('')}"/>`],
    ),
  ];
}

const one = (value: number): string => String(Math.round(value * 10) / 10);

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
}: SmokeOptions): readonly { readonly sec: number; readonly text: string }[] {
  const wanted = (toSec - fromSec) / 8;
  const step = STEPS_SEC.find((sec) => sec >= wanted) ?? STEPS_SEC.at(-1) ?? wanted;
  const ticks: { sec: number; text: string }[] = [];
  const first = Math.ceil((fromSec + offsetSec) / step) * step - offsetSec;
  for (let sec = first; sec <= toSec; sec += step) {
    const iso = new Date((sec + offsetSec) * 1000).toISOString();
    ticks.push({ sec, text: step < 86_400 ? iso.slice(11, 16) : iso.slice(5, 10) });
  }
  return ticks;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also of what XML has no place for. */
const escapeXml = (text: string): string =>
  text
    .replace(/[^\t\n\u0020-\ud7ff\ue000-\ufffd]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
