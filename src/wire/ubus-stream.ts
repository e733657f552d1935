/** Cutting a byte stream into ubus frames. */
import { align4, LENGTH_MASK, MAX_BLOB_BYTES, readU32 } from './blobmsg.ts';
import { HEADER_BYTES, PREFIX_BYTES } from './ubus.ts';

/** A held buffer larger than this is given back after its frame. */
const KEEP_BYTES = 262_144;

/** Free bytes in front of a held frame, so that a broker can put a longer header before large data in place. */
const HEADROOM = 512;

/**
 * `feed` a chunk, then call `next` until it is false: each time it is true, `bytes` from `start` to
 * `end` is one frame, valid until the next call. Frames inside one chunk are not copied; only what
 * straddles chunks is held, in a buffer that grows with the bytes that came, never with the length
 * that a header promises. After `failed` nothing more comes.
 */
export class FrameAssembler {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  /** Why the stream cannot go on; undefined while it can. */
  failed: 'short' | 'oversize' | undefined;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #hold: Uint8Array = EMPTY;
  /** Bytes held of an unfinished frame. */
  #held = 0;
  readonly #maxBlobBytes: number;

  constructor(maxBlobBytes = MAX_BLOB_BYTES) {
    this.#maxBlobBytes = maxBlobBytes;
  }

  /** `chunk` is used until `next` gives false. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  next(): boolean {
    if (this.failed !== undefined) return false;
    return this.#held > 0 ? this.#resume() : this.#fromChunk();
  }

  #fromChunk(): boolean {
    const chunk = this.#chunk;
    const at = this.#at;
    const available = chunk.length - at;
    if (available >= PREFIX_BYTES) {
      const total = this.#total(chunk, at);
      if (total < 0) return false;
      if (total <= available) {
        this.bytes = chunk;
        this.start = at;
        this.end = at + total;
        this.#at = this.end;
        return true;
      }
    }
    if (available > 0) this.#keep(available);
    this.#chunk = EMPTY;
    this.#at = 0;
    return false;
  }

  #resume(): boolean {
    const available = this.#chunk.length - this.#at;
    if (this.#held < PREFIX_BYTES) {
      this.#keep(Math.min(available, PREFIX_BYTES - this.#held));
      if (this.#held < PREFIX_BYTES) return this.#drop();
    }
    const total = this.#total(this.#hold, HEADROOM);
    if (total < 0) return false;
    this.#keep(Math.min(this.#chunk.length - this.#at, total - this.#held));
    if (this.#held < total) return this.#drop();
    this.bytes = this.#hold;
    this.start = HEADROOM;
    this.end = HEADROOM + total;
    this.#held = 0;
    if (this.#hold.length > KEEP_BYTES) this.#hold = EMPTY;
    return true;
  }

  #drop(): false {
    this.#chunk = EMPTY;
    this.#at = 0;
    return false;
  }

  #keep(count: number): void {
    const at = HEADROOM + this.#held;
    if (at + count > this.#hold.length) {
      const grown = new Uint8Array(Math.max(at + count, 2 * this.#hold.length, 4096));
      if (this.#held > 0) grown.set(this.#hold.subarray(HEADROOM, at), HEADROOM);
      this.#hold = grown;
    }
    this.#hold.set(this.#chunk.subarray(this.#at, this.#at + count), at);
    this.#held += count;
    this.#at += count;
  }

  /** Length of the frame at `at`, or -1 when it is impossible. */
  #total(bytes: Uint8Array, at: number): number {
    const blob = readU32(bytes, at + HEADER_BYTES) & LENGTH_MASK;
    if (blob < 4) this.failed = 'short';
    else if (align4(blob) > this.#maxBlobBytes) this.failed = 'oversize';
    else return HEADER_BYTES + blob;
    this.#hold = EMPTY;
    this.#chunk = EMPTY;
    return -1;
  }
}

const EMPTY = new Uint8Array(0);
