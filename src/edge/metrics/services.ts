/** What the services report. */

import type { AlertObserved } from '../../services/alerts/config.ts';
import type { DhtObserved } from '../../services/dht/config.ts';
import type { DnsObserved } from '../../services/dns/config.ts';
import type {
  MonitorFigures,
  SeriesFigures,
  TargetStatistics,
} from '../../services/monitor/config.ts';
import type { Observations } from '../../tr181/table.ts';
import { SEVERITIES } from '../../wire/alert.ts';
import type { Family } from '../../wire/openmetrics.ts';
import { counter, counters, fields, gauge, gauges } from './make.ts';

export interface ServiceFigures {
  /** CLOCK_MONOTONIC and CLOCK_BOOTTIME. */
  monoMs(): number;
  boottimeMs(): number;
  /** With fresh counters; undefined where it does not run. */
  readonly dns: DnsObserved | undefined;
  /** The same of the DHT node. */
  readonly dht: DhtObserved | undefined;
  readonly probes: MonitorFigures | undefined;
  readonly series: SeriesFigures | undefined;
  statistics(target: string): TargetStatistics | undefined;
}

type Observed = Readonly<Partial<Observations>>;

export const serviceFamilies = (observed: Observed, figures: ServiceFigures): readonly Family[] => [
  ...clientFamilies(observed, figures),
  ...serverFamilies(observed),
  ...dnsFamilies(figures.dns, observed),
  ...otherFamilies(observed),
  ...monitorFamilies(observed, figures),
  ...loadFamilies(observed),
  ...dhtFamilies(figures.dht),
  ...alertFamilies(observed),
];

function clientFamilies({ dhcpClient, dhcp6Client }: Observed, now: ServiceFigures) {
  const four = dhcpClient?.clients ?? [];
  const six = dhcp6Client?.clients ?? [];
  const label = (id: string, family: 4 | 6) => ({ client: id, family: String(family) });
  const leftSec = (untilMs: number, nowMs: number): number => Math.max(0, untilMs - nowMs) / 1000;
  return [
    gauges('dhcp_client_bound', 'Whether the WAN has a lease.', [
      ...four.map((one) => [label(one.id, 4), one.lease === undefined ? 0 : 1] as const),
      ...six.map((one) => [label(one.id, 6), one.lease === undefined ? 0 : 1] as const),
    ]),
    gauges('dhcp_client_lease_seconds', 'How long the lease is still good (IPv4), or until T1.', [
      ...four.map(
        ({ id, lease }) =>
          [label(id, 4), lease && leftSec(lease.expiresAtMs, now.monoMs())] as const,
      ),
      ...six.map(
        ({ id, lease }) =>
          [label(id, 6), lease && leftSec(lease.t1AtMs, now.boottimeMs())] as const,
      ),
    ]),
    counters('dhcp_client_messages', 'Messages on the wire, by type.', [
      ...four.flatMap(({ id, counts }) => fields(counts, 'type', label(id, 4))),
      ...six.flatMap(({ id, counts }) => fields(counts, 'type', label(id, 6))),
    ]),
    counters('dhcp_client_restarts', 'Times that the client program died.', [
      ...four.map(({ id, restarts }) => [label(id, 4), restarts] as const),
      ...six.map(({ id, restarts }) => [label(id, 6), restarts] as const),
    ]),
  ];
}

