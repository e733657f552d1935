/** When tests are begun, who may begin one, and what they may take: over days, restarts and kills. */
import t from 'tap';
import { LoadTests } from '#src/services/monitor/load-test/service.ts';
import type {
  LoadObserved,
  LoadOrder,
  LoadResult,
  LoadTestConfig,
} from '#src/services/monitor/load-test/types.ts';
import { FakeClock } from '../../../lib/clock.ts';
import { MemoryLog } from '../../../lib/log.ts';
import { MemoryStore } from '../../../state/memory-store.ts';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 10, 29, 12);

const CONFIG: LoadTestConfig = {
  ...{ enable: true, metered: false, host: '', durationMs: 10_000, streams: 4 },
  ...{ downloadUrl: 'http://speed.example:8080/file', uploadUrl: '' },
  caps: { runBytes: 100e6, dayBytes: 250e6, monthBytes: 1000e6 },
  ...{ intervalMs: 24 * HOUR, hours: [] },
};

/** A box: its store outlives it. Each run takes `takes` bytes and a minute. */
class Box {
  readonly clock: FakeClock;
  readonly log = new MemoryLog();
  readonly store: MemoryStore;
  readonly tests: LoadTests;
  readonly orders: LoadOrder[] = [];
  readonly startedMs: number[] = [];
  observed: LoadObserved | undefined;
  takes = 60e6;
  fault: string | undefined;
  throws = false;

  constructor(store = new MemoryStore(), wallMs = NOON) {
    this.store = store;
    this.clock = new FakeClock({ wallMs });
    this.tests = new LoadTests({
      ...{ clock: this.clock, log: this.log, store },
      run: (order, signal, tell) => this.#run(order, signal, tell),
      wanFault: () => this.fault,
      // A zone without summer time, an hour east.
      local: (wallMs) => {
        const time = new Date(wallMs + HOUR);
        return { day: time.toISOString().slice(0, 10), hour: time.getUTCHours() };
      },
      random: () => 0,
      report: (observed) => {
        this.observed = observed;
      },
    });
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.clock.monoMs() + ms; this.clock.monoMs() < end; ) {
      this.clock.advance(Math.min(30_000, end - this.clock.monoMs()));
      // A commit of the store in memory takes a turn of the loop.
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Hours of the days on which tests began, in the zone of the box. */
  get hours(): readonly number[] {
    return this.startedMs.map((ms) => new Date(ms + HOUR).getUTCHours());
  }

  #run(
    order: LoadOrder,
    signal: AbortSignal,
    tell: (progress: NonNullable<LoadObserved['running']>) => void,
  ): Promise<LoadResult> {
    this.orders.push(order);
    this.startedMs.push(this.clock.wallMs());
    if (this.throws) return Promise.reject(new Error('a bug'));
    const nothing = { idle: undefined, download: undefined, upload: undefined, grade: undefined };
    tell({ phase: 'idle', elapsedMs: 0, bytes: 0, bitsPerSec: 0, rttUs: 1000 });
    return new Promise((resolve) => {
      const bytes = Math.min(this.takes, order.capBytes);
      const ended = bytes === this.takes ? 'Duration' : 'Cap';
      const timer = this.clock.after(60_000, () => {
        resolve({ ...nothing, bytes, ended, reason: '' });
      });
      signal.addEventListener('abort', () => {
        timer.cancel();
        resolve({ ...nothing, bytes: 1000, ended: 'Aborted', reason: '' });
      });
    });
  }
}

const begun = async (box: Box, ...args: Parameters<LoadTests['begin']>) => {
  const result = await box.tests.begin(...args);
  return result.ok ? result.value.order : result.error;
};

t.test('nothing is done without consent', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, enable: false });
  await box.pass(72 * HOUR);
  t.same(box.orders, []);
  t.match(box.observed, { status: 'Disabled', nextMs: undefined });
  t.match(await begun(box, 'Controller'), /nobody agreed to it: set .*LoadTest.Enable to true/);
  t.match(await begun(box, 'Owner'), { host: 'speed.example', capBytes: 100e6 }, 'for this once');
  await box.pass(120_000);
  t.match(box.tests.observed.runs, [{ cause: 'Owner', ended: 'Duration', bytes: 60e6 }]);
  t.equal(box.tests.observed.status, 'Disabled');
});

t.test('nobody loads a line that is paid by volume', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, metered: true });
  await box.pass(72 * HOUR);
  t.same(box.orders, []);
  t.match(await begun(box, 'Owner'), /paid by volume/);
  t.equal(box.tests.observed.status, 'Disabled');
});

t.test('consent that is taken back ends the test under way', async (t) => {
  const box = new Box();
  box.tests.apply(CONFIG);
  await box.pass(30_000);
  t.equal(box.tests.observed.status, 'Running');
  box.tests.apply({ ...CONFIG, enable: false });
  await box.pass(1);
  t.match(box.tests.observed, { status: 'Disabled', dayBytes: 1000, running: undefined });
  t.match(box.tests.observed.runs, [{ cause: 'Schedule', ended: 'Aborted' }]);

  t.match(await begun(box, 'Owner'), { capBytes: 100e6 });
  box.tests.apply({ ...CONFIG, enable: false, streams: 2 });
  t.equal(box.tests.observed.status, 'Running', 'that of the owner goes on');
  box.tests.apply({ ...CONFIG, metered: true });
  await box.pass(1);
  t.equal(box.tests.observed.runs.at(-1)?.ended, 'Aborted');
  t.equal(box.clock.pending, 1, 'but for the look at the day');
  await box.tests[Symbol.asyncDispose]();
  t.equal(box.clock.pending, 0);
});

