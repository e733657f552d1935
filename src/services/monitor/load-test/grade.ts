/** How much a loaded line slows down everybody else, in one letter. Pure. */
import type { Grade } from './types.ts';

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

/** Of the largest of these, in µs; undefined where none is known. */
export function gradeOf(...increasesUs: readonly (number | undefined)[]): Grade | undefined {
  const known = increasesUs.filter((increase) => increase !== undefined);
  if (known.length === 0) return undefined;
  const worst = Math.max(...known);
  return SCALE.find(([below]) => worst < below * 1000)?.[1] ?? 'F';
}
