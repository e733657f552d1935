/** What the DHT node is given whole, and what it reports. */
import type { Ipv4Prefix } from '../../base/ip.ts';
import type { Ipv6Prefix } from '../../base/ip6.ts';

export type Family = 4 | 6;
export type IpPrefix = Ipv4Prefix | Ipv6Prefix;

/** Never passed, whatever arrives. Each rate may come as the burst of one second. */
export interface DhtBudget {
  readonly packetsInPerSec: number;
  readonly packetsOutPerSec: number;
  readonly bytesInPerSec: number;
  readonly bytesOutPerSec: number;
  /** Queries answered for one address; for its /24 or /64 four times that. 0: no limit. */
  readonly perSourcePerSec: number;
  /** Other endpoints talked to within three minutes: as many entries a tracking firewall may hold. */
  readonly flows: number;
}

export interface TableObserved {
  readonly family: Family;
  readonly id: string;
  /** Our address as others see it; undefined until enough said the same. */
  readonly externalAddress: string | undefined;
  readonly nodes: number;
  readonly spares: number;
  /** Buckets that hold a node. */
  readonly buckets: number;
  /** Smoothed round trip. */
  readonly rttMs: number;
}
