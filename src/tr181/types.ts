/**
 * Data types of TR-106 and TR-181: from any accepted text to the one canonical text that is
 * stored, compared and answered.
 */
import { formatIpv4, parseIpv4 } from '../base/ip.ts';
import { formatIpv6, parseIpv6 } from '../base/ip6.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { BaseType } from './model.ts';

/** Names as TR-106 and TR-181 have them. */
export type TypeName =
  | BaseType
  | 'Alias'
  | 'Order'
  | 'StatsCounter32'
  | 'StatsCounter64'
  | 'IPv4Address'
  | 'IPv6Address'
  | 'IPAddress'
  | 'IPv4Prefix'
  | 'IPv6Prefix'
  | 'MACAddress';

/** Everything that limits a value, as plain data. */
export interface ValueSpec {
  readonly type: TypeName;
  /** Comma-separated; the other limits are those of one item. */
  readonly list?: { readonly maxLength?: number; readonly maxItems?: number };
  /** Characters of a string, bytes of hexBinary and base64. */
  readonly size?: readonly [min: number, max: number];
  /** Allowed ranges, ends included; undefined is open. */
  readonly range?: readonly (readonly [min: number | undefined, max: number | undefined])[];
  readonly enum?: readonly string[];
  /** Source of a regular expression for the whole value. */
  readonly pattern?: string;
}

export interface ValueFault {
  readonly kind: 'wrongType' | 'outOfRange';
  /** Continues "… : ", such as `"x" is not a number`. */
  readonly message: string;
}

const BASES: Readonly<Record<TypeName, BaseType>> = {
  string: 'string',
  boolean: 'boolean',
  int: 'int',
  unsignedInt: 'unsignedInt',
  long: 'long',
  unsignedLong: 'unsignedLong',
  dateTime: 'dateTime',
  hexBinary: 'hexBinary',
  base64: 'base64',
  Alias: 'string',
  Order: 'unsignedInt',
  StatsCounter32: 'unsignedInt',
  StatsCounter64: 'unsignedLong',
  IPv4Address: 'string',
  IPv6Address: 'string',
  IPAddress: 'string',
  IPv4Prefix: 'string',
  IPv6Prefix: 'string',
  MACAddress: 'string',
};

/** Strings and lists without a limit of their own, in characters. */
const MAX_CHARACTERS = 65535;

