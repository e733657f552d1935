/** What an update announcement says: the value of a mutable item (BEP 44), and how it is kept on disk. */
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../../wire/bencode.ts';
import { encodeBencode } from '../../wire/bencode-writer.ts';
import type { DhtItem } from './item-store.ts';

export interface Announcement {
  readonly version: string;
  /** Where the bundle is: HTTPS, or a magnet link. */
  readonly url: string;
  /** Of the whole bundle. */
  readonly sha256: Uint8Array;
}

const MAX_VERSION = 64;
const MAX_URL = 512;
const KEPT_LIMITS = { maxBytes: 2_000, maxDepth: 8, maxTokens: 64 };
const PRINTABLE = /^[\x21-\x7e]+$/;

export const announcementValue = ({ version, url, sha256 }: Announcement): BencodeValue =>
  new Map<string, BencodeValue>([
    ['sha256', sha256],
    ['url', ascii(url)],
    ['version', ascii(version)],
  ]);

/** Undefined for a value that is no announcement: a text too long or with more in it than its kind has. */
export function readAnnouncement(value: BencodeValue): Announcement | undefined {
  if (!isDictionary(value)) return undefined;
  const sha256 = value.get('sha256');
  const url = textOf(value.get('url'), MAX_URL);
  const version = textOf(value.get('version'), MAX_VERSION);
  if (!(sha256 instanceof Uint8Array) || sha256.length !== 32) return undefined;
  if (url === undefined || version === undefined || !/^(https:\/\/|magnet:\?)/.test(url))
    return undefined;
  return { version, url, sha256: sha256.slice() };
}

/** For the store: the value with what signs it. Undefined for an item that is not signed. */
export function encodeAnnouncement({ value, signed }: DhtItem): Uint8Array | undefined {
  if (signed === undefined) return undefined;
  return encodeBencode({ seq: signed.seq, sig: signed.signature, v: value });
}

export function decodeAnnouncement(
  bytes: Uint8Array,
  key: Uint8Array,
  salt: Uint8Array,
): (DhtItem & Announcement) | undefined {
  const read = decodeBencode(bytes, KEPT_LIMITS);
  if (!read.ok || !isDictionary(read.value)) return undefined;
  const [seq, signature, value] = ['seq', 'sig', 'v'].map((name) => (read.value as BencodeDictionary).get(name));
  if (typeof seq !== 'number' && typeof seq !== 'bigint') return undefined;
  if (!(signature instanceof Uint8Array) || value === undefined) return undefined;
  const said = readAnnouncement(value);
  return said && { ...said, value, signed: { key, signature, seq, salt } };
}

const isDictionary = (value: BencodeValue): value is BencodeDictionary => value instanceof Map;

function textOf(value: BencodeValue | undefined, max: number): string | undefined {
  if (!(value instanceof Uint8Array) || value.length > max) return undefined;
  const text = String.fromCharCode(...value);
  return PRINTABLE.test(text) ? text : undefined;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
