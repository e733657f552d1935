/** Series: what is written is what was measured, over kills, full disks, clocks that jump and a year. */
import t from 'tap';
import { appendSamples, readSamples } from '../../../src/services/monitor/series/raw.ts';
import {
  chunkOf,
  merge,
  putRow,
  rollUp,
  rowAt,
  type SeriesRow,
} from '../../../src/services/monitor/series/rows.ts';
import { Series } from '../../../src/services/monitor/series/series.ts';
import type { Burst } from '../../../src/services/monitor/types.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';

const ID = 'Device.X_GATEHOUSE_Monitor.Target.7';
const START = Date.UTC(2026, 0, 1);

const burst = (atSec: number, rttsUs: readonly (number | undefined)[], target = ID): Burst => ({
  ...{ target, atSec, rttsUs, sent: rttsUs.length, duplicates: 0, reordered: 0, ttl: 64 },
  received: rttsUs.filter((rtt) => rtt !== undefined).length,
  ...{ cause: undefined, detail: '' },
});

function opened(store = new MemoryStore(), wallMs = START) {
  const clock = new FakeClock({ wallMs });
  const log = new MemoryLog();
  const reasons: (string | undefined)[] = [];
  const series = new Series({ store, clock, log, troubled: (why) => void reasons.push(why) });
  const nowSec = () => Math.floor(clock.wallMs() / 1000);
  return { store, clock, log, series, nowSec, reasons };
}

t.test('rows and samples come back as they went in', async (t) => {
  const row: SeriesRow = {
    ...{ atSec: 60, spanSec: 60, sent: 70_000, received: 69_999 },
    times: { minUs: 1, q1Us: 2, medianUs: 300_000, q3Us: 4_000_000, maxUs: 60_000_000 },
  };
  const chunk = chunkOf(undefined);
  t.equal(chunk.byteLength, 72 * 26);
  putRow(chunk, 71, row);
  t.same(rowAt(chunk, 71, 60, 60), row);
  t.equal(rowAt(chunk, 70, 0, 60), undefined);
  t.equal(rowAt(chunk.subarray(1), 0, 0, 60), undefined, 'what has another length is none');
  const samples = [
    { atSec: 1000, rttsUs: [0, 127, 128, 16_384, undefined, 59_999_999] },
    { atSec: 1001, rttsUs: [undefined] },
  ];
  const first = appendSamples(undefined, 900, samples.slice(0, 1));
  const whole = appendSamples(first, 900, samples.slice(1));
  t.same(readSamples(whole, 900), samples);
  for (let length = 0; length < whole.byteLength; length++) {
    const cut = readSamples(whole.subarray(0, length), 900);
    t.ok(cut.length <= 2 && cut.every((one, i) => one.atSec === samples[i]?.atSec), `${length}`);
  }
  t.same(
    readSamples(
      appendSamples(appendSamples(undefined, 0, [samples[1] ?? { atSec: 0, rttsUs: [] }]), 0, [
        { atSec: 5, rttsUs: [9] },
      ]),
      0,
    ).map(({ atSec }) => atSec),
    [5, 1001],
    'ascending, also when the clock was set back',
  );
});

t.test('rows join: sums and extremes exact, quartiles weighted', async (t) => {
  const times = (us: number) => ({ minUs: us, q1Us: us, medianUs: us, q3Us: us, maxUs: us });
  const rows = [
    { atSec: 0, spanSec: 60, sent: 10, received: 10, times: times(100) },
    { atSec: 60, spanSec: 60, sent: 10, received: 5, times: times(400) },
    { atSec: 120, spanSec: 60, sent: 10, received: 0, times: undefined },
    { atSec: 180, spanSec: 60, sent: 4, received: 4, times: times(7) },
  ];
  t.same(merge(rows, 4), rows);
  t.same(merge(rows, 2), [
    {
      ...{ atSec: 0, spanSec: 120, sent: 20, received: 15 },
      times: { minUs: 100, q1Us: 200, medianUs: 200, q3Us: 200, maxUs: 400 },
    },
    { atSec: 120, spanSec: 120, sent: 14, received: 4, times: times(7) },
  ]);
});

