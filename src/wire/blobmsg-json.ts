/**
 * JSON and blobmsg, by the rules of libubox and json-c that every ubus tool follows: an integer is
 * INT32 where it fits and INT64 beyond, a number with a fraction or exponent is a DOUBLE, true and
 * false are INT8, null is UNSPEC; back, INT8 is a boolean and a DOUBLE has six decimals.
 */
import { decodeError, ok, type Result } from '../base/result.ts';
import type { BlobmsgField, BlobmsgTable, BlobmsgValue } from './blobmsg.ts';

/** json-c's default depth; blobmsg has the same here. */
const MAX_DEPTH = 32;

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;

/** An integer by the rule of json-c: INT32 where it fits, else INT64, which saturates. */
export function integer(value: bigint | number): BlobmsgValue {
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) return { type: 'int32', value: Number(value) };
  const big = BigInt(value);
  if (big > INT64_MAX) return { type: 'int64', value: INT64_MAX };
  return { type: 'int64', value: big < -INT64_MAX - 1n ? -INT64_MAX - 1n : big };
}

/** Decodes an RFC 8259 text whose value is an object. Keys keep their order; a repeated key keeps its last value. */
export function parseJson(text: string): Result<BlobmsgTable> {
  const parser = new Parser(text);
  const value = parser.document();
  if (value === undefined) return decodeError(parser.message, 'json', parser.at);
  if (value.type !== 'table') return decodeError('not a JSON object', 'json', 0);
  return ok(value.value);
}

class Parser {
  readonly #text: string;
  readonly #stringAt = /"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
  readonly #numberAt = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
  readonly #spaceAt = /[ \t\n\r]+/y;
  at = 0;
  message = 'not JSON';

  constructor(text: string) {
    this.#text = text;
  }

