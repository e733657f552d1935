/** `Device.X_GATEHOUSE_Monitor.LoadTest.`: how the line fares while it is loaded, on a schedule. */
import { BugError } from '../../base/errors.ts';
import { err, ok } from '../../base/result.ts';
import type {
  DirectionResult,
  LatencyFigures,
  LoadRun,
  LoadTestConfig,
} from '../../services/monitor/load-test/types.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  REASON,
  type ReportContext,
  type ReportSink,
} from '../table.ts';
import { dateTimeOf, UNKNOWN_TIME } from '../types.ts';
import { number, own, text } from './params.ts';

const LOAD = 'Device.X_GATEHOUSE_Monitor.LoadTest.';
const HISTORY = `${LOAD}History.`;
const NO_LOAD =
  "TR-181's DownloadDiagnostics() and UploadDiagnostics() measure throughput alone, when asked, without the owner's consent or a limit";
const PHASES = { idle: 'Idle', download: 'Download', upload: 'Upload' } as const;
const ENDS = ['Duration', 'Cap', 'Failed', 'Aborted'] as const;
const GRADES = ['', 'A+', 'A', 'B', 'C', 'D', 'F'] as const;

const cap = (about: string, fallback: number): ParamDef => ({
  ...{ type: 'unsignedLong', access: 'readWrite', default: String(fallback) },
  ...{ range: [[1_000_000, 1e12]], units: 'bytes', about },
});

interface Figure {
  readonly def: ParamDef;
  readonly read: (run: LoadRun) => string | number | undefined;
}

const micro = (about: string, read: Figure['read']): Figure => ({
  def: { type: 'unsignedInt', units: 'microseconds', about: `${about}; 0: none was answered.` },
  read,
});
const bytes = (about: string, read: Figure['read']): Figure => ({
  def: { type: 'unsignedLong', units: 'bytes', about },
  read,
});

/** Figures of echo requests during one phase. */
const latency = (
  name: string,
  when: string,
  of: (run: LoadRun) => LatencyFigures | undefined,
): Readonly<Record<string, Figure>> => ({
  [`${name}Median`]: micro(`Median of round trips ${when}`, (run) => of(run)?.medianUs),
  [`${name}P95`]: micro(`95 of 100 round trips ${when} took no longer`, (run) => of(run)?.p95Us),
  [`${name}Jitter`]: micro(`As RFC 3550 §6.4.1 smooths it, ${when}`, (run) => of(run)?.jitterUs),
  [`${name}Loss`]: {
    def: { type: 'unsignedInt', units: 'hundredths of a percent', about: `Lost ${when}.` },
    read: (run) => {
      const { sent = 0, received = 0 } = of(run) ?? {};
      return sent === 0 ? 0 : Math.round((10_000 * (sent - received)) / sent);
    },
  },
});

const direction = (
  name: string,
  when: string,
  of: (run: LoadRun) => DirectionResult | undefined,
): Readonly<Record<string, Figure>> => ({
  [`${name}Rate`]: {
    def: {
      ...{ type: 'unsignedInt', units: 'kilobits per second' },
      about: `Throughput ${when}, without the ramp-up; 0: it was not loaded, or for too short a time.`,
    },
    read: (run) => (of(run)?.bitsPerSec ?? 0) / 1000,
  },
  [`${name}Bytes`]: bytes(`Taken ${when}.`, (run) => of(run)?.bytes),
  ...latency(name, when, (run) => of(run)?.latency),
  [`${name}Increase`]: {
    def: {
      ...{ type: 'unsignedInt', units: 'microseconds' },
      about: `What the median grows by ${when}.`,
    },
    read: (run) => of(run)?.increaseUs,
  },
});

