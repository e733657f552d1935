/** Times of the week. */
import type { Schedule } from './policy-config.ts';

/** What the clock of the house shows. */
export interface LocalTime {
  /** 0 is Monday. */
  readonly day: number;
  /** Since midnight. */
  readonly minute: number;
}

const DAY_MIN = 24 * 60;
const WEEK_MIN = 7 * DAY_MIN;

/** Beginning and length of each span, in minutes of the week that starts on Monday. */
function* spansOf(schedule: Schedule): Generator<readonly [from: number, length: number]> {
  for (const { days, fromMin, toMin } of schedule) {
    const length = toMin > fromMin ? toMin - fromMin : DAY_MIN - fromMin + toMin;
    for (let day = 0; day < 7; day++) {
      if ((days >> day) & 1) yield [day * DAY_MIN + fromMin, length];
    }
  }
}

/** Minutes from `from` to `to`, once around the week. */
const ahead = (from: number, to: number): number => (to - from + WEEK_MIN) % WEEK_MIN;

export function isDuring(schedule: Schedule, { day, minute }: LocalTime): boolean {
  const now = day * DAY_MIN + minute;
  for (const [from, length] of spansOf(schedule)) if (ahead(from, now) < length) return true;
  return false;
}

/** Whole minutes until a span begins or ends next, 1 or more; Infinity without spans. */
export function minutesToChange(schedule: Schedule, { day, minute }: LocalTime): number {
  const now = day * DAY_MIN + minute;
  let least = Infinity;
  for (const [from, length] of spansOf(schedule)) {
    for (const edge of [from, from + length]) least = Math.min(least, ahead(now, edge) || WEEK_MIN);
  }
  return least;
}
