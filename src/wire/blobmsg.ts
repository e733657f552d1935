/**
 * blob and blobmsg, the type-length-value format of ubus (libubox), big-endian throughout.
 *
 * A blob is one word `E IIIIIII L*24` (extended bit, id, length with the word and without padding),
 * its data, and zeros to the next multiple of 4. A blobmsg is an extended blob whose id is the type
 * and whose data starts with a name. Values keep their wire type exactly; INT64 is always a bigint,
 * so that a type never depends on a value. Strings are bytes by the format and come as text without
 * loss (see `utf8.ts`).
 */
import { type DecodeError, decodeError, ok, type Result } from '../base/result.ts';
import { decodeUtf8 } from './utf8.ts';

export const BLOBMSG_ID = {
  unspec: 0,
  array: 1,
  table: 2,
  string: 3,
  int64: 4,
  int32: 5,
  int16: 6,
  int8: 7,
  double: 8,
} as const;

export type BlobmsgType = keyof typeof BLOBMSG_ID;

export interface BlobmsgField {
  readonly name: string;
  readonly value: BlobmsgValue;
}

/** Order and duplicate names are kept: readers take the first one with the type that they want. */
export type BlobmsgTable = readonly BlobmsgField[];

export type BlobmsgValue =
  /** null; `bytes` only when the sender put data where none belongs. */
  | { readonly type: 'unspec'; readonly bytes?: Uint8Array }
  /** 0 to 255; a boolean by custom, true for all but 0. */
  | { readonly type: 'int8'; readonly value: number }
  | { readonly type: 'int16'; readonly value: number }
  | { readonly type: 'int32'; readonly value: number }
  | { readonly type: 'int64'; readonly value: bigint }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly value: readonly BlobmsgValue[] }
  | { readonly type: 'table'; readonly value: BlobmsgTable };

export const bool = (value: boolean): BlobmsgValue => ({ type: 'int8', value: value ? 1 : 0 });
export const int32 = (value: number): BlobmsgValue => ({ type: 'int32', value });
export const string = (value: string): BlobmsgValue => ({ type: 'string', value });
export const array = (value: readonly BlobmsgValue[]): BlobmsgValue => ({ type: 'array', value });
export const table = (value: BlobmsgTable): BlobmsgValue => ({ type: 'table', value });
export const field = (name: string, value: BlobmsgValue): BlobmsgField => ({ name, value });

/** The value of the first field with this name and this very type, as C's policies read it. */
export function pick<T extends 'int8' | 'int16' | 'int32' | 'double'>(
  from: BlobmsgTable,
  name: string,
  type: T,
): number | undefined;
export function pick(from: BlobmsgTable, name: string, type: 'int64'): bigint | undefined;
export function pick(from: BlobmsgTable, name: string, type: 'string'): string | undefined;
export function pick(from: BlobmsgTable, name: string, type: 'table'): BlobmsgTable | undefined;
export function pick(
  from: BlobmsgTable,
  name: string,
  type: 'array',
): readonly BlobmsgValue[] | undefined;
export function pick(from: BlobmsgTable, name: string, type: BlobmsgType): unknown {
  for (const { name: n, value } of from)
    if (n === name && value.type === type) return 'value' in value ? value.value : undefined;
  return undefined;
}

// ---- bounds --------------------------------------------------------------------------------

/** UBUS_MAX_MSGLEN: the largest top blob, with its word. */
export const MAX_BLOB_BYTES = 1_048_576;

export interface BlobmsgLimits {
  /** Tables and arrays inside one another, the outermost counted. */
  readonly maxDepth: number;
  readonly maxBytes: number;
  /** Values in all, tables and arrays counted: bounds the memory that a message can cost. */
  readonly maxValues: number;
}

export const BLOBMSG_LIMITS: BlobmsgLimits = {
  maxDepth: 32,
  maxBytes: MAX_BLOB_BYTES,
  maxValues: 131_072,
};

/** In the first byte of a blob: what follows is a blobmsg, with a name. */
export const EXTENDED = 0x80;
export const LENGTH_MASK = 0xffffff;

export const align4 = (length: number): number => (length + 3) & ~3;

export const readU32 = (bytes: Uint8Array, at: number): number => readI32(bytes, at) >>> 0;

/** The same word as a signed number: a small integer to the engine whatever its value, so a cheap key. */
export const readI32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) |
  ((bytes[at + 1] ?? 0) << 16) |
  ((bytes[at + 2] ?? 0) << 8) |
  (bytes[at + 3] ?? 0);

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

// ---- decode --------------------------------------------------------------------------------

/**
 * Decodes the content of a table that lies at `start` to `end`. Stricter than libubox, which ends
 * quietly at the first broken child: half a message is refused whole, with its field and offset.
 */
export function decodeTable(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
  limits: BlobmsgLimits = BLOBMSG_LIMITS,
): Result<BlobmsgTable> {
  if (end - start > limits.maxBytes) return decodeError('too large', 'blobmsg', start);
  const decoder = new Decoder(bytes, limits);
  const fields = decoder.table(start, end, 1);
  return decoder.error === undefined ? ok(fields) : { ok: false, error: decoder.error };
}

