/** What bursts come to: percentiles, jitter, losses and their pattern. */
import t from 'tap';
import { lossRuns, quantile, Statistics } from '../../../src/services/monitor/statistics.ts';
import type { Burst } from '../../../src/services/monitor/types.ts';

const burst = (rttsUs: readonly (number | undefined)[], more: Partial<Burst> = {}): Burst => ({
  ...{ target: 'x', atSec: 0, rttsUs, sent: rttsUs.length, ttl: 64, duplicates: 0, reordered: 0 },
  received: rttsUs.filter((rtt) => rtt !== undefined).length,
  ...{ cause: undefined, detail: '' },
  ...more,
});

/** Park and Miller's minimal standard: the same numbers each time. */
function* chance(seed: number): Generator<number, never> {
  for (let n = seed; ; ) {
    n = (n * 48_271) % 2_147_483_647;
    yield n / 2_147_483_647;
  }
}

t.test('percentiles lie between the two nearest values', async (t) => {
  t.equal(quantile([], 0.5), undefined);
  t.equal(quantile([7], 0.99), 7);
  t.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  t.equal(quantile([1, 2, 3, 4, 5], 0.25), 2);
  t.equal(quantile([0, 10], 0.95), 9.5);
});

t.test('a target that was never asked has no figures', async (t) => {
  const { now } = new Statistics();
  t.match(now, { bursts: 0, availability: undefined, lossPercent: undefined, window: 0 });
  for (const name of ['minUs', 'medianUs', 'p99Us', 'iqrUs', 'jitterUs', 'lastUs'] as const) {
    t.equal(now[name], undefined, name);
  }
  t.equal(now.losses.pattern, 'None');
});

t.test('figures of a few bursts, by hand', async (t) => {
  const statistics = new Statistics();
  statistics.add(burst([1000, 3000, undefined, 2000], { duplicates: 1, reordered: 2 }));
  statistics.add(burst([undefined, undefined], { cause: 'Timeout' }));
  statistics.duplicate();
  const { now } = statistics;
  t.match(now, { bursts: 2, sent: 6, received: 3, duplicates: 2, reordered: 2, ttl: 64 });
  t.equal(now.availability, 50);
  t.equal(now.lossPercent, 50);
  t.match(now, { minUs: 1000, medianUs: 2000, maxUs: 3000, meanUs: 2000, lastUs: 2000 });
  t.equal(now.iqrUs, 1000);
  // RFC 3550 §6.4.1: J += (|D| - J) / 16, of 2000 and then 1000.
  const first = 2000 / 16;
  t.equal(now.jitterUs, first + (1000 - first) / 16);
  t.match(now.losses, { count: 2, longest: 2, pattern: 'Few' });
});

t.test('only the last 600 probes count for percentiles, all for counters', async (t) => {
  const statistics = new Statistics();
  for (let i = 0; i < 100; i++) statistics.add(burst(Array.from({ length: 10 }, () => i + 1)));
  const { now } = statistics;
  t.match(now, { sent: 1000, window: 600, minUs: 41, maxUs: 100 });
});

t.test('patterns of loss', async (t) => {
  const rolls = chance(7);
  const random = Array.from({ length: 600 }, () => rolls.next().value < 0.1);
  t.equal(lossRuns(random).pattern, 'Random');
  const periodic = Array.from({ length: 600 }, (_, i) => i % 20 === 3);
  t.match(lossRuns(periodic), { pattern: 'Periodic', period: 20, count: 30, longest: 1 });
  const pairs = Array.from({ length: 600 }, (_, i) => i % 50 < 2);
  t.match(lossRuns(pairs), { pattern: 'Periodic', period: 50, longest: 2 });
  // Gilbert's channel: bad for a while, then good for a while.
  let bad = false;
  const bursty = Array.from({ length: 600 }, () => {
    bad = rolls.next().value < (bad ? 0.8 : 0.03);
    return bad;
  });
  t.equal(lossRuns(bursty).pattern, 'Bursts');
  t.match(lossRuns(Array.from({ length: 600 }, () => true)), { pattern: 'Bursts', longest: 600 });
  t.match(lossRuns([false, false]), { pattern: 'None', count: 0, longest: 0 });
});

t.test('chance is seldom taken for more', async (t) => {
  const rolls = chance(99);
  let wrong = 0;
  for (let round = 0; round < 500; round++) {
    const lost = Array.from({ length: 600 }, () => rolls.next().value < 0.05);
    if (lossRuns(lost).pattern !== 'Random') wrong += 1;
  }
  t.ok(wrong <= 10, `${wrong} of 500`);
});