t.test('a day, by bursts, minutes, ten minutes and hours', async (t) => {
  const { series, clock, nowSec, store } = opened();
  for (let minute = 0; minute < 24 * 60; minute++) {
    series.add(burst(nowSec(), [1000 + minute, undefined, 3000 + minute]));
    clock.advance(60_000);
    if (minute % 10 === 9) await series.flush();
  }
  await series.flush();
  t.match(series.figures, { waiting: 0, stored: 1440, dropped: 0, failedWrites: 0 });
  const to = nowSec();
  const hour = series.read(ID, to - 3600, to, 400);
  t.equal(hour.length, 60);
  t.match(hour[0], { sent: 3, received: 2, spanSec: 1, times: { minUs: 2380, medianUs: 3380 } });
  const day = series.read(ID, to - 86_400, to, 1440);
  t.equal(day.length, 1440);
  t.match(day.at(-1), { spanSec: 60, sent: 3, times: { minUs: 2439, maxUs: 4439 } });
  t.equal(series.read(ID, to - 86_400, to, 100).length, 100);
  const week = series.read(ID, to - 60 * 86_400 + 10, to, 9000);
  t.equal(week.length, 144, 'in ten minutes');
  t.match(week[0], { spanSec: 600, sent: 30, received: 20, times: { minUs: 1000, maxUs: 3009 } });
  const year = series.read(ID, to - 365 * 86_400, to, 9000);
  t.equal(year.length, 24);
  t.match(year[0], {
    spanSec: 3600,
    sent: 180,
    received: 120,
    times: { minUs: 1000, maxUs: 3059 },
  });
  t.equal(
    year.reduce((n, { sent }) => n + sent, 0),
    3 * 1440,
    'no probe is counted twice or not at all',
  );
  t.ok([...store.data.keys()].every((key) => /^[rmty]\/7\/\d{12}$/.test(key)));
  await series[Symbol.asyncDispose]();
  t.equal(clock.pending, 0);
});

t.test('an end while it is written leaves no timer, and writes the rest', async (t) => {
  const { series, clock, nowSec } = opened();
  series.add(burst(nowSec(), [1000]));
  clock.advance(60_000);
  series.add(burst(nowSec(), [2000]));
  await series[Symbol.asyncDispose]();
  t.match(series.figures, { waiting: 0, stored: 2 });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(clock.pending, 0);
});

t.test('what waits is read, too; a kill costs only that', async (t) => {
  const first = opened();
  for (let minute = 0; minute < 70; minute++) {
    first.series.add(burst(first.nowSec(), [500]));
    first.clock.advance(60_000);
    await first.series.flush();
  }
  first.series.add(burst(first.nowSec(), [900]));
  const to = first.nowSec() + 1;
  t.equal(first.series.read(ID, to - 3600, to, 400).at(-1)?.times?.minUs, 900);
  // Nothing is told to the old one: it is gone. The hour was not over when it went.
  const next = opened(first.store, first.clock.wallMs() + 30 * 60_000);
  t.equal(next.series.read(ID, to - 3600, to, 400).length, 59, 'all that was stored');
  next.series.add(burst(next.nowSec(), [700]));
  next.clock.advance(60 * 60_000);
  // The one that the time itself began, and one of now.
  await next.series.flush();
  await next.series.flush();
  const rows = next.series.read(ID, next.nowSec() - 365 * 86_400, next.nowSec(), 9000);
  t.same(
    rows.map(({ sent }) => sent),
    [60, 11],
    'the hours are whole, over the restart',
  );
});

t.test('a full disk: everything waits, bounded, and is written when there is room', async (t) => {
  const { series, clock, nowSec, store, log } = opened();
  store.failing = 'ENOSPC';
  for (let i = 0; i < 31_000; i++) series.add(burst(nowSec() + (i >> 7), [i]));
  await series.flush();
  t.match(series.figures, { waiting: 30_000, stored: 0, dropped: 1000, failedWrites: 1 });
  t.match(log.lines.at(-1), { level: 'error', fields: { code: 'ENOSPC' } });
  store.failing = undefined;
  clock.advance(60_000);
  await series.flush();
  t.match(series.figures, { waiting: 0, stored: 30_000 });
  const newest = series.read(ID, nowSec() - 400, nowSec() + 400, 400);
  t.equal(newest.at(-1)?.times?.maxUs, 30_999, 'the newest are there');
});

t.test('what could not be written is tried again by itself, less and less often', async (t) => {
  const { series, clock, nowSec, store, reasons } = opened();
  const tick = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  store.failing = 'ENOSPC';
  series.add(burst(nowSec(), [1]));
  for (const [ms, failed] of [
    [59_999, 0],
    [1, 1],
    [5_000, 2],
    [9_999, 2],
    [1, 3],
  ] as const) {
    clock.advance(ms);
    await tick();
    t.equal(series.figures.failedWrites, failed);
  }
  store.failing = undefined;
  clock.advance(20_000);
  await tick();
  t.match(series.figures, { waiting: 0, stored: 1, failedWrites: 3 });
  t.match(
    reasons,
    [/No space left/, undefined],
    'that it fails, and that it is over, is told once',
  );
});

