/** Values of others (BEP 44): immutable ones by their hash, mutable ones by key and salt. */
import { toHex } from '../../base/bytes.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type BencodeValue, decodeBencode } from '../../wire/bencode.ts';
import { BencodeWriter, encodeBencode } from '../../wire/bencode-writer.ts';
import { KRPC_ERRORS, MAX_ITEM_BYTES, type SignedPut } from '../../wire/krpc.ts';

const KEEP_MS = 2 * 60 * 60_000;
const MAX_ITEMS = 1_000;
/** Of a value as it is encoded. */
export const ITEM_LIMITS = { maxBytes: MAX_ITEM_BYTES, maxDepth: 32, maxTokens: 600 };

export interface DhtItem {
  readonly value: BencodeValue;
  /** Undefined: immutable. */
  readonly signed: Omit<SignedPut, 'cas'> | undefined;
}

export interface ItemCrypto {
  sha1(bytes: Uint8Array): Uint8Array;
  /** Ed25519 (RFC 8032): 32-byte key, 64-byte signature. */
  verify(key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean;
}

export interface ItemFault {
  readonly code: number;
  readonly message: string;
}

/** Where an item is kept: the hash of its value as it is encoded, or of key and salt. */
export function itemTarget(item: DhtItem, sha1: ItemCrypto['sha1']): Uint8Array {
  if (item.signed === undefined) return sha1(encodeBencode(item.value));
  return mutableTarget(item.signed.key, item.signed.salt, sha1);
}

export function mutableTarget(
  key: Uint8Array,
  salt: Uint8Array | undefined,
  sha1: ItemCrypto['sha1'],
): Uint8Array {
  const all = new Uint8Array(key.length + (salt?.length ?? 0));
  all.set(key);
  if (salt !== undefined) all.set(salt, key.length);
  return sha1(all);
}

/** What the signature of a mutable item is of. */
export function signedBytes(
  value: BencodeValue,
  seq: number | bigint,
  salt: Uint8Array | undefined,
): Uint8Array {
  const writer = new BencodeWriter();
  if (salt !== undefined && salt.length > 0) writer.key('salt').string(salt);
  return writer.key('seq').integer(seq).key('v').value(value).bytes();
}

/** Whether what came is what `target` stands for; `salt` is known to who asks, never told. */
export function itemHolds(item: DhtItem, target: Uint8Array, crypto: ItemCrypto): boolean {
  if (toHex(itemTarget(item, crypto.sha1)) !== toHex(target)) return false;
  return item.signed === undefined || signatureHolds(item.value, item.signed, crypto);
}

const signatureHolds = (
  value: BencodeValue,
  { key, signature, seq, salt }: Omit<SignedPut, 'cas'>,
  crypto: ItemCrypto,
): boolean => crypto.verify(key, signature, signedBytes(value, seq, salt));

interface Kept {
  readonly item: DhtItem;
  readonly untilMs: number;
}

export class ItemStore {
  readonly #crypto: ItemCrypto;
  /** The one put last is the last. */
  readonly #items = new Map<string, Kept>();

  constructor(crypto: ItemCrypto) {
    this.#crypto = crypto;
  }

  get size(): number {
    return this.#items.size;
  }

  targetOf(item: DhtItem): Uint8Array {
    return itemTarget(item, this.#crypto.sha1);
  }

  get(target: Uint8Array, nowMs: number): DhtItem | undefined {
    const key = toHex(target);
    const kept = this.#items.get(key);
    if (kept === undefined || kept.untilMs > nowMs) return kept?.item;
    this.#items.delete(key);
    return undefined;
  }

  /** `mayVerify` is asked before the one thing that is dear: a signature. */
  put(
    value: BencodeValue,
    signed: SignedPut | undefined,
    nowMs: number,
    mayVerify: () => boolean,
  ): Result<void, ItemFault> {
    const target = itemTarget({ value, signed }, this.#crypto.sha1);
    if (signed !== undefined) {
      const held = this.get(target, nowMs);
      const fault = held?.signed === undefined ? undefined : sequenceFault(held, value, signed);
      if (fault !== undefined) return err(fault);
      if (!mayVerify()) return err({ code: KRPC_ERRORS.server, message: 'busy' });
      if (!signatureHolds(value, signed, this.#crypto))
        return err({ code: KRPC_ERRORS.badSignature, message: 'invalid signature' });
    }
    this.#keep(target, value, signed, nowMs);
    return ok(undefined);
  }

  tidy(nowMs: number): void {
    for (const [key, { untilMs }] of this.#items) {
      if (untilMs > nowMs) return;
      this.#items.delete(key);
    }
  }

  #keep(
    target: Uint8Array,
    value: BencodeValue,
    signed: SignedPut | undefined,
    nowMs: number,
  ): void {
    const key = toHex(target);
    this.#items.delete(key);
    const copy = decodeBencode(encodeBencode(value), ITEM_LIMITS);
    if (!copy.ok) return;
    const own = signed && {
      ...{ key: signed.key.slice(), signature: signed.signature.slice(), seq: signed.seq },
      salt: signed.salt?.slice(),
    };
    this.#items.set(key, { item: { value: copy.value, signed: own }, untilMs: nowMs + KEEP_MS });
    const [oldest] = this.#items.keys();
    if (this.#items.size > MAX_ITEMS && oldest !== undefined) this.#items.delete(oldest);
  }
}

/** BEP 44: `seq` never goes back; where it stays, the value does; `cas` names the one to replace. */
function sequenceFault(
  held: DhtItem,
  value: BencodeValue,
  signed: SignedPut,
): ItemFault | undefined {
  const before = held.signed?.seq ?? 0;
  if (signed.cas !== undefined && signed.cas !== before)
    return { code: KRPC_ERRORS.casMismatch, message: 'CAS mismatch' };
  const same = (): boolean => toHex(encodeBencode(value)) === toHex(encodeBencode(held.value));
  if (signed.seq < before || (signed.seq === before && !same()))
    return { code: KRPC_ERRORS.seqTooLow, message: 'sequence number less than current' };
  return undefined;
}
