import type { Ipv6Prefix } from '../../base/ip6.ts';
import type { MapAddressing, MapRule } from './addressing.ts';

/** One `Device.MAP.Domain.{i}.Rule.{i}.` of users; `id` is its path without the final dot. */
export interface MapRuleConfig extends MapRule {
  readonly id: string;
  readonly enable: boolean;
}

/** One `Device.MAP.Domain.{i}.` of users; `id` is its path without the final dot. */
export interface MapDomainConfig {
  readonly id: string;
  readonly instance: number;
  readonly enable: boolean;
  /** Kernel name behind `WANInterface`; undefined when it points nowhere. */
  readonly wan: string | undefined;
  /** What `IPv6Prefix` points to; undefined: what is delegated on `wan`. */
  readonly delegated: Ipv6Prefix | undefined;
  /** `BRIPv6Prefix`: all of IPv4 is behind it; undefined: as the network says. */
  readonly dmr: Ipv6Prefix | undefined;
  /** DSCP of what is sent, 0 to 63; undefined leaves it as it is. */
  readonly dscp: number | undefined;
  /** Without any, those of the network are taken. */
  readonly rules: readonly MapRuleConfig[];
}

export interface MapConfig {
  /** `Device.MAP.Enable`. */
  readonly enable: boolean;
  readonly domains: readonly MapDomainConfig[];
}

/** What a DHCPv6 client was told, as far as it is of use here. */
export interface MapOffer {
  /** Its id, such as `dhcp6.1`. */
  readonly client: string;
  readonly wan: string;
  readonly delegated: readonly Ipv6Prefix[];
  /** Values of option 95, raw. */
  readonly mapT: readonly Uint8Array[];
  /** Values of option 94: MAP-E, which is decoded and shown. */
  readonly mapE: readonly Uint8Array[];
  /** Another text for every answer of the server. */
  readonly answer: string;
}

export type MapStatus = 'Disabled' | 'Enabled' | 'Error_Misconfigured' | 'Error';

export interface MapRuleObserved {
  /** Of users: their id. Of the network: its place in the option, from 1. */
  readonly id: string;
  readonly rule: MapRule;
  readonly status: 'Disabled' | 'Enabled' | 'Error';
  readonly reason: string | undefined;
  /** The one that the customer's own address comes from. */
  readonly basic: boolean;
}

export interface MapDomainObserved {
  /** Of users: their id. Made of what a DHCPv6 client was told: that client's. */
  readonly id: string;
  readonly origin: 'Static' | 'DHCPv6';
  readonly status: MapStatus;
  readonly reason: string | undefined;
  readonly wan: string | undefined;
  readonly delegated: Ipv6Prefix | undefined;
  readonly dmr: Ipv6Prefix | undefined;
  readonly rules: readonly MapRuleObserved[];
  readonly addressing: MapAddressing | undefined;
  /** Kernel name of the link that translates. */
  readonly link: string | undefined;
  /** What translates. */
  readonly engine: 'tayga' | 'nat46' | undefined;
  /** Bytes of the largest IPv4 packet. */
  readonly mtu: number | undefined;
  /** Times the translator had to be started again because it died. */
  readonly restarts: number;
}

/** Published as `observed.map`. */
export interface MapObserved {
  readonly domains: readonly MapDomainObserved[];
  /** Options 94 and 95 that were refused since the start, and why the last one was. */
  readonly refusedOptions: number;
  readonly refusal: string | undefined;
  /** Times the table was put back after someone else changed it. */
  readonly restored: number;
}

/** Ports of a domain in use, by what the kernel tracks now. */
export interface MapUsage {
  /** Ports with at least one flow; of one set after the other, in the order of `ports`. */
  readonly perSet: readonly number[];
  readonly ports: number;
  /** Flows; one port serves several, to different destinations. */
  readonly tcp: number;
  readonly udp: number;
  readonly icmp: number;
}
