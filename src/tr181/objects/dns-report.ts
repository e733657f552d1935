/** What the DNS server observes, as the model shows it. */
import { formatIp } from '../../base/ip6.ts';
import type { DnsObserved, UpstreamObserved } from '../../services/dns/config.ts';
import type { ListObserved, PolicyObserved } from '../../services/dns/policy-config.ts';
import { formatName } from '../../wire/dns-name.ts';
import type { RowReader } from '../reader.ts';
import type { ReportContext, ReportedValues, ReportSink } from '../table.ts';
import { dateTimeOf, UNKNOWN_TIME } from '../types.ts';
import { CACHE, DNS, FORWARDING, RELAY } from './dns-config.ts';
import { LISTS } from './dns-policy-config.ts';
import { DNS_COUNTERS } from './dns-server.ts';

export function reportDns({ observed, rows, lookups }: ReportContext, out: ReportSink): void {
  const { dns, dnsPolicy } = observed;
  const now = (): DnsObserved | undefined => lookups.dns() ?? dns;
  const faults = (dns?.listeners ?? []).filter(({ error }) => error !== undefined);
  out.put(RELAY, {
    Status: dns?.status ?? 'Disabled',
    X_GATEHOUSE_Reason: faults.map(({ error }) => error ?? '').join('; '),
  });
  reportUpstreams(dns, now, rows, out);
  for (const listener of dns?.listeners ?? []) {
    const address = formatIp(listener.address);
    out.row(`${DNS}Listener.`, `${listener.transport} ${address} ${listener.port}`, {
      Transport: listener.transport.toUpperCase(),
      Address: address,
      Port: String(listener.port),
      Status: listener.error === undefined ? 'Up' : 'Error',
      Reason: listener.error ?? '',
    });
  }
  for (const anchor of dns?.anchors ?? []) {
    out.row(`${DNS}DNSSEC.Anchor.`, `${anchor.keyTag} ${anchor.algorithm}`, {
      KeyTag: String(anchor.keyTag),
      Algorithm: String(anchor.algorithm),
      State: capital(anchor.state),
    });
  }
  out.put(CACHE, {
    Entries: () => String(now()?.cache.entries ?? 0),
    UsedBytes: () => String(now()?.cache.usedBytes ?? 0),
    Evicted: () => String(now()?.cache.evicted ?? 0),
  });
  out.put(
    `${DNS}Stats.`,
    Object.fromEntries(
      Object.entries(DNS_COUNTERS).map(([name, [field]]) => [
        name,
        () => String(now()?.counts[field] ?? 0),
      ]),
    ),
  );
  out.put(`${DNS}QueryLog.`, { Recorded: () => String(lookups.dnsLogged()) });
  out.put(DNS, { BlockedNames: () => String(dnsPolicy?.names ?? 0) });
  reportPolicy(dnsPolicy, rows, () => lookups.boottimeMs(), out);
}

function reportUpstreams(
  dns: DnsObserved | undefined,
  now: () => DnsObserved | undefined,
  rows: RowReader,
  out: ReportSink,
): void {
  const fresh = (one: UpstreamObserved): UpstreamObserved =>
    now()?.upstreams.find((other) => keyOf(other) === keyOf(one)) ?? one;
  const values = (one: UpstreamObserved): ReportedValues => ({
    X_GATEHOUSE_ResponseTime: () => String(Math.round((fresh(one).rttMs ?? 0) * 1000)),
    X_GATEHOUSE_Queries: () => String(fresh(one).queries),
    X_GATEHOUSE_Answers: () => String(fresh(one).answers),
    X_GATEHOUSE_Timeouts: () => String(fresh(one).timeouts),
    X_GATEHOUSE_Failures: () => String(fresh(one).failures),
    X_GATEHOUSE_Mismatches: () => String(fresh(one).mismatches),
    X_GATEHOUSE_LastError: () => fresh(one).lastError ?? '',
  });
  const upstreams = dns?.upstreams ?? [];
  const on = dns !== undefined && dns.status !== 'Disabled';
  for (const row of rows.rows(FORWARDING)) {
    const all = upstreams.filter(({ id }) => id === row.id);
    // One that is known by name alone may have several addresses: the best speaks for it.
    const best = all.find(({ state }) => state === 'up') ?? all[0];
    const status = best === undefined || best.state === 'down' ? 'Error' : 'Enabled';
    out.put(row.path, {
      Status: on && row.bool('Enable') ? status : 'Disabled',
      ...(best === undefined ? {} : values(best)),
    });
  }
  for (const one of upstreams) {
    if (one.id !== 'lease' || one.address === undefined) continue;
    const address = formatIp(one.address);
    out.row(FORWARDING, `lease ${address}`, {
      Enable: 'true',
      Status: one.state === 'down' ? 'Error' : 'Enabled',
      DNSServer: address,
      Type: typeof one.address === 'number' ? 'DHCPv4' : 'DHCPv6',
      X_GATEHOUSE_Protocol: one.protocol.toUpperCase(),
      X_GATEHOUSE_Port: String(one.port),
      ...values(one),
    });
  }
}

const keyOf = ({ id, address, port }: UpstreamObserved): string =>
  `${id} ${address === undefined ? '' : formatIp(address)} ${port}`;

function reportPolicy(
  policy: PolicyObserved | undefined,
  rows: RowReader,
  nowMs: () => number,
  out: ReportSink,
): void {
  const lists = new Map(policy?.lists.map((list) => [list.id, list]));
  for (const row of rows.rows(LISTS)) out.put(row.path, listValues(lists.get(row.id)));
  for (const one of policy?.overrides ?? []) {
    out.row(`${DNS}Override.`, String(one.id), {
      Kind: capital(one.kind),
      Name: one.name === undefined ? '' : formatName(one.name),
      Client: one.client === undefined ? '' : formatIp(one.client),
      Remaining: () => String(Math.max(0, Math.ceil((one.untilMs - nowMs()) / 1000))),
    });
  }
}

const listValues = (list: ListObserved | undefined): ReportedValues => ({
  Status: capital(list?.state ?? 'disabled'),
  Reason: list?.fault ?? '',
  Rules: String(list?.rules ?? 0),
  Rejected: String(list?.rejected ?? 0),
  RejectedLines: (list?.rejectedLines ?? [])
    .map(({ line, reason, text }) => `${line}: ${reason}: ${text}`)
    .join('\n'),
  Size: String(list?.sizeBytes ?? 0),
  LastUpdate: timeOf(list?.fetchedMs),
  LastTry: timeOf(list?.triedMs),
  NextTry: timeOf(list?.nextMs),
});

const timeOf = (wallMs: number | undefined): string =>
  wallMs === undefined ? UNKNOWN_TIME : dateTimeOf(wallMs);

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
