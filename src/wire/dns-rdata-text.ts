/** RDATA as zone files have it (RFC 1035 §5.1, RFC 3597 §5, RFC 9460 §2.1), both ways. */
import { fromHex, toHex } from '../base/bytes.ts';
import { formatIpv4, ipv4, parseIpv4 } from '../base/ip.ts';
import { formatIpv6, getIpv6, ipv6Bytes, parseIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { decodeName, encodeName, formatName, parseName } from './dns-name.ts';
import { type FieldSpan, fieldsOf, typesOf, u16, u32 } from './dns-rdata.ts';
import { type FieldKind, typeCode, typeDef, typeName } from './dns-registry.ts';

/** Of whole RDATA; `\# LENGTH HEX` where the type is not known or the bytes are not of that type. */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const spans = fieldsOf(rdata, type, 0, rdata.length, 'rdata', false);
  if (!spans.ok || spans.value === undefined || spans.value.some(isUnsayable)) {
    return `\\# ${rdata.length}${rdata.length > 0 ? ` ${toHex(rdata)}` : ''}`;
  }
  return spans.value
    .map(({ kind, start, end }) => formatField(kind, rdata, start, end))
    .filter((text) => text !== '')
    .join(' ');
}

/** Nothing at all has no text in these. */
const isUnsayable = ({ kind, start, end }: FieldSpan): boolean =>
  start === end && (kind === 'hex' || kind === 'base64');

function formatField(kind: FieldKind, bytes: Uint8Array, start: number, end: number): string {
  switch (kind) {
    case 'u8':
      return String(bytes[start] ?? 0);
    case 'u16':
      return String(u16(bytes, start));
    case 'u32':
      return String(u32(bytes, start));
    case 'time':
      return formatTime(u32(bytes, start));
    case 'ipv4':
      return formatIpv4(ipv4(u32(bytes, start)));
    case 'ipv6':
      return formatIpv6(getIpv6(new DataView(bytes.buffer, bytes.byteOffset), start));
    case 'name':
    case 'nameWhole':
    case 'nameStrict': {
      const name = decodeName(bytes, start, 'name', false);
      const text = name.ok ? formatName(name.value.name) : '?';
      return text === '.' ? text : `${text}.`;
    }
    case 'type':
      return typeName(u16(bytes, start));
    case 'tag':
    case 'string':
      return kind === 'tag' && isTag(bytes, start + 1, end)
        ? String.fromCharCode(...bytes.subarray(start + 1, end))
        : quoted(bytes.subarray(start + 1, end));
    case 'strings':
      return stringsOf(bytes, start, end).map(quoted).join(' ');
    case 'salt':
      return end - start === 1 ? '-' : toHex(bytes.subarray(start + 1, end)).toUpperCase();
    case 'hash32':
      return toBase32Hex(bytes.subarray(start + 1, end));
    case 'hex':
      return toHex(bytes.subarray(start, end)).toUpperCase();
    case 'base64':
      return toBase64(bytes.subarray(start, end));
    case 'text':
      return quoted(bytes.subarray(start, end));
    case 'types':
      return typesOf(bytes, start, end).map(typeName).join(' ');
    case 'params':
      return formatParams(bytes, start, end);
  }
}

const isTag = (bytes: Uint8Array, start: number, end: number): boolean =>
  /^[A-Za-z0-9]+$/.test(String.fromCharCode(...bytes.subarray(start, end)));

const formatTime = (sec: number): string =>
  new Date(sec * 1000).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);

function quoted(bytes: Uint8Array): string {
  let text = '';
  for (const code of bytes) {
    if (code < 0x20 || code > 0x7e) text += `\\${String(code).padStart(3, '0')}`;
    else
      text +=
        code === 0x22 || code === 0x5c
          ? `\\${String.fromCharCode(code)}`
          : String.fromCharCode(code);
  }
  return `"${text}"`;
}

function stringsOf(bytes: Uint8Array, start: number, end: number): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = start; at < end; at += 1 + (bytes[at] ?? 0)) {
    strings.push(bytes.subarray(at + 1, at + 1 + (bytes[at] ?? 0)));
  }
  return strings;
}

const BASE32 = '0123456789ABCDEFGHIJKLMNOPQRSTUV';
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648 §7, without padding. */
const toBase32Hex = (bytes: Uint8Array): string => toBase(bytes, BASE32, 5);

