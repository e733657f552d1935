import {
  bufferOf,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  type FileHeader,
  GROUP_HEADER_BYTES,
  sealGroup,
} from './journal-file.ts';
import type { Lease } from './lease.ts';
import { encodeRecord, encodeWhole, type RecordBuffer, WHOLE_BYTES } from './record.ts';

const FIRST_BYTES = 64 * 1024;
const RECORDS_AT = FILE_HEADER_BYTES + GROUP_HEADER_BYTES;

/** Records that are gathered, in a buffer used again and again, to be written at once; with room in front for both headers. */
export class Group {
  #buffer: RecordBuffer = bufferOf(new Uint8Array(FIRST_BYTES));
  #end = RECORDS_AT;
  #whole = false;
  /** Ticket of the latest record in it; 0 when none has one. */
  lastTicket = 0;

  get empty(): boolean {
    return this.#end === RECORDS_AT;
  }

  /** On disk, without the header of a file. */
  get sizeBytes(): number {
    return this.#end - FILE_HEADER_BYTES;
  }

  /** It ends with the mark that its file holds all leases. */
  get whole(): boolean {
    return this.#whole;
  }

  /** `boundBytes`: of `recordBound`. */
  put(lease: Lease, boundBytes: number, forgotten: boolean): void {
    this.#reserve(boundBytes);
    this.#end = encodeRecord(this.#buffer, this.#end, lease, forgotten);
  }

  markWhole(): void {
    this.#reserve(WHOLE_BYTES);
    this.#end = encodeWhole(this.#buffer, this.#end);
    this.#whole = true;
  }

  /** Takes the mark, which is the last record, back: another file is begun with this group. */
  unmark(): void {
    if (this.#whole) this.#end -= WHOLE_BYTES;
    this.#whole = false;
  }

  /** The bytes to write; with the header when the file begins with this group. Valid until the next `put`. */
  seal(file: FileHeader, bootId: string, withHeader: boolean): Uint8Array {
    sealGroup(this.#buffer, FILE_HEADER_BYTES, this.#end, file.salt, bootId);
    if (withHeader) encodeFileHeader(this.#buffer, 0, file);
    return this.#buffer.bytes.subarray(withHeader ? 0 : FILE_HEADER_BYTES, this.#end);
  }

  clear(): void {
    this.#end = RECORDS_AT;
    this.#whole = false;
    this.lastTicket = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    const { bytes: old } = this.#buffer;
    if (needed <= old.length) return;
    const larger = new Uint8Array(Math.max(needed, old.length * 2));
    larger.set(old.subarray(0, this.#end));
    this.#buffer = bufferOf(larger);
  }
}
