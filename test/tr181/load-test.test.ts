/** `Device.X_GATEHOUSE_Monitor.LoadTest.`: what it compiles to, what is refused, what is reported. */
import t from 'tap';
import { err, ok } from '../../src/base/result.ts';
import type { LoadObserved, LoadRun } from '../../src/services/monitor/load-test/types.ts';
import { bench, ORIGIN } from './fixture.ts';

const LOAD = 'Device.X_GATEHOUSE_Monitor.LoadTest.';

const idle = { sent: 40, received: 39, medianUs: 12_000, p95Us: 14_000, jitterUs: 300 };
const RUN: LoadRun = {
  ...{ number: 1, slot: 1, atSec: 1_796_000_000, cause: 'Schedule', host: 'speed.example' },
  ...{ idle, upload: undefined, grade: 'B', bytes: 90_000_000, ended: 'Duration', reason: '' },
  download: {
    ...{ bitsPerSec: 93_456_789, bytes: 90_000_000, tookMs: 10_000, increaseUs: 45_000 },
    latency: { sent: 80, received: 80, medianUs: 57_000, p95Us: 80_000, jitterUs: 5000 },
    ...{ ended: 'Duration', reason: '' },
  },
};
const seen = (more: Partial<LoadObserved> = {}): LoadObserved => ({
  ...{ status: 'Waiting', reason: '', running: undefined, nextMs: Date.UTC(2026, 10, 30, 3) },
  ...{ dayBytes: 90_000_000, monthBytes: 500_000_000, allowanceBytes: 7, runs: [RUN] },
  ...more,
});

t.test('nobody agreed to anything at first', async (t) => {
  const b = bench();
  t.same(b.model.compileAll().loadTest, {
    ...{ enable: false, metered: false, host: '', downloadUrl: '', uploadUrl: '' },
    ...{ durationMs: 10_000, streams: 4, intervalMs: 86_400_000, hours: [2, 3, 4] },
    caps: { runBytes: 250e6, dayBytes: 500e6, monthBytes: 10e9 },
  });
  t.equal(b.get(`${LOAD}Status`), 'Disabled');
  t.equal(b.get(`${LOAD}Allowance`), '250000000');
  t.equal(b.get(`${LOAD}NextTest`), '0001-01-01T00:00:00Z');
});

t.test('what makes no sense is refused', async (t) => {
  const b = bench();
  t.equal(await b.set(`${LOAD}Enable`, 'true'), 'conflict', 'with what?');
  for (const url of ['file:///etc/passwd', 'speed.example', 'http://user:word@speed.example/']) {
    t.equal(await b.set(`${LOAD}DownloadURL`, url), 'conflict', url);
    t.equal(await b.set(`${LOAD}UploadURL`, url), 'conflict', url);
  }
  t.equal(await b.set(`${LOAD}UploadURL`, 'https://speed.example/up'), 'done');
  t.equal(await b.set(`${LOAD}Enable`, 'true'), 'done');
  t.equal(await b.set(`${LOAD}UploadURL`, ''), 'conflict');
  t.equal(await b.set(`${LOAD}Duration`, '31'), 'outOfRange');
  t.equal(await b.set(`${LOAD}Streams`, '17'), 'outOfRange');
  t.equal(await b.set(`${LOAD}Hours`, '24'), 'outOfRange');
  t.equal(await b.set(`${LOAD}Hours`, ''), 'done');
  t.equal(await b.set(`${LOAD}RunCap`, '999999'), 'outOfRange');
  t.equal(await b.set(`${LOAD}Target`, 'a host'), 'outOfRange');
  t.match(b.model.compileAll().loadTest, { enable: true, hours: [] });
});

t.test('runs are rows, and what goes on is seen', async (t) => {
  const b = bench();
  b.observed.publish('loadTest', seen());
  await Promise.resolve();
  t.equal(b.get(`${LOAD}Status`), 'Waiting');
  t.equal(b.get(`${LOAD}NextTest`), '2026-11-30T03:00:00Z');
  t.equal(b.get(`${LOAD}BytesThisMonth`), '500000000');
  t.equal(b.get(`${LOAD}Allowance`), '7');
  const last = b.get(`${LOAD}Last`);
  t.equal(last, `${LOAD}History.1`);
  for (const [name, value] of Object.entries({
    ...{ Cause: 'Schedule', Grade: 'B', Ended: 'Duration', Bytes: '90000000' },
    ...{ IdleMedian: '12000', IdleLoss: '250', DownloadRate: '93457', DownloadMedian: '57000' },
    ...{ DownloadIncrease: '45000', DownloadLoss: '0', UploadRate: '0', UploadMedian: '0' },
    ...{ Time: '2026-11-30T00:53:20Z', Target: 'speed.example', Reason: '' },
  })) {
    t.equal(b.get(`${last}.${name}`), value, name);
  }
  // The hundred and first takes the place of the first.
  b.observed.publish('loadTest', seen({ runs: [{ ...RUN, number: 101, slot: 1, grade: 'F' }] }));
  await Promise.resolve();
  t.equal(b.get(`${LOAD}HistoryNumberOfEntries`), '1');
  t.equal(b.get(`${LOAD}History.1.Grade`), 'F');
  const running = { phase: 'upload', elapsedMs: 1, bytes: 5, bitsPerSec: 7_000_400, rttUs: 99 };
  b.observed.publish(
    'loadTest',
    seen({ status: 'Running', running: { ...running, phase: 'upload' } }),
  );
  await Promise.resolve();
  for (const [name, value] of Object.entries({
    ...{ Status: 'Running', Phase: 'Upload', Rate: '7000', RoundTrip: '99', Taken: '5' },
  })) {
    t.equal(b.get(`${LOAD}${name}`), value, name);
  }
});

t.test('a controller begins one, and gets what it came to', async (t) => {
  const b = bench();
  const { signal } = new AbortController();
  const operate = () => b.model.operate(`${LOAD}Run()`, {}, { origin: ORIGIN, signal });
  b.calls.loadTest = async () => err('nobody agreed to it');
  t.match(JSON.stringify(await operate()), /"ok":false.*nobody agreed to it/);
  b.calls.loadTest = async () => ok(RUN);
  const done = await operate();
  t.equal(done.ok, true);
  const output = JSON.stringify(done);
  t.match(output, /"Grade","value":"B"|"Grade":"B"/);
  t.match(output, /93457/);
});