function toBase(bytes: Uint8Array, alphabet: string, width: number): string {
  let [text, value, bits] = ['', 0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= width; bits -= width) {
      text += alphabet[(value >> (bits - width)) & ((1 << width) - 1)];
    }
  }
  if (bits > 0) text += alphabet[(value << (width - bits)) & ((1 << width) - 1)];
  return text;
}

/** RFC 4648 §4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const text = toBase(bytes, BASE64, 6);
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

function fromBase(text: string, alphabet: string, width: number): Uint8Array | undefined {
  const bytes: number[] = [];
  let [value, bits] = [0, 0];
  for (const char of text) {
    const digit = alphabet.indexOf(char);
    if (digit < 0) return undefined;
    value = ((value << width) | digit) & 0xffff;
    bits += width;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 255);
  }
  return bits < width && (value & ((1 << bits) - 1)) === 0 ? Uint8Array.from(bytes) : undefined;
}

/** Undefined for text that is none. */
export const fromBase64 = (text: string): Uint8Array | undefined =>
  fromBase(text.replace(/={0,2}$/, ''), BASE64, 6);

// ---- SvcParams -----------------------------------------------------------------------------

const PARAM_KEYS = [
  'mandatory',
  'alpn',
  'no-default-alpn',
  'port',
  'ipv4hint',
  'ech',
  'ipv6hint',
  'dohpath',
  'ohttp',
];
const paramName = (key: number): string => PARAM_KEYS[key] ?? `key${key}`;

function formatParams(bytes: Uint8Array, start: number, end: number): string {
  const params: string[] = [];
  for (let at = start; at < end; at += 4 + u16(bytes, at + 2)) {
    const value = bytes.subarray(at + 4, at + 4 + u16(bytes, at + 2));
    params.push(paramText(u16(bytes, at), value));
  }
  return params.join(' ');
}

/** `keyN` with the bytes as they are, where they are not what the key stands for. */
function paramText(key: number, value: Uint8Array): string {
  const natural = key === 2 || key === 5 || key > 6 || value.length > 0;
  const text = natural ? valueText(key, value) : undefined;
  if (text !== undefined) return paramName(key) + (text === '' ? '' : `=${text}`);
  return `key${key}${value.length === 0 ? '' : `=${quoted(value)}`}`;
}

function valueText(key: number, value: Uint8Array): string | undefined {
  const list = (size: number, format: (piece: Uint8Array) => string): string | undefined =>
    value.length % size === 0
      ? Array.from({ length: value.length / size }, (_, i) =>
          format(value.slice(i * size, (i + 1) * size)),
        ).join(',')
      : undefined;
  switch (key) {
    case 0:
      return list(2, (piece) => paramName(u16(piece, 0)));
    case 1:
      return alpnText(value);
    case 2:
      return value.length === 0 ? '' : undefined;
    case 3:
      return value.length === 2 ? String(u16(value, 0)) : undefined;
    case 4:
      return list(4, (piece) => formatIpv4(ipv4(u32(piece, 0))));
    case 5:
      return toBase64(value);
    case 6:
      return list(16, (piece) => formatIpv6(getIpv6(new DataView(piece.buffer), 0)));
    default:
      return value.length === 0 ? '' : quoted(value);
  }
}

/** Protocol ids of letters, digits and the like; others are shown whole. */
function alpnText(value: Uint8Array): string | undefined {
  let at = 0;
  while (at < value.length) at += 1 + (value[at] ?? 0);
  if (at !== value.length || value.length === 0) return undefined;
  const ids = stringsOf(value, 0, value.length).map((id) => String.fromCharCode(...id));
  return ids.every((id) => /^[A-Za-z0-9./_-]+$/.test(id)) ? `"${ids.join(',')}"` : undefined;
}

function parseParam(token: Token): readonly [number, Uint8Array] | undefined {
  const equals = token.text.indexOf('=');
  const name = equals < 0 ? token.text : token.text.slice(0, equals);
  const text = equals < 0 ? '' : token.text.slice(equals + 1);
  const key = paramKey(name);
  if (key === undefined) return undefined;
  const value = name.startsWith('key') ? Uint8Array.from(latin(text)) : paramBytes(key, text);
  return value === undefined ? undefined : [key, value];
}

