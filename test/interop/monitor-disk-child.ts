/**
 * The monitor's engine and its series on a store in a folder, as the daemon has them, but written ten times a second.
 * Prints a line after each write; a line of standard input adds so many bursts at once, of a target of their own.
 */
import { createInterface } from 'node:readline';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { LateStore } from '../../src/os/linux/late-store.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxProber } from '../../src/os/linux/probe.ts';
import { hostNames } from '../../src/os/linux/resolve.ts';
import { openStore } from '../../src/os/linux/store.ts';
import type { SeriesFigures } from '../../src/services/monitor/config.ts';
import { MonitorEngine } from '../../src/services/monitor/engine.ts';
import { Series } from '../../src/services/monitor/series/series.ts';
import type { Burst, TargetConfig } from '../../src/services/monitor/types.ts';
import { MemoryLog } from '../lib/log.ts';

export interface Line {
  /** `target atSec rttUs` of those that are on disk now and were not before. */
  readonly acknowledged: readonly string[];
  readonly figures: SeriesFigures;
  /** Why what comes cannot be stored; empty when it can. */
  readonly reason: string;
  /** Of all targets that are watched. */
  readonly bursts: number;
  readonly up: number;
}

const TARGETS = 20;
const FLOOD = 'Device.X_GATEHOUSE_Monitor.Target.99';

if (import.meta.main) await run(process.argv[2] ?? '');

async function run(folder: string): Promise<void> {
  const native = loadNative();
  const clock = new LinuxClock(native);
  const reactor = new Reactor(native, { leads: true });
  const log = new MemoryLog();
  const store = new LateStore(() => openStore(folder));
  await store.open();
  let reason = '';
  const series = new Series({
    ...{ store, clock, log },
    troubled: (why) => {
      reason = why ?? '';
    },
  });
  const engine = new MonitorEngine({
    ...{ clock, log, names: hostNames(clock) },
    openProber: (result) => LinuxProber.open({ native, reactor, clock, result }),
    checkOf: () => ({ ok: false, error: '' }),
    usage: () => ({ cpuMs: 0, residentBytes: 0 }),
    report: () => {},
  });
  let bursts = 0;
  let unwritten: { readonly target: string; readonly sample: string }[] = [];
  engine.listen((burst: Burst) => {
    bursts++;
    const { dropped } = series.figures;
    series.add(burst);
    // Where too much waits, the oldest of the same target made room.
    if (series.figures.dropped > dropped) {
      const oldest = unwritten.findIndex(({ target }) => target === burst.target);
      if (oldest < 0) return;
      unwritten.splice(oldest, 1);
    }
    const rttsUs = burst.rttsUs.map((us) => us && Math.round(us));
    const sample = `${burst.target} ${burst.atSec} ${rttsUs}`;
    unwritten.push({ target: burst.target, sample });
  });
  engine.apply({
    ...{ enable: true, maxCpuPercent: 100, maxMemoryMb: 1000, known: [] },
    targets: Array.from(
      { length: TARGETS },
      (_, i): TargetConfig => ({
        ...{
          id: `Device.X_GATEHOUSE_Monitor.Target.${i + 1}`,
          name: '',
          intervalMs: 100,
          burst: 1,
        },
        ...{ spacingMs: 0, backOff: false },
        check: {
          ...{ kind: 'ICMP', host: `127.0.0.${i + 1}`, family: 'Any' },
          ...{ timeoutMs: 500, payloadBytes: 56 },
        },
      }),
    ),
  });
  createInterface({ input: process.stdin }).on('line', (count) => {
    const atSec = Math.floor(clock.wallMs() / 1000);
    for (let i = 0; i < Number(count); i++) {
      series.add({
        ...{ target: FLOOD, atSec: atSec + (i >> 8), rttsUs: [i], sent: 1, received: 1, ttl: 64 },
        ...{ duplicates: 0, reordered: 0, cause: undefined, detail: '' },
      });
    }
  });
  for (;;) {
    await new Promise<void>((resolve) => void clock.after(100, resolve));
    const asked = new Set(unwritten);
    const { failedWrites } = series.figures;
    await series.flush();
    const { figures } = series;
    const written = figures.failedWrites === failedWrites;
    const acknowledged = unwritten.filter((one) => written && asked.has(one));
    if (written) unwritten = unwritten.filter((one) => !asked.has(one));
    const up = engine.observed.targets.filter(({ status }) => status === 'Up').length;
    const line: Line = {
      acknowledged: acknowledged.map(({ sample }) => sample),
      ...{ figures, bursts, up, reason },
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}
