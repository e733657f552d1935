/** What the rooms may ask of the capture engine: types only, like `ports.ts`. */
import type { SystemError } from '../base/errors.ts';
import type { IpAddress } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';

/** `link`: MAC addresses, of frames without an IP packet in them. */
export type CaptureFamily = 'ipv4' | 'ipv6' | 'link';

/** A node of the tree of protocols; what is inside it counts, too. */
export interface CaptureProtocol {
  /** As Wireshark's filters name it, where they do: `ip`, `tcp`, `dns`. */
  readonly protocol: string;
  /** From the link on: `eth:ip:udp:dns`. */
  readonly path: string;
  readonly packets: number;
  readonly bytes: number;
}

/**
 * A row of a table that let others go may have had up to so much more before it came into the table:
 * its true figures are between those counted and those plus these. Absent when the figures are exact.
 */
interface Missed {
  readonly missedPackets?: number;
  readonly missedBytes?: number;
}

/** Bytes are those of whole frames, as they were on the wire. */
export interface CaptureEndpoint extends Missed {
  readonly address: string;
  readonly family: CaptureFamily;
  /** What DNS, DHCP, TLS or HTTP last called this address. */
  readonly name?: string;
  readonly packets: number;
  readonly bytes: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
}

interface BothWays {
  readonly a: string;
  readonly b: string;
  readonly family: CaptureFamily;
  readonly packets: number;
  readonly bytes: number;
  readonly packetsFromA: number;
  readonly bytesFromA: number;
  readonly packetsFromB: number;
  readonly bytesFromB: number;
  /** Unix time in seconds. */
  readonly firstSec: number;
  readonly lastSec: number;
}

export interface CaptureConversation extends BothWays, Missed {
  readonly flows: number;
}

/** One pair of addresses, ports and a protocol. */
export interface CaptureFlow extends BothWays {
  /** Number of IANA, of IP packets. */
  readonly protocol?: number;
  readonly portA?: number;
  readonly portB?: number;
  readonly application?: string;
  /** Server name of TLS, also in QUIC, or HTTP host. */
  readonly name?: string;
  /** The first protocol that a ClientHello offered (RFC 7301), such as `h2`; at most 15 characters. */
  readonly alpn?: string;
  /** Of TCP alone, as all that follows. */
  readonly state?:
    | 'unseen'
    | 'midstream'
    | 'syn-sent'
    | 'syn-received'
    | 'established'
    | 'half-closed'
    | 'closed'
    | 'reset';
  readonly client?: 'a' | 'b';
  /** On the same ports, one after the other. */
  readonly connections?: number;
  readonly retransmissions?: number;
  readonly outOfOrder?: number;
  /** From SYN to the ACK that ends the handshake, in µs. */
  readonly rttUs?: number;
}

/** How a host was heard to have an infohash, or to want it (BEP 3, 29, 5, 15, 14). */
export type TorrentSeen =
  | 'handshake'
  | 'utp'
  | 'dht-get'
  | 'dht-announce'
  | 'udp-tracker'
  | 'http-tracker'
  | 'lan-search';

/** A host that was heard to speak BitTorrent; bytes are those of whole frames. */
export interface TorrentHost {
  readonly address: string;
  /** Of the frames that told it; absent while there was none. */
  readonly mac?: string;
  /** Of connections that said what they are, of the DHT, and of trackers over UDP. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /**
   * Of flows that say nothing, such as encrypted ones, from or to an address and a port that is known to be a
   * peer's by the DHT, a tracker or another connection: a guess.
   */
  readonly likelySentBytes: number;
  readonly likelyReceivedBytes: number;
  /** Unix time in seconds. */
  readonly firstSec: number;
  readonly lastSec: number;
}

