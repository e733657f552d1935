/** How long what is kept, and under which keys. Pure. */
import { CHUNK_ROWS } from './rows.ts';

export interface Level {
  /** First letter of its keys. */
  readonly letter: string;
  readonly spanSec: number;
  readonly keepSec: number;
}

const DAY = 86_400;

const RAW_KEEP_SEC = DAY;
/** Roll-ups, the finest first. With raw samples, about a megabyte a target in the first year. */
export const LEVELS: readonly Level[] = [
  { letter: 'm', spanSec: 60, keepSec: 7 * DAY },
  { letter: 't', spanSec: 600, keepSec: 60 * DAY },
  { letter: 'y', spanSec: 3600, keepSec: 3 * 365 * DAY },
];
/** With more targets than these everything is kept for a shorter time, so that the size is bounded. */
const FULL_TARGETS = 100;
/** Raw samples of all targets together. */
const RAW_BYTES = 64 << 20;
/** An hour's row is made of raw samples. */
const RAW_LEAST_SEC = 2 * 3600;

const share = (targets: number): number => Math.min(1, FULL_TARGETS / Math.max(1, targets));

export const keepSec = (level: Level, targets: number): number => level.keepSec * share(targets);

/** Raw samples of a target, of which five minutes take so many bytes. */
export function rawKeepSec(targets: number, fiveMinutesBytes: number): number {
  const fits = (300 * RAW_BYTES) / Math.max(1, targets) / Math.max(1, fiveMinutesBytes);
  return Math.max(RAW_LEAST_SEC, Math.min(RAW_KEEP_SEC, fits));
}

/** Seconds of one value. */
export const chunkSec = (level: Level): number => level.spanSec * CHUNK_ROWS;

/** In byte order by time. */
export const keyOf = (letter: string, target: number, startSec: number): string =>
  `${prefixOf(letter, target)}${String(Math.max(0, startSec)).padStart(12, '0')}`;

export const prefixOf = (letter: string, target: number): string => `${letter}/${target}/`;

/** The beginning of a value by its key; undefined for what is none of ours. */
export function startOf(key: string): number | undefined {
  const [, start = ''] = /^[rmty]\/\d+\/(\d{12})$/.exec(key) ?? [];
  return start === '' ? undefined : Number(start);
}
