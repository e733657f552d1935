/**
 * Vendors of MAC addresses, as `scripts/build-oui.ts` packs them. All numbers are big-endian:
 * 8 bytes `GHOUI\0\0\1`; how many prefixes of 24, 28 and 36 bits there are (u32 each); for each of
 * the three the prefixes in ascending order, every one in 3, 4 or 5 bytes and followed by the place
 * of its name (3 bytes); then the names, each with its length in one byte before it, UTF-8.
 */
import { type Mac, macNumber } from '../base/ip.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { decodeUtf8 } from './utf8.ts';

const MAGIC = [0x47, 0x48, 0x4f, 0x55, 0x49, 0, 0, 1];
const LENGTHS = [24, 28, 36] as const;
const HEAD_BYTES = MAGIC.length + 4 * LENGTHS.length;
const PLACE_BYTES = 3;

interface PrefixTable {
  readonly bits: number;
  readonly start: number;
  readonly count: number;
  readonly rowBytes: number;
}

export class OuiTable {
  readonly #bytes: Uint8Array;
  /** Longest prefixes first. */
  readonly #tables: readonly PrefixTable[];
  readonly #names: number;

  private constructor(bytes: Uint8Array, tables: readonly PrefixTable[], names: number) {
    this.#bytes = bytes;
    this.#tables = tables;
    this.#names = names;
  }

  /** The table keeps `bytes`. */
  static decode(bytes: Uint8Array): Result<OuiTable> {
    if (bytes.length < HEAD_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) {
      return decodeError('not a table of vendors', 'magic', 0);
    }
    const tables: PrefixTable[] = [];
    let start = HEAD_BYTES;
    for (const [i, bits] of LENGTHS.entries()) {
      const rowBytes = Math.ceil(bits / 8) + PLACE_BYTES;
      const count = numberAt(bytes, MAGIC.length + 4 * i, 4);
      if (count * rowBytes > bytes.length - start) {
        return decodeError('too short', `prefixes of ${bits} bits`, start);
      }
      tables.unshift({ bits, start, count, rowBytes });
      start += count * rowBytes;
    }
    return ok(new OuiTable(bytes, tables, start));
  }

  /** Who was given the longest prefix of `mac`; undefined for nobody. */
  vendorOf(mac: Mac): string | undefined {
    const value = macNumber(mac);
    for (const table of this.#tables) {
      const place = this.#find(table, Math.floor(value / 2 ** (48 - table.bits)));
      if (place !== undefined) return this.#name(place);
    }
    return undefined;
  }

  #find({ start, count, rowBytes }: PrefixTable, prefix: number): number | undefined {
    const bytes = rowBytes - PLACE_BYTES;
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = start + middle * rowBytes;
      const there = numberAt(this.#bytes, at, bytes);
      if (there === prefix) return numberAt(this.#bytes, at + bytes, PLACE_BYTES);
      if (there < prefix) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  #name(place: number): string | undefined {
    const at = this.#names + place;
    const length = this.#bytes[at];
    if (length === undefined || at + 1 + length > this.#bytes.length) return undefined;
    return decodeUtf8(this.#bytes, at + 1, at + 1 + length);
  }
}

function numberAt(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