const LIMITS: Readonly<Partial<Record<BaseType, readonly [bigint, bigint]>>> = {
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  unsignedInt: [0n, 2n ** 32n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
  unsignedLong: [0n, 2n ** 64n - 1n],
};

export const baseOf = (type: TypeName): BaseType => BASES[type];

export const isNumeric = (base: BaseType): boolean => LIMITS[base] !== undefined;

/** No moment at all (TR-106 §3.2.1). */
export const UNKNOWN_TIME = '0001-01-01T00:00:00Z';

/** Never ends (TR-106 §3.2.1). */
export const INFINITE_TIME = '9999-12-31T23:59:59Z';

/** What a parameter without value and default reads as: the empty value of its type. */
export function emptyValue(spec: ValueSpec): string {
  if (spec.list !== undefined) return '';
  const base = BASES[spec.type];
  if (base === 'boolean') return 'false';
  if (base === 'dateTime') return UNKNOWN_TIME;
  return isNumeric(base) ? '0' : '';
}

/** Canonical text of `text`, or why it is refused. */
export function canonical(spec: ValueSpec, text: string): Result<string, ValueFault> {
  if (text.length > MAX_CHARACTERS) {
    return outOfRange(`longer than ${MAX_CHARACTERS} characters`);
  }
  return spec.list === undefined ? item(spec, text) : list(spec, spec.list, text);
}

/** Items of a canonical list. */
export const listItems = (value: string): readonly string[] =>
  value === '' ? [] : value.split(',');

function list(
  spec: ValueSpec,
  limits: { readonly maxLength?: number; readonly maxItems?: number },
  text: string,
): Result<string, ValueFault> {
  const items: string[] = [];
  for (const part of text.trim() === '' ? [] : text.split(',')) {
    const one = item(spec, part.trim());
    if (!one.ok) return one;
    items.push(one.value);
  }
  if (limits.maxItems !== undefined && items.length > limits.maxItems) {
    return outOfRange(`${items.length} items; at most ${limits.maxItems} are allowed`);
  }
  const joined = items.join(',');
  if (limits.maxLength !== undefined && joined.length > limits.maxLength) {
    return outOfRange(`the list has ${joined.length} characters of at most ${limits.maxLength}`);
  }
  return ok(joined);
}

function item(spec: ValueSpec, text: string): Result<string, ValueFault> {
  const shaped = shape(spec.type, text);
  if (!shaped.ok) {
    // A number that the type cannot hold: what is allowed is what the parameter says.
    const beyond = spec.range !== undefined && shaped.error.kind === 'outOfRange';
    return beyond ? notInRange(text, spec.range) : shaped;
  }
  const { value } = shaped;
  if (spec.enum !== undefined && !spec.enum.includes(value)) {
    return outOfRange(`${quote(value)} is none of ${spec.enum.map(quote).join(', ')}`);
  }
  if (spec.size !== undefined) {
    const [min, max] = spec.size;
    const { length, unit } = sizeOf(spec.type, value);
    if (length < min || length > max) {
      const allowed =
        min === max ? `exactly ${min}` : min === 0 ? `at most ${max}` : `${min} to ${max}`;
      return outOfRange(`it has ${length} ${unit}; ${allowed} are allowed`);
    }
  }
  if (spec.range !== undefined && !inRange(spec.range, Number(value))) {
    return notInRange(value, spec.range);
  }
  if (spec.pattern !== undefined && !new RegExp(`^(?:${spec.pattern})$`).test(value)) {
    return outOfRange(`${quote(value)} does not match ${spec.pattern}`);
  }
  return shaped;
}

function shape(type: TypeName, text: string): Result<string, ValueFault> {
  switch (type) {
    case 'string':
      return plain(text);
    case 'Alias':
      // TR-106: an Alias starts with a letter; brackets and quotes would clash with paths.
      return /^[A-Za-z][A-Za-z0-9_. -]{0,63}$/.test(text)
        ? ok(text)
        : outOfRange(
            `${quote(text)} is no Alias: a letter, then at most 63 of A-Z a-z 0-9 _ - . space`,
          );
    case 'boolean':
      if (text === 'true' || text === '1') return ok('true');
      if (text === 'false' || text === '0') return ok('false');
      return wrong(text, 'neither true nor false');
    case 'int':
    case 'unsignedInt':
    case 'long':
    case 'unsignedLong':
    case 'StatsCounter32':
    case 'StatsCounter64':
      return integer(BASES[type], text);
    case 'Order':
      return /^[+-]?0+$/.test(text)
        ? outOfRange('an Order starts at 1')
        : integer('unsignedInt', text);
    case 'dateTime':
      return dateTime(text);
    case 'hexBinary':
      return /^(?:[0-9a-fA-F]{2})*$/.test(text)
        ? ok(text.toUpperCase())
        : wrong(text, 'not an even number of hexadecimal digits');
    case 'base64':
      return base64(text);
    case 'IPv4Address':
      return text === '' ? ok('') : ipv4(text);
    case 'IPv6Address':
      return text === '' ? ok('') : ipv6(text);
    case 'IPAddress':
      if (text === '') return ok('');
      return text.includes(':') ? ipv6(text) : ipv4(text);
    case 'IPv4Prefix':
      return text === '' ? ok('') : prefix(text, ipv4, 32);
    case 'IPv6Prefix':
      return text === '' ? ok('') : prefix(text, ipv6, 128);
    case 'MACAddress':
      return text === '' || /^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$/.test(text)
        ? ok(text.toLowerCase())
        : wrong(text, 'not a MAC address (02:00:00:00:00:01)');
  }
}

// Control characters have no place in a parameter, and forge lines in logs and leases; tab and
// newline are allowed (TR-106 §3.2.2 takes them as white space). Lone surrogates are no text.
function plain(text: string): Result<string, ValueFault> {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 32 && code !== 9 && code !== 10) || code === 127) {
      return wrong(text, `it holds control character ${code}`, false);
    }
  }
  return text.isWellFormed() ? ok(text) : wrong(text, 'it is not well-formed Unicode', false);
}

