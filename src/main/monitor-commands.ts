/** `gatehouse.monitor`: what is watched and how it is, as ubus and the command line offer it. */
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { TargetStatistics } from '../services/monitor/statistics.ts';
import type { TargetConfig } from '../services/monitor/types.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { LazyMonitor } from './monitor-lazy.ts';

/** Targets in one answer: a message on the bus has a limit. */
const PAGE = 250;

export interface MonitorCommandsDeps {
  readonly monitor: LazyMonitor;
  /** What is asked for now. */
  config(): CompiledConfig['monitor'];
}

export const monitorCommands = ({ monitor, config }: MonitorCommandsDeps): CommandService => ({
  name: 'monitor',
  about: 'how well the watched paths work',
  commands: {
    status: {
      about: 'how probes leave, what they cost, and the counters',
      args: {},
      run: async () => {
        const { engine } = monitor;
        if (engine === undefined) return done({ running: false, targets: 0 });
        const { targets, ...rest } = engine.observed;
        const figures = engine.figures;
        return done({
          ...rest,
          reason: rest.reason ?? null,
          slowdownReason: rest.slowdownReason ?? null,
          targets: targets.length,
          probes: figures?.probes ?? null,
          checksRefused: figures?.checksRefused ?? 0,
        });
      },
    },
    targets: {
      about: `at most ${PAGE} targets that are on, with their figures, from the number \`from\` on; more says whether there are others`,
      args: { from: 'int32' },
      run: async ({ from = 0 }) => {
        const first = Math.max(0, Number(from) || 0);
        const { enable, targets } = config();
        const page = enable ? targets.slice(first, first + PAGE) : [];
        const seen = new Map(monitor.engine?.observed.targets.map((one) => [one.id, one]));
        return done({
          targets: page.map((target) => {
            const now = seen.get(target.id);
            const statistics = monitor.engine?.statistics(target.id);
            return {
              ...plainTarget(target),
              ...{ status: now?.status ?? 'Waiting', address: now?.address ?? null },
              ...{ cause: now?.cause ?? null, detail: now?.detail ?? '' },
              backedOff: now?.backedOff ?? false,
              statistics: statistics === undefined ? null : plainStatistics(statistics),
            };
          }),
          more: enable && targets.length > first + PAGE,
        });
      },
    },
    test: {
      about: 'asks a target once, now; target is its path',
      args: { target: 'string' },
      run: async ({ target: id = '' }, { signal }) => {
        const path = String(id).replace(/\.$/, '');
        const target = config().targets.find((one) => one.id === path);
        if (target === undefined) return failed(`no target ${path.slice(0, 256)} that is on`);
        const tested = await monitor.test(target, signal);
        if (!tested.ok) return failed(tested.error);
        const { sent, received, rttsUs, cause, detail, duplicates, ttl } = tested.value;
        return done({
          ...{ target: path, name: target.name, sent, received, duplicates, ttl },
          rttsUs: rttsUs.map((rtt) => (rtt === undefined ? null : Math.round(rtt))),
          ...{ cause: cause ?? null, detail },
        });
      },
    },
  },
});

const plainTarget = (target: TargetConfig): object => ({
  ...{ target: target.id, name: target.name, type: target.check.kind, host: target.check.host },
  ...{ intervalSec: target.intervalMs / 1000, burst: target.burst },
});

/** Times in µs; null where there is none. */
function plainStatistics({ losses, ...figures }: TargetStatistics): object {
  const plain = Object.entries(figures).map(([name, value]: [string, number | undefined]) => [
    name,
    value === undefined ? null : Math.round(100 * value) / 100,
  ]);
  return {
    ...Object.fromEntries(plain),
    ...{ lossRuns: losses.count, longestLossRun: losses.longest, lossPattern: losses.pattern },
    lossPeriod: losses.period ?? null,
  };
}
