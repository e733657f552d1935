/**
 * A reader with a sticky error: after the first short read every further read gives zeros, and
 * `error` names the field and offset, so a codec can read a whole header and check once.
 * Big-endian unless the name says otherwise.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;
  #error: { readonly field: string; readonly offset: number } | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.bytes.byteLength - this.#offset;
  }

  get error(): { readonly field: string; readonly offset: number } | undefined {
    return this.#error;
  }

  u8(field: string): number {
    const at = this.#take(1, field);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  u16(field: string): number {
    const at = this.#take(2, field);
    return at < 0 ? 0 : this.#view.getUint16(at);
  }

  u32(field: string): number {
    const at = this.#take(4, field);
    return at < 0 ? 0 : this.#view.getUint32(at);
  }

  u64(field: string): bigint {
    const at = this.#take(8, field);
    return at < 0 ? 0n : this.#view.getBigUint64(at);
  }

  /** A view, not a copy. */
  take(length: number, field: string): Uint8Array {
    const at = this.#take(length, field);
    return at < 0 ? new Uint8Array(0) : this.bytes.subarray(at, at + length);
  }

  #take(length: number, field: string): number {
    if (this.#error !== undefined || length < 0 || length > this.remaining) {
      this.#error ??= { field, offset: this.#offset };
      return -1;
    }
    const at = this.#offset;
    this.#offset += length;
    return at;
  }
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hex without separators. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] ?? 0];
  return text;
}

/** Bytes of an even number of hex digits, or undefined. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** One character a byte, so nothing is lost: for keys, and for text that is checked afterwards. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] ?? 0);
  return text;
}
