/**
 * Samples as they lie in the store, five minutes of a target in one value: seconds since its begin (two
 * bytes), probes (one), and for each probe its round trip in µs and one, as a varint (seven bits a byte,
 * low ones first); 0 stands for a lost one. Pure.
 */
import type { Sample } from './rows.ts';

export const RAW_SEC = 300;
const MOST_PROBES = 255;
/** A varint of 32 bits. */
const MOST_BYTES = 5;
const MOST_US = 0xffff_fffe;

export function appendSamples(
  stored: Uint8Array | undefined,
  startSec: number,
  samples: readonly Sample[],
): Uint8Array {
  const bytes: number[] = [];
  for (const { atSec, rttsUs } of samples) {
    const offset = atSec - startSec;
    bytes.push(offset >> 8, offset & 255, Math.min(MOST_PROBES, rttsUs.length));
    for (const rtt of rttsUs.slice(0, MOST_PROBES)) {
      let value = rtt === undefined ? 0 : Math.min(MOST_US, Math.round(rtt)) + 1;
      while (value >= 128) {
        bytes.push((value % 128) | 128);
        value = Math.floor(value / 128);
      }
      bytes.push(value);
    }
  }
  const before = stored ?? new Uint8Array();
  const out = new Uint8Array(before.byteLength + bytes.length);
  out.set(before);
  out.set(bytes, before.byteLength);
  return out;
}

/** Ascending by time; what follows a fault is left out. */
export function readSamples(stored: Uint8Array | undefined, startSec: number): readonly Sample[] {
  if (stored === undefined) return [];
  const samples: Sample[] = [];
  let ascending = true;
  for (let at = 0; at + 3 <= stored.byteLength; ) {
    const atSec = startSec + (((stored[at] ?? 0) << 8) | (stored[at + 1] ?? 0));
    const probes = stored[at + 2] ?? 0;
    at += 3;
    const rttsUs: (number | undefined)[] = [];
    for (; rttsUs.length < probes; ) {
      let value = 0;
      let length = 0;
      let byte = 128;
      while (byte >= 128 && length < MOST_BYTES && at < stored.byteLength) {
        byte = stored[at++] ?? 0;
        value += (byte % 128) * 128 ** length++;
      }
      if (byte >= 128) return sorted(samples, ascending);
      rttsUs.push(value === 0 ? undefined : value - 1);
    }
    if (atSec < (samples.at(-1)?.atSec ?? 0)) ascending = false;
    samples.push({ atSec, rttsUs });
  }
  return sorted(samples, ascending);
}

/** The wall clock may have been set back meanwhile. */
const sorted = (samples: Sample[], ascending: boolean): readonly Sample[] =>
  ascending ? samples : samples.sort((a, b) => a.atSec - b.atSec);
