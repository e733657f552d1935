/**
 * Bencode (BEP 3), strict: no leading zeros, no `-0`, keys sorted and unique, nothing behind the end.
 * One scan marks every token; what is read afterwards is a view over the same bytes.
 */
import { latin1 } from '../base/bytes.ts';
import { type DecodeError, ok, type Result } from '../base/result.ts';

/**
 * What bencode can say. Strings are bytes, keys one character a byte (`latin1`). Integers that a
 * number holds exactly are numbers, all others bigints; both within 64 bits with sign.
 */
export type BencodeValue =
  | number
  | bigint
  | Uint8Array
  | readonly BencodeValue[]
  | BencodeDictionary;
export type BencodeDictionary = ReadonlyMap<string, BencodeValue>;

export interface BencodeLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** Strings, integers, lists, dictionaries and keys, all counted. */
  readonly maxTokens: number;
}

/** For a torrent file or its metadata (BEP 9): 10 MB, as many files as that holds. */
export const TORRENT_LIMITS: BencodeLimits = {
  maxBytes: 10 * 1024 * 1024,
  maxDepth: 64,
  maxTokens: 2_000_000,
};

export type BencodeKind = 'integer' | 'string' | 'list' | 'dictionary';
/** A token by its number in the document; the root is 0. */
export type BencodeNode = number;
/** No such key: every question about it answers as one about a value of the wrong kind. */
const NO_NODE: BencodeNode = -1;

const INTEGER = 0;
const STRING = 1;
const LIST = 2;
const DICTIONARY = 3;
const KINDS: readonly BencodeKind[] = ['integer', 'string', 'list', 'dictionary'];

/** Per token: kind, first byte (of a string: of its content), the byte behind it, the token behind it. */
const WORDS = 4;
const FIRST_TOKENS = 64;
/** Digits of a length that may be within `maxBytes`, whatever that is. */
const MAX_LENGTH_DIGITS = 9;
const MAX_INT64 = '9223372036854775807';
const MIN_INT64 = '9223372036854775808';
const SAFE_DIGITS = 15;

const ZERO = 48;
const NINE = 57;
const COLON = 58;
const MINUS = 45;
const [D, E, I, L] = [100, 101, 105, 108];

/**
 * One document at a time, its tokens in memory that is used again: `load` what came, ask, `load`
 * the next. Views given out stay valid as long as the bytes loaded do.
 */
export class BencodeDocument {
  readonly #limits: BencodeLimits;
  #tape = new Int32Array(FIRST_TOKENS * WORDS);
  #tokens = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Open containers, the innermost last: its token, and the key before (dictionaries; -1: none yet). */
  readonly #open: Int32Array;
  readonly #keys: Int32Array;
  #error: DecodeError | undefined;

  constructor(limits: BencodeLimits) {
    this.#limits = limits;
    this.#open = new Int32Array(limits.maxDepth);
    this.#keys = new Int32Array(limits.maxDepth);
  }

