/**
 * A year of 100 targets at one burst of ten a minute, in the store of series, by injected time. What is kept of the
 * old is the same whatever was sent: so the year begins with a burst an hour, goes on with one in ten minutes
 * where these rows are kept, and ends with every minute of the last nine days. On a disk in memory, since its size is
 * measured and not its speed.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/os/linux/store.ts';
import { Series } from '../../src/services/monitor/series/series.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';
import type { Bench, Comparison } from './run.ts';

const TARGETS = 100;
const DAY = 86_400;
const LIMIT_MB = 200;
/** Until which day of the year a burst comes how often. */
const PACES = [
  { untilDay: 304, everySec: 3600 },
  { untilDay: 356, everySec: 600 },
  { untilDay: 365, everySec: 60 },
] as const;

async function run(): Promise<Comparison[]> {
  const folder = mkdtempSync('/dev/shm/gh-series-');
  try {
    const opened = await openStore(folder);
    if (!opened.ok) throw opened.error;
    await using store = opened.value;
    const startMs = Date.UTC(2025, 0, 1);
    const clock = new FakeClock({ wallMs: startMs });
    const series = new Series({ store, clock, log: new MemoryLog(), troubled: () => {} });
    const ids = Array.from({ length: TARGETS }, (_, i) => `x.${i + 1}`);
    await series.keep(ids);
    const cpu = process.cpuUsage();
    let atSec = 0;
    let bursts = 0;
    for (const { untilDay, everySec } of PACES) {
      // As many as one write takes, where it is the real pace.
      const flushSec = everySec === 60 ? 600 : 6 * everySec;
      for (; atSec < untilDay * DAY; atSec += everySec) {
        clock.setWall(startMs + atSec * 1000);
        for (const target of ids) {
          const rttsUs = Array.from({ length: 10 }, (_, i) => 20_000 + ((atSec + 977 * i) % 9000));
          bursts += 1;
          series.add({
            ...{ target, atSec: startMs / 1000 + atSec, rttsUs, sent: 10, received: 10 },
            ...{ duplicates: 0, reordered: 0, ttl: 60, cause: undefined, detail: '' },
          });
        }
        if (atSec % flushSec === 0) await series.flush();
      }
    }
    clock.setWall(startMs + atSec * 1000);
    await series.flush();
    const { user, system } = process.cpuUsage(cpu);
    const { waiting, dropped } = series.figures;
    const now = startMs / 1000 + atSec;
    const counted = (sec: number): string => {
      const rows = series.read('x.1', now - sec + 1, now, 20_000);
      return `${rows.length} rows of ${rows[0]?.spanSec ?? 0} s`;
    };
    return [
      {
        name: `a year of ${TARGETS} targets`,
        ours: statSync(join(folder, 'gatehouse.mdb')).size / 1e6,
        ...{ peer: LIMIT_MB, unit: 'MB', peerName: 'the limit', higherIsBetter: false },
        ...{ oursCpuSec: (user + system) / 1e6, peerCpuSec: 0 },
        note: `${bursts} bursts written, ${waiting} waiting, ${dropped} dropped; a day gives ${counted(DAY)}, a week ${counted(7 * DAY)}, a year ${counted(365 * DAY)}`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const bench: Bench = { name: 'series', run };
