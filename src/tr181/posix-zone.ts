/**
 * Time zones as POSIX writes them (POSIX.1-2024 §8.3, TZ; RFC 8536 §3.3.1 for hours beyond 24):
 * `CET-1CEST,M3.5.0,M10.5.0/3`. Offsets here are seconds east of Greenwich, the other way round.
 */

/** When a change of the clock comes, in the time that holds before it. */
export type ZoneRule =
  /** The `week`th (5: the last) `day` (0 is Sunday) of `month`. */
  | {
      readonly kind: 'week';
      readonly month: number;
      readonly week: number;
      readonly day: number;
      readonly timeSec: number;
    }
  /** Day 1 to 365 of the year, 29 February never counted. */
  | { readonly kind: 'julian'; readonly day: number; readonly timeSec: number }
  /** Day 0 to 365, 29 February counted. */
  | { readonly kind: 'day'; readonly day: number; readonly timeSec: number };

export interface PosixZone {
  readonly name: string;
  readonly offsetSec: number;
  readonly summer:
    | {
        readonly name: string;
        readonly offsetSec: number;
        readonly start: ZoneRule;
        readonly end: ZoneRule;
      }
    | undefined;
}

const DAY_MS = 86_400_000;
const NAME = '(?:[A-Za-z]{3,10}|<[A-Za-z0-9+-]{3,10}>)';
const TIME = '\\d{1,3}(?::[0-5]\\d){0,2}';
const RULE = `(?:M\\d{1,2}\\.\\d\\.\\d|J\\d{1,3}|\\d{1,3})(?:/[+-]?${TIME})?`;
const ZONE = new RegExp(
  `^(${NAME})([+-]?${TIME})(?:(${NAME})([+-]?${TIME})?(?:,(${RULE}),(${RULE}))?)?$`,
);
/** What a zone that names no rules is taken for: those of the United States, as everywhere. */
const NO_RULES = ['M3.2.0', 'M11.1.0'] as const;

/** Undefined for what is no such text. */
export function parsePosixZone(text: string): PosixZone | undefined {
  const match = ZONE.exec(text);
  if (match === null) return undefined;
  const [, name = '', offset = '', summerName, summerOffset, start, end] = match;
  const offsetSec = -seconds(offset);
  if (Math.abs(offsetSec) > 24 * 3600) return undefined;
  if (summerName === undefined) return { name, offsetSec, summer: undefined };
  const summerSec = summerOffset === undefined ? offsetSec + 3600 : -seconds(summerOffset);
  const [from, to] = [parseRule(start ?? NO_RULES[0]), parseRule(end ?? NO_RULES[1])];
  if (from === undefined || to === undefined || Math.abs(summerSec) > 25 * 3600) return undefined;
  return {
    name,
    offsetSec,
    summer: { name: summerName, offsetSec: summerSec, start: from, end: to },
  };
}

function parseRule(text: string): ZoneRule | undefined {
  const [date = '', time = '2'] = text.split('/');
  const timeSec = seconds(time);
  // RFC 8536 §3.3.1: at most a week either way.
  if (Math.abs(timeSec) > 167 * 3600) return undefined;
  if (date.startsWith('M')) {
    const [month = 0, week = 0, day = 0] = date.slice(1).split('.').map(Number);
    const fits = month >= 1 && month <= 12 && week >= 1 && week <= 5 && day <= 6;
    return fits ? { kind: 'week', month, week, day, timeSec } : undefined;
  }
  if (date.startsWith('J')) {
    const day = Number(date.slice(1));
    return day >= 1 && day <= 365 ? { kind: 'julian', day, timeSec } : undefined;
  }
  const day = Number(date);
  return day <= 365 ? { kind: 'day', day, timeSec } : undefined;
}

/** `-3:30` → −12600. */
function seconds(text: string): number {
  const [hours = 0, minutes = 0, sec = 0] = text.replace(/^[+-]/, '').split(':').map(Number);
  const total = hours * 3600 + minutes * 60 + sec;
  return text.startsWith('-') ? -total : total;
}

/** The instant (Unix ms) of a rule in a year, where `offsetSec` holds before it. */
export function instantOf(rule: ZoneRule, year: number, offsetSec: number): number {
  return dayOf(rule, year) + (rule.timeSec - offsetSec) * 1000;
}

/** Midnight of its day, as if in UTC. */
function dayOf(rule: ZoneRule, year: number): number {
  const newYear = Date.UTC(year, 0, 1);
  switch (rule.kind) {
    case 'day':
      return newYear + rule.day * DAY_MS;
    case 'julian': {
      const leap = Date.UTC(year, 1, 29) !== Date.UTC(year, 2, 1) && rule.day >= 60;
      return newYear + (rule.day - (leap ? 0 : 1)) * DAY_MS;
    }
    case 'week': {
      const first = Date.UTC(year, rule.month - 1, 1);
      const ahead = (rule.day - new Date(first).getUTCDay() + 7) % 7;
      const wanted = first + (ahead + (rule.week - 1) * 7) * DAY_MS;
      // A fifth one that the month does not have is the last.
      return new Date(wanted).getUTCMonth() === rule.month - 1 ? wanted : wanted - 7 * DAY_MS;
    }
  }
}

/** Seconds east of Greenwich at an instant (Unix ms). */
export function offsetAt(zone: PosixZone, atMs: number): number {
  const { summer } = zone;
  if (summer === undefined) return zone.offsetSec;
  const year = new Date(atMs + zone.offsetSec * 1000).getUTCFullYear();
  const start = instantOf(summer.start, year, zone.offsetSec);
  const end = instantOf(summer.end, year, summer.offsetSec);
  // South of the equator summer lasts over New Year.
  const isSummer = start < end ? atMs >= start && atMs < end : !(atMs >= end && atMs < start);
  return isSummer ? summer.offsetSec : zone.offsetSec;
}

/** As POSIX writes it; parsing it gives the same zone. */
export function formatPosixZone({ name, offsetSec, summer }: PosixZone): string {
  const standard = `${name}${hours(-offsetSec)}`;
  if (summer === undefined) return standard;
  const usual = summer.offsetSec === offsetSec + 3600;
  const shift = usual ? '' : hours(-summer.offsetSec);
  return `${standard}${summer.name}${shift},${formatRule(summer.start)},${formatRule(summer.end)}`;
}

function formatRule(rule: ZoneRule): string {
  const time = rule.timeSec === 7200 ? '' : `/${hours(rule.timeSec)}`;
  switch (rule.kind) {
    case 'week':
      return `M${rule.month}.${rule.week}.${rule.day}${time}`;
    case 'julian':
      return `J${rule.day}${time}`;
    case 'day':
      return `${rule.day}${time}`;
  }
}

function hours(sec: number): string {
  const all = Math.abs(sec);
  const two = (n: number): string => String(n).padStart(2, '0');
  const [minutes, rest] = [Math.floor(all / 60) % 60, all % 60];
  const tail = rest > 0 ? `:${two(minutes)}:${two(rest)}` : minutes > 0 ? `:${two(minutes)}` : '';
  return `${sec < 0 ? '-' : ''}${Math.floor(all / 3600)}${tail}`;
}
