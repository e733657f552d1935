/**
 * The face of the data model, as the edges (ubus, http, command line, console) and `control` see it.
 * Paths are full TR-181 paths (`Device.DHCPv4.Client.1.Enable`), partial paths (`Device.DHCPv4.`),
 * or either with `*`, `[Alias=="wan"&&Enable==true]` or `[wan]` in place of an instance number.
 * Values are always canonical text: booleans `true`/`false`, numbers in decimal without leading
 * zeros, lists comma-separated, references without the final dot. Input may use `1`/`0`, spaces in
 * lists, and a final dot on references.
 */
import type { Result } from '../base/result.ts';
import type { AlertsConfig } from '../services/alerts/config.ts';
import type { CapturesConfig } from '../services/capture/config.ts';
import type { DhcpClientConfig } from '../services/dhcp-client/config.ts';
import type { DhcpServerConfig } from '../services/dhcp-server/config.ts';
import type { Dhcp6ClientConfig } from '../services/dhcp6-client/config.ts';
import type { Dhcp6ServerConfig } from '../services/dhcp6-server/config.ts';
import type { DhtConfig } from '../services/dht/config.ts';
import type { DnsConfig } from '../services/dns/config.ts';
import type { QueryLogConfig } from '../services/dns/log-config.ts';
import type { PolicyConfig } from '../services/dns/policy-config.ts';
import type { FirewallConfig } from '../services/firewall/config.ts';
import type { LanTorrentsConfig } from '../services/lan-torrents/config.ts';
import type { MapConfig } from '../services/map/config.ts';
import type { MonitorConfig } from '../services/monitor/config.ts';
import type { LoadTestConfig } from '../services/monitor/load-test/types.ts';
import type { NeighborsConfig } from '../services/neighbors/config.ts';
import type { NetworkConfig } from '../services/network/config.ts';
import type { SyslogConfig } from '../services/syslog/config.ts';
import type { SystemConfig } from '../services/system/config.ts';
import type { WifiConfig } from '../services/wifi/config.ts';
import type { MetricsConfig } from './objects/metrics.ts';

/** Who asks for a change, for the audit trail. `via` is the edge: `ubus`, `http`, `cli`, `console`, `config`. */
export interface Origin {
  readonly user: string;
  readonly via: string;
  /** Where the request came from, such as `192.168.1.20` or `pid 4711`. */
  readonly address?: string;
}

/** Why a request was refused. The numeric codes of CWMP and USP are the edge's. */
export type FaultKind =
  /** The text is no path at all (syntax, length), or not of the kind that the request needs. */
  | 'badPath'
  /** No such object, parameter, command, or instance. */
  | 'unknownPath'
  | 'notWritable'
  /** The table does not let rows be added (or this row be deleted). */
  | 'notCreatable'
  | 'wrongType'
  /** Right type, but outside range, size, enumeration or pattern. */
  | 'outOfRange'
  | 'notUnique'
  | 'badReference'
  /** The candidate as a whole makes no sense, such as a netmask without an address. */
  | 'conflict'
  /** Unknown, missing or wrong arguments of a command. */
  | 'badArguments'
  | 'commandFailed'
  /** The caller's AbortSignal fired. */
  | 'aborted'
  /** Disk full, too many rows. Nothing was changed. */
  | 'resources'
  | 'internal';

export interface Fault {
  readonly kind: FaultKind;
  /** The path as asked, or the full path of the parameter at fault. */
  readonly path: string;
  /** For people: `no such parameter Device.DHCPv4.Client.1.Enabled; did you mean Enable?` */
  readonly message: string;
  /** What the owner can do, where the system refused. */
  readonly remedy?: string;
}

/** The base types of TR-106, as `xsd:` names them. */
export type BaseType =
  | 'string'
  | 'boolean'
  | 'int'
  | 'unsignedInt'
  | 'long'
  | 'unsignedLong'
  | 'dateTime'
  | 'hexBinary'
  | 'base64';

export interface ParamValue {
  readonly path: string;
  /** Canonical text; empty for secrets, whatever their value. */
  readonly value: string;
  readonly type: BaseType;
  /** By `set`, here and now: not an Alias, not most values of a row that the system made. */
  readonly writable: boolean;
  readonly list: boolean;
  /** It holds the path of another row (or a list of them). */
  readonly reference: boolean;
  /** It is (part of) a unique key. */
  readonly unique: boolean;
  readonly secret: boolean;
}

