import type { Mac } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';

/** Whose hosts are watched, and what the owner calls them; given whole. */
export interface NeighborsConfig {
  /** The IP interfaces of the LAN by kernel name. */
  readonly interfaces: readonly string[];
  /** Names that the owner gave by static addresses: RFC 1123 labels in lower case. */
  readonly names: readonly { readonly mac: Mac; readonly name: string }[];
  /** What the owner calls the box itself; no host may be called so. */
  readonly ownName: string | undefined;
  /** Seconds of silence after which a host is asked whether it is still there; 0: never. */
  readonly checkSec: number;
  /** What the LAN says is listened to, for hosts that never speak to the box itself. */
  readonly listen: boolean;
  readonly scan: ScanConfig;
  /** MAC addresses that the owner says are not the same device, however much they look alike. */
  readonly apart: readonly (readonly [Mac, Mac])[];
}

/** How the LAN is searched for who is there. */
export interface ScanConfig {
  readonly enable: boolean;
  /** From the end of one search to the next. */
  readonly intervalSec: number;
  /** How often an address that is silent is asked, from 1 to 10. */
  readonly passes: number;
  /** How long answers are waited for after each pass. */
  readonly waitMs: number;
  /** Questions a second, in small bursts; never 0. */
  readonly ratePerSec: number;
}

/**
 * A lease as the DHCP server has it: what is read of it here. It changes in place; it is read when
 * the server says that something changed.
 */
export interface HostLease {
  readonly address: IpAddress;
  /** Only one that is `bound` gives its host an address and a name. */
  readonly state: string;
  /** At most 16 bytes; six are a MAC address. */
  readonly chaddr: Uint8Array;
  readonly clientId: Uint8Array | undefined;
  /** Checked and in lower case. */
  readonly hostName: string | undefined;
  /** Path of the pool's row without the final dot. */
  readonly pool: string | undefined;
  /** Unix ms of the first and the latest ACK, as the clock said then. */
  readonly firstWallMs: number;
  readonly lastWallMs: number;
}

// ---- what it reports -----------------------------------------------------------------------

export interface HostAddress {
  readonly address: IpAddress;
  /** Interface of the LAN. */
  readonly ifName: string | undefined;
  readonly leased: boolean;
}

/** One device of the LAN: all that has one MAC address. It changes in place; read it, never keep it. */
export interface HostView {
  readonly mac: Mac;
  /** Nobody else's on this LAN; undefined when it has none, or one that is refused. */
  readonly name: string | undefined;
  readonly vendor: string | undefined;
  /** The device made its MAC address up (IEEE 802, locally administered): it may have others. */
  readonly randomised: boolean;
  /** It was heard within the last minutes. */
  readonly active: boolean;
  /** Unix ms. */
  readonly activeChangedMs: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Interface of the LAN where it was seen last. */
  readonly ifName: string | undefined;
  /** The port of the bridge behind which it was heard last. */
  readonly port: string | undefined;
  /** Those heard last come first. */
  readonly addresses: readonly HostAddress[];
  /** Rather IPv4 than IPv6, rather on loan than only heard of. */
  readonly mainAddress: IpAddress | undefined;
  /** That it has now, the newest first. */
  readonly leases: readonly HostLease[];
  /** What it calls itself by mDNS or to other DHCP servers; one label. */
  readonly calls: string | undefined;
  /** When it was there, the newest first; bounded. The first has no end while it is active. */
  readonly presence: readonly Stay[];
  /** MAC address by which its device is known: of the one of its hosts that was seen first. */
  readonly device: Mac;
  /** Why it is counted as the same device as another host; undefined for the first, and for one alone. */
  readonly joined: Joined | undefined;
}

/** One time that a host was there, Unix ms. */
export interface Stay {
  readonly fromMs: number;
  readonly toMs: number | undefined;
}

/** Why two MAC addresses are one device. */
export interface Joined {
  readonly to: Mac;
  readonly by: JoinReason;
}

export type JoinReason =
  /** The same client identifier in DHCP, one that is not made of a MAC address. */
  | 'ClientId'
  /** An IPv6 address whose last half is made of the other's MAC address. */
  | 'IPv6Address'
  /** The same host name, one of them a made-up MAC address, and never there at the same time. */
  | 'HostName';

export interface NeighborsObserved {
  /** Goes up with every change that somebody may want to see; `lastSeenMs` alone is none. */
  readonly revision: number;
  /** Active ones first, then by when they were seen last. */
  readonly hosts: readonly HostView[];
  /** Somebody found no room. */
  readonly full: boolean;
}

export interface HostEvent {
  readonly kind: 'new' | 'active' | 'inactive' | 'renamed';
  readonly host: HostView;
}

/** Names of the LAN, for whoever resolves them. */
export interface HostNames {
  /** Of a label without its domain, in any case; never link-local ones. Empty for an unknown name. */
  addressesOf(name: string): readonly IpAddress[];
  nameOf(address: IpAddress): string | undefined;
  /** Called after either answer may have changed. */
  namesChanged(listener: () => void): Disposable;
}

/** Alarms of the LAN. */
export type ConflictKind =
  /** Two devices have one address. */
  | 'Duplicate'
  /** Somebody says to have the address of another. */
  | 'Spoof'
  /** Somebody says to have the address of the box itself. */
  | 'OwnAddress'
  /** The gateway is another device than before. */
  | 'GatewayChange';

export interface Conflict {
  readonly kind: ConflictKind;
  readonly ifName: string;
  readonly address: IpAddress;
  /** Who claims it. */
  readonly mac: Mac;
  /** Who has, or had it; undefined where it is the box itself. */
  readonly other: Mac | undefined;
  readonly reason: string;
  /** Unix ms. */
  readonly sinceMs: number;
  readonly lastMs: number;
  /** How often it was found. */
  readonly count: number;
}

export interface ScanReport {
  readonly running: boolean;
  /** Unix ms of the end of the last one. */
  readonly endedMs: number | undefined;
  readonly tookMs: number;
  /** Questions that it sent, and devices that answered. */
  readonly sent: number;
  readonly answered: number;
  /** Why it could not be done, for people; empty when it could. */
  readonly reason: string;
}

/** How the LAN is watched. */
export interface WatchObserved {
  readonly scan: ScanReport;
  /** The newest first. */
  readonly conflicts: readonly Conflict[];
  counts(): WatchCounts;
}

/** Counters, read when somebody asks. */
export interface WatchCounts {
  /** Frames that said something, and those for which there was no time. */
  readonly heard: number;
  readonly skipped: number;
  /** Frames that the kernel dropped. */
  readonly dropped: number;
  /** Questions to single devices, and those that found no room. */
  readonly asked: number;
  readonly unasked: number;
  /** Claims to an address that were not looked into. */
  readonly overlooked: number;
}