function paramKey(name: string): number | undefined {
  const known = PARAM_KEYS.indexOf(name);
  const number = known >= 0 ? known : Number(/^key(\d{1,5})$/.exec(name)?.[1] ?? Number.NaN);
  return number <= 65_535 ? number : undefined;
}

function paramBytes(key: number, text: string): Uint8Array | undefined {
  const items = text.split(',');
  const joined = (parts: readonly (readonly number[] | undefined)[]): Uint8Array | undefined =>
    parts.includes(undefined) ? undefined : Uint8Array.from(parts.flatMap((part) => part ?? []));
  switch (key) {
    case 0:
      return joined(
        items.map((item) => {
          const code = paramKey(item);
          return code === undefined ? undefined : [code >> 8, code & 255];
        }),
      );
    case 1:
      return joined(
        items.map((item) =>
          item.length === 0 || item.length > 255 ? undefined : [item.length, ...latin(item)],
        ),
      );
    case 2:
      return text === '' ? new Uint8Array(0) : undefined;
    case 3: {
      const port = number(text, 0xffff);
      return port === undefined ? undefined : Uint8Array.of(port >> 8, port & 255);
    }
    case 4:
      return joined(
        items.map((item) => {
          const address = parseIpv4(item);
          return address.ok ? wordBytes(address.value, 4) : undefined;
        }),
      );
    case 5:
      return fromBase64(text);
    case 6:
      return joined(
        items.map((item) => {
          const address = parseIpv6(item);
          return address.ok ? [...ipv6Bytes(address.value)] : undefined;
        }),
      );
    default:
      return Uint8Array.from(latin(text));
  }
}

// ---- reading -------------------------------------------------------------------------------

interface Token {
  /** One character a byte, escapes undone (in `raw` not). */
  readonly text: string;
  readonly raw: string;
}

/** Words and quoted strings; undefined for an open quote or a broken escape. */
function tokens(text: string): Token[] | undefined {
  const found: Token[] = [];
  let i = 0;
  while (i < text.length) {
    if (text[i] === ' ' || text[i] === '\t') {
      i++;
      continue;
    }
    let [value, raw, quotes] = ['', '', false];
    for (; i < text.length; i++) {
      const char = text[i] ?? '';
      if (!quotes && (char === ' ' || char === '\t')) break;
      raw += char;
      if (char === '"') {
        quotes = !quotes;
      } else if (char === '\\') {
        const digits = /^\d{3}/.exec(text.slice(i + 1))?.[0];
        const code = digits === undefined ? text.charCodeAt(i + 1) : Number(digits);
        if (!(code <= 255)) return undefined;
        value += String.fromCharCode(code);
        raw += digits ?? text[i + 1];
        i += digits === undefined ? 1 : 3;
      } else {
        if (char.charCodeAt(0) > 255) return undefined;
        value += char;
      }
    }
    if (quotes) return undefined;
    found.push({ text: value, raw });
  }
  return found;
}

/** Whole RDATA of a type from its text; `\# LENGTH HEX` is taken for every type. */
export function parseRdata(type: number, text: string, field = 'rdata'): Result<Uint8Array> {
  const words = tokens(text);
  const name = typeName(type);
  if (words === undefined) return decodeError(`${name}: a quote or escape is open`, field, 0);
  const bytes = words[0]?.raw === '\\#' ? parseOpaque(words.slice(1)) : parseFields(type, words);
  if (bytes === undefined) return decodeError(`not what ${name} has: ${hint(type)}`, field, 0);
  const checked = fieldsOf(bytes, type, 0, bytes.length, field, false);
  return checked.ok ? ok(bytes) : checked;
}

/** What the fields of a type are called, for people. */
const hint = (type: number): string =>
  typeDef(type)
    ?.fields?.map(([name]) => name)
    .join(' ') ?? '\\# LENGTH HEX';

function parseOpaque(words: readonly Token[]): Uint8Array | undefined {
  const bytes = fromHex(
    words
      .slice(1)
      .map((word) => word.text)
      .join(''),
  );
  return bytes?.length === number(words[0]?.text ?? '', 0xffff) ? bytes : undefined;
}

