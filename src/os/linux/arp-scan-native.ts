/** The face of native/arp-scan.cc, as the addon exports it. */

/** A search under way. Nothing here blocks; numbers below 0 are `-errno`. */
export interface RawArpScan {
  /** Sends what is due and takes what came: milliseconds until there is something to do. */
  work(budgetMs: number): number;
  /** Fills three words for each answer from the `from`th on: address; kinds and MAC; MAC. How many. */
  answers(from: number, into: Uint32Array): number;
  /** Fills frames sent, most that may be, answers, 1 at the end, frames that fitted nothing, lost ones. */
  progress(into: Float64Array): number;
  release(): number;
}

export interface NativeArpScan {
  /** `ranges` are pairs of first and last address; `ratePerSec` 0 is as fast as the kernel takes them. */
  createArpScan(
    ifIndex: number,
    mac: Uint8Array,
    source: number,
    ranges: Uint32Array,
    passes: number,
    ratePerSec: number,
    waitMs: number,
  ): RawArpScan | number;
}
