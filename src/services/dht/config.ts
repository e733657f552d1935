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

export interface CrawlerConfig {
  readonly enable: boolean;
  /** Minutes after midnight (UTC) at which it begins, and for how long it goes on; 1,440 is always. */
  readonly startMin: number;
  readonly lengthMin: number;
  /** Queries a second, of the node's budget. */
  readonly packetsPerSec: number;
  /** Infohashes kept, the oldest going first. */
  readonly maxHashes: number;
}

export interface DhtConfig {
  readonly enable: boolean;
  readonly port: number;
  /** `host:port`, `192.0.2.1:6881`, `[2001:db8::1]:6881`. */
  readonly bootstrap: readonly string[];
  /** Where not empty, nobody outside of these is talked to, and inside them private addresses are. */
  readonly privateNetworks: readonly IpPrefix[];
  /** BEP 43: asks, does not answer. */
  readonly readOnly: boolean;
  readonly budget: DhtBudget;
  readonly crawler: CrawlerConfig;
  /** Public key (hex) and salt under which updates are announced (BEP 44); undefined follows nothing. */
  readonly announcements: { readonly publicKey: string; readonly salt: string } | undefined;
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

/** Since the service started. */
export interface DhtCounters {
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Datagrams not looked at: over the budget, from addresses nobody talks to, or cut. */
  readonly droppedBudget: number;
  readonly droppedAddress: number;
  readonly droppedSource: number;
  /** Dropped by the kernel before we saw them, or not taken by it. */
  readonly droppedKernel: number;
  readonly unsent: number;
  readonly malformed: number;
  readonly queriesAnswered: number;
  /** Who asked while the queue of those to be looked at for a table was full. */
  readonly missedAskers: number;
  readonly queriesSent: number;
  readonly answers: number;
  readonly timeouts: number;
  /** Answers to nothing we asked, or from another address. */
  readonly strayAnswers: number;
  /** Our own queries that found no room. */
  readonly refusedQueries: number;
}

export interface CrawlerObserved {
  readonly enabled: boolean;
  /** It is its time. */
  readonly running: boolean;
  readonly hashes: number;
  readonly nodesAsked: number;
  readonly nodesKnown: number;
}

export interface AnnouncementObserved {
  /** `seq` of the newest announcement that was accepted. */
  readonly seq: number;
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
  readonly atMs: number;
  /** Announcements that were refused: older ones, and such as say nothing of an update. */
  readonly refused: number;
}

export interface DhtObserved {
  readonly status: 'Disabled' | 'Starting' | 'Enabled' | 'Error';
  readonly reason: string | undefined;
  readonly tables: readonly TableObserved[];
  readonly counters: DhtCounters;
  readonly flows: number;
  readonly peers: number;
  readonly infoHashes: number;
  readonly items: number;
  readonly crawler: CrawlerObserved;
  readonly announcement: AnnouncementObserved | undefined;
}
