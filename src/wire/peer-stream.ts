/**
 * The byte stream of a peer, cut into what it says (BEP 3: a handshake, then messages with their
 * length before them). Only the extended handshake and ut_metadata are read; all else is passed over
 * as it comes. A piece of metadata is handed on in parts: no more than `MAX_HELD_BYTES` are ever kept.
 */
import { type DecodeError, decodeError } from '../base/result.ts';
import { BencodeDocument } from './bencode.ts';
import {
  decodeExtendedHandshake,
  decodeHandshake,
  decodeMetadataMessage,
  type ExtendedHandshake,
  HANDSHAKE_BYTES,
  type Handshake,
  MAX_HEAD_BYTES,
  METADATA_PIECE_BYTES,
  metadataHeadBytes,
  PEER_LIMITS,
} from './peer-wire.ts';

/** The number under which we want ut_metadata; every peer tells its own. */
export const OUR_UT_METADATA = 1;
export const MAX_HELD_BYTES = 4096;
/** A bitfield of two million pieces, say. Whoever announces more is no peer. */
const MAX_MESSAGE_BYTES = 1 << 20;
const EXTENDED = 20;
const NOTHING = new Uint8Array(0);

export type PeerMessage =
  /** Hash and id are views, valid during the call. */
  | { readonly type: 'handshake'; readonly handshake: Handshake }
  | { readonly type: 'extended'; readonly handshake: ExtendedHandshake }
  | { readonly type: 'request' | 'reject'; readonly piece: number }
  /** `dataBytes` follow in `part`s, right after. */
  | {
      readonly type: 'piece';
      readonly piece: number;
      readonly totalBytes: number;
      readonly dataBytes: number;
    }
  /** A view, valid during the call. */
  | { readonly type: 'part'; readonly bytes: Uint8Array; readonly last: boolean };

/** What comes next in the stream. */
type Expected =
  | 'handshake'
  | 'length'
  | 'id'
  | 'extendedId'
  | 'extended'
  | 'head'
  | 'data'
  | 'rest';

export class PeerStream {
  /** Gives false when nothing more is wanted of this peer. */
  readonly #told: (message: PeerMessage) => boolean;
  readonly #document: BencodeDocument;
  #expected: Expected = 'handshake';
  /** Of the message, not yet come. */
  #left = 0;
  #held: Uint8Array = NOTHING;

  /** `document` is for all streams of one owner: nothing of it is needed between two calls. */
  constructor(
    told: (message: PeerMessage) => boolean,
    document = new BencodeDocument(PEER_LIMITS),
  ) {
    this.#told = told;
    this.#document = document;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  /** Reads on. After an error, or after `told` gave false, the stream is at its end. */
  push(chunk: Uint8Array): DecodeError | undefined {
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
      this.#held = NOTHING;
    }
    let at = 0;
    while (at < bytes.length) {
      const taken = this.#take(bytes, at);
      if (typeof taken === 'object') return taken;
      if (taken === STOP) return undefined;
      if (taken === MORE) {
        this.#held = bytes.slice(at);
        return undefined;
      }
      at += taken;
    }
    return undefined;
  }

