/** Ids of 20 bytes and how far they are from one another (BEP 5: the exclusive or). */
export const ID_BYTES = 20;

/** Nodes of a bucket, of an answer, and of those that keep a value. */
export const K = 8;

/** The first four bytes. */
export const headOf = (id: Uint8Array): number =>
  (((id[0] ?? 0) << 24) | ((id[1] ?? 0) << 16) | ((id[2] ?? 0) << 8) | (id[3] ?? 0)) >>> 0;

/** Bits at the beginning that two ids share, 160 when they are one. */
export function sharedBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < ID_BYTES; i++) {
    const difference = (a[i] ?? 0) ^ (b[i] ?? 0);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return ID_BYTES * 8;
}

/** Below 0 when `a` is closer to `target` than `b` is. */
export function compareDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < ID_BYTES; i++) {
    const t = target[i] ?? 0;
    const difference = ((a[i] ?? 0) ^ t) - ((b[i] ?? 0) ^ t);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A random id that shares exactly `bits` bits with `id`. */
export function idInBucket(id: Uint8Array, bits: number, random: Uint8Array): Uint8Array {
  const made = random.slice(0, ID_BYTES);
  const whole = bits >> 3;
  made.set(id.subarray(0, whole));
  if (whole < ID_BYTES) {
    const rest = bits & 7;
    const kept = (0xff00 >> rest) & 0xff;
    const flip = 0x80 >> rest;
    const own = id[whole] ?? 0;
    made[whole] = (own & kept) | (~own & flip) | ((made[whole] ?? 0) & (0xff >> (rest + 1)));
  }
  return made;
}
