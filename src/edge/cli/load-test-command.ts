/** load-test: how the line fares while it is loaded; run by the daemon, which counts what it takes. */
import type { Command } from 'commander';
import type {
  DirectionResult,
  LatencyFigures,
  LoadProgress,
  LoadRun,
} from '../../services/monitor/load-test/types.ts';
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import { tellerOf } from './progress-line.ts';
import type { Router } from './router.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';
import { time } from './target-commands.ts';
import { size, within } from './typed.ts';

interface Options {
  readonly url?: string;
  readonly uploadUrl?: string;
  readonly target?: string;
  readonly seconds?: number;
  readonly streams?: number;
  readonly cap?: number;
  readonly history?: true;
}

const LOOK_MS = 250;

export function defineLoadTest(program: Command, session: Session): void {
  program
    .command('load-test')
    .description(
      'load the line, and see how much longer round trips take meanwhile; what is left out is as configured in Device.X_GATEHOUSE_Monitor.LoadTest.',
    )
    .allowExcessArguments(false)
    .option('--url <url>', 'a large file to fetch: http://… or https://…')
    .option('--upload-url <url>', 'what takes a POST of any bytes')
    .option('--target <host>', 'whom echo requests go to; else the server of the URL')
    .option('--seconds <n>', 'of each direction', within(1, 30))
    .option('--streams <n>', 'connections at once', within(1, 16))
    .option('--cap <size>', 'it may take no more, such as 500M or 2G', capSize)
    .option('--history', 'what earlier tests came to, and nothing else')
    .action((options: Options) => (options.history ? history(session) : run(session, options)));
}

const capSize = (text: string): number => within(1_000_000, 1e12)(String(size(text)));

/** Exit code 1 where it failed or was called off. */
async function run(session: Session, options: Options): Promise<void> {
  const { url, uploadUrl, target, seconds, streams, cap } = options;
  const wish: Readonly<Record<string, string | number | undefined>> = {
    ...{ url, 'upload-url': uploadUrl, target, seconds, streams, cap },
  };
  const given = Object.entries(wish).filter(
    (entry): entry is [string, string | number] => entry[1] !== undefined,
  );
  await session.withRouter(async (router) => {
    const order = await asked(session, router, 'run', Object.fromEntries(given));
    if (order === undefined) return;
    session.note(
      `at most ${bytesText(order['capBytes'])} are taken; ${text(order['host'])} is asked meanwhile; Ctrl-C calls it off`,
    );
    const status = await follow(session, router);
    const last = status?.['last'];
    if (!isObject(last)) return;
    const result = runOf(last);
    if (session.json) session.printJson(last);
    else show(session, result);
    if (result.ended === 'Failed') session.fail(result.reason);
    if (result.ended === 'Aborted') session.fail('it was called off');
  });
}

/** The status once no test is under way any more; undefined after it said why there is none. */
async function follow(session: Session, router: Router): Promise<JsonObject | undefined> {
  const { environment } = session;
  const { signal } = environment;
  const tell = tellerOf(session);
  let stopped = false;
  for (;;) {
    if (signal.aborted && !stopped) {
      stopped = true;
      // It may be over already: then there is nothing to call off.
      await router.command('load-test', 'stop', {});
    }
    const status = await asked(session, router, 'status', {});
    const running = status?.['running'];
    tell(isObject(running) ? progressText(running) : '');
    if (status?.['status'] !== 'Running') return status;
    await environment.pause(LOOK_MS);
  }
}

async function asked(
  session: Session,
  router: Router,
  command: string,
  args: JsonObject,
): Promise<JsonObject | undefined> {
  const answer = await router.command('load-test', command, args);
  if (!answer.ok) {
    session.fail(answer.error.message);
    return undefined;
  }
  const { status, message, data } = answer.value;
  if (status === 'success') return isObject(data) ? data : {};
  session.fail(message ?? `load-test ${command} failed`);
  return undefined;
}

/** The daemon's own word, which leaves out what is undefined. */
const runOf = (data: JsonObject): LoadRun => data as unknown as LoadRun;

