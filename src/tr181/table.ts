/**
 * The shapes that a file in `objects/` fills in. Tables are plain data; the engine does the rest:
 * `NumberOfEntries`, Alias, defaults, checks, references, unique keys, schema and notifications.
 */

import type { SystemError } from '../base/errors.ts';
import type { Ipv4, Mac } from '../base/ip.ts';
import type { Result } from '../base/result.ts';
import type { AlertsObserved } from '../services/alerts/config.ts';
import type { CapturesObserved } from '../services/capture/config.ts';
import type { DhcpClientObserved } from '../services/dhcp-client/config.ts';
import type { DhcpLeasesObserved, DhcpServerObserved } from '../services/dhcp-server/config.ts';
import type { Dhcp6ClientObserved } from '../services/dhcp6-client/config.ts';
import type { Dhcp6ServerObserved } from '../services/dhcp6-server/config.ts';
import type { DhtObserved } from '../services/dht/config.ts';
import type { DnsObserved } from '../services/dns/config.ts';
import type { LookupDone, LookupWanted } from '../services/dns/lookup.ts';
import type { OverrideWanted, PolicyObserved } from '../services/dns/policy-config.ts';
import type { FirewallObserved } from '../services/firewall/config.ts';
import type { LanTorrentsObserved } from '../services/lan-torrents/config.ts';
import type { MapObserved, MapUsage } from '../services/map/config.ts';
import type {
  MonitorFigures,
  MonitorObserved,
  SeriesFigures,
  TargetStatistics,
} from '../services/monitor/config.ts';
import type {
  IpPingDone,
  IpPingWanted,
  TraceRouteDone,
  TraceRouteWanted,
} from '../services/monitor/diagnostics.ts';
import type { LoadObserved, LoadRun } from '../services/monitor/load-test/types.ts';
import type { Burst, TargetConfig } from '../services/monitor/types.ts';
import type { NeighborsObserved, WatchObserved } from '../services/neighbors/config.ts';
import type { NetworkObserved } from '../services/network/config.ts';
import type { OtlpObserved } from '../services/otlp/config.ts';
import type { CollectorFigures, SyslogObserved } from '../services/syslog/config.ts';
import type { SystemObserved } from '../services/system/config.ts';
import type { UpdateObserved } from '../services/update/config.ts';
import type { WifiObserved } from '../services/wifi/config.ts';
import type { RowsView } from '../state/candidate.ts';
import type { RowReader } from './reader.ts';
import type { ValueSpec } from './types.ts';

/** What each service publishes in `state/observed`, under these names. */
export interface Observations {
  readonly network: NetworkObserved;
  readonly dhcpClient: DhcpClientObserved;
  readonly dhcp6Client: Dhcp6ClientObserved;
  readonly dhcpServer: DhcpServerObserved;
  readonly dhcpLeases: DhcpLeasesObserved;
  readonly dhcp6Server: Dhcp6ServerObserved;
  readonly dns: DnsObserved;
  readonly dnsPolicy: PolicyObserved;
  readonly neighbors: NeighborsObserved;
  readonly neighborWatch: WatchObserved;
  readonly firewall: FirewallObserved;
  readonly map: MapObserved;
  readonly dht: DhtObserved;
  readonly monitor: MonitorObserved;
  /** Absent before the first test, while there is no schedule. */
  readonly loadTest: LoadObserved;
  readonly captures: CapturesObserved;
  /** Absent while it was never on. */
  readonly lanTorrents: LanTorrentsObserved;
  readonly syslog: SyslogObserved;
  /** Absent while nobody is told. */
  readonly otlp: OtlpObserved | undefined;
  readonly alerts: AlertsObserved;
  readonly system: SystemObserved;
  readonly update: UpdateObserved;
  readonly wifi: WifiObserved;
}

