import type { Ipv6, Ipv6Prefix } from '../../base/ip6.ts';
import type { ClientStatus } from '../client-programs/status.ts';

/** One enabled or disabled `Device.DHCPv6.Client.{i}.`, given whole to the service. */
export interface Client6Config {
  /** Stable name, such as `dhcp6.1`: the hook's file name, the owner of its addresses, its key in the store. */
  readonly id: string;
  /** The row's instance number: its IAIDs are made of it, so that no two clients share one. */
  readonly instance: number;
  readonly enable: boolean;
  /** Kernel name of the interface; undefined when `Interface` points nowhere (Status Error_Misconfigured). */
  readonly ifName: string | undefined;
  /** Ask for an address (IA_NA). */
  readonly requestAddresses: boolean;
  /** Ask for prefixes, one IA_PD each; what is set in an entry is a hint: `::/56` for the length alone. */
  readonly prefixHints: readonly Ipv6Prefix[];
  readonly rapidCommit: boolean;
  /** Option codes for the Option Request option, in order. */
  readonly requestedOptions: readonly number[];
  readonly sentOptions: readonly { readonly code: number; readonly value: Uint8Array }[];
  /** T1 and T2 that the client suggests, seconds; undefined: none. */
  readonly suggestedT1Sec: number | undefined;
  readonly suggestedT2Sec: number | undefined;
  readonly useResolvers: boolean;
}

/** A network of the LAN that gets its /64 of each delegated prefix. */
export interface Lan6Config {
  /** Path of the `Device.IP.Interface.{i}` without the final dot. */
  readonly id: string;
  readonly ifName: string;
  /** Its number among the /64s of a prefix, as far as that has so many. */
  readonly subnet: number;
  /** The number was chosen, and goes before those that were not. */
  readonly chosen: boolean;
}

export interface Dhcp6ClientConfig {
  readonly clients: readonly Client6Config[];
  readonly lans: readonly Lan6Config[];
}

/** What the client is at (RFC 8415 §18.2). */
export type Dhcp6State =
  | 'Init'
  | 'Soliciting'
  | 'Requesting'
  | 'Confirming'
  | 'Bound'
  | 'Renewing'
  | 'Rebinding';

/** Messages seen on the wire, by type (RFC 8415 §7.3). */
export interface Message6Counts {
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
  readonly reconfigure: number;
  /** Malformed, or meant for somebody else. */
  readonly discarded: number;
  /** Options that were refused in a message whose rest was used. */
  readonly badOptions: number;
}

/** An option of the last answer, as received. */
export interface ReceivedOption6 {
  readonly code: number;
  readonly data: Uint8Array;
}

interface Timed6 {
  /** Of the IA that it came in. */
  readonly iaid: number;
  /** CLOCK_BOOTTIME ms; Infinity for one without end, in the past for a deprecated one. */
  readonly preferredUntilMs: number;
  readonly validUntilMs: number;
}

export interface AssignedAddress6 extends Timed6 {
  readonly address: Ipv6;
}

export interface DelegatedPrefix6 extends Timed6 {
  readonly prefix: Ipv6Prefix;
}

export interface Lease6Observed {
  readonly addresses: readonly AssignedAddress6[];
  readonly prefixes: readonly DelegatedPrefix6[];
  /** Of the server that answered last. */
  readonly serverDuid: Uint8Array;
  readonly serverAddress: Ipv6 | undefined;
  /** CLOCK_BOOTTIME ms; Infinity for never. */
  readonly t1AtMs: number;
  readonly t2AtMs: number;
  /** OPTION_DNS_SERVERS, those that are host addresses or link-local. */
  readonly dnsServers: readonly Ipv6[];
  readonly domains: readonly string[];
  /** Every option of the last answer but identifiers and IAs, in its order: 94, 95, 64, 17, 31, 56 … raw. */
  readonly options: readonly ReceivedOption6[];
}

/** What options tell to others, read. */
export interface Facts6 {
  /** Name of the tunnel's end for DS-Lite (RFC 6334). */
  readonly aftr: string | undefined;
  /** Addresses and names (RFC 5908, RFC 4075). */
  readonly ntpServers: readonly string[];
  /** Names and addresses (RFC 3319). */
  readonly sipServers: readonly string[];
  readonly vendors: readonly {
    readonly enterprise: number;
    readonly options: readonly { readonly code: number; readonly hex: string }[];
  }[];
}

export interface Client6Observed extends ClientStatus {
  readonly id: string;
  /** Kernel name. */
  readonly ifName: string | undefined;
  readonly state: Dhcp6State;
  readonly lease: Lease6Observed | undefined;
  /** What the options of `lease` tell. */
  readonly facts: Facts6;
  readonly counts: Message6Counts;
  readonly pid: number | undefined;
  /** Times the client program had to be started again because it died. */
  readonly restarts: number;
}

/** The /64 of a delegated prefix that a network of the LAN has. */
export interface LanPrefix6 {
  /** `Lan6Config.id`. */
  readonly lan: string;
  readonly ifName: string;
  /** `Client6Config.id`. */
  readonly client: string;
  readonly delegated: Ipv6Prefix;
  readonly subnet: Ipv6Prefix;
  /** CLOCK_BOOTTIME ms. */
  readonly preferredUntilMs: number;
  readonly validUntilMs: number;
}

/** Published as `observed.dhcp6Client`. */
export interface Dhcp6ClientObserved {
  /** This box's own, for good. */
  readonly duid: Uint8Array;
  readonly clients: readonly Client6Observed[];
  /** Where the delegated prefixes went. */
  readonly lanPrefixes: readonly LanPrefix6[];
  /** Networks that a delegated prefix is too small for, each a sentence. */
  readonly unplaced: readonly { readonly lan: string; readonly reason: string }[];
  readonly program: Program6Observed | undefined;
}

/** The client program in use; undefined where none is installed. */
export interface Program6Observed {
  readonly name: string;
  /** What it cannot do, each a sentence. */
  readonly limits: readonly string[];
}
