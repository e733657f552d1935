/** What peers say over TCP: handshake and messages (BEP 3), the extended handshake (BEP 10), metadata (BEP 9). */
import { decodeError, ok, type Result } from '../base/result.ts';
import { BencodeDocument, type BencodeLimits } from './bencode.ts';
import { encodeBencode } from './bencode-writer.ts';
import { decodeUtf8 } from './utf8.ts';

export const HANDSHAKE_BYTES = 68;
/** Metadata comes in pieces of this size, the last shorter (BEP 9). */
export const METADATA_PIECE_BYTES = 16_384;
const EXTENDED = 20;

function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const PROTOCOL = ascii('\x13BitTorrent protocol');
const RESERVED_AT = PROTOCOL.length;
const HASH_AT = RESERVED_AT + 8;
const PEER_AT = HASH_AT + 20;
/** Of all that peers say. */
export const PEER_LIMITS: BencodeLimits = {
  maxBytes: METADATA_PIECE_BYTES,
  maxDepth: 8,
  maxTokens: 1024,
};
/** Of the dictionary before the data of a piece. */
export const MAX_HEAD_BYTES = 1024;

export interface Handshake {
  /** SHA-1 of the info dictionary, or the first 20 bytes of SHA-256. */
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  /** Speaks BEP 10. */
  readonly extended: boolean;
}

/** The same handshake for another torrent. */
export function renameHandshake(handshake: Uint8Array, infoHash: Uint8Array): void {
  handshake.set(infoHash.subarray(0, 20), HASH_AT);
}

export function encodeHandshake({ infoHash, peerId, extended }: Handshake): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_BYTES);
  bytes.set(PROTOCOL);
  if (extended) bytes[RESERVED_AT + 5] = 0x10;
  bytes.set(infoHash.subarray(0, 20), HASH_AT);
  bytes.set(peerId.subarray(0, 20), PEER_AT);
  return bytes;
}

/** Of exactly the 68 bytes; hash and id are views. */
export function decodeHandshake(bytes: Uint8Array): Result<Handshake> {
  if (bytes.length !== HANDSHAKE_BYTES)
    return decodeError('not 68 bytes', 'handshake', Math.min(bytes.length, HANDSHAKE_BYTES));
  for (let i = 0; i < PROTOCOL.length; i++)
    if (bytes[i] !== PROTOCOL[i]) return decodeError('another protocol', 'pstr', i);
  return ok({
    infoHash: bytes.subarray(HASH_AT, PEER_AT),
    peerId: bytes.subarray(PEER_AT),
    extended: ((bytes[RESERVED_AT + 5] ?? 0) & 0x10) !== 0,
  });
}

/** What a peer says of itself: the number under which it wants ut_metadata (0 or none: it has not), and how large that is. */
export interface ExtendedHandshake {
  readonly utMetadata: number | undefined;
  readonly metadataSizeBytes: number | undefined;
  /** Name and version of its program, unchecked. */
  readonly client: string | undefined;
}

export function encodeExtendedHandshake({
  utMetadata,
  metadataSizeBytes,
  client,
}: ExtendedHandshake): Uint8Array {
  return extended(
    0,
    encodeBencode({
      m: utMetadata === undefined ? {} : { ut_metadata: utMetadata },
      metadata_size: metadataSizeBytes,
      v: client,
    }),
  );
}

/**
 * Of the payload behind the extended id. Fields of the wrong type are as if they were not there.
 * `document` is used for the reading, where one is at hand.
 */
export function decodeExtendedHandshake(
  payload: Uint8Array,
  document = new BencodeDocument(PEER_LIMITS),
): Result<ExtendedHandshake> {
  const error = document.load(payload);
  if (error !== undefined) return { ok: false, error };
  if (document.kind(0) !== 'dictionary')
    return decodeError('not a dictionary', 'extended handshake', 0);
  const v = document.bytes(document.get(0, 'v'));
  return ok({
    utMetadata: document.integerIn(document.get(document.get(0, 'm'), 'ut_metadata'), 1, 255),
    metadataSizeBytes: document.integerIn(
      document.get(0, 'metadata_size'),
      0,
      Number.MAX_SAFE_INTEGER,
    ),
    client: v === undefined ? undefined : decodeUtf8(v, 0, Math.min(v.length, 64)).toWellFormed(),
  });
}