/** An infohash and a host that has it, or wants it. */
export interface HostTorrent {
  /** 40 hexadecimal digits. */
  readonly infoHash: string;
  readonly address: string;
  readonly seen: readonly TorrentSeen[];
  /** Client and version as in its peer id (BEP 20), such as `TR4050`. */
  readonly client?: string;
  /** Of connections that named it in their handshake. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly firstSec: number;
  readonly lastSec: number;
}

/** Of the hosts of private networks, or of `ListenOptions.local`; those with the most bytes first. */
export interface CaptureTorrents {
  readonly hosts: readonly TorrentHost[];
  readonly infoHashes: readonly HostTorrent[];
  /** What full tables let go: hosts, infohashes of a host, and addresses of peers. */
  readonly hostsForgotten: number;
  readonly infoHashesForgotten: number;
  readonly endsForgotten: number;
}

/** All statistics of a capture. */
export interface CaptureReport {
  readonly format: 'pcap' | 'pcapng' | 'unknown' | 'live';
  readonly interfaces: number;
  readonly packets: number;
  readonly bytes: number;
  /** Packets of which not all bytes were captured. */
  readonly cutPackets: number;
  /** Unix time in seconds of the earliest and the latest packet; 0 without any. */
  readonly firstSec: number;
  readonly lastSec: number;
  readonly protocols: readonly CaptureProtocol[];
  /** How many packets were at least so long, and shorter than the next row. */
  readonly sizes: readonly { readonly leastBytes: number; readonly packets: number }[];
  /** Bins of `stepSec` (a power of two) from `startSec` on. */
  readonly bandwidth: {
    readonly startSec: number;
    readonly stepSec: number;
    readonly packets: readonly number[];
    readonly bytes: readonly number[];
  };
  /** Those with the most bytes first, as in the lists that follow. */
  readonly endpoints: readonly CaptureEndpoint[];
  readonly conversations: readonly CaptureConversation[];
  /** Rows that the tables hold; the lists may be shorter. */
  readonly totals: {
    readonly endpoints: number;
    readonly conversations: number;
    readonly flows: number;
  };
  /** Where a table was full: what it let go, and what whoever is not in it had at most. */
  readonly approximation: {
    /** All figures but those of single flows, which are forgotten first and counted on in their conversations. */
    readonly exact: boolean;
    readonly flowsForgotten: number;
    readonly endpointsForgotten: number;
    readonly endpointFloorBytes: number;
    readonly conversationsForgotten: number;
    readonly conversationFloorBytes: number;
    readonly namesForgotten: number;
    /** First packets of QUIC connections beyond the thousand a second that are opened for names. */
    readonly initialsUnread: number;
    readonly protocolTreeFull: boolean;
  };
  readonly tcp: {
    readonly connections: number;
    readonly handshakes: number;
    readonly retransmissions: number;
    readonly outOfOrder: number;
  };
  readonly flows: readonly CaptureFlow[];
  /** Names that were asked for (DNS) or greeted (TLS, HTTP), most often first. */
  readonly names: readonly {
    readonly name: string;
    readonly queries: number;
    readonly hellos: number;
  }[];
  readonly torrents: CaptureTorrents;
  /** The file ends within a record. */
  readonly truncated: boolean;
  /** What is wrong with the file, after what could be read of it. */
  readonly error: string | null;
  /** Where, in bytes from the start (of what was unpacked, of a packed file). */
  readonly errorOffset?: number;
  /** Somebody ended the reading before the file did. */
  readonly interrupted: boolean;
  /** Of live packets alone. */
  readonly live?: CaptureLosses;
  /** Of live packets that were written into files. */
  readonly written?: CaptureWritten;
}

/** Where live packets were lost, each place for itself. */
export interface CaptureLosses {
  /** What passed the filter. */
  readonly heardPackets: number;
  /** Of those, what found the kernel's ring full, and is not counted. */
  readonly droppedPackets: number;
  /** What the interface lost before anybody could hear it; of all packets, those that no filter passes too. */
  readonly interfaceDroppedPackets: number;
}

export interface CaptureWritten {
  /** Those that are there, the oldest first; where their count has no bound the newest 256. */
  readonly files: readonly string[];
  readonly packets: number;
  readonly bytes: number;
  /** Counted, but not written: the disk was so slow that the queue to it was full. */
  readonly queueDroppedPackets: number;
  /** Counted, but not written: the disk was full or broken, and what the last error was. */
  readonly failedPackets: number;
  readonly error?: string;
}

export interface CaptureProgress {
  readonly packets: number;
  /** Of the file as it lies on the disk. */
  readonly readBytes: number;
  /** Undefined for a pipe. */
  readonly totalBytes: number | undefined;
}

/** How long the lists of a report may become. */
export interface CaptureRows {
  readonly endpoints: number;
  readonly conversations: number;
  readonly flows: number;
  /** Of infohashes and their hosts, too. */
  readonly names: number;
}

/** A line for each packet that is counted, as text for people or as CSV, into an open descriptor. */
export interface PacketLines {
  readonly fd: number;
  readonly csv: boolean;
}

export interface AnalyzeOptions {
  readonly lines?: PacketLines;
  /** Of pcap-filter(7): what it does not let pass is not counted. One that is wrong is an error, EINVAL. */
  readonly filter?: string;
  /** What is counted is written as pcapng into a file that is not there yet, or a pipe; so many bytes of each packet. */
  readonly write?: { readonly path: string; readonly snapLen?: number };
  readonly rows: CaptureRows;
  /** Ends the reading; the report is of what was read. */
  readonly signal?: AbortSignal;
  /** Called between two pieces of the file, of some 16 MB each. */
  readonly onProgress?: (progress: CaptureProgress) => void;
}

export interface ListenProgress {
  readonly packets: number;
  readonly bytes: number;
  readonly droppedPackets: number;
  readonly written?: CaptureWritten;
}

/** pcapng, while all is counted. */
export interface WriteOptions {
  /** Not there yet, or a pipe. With a limit below, number and time are put before its ending. */
  readonly path: string;
  /** So many bytes of each packet; all of them, without. */
  readonly snapLen?: number;
  /** A file that reaches so many bytes, or seconds, is followed by the next one. */
  readonly maxFileBytes?: number;
  readonly maxFileSeconds?: number;
  /** So many of them stay, the oldest are removed; all stay, without. */
  readonly files?: number;
}

/** The packets of the last seconds in memory, so that they can be written when something has happened. */
export interface KeepOptions {
  readonly seconds: number;
  /** From 1 MiB to 1 GiB; as much again while a file is made of it. */
  readonly bytes: number;
}

/** A capture that is under way. */
export interface LiveCapture {
  /**
   * What is kept (`KeepOptions`), into a new pcapng file, with all that came before now: how many packets.
   * EINVAL when nothing is kept, or it is over; EEXIST when the file is there. One waits for the other.
   */
  dump(path: string): Promise<Result<number, SystemError>>;
  /** Who spoke BitTorrent so far, all of it. @throws SystemError when it is over */
  torrents(): CaptureTorrents;
}

/** Addresses of a network. */
export interface CapturePrefix {
  readonly address: IpAddress;
  readonly prefixLen: number;
}

export interface ListenOptions {
  readonly rows: CaptureRows;
  /** Ends it; the report is of what was heard. */
  readonly signal: AbortSignal;
  /** Ends it after so long; without, the signal alone does. */
  readonly forMs?: number;
  readonly filter?: string;
  /** Hears what is for others, too. */
  readonly promiscuous: boolean;
  /** What the kernel may keep while nobody looks. */
  readonly ringBytes: number;
  /** Packets are shared out, by flow, over so many threads with a ring each; one, without. Not with `lines`, `write` and `keep`. */
  readonly threads?: number;
  /** Of one second some hundreds at most; who does not take them misses them. */
  readonly lines?: PacketLines;
  readonly write?: WriteOptions;
  readonly keep?: KeepOptions;
  /** So many bytes of each packet, where nothing is written or kept; without, as many as all statistics need. */
  readonly snapBytes?: number;
  /** Whose hosts `torrents` tells of, at most 64; hosts with private addresses, without. */
  readonly local?: readonly CapturePrefix[];
  /** Called once, when packets are heard. */
  readonly onStart?: (live: LiveCapture) => void;
  /** Called each second or so; `report` gives the statistics so far, and may be called before it returns alone. */
  readonly onProgress?: (
    progress: ListenProgress,
    report: (rows: CaptureRows) => CaptureReport,
  ) => void;
}

export interface CaptureLink {
  readonly name: string;
  /** `ethernet`, `ppp`, `802.11 radiotap`, …: what its packets begin with. */
  readonly linkType: string;
  /** `veth`, `bridge`, …; null for hardware. */
  readonly kind: string | null;
  readonly state: 'up' | 'no carrier' | 'off';
  readonly mac: string | null;
  /** Bytes. */
  readonly mtu: number;
  /** This process may hear it; `reason` says why not. */
  readonly permitted: boolean;
  readonly reason: string | null;
}

export interface CaptureEngine {
  /** Counts the packets of an interface until it is ended. EPERM without CAP_NET_RAW, ENODEV without the interface. */
  listen(ifName: string, options: ListenOptions): Promise<Result<CaptureReport, SystemError>>;
  /**
   * Reads a pcap or pcapng file, packed by gzip or zstd or not, or `-`, standard input. A file that
   * cannot be opened or read is an error; one that is broken gives a report that says so.
   */
  analyze(path: string, options: AnalyzeOptions): Promise<Result<CaptureReport, SystemError>>;
  /**
   * The program of a filter of pcap-filter(7) for Ethernet: two words for each instruction, as in struct
   * sock_filter. EINVAL when it is none, ENOSYS where the machine has no libpcap.
   */
  compileFilter(text: string): Result<Uint32Array, SystemError>;
}

export interface CaptureFile {
  readonly name: string;
  readonly bytes: number;
  /** Unix time. */
  readonly changedMs: number;
}

/** The folder of the daemon's own captures; nobody else names anything in it. */
export interface CaptureStore {
  /** Where a file of this name lies, or will; the folder is there. */
  path(name: string): string;
  /** The oldest first. */
  list(): Result<readonly CaptureFile[], SystemError>;
  remove(name: string): Result<void, SystemError>;
}
