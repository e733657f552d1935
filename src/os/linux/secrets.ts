/** Node's own cryptography (OpenSSL) behind the port. */
import {
  argon2,
  createCipheriv,
  createDecipheriv,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { constants } from 'node:os';
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Argon2Cost, Secrets } from '../ports.ts';
import type { Native } from './native.ts';

/** Each waits for all before it, a tenth of a second or so; a longer queue is an attack. */
const MAX_WAITING = 16;
const TAG_BYTES = 16;

export class LinuxSecrets implements Secrets {
  readonly #native: Pick<Native, 'crypt'> | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Without the addon no crypt(5) hash can be checked. */
  constructor(native?: Pick<Native, 'crypt'>) {
    this.#native = native;
  }

  randomBytes(count: number): Uint8Array {
    return randomBytes(count);
  }

  argon2id(
    secret: Uint8Array,
    salt: Uint8Array,
    cost: Argon2Cost,
    lengthBytes: number,
  ): Promise<Result<Uint8Array, SystemError>> {
    return this.#inTurn(() => derive(secret, salt, cost, lengthBytes));
  }

  cryptMatches(password: string, hash: string): Promise<Result<boolean, SystemError>> {
    return this.#inTurn(async () => {
      // The library takes a text that ends at its first NUL.
      const made = password.includes('\0') ? '' : await this.#native?.crypt(password, hash);
      if (typeof made === 'string' && made !== '') {
        return ok(this.equal(Buffer.from(made), Buffer.from(hash)));
      }
      if (password.includes('\0') || made === -constants.errno.EINVAL) return ok(false);
      return err(new SystemError('the system cannot check this kind of hash', 'ENOSYS'));
    });
  }

  async #inTurn<T>(work: () => Promise<Result<T, SystemError>>): Promise<Result<T, SystemError>> {
    if (this.#waiting >= MAX_WAITING) {
      return err(new SystemError('too many passwords are being checked already', 'EBUSY'));
    }
    this.#waiting += 1;
    const mine = this.#tail.then(work);
    // Misuse throws; whoever comes next has nothing to do with it.
    this.#tail = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
    }
  }

  equal(a: Uint8Array, b: Uint8Array): boolean {
    return a.byteLength === b.byteLength && timingSafeEqual(a, b);
  }

  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, clear: Uint8Array): Uint8Array {
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
    return Buffer.concat([cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
  }

  open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined {
    const end = sealed.byteLength - TAG_BYTES;
    if (end < 0) return undefined;
    const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(aad)
      .setAuthTag(sealed.subarray(end));
    const clear = cipher.update(sealed.subarray(0, end));
    try {
      return Buffer.concat([clear, cipher.final()]);
    } catch {
      // OpenSSL throws for a wrong tag, and for nothing else here.
      return undefined;
    }
  }
}

/** Runs on a thread of libuv's pool; rejects only for arguments that cannot be. */
const derive = (
  secret: Uint8Array,
  salt: Uint8Array,
  { memoryKib, passes, lanes }: Argon2Cost,
  lengthBytes: number,
): Promise<Result<Uint8Array, SystemError>> =>
  new Promise((resolve) => {
    argon2(
      'argon2id',
      {
        message: secret,
        nonce: salt,
        parallelism: lanes,
        memory: memoryKib,
        passes,
        tagLength: lengthBytes,
      },
      (cause, key) => {
        if (cause === null) resolve(ok(key));
        else resolve(err(new SystemError('argon2id failed', 'EIO', { cause })));
      },
    );
  });