export type MetadataMessage =
  | { readonly type: 'request'; readonly piece: number }
  | {
      readonly type: 'data';
      readonly piece: number;
      readonly totalBytes: number;
      /** A view. */
      readonly data: Uint8Array;
    }
  | { readonly type: 'reject'; readonly piece: number }
  /** Of a later version of the protocol: to be passed over. */
  | { readonly type: 'unknown' };

/** `id` is the number that the receiver asked for. */
export function encodeMetadataMessage(
  id: number,
  message: Exclude<MetadataMessage, { readonly type: 'unknown' }>,
): Uint8Array {
  const { type, piece } = message;
  if (type !== 'data')
    return extended(id, `d8:msg_typei${type === 'request' ? 0 : 2}e5:piecei${piece}ee`);
  const { totalBytes, data } = message;
  return extended(id, `d8:msg_typei1e5:piecei${piece}e10:total_sizei${totalBytes}ee`, data);
}

/** Of the payload behind the extended id; of a piece the head alone will do. */
export function decodeMetadataMessage(
  payload: Uint8Array,
  document = new BencodeDocument(PEER_LIMITS),
): Result<MetadataMessage> {
  const end = metadataHeadBytes(payload);
  if (end === undefined) return decodeError('no dictionary at its head', 'ut_metadata', 0);
  const error = document.load(payload.subarray(0, end));
  if (error !== undefined) return { ok: false, error };
  const type = document.integerIn(document.get(0, 'msg_type'), 0, 255);
  const piece = document.integerIn(document.get(0, 'piece'), 0, Number.MAX_SAFE_INTEGER);
  if (type === undefined) return decodeError('no type', 'msg_type', 0);
  if (type > 2) return ok({ type: 'unknown' });
  if (piece === undefined) return decodeError('no number', 'piece', 0);
  if (type !== 1) {
    if (end !== payload.length) return decodeError('bytes behind the end', 'ut_metadata', end);
    return ok({ type: type === 0 ? 'request' : 'reject', piece });
  }
  const totalBytes = document.integerIn(document.get(0, 'total_size'), 0, Number.MAX_SAFE_INTEGER);
  if (totalBytes === undefined) return decodeError('no size', 'total_size', 0);
  return ok({ type: 'data', piece, totalBytes, data: payload.subarray(end) });
}

/**
 * Where the dictionary at the head ends, by brackets and lengths alone; what is in it is checked
 * afterwards: its length. Undefined when it does not end before `stop` or within `MAX_HEAD_BYTES`, or is none.
 */
export function metadataHeadBytes(
  bytes: Uint8Array,
  start = 0,
  stop = bytes.length,
): number | undefined {
  const most = Math.min(stop, start + MAX_HEAD_BYTES);
  let depth = 0;
  let at = start;
  while (at < most) {
    const byte = bytes[at] ?? 0;
    if (byte === 100 || byte === 108) {
      depth += 1;
      at += 1;
    } else if (byte === 101) {
      depth -= 1;
      at += 1;
    } else if (byte === 105) {
      const end = bytes.indexOf(101, at);
      if (end < 0) return undefined;
      at = end + 1;
    } else {
      let length = 0;
      while (at < most && (bytes[at] ?? 0) !== 58) {
        const digit = (bytes[at] ?? 0) - 48;
        if (digit < 0 || digit > 9) return undefined;
        length = length * 10 + digit;
        at += 1;
      }
      at += 1 + length;
    }
    if (depth <= 0) return depth === 0 && at <= most ? at - start : undefined;
  }
  return undefined;
}

function extended(id: number, head: string | Uint8Array, data?: Uint8Array): Uint8Array {
  const length = 2 + head.length + (data?.length ?? 0);
  const bytes = new Uint8Array(4 + length);
  for (let i = 0; i < 4; i++) bytes[i] = length >>> (24 - 8 * i);
  bytes[4] = EXTENDED;
  bytes[5] = id;
  if (typeof head !== 'string') bytes.set(head, 6);
  else for (let i = 0; i < head.length; i++) bytes[6 + i] = head.charCodeAt(i);
  if (data !== undefined) bytes.set(data, 6 + head.length);
  return bytes;
}
