/** Tokens (BEP 5): who has one has heard us at its address, for this target, within ten minutes. */
import type { IpAddress } from '../../base/ip6.ts';
import { compactEndpoint } from '../../wire/dht-id.ts';

const ROTATE_MS = 5 * 60_000;
const SECRET_BYTES = 16;
const TOKEN_BYTES = 8;

export class Tokens {
  readonly #sha1: (bytes: Uint8Array) => Uint8Array;
  readonly #random: (count: number) => Uint8Array;
  #secrets: readonly [now: Uint8Array, before: Uint8Array];
  #rotatedMs: number;

  constructor(
    sha1: (bytes: Uint8Array) => Uint8Array,
    random: (count: number) => Uint8Array,
    nowMs: number,
  ) {
    this.#sha1 = sha1;
    this.#random = random;
    this.#secrets = [random(SECRET_BYTES), random(SECRET_BYTES)];
    this.#rotatedMs = nowMs;
  }

  make(address: IpAddress, target: Uint8Array, nowMs: number): Uint8Array {
    this.#rotate(nowMs);
    return this.#of(this.#secrets[0], address, target);
  }

  valid(token: Uint8Array, address: IpAddress, target: Uint8Array, nowMs: number): boolean {
    this.#rotate(nowMs);
    if (token.length !== TOKEN_BYTES) return false;
    // Both are looked at whole, so that the time tells nothing.
    const [now, before] = this.#secrets.map((secret) =>
      differs(token, this.#of(secret, address, target)),
    );
    return now === 0 || before === 0;
  }

  #of(secret: Uint8Array, address: IpAddress, target: Uint8Array): Uint8Array {
    const from = compactEndpoint({ address, port: 0 });
    const all = new Uint8Array(secret.length + from.length + target.length);
    all.set(secret);
    all.set(from, secret.length);
    all.set(target, secret.length + from.length);
    return this.#sha1(all).subarray(0, TOKEN_BYTES);
  }

  #rotate(nowMs: number): void {
    const missed = Math.floor((nowMs - this.#rotatedMs) / ROTATE_MS);
    if (missed < 1) return;
    // Nobody asked for two turns: what the old secret made is too old, too.
    const before = missed > 1 ? this.#random(SECRET_BYTES) : this.#secrets[0];
    this.#secrets = [this.#random(SECRET_BYTES), before];
    this.#rotatedMs += missed * ROTATE_MS;
  }
}

function differs(a: Uint8Array, b: Uint8Array): number {
  let bits = 0;
  for (let i = 0; i < a.length; i++) bits |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return bits;
}