  /** How many bytes were used; an error; or that more are needed. */
  #take(bytes: Uint8Array, at: number): number | DecodeError {
    const here = bytes.length - at;
    switch (this.#expected) {
      case 'handshake': {
        if (here < HANDSHAKE_BYTES) return this.#early(bytes, at, here);
        const read = decodeHandshake(bytes.subarray(at, at + HANDSHAKE_BYTES));
        if (!read.ok) return read.error;
        this.#expected = 'length';
        return this.#tell({ type: 'handshake', handshake: read.value }, HANDSHAKE_BYTES);
      }
      case 'length': {
        if (here < 4) return MORE;
        const length =
          (bytes[at] ?? 0) * 2 ** 24 +
          (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
        if (length > MAX_MESSAGE_BYTES) return fault('longer than any message', 'length', at);
        this.#left = length;
        // Without a byte it only keeps the connection alive.
        this.#expected = length === 0 ? 'length' : 'id';
        return 4;
      }
      case 'id':
        if (here < 1) return MORE;
        this.#left -= 1;
        this.#expect(bytes[at] === EXTENDED ? 'extendedId' : 'rest');
        return 1;
      case 'extendedId': {
        if (here < 1) return MORE;
        this.#left -= 1;
        const id = bytes[at] ?? 0;
        if (id === 0 && this.#left > MAX_HELD_BYTES)
          return fault('an extended handshake longer than allowed', 'length', at);
        if (id === OUR_UT_METADATA && this.#left > MAX_HEAD_BYTES + METADATA_PIECE_BYTES)
          return fault('longer than a piece', 'length', at);
        this.#expect(expectedOf(id));
        return 1;
      }
      case 'extended': {
        if (here < this.#left) return MORE;
        const length = this.#left;
        const read = decodeExtendedHandshake(bytes.subarray(at, at + length), this.#document);
        if (!read.ok) return read.error;
        this.#left = 0;
        this.#expected = 'length';
        return this.#tell({ type: 'extended', handshake: read.value }, length);
      }
      case 'head':
        return this.#head(bytes, at, here);
      case 'data': {
        if (here === 0) return MORE;
        const length = Math.min(here, this.#left);
        this.#left -= length;
        const last = this.#left === 0;
        if (last) this.#expected = 'length';
        return this.#tell({ type: 'part', bytes: bytes.subarray(at, at + length), last }, length);
      }
      case 'rest': {
        if (here === 0) return MORE;
        const length = Math.min(here, this.#left);
        this.#left -= length;
        if (this.#left === 0) this.#expected = 'length';
        return length;
      }
    }
  }

  /** A stream of something else is not waited for. */
  #early(bytes: Uint8Array, at: number, here: number): number | DecodeError {
    const padded = new Uint8Array(HANDSHAKE_BYTES);
    padded.set(bytes.subarray(at));
    const read = decodeHandshake(padded);
    return !read.ok && read.error.offset < here ? read.error : MORE;
  }

  #head(bytes: Uint8Array, at: number, here: number): number | DecodeError {
    const known = Math.min(here, this.#left);
    const length = metadataHeadBytes(bytes, at, at + known);
    if (length === undefined) {
      return known === this.#left || known >= MAX_HEAD_BYTES
        ? fault('no dictionary at its head', 'ut_metadata', at)
        : MORE;
    }
    const read = decodeMetadataMessage(bytes.subarray(at, at + length), this.#document);
    if (!read.ok) return read.error;
    const message = read.value;
    this.#left -= length;
    if (message.type === 'unknown') {
      this.#expect('rest');
      return length;
    }
    const { type, piece } = message;
    if (type !== 'data') {
      if (this.#left > 0) return fault('bytes behind the end', 'ut_metadata', at + length);
      this.#expected = 'length';
      return this.#tell({ type, piece }, length);
    }
    if (this.#left === 0 || this.#left > METADATA_PIECE_BYTES)
      return fault('not a piece', 'ut_metadata', at + length);
    this.#expected = 'data';
    const { totalBytes } = message;
    return this.#tell({ type: 'piece', piece, totalBytes, dataBytes: this.#left }, length);
  }

  /** Of the message something is left, or the next one follows. */
  #expect(expected: Expected): void {
    const empty = this.#left === 0 && expected !== 'extended' && expected !== 'head';
    this.#expected = empty ? 'length' : expected;
  }

  #tell(message: PeerMessage, length: number): number {
    return this.#told(message) ? length : STOP;
  }
}

const expectedOf = (id: number): Expected =>
  id === 0 ? 'extended' : id === OUR_UT_METADATA ? 'head' : 'rest';

const MORE = -1;
const STOP = -2;

function fault(message: string, field: string, offset: number): DecodeError {
  return decodeError(message, field, offset).error;
}
