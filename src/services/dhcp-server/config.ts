import type { Ipv4, Mac, PrefixLen } from '../../base/ip.ts';

/** All that the DHCPv4 server is to do, given whole. */
export interface DhcpServerConfig {
  /** `Device.DHCPv4.Server.Enable`. */
  readonly enable: boolean;
  /** The IP interfaces that pools name, each with how to behave there. */
  readonly segments: readonly SegmentConfig[];
  /** Enabled and disabled pools, in `Order`. */
  readonly pools: readonly PoolConfig[];
  /** Who is served, first match wins. */
  readonly rules: readonly RuleConfig[];
  readonly guard: GuardConfig;
}

/**
 * How the server shares a segment with others.
 *
 * | mode        | answers                              | others on the segment                        |
 * |-------------|--------------------------------------|----------------------------------------------|
 * | open        | everyone whom no rule denies         | are rogues: detected and reported            |
 * | selective   | whom a rule or a static address allows; strangers wait for approval | rogues        |
 * | hybrid      | whom a rule or a static address allows; strangers are left to others | serve the rest: their leases are recorded, never refused by NAK |
 * | passThrough | nobody                               | serve all: their leases are recorded; requests are relayed when `relayTo` is set |
 */
export type ServerMode = 'open' | 'selective' | 'hybrid' | 'passThrough';

/** One IP interface on which DHCP is spoken. */
export interface SegmentConfig {
  /** Path of the `Device.IP.Interface.{i}` without the final dot. */
  readonly id: string;
  readonly ifName: string;
  /** Kernel names of its ports when it is a bridge, else empty: caps count by port. */
  readonly ports: readonly string[];
  /** The static addresses of the interface; the first one in a pool's subnet is the server there. */
  readonly addresses: readonly { readonly address: Ipv4; readonly prefixLen: PrefixLen }[];
  readonly mode: ServerMode;
  /**
   * The server knows every lease of the segment, so it refuses strangers' INIT-REBOOT requests by NAK
   * (RFC 2131 §4.3.2). Never in hybrid and passThrough.
   */
  readonly authoritative: boolean;
  /** Server that passThrough relays to (RFC 1542 §4); undefined: it hears the segment itself. */
  readonly relayTo: Ipv4 | undefined;
  /** An address is probed by ARP before it is offered for the first time (RFC 2131 §2.2). */
  readonly probe: boolean;
}

/** Text match of TR-181's `VendorClassIDMode`. */
export type MatchMode = 'Exact' | 'Prefix' | 'Suffix' | 'Substring';

/** A condition on the client; `exclude` turns it around. */
export interface Condition<T> {
  readonly value: T;
  readonly exclude: boolean;
}

/** One `Device.DHCPv4.Server.Pool.{i}.`; `id` is its path without the final dot. */
export interface PoolConfig {
  readonly id: string;
  readonly enable: boolean;
  /** `SegmentConfig.id`; undefined (with `fault`) where it points nowhere. */
  readonly segment: string | undefined;
  /** Why it cannot be served, for people: Status Error_Misconfigured. */
  readonly fault: string | undefined;
  // Who belongs to the pool: all conditions that are given must hold.
  readonly vendorClass: (Condition<string> & { readonly mode: MatchMode }) | undefined;
  readonly clientId: Condition<Uint8Array> | undefined;
  readonly userClass: Condition<Uint8Array> | undefined;
  readonly chaddr: (Condition<Mac> & { readonly mask: Mac }) | undefined;
  /** Known: those with a static address in this pool. */
  readonly allowed: 'All' | 'Known' | 'Unknown';
  // What it gives. First and last address, both inclusive, inside `prefixLen` of each other.
  readonly min: Ipv4;
  readonly max: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly reserved: readonly Ipv4[];
  /** Seconds; Infinity for -1. */
  readonly leaseSec: number;
  /** Empty: the server's own address in the subnet. */
  readonly routers: readonly Ipv4[];
  readonly dnsServers: readonly Ipv4[];
  readonly domain: string | undefined;
  readonly winsServers: readonly Ipv4[];
  readonly dscp: number;
  /** `Option.{i}.`: sent when asked for, or always where `force` says so; they replace what the fields above would send. */
  readonly options: readonly PoolOption[];
  readonly statics: readonly StaticConfig[];
}

export interface PoolOption {
  readonly code: number;
  readonly value: Uint8Array;
  readonly force: boolean;
  /** Sent only to clients whose vendor class (option 60) starts so; empty: to all. */
  readonly vendorClassPrefix: string;
}

/** `StaticAddress.{i}.`: by MAC, or by client identifier where that is given. */
export interface StaticConfig {
  readonly id: string;
  readonly enable: boolean;
  readonly chaddr: Mac | undefined;
  readonly clientId: Uint8Array | undefined;
  readonly address: Ipv4;
  /** Name that the host has whatever it says itself. */
  readonly hostName: string | undefined;
}

