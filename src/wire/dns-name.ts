/**
 * Domain names of DNS messages (RFC 1035 §3.1): labels of any bytes, at most 255 bytes in all. As
 * text they are presentation format without the final dot, case kept; the root is ''. A dot or
 * backslash in a label is `\.` or `\\`, and what is not printable ASCII is `\DDD`, so that each name
 * has just one text.
 */
import { BugError } from '../base/errors.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

declare const brand: unique symbol;
/** Presentation format without the final dot; '' is the root. */
export type DnsName = string & { readonly [brand]: 'DnsName' };

export const ROOT = '' as DnsName;
export const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** A name has at most 127 labels; more pointers than that lead nowhere new. */
const MAX_POINTERS = 126;

const CHARS: readonly string[] = Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (code < 0x21 || code > 0x7e) return `\\${String(code).padStart(3, '0')}`;
  // What has a meaning in zone files is escaped, as BIND's tools do.
  return '."\\;()@$'.includes(char) ? `\\${char}` : char;
});
/** The bytes that most names are made of need no table. */
const isPlain = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d;

export interface NameAt {
  readonly name: DnsName;
  /** Behind the name, or behind its first pointer. */
  readonly end: number;
}

/**
 * The name at `start`, compression followed: each pointer must lead further back than all before
 * it, so that there is no loop. `compressed` false refuses pointers (RFC 3597 §4).
 */
export function decodeName(
  bytes: Uint8Array,
  start: number,
  field: string,
  compressed = true,
): Result<NameAt> {
  let text = '';
  let at = start;
  let end = -1;
  let size = 0;
  let lowest = start;
  let pointers = 0;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return decodeError('truncated', field, at);
    if (length === 0) {
      return ok({ name: text as DnsName, end: end < 0 ? at + 1 : end });
    }
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return decodeError('truncated', field, at);
      if (!compressed) return decodeError('a pointer where none may be', field, at);
      const target = ((length & 0x3f) << 8) | low;
      if (target >= lowest) return decodeError('a pointer that does not lead back', field, at);
      if (++pointers > MAX_POINTERS) return decodeError('too many pointers', field, at);
      if (end < 0) end = at + 2;
      lowest = target;
      at = target;
      continue;
    }
    if (length > MAX_LABEL_BYTES) return decodeError('a label of unknown kind', field, at);
    size += length + 1;
    if (size >= MAX_NAME_BYTES) return decodeError('longer than 255 bytes', field, at);
    const stop = at + 1 + length;
    if (stop > bytes.length) return decodeError('truncated', field, at);
    if (text !== '') text += '.';
    for (let i = at + 1; i < stop; i++) text += CHARS[bytes[i] ?? 0];
    at = stop;
  }
}

/** The labels of a name, each as its bytes. */
export function labelsOf(name: DnsName): Uint8Array[] {
  const labels: Uint8Array[] = [];
  let label: number[] = [];
  if (name === ROOT) return labels;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x2e) {
      labels.push(Uint8Array.from(label));
      label = [];
    } else if (code !== 0x5c) {
      label.push(code);
    } else if (isDigit(name.charCodeAt(i + 1))) {
      label.push(Number(name.slice(i + 1, i + 4)));
      i += 3;
    } else {
      label.push(name.charCodeAt(++i));
    }
  }
  labels.push(Uint8Array.from(label));
  return labels;
}

/** Uncompressed wire format, with the root's zero byte. */
export function encodeName(name: DnsName): Uint8Array {
  const labels = labelsOf(name);
  const size = labels.reduce((sum, label) => sum + label.length + 1, 1);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL_BYTES || size > MAX_NAME_BYTES) {
      throw new BugError(`not a domain name: ${JSON.stringify(name)}`);
    }
    bytes[at] = label.length;
    bytes.set(label, at + 1);
    at += label.length + 1;
  }
  return bytes;
}