/** Of a run: parameters of a row of the history, and outputs of Run(). */
const FIGURES: Readonly<Record<string, Figure>> = {
  Time: {
    def: { type: 'dateTime', about: 'When it began.' },
    read: ({ atSec }) => dateTimeOf(1000 * atSec),
  },
  Cause: {
    def: {
      ...{ type: 'string', enum: ['Schedule', 'Owner', 'Controller'], default: 'Schedule' },
      about: 'Who asked for it: the schedule, the owner by hand, a controller by Run().',
    },
    read: ({ cause }) => cause,
  },
  Target: {
    def: { type: 'string', size: [0, 256], about: 'Whom echo requests went to.' },
    read: ({ host }) => host,
  },
  Grade: {
    def: {
      ...{ type: 'string', enum: GRADES, default: '' },
      about:
        'By the larger of the increases: A+ below 5 ms, A below 30, B below 60, C below 200, D below 400, else F; empty where none is known.',
    },
    read: ({ grade }) => grade,
  },
  Bytes: bytes('Taken in all.', (run) => run.bytes),
  Ended: {
    def: {
      ...{ type: 'string', enum: ENDS, default: 'Duration' },
      about:
        'Why it was over: its time, no more bytes allowed, a failure, or it was called off. Of two directions, the worse.',
    },
    read: ({ ended }) => ended,
  },
  Reason: {
    def: { type: 'string', size: [0, 256], about: 'Why it failed, for people.' },
    read: ({ reason }) => reason,
  },
  ...latency('Idle', 'while the line was idle', ({ idle }) => idle),
  ...direction('Download', 'during the download', ({ download }) => download),
  ...direction('Upload', 'during the upload', ({ upload }) => upload),
};

const DEFS = Object.fromEntries(Object.entries(FIGURES).map(([name, { def }]) => [name, def]));

function valuesOf(run: LoadRun): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(FIGURES).map(([name, { def, read }]) => {
      const value = read(run);
      if (typeof value === 'number') return [name, String(Math.round(value))];
      return [name, value ?? (def.type === 'string' ? '' : '0')];
    }),
  );
}

export const loadTest: ObjectGroup = {
  name: 'LoadTest',
  inputs: ['loadTest'],
  objects: [
    {
      path: LOAD,
      about:
        'Loads the line now and then, and sees how much longer round trips take meanwhile. It takes data: nothing is done without consent.',
      params: own(NO_LOAD, {
        Enable: {
          ...ENABLE,
          about:
            'The consent of the owner to tests on the schedule, and to those that a controller asks for. A test that the owner begins by hand needs none.',
        },
        Metered: {
          ...{ type: 'boolean', access: 'readWrite', default: 'false' },
          about: 'The line is paid by volume: nobody may begin a test.',
        },
        Target: {
          ...text(253, 'Whom echo requests go to; empty: the server of the first URL.'),
          pattern: '[A-Za-z0-9._:%-]*',
        },
        DownloadURL: text(
          1024,
          'http:// or https:// of a large file that is fetched and let go; empty: no download.',
        ),
        UploadURL: text(
          1024,
          'http:// or https:// that takes a POST of bytes without a meaning; empty: no upload.',
        ),
        Duration: number('How long each direction is loaded.', 10, [1, 30], 'seconds'),
        Streams: number('Connections at once.', 4, [1, 16], 'connections'),
        Interval: number('From one test to the next.', 24, [1, 720], 'hours'),
        Hours: {
          ...{ type: 'unsignedInt', access: 'readWrite', range: [[0, 23]], list: { maxItems: 24 } },
          default: '2,3,4',
          about: 'Hours of the day, in the time of the box, in which a test may begin; empty: all.',
        },
        RunCap: cap('What one test may take, both directions together.', 250_000_000),
        DayCap: cap('What all tests of a day may take.', 500_000_000),
        MonthCap: cap('What all tests of a month may take.', 10_000_000_000),
        Status: {
          ...{ type: 'string', enum: ['Disabled', 'Waiting', 'Running', 'Error'] },
          ...{ default: 'Disabled', about: 'Error: the last test on the schedule did not begin.' },
        },
        Reason: REASON,
        NextTest: {
          ...{ type: 'dateTime', default: UNKNOWN_TIME },
          about: 'When the next test begins; 0001-01-01T00:00:00Z without a schedule.',
        },
        Phase: {
          ...{ type: 'string', enum: ['', ...Object.values(PHASES)], default: '' },
          about: 'What a test does now; empty while there is none.',
        },
        Rate: {
          ...{ type: 'unsignedInt', units: 'kilobits per second' },
          about: 'Of the last second of a test under way.',
        },
        RoundTrip: {
          ...{ type: 'unsignedInt', units: 'microseconds' },
          about: 'The last one of a test under way.',
        },
        Taken: {
          ...{ type: 'unsignedLong', units: 'bytes' },
          about: 'By a test under way so far.',
        },
        BytesToday: {
          ...{ type: 'unsignedLong', units: 'bytes' },
          about: 'What tests took today, with all that one under way may take.',
        },
        BytesThisMonth: {
          ...{ type: 'unsignedLong', units: 'bytes' },
          about: 'What tests took this month, with all that one under way may take.',
        },
        Allowance: {
          ...{ type: 'unsignedLong', units: 'bytes' },
          about: 'What a test that begins now may take at most.',
        },
        Last: {
          type: 'string',
          ref: { targets: [`${HISTORY}{i}.`], strong: false },
          about: 'The last test; empty before the first.',
        },
      }),
      commands: {
        Run: {
          about:
            'Begins a test now and waits for its end; called off with the call. Refused without Enable.',
          async: true,
          output: DEFS,
          run: async ({ calls, signal }) => {
            const run = await calls.loadTest(signal);
            return run.ok ? ok(valuesOf(run.value)) : err(run.error);
          },
        },
      },
    },
    {
      path: `${HISTORY}{i}.`,
      about: 'One of the last hundred tests; a new one takes the place of the oldest.',
      rows: 'system',
      params: own(NO_LOAD, DEFS),
    },
  ],
  report,
  check,
};

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const seen = observed.loadTest;
  const row = rows.at(LOAD);
  let last = '';
  for (const run of seen?.runs ?? []) {
    last = out.row(HISTORY, String(run.slot), valuesOf(run));
  }
  const { running, nextMs } = seen ?? {};
  out.put(LOAD, {
    ...{ Status: seen?.status ?? 'Disabled', Reason: seen?.reason ?? '' },
    NextTest: nextMs === undefined ? UNKNOWN_TIME : dateTimeOf(nextMs),
    Phase: running === undefined ? '' : PHASES[running.phase],
    Rate: String(Math.round((running?.bitsPerSec ?? 0) / 1000)),
    RoundTrip: String(Math.round(running?.rttUs ?? 0)),
    Taken: String(running?.bytes ?? 0),
    ...{ BytesToday: String(seen?.dayBytes ?? 0), BytesThisMonth: String(seen?.monthBytes ?? 0) },
    // Without a service nothing was taken yet.
    Allowance: String(
      seen?.allowanceBytes ??
        (row === undefined ? 0 : Math.min(...Object.values<number>({ ...capsOf(row) }))),
    ),
    Last: last.replace(/\.$/, ''),
  });
}

