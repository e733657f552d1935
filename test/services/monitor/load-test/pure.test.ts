/** The parts of a load test that are reckoned: grade, rate, schedule. */
import t from 'tap';
import { gradeOf } from '#src/services/monitor/load-test/grade.ts';
import { Meter, rampMs } from '#src/services/monitor/load-test/meter.ts';
import { nextRunMs } from '#src/services/monitor/load-test/schedule.ts';
import { charged, usageOn } from '../../../../src/services/monitor/load-test/usage.ts';

const HOUR = 3_600_000;

t.test('the grade is that of the larger increase', async (t) => {
  for (const [ms, grade] of [
    [0, 'A+'],
    [4.9, 'A+'],
    [5, 'A'],
    [29, 'A'],
    [30, 'B'],
    [60, 'C'],
    [199, 'C'],
    [200, 'D'],
    [400, 'F'],
    [5000, 'F'],
  ] as const) {
    t.equal(gradeOf(0, ms * 1000), grade, `${ms} ms`);
  }
  t.equal(gradeOf(undefined, 70_000), 'C');
  t.equal(gradeOf(undefined, undefined), undefined);
});

t.test('a rate is told from looks that need not be regular', async (t) => {
  const meter = new Meter(100);
  t.equal(meter.rate(0), 0);
  meter.look(1000, 0);
  t.equal(meter.rate(0), 0);
  meter.look(1100, 1000);
  meter.look(1900, 9000);
  meter.look(2000, 30_000);
  t.equal(meter.rate(0), 240_000);
  t.equal(meter.rate(900), 1_680_000, 'of the last 100 ms');
  t.equal(meter.rate(5000), 1_680_000, 'there is always something to tell from');
  t.equal(meter.tookMs, 1000);
  for (let i = 0; i < 200; i++) meter.look(2000 + 10 * i, 30_000);
  t.equal(meter.tookMs, 2990, 'more looks than there is room for');
  t.equal(rampMs(10_000), 2000);
  t.equal(rampMs(3000), 1000);
});

t.test(
  'the next test falls into an hour that is allowed, in any zone and at any change of time',
  async (t) => {
    const hours = [2, 3];
    for (const zone of ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns']) {
      const format = new Intl.DateTimeFormat('en', {
        hour: 'numeric',
        hourCycle: 'h23',
        timeZone: zone,
      });
      const hourOf = (ms: number): number => Number(format.format(ms));
      // A year, around the changes to and from summer time as well.
      for (let day = 0; day < 366; day++) {
        const nowMs = Date.UTC(2026, 0, 1 + day, day % 24, 7);
        for (const luck of [0, 0.4, 0.999]) {
          const next = nextRunMs({ intervalMs: 24 * HOUR, hours }, nowMs, nowMs, luck, hourOf);
          if (!hours.includes(hourOf(next))) t.fail(`${zone} ${new Date(next).toISOString()}`);
          if (next < nowMs || next > nowMs + 49 * HOUR) t.fail(`${zone} ${next - nowMs}`);
        }
      }
    }
    // Two in the morning does not come on that day.
    const format = new Intl.DateTimeFormat('en', {
      hour: 'numeric',
      hourCycle: 'h23',
      timeZone: 'Europe/Berlin',
    });
    const missing = nextRunMs(
      { intervalMs: HOUR, hours: [2] },
      0,
      Date.UTC(2026, 2, 28, 23),
      0,
      (ms) => Number(format.format(ms)),
    );
    t.equal(new Date(missing).toISOString(), '2026-03-30T00:00:00.000Z');
  },
);

t.test('where all hours are allowed it is spread a little', async (t) => {
  const schedule = { intervalMs: 24 * HOUR, hours: [] };
  const at = (due: number, luck: number): number => nextRunMs(schedule, due, 1000, luck, () => 0);
  t.equal(at(0, 0), 1000);
  t.equal(at(5000, 0), 5000);
  t.equal(at(5000, 0.5), 5000 + HOUR / 4);
  t.equal(
    nextRunMs({ intervalMs: HOUR, hours: [] }, 5000, 1000, 0.5, () => 0),
    5000 + HOUR / 20,
  );
});

t.test('a clock that is set back and forth makes no bytes free', async (t) => {
  const lastNumber = 3;
  const used = { day: '2026-12-01', dayBytes: 5, monthBytes: 7, lastNumber };
  const back = charged(usageOn(used, '2026-11-30'), 1);
  t.same(usageOn(back, '2026-12-01'), {
    day: '2026-12-01',
    dayBytes: 6,
    monthBytes: 8,
    lastNumber,
  });
  t.same(usageOn(back, '2026-12-02'), {
    day: '2026-12-02',
    dayBytes: 0,
    monthBytes: 8,
    lastNumber,
  });
  t.same(usageOn(back, '2027-01-01'), {
    day: '2027-01-01',
    dayBytes: 0,
    monthBytes: 0,
    lastNumber,
  });
});
