/**
 * The message of the lease plugin (native/lease-plugin.c draws the frame) and its answer. What a
 * DHCP client put into its environment comes from the network: the client id and the event have a
 * narrow character set here; values are whatever the server sent, checked where they are used.
 *
 * Names and values are bytes without an encoding: they become strings by latin1, one character a
 * byte, so nothing is lost and no value can fail to decode.
 */
import { ByteReader } from '../base/bytes.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export interface LeaseMessage {
  /** Of the daemon's making, such as `dhcp4.1`: letters, digits, `.`, `_`, `-`; at most 64. */
  readonly clientId: string;
  /** `bound`, `deconfig` and so on: lower-case letters, digits, `_`, `-`; at most 32. */
  readonly event: string;
  /** The plugin's parent: the DHCP client. A claim, not a proof. */
  readonly clientPid: number;
  /** CLOCK_REALTIME, ms since 1970, to the microsecond. */
  readonly wallMs: number;
  /** CLOCK_BOOTTIME, ms, to the microsecond. */
  readonly boottimeMs: number;
  /** Pairs were left out because the environment was too large. */
  readonly truncated: boolean;
  /** latin1; of a name that comes twice the first counts, as getenv(3) has it. */
  readonly env: ReadonlyMap<string, string>;
}

export type LeaseAnswer = 'done' | 'refused';

export const LEASE_HEADER_BYTES = 12;
export const LEASE_MAX_BYTES = 65536;
const MAX_PAIRS = 512;

const MAGIC = 0x47484c4d; // "GHLM"
const VERSION = 1;
const KIND_MESSAGE = 1;
const KIND_ACK = 2;
const FLAG_TRUNCATED = 1;

const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const EVENT = /^[a-z][a-z0-9_-]{0,31}$/;

/** Length of the whole message of which `bytes` is the beginning (`LEASE_HEADER_BYTES` at least). */
export function leaseFrameBytes(bytes: Uint8Array): Result<number> {
  const head = header(new ByteReader(bytes), KIND_MESSAGE);
  return head.ok ? ok(head.value.length) : head;
}

/** Decodes exactly one whole message. */
export function decodeLeaseMessage(bytes: Uint8Array): Result<LeaseMessage> {
  const r = new ByteReader(bytes);
  const head = header(r, KIND_MESSAGE);
  if (!head.ok) return head;
  const { flags, length } = head.value;
  if (length !== bytes.length) {
    return decodeError(`says ${length} bytes, has ${bytes.length}`, 'length', 8);
  }
  if ((flags & ~FLAG_TRUNCATED) !== 0) return decodeError('unknown flags', 'flags', 6);
  const clientPid = r.u32('pid');
  const wallMs = toMs(r.u64('realtime'));
  const boottimeMs = toMs(r.u64('boottime'));
  const clientId = name(r, 'client id', CLIENT_ID);
  if (!clientId.ok) return clientId;
  const event = name(r, 'event', EVENT);
  if (!event.ok) return event;
  const env = pairs(r);
  if (!env.ok) return env;
  return ok({
    clientId: clientId.value,
    event: event.value,
    clientPid,
    wallMs,
    boottimeMs,
    truncated: (flags & FLAG_TRUNCATED) !== 0,
    env: env.value,
  });
}

export function encodeLeaseMessage(message: LeaseMessage): Uint8Array {
  const texts = [message.clientId, message.event].map(fromLatin1);
  const pairs = [...message.env].flat().map(fromLatin1);
  const size = [...texts, ...pairs].reduce((sum, b) => sum + 2 + b.length, 32 + 2);
  const bytes = new Uint8Array(size);
  const view = putHeader(bytes, KIND_MESSAGE, message.truncated ? FLAG_TRUNCATED : 0);
  view.setUint32(12, message.clientPid);
  view.setBigUint64(16, toNs(message.wallMs));
  view.setBigUint64(24, toNs(message.boottimeMs));
  let at = 32;
  const put = (text: Uint8Array): void => {
    view.setUint16(at, text.length);
    bytes.set(text, at + 2);
    at += 2 + text.length;
  };
  texts.forEach(put);
  view.setUint16(at, message.env.size);
  at += 2;
  pairs.forEach(put);
  return bytes;
}

export function decodeLeaseAck(bytes: Uint8Array): Result<LeaseAnswer> {
  const head = header(new ByteReader(bytes), KIND_ACK);
  if (!head.ok) return head;
  const { flags, length } = head.value;
  if (length !== LEASE_HEADER_BYTES || bytes.length !== length) {
    return decodeError(`an answer has ${LEASE_HEADER_BYTES} bytes`, 'length', 8);
  }
  if (flags > 1) return decodeError('unknown answer', 'flags', 6);
  return ok(flags === 0 ? 'done' : 'refused');
}

/** `done`: carried out; `refused`: never send it again. Without an answer the plugin spools. */
export function encodeLeaseAck(answer: LeaseAnswer): Uint8Array {
  const bytes = new Uint8Array(LEASE_HEADER_BYTES);
  putHeader(bytes, KIND_ACK, answer === 'done' ? 0 : 1);
  return bytes;
}

function header(
  r: ByteReader,
  kind: number,
): Result<{ readonly flags: number; readonly length: number }> {
  const magic = r.u32('magic');
  const version = r.u8('version');
  const gotKind = r.u8('kind');
  const flags = r.u16('flags');
  const length = r.u32('length');
  if (r.error !== undefined) return short(r);
  if (magic !== MAGIC) return decodeError('not a lease message', 'magic', 0);
  if (version !== VERSION) return decodeError(`version ${version}`, 'version', 4);
  if (gotKind !== kind) return decodeError(`kind ${gotKind}`, 'kind', 5);
  if (length < LEASE_HEADER_BYTES || length > LEASE_MAX_BYTES) {
    return decodeError(`length ${length}`, 'length', 8);
  }
  return ok({ flags, length });
}

function putHeader(bytes: Uint8Array, kind: number, flags: number): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(0, MAGIC);
  view.setUint8(4, VERSION);
  view.setUint8(5, kind);
  view.setUint16(6, flags);
  view.setUint32(8, bytes.length);
  return view;
}

function name(r: ByteReader, field: string, pattern: RegExp): Result<string> {
  const at = r.offset;
  const text = latin1(r.take(r.u16(field), field));
  if (r.error !== undefined) return short(r);
  return pattern.test(text) ? ok(text) : decodeError('not a name', field, at);
}

function pairs(r: ByteReader): Result<ReadonlyMap<string, string>> {
  const countAt = r.offset;
  const count = r.u16('pairs');
  if (count > MAX_PAIRS) return decodeError(`${count} pairs`, 'pairs', countAt);
  const env = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const field = `pair ${i}`;
    const key = latin1(r.take(r.u16(field), field));
    const value = latin1(r.take(r.u16(field), field));
    if (r.error !== undefined) return short(r);
    if (!env.has(key)) env.set(key, value);
  }
  if (r.error !== undefined) return short(r);
  return r.remaining === 0 ? ok(env) : decodeError('bytes left over', 'end', r.offset);
}

const short = (r: ByteReader): Result<never> =>
  decodeError('too short', r.error?.field ?? '', r.error?.offset ?? 0);

const toMs = (ns: bigint): number => Number(ns / 1000n) / 1000;
const toNs = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const b of bytes) text += String.fromCharCode(b);
  return text;
}

const fromLatin1 = (text: string): Uint8Array =>
  Uint8Array.from(text, (c) => c.charCodeAt(0) & 255);
