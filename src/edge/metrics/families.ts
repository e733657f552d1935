/** Which numbers there are. Each is asked for when somebody collects them. */
import type { CollectorFigures } from '../../services/syslog/config.ts';
import type { Observations } from '../../tr181/table.ts';
import type { Family } from '../../wire/openmetrics.ts';
import { counter, counters, gauge, gauges } from './make.ts';
import { type LinkFigures, linkFamilies } from './network.ts';
import { type ServiceFigures, serviceFamilies } from './services.ts';

export interface ProcessFigures {
  /** CPU time since the start. */
  readonly userSec: number;
  readonly systemSec: number;
  /** Unix time. */
  readonly startedSec: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly openFiles: number | undefined;
  /** Of the event loop since it was asked last: 0 idle, 1 busy. */
  readonly loopBusyRatio: number;
  /** How late the event loop was, at the 99th percentile since it was asked last. */
  readonly loopDelaySec: number;
}

/** What `gatehouse status` says. */
export interface StatusFigures {
  readonly version: string;
  readonly uptimeSec: number;
  readonly revision: number;
  readonly applied: number;
  readonly failing: Readonly<Record<string, readonly string[]>>;
  /** Counts of the own broker, or a word where another one runs. */
  readonly bus: object | string;
  readonly lostLogLines: number;
  readonly lostAuditRecords: number;
}

export interface MetricSources extends ServiceFigures {
  readonly observed: Readonly<Partial<Observations>>;
  readonly status: StatusFigures;
  readonly process: ProcessFigures;
  /** With fresh counters. */
  readonly links: readonly LinkFigures[];
  /** Of the page's server; undefined where it does not run. */
  readonly http: object | undefined;
  /** Of the sink of the log; empty while nobody is told. */
  readonly syslog: readonly CollectorFigures[];
}

export const families = (from: MetricSources): readonly Family[] => [
  ...processFamilies(from.process),
  ...daemonFamilies(from),
  ...linkFamilies(from.links),
  ...serviceFamilies(from.observed, from),
];

const processFamilies = (of: ProcessFigures): readonly Family[] => [
  counters('process_cpu_seconds', 'CPU time of the daemon.', [
    [{ mode: 'user' }, of.userSec],
    [{ mode: 'system' }, of.systemSec],
  ]),
  gauge('process_start_time_seconds', 'Unix time of the start.', of.startedSec),
  gauge('process_resident_memory_bytes', 'Memory of the daemon.', of.residentBytes),
  gauge('process_heap_used_bytes', 'JavaScript objects.', of.heapUsedBytes),
  gauge('process_open_files', 'Open file descriptors.', of.openFiles),
  gauge('event_loop_busy_ratio', 'Share of time that the event loop worked.', of.loopBusyRatio),
  gauge('event_loop_delay_seconds', 'How late it was (99 %).', of.loopDelaySec),
];

function daemonFamilies({ status, http, syslog }: MetricSources): readonly Family[] {
  const bus = typeof status.bus === 'object' ? status.bus : {};
  const of = (object: object, name: string): number | undefined => {
    const value: unknown = name
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
    return typeof value === 'number' ? value : undefined;
  };
  const web = http ?? {};
  return [
    {
      ...{ name: 'gatehouse_build', type: 'info', help: 'What runs.' },
      samples: [{ labels: { version: status.version }, value: 1 }],
    },
    gauge('uptime_seconds', 'Since the start.', status.uptimeSec),
    gauge('config_revision', 'Revision of the configuration.', status.revision),
    gauge('config_applied_revision', 'Revision that the box is in.', status.applied),
    gauges(
      'config_faults',
      'What could not be done, by service; it is tried again.',
      Object.entries(status.failing).map(([service, faults]) => [{ service }, faults.length]),
    ),
    counter('log_lines_lost', 'Lines that the disk did not take.', status.lostLogLines),
    counter('audit_records_lost', 'Records that the disk did not take.', status.lostAuditRecords),
    counters('syslog_messages', 'Log lines for collectors, by what became of them.', [
      ...syslog.flatMap(({ id, sent, dropped }) => [
        [{ server: id, outcome: 'sent' }, sent] as const,
        [{ server: id, outcome: 'dropped' }, dropped] as const,
      ]),
    ]),
    gauges(
      'syslog_queue_messages',
      'Log lines that wait.',
      syslog.map(({ id, queued }) => [{ server: id }, queued]),
    ),
    gauge('ubus_clients', 'Connections to the bus.', of(bus, 'clients')),
    gauge('ubus_objects', 'Objects on the bus.', of(bus, 'objects')),
    counters('ubus_messages', 'Messages of the bus; dropped: a client did not read.', [
      [{ direction: 'received' }, of(bus, 'received')],
      [{ direction: 'sent' }, of(bus, 'sent')],
      [{ direction: 'dropped' }, of(bus, 'dropped')],
    ]),
    counters('ubus_connections_refused', 'Connections closed by the bus.', [
      [{ reason: 'malformed' }, of(bus, 'malformed')],
      [{ reason: 'stranger' }, of(bus, 'strangers')],
    ]),
    gauge('http_connections', 'Connections of the page.', of(web, 'connections')),
    gauge('http_sessions', 'Accounts that are logged in.', of(web, 'sessions')),
    counters('http_connections_closed', 'Connections that were not served.', [
      [{ reason: 'evicted' }, of(web, 'evicted')],
      [{ reason: 'refused' }, of(web, 'refused')],
      [{ reason: 'handshake' }, of(web, 'handshakesFailed')],
    ]),
    counters('http_logins', 'Log-ins.', [
      ...['succeeded', 'failed', 'refused'].map(
        (outcome) => [{ outcome }, of(web, `logins.${outcome}`)] as const,
      ),
    ]),
    gauge('http_listeners', 'Streams of live events.', of(web, 'listeners')),
    counter('http_listeners_dropped', 'Streams that read too slowly.', of(web, 'listenersDropped')),
  ];
}
