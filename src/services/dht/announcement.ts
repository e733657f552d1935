/** How a followed announcement is kept on disk: the item with what signs it. */
import { type BencodeDictionary, decodeBencode } from '../../wire/bencode.ts';
import { encodeBencode } from '../../wire/bencode-writer.ts';
import { readAnnouncement, type UpdateAnnouncement } from '../../wire/update-announcement.ts';
import type { DhtItem } from './item-store.ts';

const KEPT_LIMITS = { maxBytes: 2_000, maxDepth: 8, maxTokens: 64 };

/** Undefined for an item that is not signed. */
export function encodeAnnouncement({ value, signed }: DhtItem): Uint8Array | undefined {
  if (signed === undefined) return undefined;
  return encodeBencode({ seq: signed.seq, sig: signed.signature, v: value });
}

export function decodeAnnouncement(
  bytes: Uint8Array,
  key: Uint8Array,
  salt: Uint8Array,
): (DhtItem & UpdateAnnouncement) | undefined {
  const read = decodeBencode(bytes, KEPT_LIMITS);
  if (!read.ok || !(read.value instanceof Map)) return undefined;
  const [seq, signature, value] = ['seq', 'sig', 'v'].map((name) =>
    (read.value as BencodeDictionary).get(name),
  );
  if (typeof seq !== 'number' && typeof seq !== 'bigint') return undefined;
  if (!(signature instanceof Uint8Array) || value === undefined) return undefined;
  const said = readAnnouncement(value);
  return said && { ...said, value, signed: { key, signature, seq, salt } };
}
