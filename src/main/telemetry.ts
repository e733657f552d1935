/** What the daemon tells others of itself: metrics; loaded when somebody asks. */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Steps } from '../control/loop.ts';
import type { MetricSources } from '../edge/metrics/families.ts';
import type { Net } from '../os/ports-net.ts';
import type { Observed } from '../state/observed.ts';
import type { Lookups, Observations } from '../tr181/table.ts';

export interface TelemetryParts {
  readonly observed: Observed<Observations>;
  readonly net: Net;
  readonly lookups: Pick<Lookups, 'dns' | 'monitor' | 'monoMs' | 'boottimeMs' | 'wallMs'>;
  status(): MetricSources['status'];
  http(): object | undefined;
}

export interface Telemetry extends Disposable {
  readonly steps: Pick<Steps, 'metrics'>;
  /** Undefined while nobody may ask. */
  readonly token: string | undefined;
  text(): Promise<string>;
}

const LOOP_RESOLUTION_MS = 20;

export function buildTelemetry(parts: TelemetryParts): Telemetry {
  let token: string | undefined;
  let busySince = performance.eventLoopUtilization();
  let delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  const watchLoop = (on: boolean): void => {
    // A timer of its own: only where somebody collects.
    if (!on) delay?.disable();
    else if (delay === undefined) {
      delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
      delay.enable();
    } else delay.enable();
  };
  const processFigures = (): MetricSources['process'] => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, busySince);
    busySince = now;
    const delayNs = delay?.percentile(99) ?? 0;
    delay?.reset();
    return {
      ...{ userSec: user / 1e6, systemSec: system / 1e6, residentBytes: rss },
      ...{ heapUsedBytes: heapUsed, openFiles: openFiles(), loopBusyRatio: utilization },
      startedSec: (parts.lookups.wallMs() - process.uptime() * 1000) / 1000,
      // What is measured is the time between two ticks of the timer.
      loopDelaySec: Math.max(0, delayNs / 1e9 - LOOP_RESOLUTION_MS / 1000),
    };
  };
  return {
    get token() {
      return token;
    },
    steps: {
      metrics: (wanted) => {
        token = wanted.token;
        watchLoop(token !== undefined);
        return [];
      },
    },
    text: async () => {
      const [{ families }, { encodeOpenMetrics }] = await Promise.all([
        import('../edge/metrics/families.ts'),
        import('../wire/openmetrics.ts'),
      ]);
      const { observed, net, lookups, status, http } = parts;
      net.refreshStats();
      const monitor = lookups.monitor();
      return encodeOpenMetrics(
        families({
          ...{ observed: observed.values, status: status(), process: processFigures() },
          ...{ links: net.links(), http: http(), syslog: [], dns: lookups.dns() },
          monoMs: () => lookups.monoMs(),
          boottimeMs: () => lookups.boottimeMs(),
          probes: monitor?.figures,
          statistics: (id) => monitor?.statistics(id),
        }),
      );
    },
    [Symbol.dispose]: () => delay?.disable(),
  };
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
