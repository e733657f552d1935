/** When the next test begins. Pure. */

export interface Schedule {
  readonly intervalMs: number;
  /** Hours of the day in which it may begin; empty: all. */
  readonly hours: readonly number[];
}

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;
/** An hour that a day leaves out (summer time begins) comes on the next one. */
const QUARTERS_AHEAD = 3 * 96;
/** Of the interval; many boxes do not ask one server at the same moment. */
const SPREAD = 0.1;

/**
 * Unix ms, from `dueMs` on but not before `nowMs`; `luck` from 0 to below 1 spreads it. `hourOf` knows the
 * zone: no hour of the day is reckoned here.
 */
export function nextRunMs(
  { intervalMs, hours }: Schedule,
  dueMs: number,
  nowMs: number,
  luck: number,
  hourOf: (wallMs: number) => number,
): number {
  const fits = (atMs: number): boolean => hours.length === 0 || hours.includes(hourOf(atMs));
  const soonMs = Math.max(dueMs, nowMs) + luck * Math.min(HOUR / 2, SPREAD * intervalMs);
  if (fits(soonMs)) return soonMs;
  // Hours begin on a quarter in every zone.
  let atMs = Math.ceil(soonMs / QUARTER) * QUARTER;
  for (let i = 0; i < QUARTERS_AHEAD && !fits(atMs); i++) atMs += QUARTER;
  const laterMs = atMs + luck * HOUR;
  return fits(laterMs) ? laterMs : atMs + luck * QUARTER;
}
