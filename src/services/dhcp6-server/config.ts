import type { Mac } from '../../base/ip.ts';
import type { Ipv6, Ipv6Prefix, PrefixLen6 } from '../../base/ip6.ts';

/** All that the DHCPv6 server and the router advertisements are to do, given whole. */
export interface Dhcp6ServerConfig {
  /** `Device.DHCPv6.Server.Enable`. Advertisements do not depend on it. */
  readonly enable: boolean;
  readonly segments: readonly Segment6Config[];
  /** Enabled and disabled pools, in `Order`. The first that a client belongs to serves it. */
  readonly pools: readonly Pool6Config[];
  readonly statics: readonly Static6Config[];
  readonly guard: Guard6Config;
}

/** One IP interface of the LAN. */
export interface Segment6Config {
  /** Path of the `Device.IP.Interface.{i}` without the final dot. */
  readonly id: string;
  readonly ifName: string;
  /** Kernel names of its ports when it is a bridge, else empty. */
  readonly ports: readonly string[];
  readonly prefixes: readonly Prefix6Config[];
  /** Undefined: this interface does not advertise. */
  readonly advertise: AdvertiseConfig | undefined;
}

/** From configuration, or delegated at the WAN. */
export interface TimedPrefix {
  readonly prefix: Ipv6Prefix;
  /** CLOCK_BOOTTIME ms; Infinity for one without end, in the past for a deprecated one. */
  readonly preferredUntilMs: number;
  readonly validUntilMs: number;
}

/** A prefix of the link. */
export interface Prefix6Config extends TimedPrefix {
  readonly onLink: boolean;
  /** Hosts make their own addresses (SLAAC). */
  readonly autonomous: boolean;
}

/** RFC 4861 §6.2.1, `Device.RouterAdvertisement.InterfaceSetting.{i}.`. */
export interface AdvertiseConfig {
  readonly id: string;
  readonly minIntervalSec: number;
  readonly maxIntervalSec: number;
  readonly managed: boolean;
  readonly other: boolean;
  readonly preference: 'low' | 'medium' | 'high';
  /** As a default router; 0 where this box leads nowhere. */
  readonly lifetimeSec: number;
  readonly hopLimit: number;
  readonly reachableMs: number;
  readonly retransMs: number;
  /** 0: not told. */
  readonly mtu: number;
  /** No prefix is advertised for longer (RFC 9096 §3.4), so that one that vanished unseen dies out. */
  readonly preferredLimitSec: number;
  readonly validLimitSec: number;
  readonly dnsServers: readonly Ipv6[];
  /** They are the owner's choice; else the box itself takes their place where it answers. */
  readonly dnsGiven: boolean;
  readonly domains: readonly string[];
  /** More specific routes (RFC 4191): prefixes of the whole box, say. */
  readonly routes: readonly Ipv6Prefix[];
  readonly captivePortal: string | undefined;
  /** NAT64 prefix (RFC 8781). */
  readonly pref64: Ipv6Prefix | undefined;
  /** Whole bodies of further options; they replace what the fields above would send. */
  readonly options: readonly { readonly type: number; readonly body: Uint8Array }[];
}

/** A condition on the client; `exclude` turns it around. */
interface Condition<T> {
  readonly value: T;
  readonly exclude: boolean;
}

/** One `Device.DHCPv6.Server.Pool.{i}.`; `id` is its path without the final dot. */
export interface Pool6Config {
  readonly id: string;
  readonly enable: boolean;
  /** `Segment6Config.id`; undefined (with `fault`) where it points nowhere. */
  readonly segment: string | undefined;
  /** Why it cannot be served, for people: Status Error_Misconfigured. */
  readonly fault: string | undefined;
  // Who belongs to the pool: all conditions that are given must hold.
  readonly duid: Condition<Uint8Array> | undefined;
  /** One of the class data of any option 16. */
  readonly vendorClass: Condition<Uint8Array> | undefined;
  readonly userClass: Condition<Uint8Array> | undefined;
  readonly source: (Condition<Ipv6> & { readonly mask: Ipv6 }) | undefined;
  /** Prefixes that addresses are given from, one from each; undefined: stateless. */
  readonly addresses: readonly TimedPrefix[] | undefined;
  /** They are all prefixes of the link, so that those that are delegated at the WAN are among them. */
  readonly wholeLink: boolean;
  /** Prefixes that are cut into delegated ones of `length`, one from each; undefined: none are delegated. */
  readonly delegation:
    | { readonly prefixes: readonly TimedPrefix[]; readonly length: PrefixLen6 }
    | undefined;
  /** Seconds; a prefix that ends sooner shortens them. */
  readonly preferredSec: number;
  readonly validSec: number;
  /** 0 to 255 (RFC 8415 §21.8). */
  readonly preference: number;
  readonly rapidCommit: boolean;
  readonly dnsServers: readonly Ipv6[];
  /** They are the owner's choice; else the box itself takes their place where it answers. */
  readonly dnsGiven: boolean;
  readonly domains: readonly string[];
  /** They replace what the fields above would send. */
  readonly options: readonly { readonly code: number; readonly value: Uint8Array }[];
  /** 0 to 63, of what is sent to clients of the pool. */
  readonly dscp: number;
}

