/** What an update announcement says: the value of a mutable item of the DHT (BEP 44). */
import type { BencodeDictionary, BencodeValue } from './bencode.ts';

export interface UpdateAnnouncement {
  readonly version: string;
  /** Where the bundle is: HTTPS, or a magnet link. */
  readonly url: string;
  /** Of the whole bundle. */
  readonly sha256: Uint8Array;
}

const MAX_VERSION = 64;
const MAX_URL = 512;
const PRINTABLE = /^[\x21-\x7e]+$/;

export const announcementValue = ({ version, url, sha256 }: UpdateAnnouncement): BencodeValue =>
  new Map<string, BencodeValue>([
    ['sha256', sha256],
    ['url', ascii(url)],
    ['version', ascii(version)],
  ]);

/** Undefined for a value that is no announcement: a text too long or with more in it than its kind has. */
export function readAnnouncement(value: BencodeValue): UpdateAnnouncement | undefined {
  if (!isDictionary(value)) return undefined;
  const sha256 = value.get('sha256');
  const url = textOf(value.get('url'), MAX_URL);
  const version = textOf(value.get('version'), MAX_VERSION);
  if (!(sha256 instanceof Uint8Array) || sha256.length !== 32) return undefined;
  if (url === undefined || version === undefined || !/^(https:\/\/|magnet:\?)/.test(url))
    return undefined;
  return { version, url, sha256: sha256.slice() };
}

const isDictionary = (value: BencodeValue): value is BencodeDictionary => value instanceof Map;

function textOf(value: BencodeValue | undefined, max: number): string | undefined {
  if (!(value instanceof Uint8Array) || value.length > max) return undefined;
  const text = String.fromCharCode(...value);
  return PRINTABLE.test(text) ? text : undefined;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
