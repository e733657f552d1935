/** One peer's copy of the metadata, piece by piece (BEP 9): all of it from him, so that a wrong hash is his alone. */
import { METADATA_PIECE_BYTES } from '../../wire/peer-wire.ts';

export class Assembly {
  readonly sizeBytes: number;
  readonly #count: number;
  /** Made when its first bytes come: what a peer only promises costs nothing. */
  readonly #pieces: (Uint8Array | undefined)[] = [];
  #asked = 0;
  #complete = 0;
  #current: Uint8Array | undefined;
  #filled = 0;
  #bytes = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#count = Math.ceil(sizeBytes / METADATA_PIECE_BYTES);
  }

  /** Asked for, and not here yet. */
  get outstanding(): number {
    return this.#asked - this.#complete;
  }

  get receivedBytes(): number {
    return this.#bytes;
  }

  get isWhole(): boolean {
    return this.#complete === this.#count;
  }

  /** The next piece to ask for; undefined when all were. */
  next(): number | undefined {
    return this.#asked < this.#count ? this.#asked++ : undefined;
  }

  /** A piece begins: what is wrong with it, or undefined. */
  begin(piece: number, totalBytes: number, dataBytes: number): string | undefined {
    if (totalBytes !== this.sizeBytes) return 'another size than before';
    if (piece >= this.#asked) return 'a piece that nobody asked for';
    if (this.#pieces[piece] !== undefined) return 'a piece that was there';
    const start = piece * METADATA_PIECE_BYTES;
    if (dataBytes !== Math.min(METADATA_PIECE_BYTES, this.sizeBytes - start))
      return 'a piece of another length';
    this.#current = new Uint8Array(dataBytes);
    this.#pieces[piece] = this.#current;
    this.#filled = 0;
    return undefined;
  }

  /** Bytes of the piece that began last; with its last it is complete. */
  append(bytes: Uint8Array): void {
    const current = this.#current;
    if (current === undefined) return;
    current.set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.#bytes += bytes.length;
    if (this.#filled < current.length) return;
    this.#current = undefined;
    this.#complete += 1;
  }

  /** Once it is whole. */
  join(): Uint8Array {
    const [first] = this.#pieces;
    if (this.#count === 1 && first !== undefined) return first;
    const whole = new Uint8Array(this.sizeBytes);
    for (const [i, piece] of this.#pieces.entries())
      if (piece !== undefined) whole.set(piece, i * METADATA_PIECE_BYTES);
    return whole;
  }
}
