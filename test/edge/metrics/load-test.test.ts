/** What collectors are told of the last load test. */
import t from 'tap';
import { type ServiceFigures, serviceFamilies } from '#src/edge/metrics/services.ts';
import type { LoadObserved } from '#src/services/monitor/load-test/types.ts';

const FIGURES: ServiceFigures = {
  ...{ monoMs: () => 0, boottimeMs: () => 0, statistics: () => undefined },
  ...{ dns: undefined, dht: undefined, probes: undefined, series: undefined },
};

function told(loadTest: LoadObserved | undefined): readonly string[] {
  const observed = loadTest === undefined ? {} : { loadTest };
  return serviceFamilies(observed, FIGURES)
    .filter(({ name }) => name.includes('load_test'))
    .flatMap(({ name, samples }) =>
      samples.map(({ labels, value }) => `${name} ${Object.values(labels).join()} ${value}`),
    );
}

t.test('the last load test in numbers', async (t) => {
  t.same(told(undefined), []);
  const latency = { sent: 80, received: 78, medianUs: 57_000, p95Us: 80_000, jitterUs: 5000 };
  const observed: LoadObserved = {
    ...{ status: 'Waiting', reason: '', running: undefined, nextMs: 1 },
    ...{ dayBytes: 9, monthBytes: 10, allowanceBytes: 11, runs: [] },
  };
  t.match(told(observed), [/load_test_today_bytes +9$/], 'there was none yet');
  const run: LoadObserved['runs'][number] = {
    ...{ number: 1, slot: 1, atSec: 1_796_000_000, cause: 'Owner', host: 'speed.example' },
    ...{ idle: latency, download: undefined, grade: 'B', bytes: 8, ended: 'Duration', reason: '' },
    upload: {
      ...{ bitsPerSec: 5_000_000, bytes: 8, tookMs: 10_000, increaseUs: 45_000 },
      ...{ latency: { ...latency, medianUs: 102_000 }, ended: 'Duration', reason: '' },
    },
  };
  t.same(
    told({ ...observed, runs: [{ ...run, bytes: 1 }, run] }).map((line) =>
      line.replace(/^.*load_test_/, ''),
    ),
    [
      'timestamp_seconds  1796000000',
      'bytes  8',
      'today_bytes  9',
      'bits_per_second upload 5000000',
      'rtt_median_seconds idle 0.057',
      'rtt_median_seconds upload 0.102',
    ],
  );
});