const TYPE_BY_ID: readonly BlobmsgType[] = [
  'unspec',
  'array',
  'table',
  'string',
  'int64',
  'int32',
  'int16',
  'int8',
  'double',
];

class Decoder {
  readonly #bytes: Uint8Array;
  /** Made when a value needs it: most messages do without. */
  #viewMade: DataView | undefined;
  readonly #limits: BlobmsgLimits;
  #values = 0;
  error: DecodeError | undefined;
  /** The element read last: its type, where its data lies, where the next one starts. */
  #type: BlobmsgType = 'unspec';
  #name = '';
  #dataAt = 0;
  #dataEnd = 0;
  #next = 0;

  constructor(bytes: Uint8Array, limits: BlobmsgLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  get #view(): DataView {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    this.#viewMade ??= new DataView(buffer, byteOffset, byteLength);
    return this.#viewMade;
  }

  table(start: number, end: number, depth: number): BlobmsgField[] {
    const fields: BlobmsgField[] = [];
    if (depth > this.#limits.maxDepth) this.#fail('nested too deeply', start);
    for (let at = start; at < end && this.error === undefined; ) {
      if (!this.#head(at, end, true)) break;
      const name = this.#name;
      const next = this.#next;
      const value = this.#value(depth);
      if (this.#within(name)) break;
      fields.push({ name, value });
      at = next;
    }
    return fields;
  }

  #array(start: number, end: number, depth: number): BlobmsgValue[] {
    const values: BlobmsgValue[] = [];
    if (depth > this.#limits.maxDepth) this.#fail('nested too deeply', start);
    for (let at = start; at < end && this.error === undefined; ) {
      if (!this.#head(at, end, false)) break;
      const next = this.#next;
      const value = this.#value(depth);
      if (this.#within(`[${values.length}]`)) break;
      values.push(value);
      at = next;
    }
    return values;
  }

  #head(at: number, end: number, named: boolean): boolean {
    const bytes = this.#bytes;
    if (at + 4 > end) return this.#fail('truncated header', at);
    const first = bytes[at] ?? 0;
    const length = readU32(bytes, at) & LENGTH_MASK;
    if (length < 4 || at + align4(length) > end) return this.#fail('bad length', at);
    const type = TYPE_BY_ID[first & 0x7f];
    if (type === undefined) return this.#fail('unknown type', at);
    if (++this.#values > this.#limits.maxValues) return this.#fail('too many values', at);
    this.#type = type;
    this.#name = '';
    this.#dataAt = at + 4;
    this.#dataEnd = at + length;
    this.#next = at + align4(length);
    if ((first & EXTENDED) === 0) {
      // Older writers left the name header out of array elements.
      return named ? this.#fail('value without a name', at) : true;
    }
    if (length < 8) return this.#fail('truncated name', at);
    const nameLength = ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0);
    const nameEnd = at + 6 + nameLength;
    this.#dataAt = at + 4 + align4(nameLength + 3);
    if (this.#dataAt > this.#dataEnd || bytes[nameEnd] !== 0) {
      return this.#fail('truncated name', at);
    }
    if (named) this.#name = decodeUtf8(bytes, at + 6, nameEnd);
    return true;
  }

  #value(depth: number): BlobmsgValue {
    const at = this.#dataAt;
    const end = this.#dataEnd;
    const size = end - at;
    switch (this.#type) {
      case 'string':
        if (size < 1 || this.#bytes[end - 1] !== 0) this.#fail('string without its NUL', at);
        return { type: 'string', value: size < 1 ? '' : decodeUtf8(this.#bytes, at, end - 1) };
      case 'table':
        return { type: 'table', value: this.table(at, end, depth + 1) };
      case 'array':
        return { type: 'array', value: this.#array(at, end, depth + 1) };
      case 'int8':
        return { type: 'int8', value: this.#sized(size, 1, at) ? (this.#bytes[at] ?? 0) : 0 };
      case 'int16':
        return { type: 'int16', value: this.#sized(size, 2, at) ? this.#view.getInt16(at) : 0 };
      case 'int32':
        return { type: 'int32', value: this.#sized(size, 4, at) ? readI32(this.#bytes, at) : 0 };
      case 'int64':
        return {
          type: 'int64',
          value: this.#sized(size, 8, at) ? this.#view.getBigInt64(at) : 0n,
        };
      case 'double':
        return {
          type: 'double',
          value: this.#sized(size, 8, at) ? this.#view.getFloat64(at) : 0,
        };
      case 'unspec':
        return size === 0
          ? { type: 'unspec' }
          : { type: 'unspec', bytes: this.#bytes.slice(at, end) };
    }
  }

  #sized(size: number, wanted: number, at: number): boolean {
    return size === wanted || this.#fail(`${size} bytes where ${wanted} belong`, at);
  }

  #fail(message: string, offset: number): false {
    this.error ??= { kind: 'decode', message, field: '', offset };
    return false;
  }

  /** True after a failure, which then names the outer field too. */
  #within(name: string): boolean {
    const { error } = this;
    if (error === undefined) return false;
    this.error = { ...error, field: join(name, error.field) };
    return true;
  }
}

const join = (name: string, rest: string): string =>
  rest === '' ? name : rest.startsWith('[') ? name + rest : `${name}.${rest}`;
