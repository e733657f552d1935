/** `Device.X_GATEHOUSE_Monitor.`: paths that are watched, and how they are. */
import { err, ok } from '../../base/result.ts';
import type { MonitorConfig, MonitorObserved } from '../../services/monitor/config.ts';
import type { CheckConfig, TargetConfig } from '../../services/monitor/types.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  REASON,
  type ReportContext,
  type ReportSink,
} from '../table.ts';
import { CHECKS, checkKind, kindOf, specOf } from './monitor-checks.ts';
import { STATISTICS, statisticsOf } from './monitor-statistics.ts';
import { number, own } from './params.ts';

const MONITOR = 'Device.X_GATEHOUSE_Monitor.';
const TARGETS = `${MONITOR}Target.`;
const NO_MONITOR = 'TR-181 diagnoses when it is asked, and watches nothing';

export const monitor: ObjectGroup = {
  name: 'Monitor',
  inputs: ['monitor'],
  objects: [
    {
      path: MONITOR,
      about: 'Watches how well paths work.',
      params: own(NO_MONITOR, {
        Enable: { ...ENABLE, default: 'true', about: 'Whether targets are asked.' },
        MaxCPU: number(
          'Of one core, of the whole daemon; above it targets are asked less often.',
          5,
          [1, 100],
          'percent',
        ),
        MaxMemory: number(
          'By which the daemon may grow while it watches; above it targets are asked less often.',
          100,
          [10, 4096],
          'mebibytes',
        ),
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          default: 'Disabled',
          about: 'Disabled while there is nothing to watch.',
        },
        Reason: REASON,
        IPv4Method: {
          type: 'string',
          about:
            'How echo requests leave: raw, ping socket, ping program, or none while none is needed.',
        },
        IPv6Method: { type: 'string', about: 'The same for IPv6.' },
        Slowdown: {
          type: 'unsignedInt',
          default: '1',
          about: 'Intervals are so many times as long as wanted, since the box has too much to do.',
        },
        ProbesSent: { type: 'StatsCounter64', volatile: true, about: 'Echo requests so far.' },
        ProbesLate: {
          type: 'StatsCounter64',
          volatile: true,
          about: 'Answers that came after their time-out.',
        },
        ProbesUnstamped: {
          type: 'StatsCounter64',
          volatile: true,
          about: 'Answers that were not timed by the kernel at both ends.',
        },
        ProbesRefused: {
          type: 'StatsCounter64',
          volatile: true,
          about: 'Probes and checks that found too many others waiting.',
        },
        SamplesWaiting: {
          type: 'unsignedInt',
          volatile: true,
          about: 'Bursts that wait to be stored: of a minute, and more while the disk is full.',
        },
        SamplesDropped: {
          type: 'StatsCounter64',
          volatile: true,
          about: 'Bursts that were let go since too many waited.',
        },
      }),
    },
    {
      path: `${TARGETS}{i}.`,
      about: 'One thing that is watched.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias']],
      maxRows: 1024,
      params: own(NO_MONITOR, {
        Enable: { ...ENABLE, default: 'true' },
        Alias: ALIAS,
        Name: {
          type: 'string',
          access: 'readWrite',
          size: [0, 64],
          default: '',
          about: 'For people; empty: its host.',
        },
        ...CHECKS,
        Host: {
          type: 'string',
          access: 'readWrite',
          size: [0, 253],
          pattern: '[A-Za-z0-9._:%-]*',
          default: '',
          about: 'Its address or name.',
        },
        Family: {
          type: 'string',
          access: 'readWrite',
          enum: ['Any', 'IPv4', 'IPv6'],
          default: 'Any',
          about: 'Which addresses of a name are taken.',
        },
        Interval: number('From one burst to the next.', 60, [1, 86_400], 'seconds'),
        Burst: number('Probes of a burst.', 10, [1, 20], 'probes'),
        Spacing: number('From one probe of a burst to the next.', 100, [0, 60_000], 'milliseconds'),
        Timeout: number('How long an answer is waited for.', 2000, [10, 60_000], 'milliseconds'),
        PayloadSize: number('Bytes after the ICMP header.', 56, [8, 1472], 'bytes'),
        BackOff: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about:
            'Whether it is asked less often after three bursts without answer: every 2^n seconds after the nth, every five minutes at last.',
        },
        Status: {
          type: 'string',
          enum: ['Disabled', 'Waiting', 'Up', 'Lossy', 'Down'],
          default: 'Disabled',
          about: 'Whether its last burst was answered wholly, in part or not at all.',
        },
        Address: { type: 'string', size: [0, 64], about: 'Where its name leads.' },
        Cause: {
          type: 'string',
          enum: ['', 'Timeout', 'Unreachable', 'Unresolved', 'WrongAnswer', 'NotSent'],
          about: 'Why answers are missing.',
        },
        Reason: { type: 'string', size: [0, 256], about: 'The same for people, if there is more.' },
        BackedOff: { type: 'boolean', about: 'It is asked less often, as it does not answer.' },
      }),
      commands: {
        Test: {
          about: 'Asks it once, now, whether it is watched or not.',
          async: true,
          output: {
            Sent: { type: 'unsignedInt' },
            Received: { type: 'unsignedInt' },
            MinTime: { type: 'unsignedInt' },
            MeanTime: { type: 'unsignedInt' },
            MaxTime: { type: 'unsignedInt' },
            Cause: { type: 'string' },
            Reason: { type: 'string' },
          },
          run: async ({ object, rows, calls, signal }) => {
            const row = rows.at(object);
            if (row === undefined) return err('it is gone');
            const tested = await calls.monitorTest(targetOf(row), signal);
            if (!tested.ok) return tested;
            const { sent, received, rttsUs, cause, detail } = tested.value;
            const times = rttsUs.filter((rtt) => rtt !== undefined);
            const us = (value: number): string =>
              times.length === 0 ? '0' : String(Math.round(value));
            return ok({
              ...{ Sent: String(sent), Received: String(received) },
              ...{ MinTime: us(Math.min(...times)), MaxTime: us(Math.max(...times)) },
              MeanTime: us(times.reduce((a, b) => a + b, 0) / times.length),
              ...{ Cause: cause ?? '', Reason: detail },
            });
          },
        },
      },
    },
    {
      path: `${TARGETS}{i}.Stats.`,
      about: 'What its probes came to; percentiles are of the last 600.',
      params: own(NO_MONITOR, STATISTICS),
    },
  ],
  report,
  check,
};

