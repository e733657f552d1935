/**
 * A lease as bytes, for the journal. Big-endian; lengths are in bytes.
 *
 *     0  u16 length of the record      4  u32 address        24  f64 firstWallMs
 *     2  u8  kind                      8  f64 expiresAtMs    32  f64 lastWallMs
 *     3  u8  state and flags          16  f64 bootMs         40  f64 leaseSec
 *     48 u8  htype   49 u8 chaddr   50 u16 key   52 u16 client id   54 u16 host name
 *     56 u16 vendor class   58 u16 pool   60 u16 segment   62 those seven, one after the other
 *
 * Times are doubles, as in memory: no year is too late for them and Infinity has its own value.
 * What frames and sums the records, and the boot that `expiresAtMs` and `bootMs` count from, stand
 * in the group that holds them (journal-file.ts).
 */
import { latin1 } from '../../base/bytes.ts';
import { ipv4 } from '../../base/ip.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import { decodeUtf8, encodeUtf8, utf8Bound } from '../../wire/utf8.ts';
import type { LeaseState } from './config.ts';
import { type Lease, newLease } from './lease.ts';

const KIND_LEASE = 1;
/** All leases that there were when the file was begun are in it. */
const KIND_WHOLE = 2;
/** The lease is no more; nothing took its place. */
const KIND_FORGOTTEN = 3;

const HEAD_BYTES = 4;
const FIXED_BYTES = 62;
export const WHOLE_BYTES = HEAD_BYTES;
/** The length is a u16. */
export const RECORD_MAX_BYTES = 65535;

const STATES: readonly LeaseState[] = ['bound', 'free', 'declined'];
const STATE_BITS = 0x03;
const HAS_CLIENT_ID = 0x10;
const HAS_HOST_NAME = 0x20;
const HAS_VENDOR_CLASS = 0x40;
const HAS_POOL = 0x80;
const HELD = 0x08;
const FLAGS = STATE_BITS | HAS_CLIENT_ID | HAS_HOST_NAME | HAS_VENDOR_CLASS | HAS_POOL | HELD;

/** A buffer, and the view of the same bytes. */
export interface RecordBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export type JournalRecord =
  | { readonly kind: 'lease' | 'forgotten'; readonly lease: Lease }
  | { readonly kind: 'whole' }
  /** Of a kind that this version does not know. */
  | { readonly kind: 'unknown' };

/** No record of this lease is longer. */
export const recordBound = (lease: Lease): number =>
  FIXED_BYTES +
  lease.chaddr.length +
  lease.key.length +
  (lease.clientId?.length ?? 0) +
  utf8Bound(lease.hostName ?? '') +
  utf8Bound(lease.vendorClass ?? '') +
  utf8Bound(lease.pool ?? '') +
  utf8Bound(lease.segment);

/** Its length where all its text is ASCII, which is nearly always: to plan by. */
export const recordEstimate = (lease: Lease): number =>
  FIXED_BYTES +
  lease.chaddr.length +
  lease.key.length +
  (lease.clientId?.length ?? 0) +
  (lease.hostName?.length ?? 0) +
  (lease.vendorClass?.length ?? 0) +
  (lease.pool?.length ?? 0) +
  lease.segment.length;

/** Writes the lease, or that it is `forgotten`, at `at`, where there is room for `recordBound`; gives the end. */
export function encodeRecord(
  into: RecordBuffer,
  at: number,
  lease: Lease,
  forgotten: boolean,
): number {
  const { bytes, view } = into;
  const { clientId, hostName, vendorClass, pool } = lease;
  view.setUint32(at + 4, lease.address);
  view.setFloat64(at + 8, lease.expiresAtMs);
  view.setFloat64(at + 16, lease.bootMs);
  view.setFloat64(at + 24, lease.firstWallMs);
  view.setFloat64(at + 32, lease.lastWallMs);
  view.setFloat64(at + 40, lease.leaseSec);
  bytes[at + 2] = forgotten ? KIND_FORGOTTEN : KIND_LEASE;
  bytes[at + 3] =
    STATES.indexOf(lease.state) |
    (lease.held ? HELD : 0) |
    (clientId === undefined ? 0 : HAS_CLIENT_ID) |
    (hostName === undefined ? 0 : HAS_HOST_NAME) |
    (vendorClass === undefined ? 0 : HAS_VENDOR_CLASS) |
    (pool === undefined ? 0 : HAS_POOL);
  bytes[at + 48] = lease.htype;
  bytes[at + 49] = lease.chaddr.length;
  let start = at + FIXED_BYTES;
  let end = putBytes(bytes, start, lease.chaddr);
  start = end;
  end = putLatin1(bytes, start, lease.key);
  view.setUint16(at + 50, end - start);
  start = end;
  if (clientId !== undefined) end = putBytes(bytes, start, clientId);
  view.setUint16(at + 52, end - start);
  start = end;
  if (hostName !== undefined) end = putText(bytes, start, hostName);
  view.setUint16(at + 54, end - start);
  start = end;
  if (vendorClass !== undefined) end = putText(bytes, start, vendorClass);
  view.setUint16(at + 56, end - start);
  start = end;
  if (pool !== undefined) end = putText(bytes, start, pool);
  view.setUint16(at + 58, end - start);
  start = end;
  end = putText(bytes, start, lease.segment);
  view.setUint16(at + 60, end - start);
  view.setUint16(at, end - at);
  return end;
}

/** Writes the mark that a file holds all leases; gives the end. */
export function encodeWhole({ bytes, view }: RecordBuffer, at: number): number {
  view.setUint16(at, WHOLE_BYTES);
  bytes[at + 2] = KIND_WHOLE;
  bytes[at + 3] = 0;
  return at + WHOLE_BYTES;
}

