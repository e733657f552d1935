/**
 * Text of bytes that are UTF-8 by custom only, without loss: a byte that is no part of valid UTF-8
 * becomes the lone surrogate U+DC00 + byte (PEP 383) and goes back to that byte. Valid UTF-8 never
 * decodes to a lone surrogate, so every byte string has a text of its own.
 */

/** What is used of the platform's codec; declared here because this room knows no platform types. */
declare const TextDecoder: new (
  label: string,
  options: { readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => {
  encodeInto(text: string, into: Uint8Array): { readonly written: number };
};

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Below this many bytes a plain loop beats a call into the platform. */
const SHORT = 24;

export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT) {
    let text = '';
    for (let i = start; i < end; i++) {
      const b = bytes[i] ?? 0;
      if (b > 0x7f) return decodeAny(bytes, start, end);
      text += String.fromCharCode(b);
    }
    return text;
  }
  return decodeAny(bytes, start, end);
}

function decodeAny(bytes: Uint8Array, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, end));
  return text.includes('\ufffd') ? decodeEscaping(bytes, start, end) : text;
}

/** Length of the valid sequence at `at`, or 0 (RFC 3629 §4). */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead < 0xe0 ? 0 : lead < 0xf0 ? 3 : 4;
  if (length === 0 || lead > 0xf4 || at + length > end) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = at + 2; i < at + length; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

function decodeEscaping(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; ) {
    const length = sequenceLength(bytes, at, end);
    const lead = bytes[at] ?? 0;
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + lead);
      at += 1;
      continue;
    }
    let code = length === 1 ? lead : lead & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] ?? 0) & 0x3f);
    text += String.fromCodePoint(code);
    at += length;
  }
  return text;
}

/** At most this many bytes come of `text`. */
export const utf8Bound = (text: string): number => text.length * 3;

/** Writes `text` at `at`, where there is room for `utf8Bound(text)`; gives the end. */
export function encodeUtf8(text: string, into: Uint8Array, at: number): number {
  if (text.length <= SHORT) {
    let end = at;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return encodeAny(text, into, at);
      into[end++] = code;
    }
    return end;
  }
  return encodeAny(text, into, at);
}

function encodeAny(text: string, into: Uint8Array, at: number): number {
  if (text.isWellFormed()) return at + encoder.encodeInto(text, into.subarray(at)).written;
  let end = at;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) into[end++] = code - 0xdc00;
    else end += encoder.encodeInto(char, into.subarray(end)).written;
  }
  return end;
}