function progressText(data: JsonObject): string {
  const { phase, elapsedMs, bitsPerSec, rttUs, bytes } = data as unknown as LoadProgress;
  return [
    phase.padEnd(8),
    `${(elapsedMs / 1000).toFixed(1)} s`.padStart(7),
    ...(phase === 'idle' ? [] : [rateText(bitsPerSec).padStart(14)]),
    time(rttUs).padStart(9),
    bytesText(bytes),
  ].join('  ');
}

const rateText = (bitsPerSec: number | undefined): string =>
  bitsPerSec === undefined ? '' : `${(bitsPerSec / 1e6).toFixed(1)} Mbit/s`;

const bytesText = (bytes: Json | undefined): string => {
  const mega = Number(bytes ?? 0) / 1e6;
  return `${mega.toFixed(mega < 100 ? 1 : 0)} MB`;
};

interface Phase {
  readonly name: string;
  readonly latency: LatencyFigures;
  readonly direction: DirectionResult | undefined;
}

const PHASES: readonly Column<Phase>[] = [
  { title: 'LINE', cell: ({ name }) => name },
  { title: 'RATE', cell: ({ direction }) => rateText(direction?.bitsPerSec) },
  { title: 'MEDIAN', cell: ({ latency }) => time(latency.medianUs) },
  { title: 'P95', cell: ({ latency }) => time(latency.p95Us) },
  { title: 'JITTER', cell: ({ latency }) => time(latency.jitterUs) },
  { title: 'LOST', cell: ({ latency }) => lossText(latency) },
  { title: 'GROWS BY', cell: ({ direction }) => time(direction?.increaseUs) },
  { title: 'TAKEN', cell: ({ direction }) => (direction ? bytesText(direction.bytes) : '') },
  { title: 'ENDED', cell: ({ direction }) => direction?.ended ?? '' },
];

const lossText = ({ sent, received }: LatencyFigures): string =>
  sent === 0 ? '' : `${(Math.round((1000 * (sent - received)) / sent) / 10).toString()} %`;

function show(session: Session, { idle, download, upload, grade, bytes }: LoadRun): void {
  const phases: Phase[] = [
    ...(idle === undefined ? [] : [{ name: 'idle', latency: idle, direction: undefined }]),
    ...Object.entries({ download, upload }).flatMap(([name, direction]) =>
      direction === undefined ? [] : [{ name, latency: direction.latency, direction }],
    ),
  ];
  session.print(PHASES, phases);
  const known = grade === undefined ? '' : `grade ${grade}; `;
  session.line(`${known}${bytesText(bytes)} taken`, 'bold');
  const isShort = (one: DirectionResult | undefined): boolean =>
    one?.ended === 'Cap' && one.bitsPerSec === undefined;
  if (isShort(download) || isShort(upload)) {
    session.note('the limit was reached too soon for a rate: a larger --cap, or RunCap, gives one');
  }
}

const RUNS: readonly Column<LoadRun>[] = [
  { title: 'TIME', cell: ({ atSec }) => new Date(1000 * atSec).toISOString().slice(0, 16) },
  { title: 'ASKED BY', cell: ({ cause }) => cause },
  { title: 'DOWN', cell: ({ download }) => rateText(download?.bitsPerSec) },
  { title: 'UP', cell: ({ upload }) => rateText(upload?.bitsPerSec) },
  { title: 'IDLE', cell: ({ idle }) => time(idle?.medianUs) },
  { title: 'GROWS DOWN', cell: ({ download }) => time(download?.increaseUs) },
  { title: 'GROWS UP', cell: ({ upload }) => time(upload?.increaseUs) },
  { title: 'GRADE', cell: ({ grade }) => grade ?? '' },
  { title: 'TAKEN', cell: ({ bytes }) => bytesText(bytes) },
  { title: 'ENDED', cell: ({ ended }) => ended },
  { title: 'WHY', cell: ({ reason }) => reason },
];

async function history(session: Session): Promise<void> {
  const data = await session.ask('load-test', 'history');
  if (data === undefined) return;
  const runs = list(data['runs']).filter(isObject);
  if (session.json) return session.printJson(runs);
  if (runs.length === 0) return session.note('there was no test yet');
  session.print(RUNS, runs.map(runOf));
}