  /** Takes the place of what was loaded before; after an error the document is empty. */
  load(bytes: Uint8Array): DecodeError | undefined {
    this.#bytes = bytes;
    this.#tokens = 0;
    this.#error = undefined;
    if (bytes.length > this.#limits.maxBytes)
      return this.#refuse('larger than allowed', 'document', this.#limits.maxBytes);
    const end = this.#scan(bytes);
    if (end >= 0 && end !== bytes.length) this.#fail('bytes behind the end', 'document', end);
    return this.#error === undefined ? undefined : this.#clear(this.#error);
  }

  kind(node: BencodeNode): BencodeKind | undefined {
    return node < 0 || node >= this.#tokens ? undefined : KINDS[this.#at(node, 0)];
  }

  /** The value at `key` (one character a byte) of a dictionary; -1 when there is none. */
  get(node: BencodeNode, key: string): BencodeNode {
    if (!this.#is(node, DICTIONARY)) return NO_NODE;
    const end = this.#at(node, 3);
    for (let at = node + 1; at < end; ) {
      if (this.#sameKey(at, key)) return at + 1;
      at = this.#at(at + 1, 3);
    }
    return NO_NODE;
  }

  /** Content of a string, as a view. */
  bytes(node: BencodeNode): Uint8Array | undefined {
    if (!this.#is(node, STRING)) return undefined;
    return this.#view(this.#at(node, 1), this.#at(node, 2));
  }

  /** Length of a string in bytes; -1 for what is none. */
  length(node: BencodeNode): number {
    return this.#is(node, STRING) ? this.#at(node, 2) - this.#at(node, 1) : -1;
  }

  /** Where in the bytes loaded a string's content, or any other value, begins. */
  offset(node: BencodeNode): number {
    return node < 0 || node >= this.#tokens ? -1 : this.#at(node, 1);
  }

  /** A string, one character a byte. */
  text(node: BencodeNode): string | undefined {
    if (!this.#is(node, STRING)) return undefined;
    return latin1(this.#bytes, this.#at(node, 1), this.#at(node, 2));
  }

  /** An integer, exactly. */
  integer(node: BencodeNode): number | bigint | undefined {
    if (!this.#is(node, INTEGER)) return undefined;
    const [start, end] = [this.#at(node, 1) + 1, this.#at(node, 2) - 1];
    if (end - start <= SAFE_DIGITS) {
      const negative = this.#bytes[start] === MINUS;
      let value = 0;
      for (let i = negative ? start + 1 : start; i < end; i++)
        value = value * 10 + ((this.#bytes[i] ?? ZERO) - ZERO);
      return negative ? -value : value;
    }
    const exact = BigInt(latin1(this.#bytes, start, end));
    const number = Number(exact);
    return Number.isSafeInteger(number) ? number : exact;
  }

  /** An integer from `min` to `max`, both within what a number holds exactly. */
  integerIn(node: BencodeNode, min: number, max: number): number | undefined {
    const value = this.integer(node);
    return typeof value === 'number' && value >= min && value <= max ? value : undefined;
  }

  /** The elements of a list, or keys and values of a dictionary in turns. */
  *children(node: BencodeNode): IterableIterator<BencodeNode> {
    if (!this.#is(node, LIST) && !this.#is(node, DICTIONARY)) return;
    const end = this.#at(node, 3);
    for (let at = node + 1; at < end; at = this.#at(at, 3)) yield at;
  }

  /** The bytes of a value as they came, brackets and length too: what a hash or a signature is of. */
  raw(node: BencodeNode): Uint8Array | undefined {
    if (node < 0 || node >= this.#tokens) return undefined;
    const content = this.#at(node, 1);
    const end = this.#at(node, 2);
    if (this.#at(node, 0) !== STRING) return this.#bytes.subarray(content, end);
    const digits = String(end - content).length;
    return this.#bytes.subarray(content - digits - 1, end);
  }

  /** A value with all that is in it; strings are views. */
  value(node: BencodeNode = 0): BencodeValue | undefined {
    if (node < 0 || node >= this.#tokens) return undefined;
    const kind = this.#at(node, 0);
    if (kind === STRING) return this.#view(this.#at(node, 1), this.#at(node, 2));
    if (kind === INTEGER) return this.integer(node);
    const end = this.#at(node, 3);
    if (kind === LIST) {
      const list: BencodeValue[] = [];
      for (let at = node + 1; at < end; at = this.#at(at, 3)) list.push(this.value(at) ?? 0);
      return list;
    }
    const dictionary = new Map<string, BencodeValue>();
    for (let at = node + 1; at < end; at = this.#at(at + 1, 3))
      dictionary.set(
        latin1(this.#bytes, this.#at(at, 1), this.#at(at, 2)),
        this.value(at + 1) ?? 0,
      );
    return dictionary;
  }

  /** As `subarray` gives it, which takes half as long again. */
  #view(start: number, end: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + start, end - start);
  }

  #at(node: BencodeNode, word: number): number {
    return this.#tape[node * WORDS + word] ?? 0;
  }

  #is(node: BencodeNode, kind: number): boolean {
    return node >= 0 && node < this.#tokens && this.#tape[node * WORDS] === kind;
  }

  #sameKey(node: BencodeNode, key: string): boolean {
    const start = this.#at(node, 1);
    if (this.#at(node, 2) - start !== key.length) return false;
    for (let i = 0; i < key.length; i++)
      if (this.#bytes[start + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  #clear(error: DecodeError): DecodeError {
    this.#tokens = 0;
    return error;
  }

  #refuse(message: string, field: string, offset: number): DecodeError {
    return this.#clear({ kind: 'decode', message, field, offset });
  }

  /** Keeps the first error and gives -1, an offset that ends the scan. */
  #fail(message: string, field: string, offset: number): -1 {
    this.#error ??= { kind: 'decode', message, field, offset };
    return -1;
  }

  /** Where the root ends, or -1. */
  #scan(bytes: Uint8Array): number {
    const { maxDepth, maxTokens } = this.#limits;
    let depth = 0;
    let at = 0;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined) return this.#fail('ends too early', 'value', at);
      const inside = depth > 0 ? (this.#open[depth - 1] ?? 0) : -1;
      const inDictionary = depth > 0 && this.#tape[inside * WORDS] === DICTIONARY;
      if (byte === E && depth > 0) {
        // Word 3 of an open dictionary counts its tokens: odd is a key without a value.
        if (inDictionary && (this.#at(inside, 3) & 1) === 1)
          return this.#fail('a key without a value', 'dictionary', at);
        at += 1;
        this.#tape[inside * WORDS + 2] = at;
        this.#tape[inside * WORDS + 3] = this.#tokens;
        depth -= 1;
        if (depth === 0) return at;
        continue;
      }
      if (this.#tokens >= maxTokens) return this.#fail('too many values', 'document', at);
      const node = this.#tokens++;
      if ((node + 1) * WORDS > this.#tape.length) this.#grow();
      const isKey = inDictionary && ((this.#tape[inside * WORDS + 3] ?? 0) & 1) === 0;
      if (inDictionary) this.#tape[inside * WORDS + 3] = (this.#tape[inside * WORDS + 3] ?? 0) + 1;
      if (byte >= ZERO && byte <= NINE) {
        at = this.#string(bytes, at, node);
        if (at >= 0 && isKey && !this.#follows(depth - 1, node))
          return this.#fail('not sorted, or there twice', 'key', this.#at(node, 1));
      } else if (isKey) {
        return this.#fail('not a string', 'key', at);
      } else if (byte === I) {
        at = this.#integer(bytes, at, node);
      } else if (byte === L || byte === D) {
        if (depth >= maxDepth) return this.#fail('too deep', 'value', at);
        this.#put(node, byte === L ? LIST : DICTIONARY, at, 0, 0);
        this.#open[depth] = node;
        this.#keys[depth] = NO_NODE;
        depth += 1;
        at += 1;
        continue;
      } else {
        return this.#fail('not the beginning of a value', 'value', at);
      }
      if (at < 0 || depth === 0) return at;
    }
  }

  #put(node: BencodeNode, kind: number, start: number, end: number, next: number): void {
    const tape = this.#tape;
    const word = node * WORDS;
    tape[word] = kind;
    tape[word + 1] = start;
    tape[word + 2] = end;
    tape[word + 3] = next;
  }

  #grow(): void {
    const larger = new Int32Array(this.#tape.length * 2);
    larger.set(this.#tape);
    this.#tape = larger;
  }

  /** `at` is at the first digit. Gives where the string ends. */
  #string(bytes: Uint8Array, at: number, node: BencodeNode): number {
    let length = 0;
    let pos = at;
    for (;;) {
      const byte = bytes[pos];
      if (byte === undefined) return this.#fail('ends too early', 'string length', pos);
      if (byte === COLON) break;
      if (byte < ZERO || byte > NINE) return this.#fail('not a digit', 'string length', pos);
      if (pos > at && length === 0) return this.#fail('a leading zero', 'string length', at);
      if (pos - at >= MAX_LENGTH_DIGITS) return this.#fail('too large', 'string length', at);
      length = length * 10 + byte - ZERO;
      pos += 1;
    }
    const start = pos + 1;
    if (length > bytes.length - start) return this.#fail('ends too early', 'string', start);
    this.#put(node, STRING, start, start + length, node + 1);
    return start + length;
  }

  /** `at` is at the `i`. Gives where the integer ends. */
  #integer(bytes: Uint8Array, at: number, node: BencodeNode): number {
    const negative = bytes[at + 1] === MINUS;
    const first = at + (negative ? 2 : 1);
    let pos = first;
    for (;;) {
      const byte = bytes[pos];
      if (byte === undefined) return this.#fail('ends too early', 'integer', pos);
      if (byte === E) break;
      if (byte < ZERO || byte > NINE) return this.#fail('not a digit', 'integer', pos);
      if (pos - first >= MAX_INT64.length) return this.#fail('more than 64 bits', 'integer', first);
      pos += 1;
    }
    const digits = pos - first;
    if (digits === 0) return this.#fail('no digits', 'integer', first);
    if (bytes[first] === ZERO && (digits > 1 || negative))
      return this.#fail(digits > 1 ? 'a leading zero' : 'minus zero', 'integer', first);
    if (
      digits === MAX_INT64.length &&
      latin1(bytes, first, pos) > (negative ? MIN_INT64 : MAX_INT64)
    )
      return this.#fail('more than 64 bits', 'integer', first);
    this.#put(node, INTEGER, at, pos + 1, node + 1);
    return pos + 1;
  }

  /** Whether this key is greater than the one before it, byte by byte; it is the one before from now on. */
  #follows(level: number, node: BencodeNode): boolean {
    const before = this.#keys[level] ?? NO_NODE;
    this.#keys[level] = node;
    if (before === NO_NODE) return true;
    const bytes = this.#bytes;
    const [a, aEnd] = [this.#at(before, 1), this.#at(before, 2)];
    const [b, bEnd] = [this.#at(node, 1), this.#at(node, 2)];
    const shorter = Math.min(aEnd - a, bEnd - b);
    for (let i = 0; i < shorter; i++) {
      const difference = (bytes[b + i] ?? 0) - (bytes[a + i] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return bEnd - b > aEnd - a;
  }
}

/** The whole as values; strings are views over `bytes`. */
export function decodeBencode(
  bytes: Uint8Array,
  limits: BencodeLimits = TORRENT_LIMITS,
): Result<BencodeValue> {
  const document = new BencodeDocument(limits);
  const error = document.load(bytes);
  return error === undefined ? ok(document.value() ?? 0) : { ok: false, error };
}
