/** Domain names as DHCPv6 and router advertisements carry them: without compression (RFC 8415 §10, RFC 8106 §5.2). */
import { BugError } from '../base/errors.ts';
import { type DecodeError, decodeError, ok, type Result } from '../base/result.ts';

/** Letters, digits, hyphen and, as the world has it, underscore (RFC 1123 §2.1, RFC 8552). */
const LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const NAME_BYTES = 255;

/** Whether `text` is a name of one or more labels, without a final dot, that fits the wire. */
export const isDomainName = (text: string): boolean =>
  text.length + 2 <= NAME_BYTES && text.split('.').every((label) => LABEL.test(label));

/** Names that `isDomainName`, one behind the other. */
export function encodeNames(names: readonly string[]): Uint8Array {
  const bytes: number[] = [];
  for (const name of names) bytes.push(...labelBytes(name), 0);
  return Uint8Array.from(bytes);
}

/** Whole names; empty ones (padding) are left out. Names that are none refuse the whole. */
export function decodeNames(bytes: Uint8Array, field: string): Result<readonly string[]> {
  const names: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const name = nameAt(bytes, at, field);
    if (!name.ok) return name;
    if (!name.value.whole) return decodeError('truncated', field, bytes.length);
    if (name.value.text !== '') names.push(name.value.text);
    at = name.value.end;
  }
  return ok(names);
}

/** One name that may lack its end: then it is not fully qualified (RFC 4704 §4.2). */
export function decodePartialName(
  bytes: Uint8Array,
  field: string,
): Result<{ readonly text: string; readonly whole: boolean }> {
  const name = nameAt(bytes, 0, field);
  if (!name.ok) return name;
  const { text, whole, end } = name.value;
  return end === bytes.length ? ok({ text, whole }) : decodeError('left-over bytes', field, end);
}

export function encodePartialName(text: string, whole: boolean): Uint8Array {
  const labels = text === '' ? [] : labelBytes(text);
  return Uint8Array.from(whole ? [...labels, 0] : labels);
}

interface Found {
  readonly text: string;
  readonly whole: boolean;
  readonly end: number;
}

function nameAt(
  bytes: Uint8Array,
  start: number,
  field: string,
): Result<Found> | { readonly ok: false; readonly error: DecodeError } {
  const labels: string[] = [];
  let at = start;
  while (at < bytes.length) {
    const length = bytes[at] ?? 0;
    if (length === 0) return ok({ text: labels.join('.'), whole: true, end: at + 1 });
    if (length > 63 || at + 1 + length > bytes.length || at + 1 + length - start > NAME_BYTES - 1) {
      return decodeError('bad label', field, at);
    }
    let label = '';
    for (let i = at + 1; i <= at + length; i++) label += String.fromCharCode(bytes[i] ?? 0);
    if (!LABEL.test(label)) return decodeError('not a label of a host name', field, at);
    labels.push(label);
    at += 1 + length;
  }
  return ok({ text: labels.join('.'), whole: false, end: at });
}

function labelBytes(name: string): number[] {
  if (!isDomainName(name)) throw new BugError(`not a domain name: ${JSON.stringify(name)}`);
  return name
    .split('.')
    .flatMap((label) => [label.length, ...Array.from(label, (c) => c.charCodeAt(0))]);
}
