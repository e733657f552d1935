/** What the daemon tells others of itself: metrics and its log; loaded when somebody asks. */
import { readdirSync } from 'node:fs';
import type { EventLoopUtilization, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../base/clock.ts';
import type { Steps } from '../control/loop.ts';
import type { MetricSources } from '../edge/metrics/families.ts';
import type { LogSink } from '../os/linux/log.ts';
import type { Net } from '../os/ports-net.ts';
import type { OtlpService } from '../services/otlp/service.ts';
import type { CollectorFigures } from '../services/syslog/config.ts';
import type { SyslogService } from '../services/syslog/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Lookups, Observations } from '../tr181/table.ts';
import type { Family } from '../wire/openmetrics.ts';
import { Lazy } from './lazy.ts';

export interface TelemetryParts {
  readonly observed: Observed<Observations>;
  readonly net: Net;
  readonly lookups: Pick<Lookups, 'dns' | 'dht' | 'monitor' | 'monoMs' | 'boottimeMs' | 'wallMs'>;
  readonly logs: Pick<LogSink, 'log' | 'watch'>;
  readonly clock: Clock;
  status(): MetricSources['status'];
  http(): object | undefined;
}

export interface Telemetry extends AsyncDisposable {
  readonly steps: Pick<Steps, 'metrics' | 'syslog'>;
  readonly syslog: readonly CollectorFigures[];
  /** Undefined while nobody may ask. */
  readonly token: string | undefined;
  text(): Promise<string>;
}

const LOOP_RESOLUTION_MS = 20;
const CLOCK_SET_MS = 10_000;

export function buildTelemetry(parts: TelemetryParts): Telemetry {
  let token: string | undefined;
  let busySince: EventLoopUtilization | undefined;
  let delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  const watchLoop = async (on: boolean): Promise<void> => {
    // A timer of its own: only where somebody collects.
    if (!on) delay?.disable();
    else if (delay === undefined) {
      // It takes 3 ms to load.
      const hooks = await import('node:perf_hooks');
      delay = hooks.monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
      delay.enable();
    } else delay.enable();
  };
  let startMs = Number.NaN;
  /** The same each time, or it reads as a new start; but the clock may have been set. */
  const startedMs = (): number => {
    const nowStarted = parts.lookups.wallMs() - process.uptime() * 1000;
    if (!(Math.abs(nowStarted - startMs) < CLOCK_SET_MS)) startMs = nowStarted;
    return startMs;
  };
  const processFigures = (): MetricSources['process'] => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    const now = performance.eventLoopUtilization();
    const { utilization } =
      busySince === undefined ? now : performance.eventLoopUtilization(now, busySince);
    busySince = now;
    const delayNs = delay?.percentile(99) ?? 0;
    delay?.reset();
    return {
      ...{ userSec: user / 1e6, systemSec: system / 1e6, residentBytes: rss },
      ...{ heapUsedBytes: heapUsed, openFiles: openFiles(), loopBusyRatio: utilization },
      startedSec: startedMs() / 1000,
      // What is measured is the time between two ticks of the timer.
      loopDelaySec: Math.max(0, delayNs / 1e9 - LOOP_RESOLUTION_MS / 1000),
    };
  };
  const loadSyslog = async (attempt: AsyncDisposableStack): Promise<SyslogService> => {
    const [{ SyslogService }, { LinuxSyslogWays }] = await Promise.all([
      import('../services/syslog/service.ts'),
      import('../os/linux/syslog-ways.ts'),
    ]);
    const { logs, clock, observed } = parts;
    const service = attempt.use(
      new SyslogService({
        ...{ ways: new LinuxSyslogWays(), clock, pid: process.pid },
        log: logs.log.child({ service: 'syslog' }),
        hostName: () => observed.get('system')?.kernelName ?? '',
        report: (value) => observed.publish('syslog', value),
      }),
    );
    attempt.use(logs.watch((line) => service.put(line)));
    return service;
  };
  const collect = async (): Promise<readonly Family[]> => {
    const { families } = await import('../edge/metrics/families.ts');
    const { observed, net, lookups, status, http } = parts;
    net.refreshStats();
    const monitor = lookups.monitor();
    return families({
      ...{ observed: observed.values, status: status(), process: processFigures() },
      ...{ links: net.links(), http: http(), syslog: syslog.value?.figures ?? [] },
      ...{ dns: lookups.dns(), dht: lookups.dht() },
      monoMs: () => lookups.monoMs(),
      boottimeMs: () => lookups.boottimeMs(),
      probes: monitor?.figures,
      series: monitor?.stored,
      statistics: (id) => monitor?.statistics(id),
    });
  };
  const loadOtlp = async (attempt: AsyncDisposableStack): Promise<OtlpService> => {
    const [{ OtlpService }, { LinuxOtlpWay }, { encodeOtlpMetrics }] = await Promise.all([
      import('../services/otlp/service.ts'),
      import('../os/linux/otlp-way.ts'),
      import('../wire/otlp.ts'),
    ]);
    const { clock, logs, observed, status } = parts;
    return attempt.use(
      new OtlpService({
        ...{ way: new LinuxOtlpWay(), clock, log: logs.log.child({ service: 'otlp' }) },
        report: (value) => observed.publish('otlp', value),
        request: async () => {
          const timeMs = clock.wallMs();
          const { version } = status();
          const host = observed.get('system')?.kernelName ?? '';
          return encodeOtlpMetrics(await collect(), {
            resource: {
              ...{ 'service.name': 'gatehouse', 'service.version': version },
              ...(host === '' ? {} : { 'host.name': host }),
            },
            scope: { name: 'gatehouse', version },
            ...{ startMs: startedMs(), timeMs },
          });
        },
      }),
    );
  };
  const { log } = parts.logs;
  const syslog = new Lazy({ name: 'the sender of the log', log, build: loadSyslog });
  const otlp = new Lazy({ name: 'the sender of metrics', log, build: loadOtlp });
  return {
    get syslog() {
      return syslog.value?.figures ?? [];
    },
    get token() {
      return token;
    },
    steps: {
      metrics: async (wanted) => {
        token = wanted.token;
        await watchLoop(token !== undefined || wanted.otlp !== undefined);
        if (!otlp.begun && wanted.otlp === undefined) return [];
        (await otlp.load()).apply(wanted.otlp);
        return [];
      },
      syslog: async (wanted) => {
        if (!syslog.begun && wanted.collectors.length === 0) return [];
        (await syslog.load()).apply(wanted);
        return [];
      },
    },
    text: async () => {
      const { encodeOpenMetrics } = await import('../wire/openmetrics.ts');
      return encodeOpenMetrics(await collect());
    },
    [Symbol.asyncDispose]: async () => {
      delay?.disable();
      await syslog[Symbol.asyncDispose]();
      await otlp[Symbol.asyncDispose]();
    },
  };
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
