/** The monitor with its real adapters: loaded when something is watched or tested first. */
import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { err, ok } from '../base/result.ts';
import { LateStore } from '../os/linux/late-store.ts';
import type { Native, Reactor } from '../os/linux/native.ts';
import { LinuxProber } from '../os/linux/probe.ts';
import { ProgramProber } from '../os/linux/probe-program.ts';
import type { LinuxProcesses } from '../os/linux/process.ts';
import { hostNames } from '../os/linux/resolve.ts';
import { openStore } from '../os/linux/store.ts';
import { checkOf } from '../services/monitor/checks.ts';
import type { MonitorObserved } from '../services/monitor/config.ts';
import { MonitorEngine } from '../services/monitor/engine.ts';
import { Series } from '../services/monitor/series/series.ts';
import { MonitorService } from '../services/monitor/service.ts';
import { buildChecks } from './checks.ts';

/** Where the system's ping is, in the order of preference. */
const PINGS = ['/usr/bin/ping', '/bin/ping'];

export interface MonitorSurroundings {
  readonly native: Native;
  readonly reactor: Reactor;
  readonly processes: LinuxProcesses;
  readonly clock: Clock;
  readonly log: Log;
  readonly stateDir: string;
  report(observed: MonitorObserved): void;
}

export async function buildMonitor(
  stack: AsyncDisposableStack,
  { native, reactor, processes, clock, log, stateDir, report }: MonitorSurroundings,
): Promise<MonitorService> {
  const store = stack.use(new LateStore(() => openStore(`${stateDir}/monitor`)));
  const opened = await store.open();
  if (!opened.ok) log.error({ code: opened.error.code }, opened.error.message);
  const checks = buildChecks(clock);
  let unstored: string | undefined;
  const tell = (seen: MonitorObserved): void =>
    report(unstored === undefined ? seen : { ...seen, unstored });
  const engine = new MonitorEngine({
    ...{ clock, log, report: tell },
    names: hostNames(clock),
    openProber: (result) => {
      const own = LinuxProber.open({ native, reactor, clock, result });
      const file = own.ok ? undefined : PINGS.find((path) => existsSync(path));
      if (own.ok || file === undefined) return own;
      log.warn({ file, code: own.error.code }, 'no ICMP socket can be had: ping is run instead');
      return { ok: true, value: new ProgramProber({ processes, clock, file, result }) };
    },
    checkOf: ({ spec, kind, host }) =>
      spec === undefined
        ? err(`${host}: it is not said what is asked by ${kind}`)
        : ok(checkOf(checks, spec)),
    usage: () => {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1000, residentBytes: process.memoryUsage.rss() };
    },
  });
  const series = new Series({
    ...{ store, clock, log },
    troubled: (reason) => {
      unstored = reason;
      tell(engine.observed);
    },
  });
  return stack.use(new MonitorService(engine, series));
}
