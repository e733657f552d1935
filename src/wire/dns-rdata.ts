/** RDATA by the fields of its type (`dns-registry.ts`): checked and made whole where it is read, compressed again where it may be. */
import { decodeError, ok, type Result } from '../base/result.ts';
import { decodeName, encodeName, MAX_NAME_BYTES } from './dns-name.ts';
import { type FieldKind, TYPE, typeDef } from './dns-registry.ts';

/** Where one field stands. */
export interface FieldSpan {
  readonly field: string;
  readonly kind: FieldKind;
  readonly start: number;
  readonly end: number;
}

const FIXED: Readonly<Partial<Record<FieldKind, number>>> = {
  ...{ u8: 1, u16: 2, u32: 4, time: 4, type: 2, ipv4: 4, ipv6: 16 },
};
const isName = (kind: FieldKind): boolean =>
  kind === 'name' || kind === 'nameWhole' || kind === 'nameStrict';

/**
 * The fields of RDATA that stands at `start` to `stop` of `bytes`, each checked; they fill it
 * exactly. Undefined for a type without known fields. Names may be compressed only in a message.
 */
export function fieldsOf(
  bytes: Uint8Array,
  type: number,
  start: number,
  stop: number,
  where: string,
  inMessage: boolean,
): Result<readonly FieldSpan[] | undefined> {
  const fields = typeDef(type)?.fields;
  if (fields === undefined) return ok(undefined);
  const spans: FieldSpan[] = [];
  let at = start;
  for (const [field, kind] of fields) {
    const end = endOf(bytes, kind, at, stop, `${where}.${field}`, inMessage);
    if (!end.ok) return end;
    spans.push({ field, kind, start: at, end: end.value });
    at = end.value;
  }
  return at === stop ? ok(spans) : decodeError('left-over bytes', where, at);
}

function endOf(
  bytes: Uint8Array,
  kind: FieldKind,
  at: number,
  stop: number,
  field: string,
  inMessage: boolean,
): Result<number> {
  const fixed = FIXED[kind];
  if (fixed !== undefined) {
    return at + fixed <= stop ? ok(at + fixed) : decodeError('truncated', field, at);
  }
  if (isName(kind)) {
    const name = decodeName(bytes, at, field, inMessage && kind !== 'nameStrict');
    if (!name.ok) return name;
    return name.value.end <= stop ? ok(name.value.end) : decodeError('truncated', field, at);
  }
  switch (kind) {
    case 'tag':
    case 'string':
    case 'salt':
    case 'hash32': {
      const end = at + 1 + (bytes[at] ?? 0);
      return at < stop && end <= stop ? ok(end) : decodeError('truncated', field, at);
    }
    case 'strings':
      return stringsEnd(bytes, at, stop, field);
    case 'types':
      return typesEnd(bytes, at, stop, field);
    case 'params':
      return paramsEnd(bytes, at, stop, field);
    default:
      return ok(stop);
  }
}

function stringsEnd(bytes: Uint8Array, start: number, stop: number, field: string): Result<number> {
  if (start === stop) return decodeError('no text', field, start);
  let at = start;
  while (at < stop) at += 1 + (bytes[at] ?? 0);
  return at === stop ? ok(stop) : decodeError('truncated', field, start);
}

/** Windows rise and none is empty (RFC 4034 §4.1.2). */
function typesEnd(bytes: Uint8Array, start: number, stop: number, field: string): Result<number> {
  let last = -1;
  let at = start;
  while (at < stop) {
    const [window, length] = [bytes[at] ?? 0, bytes[at + 1] ?? 0];
    if (at + 2 > stop || at + 2 + length > stop) return decodeError('truncated', field, at);
    if (window <= last) return decodeError('windows out of order', field, at);
    if (length === 0 || length > 32) return decodeError('a window of bad length', field, at);
    last = window;
    at += 2 + length;
  }
  return ok(stop);
}