t.test('one at a time, by a way that is up, with a URL', async (t) => {
  const box = new Box();
  t.match(await begun(box, 'Owner'), /not ready/);
  box.tests.apply({ ...CONFIG, enable: false });
  const [first, second] = await Promise.all([begun(box, 'Owner'), begun(box, 'Owner')]);
  t.match(first, { capBytes: 100e6 });
  t.equal(second, 'a test is under way already');
  t.ok(box.tests.stop());
  await box.pass(1);
  t.notOk(box.tests.stop());
  box.fault = 'the link of wan0 is down';
  t.equal(await begun(box, 'Owner'), 'the link of wan0 is down');
  box.fault = undefined;
  box.tests.apply({ ...CONFIG, enable: false, downloadUrl: '' });
  t.match(await begun(box, 'Owner'), /no URL .*DownloadURL, or name one/);
  const wish = { uploadUrl: 'http://[2001:db8::1]/', capBytes: 5e6, streams: 1 };
  t.match(await begun(box, 'Owner', wish), {
    ...{ host: '2001:db8::1', capBytes: 5e6, streams: 1, durationMs: 10_000 },
  });
});

t.test('by day and by hour', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, hours: [3, 4] });
  t.equal(box.tests.observed.nextMs, Date.UTC(2026, 10, 30, 2), 'three in the zone of the box');
  await box.pass(5 * 24 * HOUR);
  t.same(box.hours, [3, 3, 3, 3, 3].slice(0, box.hours.length));
  t.ok(box.hours.length >= 4, 'once a day');
  t.match(box.orders[0], { host: 'speed.example', downloadUrl: CONFIG.downloadUrl });
});

t.test('a restart neither repeats a test nor leaves one out', async (t) => {
  const box = new Box();
  box.tests.apply(CONFIG);
  await box.pass(HOUR);
  t.equal(box.orders.length, 1);
  await box.tests[Symbol.asyncDispose]();
  const next = new Box(box.store, NOON + HOUR);
  next.tests.apply(CONFIG);
  t.match(next.tests.observed, { dayBytes: 60e6, monthBytes: 60e6, runs: [{ number: 1 }] });
  await next.pass(22 * HOUR);
  t.equal(next.orders.length, 0);
  await next.pass(2 * HOUR);
  t.equal(next.orders.length, 1);
  t.same(
    next.tests.observed.runs.map(({ number }) => number),
    [1, 2],
  );
});

t.test('a day and a month have so many bytes, whoever asks', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, enable: false });
  const caps: (number | string)[] = [];
  const test = async (): Promise<void> => {
    const order = await begun(box, 'Owner');
    caps.push(typeof order === 'string' ? order : order.capBytes);
    await box.pass(120_000);
  };
  box.takes = 90e6;
  for (let i = 0; i < 4; i++) await test();
  t.same(caps.slice(0, 3), [100e6, 100e6, 70e6]);
  t.match(caps[3], /^0 bytes are left .*DayCap/);
  t.match(box.tests.observed, { dayBytes: 250e6, monthBytes: 250e6, allowanceBytes: 0 });
  t.equal(box.tests.observed.runs.at(-1)?.ended, 'Cap');
  // The day of the box ends an hour before that of UTC; it is noted without anybody asking.
  await box.pass(10 * HOUR);
  t.equal(box.observed?.dayBytes, 250e6);
  await box.pass(HOUR);
  t.match(box.observed, { dayBytes: 0, monthBytes: 250e6, allowanceBytes: 100e6 });
  box.clock.setWall(box.clock.wallMs() - 48 * HOUR);
  await test();
  t.match(caps[4], /^0 bytes are left/, 'a clock that is set back makes no new day');
  box.clock.setWall(box.clock.wallMs() + 30 * 24 * HOUR);
  t.match(box.tests.observed, { dayBytes: 0, monthBytes: 0 });
});

t.test('a kill makes no bytes free', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, enable: false });
  await begun(box, 'Owner');
  t.match(box.tests.observed, { status: 'Running', dayBytes: 100e6 }, 'all that it may take');
  const next = new Box(box.store);
  next.tests.apply({ ...CONFIG, enable: false });
  t.match(next.tests.observed, { status: 'Disabled', dayBytes: 100e6, runs: [] });
  await box.pass(120_000);
  t.equal(box.tests.observed.dayBytes, 60e6, 'what it took, after its end');
});

