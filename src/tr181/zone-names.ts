/**
 * From the names of the IANA time zone database (`Europe/Berlin`) to what POSIX writes. The
 * database is the one that comes with the runtime (ICU), so the box needs no files of its own.
 */
import { formatPosixZone, instantOf, type PosixZone, type ZoneRule } from './posix-zone.ts';

const DAY_MS = 86_400_000;
const NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+){0,2}$/;
/** A rule is taken for one when it tells the truth for so many years. */
const YEARS = 6;

/** Seconds east of Greenwich at an instant (Unix ms). */
export type OffsetAt = (atMs: number) => number;

/** Undefined when there is no zone of that name. */
export function offsetsOf(name: string): OffsetAt | undefined {
  if (!NAME.test(name)) return undefined;
  const format = formatOf('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  if (format === undefined) return undefined;
  return (atMs) => {
    const match = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(format.format(atMs));
    const [, sign, h = '0', m = '0', s = '0'] = match ?? [];
    const sec = Number(h) * 3600 + Number(m) * 60 + Number(s);
    return sign === '-' ? -sec : sec;
  };
}

function formatOf(
  locale: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat(locale, options);
  } catch {
    // RangeError: a zone that it does not know.
    return undefined;
  }
}

interface Shift {
  readonly atMs: number;
  readonly before: number;
  readonly after: number;
}

/**
 * The POSIX text of a named zone as its rules are from `nowMs` on; undefined for an unknown name.
 * Zones whose changes follow no rule that POSIX knows (Morocco follows the moon) give the time that
 * holds now, without changes.
 */
export function posixOf(name: string, nowMs: number): string | undefined {
  const offset = offsetsOf(name);
  if (offset === undefined) return undefined;
  const year = new Date(nowMs).getUTCFullYear();
  const years = Array.from({ length: YEARS }, (_, i) => shiftsOf(offset, year + i));
  const [first = []] = years;
  const [a, b] = first;
  const fixed: PosixZone = {
    name: label(name, nowMs, offset(nowMs)),
    offsetSec: offset(nowMs),
    summer: undefined,
  };
  if (a === undefined || b === undefined || years.some((shifts) => shifts.length !== 2)) {
    return formatPosixZone(fixed);
  }
  const ruleOf = (which: 0 | 1): ZoneRule | undefined => {
    const all = years.map((shifts) => shifts[which]).filter((shift) => shift !== undefined);
    const [example] = all;
    if (example === undefined) return undefined;
    return candidates(example).find((rule) =>
      all.every((shift, i) => instantOf(rule, year + i, shift.before) === shift.atMs),
    );
  };
  const [forward, back] = a.after > a.before ? ([0, 1] as const) : ([1, 0] as const);
  const [start, end] = [ruleOf(forward), ruleOf(back)];
  if (start === undefined || end === undefined) return formatPosixZone(fixed);
  const [winter, summer] = [first[forward]?.before ?? 0, first[forward]?.after ?? 0];
  return formatPosixZone({
    name: label(name, (first[forward]?.atMs ?? 0) - DAY_MS, winter),
    offsetSec: winter,
    summer: {
      name: label(name, (first[back]?.atMs ?? 0) - DAY_MS, summer),
      offsetSec: summer,
      start,
      end,
    },
  });
}

/** Every change of the clock in a year. */
function shiftsOf(offset: OffsetAt, year: number): Shift[] {
  const shifts: Shift[] = [];
  const end = Date.UTC(year + 1, 0, 1);
  // No zone changes twice within nine days, but for Morocco's fast, which lasts longer.
  const step = 9 * DAY_MS;
  for (let from = Date.UTC(year, 0, 1); from < end; from += step) {
    const to = Math.min(end, from + step);
    const [before, after] = [offset(from), offset(to)];
    if (before === after) continue;
    let [low, high] = [from, to];
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    shifts.push({ atMs: high, before, after });
  }
  return shifts;
}

/** Rules that a change may follow, the plain ones first: `M3.5.0` before `M3.4.6/26`. */
function candidates({ atMs, before }: Shift): ZoneRule[] {
  const local = atMs + before * 1000;
  const midnight = Math.floor(local / DAY_MS) * DAY_MS;
  const rules: ZoneRule[] = [];
  for (const shift of [0, 1, -1, -2, 2]) {
    const date = new Date(midnight + shift * DAY_MS);
    const timeSec = (local - midnight) / 1000 - shift * 86_400;
    const day = date.getUTCDay();
    const month = date.getUTCMonth() + 1;
    for (const week of new Set([5, Math.ceil(date.getUTCDate() / 7)])) {
      rules.push({ kind: 'week', month, week, day, timeSec });
    }
  }
  return rules;
}

/** `CET` where English has letters for it, else the offset in angle brackets, as the database does. */
function label(zone: string, atMs: number, offsetSec: number): string {
  for (const locale of ['en-GB', 'en-US', 'en-AU', 'en-IN', 'en-ZA']) {
    const parts = formatOf(locale, { timeZone: zone, timeZoneName: 'short' })?.formatToParts(atMs);
    const short = parts?.find(({ type }) => type === 'timeZoneName')?.value ?? '';
    if (/^[A-Z]{3,6}$/.test(short)) return short;
  }
  const minutes = Math.abs(Math.trunc(offsetSec / 60));
  const two = (n: number): string => String(n).padStart(2, '0');
  const tail = minutes % 60 === 0 ? '' : two(minutes % 60);
  return `<${offsetSec < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${tail}>`;
}