/** Keys rise (RFC 9460 §2.2). */
function paramsEnd(bytes: Uint8Array, start: number, stop: number, field: string): Result<number> {
  let last = -1;
  let at = start;
  while (at < stop) {
    if (at + 4 > stop) return decodeError('truncated', field, at);
    const key = u16(bytes, at);
    const end = at + 4 + u16(bytes, at + 2);
    if (end > stop) return decodeError('truncated', field, at);
    if (key <= last) return decodeError('keys out of order', field, at);
    last = key;
    at = end;
  }
  return ok(stop);
}

export const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

export const u32 = (bytes: Uint8Array, at: number): number =>
  u16(bytes, at) * 0x10000 + u16(bytes, at + 2);

/** A copy of RDATA in a message, checked, with every name in it whole. */
export function wholeRdata(
  bytes: Uint8Array,
  type: number,
  start: number,
  stop: number,
  where: string,
): Result<Uint8Array> {
  const spans = fieldsOf(bytes, type, start, stop, where, true);
  if (!spans.ok) return spans;
  if (spans.value === undefined || !spans.value.some(({ kind }) => isName(kind))) {
    return ok(bytes.slice(start, stop));
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const { kind, start: from, end } of spans.value) {
    const part = isName(kind) ? wholeName(bytes, from) : bytes.subarray(from, end);
    size += part.length;
    parts.push(part);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return ok(whole);
}

/** Of a name that was checked: its bytes with pointers followed. */
function wholeName(bytes: Uint8Array, start: number): Uint8Array {
  const name = new Uint8Array(MAX_NAME_BYTES);
  let size = 0;
  for (let at = start; ; ) {
    const length = bytes[at] ?? 0;
    if (length >= 0xc0) {
      at = u16(bytes, at) & 0x3fff;
      continue;
    }
    name.set(bytes.subarray(at, at + length + 1), size);
    size += length + 1;
    if (length === 0) return name.slice(0, size);
    at += length + 1;
  }
}

const NONE: readonly number[] = [];

/** Where names that may be compressed begin in whole RDATA: those of RFC 1035 alone (RFC 3597 §4). */
export function compressibleName(type: number, rdata: Uint8Array): readonly number[] {
  switch (type) {
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
      return [0];
    case 15:
      return [2];
    case TYPE.SOA:
      return [0, nameEnd(rdata, 0)];
    default:
      return NONE;
  }
}

/** Behind the whole name at `start`. */
export function nameEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] ?? 0) !== 0) at += (bytes[at] ?? 0) + 1;
  return at + 1;
}

/**
 * The canonical form of whole RDATA for signatures: names of the types that RFC 4034 §6.2 lists in
 * lower case, RRSIG's signer, too, but not NSEC's next name (RFC 6840 §5.1).
 */
export function canonicalRdata(type: number, rdata: Uint8Array): Uint8Array {
  const spans = fieldsOf(rdata, type, 0, rdata.length, 'rdata', false);
  if (!spans.ok || spans.value === undefined) return rdata;
  const lowered = spans.value.filter(({ kind }) => kind === 'name' || kind === 'nameWhole');
  const signer = type === TYPE.RRSIG ? spans.value.filter(({ kind }) => isName(kind)) : [];
  if (lowered.length + signer.length === 0) return rdata;
  const canonical = rdata.slice();
  for (const { start, end } of [...lowered, ...signer]) lowerBytes(canonical, start, end);
  return canonical;
}

/** Length bytes are at most 63, below the letters. */
export function lowerBytes(bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    const code = bytes[i] ?? 0;
    if (code >= 0x41 && code <= 0x5a) bytes[i] = code | 0x20;
  }
}

/** Uncompressed, in lower case (RFC 4034 §6.2). */
export function canonicalName(name: Parameters<typeof encodeName>[0]): Uint8Array {
  const bytes = encodeName(name);
  lowerBytes(bytes, 0, bytes.length);
  return bytes;
}

/** The types that a bit map names; it was checked. */
export function typesOf(bytes: Uint8Array, start: number, stop: number): number[] {
  const types: number[] = [];
  for (let at = start; at < stop; at += 2 + (bytes[at + 1] ?? 0)) {
    const length = bytes[at + 1] ?? 0;
    for (let bit = 0; bit < length * 8; bit++) {
      if (((bytes[at + 2 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) {
        types.push((bytes[at] ?? 0) * 256 + bit);
      }
    }
  }
  return types;
}