t.test('what cannot be written down is not taken', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, enable: false });
  box.store.failing = 'ENOSPC';
  t.match(await begun(box, 'Owner'), /cannot be written down.*No space left/);
  t.same(box.orders, []);
  box.store.failing = undefined;
  t.match(await begun(box, 'Owner'), { capBytes: 100e6 });
  // A result that cannot be kept is still shown, and its bytes are counted as all that it might have taken.
  box.store.failing = 'ENOSPC';
  await box.pass(120_000);
  t.match(box.tests.observed, { runs: [{ number: 1 }], dayBytes: 60e6 });
  const next = new Box(box.store);
  t.match(next.tests.observed, { runs: [], dayBytes: 100e6 });
  box.store.failing = undefined;
  next.tests.apply({ ...CONFIG, enable: false, caps: { ...CONFIG.caps, dayBytes: 1e12 } });
  await begun(next, 'Owner');
  await next.pass(120_000);
  t.match(next.tests.observed, { runs: [{ number: 2, slot: 2 }] }, 'nobody else has its number');
});

t.test('where numbers are left out each row still has a place of its own', async (t) => {
  const box = new Box();
  box.takes = 1e6;
  const config = { ...CONFIG, enable: false };
  const caps = { runBytes: 2e6, dayBytes: 1e12, monthBytes: 1e12 };
  box.tests.apply({ ...config, caps });
  await begun(box, 'Owner');
  await box.pass(60_000);
  await begun(box, 'Owner');
  // A kill: the second has no result.
  const next = new Box(box.store);
  next.takes = 1e6;
  next.tests.apply({ ...config, caps });
  for (let i = 0; i < 99; i++) {
    await begun(next, 'Owner');
    await next.pass(60_000);
  }
  const { runs } = next.tests.observed;
  t.match([runs.length, runs[0], runs.at(-1)], [99, { number: 3 }, { number: 101, slot: 1 }]);
  t.equal(new Set(runs.map(({ slot }) => slot)).size, runs.length);
  const kept = new Box(box.store).tests.observed.runs;
  t.same(
    kept.map(({ number }) => number),
    runs.map(({ number }) => number),
  );
});

t.test('a test that cannot begin is tried again in an hour, and it is said why', async (t) => {
  const box = new Box();
  box.fault = 'the link of wan0 is down';
  box.tests.apply(CONFIG);
  await box.pass(60_000);
  t.match(box.observed, { status: 'Error', reason: 'the link of wan0 is down' });
  box.fault = undefined;
  await box.pass(HOUR + 60_000);
  t.equal(box.orders.length, 1);
  t.match(box.observed, { reason: '' });
});

t.test('a test of the owner that comes to nothing is no end of the schedule', async (t) => {
  const box = new Box();
  box.tests.apply(CONFIG);
  box.store.failing = 'ENOSPC';
  const owner = begun(box, 'Owner');
  // Due while that is being written down.
  box.clock.advance(1);
  t.match(await owner, /cannot be written down/);
  box.store.failing = undefined;
  t.match(box.observed, { status: 'Waiting', reason: '' }, 'nothing is wrong with the schedule');
  await box.pass(HOUR + 60_000);
  t.match(box.tests.observed.runs, [{ cause: 'Schedule' }]);
});

t.test('a bug in a test is no end of tests', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, enable: false });
  box.throws = true;
  await begun(box, 'Owner');
  await box.pass(1000);
  t.match(box.tests.observed, { runs: [{ ended: 'Failed', reason: 'a bug', bytes: 100e6 }] });
  box.throws = false;
  t.match(await begun(box, 'Owner'), { capBytes: 100e6 });
});

t.test('the last hundred are kept', async (t) => {
  const box = new Box();
  box.takes = 1e6;
  const caps = { runBytes: 2e6, dayBytes: 1e12, monthBytes: 1e12 };
  box.tests.apply({ ...CONFIG, enable: false, caps });
  for (let i = 0; i < 103; i++) {
    await begun(box, 'Owner');
    await box.pass(60_000);
  }
  const numbers = (of: Box): readonly number[] => of.tests.observed.runs.map((run) => run.number);
  t.equal(numbers(box).length, 100);
  t.same([numbers(box)[0], numbers(box).at(-1)], [4, 103]);
  t.same(numbers(new Box(box.store)), numbers(box));
  t.equal([...box.store.entries('load-test/run/')].length, 100);
});

t.test('the wall clock may be set', async (t) => {
  const box = new Box();
  box.tests.apply({ ...CONFIG, hours: [13] });
  await box.pass(HOUR);
  t.equal(box.orders.length, 1);
  await box.tests[Symbol.asyncDispose]();

  // A box without a battery starts in 1970, and learns the time a little later.
  const next = new Box(box.store, 0);
  next.tests.apply({ ...CONFIG, hours: [13] });
  await next.pass(300_000);
  t.equal(next.tests.observed.dayBytes, 60e6, 'an old day gives nothing free');
  next.clock.setWall(NOON + HOUR);
  await next.pass(22 * HOUR);
  t.equal(next.orders.length, 0, 'nothing is due by that');
  await next.pass(2 * HOUR);
  t.same(next.hours, [13]);

  // It was years ahead.
  next.clock.setWall(NOON - 1000 * 24 * HOUR);
  await next.pass(25 * HOUR);
  t.equal(next.orders.length, 2);
});