/** What `control` does for commands. */
export interface ServiceCalls {
  /** Asks the server for a new lease now; `id` as in `ClientConfig`. */
  dhcpRenew(id: string, signal: AbortSignal): Promise<Result<void, SystemError>>;
  /** The same for DHCPv6; `id` as in `Client6Config`. */
  dhcp6Renew(id: string): Promise<Result<void, SystemError>>;
  /** Ends the lease of an address that the DHCP server gave; why not, for people. */
  dhcpServerRelease(address: Ipv4): Promise<Result<void, string>>;
  /** Lays down a rule for one device, for so many seconds (0 for good). */
  dhcpServerDecide(
    mac: Mac,
    action: 'Allow' | 'Deny',
    seconds: number,
  ): Promise<Result<void, string>>;
  /** Asks for a name as often as wanted; why not at all, for people. */
  dnsLookup(wanted: LookupWanted, signal: AbortSignal): Promise<Result<LookupDone, string>>;
  /** Allows, blocks or pauses for a while; why not, for people. */
  dnsOverride(wanted: OverrideWanted): Promise<Result<void, string>>;
  /** Ends an override by its number; false when there is none. */
  dnsCancel(id: number): Promise<boolean>;
  /** Forgets the answers for a name, or for all where it is empty; how many went. */
  dnsFlush(name: string): Promise<Result<number, string>>;
  /** Fetches a list now; `id` as in `ListConfig`. */
  dnsUpdateList(id: string, signal: AbortSignal): Promise<Result<void, string>>;
  /** One burst of a target, watched or not; why it could not even be tried, for people. */
  monitorTest(target: TargetConfig, signal: AbortSignal): Promise<Result<Burst, string>>;
  /** Loads the line, where the owner agreed to it; why not, for people. */
  loadTest(signal: AbortSignal): Promise<Result<LoadRun, string>>;
  /** Tells a test on a channel; `id` as in `ChannelConfig`; why it was not taken, for people. */
  alertsTest(id: string, signal: AbortSignal): Promise<Result<void, string>>;
  /** Begins a capture anew, or ends it; `id` as in `SessionObserved`; why not, for people. */
  captureStart(id: string): Promise<Result<void, string>>;
  captureStop(id: string): Promise<Result<void, string>>;
  /** Forgets all that was heard of torrents in the LAN. */
  lanTorrentsClear(): Promise<void>;
  /** `Device.IP.Diagnostics.`; what went wrong is in the status. */
  ipPing(wanted: IpPingWanted, signal: AbortSignal): Promise<IpPingDone>;
  traceRoute(wanted: TraceRouteWanted, signal: AbortSignal): Promise<TraceRouteDone>;
  /** The box goes down soon after it resolved; refused where no root helper runs. */
  reboot(): Promise<Result<void, SystemError>>;
  powerOff(): Promise<Result<void, SystemError>>;
  /** Likewise, and it starts as it was delivered; refused on a box without slots for firmware. */
  factoryReset(): Promise<Result<void, SystemError>>;
  /** Begins to fetch a bundle for the idle slot, which `slot` must be; refused on a box without slots. */
  firmwareDownload(
    slot: 'a' | 'b',
    url: string,
    activate: boolean,
  ): Promise<Result<void, SystemError>>;
  /** The box starts again from this slot. */
  firmwareActivate(slot: 'a' | 'b'): Promise<Result<void, SystemError>>;
}

type LinkStats = NetworkObserved['links'][number]['stats'];

/** Read-only look-ups for values that are computed when they are read. */
export interface Lookups {
  /** Fresh kernel counters of an interface. */
  linkStats(ifName: string): LinkStats | undefined;
  /** Ports in use of a MAP domain; undefined where it has none or the kernel does not tell. */
  mapUsage(id: string): MapUsage | undefined;
  /** Whole text of a small file of /proc, /sys or /etc; undefined when it cannot be read. */
  readText(path: string): string | undefined;
  /** Of the DNS server, with fresh counters; undefined where it does not run. */
  dns(): DnsObserved | undefined;
  /** The monitor, where something is watched. */
  monitor():
    | {
        readonly figures: MonitorFigures | undefined;
        readonly stored: SeriesFigures;
        statistics(id: string): TargetStatistics | undefined;
      }
    | undefined;
  /** Of the collectors of the log. */
  syslog(): readonly CollectorFigures[];
  /** Of the DHT node, with fresh counters; undefined where it never ran. */
  dht(): DhtObserved | undefined;
  /** Of torrents in the LAN, with fresh figures; undefined where it was never on. */
  lanTorrents(): LanTorrentsObserved | undefined;
  /** Queries that its log took down so far. */
  dnsLogged(): number;
  monoMs(): number;
  /** CLOCK_BOOTTIME. */
  boottimeMs(): number;
  wallMs(): number;
}

/** What the product is, for DeviceInfo. */
export interface Product {
  readonly name: string;
  readonly version: string;
}

export interface ParamDef extends ValueSpec {
  /** TR-181's access; absent is readOnly. `writeOnce` can be given when the row is added, then never. */
  readonly access?: 'readWrite' | 'writeOnce';
  readonly about: string;
  readonly default?: string;
  readonly units?: string;
  /** It points to rows of these tables (`{i}` for instances). Strong: they must exist; when one goes, it is emptied. */
  readonly ref?: { readonly targets: readonly string[]; readonly strong: boolean };
  /** Never answered, never logged. */
  readonly secret?: true;
  /** A password: what `refuse` does not object to (its reason is for people) is stored as a hash. */
  readonly hashed?: { refuse(text: string): string | undefined };
  /** Takes another text than TR-181's: gives what is stored, and what follows from it for read-only neighbours. */
  readonly convert?: (
    text: string,
  ) => Result<{ readonly value: string; readonly also: Readonly<Record<string, string>> }, string>;
  /** Read-only, but stored: it follows from a neighbour's `convert`. */
  readonly derived?: true;
  /** Computed when read; that it moves on causes no notification, that it begins anew (`Running`) does. */
  readonly volatile?: true;
  /** Why this differs from TR-181 (less is writable, fewer values), or why it exists beside it. */
  readonly reason?: string;
}

