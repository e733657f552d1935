/** Looking into blobmsg without decoding it, as lenient as libubox: what a broker needs. */
import { align4, LENGTH_MASK, readU32 } from './blobmsg.ts';
import { decodeUtf8 } from './utf8.ts';

/** Bytes of the data by type id: 0 is not checked, -1 is a string, a double may be longer. */
const SIZES = [0, 0, 0, -1, 8, 4, 2, 1, 8] as const;
const DOUBLE = 8;

export interface ScannedField {
  /** 0 to 8 (BLOBMSG_ID). */
  readonly type: number;
  readonly name: string;
  /** The whole blob, without its padding. */
  readonly start: number;
  readonly end: number;
  /** Its data, up to `end`. */
  readonly dataAt: number;
}

/**
 * The fields between `start` and `end`. A child that does not fit ends the list quietly; one that
 * is not well formed gives 'broken' (blobmsg_check_attr). What lies inside a table or array is not
 * looked at. Children without the extended bit, which have no name, are broken too where `strict`,
 * else left out.
 */
export function scanFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  strict: boolean,
): { readonly fields: readonly ScannedField[]; readonly broken: boolean } {
  const fields: ScannedField[] = [];
  for (let at = start; at + 4 <= end; ) {
    const size = readU32(bytes, at) & LENGTH_MASK;
    if (size < 4 || at + align4(size) > end) break;
    if (((bytes[at] ?? 0) & 0x80) !== 0) {
      const scanned = scanField(bytes, at, size);
      if (scanned === undefined || (strict && scanned.name === '')) return { fields, broken: true };
      fields.push(scanned);
    } else if (strict) {
      return { fields, broken: true };
    }
    at += align4(size);
  }
  return { fields, broken: false };
}

function scanField(bytes: Uint8Array, start: number, size: number): ScannedField | undefined {
  const type = (bytes[start] ?? 0) & 0x7f;
  const wanted = SIZES[type];
  if (wanted === undefined || size < 8) return undefined;
  const nameBytes = ((bytes[start + 4] ?? 0) << 8) | (bytes[start + 5] ?? 0);
  const nameAt = start + 6;
  const head = 4 + align4(nameBytes + 3);
  if (head > size || bytes[nameAt + nameBytes] !== 0) return undefined;
  const length = size - head;
  const fits =
    wanted === 0 ||
    (wanted === -1
      ? length > 0 && bytes[start + size - 1] === 0
      : length === wanted || (type === DOUBLE && length > wanted));
  if (!fits) return undefined;
  return {
    type,
    name: decodeUtf8(bytes, nameAt, nulAt(bytes, nameAt)),
    start,
    end: start + size,
    dataAt: start + head,
  };
}

/** The end of a C string; there is a NUL, the caller saw it. */
export function nulAt(bytes: Uint8Array, at: number): number {
  const nul = bytes.indexOf(0, at);
  return nul < 0 ? bytes.length : nul;
}