/** Reads presentation format, with or without the final dot; `.` is the root. */
export function parseName(text: string, field = 'name'): Result<DnsName> {
  if (text === '.') return ok(ROOT);
  const canonical: string[] = [];
  let [label, labelBytes, size] = ['', 0, 1];
  const close = (): boolean => {
    size += labelBytes + 1;
    if (labelBytes === 0 || labelBytes > MAX_LABEL_BYTES || size > MAX_NAME_BYTES) return false;
    canonical.push(label);
    [label, labelBytes] = ['', 0];
    return true;
  };
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code > 0x7e) return decodeError(`not ASCII: ${quote(text)}`, field, i);
    if (code === 0x2e) {
      if (!close()) return decodeError(`not a domain name: ${quote(text)}`, field, i);
      continue;
    }
    if (code === 0x5c) {
      const digits = /^\d{3}/.exec(text.slice(i + 1))?.[0];
      code = digits === undefined ? text.charCodeAt(i + 1) : Number(digits);
      i += digits === undefined ? 1 : 3;
    }
    if (!(code <= 255)) return decodeError(`not a domain name: ${quote(text)}`, field, i);
    label += isPlain(code) ? String.fromCharCode(code) : CHARS[code];
    labelBytes++;
  }
  if (labelBytes > 0 && !close()) return decodeError(`not a domain name: ${quote(text)}`, field, 0);
  if (canonical.length === 0) return decodeError('an empty name', field, 0);
  return ok(canonical.join('.') as DnsName);
}

/** For people: the root is `.`. */
export const formatName = (name: DnsName): string => (name === ROOT ? '.' : name);

/** ASCII alone is folded (RFC 4343). What is not ASCII stands escaped, so the text has nothing else. */
export const lowerName = (name: DnsName): DnsName => name.toLowerCase() as DnsName;

export const sameName = (a: DnsName, b: DnsName): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());

/** Without its first label; the root's parent is the root. */
export function parentOf(name: DnsName): DnsName {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x5c) i++;
    else if (code === 0x2e) return name.slice(i + 1) as DnsName;
  }
  return ROOT;
}

/** Labels, the root's not counted. */
export function labelCount(name: DnsName): number {
  let count = name === ROOT ? 0 : 1;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x5c) i++;
    else if (code === 0x2e) count++;
  }
  return count;
}

/** Whether `name` is `zone` or below it. Both in lower case. */
export function isWithin(name: DnsName, zone: DnsName): boolean {
  if (zone === ROOT || name === zone) return true;
  const dot = name.length - zone.length - 1;
  // An escaped dot is inside a label; a backslash before it may itself be escaped.
  return dot > 0 && name[dot] === '.' && name.endsWith(zone) && !isEscaped(name, dot);
}

/** `label` before `name`; the label is presentation format itself. */
export const childOf = (label: string, name: DnsName): DnsName =>
  (name === ROOT ? label : `${label}.${name}`) as DnsName;

/** The name and its parents, longest first, the root at the end. */
export function* ancestors(name: DnsName): Generator<DnsName> {
  for (let at = name; at !== ROOT; at = parentOf(at)) yield at;
  yield ROOT;
}

/** Canonical order (RFC 4034 §6.1): by labels from the root, each as lower-case bytes. Below 0 when `a` comes first. */
export function compareNames(a: DnsName, b: DnsName): number {
  const [left, right] = [labelsOf(lowerName(a)).reverse(), labelsOf(lowerName(b)).reverse()];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareBytes(left[i] ?? EMPTY, right[i] ?? EMPTY);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** As unsigned bytes from the left; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = (a[i] ?? 0) - (b[i] ?? 0);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const EMPTY = new Uint8Array(0);
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const quote = (text: string): string => JSON.stringify(text.slice(0, 64));

function isEscaped(name: string, at: number): boolean {
  let slashes = 0;
  while (name[at - 1 - slashes] === '\\') slashes++;
  return slashes % 2 === 1;
}