const unstored = (seen: MonitorObserved | undefined): string | undefined =>
  seen?.unstored && `what is measured waits in memory: ${seen.unstored}`;

function report({ observed, rows, lookups }: ReportContext, out: ReportSink): void {
  const seen = observed.monitor;
  const enabled = rows.at(MONITOR)?.bool('Enable') === true;
  const working = seen?.running === true ? 'Enabled' : 'Disabled';
  const figures = () => lookups.monitor()?.figures;
  out.put(MONITOR, {
    Status: !enabled ? 'Disabled' : seen?.reason === undefined ? working : 'Error',
    Reason: seen?.reason ?? unstored(seen) ?? seen?.slowdownReason ?? '',
    ...{ IPv4Method: seen?.ipv4 ?? 'none', IPv6Method: seen?.ipv6 ?? 'none' },
    Slowdown: String(seen?.slowdown ?? 1),
    ProbesSent: () => String(figures()?.probes.sent ?? 0),
    ProbesLate: () => String(figures()?.probes.late ?? 0),
    ProbesUnstamped: () => String(figures()?.probes.unstamped ?? 0),
    ProbesRefused: () => String((figures()?.probes.refused ?? 0) + (figures()?.checksRefused ?? 0)),
    SamplesWaiting: () => String(lookups.monitor()?.stored.waiting ?? 0),
    SamplesDropped: () => String(lookups.monitor()?.stored.dropped ?? 0),
  });
  const targets = new Map(seen?.targets.map((target) => [target.id, target]));
  for (const row of rows.rows(TARGETS)) {
    const target = targets.get(row.id);
    const wanted = enabled && row.bool('Enable') && row.text('Host') !== '';
    out.put(row.path, {
      Status: !wanted ? 'Disabled' : (target?.status ?? 'Waiting'),
      ...{ Address: target?.address ?? '', Cause: target?.cause ?? '' },
      ...{ Reason: target?.detail ?? '', BackedOff: String(target?.backedOff ?? false) },
    });
    out.put(
      `${row.path}Stats.`,
      statisticsOf(() => lookups.monitor()?.statistics(row.id)),
    );
  }
}

/** A burst is over before the next one begins. */
function check(rows: RowReader, out: CheckSink): void {
  for (const row of rows.rows(TARGETS)) {
    checkKind(row, out);
    const tookMs = row.number('Timeout') + (row.number('Burst') - 1) * row.number('Spacing');
    if (tookMs > 1000 * row.number('Interval')) {
      out.fault(
        `${row.path}Interval`,
        `a burst may take ${tookMs} ms (Timeout and Burst - 1 times Spacing), longer than its Interval`,
      );
    }
  }
}

const FAMILIES: Readonly<Record<string, CheckConfig['family']>> = { IPv4: 'IPv4', IPv6: 'IPv6' };

const specField = (row: Row): Pick<CheckConfig, 'spec'> => {
  const spec = specOf(row);
  return spec === undefined ? {} : { spec };
};

const targetOf = (row: Row): TargetConfig => ({
  id: row.id,
  name: row.text('Name') || row.text('Host'),
  check: {
    kind: kindOf(row),
    host: row.text('Host'),
    family: FAMILIES[row.text('Family')] ?? 'Any',
    timeoutMs: row.number('Timeout'),
    payloadBytes: row.number('PayloadSize'),
    ...specField(row),
  },
  intervalMs: 1000 * row.number('Interval'),
  burst: row.number('Burst'),
  spacingMs: row.number('Spacing'),
  backOff: row.bool('BackOff'),
});

export function compileMonitor(rows: RowReader): MonitorConfig {
  const root = rows.at(MONITOR);
  return {
    enable: root?.bool('Enable') === true,
    maxCpuPercent: root?.number('MaxCPU') ?? 5,
    maxMemoryMb: root?.number('MaxMemory') ?? 100,
    targets: rows
      .rows(TARGETS)
      .filter((row) => row.bool('Enable') && row.text('Host') !== '')
      .map(targetOf),
    known: rows.rows(TARGETS).map(({ id }) => id),
  };
}
