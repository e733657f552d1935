/** One test of a line: what is measured, what ends it, and that not a byte too many is taken. */
import t from 'tap';
import { runLoadTest } from '#src/services/monitor/load-test/run.ts';
import type { LoadOrder, LoadProgress } from '#src/services/monitor/load-test/types.ts';
import { FakeLine } from './fake-line.ts';

const ORDER: LoadOrder = {
  ...{ host: '192.0.2.1', downloadUrl: 'http://192.0.2.1/down', uploadUrl: 'http://192.0.2.1/up' },
  ...{ durationMs: 10_000, streams: 4, capBytes: 1e9 },
};

async function run(line: FakeLine, more: Partial<LoadOrder> = {}, signal?: AbortSignal) {
  const told: LoadProgress[] = [];
  const never = new AbortController().signal;
  const result = await line.until(
    runLoadTest(line, { ...ORDER, ...more }, signal ?? never, (progress) => told.push(progress)),
  );
  return { result, told };
}

const near = (value: number | undefined, wanted: number, share = 0.02): boolean =>
  value !== undefined && Math.abs(value - wanted) <= share * wanted;

t.test('idle, then loaded one way and the other', async (t) => {
  const line = new FakeLine();
  const { result, told } = await run(line);
  t.match(result, { ended: 'Duration', reason: '', grade: 'C' });
  t.match(result.idle, { sent: 40, received: 40, medianUs: 10_000, p95Us: 10_000, jitterUs: 0 });
  for (const direction of [result.download, result.upload]) {
    // Ten seconds, of which the first was half as fast: it is no part of the rate.
    t.ok(near(direction?.bitsPerSec, 80_000_000), `${direction?.bitsPerSec}`);
    t.ok(near(direction?.bytes, 95_000_000, 0.01), `${direction?.bytes}`);
    t.ok(near(direction?.tookMs, 10_000));
    t.match(direction?.latency, { medianUs: 100_000, p95Us: 100_000 });
    t.equal(direction?.latency.sent, 80, 'eight seconds, ten a second');
    t.equal(direction?.increaseUs, 90_000);
  }
  t.equal(result.bytes, line.bytes);
  t.same([...new Set(told.map(({ phase }) => phase))], ['idle', 'download', 'upload']);
  t.ok(near(told.findLast(({ phase }) => phase === 'download')?.bitsPerSec, 80_000_000));
  t.equal(line.opened, 0, 'nothing is left open');
  t.equal(line.clock.pending, 0);
});

t.test('only what has a URL is loaded', async (t) => {
  const { result } = await run(new FakeLine(), { uploadUrl: '' });
  t.equal(result.upload, undefined);
  t.ok(result.download);
  const other = await run(new FakeLine(), { downloadUrl: '' });
  t.equal(other.result.download, undefined);
  t.ok(other.result.upload);
});

t.test('the cap is never exceeded, whatever it is', async (t) => {
  for (const capBytes of [1_000_000, 1_000_001, 7_654_321, 30_000_000]) {
    const line = new FakeLine();
    const { result } = await run(line, { capBytes });
    t.match(result, { ended: 'Cap', download: { ended: 'Cap' }, upload: { ended: 'Cap' } });
    t.ok(result.bytes <= capBytes, `${result.bytes} of ${capBytes}`);
    t.ok((result.download?.bytes ?? 0) <= capBytes / 2, 'something is left for the upload');
    t.equal(result.upload?.bytes, capBytes - (result.download?.bytes ?? 0), 'to the byte');
  }
  const one = await run(new FakeLine(), { capBytes: 5_000_000, uploadUrl: '' });
  t.ok(one.result.bytes <= 5_000_000 && one.result.bytes > 4_980_000, `${one.result.bytes}`);
});

t.test('a short phase has a short ramp-up', async (t) => {
  const { result } = await run(new FakeLine(), { durationMs: 3000, uploadUrl: '' });
  t.ok(near(result.download?.bitsPerSec, 80_000_000));
  t.equal(result.download?.latency.sent, 20);
});

t.test('what is lost is told', async (t) => {
  const line = new FakeLine();
  line.loses = (n) => n % 4 === 3;
  const { result } = await run(line, { uploadUrl: '' });
  t.match(result.idle, { sent: 40, received: 30, medianUs: 10_000 });
  t.match(result.download?.latency, { sent: 80, received: 60 });
});

t.test('nothing is loaded before it is known what the idle line is like', async (t) => {
  const silent = new FakeLine();
  silent.loses = () => true;
  const { result } = await run(silent);
  t.match(result, { ended: 'Failed', bytes: 0, reason: /^192.0.2.1 answers no echo request/ });
  t.equal(silent.bytes, 0);
  const unknown = await run(new FakeLine(), { host: 'nobody.example' });
  t.match(unknown.result, { ended: 'Failed', reason: 'nobody.example: no such host' });
});

t.test('a server that does not serve is told, and how it was until then', async (t) => {
  const line = new FakeLine();
  line.fails = 'http://192.0.2.1/down: status 404 \u001b[2J';
  const { result } = await run(line);
  t.match(result, {
    ...{ ended: 'Failed', bytes: 0, grade: undefined, idle: { received: 40 } },
    reason: 'http://192.0.2.1/down: status 404 \\x1b[2J',
    download: { ended: 'Failed', bitsPerSec: undefined, bytes: 0, latency: { sent: 0 } },
  });
  const stalled = new FakeLine();
  stalled.stalled = true;
  const waited = await run(stalled, { uploadUrl: '' });
  t.match(waited.result, { ended: 'Failed', reason: /no byte within 10 s/ });
});

t.test('it is called off while no server tells an address', async (t) => {
  const line = new FakeLine();
  const { clock, sockets, transfers } = line;
  const names = { resolve: () => new Promise<never>(() => {}) };
  const controller = new AbortController();
  const run = runLoadTest({ clock, sockets, transfers, names }, ORDER, controller.signal, () => {});
  let over = false;
  void run.then(() => (over = true));
  controller.abort();
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(over);
  if (over) t.match(await run, { ended: 'Aborted', reason: '', bytes: 0, idle: undefined });
});

t.test('after a bug nothing goes on', async (t) => {
  const line = new FakeLine();
  const bug = async (): Promise<never> => {
    throw new Error('a bug');
  };
  const { clock, sockets, names } = line;
  const transfers = { ...line.transfers, download: bug };
  const deps = { clock, sockets, names, transfers };
  const never = new AbortController().signal;
  const thrown = runLoadTest(deps, ORDER, never, () => {}).catch((cause: unknown) => cause);
  t.match(await line.until(thrown), { message: 'a bug' });
  clock.advance(20_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(line.opened, 0);
  t.equal(clock.pending, 0, 'nobody is asked for echoes any more');
});

t.test('it is called off at any moment, at once', async (t) => {
  for (const atMs of [50, 3_000, 8_000, 14_500, 20_000]) {
    const line = new FakeLine();
    const controller = new AbortController();
    const startMs = line.clock.monoMs();
    line.clock.after(atMs, () => controller.abort());
    const { result } = await run(line, {}, controller.signal);
    t.match(result, { ended: 'Aborted', reason: '' });
    t.ok(line.clock.monoMs() - startMs <= atMs + 50, `after ${line.clock.monoMs() - startMs} ms`);
    t.equal(result.bytes, line.bytes);
    t.equal(line.opened, 0);
  }
});
