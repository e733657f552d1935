/**
 * One of the two journal files, as bytes. Big-endian.
 *
 *     header, 64 bytes     "GHDJ", u32 version, u32 number of the file, u32 salt, u32 CRC-32 of the 16 before
 *     group, at once       u32 salt, u32 length of the group, u32 CRC-32 of all that follows,
 *     after the one before boot id of 36 characters (of the boot that its times count from), records
 *
 * A group is what one write put there, and it is there whole or not at all: half of it may be on
 * disk after a crash, in any order of sectors, and only the sum over all of it tells. Nobody was
 * told of such a group, the next one is written over it, and so no part of it can ever be taken for
 * what came later. The salt is random and of this file alone: groups of its earlier life do not
 * count, and what a client says (its id is bytes of its own choice) cannot pass for a group.
 */
import { crc32 } from '../../base/crc32.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import { decodeRecord, type JournalRecord, type RecordBuffer, recordLength } from './record.ts';

const MAGIC = 0x4748444a; // "GHDJ"
const VERSION = 1;
export const FILE_HEADER_BYTES = 64;
const HEADER_SUM_AT = 16;
export const GROUP_HEADER_BYTES = 48;
const GROUP_SUM_FROM = 12;
const BOOT_ID_BYTES = 36;

export interface FileHeader {
  /** 1 for the first; each file that takes over has the next. */
  readonly number: number;
  /** Never 0. */
  readonly salt: number;
}

export const bufferOf = (bytes: Uint8Array): RecordBuffer => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
});

export function encodeFileHeader({ bytes, view }: RecordBuffer, at: number, h: FileHeader): void {
  bytes.fill(0, at, at + FILE_HEADER_BYTES);
  view.setUint32(at, MAGIC);
  view.setUint32(at + 4, VERSION);
  view.setUint32(at + 8, h.number);
  view.setUint32(at + 12, h.salt);
  view.setUint32(at + HEADER_SUM_AT, crc32(bytes, 0, at, at + HEADER_SUM_AT));
}

/** Undefined for a file that was never begun, or whose beginning a crash cut short. Another version is an error. */
export function decodeFileHeader(file: RecordBuffer): Result<FileHeader | undefined> {
  const { bytes, view } = file;
  if (bytes.length < FILE_HEADER_BYTES || view.getUint32(0) !== MAGIC) return ok(undefined);
  if (view.getUint32(HEADER_SUM_AT) !== crc32(bytes, 0, 0, HEADER_SUM_AT)) return ok(undefined);
  const version = view.getUint32(4);
  if (version !== VERSION) {
    return decodeError(`version ${version}, this program knows ${VERSION}`, 'version', 4);
  }
  const salt = view.getUint32(12);
  return ok(salt === 0 ? undefined : { number: view.getUint32(8), salt });
}

/** Makes a group of `[at, end)`: its records stand from `at + GROUP_HEADER_BYTES` on. */
export function sealGroup(
  { bytes, view }: RecordBuffer,
  at: number,
  end: number,
  salt: number,
  bootId: string,
): void {
  view.setUint32(at, salt);
  view.setUint32(at + 4, end - at);
  for (let i = 0; i < BOOT_ID_BYTES; i++) {
    bytes[at + GROUP_SUM_FROM + i] = i < bootId.length ? bootId.charCodeAt(i) : 0;
  }
  view.setUint32(at + 8, crc32(bytes, salt ^ (end - at), at + GROUP_SUM_FROM, end));
}

export interface Scan {
  /** Where the next group goes: right after the last whole one. */
  readonly tail: number;
  /** Every lease is in this file: no older one is needed. */
  readonly whole: boolean;
  /** Places that held groups once written, and hold none now: the disk lost something. */
  readonly damaged: number;
  /** Records in good groups that this version cannot read. */
  readonly unreadable: number;
}

/** Goes through all groups of a file in order; a torn one ends it unless whole ones follow. */
export function scanFile(
  file: RecordBuffer,
  salt: number,
  each: (record: Extract<JournalRecord, { lease: unknown }>, bootId: string) => void,
): Scan {
  let tail = FILE_HEADER_BYTES;
  let whole = false;
  let damaged = 0;
  let unreadable = 0;
  for (let at = tail; ; ) {
    const end = groupEnd(file, at, salt);
    if (end === undefined) {
      const next = nextGroup(file, at + 1, salt);
      if (next === undefined) return { tail, whole, damaged, unreadable };
      damaged++;
      at = next;
      continue;
    }
    const bootId = bootIdOf(file, at);
    for (let from = at + GROUP_HEADER_BYTES; from < end; ) {
      const length = recordLength(file, from, end);
      if (!length.ok) {
        unreadable++;
        break;
      }
      const record = decodeRecord(file, from, from + length.value);
      from += length.value;
      if (!record.ok || record.value.kind === 'unknown') unreadable++;
      else if (record.value.kind === 'whole') whole = true;
      else each(record.value, bootId);
    }
    at = end;
    tail = end;
  }
}

/** Where the group at `at` ends, or undefined when there is no whole one. */
function groupEnd({ bytes, view }: RecordBuffer, at: number, salt: number): number | undefined {
  if (at + GROUP_HEADER_BYTES > bytes.length || view.getUint32(at) !== salt) return undefined;
  const length = view.getUint32(at + 4);
  const end = at + length;
  if (length < GROUP_HEADER_BYTES || end > bytes.length) return undefined;
  const sum = crc32(bytes, salt ^ length, at + GROUP_SUM_FROM, end);
  return view.getUint32(at + 8) === sum ? end : undefined;
}

function nextGroup(file: RecordBuffer, from: number, salt: number): number | undefined {
  const first = salt >>> 24;
  for (let at = file.bytes.indexOf(first, from); at >= 0; at = file.bytes.indexOf(first, at + 1)) {
    if (groupEnd(file, at, salt) !== undefined) return at;
  }
  return undefined;
}

function bootIdOf({ bytes }: RecordBuffer, at: number): string {
  let text = '';
  for (let i = at + GROUP_SUM_FROM; i < at + GROUP_HEADER_BYTES && bytes[i] !== 0; i++) {
    text += String.fromCharCode(bytes[i] ?? 0);
  }
  return text;
}
