/** How much a loaded line slows down everybody else, in one letter. Pure. */
import type { DirectionResult, LoadResult } from './types.ts';

export type Grade = 'A+' | 'A' | 'B' | 'C' | 'D' | 'F';

/**
 * The usual scale of tests for bufferbloat: what the median of round trips grows by, in ms. Below 5 a call
 * does not notice, from 400 on a line is unusable while somebody loads it.
 */
const SCALE: readonly (readonly [below: number, grade: Grade])[] = [
  [5, 'A+'],
  [30, 'A'],
  [60, 'B'],
  [200, 'C'],
  [400, 'D'],
];

export function gradeOf(increaseUs: number): Grade {
  for (const [below, grade] of SCALE) if (increaseUs < below * 1000) return grade;
  return 'F';
}

/** Median of a loaded direction less that of the idle line; undefined where one of them is unknown. */
export function increaseUs(
  { idle }: Pick<LoadResult, 'idle'>,
  direction: DirectionResult | undefined,
): number | undefined {
  const [before, after] = [idle?.medianUs, direction?.latency.medianUs];
  return before === undefined || after === undefined ? undefined : Math.max(0, after - before);
}

/** Of the direction that fares worse. */
export function gradeOfRun(run: Pick<LoadResult, 'idle' | 'download' | 'upload'>): Grade | undefined {
  const known = [increaseUs(run, run.download), increaseUs(run, run.upload)].filter(
    (increase) => increase !== undefined,
  );
  return known.length === 0 ? undefined : gradeOf(Math.max(...known));
}
