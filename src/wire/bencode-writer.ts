/** Bencode (BEP 3) written canonically: keys in order of their bytes, each once. */
import { BugError } from '../base/errors.ts';
import type { BencodeValue } from './bencode.ts';
import { encodeUtf8, utf8Bound } from './utf8.ts';

/** What can be written: text is UTF-8, the keys of a record ASCII or one character a byte; undefined is left out. */
export type Bencodable =
  | BencodeValue
  | string
  | readonly Bencodable[]
  | { readonly [key: string]: Bencodable | undefined }
  | ReadonlyMap<string, Bencodable>;

const ZERO = 48;
const COLON = 58;
const [D, E, I, L] = [100, 101, 105, 108];
const FIRST_BYTES = 256;
const INT64 = 1n << 63n;

/** Grows as needed and can be used again after `bytes`, which copies out, or `view`, which does not. */
export class BencodeWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(firstBytes = FIRST_BYTES) {
    this.#bytes = new Uint8Array(firstBytes);
  }

  get length(): number {
    return this.#length;
  }

  reset(): this {
    this.#length = 0;
    return this;
  }

  /** What was written; the next write after `reset` overwrites it. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  dictionary(): this {
    return this.#byte(D);
  }

  list(): this {
    return this.#byte(L);
  }

  /** Closes the innermost list or dictionary. */
  end(): this {
    return this.#byte(E);
  }

  /** A string of one byte a character: keys, and text that is known to be ASCII. */
  key(key: string): this {
    this.#lengthOf(key.length);
    const bytes = this.#room(key.length);
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      if (code > 255) throw new BugError(`bencode: a key beyond one byte a character: ${key}`);
      bytes[this.#length + i] = code;
    }
    this.#length += key.length;
    return this;
  }

  string(content: Uint8Array): this {
    const { length } = content;
    this.#lengthOf(length);
    const bytes = this.#room(length);
    // Below some dozens of bytes the call of `set` costs more than the bytes do.
    if (length > 48) bytes.set(content, this.#length);
    else for (let i = 0; i < length; i++) bytes[this.#length + i] = content[i] ?? 0;
    this.#length += length;
    return this;
  }

  /** Begins a string of `length` bytes and gives where to write it: bytes, and the offset of the first. */
  hole(length: number): { readonly bytes: Uint8Array; readonly at: number } {
    this.#lengthOf(length);
    const bytes = this.#room(length);
    const at = this.#length;
    this.#length += length;
    return { bytes, at };
  }

  integer(value: number | bigint): this {
    if (typeof value === 'number' ? !Number.isSafeInteger(value) : value >= INT64 || value < -INT64)
      throw new BugError(`bencode: not an integer of 64 bits: ${value}`);
    this.#byte(I);
    if (typeof value === 'number' && value >= 0) this.#digits(value);
    else this.#ascii(String(value));
    return this.#byte(E);
  }

  value(value: Bencodable): this {
    if (typeof value === 'number' || typeof value === 'bigint') return this.integer(value);
    if (typeof value === 'string') return this.#text(value);
    if (value instanceof Uint8Array) return this.string(value);
    if (Array.isArray(value)) {
      this.#byte(L);
      for (const element of value as readonly Bencodable[]) this.value(element);
      return this.#byte(E);
    }
    this.#byte(D);
    if (value instanceof Map) this.#map(value);
    else this.#record(value as { readonly [key: string]: Bencodable | undefined });
    return this.#byte(E);
  }

  #record(record: { readonly [key: string]: Bencodable | undefined }): void {
    for (const key of inOrder(Object.keys(record))) {
      const value = record[key];
      if (value !== undefined) this.key(key).value(value);
    }
  }

  #map(map: ReadonlyMap<string, Bencodable>): void {
    let before: string | undefined;
    for (const key of map.keys()) {
      if (before !== undefined && before >= key) {
        for (const sorted of [...map.keys()].sort(byCodes))
          this.key(sorted).value(map.get(sorted) ?? 0);
        return;
      }
      before = key;
    }
    for (const [key, value] of map) this.key(key).value(value);
  }

  #text(text: string): this {
    let ascii = true;
    for (let i = 0; ascii && i < text.length; i++) ascii = text.charCodeAt(i) < 128;
    if (ascii) return this.key(text);
    const utf8 = new Uint8Array(utf8Bound(text));
    return this.string(utf8.subarray(0, encodeUtf8(text, utf8, 0)));
  }

  #byte(byte: number): this {
    this.#room(1)[this.#length++] = byte;
    return this;
  }

  #ascii(text: string): void {
    const bytes = this.#room(text.length);
    for (let i = 0; i < text.length; i++) bytes[this.#length++] = text.charCodeAt(i);
  }

  #lengthOf(length: number): void {
    this.#digits(length);
    this.#byte(COLON);
  }

  /** Not negative and safe. */
  #digits(value: number): void {
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits += 1;
    const bytes = this.#room(digits);
    let rest = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const next = Math.floor(rest / 10);
      bytes[at] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.#length += digits;
  }

  #room(more: number): Uint8Array {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}

/** Throws BugError on what bencode cannot say: fractions, more than 64 bits. */
export const encodeBencode = (value: Bencodable): Uint8Array =>
  new BencodeWriter().value(value).bytes();

/** Strings of one byte a character compare as their bytes do. */
const byCodes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function inOrder(keys: string[]): string[] {
  for (let i = 1; i < keys.length; i++)
    if ((keys[i - 1] ?? '') >= (keys[i] ?? '')) return keys.sort(byCodes);
  return keys;
}
