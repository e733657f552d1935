/** graph: how a watched path was over time, in the terminal, as SVG, PNG, CSV or JSON. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SeriesRow } from '../../services/monitor/series/rows.ts';
import type { SmokeOptions } from '../../services/monitor/smoke.ts';
import { isList, type JsonObject, list, text } from './bus.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import type { Style } from './table.ts';
import { pathOf, time } from './target-commands.ts';

interface Options {
  readonly last: number;
  readonly svg?: string;
  readonly png?: string;
  readonly csv?: boolean;
  readonly force?: boolean;
}

/** One row of the daemon's answer. Times in µs; undefined where all was lost. */
interface Row {
  readonly atSec: number;
  readonly spanSec: number;
  readonly sent: number;
  readonly received: number;
  readonly times: readonly number[] | undefined;
}

/** A smoke graph as a PNG file. */
export type SmokePng = (rows: readonly SeriesRow[], options: SmokeOptions) => Promise<Uint8Array>;

const UNITS: Readonly<Record<string, number>> = {
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_557_600,
};
const COLUMNS = 64;
/** A smoke graph, in pixels of the smallest picture. */
const SMOKE = { points: 700, width: 860, height: 300 };
const BARS = '▁▂▃▄▅▆▇█';
/** Rows of an export in one answer. */
const PAGE = 1000;
/** An export asks for whole roll-ups: days of minutes, weeks of ten minutes. */
const PAGE_SEC = [
  { within: 7 * 86_400, pageSec: 60 * PAGE },
  { within: 60 * 86_400, pageSec: 600 * PAGE },
  { within: Number.POSITIVE_INFINITY, pageSec: 3600 * PAGE },
] as const;

export function defineGraph(program: Command, session: Session): void {
  program
    .command('graph')
    .description('how a watched path was: round trips and losses over time')
    .allowExcessArguments(false)
    .argument('<target>', 'its number, name or host')
    .addOption(
      new Option('--last <time>', 'how far back: 30m, 1h, 1d, 1w, 1y')
        .argParser(span)
        .default(3600, '1h'),
    )
    .option('--svg <file>', 'write a smoke graph instead')
    .option('--png <file>', 'the same as pixels')
    .option('--force', 'write over a file that is there')
    .option('--csv', 'print every row, as comma-separated values')
    .action((target: string, options: Options) => graph(session, target, options));
}

function span(words: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,5})([mhdwy])$/.exec(words) ?? [];
  const seconds = Number(digits) * (UNITS[unit] ?? 0);
  if (seconds > 0 && seconds <= 3 * 31_557_600) return seconds;
  throw new InvalidArgumentError(
    'a time such as 30m, 1h, 1d, 1w or 1y is wanted, three years at most',
  );
}

async function graph(session: Session, wanted: string, options: Options): Promise<void> {
  const target = await pathOf(session, wanted);
  if (target === undefined) return;
  const { last } = options;
  if (options.svg !== undefined && options.png !== undefined)
    return session.fail('one of --svg and --png', EXIT.usage);
  if (options.svg !== undefined) return svg(session, target, options.svg, options);
  if (options.png !== undefined) return png(session, target, options.png, options);
  if (options.csv === true || session.json) return everything(session, target, options);
  const data = await session.ask('monitor', 'graph', { target, last, points: COLUMNS });
  if (data === undefined) return;
  const rows = rowsOf(data);
  if (rows.length === 0) return session.note(`nothing was measured of ${text(data['name'])}`);
  draw(session, data, rows);
}

/** Seconds east of UTC here. */
const offsetSec = ({ environment }: Session): number =>
  -60 * new Date(environment.wallMs()).getTimezoneOffset();

async function svg(
  session: Session,
  target: string,
  file: string,
  { last, force }: Options,
): Promise<void> {
  const args = { target, last, offset: offsetSec(session), format: 'svg', ...SMOKE };
  const data = await session.ask('monitor', 'graph', args);
  if (data !== undefined)
    write(session, data, file, new TextEncoder().encode(text(data['svg'])), force);
}

/** Drawn here: the daemon has better to do than to paint. */
async function png(
  session: Session,
  target: string,
  file: string,
  { last, force }: Options,
): Promise<void> {
  const data = await session.ask('monitor', 'graph', { target, last, points: SMOKE.points });
  if (data === undefined) return;
  const rows = rowsOf(data).map(({ times, ...row }): SeriesRow => {
    const [minUs = 0, q1Us = 0, medianUs = 0, q3Us = 0, maxUs = 0] = times ?? [];
    return { ...row, times: times && { minUs, q1Us, medianUs, q3Us, maxUs } };
  });
  const bytes = await session.environment.smokePng(rows, {
    ...{ title: text(data['name']), offsetSec: offsetSec(session) },
    ...{ fromSec: Number(data['fromSec']), toSec: Number(data['toSec']) },
    ...{ widthPx: SMOKE.width, heightPx: SMOKE.height },
  });
  write(session, data, file, bytes, force);
}

