/** Writing blobs and blobmsgs; the format is described in `blobmsg.ts`. */
import {
  BLOBMSG_ID,
  BLOBMSG_LIMITS,
  type BlobmsgTable,
  type BlobmsgValue,
  EXTENDED,
  LENGTH_MASK,
  MAX_BLOB_BYTES,
  writeU32,
} from './blobmsg.ts';
import { encodeUtf8, utf8Bound } from './utf8.ts';

const MAX_NAME_BYTES = 0xffff;
/** A larger buffer is given back when the next message begins. */
const KEEP_BYTES = 262_144;

/**
 * Builds blobs into one buffer that grows and is used again. `failed` is sticky: the value was
 * larger, deeper or longer-named than the format carries; what was written is then worthless.
 */
export class BlobWriter {
  bytes: Uint8Array;
  length = 0;
  failed = false;
  #view: DataView;
  readonly #maxBytes: number;

  constructor(capacityBytes = 1024, maxBytes = MAX_BLOB_BYTES + 64) {
    this.bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.bytes.buffer);
    this.#maxBytes = maxBytes;
  }

  reset(): void {
    if (this.bytes.length > KEEP_BYTES) this.#use(new Uint8Array(KEEP_BYTES / 64));
    this.length = 0;
    this.failed = false;
  }

  /** A copy of all that was written. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** True when `more` bytes fit, after growing. */
  reserve(more: number): boolean {
    const need = this.length + more;
    if (need <= this.bytes.length) return true;
    // utf8Bound reserves three times a text's size, so the bound here leaves room for that.
    if (this.failed || need > 4 * this.#maxBytes) {
      this.failed = true;
      return false;
    }
    const grown = new Uint8Array(Math.max(need, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.#use(grown);
    return true;
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  u32(value: number): void {
    if (!this.reserve(4)) return;
    writeU32(this.bytes, this.length, value);
    this.length += 4;
  }

  u8(value: number): void {
    if (this.reserve(1)) this.bytes[this.length++] = value;
  }

  raw(from: Uint8Array, start: number, end: number): void {
    if (!this.reserve(end - start)) return;
    this.bytes.set(from.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** Opens a blob; `end` with what this gives closes it. */
  begin(id: number, extended = false): number {
    const at = this.length;
    this.u32(0);
    if (!this.failed) this.bytes[at] = (extended ? EXTENDED : 0) | id;
    return at;
  }

  end(at: number): void {
    const length = this.length - at;
    if (this.failed || this.length > this.#maxBytes || length > LENGTH_MASK) {
      this.failed = true;
      return;
    }
    this.bytes[at + 1] = length >>> 16;
    this.bytes[at + 2] = length >>> 8;
    this.bytes[at + 3] = length;
    this.#pad();
  }

  #pad(): void {
    if (!this.reserve(3)) return;
    while (this.length % 4 !== 0) this.bytes[this.length++] = 0;
  }

  blobU32(id: number, value: number): void {
    const at = this.begin(id);
    this.u32(value);
    this.end(at);
  }

  blobU8(id: number, value: number): void {
    const at = this.begin(id);
    this.u8(value);
    this.end(at);
  }

  /** Text with its final NUL. */
  blobString(id: number, text: string): void {
    const at = this.begin(id);
    this.text(text);
    this.end(at);
  }

  blobRaw(id: number, bytes: Uint8Array, start = 0, end = bytes.length): void {
    const at = this.begin(id);
    this.raw(bytes, start, end);
    this.end(at);
  }

  /** Text with its final NUL, without a header. */
  text(text: string): void {
    if (!this.reserve(utf8Bound(text) + 1)) return;
    this.length = encodeUtf8(text, this.bytes, this.length);
    this.bytes[this.length++] = 0;
  }

  /** The content of a table, without a header of its own (as in DATA and SIGNATURE). */
  fields(fields: BlobmsgTable, depth = 1): void {
    if (depth > BLOBMSG_LIMITS.maxDepth) this.failed = true;
    for (const { name, value } of fields) {
      if (this.failed) return;
      this.value(name, value, depth);
    }
  }

  value(name: string, value: BlobmsgValue, depth = 1): void {
    const at = this.beginNamed(BLOBMSG_ID[value.type], name);
    if (this.failed) return;
    switch (value.type) {
      case 'string':
        this.text(value.value);
        break;
      case 'table':
        this.fields(value.value, depth + 1);
        break;
      case 'array':
        if (depth + 1 > BLOBMSG_LIMITS.maxDepth) this.failed = true;
        for (const element of value.value) {
          if (this.failed) return;
          this.value('', element, depth + 1);
        }
        break;
      case 'unspec':
        if (value.bytes !== undefined) this.raw(value.bytes, 0, value.bytes.length);
        break;
      default:
        this.#scalar(value);
    }
    this.end(at);
  }

  /** Opens a blobmsg; close it with `end`. */
  beginNamed(type: number, name: string): number {
    const at = this.begin(type, true);
    if (!this.reserve(utf8Bound(name) + 6)) return at;
    const nameAt = this.length;
    const end = name === '' ? nameAt + 2 : encodeUtf8(name, this.bytes, nameAt + 2);
    const nameBytes = end - nameAt - 2;
    if (nameBytes > MAX_NAME_BYTES) this.failed = true;
    this.bytes[nameAt] = nameBytes >>> 8;
    this.bytes[nameAt + 1] = nameBytes;
    this.bytes[end] = 0;
    this.length = end + 1;
    this.#pad();
    return at;
  }

  #scalar(
    value: Extract<
      BlobmsgValue,
      { readonly type: 'int8' | 'int16' | 'int32' | 'int64' | 'double' }
    >,
  ): void {
    if (!this.reserve(8)) return;
    const at = this.length;
    switch (value.type) {
      case 'int8':
        this.bytes[at] = value.value;
        this.length += 1;
        break;
      case 'int16':
        this.#view.setInt16(at, value.value);
        this.length += 2;
        break;
      case 'int32':
        this.#view.setInt32(at, value.value);
        this.length += 4;
        break;
      case 'int64':
        this.#view.setBigInt64(at, value.value);
        this.length += 8;
        break;
      case 'double':
        this.#view.setFloat64(at, value.value);
        this.length += 8;
        break;
    }
  }
}

/** The content of a table, or undefined when it does not fit into a message. */
export function encodeTable(fields: BlobmsgTable): Uint8Array | undefined {
  const writer = new BlobWriter();
  writer.fields(fields);
  return writer.failed || writer.length > MAX_BLOB_BYTES ? undefined : writer.toBytes();
}
