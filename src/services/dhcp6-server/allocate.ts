/** Pure: which address or prefix a client gets. */
import {
  ANY6,
  contains6,
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  overlaps6,
  type PrefixLen6,
  subPrefix,
} from '../../base/ip6.ts';

export interface Chooser {
  /** Whether nobody else has it; `held`: nor may still have it, for all that is known. */
  isFree(prefix: Ipv6Prefix, held: boolean): boolean;
  /** 64 random bits. */
  random64(): bigint;
}

const HOST = 128 as PrefixLen6;
/** In a pool that is not full of hostile clients the first is free. */
const TRIES = 64;

/** Left free for the router and for what people set by hand. */
const LOW_RESERVED = 0x100n;

/**
 * Interface identifiers that are nobody's (RFC 5453): subnet-router anycast and low ones, reserved
 * anycast (RFC 2526), and those of IANA's own range.
 */
const isReserved = (iid: bigint): boolean =>
  iid < LOW_RESERVED ||
  (iid >= 0xfdffffffffffff80n && iid <= 0xfdffffffffffffffn) ||
  (iid >= 0x02005efffe000000n && iid <= 0x02005efffeffffffn);

/** An address in `pool` that is free: one of the hints, else random. */
export function chooseAddress(
  pool: Ipv6Prefix,
  hints: readonly Ipv6Prefix[],
  chooser: Chooser,
): Ipv6Prefix | undefined {
  const bits = 128 - pool.prefixLen;
  const iid = (address: Ipv6): bigint => BigInt.asUintN(Math.min(bits, 64), address);
  for (const hint of hints) {
    const { address } = hint;
    if (hint.prefixLen !== 128 || !contains6(pool, address) || isReserved(iid(address))) continue;
    if (chooser.isFree(hint, false)) return hint;
  }
  for (const held of [true, false]) {
    for (let i = 0; i < TRIES; i++) {
      const suffix = BigInt.asUintN(Math.min(bits, 64), chooser.random64());
      if (isReserved(suffix)) continue;
      const prefix = { address: ipv6(pool.address | suffix), prefixLen: HOST };
      if (chooser.isFree(prefix, held)) return prefix;
    }
  }
  return undefined;
}

/**
 * A prefix out of `pool`, which stays off `links` (prefixes in use on links of this box): the hint
 * itself, one of the length that was wished (RFC 8168 §3.2: never shorter than `length`), else one
 * of `length`.
 */
export function choosePrefix(
  pool: Ipv6Prefix,
  length: PrefixLen6,
  hints: readonly Ipv6Prefix[],
  links: readonly Ipv6Prefix[],
  chooser: Chooser,
): Ipv6Prefix | undefined {
  const fits = (prefix: Ipv6Prefix, held: boolean): boolean =>
    !links.some((link) => overlaps6(link, prefix)) && chooser.isFree(prefix, held);
  for (const hint of hints) {
    const inside = hint.prefixLen >= length && hint.prefixLen <= 64 && overlaps6(pool, hint);
    if (hint.address !== ANY6 && inside && hint.prefixLen >= pool.prefixLen && fits(hint, false)) {
      return hint;
    }
  }
  const wish = hints.find((hint) => hint.prefixLen > length && hint.prefixLen <= 64);
  const wanted = wish?.prefixLen ?? length;
  if (wanted < pool.prefixLen) return undefined;
  const count = 1n << BigInt(wanted - pool.prefixLen);
  const start = chooser.random64();
  for (const held of [true, false]) {
    // From a random place on, so that one client's prefix tells nothing of the next one's.
    for (let i = 0n; i < count && i < 4096n; i++) {
      const prefix = subPrefix(pool, wanted, (start + i) % count);
      if (prefix !== undefined && fits(prefix, held)) return prefix;
    }
  }
  return undefined;
}