function write(
  session: Session,
  data: JsonObject,
  file: string,
  bytes: Uint8Array,
  force: boolean | undefined,
): void {
  if (session.writeFile(file, bytes, force)) session.note(`${file}: ${text(data['name'])}`);
}

/** Page by page: a message on the bus has a limit. */
async function everything(session: Session, target: string, { last, csv }: Options): Promise<void> {
  const to = Math.ceil(session.environment.wallMs() / 1000);
  const pageSec = PAGE_SEC.find(({ within }) => last <= within)?.pageSec ?? last;
  const rows: Row[] = [];
  let head: JsonObject = {};
  for (let from = to - last; from < to; from += pageSec) {
    const data = await session.ask('monitor', 'graph', {
      ...{ target, from, to: Math.min(to, from + pageSec), points: 2 * PAGE },
    });
    if (data === undefined) return;
    head = data;
    rows.push(...rowsOf(data).filter(({ atSec }) => atSec > (rows.at(-1)?.atSec ?? 0)));
  }
  if (csv === true) return session.data(csvOf(rows));
  session.printJson({
    ...{ target: target.slice(0, -1), name: head['name'] ?? '' },
    rows: rows.map(({ atSec, spanSec, sent, received, times }) => {
      const [minUs = null, q1Us = null, medianUs = null, q3Us = null, maxUs = null] = times ?? [];
      return {
        ...{ at: new Date(atSec * 1000).toISOString(), spanSec, sent, received },
        ...{ minUs, q1Us, medianUs, q3Us, maxUs },
      };
    }),
  });
}

const csvOf = (rows: readonly Row[]): string =>
  [
    'at,span_sec,sent,received,min_us,q1_us,median_us,q3_us,max_us',
    ...rows.map(({ atSec, spanSec, sent, received, times = ['', '', '', '', ''] }) =>
      [new Date(atSec * 1000).toISOString(), spanSec, sent, received, ...times].join(','),
    ),
    '',
  ].join('\n');

const rowsOf = (data: JsonObject): readonly Row[] =>
  list(data['rows']).flatMap((row) => {
    if (!isList(row)) return [];
    const [atSec = 0, spanSec = 0, sent = 0, received = 0, ...times] = row.map(Number);
    return [{ atSec, spanSec, sent, received, times: times.length === 5 ? times : undefined }];
  });

/** Medians as bars, coloured by loss. */
function draw(session: Session, data: JsonObject, rows: readonly Row[]): void {
  const [fromSec, toSec] = [Number(data['fromSec']), Number(data['toSec'])];
  const medians = rows.flatMap(({ times }) => times?.[2] ?? []);
  const top = Math.max(1, ...medians);
  const cells = Array.from({ length: COLUMNS }, () => ' ');
  for (const row of rows) {
    const place = Math.floor((COLUMNS * (row.atSec - fromSec)) / Math.max(1, toSec - fromSec));
    if (place < 0 || place >= COLUMNS) continue;
    const bar = BARS[Math.min(7, Math.floor((8 * (row.times?.[2] ?? 0)) / top))] ?? ' ';
    cells[place] = session.paint(styleOf(row), row.times === undefined ? '×' : bar);
  }
  const sum = (of: (row: Row) => number): number => rows.reduce((n, row) => n + of(row), 0);
  const [sent, received] = [sum((row) => row.sent), sum((row) => row.received)];
  const extreme = (of: typeof Math.min, place: number): string =>
    time(
      medians.length === 0 ? undefined : of(...rows.flatMap(({ times }) => times?.[place] ?? [])),
    );
  session.data(`${cells.join('')}\n`);
  const clock = (sec: number): string => new Date(sec * 1000).toISOString().slice(0, 16);
  const [left, right] = [clock(fromSec), clock(toSec)];
  session.data(
    `${left}${' '.repeat(Math.max(1, COLUMNS - left.length - right.length))}${right} (UTC)\n`,
  );
  session.line(
    `${text(data['name'])}: ${extreme(Math.min, 0)} to ${extreme(Math.max, 4)}, a full bar is ${time(top)}; ${sent - received} of ${sent} lost (${((100 * (sent - received)) / Math.max(1, sent)).toFixed(2)} %)`,
    undefined,
  );
}

function styleOf({ sent, received }: Row): Style {
  if (received === sent) return 'green';
  return sent - received > 0.2 * sent ? 'red' : 'yellow';
}
