/** Links, addresses and routes: types only, apart since `ports.ts` is long. */
import type { SystemError } from '../base/errors.ts';
import type { Ipv4, Mac, PrefixLen } from '../base/ip.ts';
import type { Ipv6, Ipv6Prefix, PrefixLen6 } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';

// ---- rtnetlink -----------------------------------------------------------------------------

export type OperState =
  | 'unknown'
  | 'notpresent'
  | 'down'
  | 'lowerlayerdown'
  | 'testing'
  | 'dormant'
  | 'up';

export interface LinkStats {
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
  readonly multicast: bigint;
  readonly collisions: bigint;
}

export interface Link {
  readonly ifIndex: number;
  readonly name: string;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  /** Packets that may wait to be sent; undefined where the kernel does not tell. */
  readonly queueLength?: number | undefined;
  readonly minMtu: number;
  readonly maxMtu: number;
  /** IFF_UP. */
  readonly adminUp: boolean;
  /** IFF_LOWER_UP. */
  readonly carrier: boolean;
  readonly operState: OperState;
  readonly loopback: boolean;
  /** ARPHRD_ number, 1 for Ethernet; undefined where nobody asked the kernel. */
  readonly hardware?: number | undefined;
  /** IFLA_INFO_KIND: `veth`, `bridge`, …; undefined for hardware. */
  readonly kind: string | undefined;
  /** ifIndex of the bridge it belongs to. */
  readonly master: number | undefined;
  readonly stats: LinkStats;
}

export interface Address {
  readonly ifIndex: number;
  readonly address: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly broadcast: Ipv4 | undefined;
  /** IFA_PROTO; Gatehouse marks its own with `OWN_PROTOCOL`. 0 when unset. */
  readonly protocol: number;
}

export type RouteType = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';

export interface Route {
  readonly type: RouteType;
  readonly destination: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly gateway: Ipv4 | undefined;
  readonly ifIndex: number | undefined;
  /** RTA_PRIORITY; 0 when absent. */
  readonly metric: number;
  /** RTA_PREFSRC. */
  readonly source: Ipv4 | undefined;
  readonly table: number;
  /** rtm_protocol: 2 kernel, 3 boot, 4 static, 16 dhcp; Gatehouse's own is `OWN_PROTOCOL`. */
  readonly protocol: number;
  readonly scope: 'universe' | 'link' | 'host' | 'other';
  /** RTNH_F_ONLINK is wanted: the gateway is outside the subnet of the interface (RFC 3442, /32 leases). */
  readonly onLink: boolean;
}

export interface Address6 {
  readonly ifIndex: number;
  readonly address: Ipv6;
  readonly prefixLen: PrefixLen6;
  /** Seconds left when the kernel last spoke of it; Infinity for ever. */
  readonly preferredSec: number;
  readonly validSec: number;
  /** Duplicate address detection (RFC 4862 §5.4): under way, passed, or somebody else has it. */
  readonly dad: 'tentative' | 'done' | 'failed';
  readonly protocol: number;
  /** Of one that is set: the kernel makes no route of its prefix, which would outlive an address with an end. */
  readonly prefixRoute?: false;
}

export interface Route6 {
  readonly type: RouteType;
  readonly destination: Ipv6;
  readonly prefixLen: PrefixLen6;
  readonly gateway: Ipv6 | undefined;
  readonly ifIndex: number | undefined;
  /** RTA_PRIORITY, never 0: the kernel would make 1024 of it. */
  readonly metric: number;
  readonly table: number;
  readonly protocol: number;
}

export type NetChange =
  /** Adds it, or gives the one that is there these lifetimes. */
  | { readonly op: 'address6.set'; readonly address: Address6 }
  | { readonly op: 'address6.del'; readonly address: Address6 }
  | { readonly op: 'route6.replace'; readonly route: Route6 }
  | { readonly op: 'route6.del'; readonly route: Route6 }
  | { readonly op: 'address.add'; readonly address: Address }
  | { readonly op: 'address.del'; readonly address: Address }
  /** Creates, or replaces the route with the same destination and metric. */
  | { readonly op: 'route.replace'; readonly route: Route }
  | { readonly op: 'route.del'; readonly route: Route }
  | {
      readonly op: 'link.set';
      readonly ifIndex: number;
      readonly adminUp?: boolean;
      readonly mtu?: number;
      readonly queueLength?: number;
      /** 0 takes it out of its bridge. */
      readonly master?: number;
    }
  | { readonly op: 'bridge.add'; readonly name: string }
  | { readonly op: 'link.del'; readonly ifIndex: number };