/** Length of the record at `at`, of which `end` is as far as it may reach; for stepping over one. */
export function recordLength({ view }: RecordBuffer, at: number, end: number): Result<number> {
  if (end - at < HEAD_BYTES) return decodeError('too short for a record', 'length', at);
  const length = view.getUint16(at);
  return length >= HEAD_BYTES && length <= end - at
    ? ok(length)
    : decodeError(`a record of ${length} bytes`, 'length', at);
}

/** Decodes the record `[at, end)`. */
export function decodeRecord(buffer: RecordBuffer, at: number, end: number): Result<JournalRecord> {
  const length = recordLength(buffer, at, end);
  if (!length.ok) return length;
  if (length.value !== end - at) return decodeError('bytes left over', 'length', at);
  const kind = buffer.bytes[at + 2] ?? 0;
  if (kind === KIND_LEASE || kind === KIND_FORGOTTEN) {
    const lease = decodeLease(buffer, at, end);
    return lease.ok
      ? ok({ kind: kind === KIND_LEASE ? 'lease' : 'forgotten', lease: lease.value })
      : lease;
  }
  if (kind !== KIND_WHOLE) return ok({ kind: 'unknown' });
  return length.value === WHOLE_BYTES && buffer.bytes[at + 3] === 0
    ? ok({ kind: 'whole' })
    : decodeError('more than a mark', 'whole', at);
}

function decodeLease({ bytes, view }: RecordBuffer, at: number, end: number): Result<Lease> {
  if (end - at < FIXED_BYTES) return decodeError('too short for a lease', 'length', at);
  const flags = bytes[at + 3] ?? 0;
  const state = STATES[flags & STATE_BITS];
  if (state === undefined || (flags & ~FLAGS) !== 0) {
    return decodeError('unknown state', 'state', at + 3);
  }
  const expiresAtMs = view.getFloat64(at + 8);
  const bootMs = view.getFloat64(at + 16);
  const firstWallMs = view.getFloat64(at + 24);
  const lastWallMs = view.getFloat64(at + 32);
  const leaseSec = view.getFloat64(at + 40);
  if (Number.isNaN(expiresAtMs) || expiresAtMs === Number.NEGATIVE_INFINITY) {
    return decodeError('not a time', 'expiresAtMs', at + 8);
  }
  if (!Number.isFinite(bootMs) || !Number.isFinite(firstWallMs) || !Number.isFinite(lastWallMs)) {
    return decodeError('not a time', 'bootMs', at + 16);
  }
  if (!(leaseSec >= 0)) return decodeError('not a length', 'leaseSec', at + 40);
  let next = at + FIXED_BYTES;
  const field = (length: number): number => {
    const start = next;
    next += length;
    return start;
  };
  const chaddrAt = field(bytes[at + 49] ?? 0);
  const keyAt = field(view.getUint16(at + 50));
  const clientIdAt = field(view.getUint16(at + 52));
  const hostNameAt = field(view.getUint16(at + 54));
  const vendorClassAt = field(view.getUint16(at + 56));
  const poolAt = field(view.getUint16(at + 58));
  const segmentAt = field(view.getUint16(at + 60));
  if (next !== end) return decodeError('fields do not fill the record', 'lengths', at + 48);
  const absent =
    ((flags & HAS_CLIENT_ID) === 0 && hostNameAt > clientIdAt) ||
    ((flags & HAS_HOST_NAME) === 0 && vendorClassAt > hostNameAt) ||
    ((flags & HAS_VENDOR_CLASS) === 0 && poolAt > vendorClassAt) ||
    ((flags & HAS_POOL) === 0 && segmentAt > poolAt);
  if (absent) return decodeError('bytes of a field that is not there', 'lengths', at + 48);
  const text = (flag: number, start: number, stop: number): string | undefined =>
    (flags & flag) === 0 ? undefined : decodeUtf8(bytes, start, stop);
  const lease = newLease(
    decodeUtf8(bytes, segmentAt, end),
    latin1(bytes, keyAt, clientIdAt),
    ipv4(view.getUint32(at + 4)),
  );
  lease.state = state;
  lease.chaddr = bytes.slice(chaddrAt, keyAt);
  if ((flags & HAS_CLIENT_ID) !== 0) lease.clientId = bytes.slice(clientIdAt, hostNameAt);
  lease.hostName = text(HAS_HOST_NAME, hostNameAt, vendorClassAt);
  lease.vendorClass = text(HAS_VENDOR_CLASS, vendorClassAt, poolAt);
  lease.pool = text(HAS_POOL, poolAt, segmentAt);
  lease.expiresAtMs = expiresAtMs;
  lease.firstWallMs = firstWallMs;
  lease.lastWallMs = lastWallMs;
  lease.htype = bytes[at + 48] ?? 0;
  lease.leaseSec = leaseSec;
  lease.bootMs = bootMs;
  lease.held = (flags & HELD) !== 0;
  lease.durableUntilMs = expiresAtMs;
  return ok(lease);
}

/** For some bytes a loop beats `set`. */
function putBytes(into: Uint8Array, at: number, from: Uint8Array): number {
  for (let i = 0; i < from.length; i++) into[at + i] = from[i] ?? 0;
  return at + from.length;
}

function putLatin1(into: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** ASCII, which it nearly always is, without a call into the platform. */
function putText(into: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encodeUtf8(text, into, at);
    into[at + i] = code;
  }
  return at + text.length;
}
