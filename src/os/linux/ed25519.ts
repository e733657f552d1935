/** Ed25519 (RFC 8032) by Node's crypto, with keys as the DHT has them: 32 bytes. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

/** What PKCS #8 and SubjectPublicKeyInfo (RFC 8410 §4, §7) put before the 32 bytes. */
const PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');

const publicKey = (key: Uint8Array) =>
  createPublicKey({ key: Buffer.concat([PUBLIC, key]), format: 'der', type: 'spki' });

export const ed25519 = {
  /** False for a key that is none, too. */
  verify: (key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean => {
    try {
      return verify(null, message, publicKey(key), signature);
    } catch {
      return false;
    }
  },

  sign: (
    seed: Uint8Array,
    message: Uint8Array,
  ): { readonly key: Uint8Array; readonly signature: Uint8Array } => {
    const whole = { key: Buffer.concat([PRIVATE, seed]), format: 'der', type: 'pkcs8' } as const;
    const secret = createPrivateKey(whole);
    const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
    return { key: spki.subarray(-32), signature: sign(null, message, secret) };
  },
};
