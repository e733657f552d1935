/**
 * A hashed password as text: the PHC string format,
 * `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>` with base64 without padding.
 */
import { decodeError, ok, type Result } from './result.ts';

/** Version 0x13 of argon2 (RFC 9106), the only one. */
const VERSION = 19;

export interface PasswordHash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** What is taken when reading: a forged string must not cost gigabytes or hours. */
const BOUNDS = { memoryKib: [8, 262_144], passes: [1, 16], lanes: [1, 8] } as const;
const BYTES = [8, 64] as const;

const FORM =
  /^\$argon2id\$v=(\d{1,3})\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})$/;

export function formatPhc({ memoryKib, passes, lanes, salt, hash }: PasswordHash): string {
  return `$argon2id$v=${VERSION}$m=${memoryKib},t=${passes},p=${lanes}$${encode(salt)}$${encode(hash)}`;
}

export function parsePhc(text: string): Result<PasswordHash> {
  const match = FORM.exec(text);
  if (match === null) return decodeError('not an argon2id hash', 'phc', 0);
  const [version = 0, memoryKib = 0, passes = 0, lanes = 0] = match.slice(1, 5).map(Number);
  if (version !== VERSION) return decodeError('a version of argon2 that is not 19', 'v', 0);
  const salt = decode(match[5] ?? '');
  const hash = decode(match[6] ?? '');
  const fits =
    within(memoryKib, BOUNDS.memoryKib) &&
    within(passes, BOUNDS.passes) &&
    within(lanes, BOUNDS.lanes) &&
    memoryKib >= 8 * lanes;
  if (!fits) return decodeError('a cost out of bounds', 'm', 0);
  if (salt === undefined || !within(salt.byteLength, BYTES)) {
    return decodeError('not a salt', 'salt', 0);
  }
  if (hash === undefined || !within(hash.byteLength, BYTES)) {
    return decodeError('not a hash', 'hash', 0);
  }
  const value = { memoryKib, passes, lanes, salt, hash };
  // One hash has one text: no leading zeros, no loose bits at the end of the base64.
  return formatPhc(value) === text ? ok(value) : decodeError('not canonical', 'phc', 0);
}

const within = (value: number, [min, max]: readonly [number, number]): boolean =>
  value >= min && value <= max;

const encode = (bytes: Uint8Array): string => bytes.toBase64({ omitPadding: true });

function decode(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    // Text of that alphabet fails for its length alone.
    return undefined;
  }
}
