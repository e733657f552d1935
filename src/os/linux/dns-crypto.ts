/** Signatures and digests of DNSSEC by Node's own OpenSSL. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { BugError } from '../../base/errors.ts';
import type { DnsCrypto } from '../ports-dns-transport.ts';

/** RSASHA256 and RSASHA512 (RFC 5702), ECDSA (RFC 6605), EdDSA (RFC 8080). */
const ALGORITHMS: Readonly<
  Record<
    number,
    { readonly digest: string | null; readonly curve?: string; readonly keyBytes?: number }
  >
> = {
  8: { digest: 'sha256' },
  10: { digest: 'sha512' },
  13: { digest: 'sha256', curve: 'P-256', keyBytes: 64 },
  14: { digest: 'sha384', curve: 'P-384', keyBytes: 96 },
  15: { digest: null, curve: 'Ed25519', keyBytes: 32 },
  16: { digest: null, curve: 'Ed448', keyBytes: 57 },
};
const DIGESTS: Readonly<Record<number, string>> = { 2: 'sha256', 4: 'sha384' };
/** Longer ones only cost (RFC 5702 §2 has them up to 4096 bits). */
const MAX_RSA_BYTES = 512;
const MIN_RSA_BYTES = 128;
const MAX_KEYS = 256;

export class NodeDnsCrypto implements DnsCrypto {
  /** Parsed, by algorithm and bytes: zones sign much with few keys. Bounded. */
  readonly #keys = new Map<string, KeyObject | undefined>();

  knowsAlgorithm(algorithm: number): boolean {
    return ALGORITHMS[algorithm] !== undefined;
  }

  knowsDigest(digestType: number): boolean {
    return DIGESTS[digestType] !== undefined;
  }

  verify(algorithm: number, key: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
    const kind = ALGORITHMS[algorithm];
    if (kind === undefined) return false;
    const parsed = this.#key(algorithm, key);
    if (parsed === undefined) return false;
    try {
      const how =
        algorithm === 13 || algorithm === 14
          ? { key: parsed, dsaEncoding: 'ieee-p1363' as const }
          : parsed;
      return verify(kind.digest, data, how, signature);
    } catch {
      // OpenSSL throws on signatures of the wrong length: they verify nothing.
      return false;
    }
  }

  digest(digestType: number, data: Uint8Array): Uint8Array {
    const name = DIGESTS[digestType];
    if (name === undefined) throw new BugError(`no digest ${digestType}`);
    return Uint8Array.from(createHash(name).update(data).digest());
  }

  nsec3Hash(name: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
    let hash = createHash('sha1').update(name).update(salt).digest();
    for (let i = 0; i < iterations; i++)
      hash = createHash('sha1').update(hash).update(salt).digest();
    return Uint8Array.from(hash);
  }

  #key(algorithm: number, bytes: Uint8Array): KeyObject | undefined {
    const id = `${algorithm} ${Buffer.from(bytes).toString('latin1')}`;
    if (this.#keys.has(id)) return this.#keys.get(id);
    let key: KeyObject | undefined;
    try {
      const jwk = jwkOf(algorithm, bytes);
      if (jwk !== undefined) key = createPublicKey({ key: jwk, format: 'jwk' });
    } catch {
      // A point that is not on its curve, and the like: such a key verifies nothing.
      key = undefined;
    }
    if (this.#keys.size >= MAX_KEYS) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    this.#keys.set(id, key);
    return key;
  }
}

function jwkOf(algorithm: number, key: Uint8Array): Record<string, string> | undefined {
  const text = (from: number, to: number): string =>
    Buffer.from(key.subarray(from, to)).toString('base64url');
  const kind = ALGORITHMS[algorithm];
  if (kind?.curve !== undefined) {
    if (key.length !== kind.keyBytes) return undefined;
    const half = key.length / 2;
    return kind.digest === null
      ? { kty: 'OKP', crv: kind.curve, x: text(0, key.length) }
      : { kty: 'EC', crv: kind.curve, x: text(0, half), y: text(half, key.length) };
  }
  // RFC 3110 §2: exponent with its length before it, then the modulus.
  const short = key[0] ?? 0;
  const length = short === 0 ? ((key[1] ?? 0) << 8) | (key[2] ?? 0) : short;
  const start = short === 0 ? 3 : 1;
  const modulus = key.length - start - length;
  if (length < 1 || length > 8 || modulus < MIN_RSA_BYTES || modulus > MAX_RSA_BYTES + 1) {
    return undefined;
  }
  return { kty: 'RSA', e: text(start, start + length), n: text(start + length, key.length) };
}
