/** The face of native/capture, as the addon exports it. */

/** See `RawCapture.listen`: no id is so high. */
export const NEW_GROUP = 0x10000;
export const NO_GROUP = -1;
/** Where in the figures of `RawCapture.live` something stands, and how many there are. */
export const FIGURE = { interfaceDropped: 4, ended: 11, unread: 12, count: 13 } as const;

/** One engine and the file that it reads. Work runs on libuv's pool, one piece at a time: -EBUSY else. */
export interface RawCapture {
  /** Bytes read and analyzed; 0 at the end, -EAGAIN when nothing came for `waitMs`, another -errno. */
  read(fd: number, budgetBytes: number, waitMs: number): Promise<number> | number;
  /** The same for bytes that nobody looks at: they are put into `into`. */
  take(fd: number, into: Uint8Array, waitMs: number): Promise<number> | number;
  /** Analyzes bytes, which must not change until the promise is kept: 0 or -errno. */
  feed(bytes: Uint8Array): Promise<number> | number;
  /**
   * A filter of pcap-filter(7), once, before all packets: 0, or what libpcap says is wrong with it;
   * -ENOSYS without libpcap.
   */
  filter(text: string): string | number;
  /**
   * Live packets of an interface instead of a file; `ringBytes` of 1 MiB to 512 MiB, `snapBytes` of each
   * packet. Answers as `filter` does, and -errno; an empty filter lets everything pass.
   */
  listen(
    ifName: string,
    ringBytes: number,
    promiscuous: 0 | 1,
    filter: string,
    snapBytes: number,
    /** `NO_GROUP`; `NEW_GROUP` for a new group of rings that share the packets by flow, or the id of one. */
    fanout: number,
  ): string | number;
  /** Id of its group, or -errno. */
  group(): number;
  /** Adds what a live one has counted to this one, which hears nothing itself: 0 or -errno. */
  absorb(other: RawCapture): number;
  /** Before `start`: into pcapng files, one after the other where there is a limit; 0 stands for none. 0 or -errno. */
  record(path: string, maxBytes: number, maxMs: number, files: number, snapBytes: number): number;
  /** Before `start`: the last packets are kept in memory. 0 or -errno. */
  keep(ms: number, bytes: number): number;
  /** Threads count from now on: 0 or -errno. */
  start(): number;
  /** 0, when all that came before is counted and written. */
  stop(): Promise<number> | number;
  /**
   * Fills packets, bytes; heard by the kernel; dropped by the ring, by the interface, by the queue to the
   * disk, by what is kept; written packets and bytes, packets that could not be written, and why (errno);
   * why it ended by itself, and why nobody takes its lines (-errno, or 0).
   */
  live(into: Float64Array): number;
  /** Paths of what is written. */
  files(): string[] | number;
  /** What is kept, into a new file: how many packets, or -errno. */
  dump(path: string): Promise<number> | number;
  /** Once, before all packets: those that are counted go into a new pcapng file, too. 0 or -errno. */
  convert(path: string, snapBytes: number): number;
  /** Ends that file: 0, or -errno when not all is in it. */
  finish(): number;
  /**
   * Once, before all packets: a line for each that is counted goes to the descriptor, as CSV or for people; of
   * one second at most so many, 0 for all. 0 or -errno.
   */
  lines(fd: number, csv: 0 | 1, perSecond: number): number;
  /** The last of them go out: 0 or -errno. */
  linesEnd(): number;
  /** No more bytes come. */
  end(): number;
  /** Fills offset, packets, bytes, and 1 where the file is broken. */
  progress(into: Float64Array): number;
  /** A JSON object; `interrupted` is not in it. */
  report(
    endpoints: number,
    conversations: number,
    flows: number,
    names: number,
  ): Uint8Array | number;
  /**
   * Before all packets: whose hosts' torrents are counted. For each prefix 18 bytes: 4 or 6, its length, and
   * the address, of IPv4 in its last four bytes. 0 or -errno.
   */
  local(prefixes: Uint8Array): number;
  /** A JSON object of all that is known of BitTorrent; or -errno. */
  torrents(): Uint8Array | number;
  /** Frees all that it holds; every other call is -EINVAL then. */
  release(): number;
}

export interface NativeCapture {
  /** How many flows, conversations and endpoints are kept at most; or -errno. */
  createCapture(flows: number, conversations: number, endpoints: number): RawCapture | number;
  /**
   * The program of a filter for links of a LINKTYPE_ number, two words for each instruction as in struct
   * sock_filter; or what libpcap says is wrong with it; or -errno, -ENOSYS without libpcap.
   */
  compileFilter(text: string, linkType: number): Uint32Array | string | number;
}
