/**
 * Torrent files and info dictionaries: v1 (BEP 3), v2 and hybrids (BEP 52). All that is wrong with one
 * is found in one reading; names are safe to print and to use (`torrent-names.ts`).
 */
import { BencodeDocument, type BencodeNode, TORRENT_LIMITS } from './bencode.ts';
import { encodeBencode } from './bencode-writer.ts';
import type { TorrentId } from './magnet.ts';
import { readInfo } from './torrent-info.ts';
import { layerFaults } from './torrent-layers.ts';
import { decodeUtf8 } from './utf8.ts';

/** Cryptography is handed in: this room has none. */
export interface Digests {
  sha1(bytes: Uint8Array): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
}

export interface TorrentFile {
  /** Names from the torrent's folder on, each safe. */
  readonly path: readonly string[];
  readonly sizeBytes: number;
  /** Root of its hash tree: v2, where the file is not empty. */
  readonly piecesRoot: Uint8Array | undefined;
  /** Fills up to a piece (BEP 47), and is no file for people. */
  readonly padding: boolean;
}

export interface TorrentInfo {
  readonly version: 'v1' | 'v2' | 'hybrid';
  readonly id: TorrentId;
  readonly name: string;
  readonly files: readonly TorrentFile[];
  readonly pieceLengthBytes: number;
  readonly pieces: number;
  /** Without padding. */
  readonly totalBytes: number;
  readonly private: boolean;
}

export interface TorrentFault {
  /** Such as `info.files.3.path`. */
  readonly field: string;
  readonly message: string;
}

export interface Torrent {
  readonly info: TorrentInfo;
  /** As they came: what is hashed, and what a peer is given. */
  readonly infoBytes: Uint8Array;
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
  readonly comment: string | undefined;
  readonly createdBy: string | undefined;
  /** Unix time in s. */
  readonly createdAt: number | undefined;
}

/** What was read: everything that is wrong, and the torrent as far as it makes sense. Acceptable is one without faults. */
export interface TorrentReading {
  readonly torrent: Torrent | undefined;
  readonly faults: readonly TorrentFault[];
}

const MAX_TEXTS = 1000;
const MAX_TEXT_BYTES = 4096;

export function readTorrent(bytes: Uint8Array, digests: Digests): TorrentReading {
  const document = new BencodeDocument(TORRENT_LIMITS);
  const error = document.load(bytes);
  if (error?.offset === 0)
    return {
      torrent: undefined,
      faults: [{ field: 'document', message: `no torrent file: ${error.message}` }],
    };
  if (error !== undefined)
    return {
      torrent: undefined,
      faults: [{ field: error.field, message: `${error.message}, at byte ${error.offset}` }],
    };
  if (document.kind(0) !== 'dictionary')
    return { torrent: undefined, faults: [{ field: 'document', message: 'not a dictionary' }] };
  const infoNode = document.get(0, 'info');
  const infoBytes = document.raw(infoNode);
  if (infoBytes === undefined || document.kind(infoNode) !== 'dictionary')
    return { torrent: undefined, faults: [{ field: 'info', message: 'it is missing' }] };
  const { info, faults } = readInfo(document, infoNode, infoBytes, digests);
  const all = [...faults];
  const trackers = readTrackers(document, all);
  if (info === undefined) return { torrent: undefined, faults: all };
  all.push(...layerFaults(document, info, digests));
  const webSeeds = textsOf(document, document.get(0, 'url-list'), 'url-list', all);
  const torrent: Torrent = {
    info,
    infoBytes,
    trackers,
    webSeeds,
    comment: textOf(document, document.get(0, 'comment')),
    createdBy: textOf(document, document.get(0, 'created by')),
    createdAt: document.integerIn(document.get(0, 'creation date'), 0, Number.MAX_SAFE_INTEGER),
  };
  return { torrent, faults: all };
}

/** What a peer gave: an info dictionary alone. `document` is used for the reading, where one is at hand. */
export function readInfoBytes(
  bytes: Uint8Array,
  digests: Digests,
  document = new BencodeDocument(TORRENT_LIMITS),
): { readonly info: TorrentInfo | undefined; readonly faults: readonly TorrentFault[] } {
  const error = document.load(bytes);
  if (error !== undefined)
    return {
      info: undefined,
      faults: [{ field: error.field, message: `${error.message}, at byte ${error.offset}` }],
    };
  if (document.kind(0) !== 'dictionary')
    return { info: undefined, faults: [{ field: 'info', message: 'not a dictionary' }] };
  return readInfo(document, 0, bytes, digests);
}

/** Whether `bytes` are the info dictionary that `id` names; a 20-byte id may be the short form of SHA-256 (BEP 52). */
export function isNamedBy(bytes: Uint8Array, id: TorrentId, digests: Digests): boolean {
  if (id.v2 !== undefined && !same(digests.sha256(bytes), id.v2)) return false;
  if (id.v1 === undefined) return id.v2 !== undefined;
  return same(digests.sha1(bytes), id.v1) || same(digests.sha256(bytes).subarray(0, 20), id.v1);
}

/** A torrent file, canonical, around an info dictionary as it is. */
export function writeTorrent(infoBytes: Uint8Array, trackers: readonly string[] = []): Uint8Array {
  const parts = new Map<string, Uint8Array>([['info', infoBytes]]);
  const [first] = trackers;
  if (first !== undefined) parts.set('announce', encodeBencode(first));
  if (trackers.length > 1)
    parts.set('announce-list', encodeBencode(trackers.map((tracker) => [tracker])));
  const pieces = [...parts.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => [encodeBencode(key), value]);
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 2));
  out[0] = 100;
  let at = 1;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  out[at] = 101;
  return out;
}

function readTrackers(document: BencodeDocument, faults: TorrentFault[]): readonly string[] {
  const found = new Set<string>();
  const announce = textOf(document, document.get(0, 'announce'));
  if (announce !== undefined && announce !== '') found.add(announce);
  for (const tier of document.children(document.get(0, 'announce-list'))) {
    for (const tracker of textsOf(document, tier, 'announce-list', faults)) found.add(tracker);
    if (found.size > MAX_TEXTS || faults.length >= MAX_TEXTS) break;
  }
  if (found.size > MAX_TEXTS)
    faults.push({ field: 'announce-list', message: `more than ${MAX_TEXTS} trackers` });
  return [...found].slice(0, MAX_TEXTS);
}

/** A string, or a list of some. */
function textsOf(
  document: BencodeDocument,
  node: BencodeNode,
  field: string,
  faults: TorrentFault[],
): readonly string[] {
  const one = textOf(document, node);
  if (one !== undefined) return one === '' ? [] : [one];
  const texts: string[] = [];
  for (const child of document.children(node)) {
    const text = textOf(document, child);
    if (text === undefined) faults.push({ field, message: 'not a text, or a very long one' });
    else if (text !== '') texts.push(text);
    if (texts.length >= MAX_TEXTS || faults.length >= MAX_TEXTS) break;
  }
  return texts;
}

/** Undefined for what is no string, and for one that nobody would read. */
function textOf(document: BencodeDocument, node: BencodeNode): string | undefined {
  const bytes = document.bytes(node);
  return bytes === undefined || bytes.length > MAX_TEXT_BYTES
    ? undefined
    : decodeUtf8(bytes, 0, bytes.length).toWellFormed();
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
