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
}

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
