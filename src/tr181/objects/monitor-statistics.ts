/** `Device.X_GATEHOUSE_Monitor.Target.{i}.Stats.`: all of it is computed when it is read. */
import type { TargetStatistics } from '../../services/monitor/config.ts';
import type { ParamDef, ReportedValues } from '../table.ts';

interface Figure {
  readonly def: ParamDef;
  readonly read: (statistics: TargetStatistics) => string | number | undefined;
}

type NumberField = {
  [K in keyof TargetStatistics]: TargetStatistics[K] extends number | undefined ? K : never;
}[keyof TargetStatistics];

const counter = (field: NumberField, about: string): Figure => ({
  def: { type: 'StatsCounter64', volatile: true, about },
  read: (statistics) => statistics[field],
});

const time = (field: NumberField, about: string): Figure => ({
  def: { type: 'unsignedInt', volatile: true, units: 'microseconds', about },
  read: (statistics) => rounded(statistics[field]),
});

/** The model has no fractions: hundredths of a percent. */
const percent = (field: NumberField, about: string): Figure => ({
  def: { type: 'unsignedInt', volatile: true, units: 'hundredths of a percent', about },
  read: (statistics) => rounded(100 * (statistics[field] ?? 0)),
});

const rounded = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value);

const FIGURES: Readonly<Record<string, Figure>> = {
  Bursts: counter('bursts', 'Bursts that are over.'),
  Sent: counter('sent', 'Probes that were due.'),
  Received: counter('received', 'Probes that were answered in time.'),
  Duplicates: counter('duplicates', 'Further answers to what was answered.'),
  Reordered: counter('reordered', 'Answers that came before that of an earlier probe.'),
  Availability: percent('availability', 'Bursts that were answered at all.'),
  Loss: percent('lossPercent', 'Of the last probes.'),
  MinTime: time('minUs', 'Shortest round trip.'),
  MeanTime: time('meanUs', 'Mean round trip.'),
  MedianTime: time('medianUs', 'Median of the round trips.'),
  P95Time: time('p95Us', '95 of 100 round trips are no longer.'),
  P99Time: time('p99Us', '99 of 100 round trips are no longer.'),
  MaxTime: time('maxUs', 'Longest round trip.'),
  SpreadTime: time('iqrUs', 'From the lower to the upper quartile.'),
  JitterTime: time('jitterUs', 'As RFC 3550 §6.4.1 smooths it, of round trips.'),
  LastTime: time('lastUs', 'The last round trip.'),
  HopLimit: counter('ttl', 'TTL or hop limit of the last answer that told it.'),
  LossRuns: {
    def: { type: 'unsignedInt', volatile: true, about: 'Losses, those in a row counted once.' },
    read: ({ losses }) => losses.count,
  },
  LongestLossRun: {
    def: { type: 'unsignedInt', volatile: true, about: 'Most losses in a row.' },
    read: ({ losses }) => losses.longest,
  },
  LossPattern: {
    def: {
      type: 'string',
      enum: ['None', 'Few', 'Random', 'Bursts', 'Periodic'],
      volatile: true,
      about: 'How losses follow each other; Few: too few to tell.',
    },
    read: ({ losses }) => losses.pattern,
  },
  LossPeriod: {
    def: {
      type: 'unsignedInt',
      volatile: true,
      units: 'probes',
      about: 'From one loss to the next, where they are periodic.',
    },
    read: ({ losses }) => losses.period,
  },
};

export const STATISTICS: Readonly<Record<string, ParamDef>> = Object.fromEntries(
  Object.entries(FIGURES).map(([name, { def }]) => [name, def]),
);

export function statisticsOf(read: () => TargetStatistics | undefined): ReportedValues {
  return Object.fromEntries(
    Object.entries(FIGURES).map(([name, figure]) => [
      name,
      () => {
        const statistics = read();
        const value = statistics === undefined ? undefined : figure.read(statistics);
        return String(value ?? (figure.def.type === 'string' ? 'None' : 0));
      },
    ]),
  );
}
