/** What is measured inside the namespace: `burst N` (all at once), `paced N MS` (one each MS), `watch TARGETS SEC` (the engine). */
import { formatIpv4, ipv4 } from '../../../src/base/ip.ts';
import { ok } from '../../../src/base/result.ts';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxProber } from '../../../src/os/linux/probe.ts';
import type { ProbeResult } from '../../../src/os/ports-probe.ts';
import { MonitorEngine } from '../../../src/services/monitor/engine.ts';
import { MemoryLog } from '../../lib/log.ts';

const native = loadNative();
const clock = new LinuxClock(native);
await using reactor = new Reactor(native, { leads: true });
const address = (n: number) => ipv4(0x0a1e0000 + n);
const usage = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const [mode = '', first = '', second = ''] = process.argv.slice(2);
const count = Number(first);

if (mode === 'watch') await watch(count, Number(second));
else await once(count, mode === 'paced' ? Number(second) : 0);

async function once(probes: number, paceMs: number): Promise<void> {
  let over: (() => void) | undefined;
  let left = probes;
  let answers = 0;
  const rtts: Record<string, number> = {};
  const result = (one: ProbeResult): void => {
    if (one.outcome === 'duplicate') return;
    if (one.outcome === 'reply') answers++;
    if (paceMs > 0 && one.outcome === 'reply') rtts[formatIpv4(address(one.tag))] = one.rttUs;
    if (--left === 0) over?.();
  };
  const opened = LinuxProber.open({ native, reactor, clock, result });
  if (!opened.ok) throw opened.error;
  await using prober = opened.value;
  const rounds: object[] = [];
  for (let round = 0; round < (paceMs > 0 ? 1 : 5); round++) {
    left = probes;
    answers = 0;
    const done = new Promise<void>((resolve) => {
      over = resolve;
    });
    const cpu = usage();
    const startMs = performance.now();
    for (let n = 1; n <= probes; n++) {
      prober.add({
        ...{ address: address(n), scope: 0, tag: n, timeoutMs: 500, ttl: 0, payloadBytes: 56 },
      });
      if (paceMs > 0) {
        prober.flush();
        await new Promise<void>((resolve) => void clock.after(paceMs, resolve));
      }
    }
    prober.flush();
    await done;
    rounds.push({ sec: (performance.now() - startMs) / 1000, cpuSec: usage() - cpu, answers });
  }
  process.stdout.write(JSON.stringify({ rounds, rtts, figures: prober.figures }));
}

async function watch(targets: number, seconds: number): Promise<void> {
  let bursts = 0;
  await using engine = new MonitorEngine({
    ...{ clock, log: new MemoryLog() },
    names: { resolve: async (host) => ok({ address: address(Number(host)), scope: 0 }) },
    openProber: (result) => LinuxProber.open({ native, reactor, clock, result }),
    checkOf: () => ({ ok: false, error: '' }),
    usage: () => ({ cpuMs: 0, residentBytes: 0 }),
    report: () => {},
  });
  engine.listen(() => void bursts++);
  engine.apply({
    ...{ enable: true, maxCpuPercent: 100, maxMemoryMb: 1000, known: [] },
    targets: Array.from({ length: targets }, (_, i) => ({
      ...{ id: `x.${i + 1}`, name: '', intervalMs: 1000, burst: 1, spacingMs: 0, backOff: true },
      check: {
        ...{ kind: 'ICMP' as const, host: `${i + 1}`, family: 'Any' as const },
        ...{ timeoutMs: 500, payloadBytes: 56 },
      },
    })),
  });
  const wait = (sec: number) =>
    new Promise<void>((resolve) => void clock.after(1000 * sec, resolve));
  await wait(Math.min(10, seconds / 4));
  const collect = () => {
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    return { heap: heapUsed, resident: rss };
  };
  let [sec, cpuSec] = [0, 0];
  const memory = [collect()];
  // In two halves: what fills once, such as the last bursts of each target, grows in the first only.
  for (let half = 0; half < 2; half++) {
    const [cpu, startMs] = [usage(), performance.now()];
    await wait(seconds / 2);
    sec += (performance.now() - startMs) / 1000;
    cpuSec += usage() - cpu;
    memory.push(collect());
  }
  process.stdout.write(JSON.stringify({ sec, cpuSec, bursts, memory }));
}
