import type { Ipv4, PrefixLen } from '../../base/ip.ts';
import type { Ipv6, PrefixLen6 } from '../../base/ip6.ts';
import type { Address6, Link, RouteType } from '../../os/ports.ts';

/** One `Device.IP.Interface.{i}.`, given whole. `id` is that path without the final dot. */
export interface InterfaceConfig {
  readonly id: string;
  readonly enable: boolean;
  readonly ipv4Enable: boolean;
  /** False: the kernel speaks no IPv6 there at all, not even link-local. */
  readonly ipv6Enable: boolean;
  /**
   * The kernel takes default routes and prefixes from router advertisements there, though the box
   * forwards, with this metric; undefined: it does as it does without being told.
   */
  readonly acceptAdvertisements: number | undefined;
  /** Kernel name: that of its only Ethernet.Interface, or `br-lan` style when it has several. */
  readonly ifName: string | undefined;
  /** Kernel names that make up the bridge; empty when it is no bridge. */
  readonly bridgePorts: readonly string[];
  /** `MaxMTUSize`; undefined leaves the driver's own. */
  readonly mtu: number | undefined;
  readonly addresses: readonly AddressConfig[];
  readonly addresses6: readonly Address6Config[];
}

/** One static `IPv6Address.{i}.`; `id` is its path without the final dot. */
export interface Address6Config {
  readonly id: string;
  readonly enable: boolean;
  readonly address: Ipv6 | undefined;
  readonly prefixLen: PrefixLen6 | undefined;
}

/** One static `IPv4Address.{i}.`; `id` is its path without the final dot. */
export interface AddressConfig {
  readonly id: string;
  readonly enable: boolean;
  readonly address: Ipv4 | undefined;
  readonly prefixLen: PrefixLen | undefined;
}

/** One static `Device.Routing.Router.{i}.IPv4Forwarding.{i}.`. */
export interface RouteConfig {
  readonly id: string;
  readonly enable: boolean;
  readonly type: RouteType;
  readonly destination: Ipv4;
  readonly prefixLen: PrefixLen | undefined;
  readonly gateway: Ipv4 | undefined;
  readonly ifName: string | undefined;
  readonly metric: number;
}

/** One static `Device.DNS.Client.Server.{i}.`. */
export interface ResolverConfig {
  readonly id: string;
  readonly enable: boolean;
  /** Text of an IPv4 or IPv6 address, checked by the model. */
  readonly address: string;
}

export interface NetworkConfig {
  readonly interfaces: readonly InterfaceConfig[];
  readonly routes: readonly RouteConfig[];
  readonly resolvers: readonly ResolverConfig[];
  /** `Device.DNS.Client.Enable`: whether resolv.conf is kept. */
  readonly resolverEnable: boolean;
  /** Any enabled `Device.Routing.Router.{i}.`: net.ipv4.ip_forward. */
  readonly forwarding: boolean;
  /** The same for IPv6: net.ipv6.conf.all.forwarding. A router takes no advertisements. */
  readonly forwarding6: boolean;
  /** Administrative state of each Ethernet.Interface by kernel name; absent leaves it alone. */
  readonly ports: readonly { readonly ifName: string; readonly enable: boolean }[];
}

export type ItemStatus = 'Disabled' | 'Enabled' | 'Error_Misconfigured' | 'Error';

export interface ItemReport {
  readonly id: string;
  readonly status: ItemStatus;
  readonly reason: string | undefined;
}

export interface NetworkObserved {
  readonly links: readonly (Link & {
    /** Monotonic ms of the last change of operState. */
    readonly changedAtMs: number;
  })[];
  /** Every IPv4 address in the kernel; `owner` is the id or AddressPlan owner that asked for it. */
  readonly addresses: readonly {
    readonly ifName: string;
    readonly address: Ipv4;
    readonly prefixLen: PrefixLen;
    readonly owner: string | undefined;
  }[];
  /** Every IPv6 address in the kernel, link-local ones too. */
  readonly addresses6: readonly (Omit<Address6, 'ifIndex'> & {
    readonly ifName: string;
    readonly owner: string | undefined;
  })[];
  /** The kernel has IPv6. */
  readonly ipv6Capable: boolean;
  /** Default routes of table main for IPv6, those from router advertisements too. */
  readonly defaultRoutes6: readonly {
    readonly gateway: Ipv6 | undefined;
    readonly ifName: string | undefined;
    readonly metric: number;
    readonly protocol: number;
  }[];
  /** Every IPv4 route of table main. */
  readonly routes: readonly {
    readonly type: RouteType;
    readonly destination: Ipv4;
    readonly prefixLen: PrefixLen;
    readonly gateway: Ipv4 | undefined;
    readonly ifName: string | undefined;
    readonly metric: number;
    readonly protocol: number;
    readonly owner: string | undefined;
  }[];
  /** resolv.conf as written, in its order. */
  readonly resolvers: readonly { readonly address: string; readonly owner: string }[];
  readonly searchDomains: readonly string[];
  readonly forwarding: boolean;
  /** One for every id in the config. */
  readonly items: readonly ItemReport[];
  /** Times something was put back that someone else had removed. */
  readonly restored: number;
}
