/** Who in the LAN speaks BitTorrent: what is asked for, and what is told. */
import type { TorrentSeen } from '../../os/ports-capture.ts';

export interface LanTorrentsConfig {
  readonly enable: boolean;
  /** Names of torrents are asked for in the DHT and of their peers, who learn of it. */
  readonly resolveNames: boolean;
  /** What was not heard of for so long is forgotten. */
  readonly keepSec: number;
  /** The IP interfaces of the LAN by kernel name. */
  readonly links: readonly string[];
}

/** Of whole frames, as they were on the wire. */
export interface TorrentBytes {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** A device of the LAN: all addresses that one MAC address spoke from. */
export interface TorrentDevice extends TorrentBytes {
  /** Of this device as long as it is known; another may have it after that. */
  readonly id: number;
  /** Absent while only bytes to its address were heard. */
  readonly mac: string | undefined;
  readonly addresses: readonly string[];
  /** Of flows that say nothing of themselves, from or to a known peer: a guess, and not in the figures above. */
  readonly likely: TorrentBytes;
  /** Unix time. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** One device's part in a torrent. */
export interface TorrentPart extends TorrentBytes {
  /** `TorrentDevice.id`. */
  readonly device: number;
  readonly seen: readonly TorrentSeen[];
  /** Client and version as in its peer id (BEP 20), such as `TR4050`. */
  readonly client: string | undefined;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface LanTorrent extends TorrentBytes {
  /** As of a device. */
  readonly id: number;
  readonly infoHash: string;
  /** Safe to print; undefined while nobody asked, or nobody knew. */
  readonly name: string | undefined;
  readonly parts: readonly TorrentPart[];
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface LanTorrentsObserved {
  /** `waiting`: no link of the LAN can be heard yet. */
  readonly status: 'off' | 'waiting' | 'listening' | 'failed';
  /** Why it waits or failed, or why no names are asked for; for people. */
  readonly reason: string;
  readonly devices: readonly TorrentDevice[];
  readonly torrents: readonly LanTorrent[];
  /** Rows of addresses or infohashes that found no room, here or in the engine, since it was enabled. */
  readonly forgotten: number;
  /** Packets that the kernel had no room for. */
  readonly droppedPackets: number;
  readonly names: { readonly asked: number; readonly found: number };
}