function integer(base: BaseType, text: string): Result<string, ValueFault> {
  if (!/^[+-]?\d{1,40}$/.test(text)) return wrong(text, 'not a whole number');
  const [min, max] = LIMITS[base] ?? [0n, 0n];
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (value < min || value > max) return outOfRange(`${text} is not ${min} to ${max}`);
  return ok(value.toString());
}

const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?$/;

/** TR-106 §3.2.1: ISO 8601, canonical in UTC with a final Z. */
function dateTime(text: string): Result<string, ValueFault> {
  const match = DATE_TIME.exec(text);
  if (match === null) return wrong(text, 'not a time like 2026-01-31T12:00:00Z');
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const asUtc = new Date(`${local}Z`);
  // The constructor takes 31 February for 3 March: what comes back must be what went in.
  if (Number.isNaN(asUtc.getTime()) || !asUtc.toISOString().startsWith(local)) {
    return wrong(text, 'not a time that exists');
  }
  if (zone === 'Z') return ok(`${local}${fraction}Z`);
  const shifted = new Date(`${local}${zone}`);
  if (Number.isNaN(shifted.getTime())) return wrong(text, 'not a time zone that exists');
  const utc = shifted.toISOString();
  return utc.length === 24 ? ok(`${utc.slice(0, 19)}${fraction}Z`) : wrong(text, 'out of range');
}

function base64(text: string): Result<string, ValueFault> {
  const compact = text.replace(/\s/g, '');
  const bytes = Buffer.from(compact, 'base64');
  // Buffer skips what it does not know; only text that comes out the same was base64.
  return bytes.toString('base64') === compact ? ok(compact) : wrong(text, 'not base64');
}

function ipv4(text: string): Result<string, ValueFault> {
  const parsed = parseIpv4(text);
  return parsed.ok ? ok(formatIpv4(parsed.value)) : wrong(text, 'not an IPv4 address');
}

function ipv6(text: string): Result<string, ValueFault> {
  const parsed = parseIpv6(text);
  return parsed.ok ? ok(formatIpv6(parsed.value)) : wrong(text, 'not an IPv6 address');
}

function prefix(
  text: string,
  address: (text: string) => Result<string, ValueFault>,
  bits: number,
): Result<string, ValueFault> {
  const slash = text.indexOf('/');
  const length = text.slice(slash + 1);
  if (slash < 0 || !/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) {
    return wrong(text, `not a prefix (address/length, length at most ${bits})`);
  }
  const parsed = address(text.slice(0, slash));
  return parsed.ok ? ok(`${parsed.value}/${length}`) : parsed;
}

function sizeOf(type: TypeName, value: string): { length: number; unit: string } {
  if (type === 'hexBinary') return { length: value.length / 2, unit: 'bytes' };
  if (type === 'base64') return { length: Buffer.byteLength(value, 'base64'), unit: 'bytes' };
  let length = 0;
  for (const _ of value) length += 1;
  return { length, unit: 'characters' };
}

const inRange = (range: NonNullable<ValueSpec['range']>, value: number): boolean =>
  range.some(([min = -Infinity, max = Infinity]) => value >= min && value <= max);

const notInRange = (value: string, range: NonNullable<ValueSpec['range']>) =>
  outOfRange(`${value} is not ${range.map(rangeText).join(' or ')}`);

function rangeText([min, max]: readonly [number | undefined, number | undefined]): string {
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}

const wrong = (text: string, why: string, show = true): Result<never, ValueFault> =>
  err({ kind: 'wrongType', message: show ? `${quote(text)} is ${why}` : why });

const outOfRange = (message: string): Result<never, ValueFault> =>
  err({ kind: 'outOfRange', message });

const quote = (text: string): string =>
  JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);

/** TR-106's dateTime of a Unix time in ms. */
export const dateTimeOf = (wallMs: number): string =>
  `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