  document(): BlobmsgValue | undefined {
    const value = this.#value(1);
    this.#space();
    if (value !== undefined && this.at < this.#text.length) return this.#fail('text after the end');
    return value;
  }

  #value(depth: number): BlobmsgValue | undefined {
    this.#space();
    if (depth > MAX_DEPTH + 1) return this.#fail('nested too deeply');
    const char = this.#text[this.at];
    switch (char) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"': {
        const value = this.#string();
        return value === undefined ? undefined : { type: 'string', value };
      }
      case 't':
        return this.#word('true', { type: 'int8', value: 1 });
      case 'f':
        return this.#word('false', { type: 'int8', value: 0 });
      case 'n':
        return this.#word('null', { type: 'unspec' });
      default:
        return this.#number();
    }
  }

  #object(depth: number): BlobmsgValue | undefined {
    // A Map keeps the place of the first and the value of the last of equal keys, as json-c does.
    const fields = new Map<string, BlobmsgValue>();
    this.at++;
    this.#space();
    if (this.#take('}')) return { type: 'table', value: [] };
    do {
      this.#space();
      const name = this.#string();
      if (name === undefined) return undefined;
      this.#space();
      if (!this.#take(':')) return this.#fail('":" expected');
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      fields.set(name, value);
      this.#space();
    } while (this.#take(','));
    if (!this.#take('}')) return this.#fail('"," or "}" expected');
    const value: BlobmsgField[] = [];
    for (const [name, v] of fields) value.push({ name, value: v });
    return { type: 'table', value };
  }

  #array(depth: number): BlobmsgValue | undefined {
    const value: BlobmsgValue[] = [];
    this.at++;
    this.#space();
    if (this.#take(']')) return { type: 'array', value };
    do {
      const element = this.#value(depth + 1);
      if (element === undefined) return undefined;
      value.push(element);
      this.#space();
    } while (this.#take(','));
    return this.#take(']') ? { type: 'array', value } : this.#fail('"," or "]" expected');
  }

  #string(): string | undefined {
    this.#stringAt.lastIndex = this.at;
    const match = this.#stringAt.exec(this.#text);
    if (match === null || hasControl(match[0])) return this.#fail('string expected');
    this.at = this.#stringAt.lastIndex;
    const text: unknown = JSON.parse(match[0]);
    // C strings end at the first NUL.
    return typeof text === 'string' ? (text.split('\0', 1)[0] ?? '') : undefined;
  }

  #number(): BlobmsgValue | undefined {
    this.#numberAt.lastIndex = this.at;
    const match = this.#numberAt.exec(this.#text);
    if (match === null) return this.#fail('value expected');
    this.at = this.#numberAt.lastIndex;
    if (match[1] !== undefined || match[2] !== undefined) {
      return { type: 'double', value: Number(match[0]) };
    }
    // Longer ones saturate anyway; BigInt of a megabyte of digits would take long.
    if (match[0].length > 40)
      return integer(match[0].startsWith('-') ? -INT64_MAX - 1n : INT64_MAX);
    return integer(BigInt(match[0]));
  }

  #word(word: string, value: BlobmsgValue): BlobmsgValue | undefined {
    if (!this.#text.startsWith(word, this.at)) return this.#fail('value expected');
    this.at += word.length;
    return value;
  }

  #space(): void {
    this.#spaceAt.lastIndex = this.at;
    if (this.#spaceAt.exec(this.#text) !== null) this.at = this.#spaceAt.lastIndex;
  }

  #take(char: string): boolean {
    if (this.#text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  #fail(message: string): undefined {
    this.message = message;
    return undefined;
  }
}

// ---- to JSON -------------------------------------------------------------------------------

/**
 * The JSON text of a table: on one line, or indented as the `ubus` tool prints it. Always valid
 * JSON where libubox is not: a field with an empty name keeps it, and NaN and infinity are null.
 */
export function formatJson(table: BlobmsgTable, indented = false): string {
  return formatTable(table, indented ? 0 : -1);
}

const line = (level: number): string => (level < 0 ? '' : `\n${'\t'.repeat(Math.min(level, 15))}`);
const deeper = (level: number): number => (level < 0 ? -1 : level + 1);

function formatTable(table: BlobmsgTable, level: number): string {
  const inner = deeper(level);
  const colon = level < 0 ? ':' : ': ';
  const parts = table.map(
    ({ name, value }) => formatString(name) + colon + formatValue(value, inner),
  );
  return `{${line(inner)}${parts.join(`,${line(inner)}`)}${line(level)}}`;
}

function formatValue(value: BlobmsgValue, level: number): string {
  switch (value.type) {
    case 'unspec':
      return 'null';
    case 'int8':
      return value.value === 0 ? 'false' : 'true';
    case 'int16':
    case 'int32':
    case 'int64':
      return value.value.toString();
    case 'double':
      return formatDouble(value.value);
    case 'string':
      return formatString(value.value);
    case 'table':
      return formatTable(value.value, level);
    case 'array': {
      const inner = deeper(level);
      const parts = value.value.map((element) => formatValue(element, inner));
      return `[${line(inner)}${parts.join(`,${line(inner)}`)}${line(level)}]`;
    }
  }
}

/** `%lf`: six decimals, a tie to the even digit. */
function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.000000`;
  const doubled = value * 128;
  // Exactly seven binary places: the seventh decimal is a lone 5, which toFixed would round up.
  if (Number.isInteger(doubled) && doubled % 2 !== 0) {
    const halves = BigInt(doubled) * 15_625n;
    const below = (halves - 1n) / 2n;
    const even = below % 2n === 0n ? below : below + 1n;
    return (Number(even) / 1e6).toFixed(6);
  }
  return value.toFixed(6);
}

/** Bytes that are no UTF-8 become U+FFFD; text after a NUL is not there for a C program, nor here. */
function formatString(text: string): string {
  const cut = text.split('\0', 1)[0] ?? '';
  // As libubox escapes, which has no \f.
  return JSON.stringify(cut.toWellFormed()).replaceAll(/\\./g, (pair) =>
    pair === '\\f' ? '\\u000c' : pair,
  );
}

/** JSON forbids control characters inside strings. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20) return true;
  return false;
}

// ---- JavaScript values ---------------------------------------------------------------------

/**
 * A plain value as blobmsg, by the same rules; a number without a fraction is an integer.
 * Undefined members are left out; functions and symbols become null.
 */
export function fromPlain(value: unknown): BlobmsgValue {
  switch (typeof value) {
    case 'string':
      return { type: 'string', value };
    case 'boolean':
      return { type: 'int8', value: value ? 1 : 0 };
    case 'bigint':
      return integer(value);
    case 'number':
      return Number.isSafeInteger(value) ? integer(value) : { type: 'double', value };
    case 'object':
      if (value === null) return { type: 'unspec' };
      if (Array.isArray(value)) return { type: 'array', value: value.map(fromPlain) };
      return { type: 'table', value: tableFromPlain(value) };
    default:
      return { type: 'unspec' };
  }
}

export function tableFromPlain(value: object): BlobmsgTable {
  const fields: BlobmsgField[] = [];
  for (const [name, member] of Object.entries(value))
    if (member !== undefined) fields.push({ name, value: fromPlain(member) });
  return fields;
}

/** As JSON.parse would give it, but an INT64 that is no safe integer stays a bigint. */
function toPlain(value: BlobmsgValue): unknown {
  switch (value.type) {
    case 'unspec':
      return null;
    case 'int8':
      return value.value !== 0;
    case 'int64': {
      const number = Number(value.value);
      return Number.isSafeInteger(number) ? number : value.value;
    }
    case 'array':
      return value.value.map(toPlain);
    case 'table':
      return tableToPlain(value.value);
    default:
      return value.value;
  }
}

/** The first of fields with equal names counts. The object has no prototype: names are data. */
export function tableToPlain(table: BlobmsgTable): Record<string, unknown> {
  const plain: Record<string, unknown> = Object.create(null);
  for (const { name, value } of table) if (!(name in plain)) plain[name] = toPlain(value);
  return plain;
}