function check(rows: RowReader, out: CheckSink): void {
  const row = rows.at(LOAD);
  if (row === undefined) return;
  const urls = ['DownloadURL', 'UploadURL'].map((name) => ({ name, text: row.text(name) }));
  for (const { name, text } of urls) {
    if (text === '') continue;
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      out.fault(`${LOAD}${name}`, `${text} is neither http://… nor https://…`);
    } else if (url.username !== '' || url.password !== '') {
      out.fault(`${LOAD}${name}`, 'a name and a password have no place in it');
    }
  }
  if (row.bool('Enable') && urls.every(({ text }) => text === '')) {
    out.fault(`${LOAD}Enable`, 'there is nothing to load the line with: DownloadURL or UploadURL');
  }
}

const capsOf = (row: Row): LoadTestConfig['caps'] => ({
  runBytes: row.number('RunCap'),
  dayBytes: row.number('DayCap'),
  monthBytes: row.number('MonthCap'),
});

export function compileLoadTest(rows: RowReader): LoadTestConfig {
  const row = rows.at(LOAD);
  if (row === undefined) throw new BugError(`no ${LOAD}`);
  return {
    ...{ enable: row.bool('Enable'), metered: row.bool('Metered'), host: row.text('Target') },
    ...{ downloadUrl: row.text('DownloadURL'), uploadUrl: row.text('UploadURL') },
    ...{ durationMs: 1000 * row.number('Duration'), streams: row.number('Streams') },
    caps: capsOf(row),
    intervalMs: 3_600_000 * row.number('Interval'),
    hours: row.list('Hours').map(Number),
  };
}
