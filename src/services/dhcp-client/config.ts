import type { Ipv4, PrefixLen } from '../../base/ip.ts';
import type { ClientStatus } from '../client-programs/status.ts';

/** One enabled or disabled `Device.DHCPv4.Client.{i}.`, given whole to the service. */
export interface ClientConfig {
  /** Stable name, such as `dhcp4.1`: the hook's file name, the owner of its addresses, its key in the store. */
  readonly id: string;
  readonly enable: boolean;
  /** Kernel name of the interface; undefined when `Interface` points nowhere (Status Error_Misconfigured). */
  readonly ifName: string | undefined;
  /** Option codes for the Parameter Request List, in `ReqOption.{i}.Order`. */
  readonly requestOptions: readonly number[];
  readonly sentOptions: readonly { readonly code: number; readonly hex: string }[];
  /** Metric of its routes; the lowest one wins when there are several WANs. */
  readonly routeMetric: number;
  /** `Retransmission.DiscoverInitialTimeout`: seconds between two DISCOVER of one round. */
  readonly discoverIntervalSec: number;
  /** `Retransmission.DiscoverMaxTimeout`: seconds of silence between two rounds. */
  readonly discoverPauseSec: number;
  readonly useResolvers: boolean;
}

export interface DhcpClientConfig {
  readonly clients: readonly ClientConfig[];
}

/** TR-181 `DHCPv4.Client.{i}.DHCPStatus`. */
export type DhcpStatus = 'Init' | 'Selecting' | 'Requesting' | 'Rebinding' | 'Bound' | 'Renewing';

/** TR-181 `DHCPv4.Client.{i}.Stats.`: messages seen on the wire, by type (RFC 2132 §9.6). */
export interface MessageCounts {
  readonly discover: number;
  readonly offer: number;
  readonly request: number;
  readonly decline: number;
  readonly release: number;
  readonly inform: number;
  readonly ack: number;
  readonly nack: number;
  readonly forceRenew: number;
  readonly discarded: number;
}

export interface LeaseObserved {
  readonly address: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly routers: readonly Ipv4[];
  readonly dnsServers: readonly Ipv4[];
  readonly domain: string | undefined;
  readonly server: Ipv4 | undefined;
  /** Infinity for a lease without end. */
  readonly leaseSec: number;
  /** Monotonic deadline, ms; Infinity for a lease without end. */
  readonly expiresAtMs: number;
  readonly t1AtMs: number;
  readonly t2AtMs: number;
  /** Options as received, in order of code, hex of the value. */
  readonly options: readonly { readonly code: number; readonly hex: string }[];
}

export interface ClientObserved extends ClientStatus {
  readonly id: string;
  readonly dhcpStatus: DhcpStatus;
  readonly lease: LeaseObserved | undefined;
  readonly counts: MessageCounts;
  readonly pid: number | undefined;
  /** Times the client had to be started again because it died. */
  readonly restarts: number;
}

export interface DhcpClientObserved {
  readonly clients: readonly ClientObserved[];
  /** Lease messages refused because they were malformed or came from a stranger, since start. */
  readonly refusedMessages: number;
}