function parseFields(type: number, words: readonly Token[]): Uint8Array | undefined {
  const fields = typeDef(type)?.fields;
  if (fields === undefined) return undefined;
  const bytes: number[] = [];
  let at = 0;
  for (const [, kind] of fields) {
    const rest = TO_THE_END.has(kind);
    const mine = rest ? words.slice(at) : words.slice(at, at + 1);
    const part = parseField(kind, mine);
    if (part === undefined) return undefined;
    for (const byte of part) bytes.push(byte);
    at += mine.length;
  }
  return at === words.length && bytes.length <= 0xffff ? Uint8Array.from(bytes) : undefined;
}

const TO_THE_END: ReadonlySet<FieldKind> = new Set([
  'strings',
  'hex',
  'base64',
  'types',
  'params',
] satisfies FieldKind[]);

function parseField(kind: FieldKind, words: readonly Token[]): Iterable<number> | undefined {
  const all = words.map(({ text }) => text).join('');
  const [first] = words;
  if (first === undefined && kind !== 'types' && kind !== 'params') return undefined;
  switch (kind) {
    case 'u8':
      return unsigned(all, 1);
    case 'u16':
      return unsigned(all, 2);
    case 'u32':
      return unsigned(all, 4);
    case 'time':
      return parseTime(all);
    case 'ipv4': {
      const address = parseIpv4(all);
      return address.ok ? wordBytes(address.value, 4) : undefined;
    }
    case 'ipv6': {
      const address = parseIpv6(all);
      return address.ok ? ipv6Bytes(address.value) : undefined;
    }
    case 'name':
    case 'nameWhole':
    case 'nameStrict': {
      const name = parseName(first?.raw ?? '');
      return name.ok ? encodeName(name.value) : undefined;
    }
    case 'type': {
      const code = typeCode(all);
      return code === undefined ? undefined : wordBytes(code, 2);
    }
    case 'tag':
    case 'string':
      return stringBytes(all);
    case 'strings': {
      const parts = words.map(({ text }) => stringBytes(text));
      return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
    }
    case 'salt': {
      const salt = all === '-' ? new Uint8Array(0) : fromHex(all);
      return salt === undefined || salt.length > 255 ? undefined : [salt.length, ...salt];
    }
    case 'hash32': {
      const hash = fromBase(all.toUpperCase(), BASE32, 5);
      return hash === undefined || hash.length > 255 ? undefined : [hash.length, ...hash];
    }
    case 'hex':
      return fromHex(all);
    case 'base64':
      return fromBase64(all);
    case 'text':
      return latin(all);
    case 'types':
      return parseTypes(words.map(({ text }) => typeCode(text)));
    case 'params':
      return parseParams(words);
  }
}

const latin = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0));

const stringBytes = (text: string): number[] | undefined =>
  text.length > 255 ? undefined : [text.length, ...latin(text)];

const number = (text: string, max: number): number | undefined =>
  /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;

function unsigned(text: string, size: number): number[] | undefined {
  const value = number(text, 2 ** (8 * size) - 1);
  return value === undefined ? undefined : wordBytes(value, size);
}

const wordBytes = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * (size - 1 - i))) & 255);

function parseTime(text: string): number[] | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return unsigned(text, 4);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const sec = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  return sec >= 0 ? wordBytes(sec % 2 ** 32, 4) : undefined;
}

/** A type bit map (RFC 4034 §4.1.2). */
function parseTypes(codes: readonly (number | undefined)[]): number[] | undefined {
  const windows = new Map<number, number[]>();
  for (const code of codes) {
    if (code === undefined) return undefined;
    const bits = windows.get(code >> 8) ?? [];
    const at = (code & 255) >> 3;
    while (bits.length <= at) bits.push(0);
    bits[at] = (bits[at] ?? 0) | (0x80 >> (code & 7));
    windows.set(code >> 8, bits);
  }
  return [...windows]
    .sort(([a], [b]) => a - b)
    .flatMap(([window, bits]) => [window, bits.length, ...bits]);
}

function parseParams(words: readonly Token[]): number[] | undefined {
  const params = new Map<number, Uint8Array>();
  for (const word of words) {
    const param = parseParam(word);
    if (param === undefined || params.has(param[0])) return undefined;
    params.set(...param);
  }
  return [...params]
    .sort(([a], [b]) => a - b)
    .flatMap(([key, value]) => [...wordBytes(key, 2), ...wordBytes(value.length, 2), ...value]);
}