/** One row of the allow and deny list; conditions that are given must all hold. `id` is its path. */
export interface RuleConfig {
  readonly id: string;
  readonly action: 'allow' | 'deny';
  readonly chaddr: { readonly value: Mac; readonly mask: Mac } | undefined;
  readonly vendorClass: { readonly value: string; readonly mode: MatchMode } | undefined;
  readonly hostName: { readonly value: string; readonly mode: MatchMode } | undefined;
  /** True: only locally administered (randomised) MACs; false: only global ones. */
  readonly randomised: boolean | undefined;
  /** `SegmentConfig.id`; undefined for all. */
  readonly segment: string | undefined;
  /** Unix ms after which it no longer holds; Infinity for good. */
  readonly untilMs: number;
}

/** Limits that a healthy network never meets. 0 turns a limit off. */
export interface GuardConfig {
  /** New clients (no lease, no static address, no allow rule) that are offered an address, per port and second. */
  readonly newClientsPerSec: number;
  /** Messages answered per client in ten seconds. */
  readonly answersPerClient: number;
  /** Share of a pool, in percent, that only known clients may use. */
  readonly headroomPercent: number;
}

// ---- what it reports -----------------------------------------------------------------------

export type LeaseState =
  /** Acknowledged, on disk, not yet over. */
  | 'bound'
  /** Given back or run out; kept so that the client gets it again. */
  | 'free'
  /** Somebody else uses the address (DECLINE, or an answer to our probe): kept from everyone for a while. */
  | 'declined';

/** A lease that this server gave. The object lives as long as the lease table holds it and changes in place; read it, never keep it. */
export interface LeaseView {
  readonly address: Ipv4;
  readonly state: LeaseState;
  /** chaddr as sent, at most 16 bytes. */
  readonly chaddr: Uint8Array;
  /** Option 61 as sent; undefined when there was none. */
  readonly clientId: Uint8Array | undefined;
  /** Checked host name (RFC 1123 letters, lower case); undefined for none or a hostile one. */
  readonly hostName: string | undefined;
  readonly vendorClass: string | undefined;
  /** `PoolConfig.id`; undefined for a lease of a pool that is no more. */
  readonly pool: string | undefined;
  /** CLOCK_BOOTTIME ms; Infinity for a lease without end. */
  readonly expiresAtMs: number;
  /** Unix ms of the first and the latest ACK, as the clock said then. */
  readonly firstWallMs: number;
  readonly lastWallMs: number;
}

/** A lease or an offer of another server that was heard on the segment. */
export interface ForeignLease {
  readonly segment: string;
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly server: Ipv4;
  readonly hostName: string | undefined;
  /** CLOCK_BOOTTIME ms; undefined when only the REQUEST was heard. */
  readonly expiresAtMs: number | undefined;
}

/** A device that asked, is not allowed, and waits for the owner's word. */
export interface PendingClient {
  readonly mac: Mac;
  readonly segment: string;
  readonly hostName: string | undefined;
  readonly vendorClass: string | undefined;
  /** The first byte of the MAC says that it was made up by the device (IEEE 802, locally administered). */
  readonly randomised: boolean;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly requests: number;
}

/** Another DHCP server on a segment where there should be none. */
export interface RogueServer {
  readonly segment: string;
  readonly server: Ipv4;
  readonly mac: Mac;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly offers: number;
}

/** TR-181 `DHCPv4.Server.Stats.` and what Gatehouse counts beside it. */
export interface ServerCounts {
  readonly discover: number;
  readonly offer: number;
  readonly request: number;
  readonly ack: number;
  readonly nack: number;
  readonly decline: number;
  readonly release: number;
  readonly inform: number;
  /** Malformed, or of no use to a server. */
  readonly discarded: number;
  /** Answers that the kernel did not take. */
  readonly transmitFailure: number;
  /** Relay agent options that did not fit the answer. */
  readonly relayOptionDropped: number;
  readonly secondServer: number;
  /** Kept silent: denied, waiting for approval. */
  readonly refused: number;
  /** Kept silent by a limit of the guard. */
  readonly limited: number;
  /** Kept silent because no address was free. */
  readonly exhausted: number;
  /** New leases not acknowledged because the disk took none. */
  readonly notDurable: number;
}

export interface PoolReport {
  readonly id: string;
  readonly status: 'Disabled' | 'Enabled' | 'Error_Misconfigured' | 'Error';
  readonly reason: string | undefined;
  readonly size: number;
  readonly bound: number;
}

/** Every lease, published apart from the rest and at most once a second, however fast they change. */
export interface DhcpLeasesObserved {
  readonly revision: number;
  readonly leases: readonly LeaseView[];
}

/** A snapshot of what is small; leases are looked at through `DhcpServerService.leases()`. */
export interface DhcpServerObserved {
  readonly pools: readonly PoolReport[];
  /** Goes up with every change of a lease that somebody may want to see. */
  readonly leaseRevision: number;
  readonly leases: readonly LeaseView[];
  readonly foreign: readonly ForeignLease[];
  readonly pending: readonly PendingClient[];
  readonly rogues: readonly RogueServer[];
  readonly counts: ServerCounts;
  /** What is wrong with the lease file, for people: new leases are not acknowledged meanwhile. */
  readonly storeFault: string | undefined;
}