export interface GetAnswer {
  /** As asked. */
  readonly path: string;
  readonly result: Result<readonly ParamValue[], Fault>;
}

export interface Change {
  /** Of one parameter, or of several by `*` and search. */
  readonly path: string;
  readonly value: string;
}

/** What was written: one entry per parameter, canonical. It is on disk. */
export interface WriteDone {
  readonly revision: number;
  readonly changes: readonly Change[];
}

export interface AddDone {
  readonly revision: number;
  readonly instance: number;
  /** Object path of the new row, with its final dot. */
  readonly path: string;
  /** Every parameter given at creation, with the Alias that it got. */
  readonly changes: readonly Change[];
}

export interface DelDone {
  readonly revision: number;
  /** Object paths, with final dots. */
  readonly deleted: readonly string[];
  /** References that pointed to deleted rows and were emptied (TR-106, strong references). */
  readonly emptied: readonly Change[];
}

export interface WriteOptions {
  /** The change is undone by itself unless it is confirmed within so many seconds. */
  readonly confirmSec?: number;
}

/** The whole configuration: what it takes to make it again. */
export interface Snapshot {
  /** Numbers of rows that the system made and that are configured or pointed to. */
  readonly system: readonly {
    readonly table: string;
    readonly key: string;
    readonly instance: number;
  }[];
  /** Object paths of added rows, with final dots. */
  readonly rows: readonly string[];
  /** Full paths of parameters that were given a value; secrets as they are stored. */
  readonly values: readonly Change[];
}

/** Rows and values to lay down at once, under fixed instance numbers. */
export interface LayDownPlan {
  /** Numbers of rows that the system will make, by key (`eth0` is Device.Ethernet.Interface.1). */
  readonly system: readonly {
    readonly table: string;
    readonly key: string;
    readonly instance: number;
  }[];
  /** Full paths of parameters; rows that they name and that do not exist are added. */
  readonly values: readonly Change[];
  /** Likewise, as the store keeps them: passwords as hashes. */
  readonly stored?: readonly Change[];
  /** Tables that must have no row yet, or all of it is refused: two at once cannot both be first. */
  readonly mustBeEmpty?: readonly string[];
}

