/** `gatehouse.monitor`: what is watched and how it is, as ubus and the command line offer it. */
import type { Clock } from '../base/clock.ts';
import { type CommandAnswer, type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { SeriesRow } from '../services/monitor/series/rows.ts';
import type { TargetStatistics } from '../services/monitor/statistics.ts';
import type { TargetConfig } from '../services/monitor/types.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { LazyMonitor } from './monitor-lazy.ts';

/** Targets in one answer: a message on the bus has a limit. */
const PAGE = 250;

/** `config` gives what is asked for now. */
export const monitorCommands = (
  monitor: LazyMonitor,
  config: () => CompiledConfig['monitor'],
  clock: Pick<Clock, 'wallMs'>,
): CommandService => ({
  name: 'monitor',
  about: 'how well the watched paths work',
  commands: {
    status: {
      about: 'how probes leave, what they cost, and the counters',
      args: {},
      run: async () => {
        const { service } = monitor;
        if (service === undefined) return done({ running: false, targets: 0 });
        const { targets, ...rest } = service.engine.observed;
        const { figures, stored } = service;
        return done({
          ...rest,
          reason: rest.reason ?? null,
          slowdownReason: rest.slowdownReason ?? null,
          targets: targets.length,
          probes: figures?.probes ?? null,
          checksRefused: figures?.checksRefused ?? 0,
          series: stored,
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
        const seen = new Map(monitor.service?.engine.observed.targets.map((one) => [one.id, one]));
        return done({
          targets: page.map((target) => {
            const now = seen.get(target.id);
            const statistics = monitor.service?.statistics(target.id);
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
    graph: {
      about:
        'what a target came to from `from` to `to` (Unix time in seconds; absent: the last `last` seconds): at most `points` rows of [at, span, sent, received, min, q1, median, q3, max] in µs, or with format svg a smoke graph',
      args: {
        ...{ target: 'string', from: 'int64', to: 'int64', last: 'int32', points: 'int32' },
        ...{ format: 'string', width: 'int32', height: 'int32', offset: 'int32', dark: 'int8' },
      },
      run: async (args) => graph(monitor, config(), args, clock.wallMs()),
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

const YEAR = 366 * 86_400;

async function graph(
  monitor: LazyMonitor,
  { targets, known }: CompiledConfig['monitor'],
  args: Readonly<Record<string, unknown>>,
  wallMs: number,
): Promise<CommandAnswer> {
  const id = String(args['target'] ?? '').replace(/\.$/, '');
  if (!known.includes(id)) return failed(`no target ${id.slice(0, 256)}`);
  const whole = (name: string, fallback: number, least: number, most: number): number => {
    const value = Number(args[name] ?? fallback);
    return Number.isInteger(value) ? Math.min(most, Math.max(least, value)) : fallback;
  };
  const now = Math.ceil(wallMs / 1000);
  const last = whole('last', 3600, 60, 3 * YEAR);
  const toSec = whole('to', now, 1, now + YEAR);
  const fromSec = whole('from', toSec - last, toSec - 3 * YEAR, toSec - 1);
  const rows = (await monitor.load()).rows(id, fromSec, toSec, whole('points', 400, 10, 2000));
  const name = targets.find((target) => target.id === id)?.name ?? id;
  if (args['format'] === 'svg') {
    const [{ smokeDrawing }, { svgOf }] = await Promise.all([
      import('../services/monitor/smoke.ts'),
      import('../wire/drawing.ts'),
    ]);
    const drawing = smokeDrawing(rows, {
      ...{ title: name, fromSec, toSec, offsetSec: whole('offset', 0, -86_400, 86_400) },
      dark: Number(args['dark'] ?? 0) === 1,
      ...{ widthPx: whole('width', 800, 200, 4000), heightPx: whole('height', 280, 120, 2000) },
    });
    return done({ target: id, name, fromSec, toSec, svg: svgOf(drawing) });
  }
  return done({ target: id, name, fromSec, toSec, rows: rows.map(plainRow) });
}

const plainRow = ({ atSec, spanSec, sent, received, times }: SeriesRow): readonly unknown[] => [
  ...[atSec, spanSec, sent, received],
  ...(times === undefined
    ? []
    : [times.minUs, times.q1Us, times.medianUs, times.q3Us, times.maxUs].map(Math.round)),
];

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
