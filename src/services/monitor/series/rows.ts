/**
 * Rows of a roll-up, and how they lie in the store: 72 in a chunk, 26 bytes each. Pure.
 *
 *   offset  bytes  (big-endian)
 *   0       3      probes sent; 0: nothing is known of that time
 *   3       3      answered
 *   6       20     shortest, lower quartile, median, upper quartile, longest round trip in µs
 */
import { quantile } from '../statistics.ts';

/** What a span of time came to. Round trips in µs; undefined where nothing was answered. */
export interface SeriesRow {
  readonly atSec: number;
  readonly spanSec: number;
  readonly sent: number;
  readonly received: number;
  readonly times: Quartiles | undefined;
}

export interface Quartiles {
  readonly minUs: number;
  readonly q1Us: number;
  readonly medianUs: number;
  readonly q3Us: number;
  readonly maxUs: number;
}

/** What raw samples are: one burst, with a round trip or undefined for each probe. */
export interface Sample {
  readonly atSec: number;
  readonly rttsUs: readonly (number | undefined)[];
}

export const CHUNK_ROWS = 72;
const ROW_BYTES = 26;
const CHUNK_BYTES = CHUNK_ROWS * ROW_BYTES;
const MOST_24 = 0xff_ffff;
const MOST_32 = 0xffff_ffff;

/** A whole chunk, copied; an empty one for what is none. */
export function chunkOf(stored: Uint8Array | undefined): Uint8Array {
  const chunk = new Uint8Array(CHUNK_BYTES);
  if (stored?.byteLength === CHUNK_BYTES) chunk.set(stored);
  return chunk;
}

export function putRow(chunk: Uint8Array, place: number, row: SeriesRow): void {
  const view = new DataView(chunk.buffer, chunk.byteOffset + place * ROW_BYTES, ROW_BYTES);
  put24(view, 0, row.sent);
  put24(view, 3, row.received);
  const { minUs = 0, q1Us = 0, medianUs = 0, q3Us = 0, maxUs = 0 } = row.times ?? {};
  for (const [i, us] of [minUs, q1Us, medianUs, q3Us, maxUs].entries()) {
    view.setUint32(6 + 4 * i, Math.min(MOST_32, Math.round(us)));
  }
}

/** Undefined where nothing is known of that time. */
export function rowAt(
  chunk: Uint8Array,
  place: number,
  atSec: number,
  spanSec: number,
): SeriesRow | undefined {
  if (chunk.byteLength !== CHUNK_BYTES) return undefined;
  const view = new DataView(chunk.buffer, chunk.byteOffset + place * ROW_BYTES, ROW_BYTES);
  const [sent, received] = [get24(view, 0), get24(view, 3)];
  if (sent === 0 || received > sent) return undefined;
  const us = (i: number): number => view.getUint32(6 + 4 * i);
  const times: Quartiles = {
    ...{ minUs: us(0), q1Us: us(1), medianUs: us(2), q3Us: us(3), maxUs: us(4) },
  };
  return { atSec, spanSec, sent, received, times: received === 0 ? undefined : times };
}

function put24(view: DataView, at: number, value: number): void {
  const whole = Math.min(MOST_24, value);
  view.setUint16(at, whole >> 8);
  view.setUint8(at + 2, whole & 255);
}

const get24 = (view: DataView, at: number): number =>
  (view.getUint16(at) << 8) | view.getUint8(at + 2);

/** What samples come to together; undefined for none. */
export function rollUp(
  samples: readonly Sample[],
  atSec: number,
  spanSec: number,
): SeriesRow | undefined {
  const all = samples.flatMap(({ rttsUs }) => rttsUs);
  if (all.length === 0) return undefined;
  const times = all.filter((rtt) => rtt !== undefined).sort((a, b) => a - b);
  const at = (share: number): number => quantile(times, share) ?? 0;
  return {
    ...{ atSec, spanSec, sent: all.length, received: times.length },
    times:
      times.length === 0
        ? undefined
        : { minUs: at(0), q1Us: at(0.25), medianUs: at(0.5), q3Us: at(0.75), maxUs: at(1) },
  };
}

/**
 * Rows that follow each other as at most `most`: sums and extremes are exact, quartiles the means of
 * theirs, weighted by answers.
 */
export function merge(rows: readonly SeriesRow[], most: number): readonly SeriesRow[] {
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined || rows.length <= most) return rows;
  const spanSec = Math.ceil((last.atSec + last.spanSec - first.atSec) / most);
  const out: SeriesRow[] = [];
  for (let i = 0; i < rows.length; ) {
    const place = Math.floor(((rows[i]?.atSec ?? 0) - first.atSec) / spanSec);
    const atSec = first.atSec + place * spanSec;
    const some: SeriesRow[] = [];
    for (; i < rows.length; i++) {
      const row = rows[i];
      if (row === undefined || row.atSec >= atSec + spanSec) break;
      some.push(row);
    }
    out.push(joined(some, atSec, spanSec));
  }
  return out;
}

function joined(rows: readonly SeriesRow[], atSec: number, spanSec: number): SeriesRow {
  const sum = (of: (row: SeriesRow) => number): number => rows.reduce((n, row) => n + of(row), 0);
  const received = sum((row) => row.received);
  const mean = (of: (times: Quartiles) => number): number =>
    sum((row) => (row.times === undefined ? 0 : row.received * of(row.times))) / received;
  const times = rows.flatMap((row) => (row.times === undefined ? [] : [row.times]));
  return {
    ...{ atSec, spanSec, sent: sum((row) => row.sent), received },
    times:
      times.length === 0
        ? undefined
        : {
            minUs: Math.min(...times.map(({ minUs }) => minUs)),
            q1Us: mean(({ q1Us }) => q1Us),
            medianUs: mean(({ medianUs }) => medianUs),
            q3Us: mean(({ q3Us }) => q3Us),
            maxUs: Math.max(...times.map(({ maxUs }) => maxUs)),
          },
  };
}
