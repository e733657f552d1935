/** Numbers, amounts and times as people say them, in the language of the page. */

export type Amount = { readonly text: string; readonly unit: string };

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const BIT_UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const;

/** Bytes in decimal units (1 kB is 1,000 B), three digits at most. */
export const bytes = (count: number, language: string): string =>
  join(scaled(count, BYTE_UNITS, language));

/** A rate the way providers sell it: bits a second. */
export const rate = (bytesPerSec: number, language: string): string =>
  join(scaled(bytesPerSec * 8, BIT_UNITS, language));

export const number = (value: number, language: string): string =>
  new Intl.NumberFormat(language).format(value);

const join = ({ text, unit }: Amount): string => `${text} ${unit}`;

function scaled(value: number, units: readonly string[], language: string): Amount {
  let at = 0;
  let left = Math.max(0, value);
  // 999.5 would round to 1,000 of a unit.
  while (left >= 999.5 && at < units.length - 1) {
    left /= 1000;
    at++;
  }
  const digits = at === 0 || left >= 99.95 ? 0 : left >= 9.995 ? 1 : 2;
  const text = new Intl.NumberFormat(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(left);
  return { text, unit: units[at] ?? '' };
}

export type Span = 'day' | 'hour' | 'minute' | 'second';

const SPANS: readonly (readonly [Span, number])[] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** The two largest units of a span: `2 days 4 hours`, `59 seconds`; whole and never negative. */
export function spanParts(seconds: number): readonly (readonly [Span, number])[] {
  let left = Math.max(0, Math.floor(seconds));
  const first = SPANS.findIndex(([, size]) => left >= size);
  if (first < 0) return [['second', 0]];
  const parts: [Span, number][] = [];
  for (const [span, size] of SPANS.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push([span, count]);
  }
  return parts;
}

/** `3 hr 5 min`; `long` writes the units out: `3 hours 5 minutes`. */
export function duration(
  seconds: number,
  language: string,
  style: 'short' | 'long' = 'long',
): string {
  return spanParts(seconds)
    .map(([unit, value]) =>
      new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: style }).format(value),
    )
    .join(' ');
}

/** `3 minutes ago`, `in 2 days`, `now`. */
export function relative(thenMs: number, nowMs: number, language: string): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const seconds = Math.round((thenMs - nowMs) / 1000);
  for (const [unit, size] of SPANS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, 'second');
}

/** Date and time with seconds, for a tool tip or a table. */
export const absolute = (ms: number, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(ms);

/** `1:05` for countdowns. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** Milliseconds of an ISO time or of a number that is milliseconds already; undefined for neither. */
export function timeMs(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || value.startsWith('0001-')) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** What a field for date and time shows, in the reader's time zone: `2026-03-01T18:30`. */
export const localTime = (ms: number): string =>
  new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** TR-181's time from such a field; TR-106's for none when it is empty. */
export const modelTime = (local: string): string =>
  local === '' ? '0001-01-01T00:00:00Z' : new Date(local).toISOString().replace(/\.\d+/, '');

/** Length of a prefix from its mask in dotted text; undefined when it is none. */
export function prefixLength(mask: string): number | undefined {
  const address = ipv4(mask);
  if (address === undefined) return undefined;
  const inverse = ~address >>> 0;
  return (inverse & (inverse + 1)) === 0
    ? 32 - inverse.toString(2).replace(/^0$/, '').length
    : undefined;
}

/** Dotted text of four bytes as a number; undefined when it is none. */
export function ipv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text.trim());
  if (match === null) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Hex as readable text where every byte is printable ASCII; undefined else. */
export function hexText(hex: string): string | undefined {
  if (hex === '' || hex.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(hex)) return undefined;
  let text = '';
  for (let at = 0; at < hex.length; at += 2) {
    const code = Number.parseInt(hex.slice(at, at + 2), 16);
    if (code < 0x20 || code > 0x7e) return undefined;
    text += String.fromCharCode(code);
  }
  return text;
}

/** One CSV document (RFC 4180); cells that a spreadsheet would run as a formula are defused. */
export function csv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string => {
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