export interface InstanceRow {
  /** Object path with its final dot. */
  readonly path: string;
  /** Parameters of its unique keys, by name. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface SchemaArgument {
  readonly name: string;
  readonly type: BaseType;
  readonly mandatory: boolean;
}

/** One line of the supported data model; `path` has `{i}` for instances and, for objects, a final dot. */
export type SchemaRow =
  | {
      readonly kind: 'object';
      readonly path: string;
      readonly table: boolean;
      /** Rows can be added and deleted. */
      readonly writable: boolean;
      readonly uniqueKeys: readonly (readonly string[])[];
      readonly about: string;
    }
  | {
      readonly kind: 'parameter';
      readonly path: string;
      /** By `set`, or (Alias) at least when a row is added. */
      readonly writable: boolean;
      readonly type: BaseType;
      /** The TR-181 data type, such as `IPv4Address` or `Alias`; the base type where there is none. */
      readonly dataType: string;
      readonly list: boolean;
      readonly enum: readonly string[] | undefined;
      readonly range: readonly (readonly [string | undefined, string | undefined])[] | undefined;
      readonly units: string | undefined;
      readonly default: string | undefined;
      readonly about: string;
    }
  | {
      readonly kind: 'command';
      readonly path: string;
      readonly async: boolean;
      readonly input: readonly SchemaArgument[];
      readonly output: readonly SchemaArgument[];
      readonly about: string;
    }
  | {
      readonly kind: 'event';
      readonly path: string;
      readonly args: readonly SchemaArgument[];
      readonly about: string;
    };

/** One line of what exists now (CWMP GetParameterNames): instantiated paths; objects end in a dot. */
export interface NameRow {
  readonly kind: 'object' | 'parameter';
  readonly path: string;
  readonly writable: boolean;
  readonly type: BaseType | 'object';
}

export interface OperateDone {
  readonly output: readonly {
    readonly name: string;
    readonly value: string;
    readonly type: BaseType;
  }[];
}

export type Notice =
  | {
      readonly kind: 'value';
      readonly path: string;
      readonly value: string;
      readonly type: BaseType;
    }
  /** `path` is an object path with its final dot. */
  | { readonly kind: 'added'; readonly path: string }
  | { readonly kind: 'removed'; readonly path: string }
  | {
      readonly kind: 'event';
      readonly path: string;
      readonly args: Readonly<Record<string, string>>;
    };

/** Everything that changed at once. Volatile values (counters, remaining times) never cause one. */
export interface Notification {
  /** Revision of the rows (what was asked) that these notices come after. */
  readonly revision: number;
  readonly notices: readonly Notice[];
}

/** The whole desired state of every service, compiled from the rows of `revision`. */
export interface CompiledConfig {
  readonly revision: number;
  readonly network: NetworkConfig;
  readonly dhcpClient: DhcpClientConfig;
  readonly dhcp6Client: Dhcp6ClientConfig;
  readonly dhcpServer: DhcpServerConfig;
  readonly dhcp6Server: Dhcp6ServerConfig;
  readonly dns: DnsConfig;
  readonly dnsPolicy: PolicyConfig;
  readonly monitor: MonitorConfig;
  readonly loadTest: LoadTestConfig;
  readonly dht: DhtConfig;
  readonly dnsLog: QueryLogConfig;
  readonly neighbors: NeighborsConfig;
  readonly firewall: FirewallConfig;
  readonly map: MapConfig;
  readonly lanTorrents: LanTorrentsConfig;
  readonly captures: CapturesConfig;
  readonly alerts: AlertsConfig;
  readonly metrics: MetricsConfig;
  readonly syslog: SyslogConfig;
  readonly system: SystemConfig;
  readonly wifi: WifiConfig;
}

export interface Model extends Disposable {
  /** Of the rows; grows by one with each write, survives restarts. */
  readonly revision: number;
  /**
   * In tree order. `maxDepth` 1 gives the parameters of the object itself (of a table: of its rows),
   * 2 those of the objects below too, and so on; 0 or absent gives all.
   */
  get(paths: readonly string[], options?: { readonly maxDepth?: number }): readonly GetAnswer[];
  /** All or nothing: every fault is reported, and nothing is written when there is one. Durable when it resolves. */
  set(
    changes: readonly Change[],
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>>;
  /** `path` is a table (`Device.DHCPv4.Client.`); `values` are by parameter name. */
  add(
    path: string,
    values: Readonly<Record<string, string>>,
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<AddDone, readonly Fault[]>>;
  /** Rows by object path; a search that finds none deletes none. All or nothing. */
  del(
    paths: readonly string[],
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<DelDone, readonly Fault[]>>;
  /** The number that the next row of a table gets; for plans. `table` has its final dot. */
  nextInstance(table: string): number;
  /** Like `set`, but adds the rows that the paths name; Alias can be given. For the first start. */
  layDown(plan: LayDownPlan, origin: Origin): Promise<Result<WriteDone, readonly Fault[]>>;
  /** For `control` alone: it holds secrets. */
  snapshot(): Snapshot;
  /**
   * Makes the configuration `target`, checked as a whole like any request: rows and values that it
   * does not have go. What is at or below a path of `keep` stays as it is.
   */
  replace(
    target: Snapshot,
    keep: readonly string[],
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>>;
  /** Rows at and below `path`; `firstLevel` stops at the first table. */
  instances(
    path: string,
    options?: { readonly firstLevel?: boolean },
  ): Result<readonly InstanceRow[], Fault>;
  /** The supported data model at and below `path` (instance numbers and `{i}` are alike). */
  schema(
    path: string,
    options?: { readonly firstLevel?: boolean },
  ): Result<readonly SchemaRow[], Fault>;
  /** What exists at and below `path`; `firstLevel` (NextLevel) gives only its children. */
  names(
    path: string,
    options?: { readonly firstLevel?: boolean },
  ): Result<readonly NameRow[], Fault>;
  /** `path` ends in the command: `Device.DHCPv4.Client.1.Renew()`. */
  operate(
    path: string,
    args: Readonly<Record<string, string>>,
    options: { readonly origin: Origin; readonly signal: AbortSignal },
  ): Promise<Result<OperateDone, Fault>>;
  /**
   * `pattern` is a parameter, an object (all below it), or either with `*` or search; undefined
   * instances may come to exist later. Faults when it can never match.
   */
  subscribe(
    pattern: string,
    listener: (notification: Notification) => void,
  ): Result<Disposable, Fault>;
  /** Announces an event of the schema, such as `Device.X.Y!`, with its arguments. */
  emit(path: string, args: Readonly<Record<string, string>>): Result<void, Fault>;
  /** For `control`: the desired state of every service. */
  compileAll(): CompiledConfig;
  /** For `control`: called after each durable write. */
  rowsChanged(listener: (revision: number) => void): Disposable;
}