function serverFamilies({ dhcpServer, dhcpLeases, dhcp6Server }: Observed): readonly Family[] {
  const pools = dhcpServer?.pools ?? [];
  const bindings = (kind: string): number | undefined =>
    dhcp6Server?.bindings.filter((one) => one.kind === kind && one.state === 'bound').length;
  return [
    gauges(
      'dhcp_pool_addresses',
      'Addresses that a pool has.',
      pools.map(({ id, size }) => [{ pool: id }, size]),
    ),
    gauges(
      'dhcp_pool_leases',
      'Addresses of a pool on loan.',
      pools.map(({ id, bound }) => [{ pool: id }, bound]),
    ),
    gauge('dhcp_leases', 'Leases that are known, ended ones too.', dhcpLeases?.leases.length),
    gauge('dhcp_pending_clients', 'Devices that wait for approval.', dhcpServer?.pending.length),
    gauge('dhcp_rogue_servers', 'Other servers that answer here.', dhcpServer?.rogues.length),
    counters(
      'dhcp_server_messages',
      'Messages, by type, and why some were not answered.',
      dhcpServer === undefined ? [] : fields(dhcpServer.counts, 'type'),
    ),
    gauges('dhcp_store_failing', 'Whether new leases cannot be kept.', [
      [{ family: '4' }, dhcpServer && (dhcpServer.storeFault === undefined ? 0 : 1)],
      [{ family: '6' }, dhcp6Server && (dhcp6Server.storeFault === undefined ? 0 : 1)],
    ]),
    gauges('dhcp6_bindings', 'Addresses and prefixes on loan.', [
      [{ kind: 'address' }, bindings('address')],
      [{ kind: 'prefix' }, bindings('prefix')],
    ]),
    counters(
      'dhcp6_server_messages',
      'Messages, by type, and why some were not answered.',
      dhcp6Server === undefined ? [] : fields(dhcp6Server.counts, 'type'),
    ),
    counters(
      'router_advertisements',
      'Router advertisements sent.',
      (dhcp6Server?.advertisers ?? []).map(({ id, sent }) => [{ interface: id }, sent]),
    ),
  ];
}

function dnsFamilies(dns: DnsObserved | undefined, { dnsPolicy }: Observed): readonly Family[] {
  const upstreams = dns?.upstreams ?? [];
  const label = ({ id, protocol, port }: (typeof upstreams)[number]) => ({
    ...{ upstream: id, protocol, port: String(port) },
  });
  return [
    gauge('dns_up', 'Whether the server answers.', dns && (dns.status === 'Enabled' ? 1 : 0)),
    counter('dns_queries', 'Queries that came.', dns?.counts.queries),
    counters(
      'dns_outcomes',
      'What became of queries, and of answers.',
      dns === undefined
        ? []
        : fields(dns.counts, 'outcome').filter(([labels]) => labels['outcome'] !== 'queries'),
    ),
    gauge('dns_cache_entries', 'Answers in the cache.', dns?.cache.entries),
    gauge('dns_cache_used_bytes', 'Of the cache.', dns?.cache.usedBytes),
    gauge('dns_cache_size_bytes', 'What the cache may take.', dns?.cache.sizeBytes),
    counter('dns_cache_evicted', 'Answers that made room for others.', dns?.cache.evicted),
    gauges(
      'dns_upstream_up',
      'Whether it answers.',
      upstreams.map((one) => [label(one), one.state === 'down' ? 0 : 1]),
    ),
    gauges(
      'dns_upstream_rtt_seconds',
      'How long its answers take, smoothed.',
      upstreams.map((one) => [label(one), one.rttMs === undefined ? undefined : one.rttMs / 1000]),
    ),
    counters(
      'dns_upstream_queries',
      'Queries to it, and what became of them.',
      upstreams.flatMap((one) => {
        const { queries, answers, timeouts, failures, mismatches } = one;
        const counts = { queries, answers, timeouts, failures, mismatches };
        return fields(counts, 'outcome', label(one));
      }),
    ),
    gauge('dns_blocked_names', 'Names on the lists.', dnsPolicy?.names),
    gauges(
      'dns_list_rules',
      'Rules of a list.',
      (dnsPolicy?.lists ?? []).map(({ id, rules }) => [{ list: id }, rules]),
    ),
    gauges(
      'dns_list_failing',
      'Whether the last try to fetch a list failed.',
      (dnsPolicy?.lists ?? []).map(({ id, fault }) => [{ list: id }, fault === '' ? 0 : 1]),
    ),
  ];
}

