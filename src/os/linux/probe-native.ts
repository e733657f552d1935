/** The face of native/probe, as the addon exports it. */

/** A prober. Nothing here blocks; numbers below 0 are `-errno`. */
export interface RawProber {
  /** Takes the first of so many requests (native/probe/prober.h, struct Request) that there is room for: how many. */
  send(requests: Uint8Array, count: number): number;
  /** Fills whole results (struct Result): how many. Ask again while it is filled whole. */
  take(results: Uint8Array): number;
  /** Until the earliest time-out; negative when there is none. */
  nextMs(): number;
  /** A descriptor that is readable when there is something to take; it is the prober's. */
  watch(): number;
  /** Fills the counters, probes under way, ways of IPv4 and IPv6, and whether the kernel stamps what is sent. */
  figures(into: Float64Array): number;
  release(): number;
}

export interface NativeProbe {
  /**
   * At most `slots` (a power of two from 64 to 65,536) probes of each family are under way. `key`
   * marks what is ours. `pingOnly`: as if raw sockets could not be had.
   */
  createProber(slots: number, key: number, pingOnly: 0 | 1): RawProber | number;
}