/** A host that always gets the same: known by DUID (and IAID, where given) or by MAC. */
export interface Static6Config {
  readonly id: string;
  readonly enable: boolean;
  readonly duid: Uint8Array | undefined;
  readonly iaid: number | undefined;
  /** In its DUID-LL or DUID-LLT, in option 79 of a relay, or the sender on the link itself. */
  readonly mac: Mac | undefined;
  readonly address: Ipv6 | undefined;
  readonly prefix: Ipv6Prefix | undefined;
}

/** Limits that a healthy network never meets. 0 turns a limit off. */
export interface Guard6Config {
  /** Clients without a binding that are given one, per port and second. */
  readonly newClientsPerSec: number;
  /** Messages answered per client in ten seconds. */
  readonly answersPerClient: number;
  /** Addresses and prefixes of one client. */
  readonly bindingsPerClient: number;
}

// ---- what it reports -----------------------------------------------------------------------

/** An address or a prefix that a client has. */
export interface Lease6View {
  /** A prefix of 128 bits for an address. */
  readonly prefix: Ipv6Prefix;
  readonly preferredSec: number;
  readonly validSec: number;
  /** CLOCK_BOOTTIME ms of the end of its valid lifetime; Infinity for none. */
  readonly expiresAtMs: number;
}

/** One IA of one client. The object changes in place; read it, never keep it. */
export interface Binding6View {
  readonly kind: 'address' | 'prefix';
  readonly duid: Uint8Array;
  readonly iaid: number;
  /** Kernel name of the segment. */
  readonly segment: string;
  /** `Pool6Config.id`. */
  readonly pool: string;
  readonly state: 'bound' | 'released' | 'declined';
  readonly leases: readonly Lease6View[];
  /** Address that the client last sent from, or that its relay said. */
  readonly source: Ipv6;
  /** It is on the segment itself, not behind a relay. */
  readonly direct: boolean;
  readonly mac: Mac | undefined;
  readonly hostName: string | undefined;
  /** Unix ms of the latest REPLY, as the clock said then. */
  readonly lastWallMs: number;
  /** CLOCK_BOOTTIME ms of the latest REPLY. */
  readonly lastBootMs: number;
}

/** TR-181 `DHCPv6.Server.Stats.` and what Gatehouse counts beside it. */
export interface Server6Counts {
  readonly solicit: number;
  readonly advertise: number;
  readonly request: number;
  readonly confirm: number;
  readonly renew: number;
  readonly rebind: number;
  readonly reply: number;
  readonly release: number;
  readonly decline: number;
  readonly informationRequest: number;
  readonly relayForward: number;
  readonly relayReply: number;
  /** Malformed, or of no use to a server. */
  readonly discarded: number;
  /** Answers that the kernel did not take. */
  readonly transmitFailure: number;
  /** Kept silent by the owner's rules. */
  readonly refused: number;
  /** Kept silent by a limit of the guard. */
  readonly limited: number;
  /** Not acknowledged because the disk took none. */
  readonly notDurable: number;
}

export interface Pool6Report {
  readonly id: string;
  readonly status: 'Disabled' | 'Enabled' | 'Error_Misconfigured' | 'Error';
  readonly reason: string | undefined;
}

export interface AdvertiseReport {
  /** `AdvertiseConfig.id`. */
  readonly id: string;
  readonly status: 'Enabled' | 'Error';
  readonly reason: string | undefined;
  readonly sent: number;
  readonly solicitations: number;
}

/** Another router that advertises on a segment of ours. */
export interface RogueRouter {
  readonly segment: string;
  readonly router: Ipv6;
  readonly mac: Mac;
  /** 0: it offers no way out, only prefixes or options. */
  readonly lifetimeSec: number;
  readonly prefixes: readonly Ipv6Prefix[];
  readonly firstWallMs: number;
  readonly lastWallMs: number;
}

export interface Dhcp6ServerObserved {
  readonly pools: readonly Pool6Report[];
  readonly bindings: readonly Binding6View[];
  /** Goes up with every change of a binding. */
  readonly bindingRevision: number;
  readonly counts: Server6Counts;
  readonly advertisers: readonly AdvertiseReport[];
  readonly rogues: readonly RogueRouter[];
  /** What is wrong with the store, for people: new bindings are not acknowledged meanwhile. */
  readonly storeFault: string | undefined;
}
