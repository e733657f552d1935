/** What fetching and serving metadata may take, and what is told of it. */
import type { IpPort } from '../../base/ip-port.ts';
import type { TorrentFault, TorrentInfo } from '../../wire/torrent.ts';
import type { EndReason } from './peer-machine.ts';
import type { ThrottleLimits } from './peer-throttle.ts';

export interface MetadataLimits extends ThrottleLimits {
  /** Peers of one torrent asked at the same time. */
  readonly peersAtOnce: number;
  /** For the copies of all peers together; one larger than 1 MiB finds room in half of it. */
  readonly memoryBytes: number;
  readonly maxFetches: number;
}

/**
 * With these the connection table holds at most 20 × 120 + 100 entries of ours, ended ones counted,
 * of the 65,536 that a box with 1 GB has.
 */
export const METADATA_LIMITS: MetadataLimits = {
  connectsPerSec: 20,
  maxHalfOpen: 30,
  maxOpen: 100,
  peersAtOnce: 30,
  memoryBytes: 32 * 1024 * 1024,
  maxFetches: 64,
};

export interface FetchProgress {
  /** Told of by whoever knows; those that may not be spoken to are counted apart. */
  readonly known: number;
  readonly unfit: number;
  /** Peers that were asked, however often. */
  readonly tried: number;
  readonly connecting: number;
  readonly talking: number;
  /** Of the peer that is furthest. */
  readonly receivedBytes: number;
  readonly sizeBytes: number | undefined;
  /** Peers, by what came of asking each the last time. */
  readonly ends: Readonly<Partial<Record<EndReason, number>>>;
  /** Gave what is not the torrent's. */
  readonly convicted: readonly IpPort[];
}

export interface Fetched {
  /** The info dictionary, byte for byte; it has the hash that was asked for. */
  readonly infoBytes: Uint8Array;
  /** As far as it makes sense; names are safe. */
  readonly info: TorrentInfo | undefined;
  /** What is wrong with it, though it is the right one. */
  readonly faults: readonly TorrentFault[];
  readonly from: IpPort;
  readonly tookMs: number;
}

export interface FetchFailure {
  /** `late`: not in time; `nobody`: no peer is left to be asked; `ended`: called off; `full`: too many fetches. */
  readonly reason: 'late' | 'nobody' | 'ended' | 'full';
  readonly message: string;
}

/** Since the start. */
export interface MetadataCounters {
  readonly fetched: number;
  readonly failed: number;
  readonly connections: number;
  readonly ends: Readonly<Partial<Record<EndReason, number>>>;
  readonly poisoned: number;
  /** Peers that found no place in a list. */
  readonly peersDropped: number;
  readonly open: number;
  readonly mostOpen: number;
  readonly memoryBytes: number;
  readonly mostMemoryBytes: number;
}
