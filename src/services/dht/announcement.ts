/** How a followed announcement is kept on disk: the item with what signs it. */
import { toHex } from '../../base/bytes.ts';
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../../wire/bencode.ts';
import { encodeBencode } from '../../wire/bencode-writer.ts';
import { readAnnouncement, type UpdateAnnouncement } from '../../wire/update-announcement.ts';
import type { DhtItem } from './item-store.ts';

const KEPT_LIMITS = { maxBytes: 2_000, maxDepth: 8, maxTokens: 64 };

/** Undefined for an item that is not signed. */
export function encodeAnnouncement({ value, signed }: DhtItem): Uint8Array | undefined {
  if (signed === undefined) return undefined;
  const { key, salt, seq, signature } = signed;
  return encodeBencode({ k: key, salt: salt ?? new Uint8Array(), seq, sig: signature, v: value });
}

/** Undefined for what is none, or stands under another key or salt. */
export function decodeAnnouncement(
  bytes: Uint8Array,
  key: Uint8Array,
  salt: Uint8Array,
): (DhtItem & UpdateAnnouncement) | undefined {
  const read = decodeBencode(bytes, KEPT_LIMITS);
  if (!read.ok || !(read.value instanceof Map)) return undefined;
  const [k, s, seq, signature, value] = ['k', 'salt', 'seq', 'sig', 'v'].map((name) =>
    (read.value as BencodeDictionary).get(name),
  );
  if (!isSame(k, key) || !isSame(s, salt)) return undefined;
  if (typeof seq !== 'number' && typeof seq !== 'bigint') return undefined;
  if (!(signature instanceof Uint8Array) || value === undefined) return undefined;
  const said = readAnnouncement(value);
  return said && { ...said, value, signed: { key, signature, seq, salt } };
}

const isSame = (value: BencodeValue | undefined, wanted: Uint8Array): boolean =>
  value instanceof Uint8Array && toHex(value) === toHex(wanted);