function otherFamilies({ neighbors, firewall, map, captures }: Observed): readonly Family[] {
  const active = neighbors?.hosts.filter((host) => host.active).length;
  const sessions = captures?.sessions ?? [];
  return [
    gauges('hosts', 'Devices of the LAN that are known.', [
      [{ state: 'active' }, active],
      [{ state: 'away' }, neighbors && neighbors.hosts.length - (active ?? 0)],
    ]),
    gauge('hosts_full', 'Whether somebody found no room.', neighbors && Number(neighbors.full)),
    gauge(
      'firewall_up',
      'Whether the rules stand.',
      firewall && Number(firewall.status === 'Enabled'),
    ),
    counter('firewall_restored', 'Times that the rules were put back.', firewall?.restored),
    counter('map_refused_options', 'Rules of MAP that were refused.', map?.refusedOptions),
    counters(
      'map_restarts',
      'Times that the translator died.',
      (map?.domains ?? []).map(({ id, restarts }) => [{ domain: id }, restarts]),
    ),
    gauges(
      'capture_running',
      'Whether a capture runs.',
      sessions.map(({ id, state }) => [{ capture: id }, state === 'running' ? 1 : 0]),
    ),
    counters(
      'capture_packets',
      'Packets of a capture; dropped: the ring was full.',
      sessions.flatMap(({ id, packets, droppedPackets }) => [
        [{ capture: id, outcome: 'counted' }, packets] as const,
        [{ capture: id, outcome: 'dropped' }, droppedPackets] as const,
      ]),
    ),
    counters(
      'capture_bytes',
      'Bytes of whole frames of a capture.',
      sessions.map(({ id, bytes }) => [{ capture: id }, bytes]),
    ),
  ];
}

/** Of the last test; counters of bytes would begin anew each day. */
function loadFamilies({ loadTest }: Observed): readonly Family[] {
  const last = loadTest?.runs.at(-1);
  const directions = Object.entries({ download: last?.download, upload: last?.upload }).flatMap(
    ([direction, result]) => (result === undefined ? [] : [[{ direction }, result] as const]),
  );
  const seconds = (us: number | undefined): number | undefined => us && us / 1e6;
  return [
    gauge('load_test_timestamp_seconds', 'When the last load test began, Unix time.', last?.atSec),
    gauge('load_test_bytes', 'What the last load test took.', last?.bytes),
    gauge('load_test_today_bytes', 'What load tests took today.', loadTest?.dayBytes),
    gauges(
      'load_test_bits_per_second',
      'Throughput in the last load test.',
      directions.map(([label, { bitsPerSec }]) => [label, bitsPerSec]),
    ),
    gauges('load_test_rtt_median_seconds', 'Round trips in the last load test, by direction.', [
      [{ direction: 'idle' }, seconds(last?.idle?.medianUs)],
      ...directions.map(([label, { latency }]) => [label, seconds(latency.medianUs)] as const),
    ]),
  ];
}