export interface ArgumentDef extends ValueSpec {
  readonly mandatory?: true;
  readonly default?: string;
}

export interface CommandContext {
  /** The object that the command belongs to, with its final dot. */
  readonly object: string;
  /** Canonical, with defaults. */
  readonly args: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly rows: RowReader;
  readonly calls: ServiceCalls;
  /** From now on the counters of `object` count from zero (until the daemon restarts). */
  zeroCounters(): void;
}

export interface CommandDef {
  readonly about: string;
  readonly async?: true;
  readonly input?: Readonly<Record<string, ArgumentDef>>;
  /** `Result.{i}.Status` stands for as many as there are, from 1 on. */
  readonly output?: Readonly<Record<string, ValueSpec>>;
  /** Gives the output arguments, or why it failed, for people. */
  run(context: CommandContext): Promise<Result<Readonly<Record<string, string>>, string>>;
}

export interface EventDef {
  readonly about: string;
  readonly args?: Readonly<Record<string, ValueSpec>>;
}

export interface ObjectDef {
  /** `Device.DHCPv4.Client.{i}.`; a table's ends in `{i}.`. */
  readonly path: string;
  readonly about: string;
  /** `add`: rows are added and deleted by users, `system`: made by the system, `both`. For tables only. */
  readonly rows?: 'add' | 'system' | 'both';
  /** Alias is always one, and holds for all rows; the others hold among enabled rows where there is an Enable. */
  readonly uniqueKeys?: readonly (readonly string[])[];
  /** The table has an enableParameter (TR-106). */
  readonly enable?: 'Enable';
  /** At most so many added rows. */
  readonly maxRows?: number;
  /** Where the name of the count is not the table's: `Forward` for `ForwardNumberOfEntries`. */
  readonly countedAs?: string;
  /** On a row made by the system, these may be written; all others may not. */
  readonly systemWritable?: readonly string[];
  readonly params: Readonly<Record<string, ParamDef>>;
  readonly commands?: Readonly<Record<string, CommandDef>>;
  readonly events?: Readonly<Record<string, EventDef>>;
  /** Parameters, objects and commands that TR-181 has here and Gatehouse does not declare, with the reason. */
  readonly omitted?: Readonly<Record<string, string>>;
}

/** A time that runs to a moment, or from one. */
export interface Running {
  readonly read: () => string;
  /** ms on a clock of its own; undefined when nothing runs. */
  readonly momentMs: number | undefined;
}

/** A value, or how to compute a volatile one when it is read. */
export type Reported = string | (() => string) | Running;
export type ReportedValues = Readonly<Record<string, Reported>>;

export interface ReportSink {
  /** Values of an object that exists by itself or by its rows; `object` ends in a dot. */
  put(object: string, values: ReportedValues): void;
  /** A row that the system makes, found again by `key`; gives its path with the final dot. */
  row(table: string, key: string, values: ReportedValues): string;
  /** Like a volatile value, but counted from the last `Stats.Reset()` of `object`. */
  counter(object: string, name: string, read: () => bigint): () => string;
}

export interface ReportContext {
  readonly observed: Readonly<Partial<Observations>>;
  readonly rows: RowReader;
  readonly view: RowsView;
  readonly lookups: Lookups;
  readonly product: Product;
}

export interface CheckSink {
  /** `path` is the full path of the parameter at fault. */
  fault(path: string, message: string): void;
}

/** An observation to keep durably, such as a date. */
export interface Fact {
  readonly object: string;
  readonly name: string;
  readonly value: string;
}

export interface ObjectGroup {
  readonly name: string;
  readonly objects: readonly ObjectDef[];
  /** Reported again when one of these, or any row, changed. */
  readonly inputs: readonly (keyof Observations)[];
  report?(context: ReportContext, out: ReportSink): void;
  /** What is worth keeping beyond a restart; asked after each report. */
  facts?(context: ReportContext): readonly Fact[];
  /** Checks that need the candidate as a whole. */
  check?(rows: RowReader, out: CheckSink): void;
}

/** Alias of a table's rows (TR-106): given at creation or made up as `cpe-N`, then fixed. */
export const ALIAS: ParamDef = {
  type: 'Alias',
  size: [0, 64],
  access: 'writeOnce',
  about: 'Name of the row for people and controllers; fixed once it is given.',
};

export const ENABLE: ParamDef = {
  type: 'boolean',
  access: 'readWrite',
  default: 'false',
  about: 'Whether the row is in use.',
};

/** Beside a Status. */
export const REASON = {
  type: 'string',
  about: 'What is wrong, for people; empty when all is well.',
  reason: 'Status says that something is wrong, TR-181 has no place for what',
} as const;
