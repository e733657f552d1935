/**
 * Tables that say which autonomous system an address belongs to, as they are given away: lines of
 * `FIRST LAST NUMBER [COUNTRY NAME]` (iptoasn.com) or `PREFIX NUMBER [NAME]`, with blanks or tabs between.
 */
import { parseIpv4 } from '../base/ip.ts';
import { type IpAddress, parseIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export interface AsOf {
  readonly number: number;
  /** Empty where the table has none. */
  readonly name: string;
}

export interface AsTable {
  /** Of the narrowest range that holds the address; undefined for none. */
  asOf(address: IpAddress): AsOf | undefined;
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly as: AsOf;
}

const MAX_NUMBER = 0xffff_ffff;
/** The whole of the Internet is half a million ranges in each family. */
const MAX_LINES = 4_000_000;
const MAX_NAME = 100;

/** Refuses the whole at the first line that is neither; lines that are empty, start with `#` or are of AS 0 say nothing. */
export function parseAsTable(text: string): Result<AsTable> {
  const families: Record<4 | 6, Range[]> = { 4: [], 6: [] };
  let offset = 0;
  let lines = 0;
  while (offset < text.length) {
    const end = text.indexOf('\n', offset);
    const line = text.slice(offset, end < 0 ? text.length : end).trim();
    if (++lines > MAX_LINES) return decodeError('too many lines', 'table', offset);
    if (line !== '' && !line.startsWith('#')) {
      const range = rangeOf(line.split(/\s+/));
      if (range === undefined) {
        return decodeError(`line ${lines} is no range with a number`, `line ${lines}`, offset);
      }
      if (range.as.number !== 0) families[range.family].push(range);
    }
    offset = end < 0 ? text.length : end + 1;
  }
  const searched = { 4: ordered(families[4]), 6: ordered(families[6]) };
  return ok({
    asOf: (address) => {
      const is4 = typeof address === 'number';
      return narrowest(searched[is4 ? 4 : 6], is4 ? BigInt(address) : address);
    },
  });
}

const addressOf = (
  text: string,
): { readonly family: 4 | 6; readonly value: bigint } | undefined => {
  const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (!parsed.ok) return undefined;
  return typeof parsed.value === 'number'
    ? { family: 4, value: BigInt(parsed.value) }
    : { family: 6, value: parsed.value };
};

function rangeOf(words: readonly string[]): (Range & { readonly family: 4 | 6 }) | undefined {
  const [head = '', second = '', third = ''] = words;
  const slash = head.indexOf('/');
  const first = addressOf(slash < 0 ? head : head.slice(0, slash));
  const number = numberOf(slash < 0 ? third : second);
  if (first === undefined || number === undefined) return undefined;
  // iptoasn.com has the country before the name.
  const name = words
    .slice(slash < 0 ? 4 : 2)
    .join(' ')
    .slice(0, MAX_NAME);
  const as = { number, name };
  if (slash < 0) {
    const last = addressOf(second);
    if (last?.family !== first.family || last.value < first.value) return undefined;
    return { family: first.family, first: first.value, last: last.value, as };
  }
  const length = head.slice(slash + 1);
  const bits = first.family === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  const size = 1n << BigInt(bits - Number(length));
  const start = first.value - (first.value % size);
  return { family: first.family, first: start, last: start + size - 1n, as };
}

function numberOf(text: string): number | undefined {
  const digits = /^(?:AS)?(\d{1,10})$/i.exec(text)?.[1];
  const number = Number(digits);
  return digits === undefined || number > MAX_NUMBER ? undefined : number;
}

/** By start, the wider first, so that the last one that holds an address is the narrowest. */
const ordered = (ranges: Range[]): readonly (Range & { readonly highest: bigint })[] => {
  ranges.sort((a, b) =>
    a.first === b.first ? (a.last > b.last ? -1 : 1) : a.first < b.first ? -1 : 1,
  );
  let highest = -1n;
  return ranges.map((range) => {
    highest = range.last > highest ? range.last : highest;
    return { ...range, highest };
  });
};

function narrowest(
  ranges: readonly (Range & { readonly highest: bigint })[],
  value: bigint,
): AsOf | undefined {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.first ?? value + 1n) <= value) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0; i--) {
    const range = ranges[i];
    // No range up to here reaches so far.
    if (range === undefined || range.highest < value) return undefined;
    if (range.last >= value) return range.as;
  }
  return undefined;
}