function monitorFamilies({ monitor }: Observed, figures: ServiceFigures): readonly Family[] {
  const targets = (monitor?.targets ?? []).map((target) => ({
    ...{ label: { target: target.id }, status: target.status },
    statistics: figures.statistics(target.id),
  }));
  const each = (of: (statistics: TargetStatistics) => number | undefined) =>
    targets.map(({ label, statistics }) => [label, statistics && of(statistics)] as const);
  const seconds = (of: (statistics: TargetStatistics) => number | undefined) =>
    each((statistics) => {
      const us = of(statistics);
      return us === undefined ? undefined : us / 1e6;
    });
  const { probes } = figures;
  return [
    counters(
      'probes',
      'Probes, and what became of them.',
      probes === undefined
        ? []
        : fields(probes.probes, 'outcome').filter(([labels]) => labels['outcome'] !== 'under_way'),
    ),
    gauge('probes_under_way', 'Probes that wait for an answer.', probes?.probes.underWay),
    counter('checks_refused', 'Checks that found too many others.', probes?.checksRefused),
    gauge('samples_waiting', 'Bursts that wait to be stored.', figures.series?.waiting),
    counters(
      'samples',
      'Bursts by what became of them.',
      figures.series === undefined
        ? []
        : fields({ stored: figures.series.stored, dropped: figures.series.dropped }, 'outcome'),
    ),
    counter('sample_writes_failed', 'Writes that are tried again.', figures.series?.failedWrites),
    gauge('monitor_slowdown', 'Intervals are so many times as long.', monitor?.slowdown),
    counters(
      'target_probes',
      'Probes of a target.',
      targets.flatMap(({ label, statistics }) =>
        statistics === undefined
          ? []
          : [
              [{ ...label, outcome: 'sent' }, statistics.sent] as const,
              [{ ...label, outcome: 'received' }, statistics.received] as const,
            ],
      ),
    ),
    gauges(
      'target_up',
      'Whether it answered the last burst, in whole or in part.',
      targets.map(({ label, status }) => [
        label,
        status === 'Waiting' ? undefined : Number(status !== 'Down'),
      ]),
    ),
    gauges(
      'target_loss_ratio',
      'Share of the last 600 probes that were lost.',
      each(({ lossPercent }) => (lossPercent === undefined ? undefined : lossPercent / 100)),
    ),
    gauges(
      'target_rtt_median_seconds',
      'Of the last 600 probes.',
      seconds((s) => s.medianUs),
    ),
    gauges(
      'target_rtt_p95_seconds',
      'Of the last 600 probes.',
      seconds((s) => s.p95Us),
    ),
    gauges(
      'target_jitter_seconds',
      'RFC 3550, of round trips.',
      seconds((s) => s.jitterUs),
    ),
  ];
}

const dhtFamilies = (dht: DhtObserved | undefined): readonly Family[] => [
  gauge('dht_up', 'Whether the DHT node takes part.', dht && Number(dht.status === 'Enabled')),
  gauge('dht_peers', 'Peers that others announced here.', dht?.peers),
  gauge('dht_items', 'Items that others stored here.', dht?.items),
  counters('dht_bytes', 'Bytes of the DHT.', [
    [{ direction: 'receive' }, dht?.counters.bytesIn],
    [{ direction: 'transmit' }, dht?.counters.bytesOut],
  ]),
  counters(
    'dht_messages',
    'Messages of the DHT, and why some were passed over.',
    dht === undefined
      ? []
      : fields(dht.counters, 'kind').filter(([{ kind }]) => !kind?.startsWith('bytes')),
  ),
];

function alertFamilies({ alerts }: Observed): readonly Family[] {
  const channels = alerts?.channels ?? [];
  const isTold = ({ state }: AlertObserved): boolean => state === 'raised' || state === 'clearing';
  const bad = alerts?.alerts.filter(isTold) ?? [];
  return [
    gauges(
      'alerts_bad',
      'What is bad, and was for as long as its rule wants.',
      SEVERITIES.map((severity) => [
        { severity },
        alerts && bad.filter((one) => one.severity === severity).length,
      ]),
    ),
    counter('alerts_raised', 'Alerts that were raised.', alerts?.raised),
    counter('alerts_refused', 'Things that found no room to be watched.', alerts?.refused),
    gauges(
      'alert_queue_messages',
      'Alerts that wait for their channel.',
      channels.map(({ id, queued }) => [{ channel: id }, queued]),
    ),
    counters(
      'alert_messages',
      'Alerts for a channel, by what became of them.',
      channels.flatMap(({ id, delivered, failed, dropped, muted }) =>
        fields({ delivered, failed, dropped, muted }, 'outcome', { channel: id }),
      ),
    ),
  ];
}