t.test('a clock that jumps loses nothing', async (t) => {
  const { series, clock, nowSec } = opened();
  series.add(burst(nowSec(), [1]));
  clock.setWall(START + 10 * 365 * 86_400_000);
  series.add(burst(nowSec(), [2]));
  await series.flush();
  clock.setWall(0);
  series.add(burst(nowSec(), [3]));
  await series.flush();
  clock.setWall(START + 60_000);
  series.add(burst(nowSec(), [4]));
  await series.flush();
  const rows = series.read(ID, nowSec() - 3600, nowSec() + 1, 400);
  t.same(
    rows.map(({ times }) => times?.minUs),
    [1, 4],
  );
  const far = START / 1000 + 10 * 365 * 86_400;
  t.equal(series.read(ID, far - 60, far + 60, 400)[0]?.times?.minUs, 2);
});

t.test('targets that are gone are forgotten', async (t) => {
  const { series, nowSec, store } = opened();
  series.add(burst(nowSec(), [1]));
  series.add(burst(nowSec(), [1], ID.replace('7', '8')));
  series.add(burst(nowSec(), [1], 'no number'));
  await series.flush();
  series.add(burst(nowSec(), [1]));
  await series.keep([ID.replace('7', '8')]);
  t.ok(store.data.size > 0 && [...store.data.keys()].every((key) => key.includes('/8/')));
  t.equal(series.figures.waiting, 0);
});

t.test('a target that goes while its first samples are written leaves none behind', async (t) => {
  const { series, nowSec, store } = opened();
  series.add(burst(nowSec(), [1]));
  const writing = series.flush();
  await series.keep([ID.replace('7', '8')]);
  await writing;
  t.equal(store.data.size, 0);
  t.equal(series.figures.waiting, 0);
});

t.test('what a full disk does not let go is forgotten later', async (t) => {
  const { series, nowSec, store, clock } = opened();
  series.add(burst(nowSec(), [1]));
  await series.flush();
  const before = store.data.size;
  store.failing = 'ENOSPC';
  await series.keep([]);
  t.equal(store.data.size, before);
  t.equal(series.figures.failedWrites, 1);
  store.failing = undefined;
  clock.advance(60_000);
  await series.flush();
  t.equal(store.data.size, 0);
});

t.test('whom to forget is found by keys: no value is read', async (t) => {
  const { series, nowSec, store } = opened();
  series.add(burst(nowSec(), [1]));
  await series.flush();
  store.entries = () => {
    throw new Error('values are read');
  };
  await series.keep([ID, ID.replace('7', '8')]);
  series.add(burst(nowSec() + 600, [1]));
  await series.flush();
  await series.keep([]);
  t.equal(store.data.size, 0);
});

t.test('old things go: the size of a year is bounded', async (t) => {
  const { series, clock, nowSec, store } = opened();
  await series.keep([ID]);
  const size = () => [...store.data.values()].reduce((n, { byteLength }) => n + byteLength, 0);
  const days: number[] = [];
  for (let day = 0; day < 66; day++) {
    for (let hour = 0; hour < 24; hour++) {
      for (let minute = 0; minute < 60; minute += 5) {
        series.add(
          burst(
            nowSec(),
            Array.from({ length: 10 }, () => 20_000),
          ),
        );
        clock.advance(300_000);
      }
      await series.flush();
    }
    days.push(size());
  }
  const keys = [...store.data.keys()];
  const count = (letter: string) => keys.filter((key) => key.startsWith(letter)).length;
  t.ok(count('r/') <= 292, `${count('r/')} of raw samples`);
  t.ok(count('m/') <= 142, `${count('m/')} of minutes`);
  t.ok(count('t/') <= 122, `${count('t/')} of ten minutes`);
  t.equal(count('y/'), 22);
  t.ok(Math.abs((days[65] ?? 0) - (days[62] ?? 0)) < 25_000, 'only hours are added');
  t.ok(size() < 900_000, `${size()} bytes`);
});

t.test('rolling up nothing gives nothing', async (t) => {
  t.equal(rollUp([], 0, 60), undefined);
  t.match(rollUp([{ atSec: 0, rttsUs: [undefined] }], 0, 60), {
    sent: 1,
    received: 0,
    times: undefined,
  });
});