export interface NetEvent {
  /** What kind of rows changed, and on which interface; `resync` after lost messages: everything may have. */
  readonly what: 'link' | 'address' | 'route' | 'resync';
  readonly ifIndex: number | undefined;
}

/** A live copy of the kernel's links, and its addresses and routes of table main, kept by rtnetlink(7) notifications. */
export interface Net extends AsyncDisposable {
  links(): readonly Link[];
  addresses(): readonly Address[];
  routes(): readonly Route[];
  addresses6(): readonly Address6[];
  routes6(): readonly Route6[];
  /** Times the kernel's queue overran and everything was dumped again. */
  readonly resyncs: number;
  /** Asks for fresh counters (notifications carry none) and gives the link. */
  refreshStats(): void;
  /**
   * Applies all changes in one exchange with the kernel, in order, each on its own: the answer has
   * one entry per change, undefined where it was done (or already so: EEXIST on add, ESRCH,
   * EADDRNOTAVAIL and ENODEV on delete count as done). The copy already holds them on return.
   */
  apply(changes: readonly NetChange[]): readonly (SystemError | undefined)[];
  /** What a burst of notifications changed comes in one call, each row of it once. */
  subscribe(listener: (events: readonly NetEvent[]) => void): Disposable;
}

// ---- the interface between whoever learns addresses and whoever sets them ------------------

export interface PlannedRoute {
  readonly destination: Ipv4;
  readonly prefixLen: PrefixLen;
  /** Undefined: the destination is on the link itself (RFC 3442, router 0.0.0.0). */
  readonly gateway: Ipv4 | undefined;
}

/** All that one owner (a DHCP client, say) wants on one interface. */
export interface AddressPlan {
  readonly ifName: string;
  readonly address: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly broadcast: Ipv4 | undefined;
  readonly routes: readonly PlannedRoute[];
  /** Metric of all its routes. */
  readonly metric: number;
  readonly mtu: number | undefined;
  /** The link has no row of its own that would bring it up. */
  readonly bringUp?: true;
  /** Packets that may wait on it; undefined leaves the driver's own. */
  readonly queueLength?: number;
  readonly resolvers: readonly Ipv4[];
  readonly searchDomains: readonly string[];
}

export interface AddressPlanner {
  /**
   * Makes `plan` the whole of what `owner` wants, undefined for nothing, and carries it out before
   * it returns; what someone else removes later is put back. Gives what could not be done.
   */
  set(owner: string, plan: AddressPlan | undefined): readonly SystemError[];
}

export interface PlannedRoute6 {
  readonly destination: Ipv6;
  readonly prefixLen: PrefixLen6;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: Ipv6 | undefined;
  readonly ifName: string;
}

export interface Route6Planner {
  /** Makes `routes` the whole of what `owner` wants, and carries it out. Gives what could not be done. */
  setRoutes6(owner: string, routes: readonly PlannedRoute6[]): readonly SystemError[];
}

/** All that one owner (a DHCPv6 client, say) wants of IPv6. Times are CLOCK_BOOTTIME ms, Infinity for ever. */
export interface AddressPlan6 {
  readonly addresses: readonly {
    readonly ifName: string;
    readonly address: Ipv6;
    readonly prefixLen: PrefixLen6;
    /** In the past for a deprecated one. */
    readonly preferredUntilMs: number;
    readonly validUntilMs: number;
  }[];
  /** What leads nowhere but where a longer prefix says so, lest it goes back to the WAN for ever (RFC 7084 WPD-5). */
  readonly unreachable: readonly Ipv6Prefix[];
  readonly resolvers: readonly Ipv6[];
  readonly searchDomains: readonly string[];
}

export interface Address6Planner {
  /** Makes `plan` the whole of what `owner` wants, undefined for nothing, and carries it out. Gives what could not be done. */
  set6(owner: string, plan: AddressPlan6 | undefined): readonly SystemError[];
}

// ---- connection tracking -------------------------------------------------------------------

/** One IPv4 flow that the kernel tracks, as its answers are addressed. */
export interface TrackedFlow {
  /** IP protocol number. */
  readonly protocol: number;
  readonly address: Ipv4;
  /** Port, or the identifier of ICMP echo. */
  readonly port: number;
}

export interface FlowTable {
  /** Flows whose answers go to `address`, as of now. */
  to(address: Ipv4): Result<readonly TrackedFlow[], SystemError>;
}
