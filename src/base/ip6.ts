import { formatIpv4, type Ipv4, type Mac, parseIpv4 } from './ip.ts';
import { decodeError, ok, type Result } from './result.ts';

declare const brand: unique symbol;
/** An IPv6 address as an unsigned 128-bit number in host order: `::1` is 1n. */
export type Ipv6 = bigint & { readonly [brand]: 'Ipv6' };
/** Of either family: an IPv4 address is a number, an IPv6 address a bigint. */
export type IpAddress = Ipv4 | Ipv6;
/** Length of an IPv6 prefix, 0 to 128. */
export type PrefixLen6 = number & { readonly [brand]: 'PrefixLen6' };

export interface Ipv6Prefix {
  readonly address: Ipv6;
  readonly prefixLen: PrefixLen6;
}

const ALL_ONES = (1n << 128n) - 1n;

/** Takes the lowest 128 bits. */
export const ipv6 = (value: bigint): Ipv6 => BigInt.asUintN(128, value) as Ipv6;

export const ANY6 = ipv6(0n);
/** `fe80::/10` (RFC 4291 §2.5.6). */
const LINK_LOCAL: Ipv6Prefix = { address: ipv6(0xfe80n << 112n), prefixLen: len6(10) };
/** `fc00::/7`: unique local addresses (RFC 4193). */
export const UNIQUE_LOCAL: Ipv6Prefix = { address: ipv6(0xfcn << 120n), prefixLen: len6(7) };
const MULTICAST: Ipv6Prefix = { address: ipv6(0xffn << 120n), prefixLen: len6(8) };
/** All nodes of the link (RFC 4291 §2.7.1). */
export const ALL_NODES = ipv6((0xff02n << 112n) | 1n);
/** All DHCP relay agents and servers of the link (RFC 8415 §7.1). */
export const ALL_DHCP_SERVERS = ipv6((0xff02n << 112n) | 0x10002n);

/** Parses the forms of RFC 4291 §2.2; zone ids are refused. */
export function parseIpv6(text: string, field = 'address'): Result<Ipv6> {
  const groups = parseGroups(text);
  if (groups === undefined) {
    return decodeError(`not an IPv6 address: ${JSON.stringify(text.slice(0, 64))}`, field, 0);
  }
  return ok(ipv6(groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)));
}

/** `address/length`; bits behind the prefix are refused, since a prefix has none. */
export function parseIpv6Prefix(text: string, field = 'prefix'): Result<Ipv6Prefix> {
  const slash = text.indexOf('/');
  const length = /^(0|[1-9]\d{0,2})$/.test(text.slice(slash + 1)) ? text.slice(slash + 1) : 'x';
  const prefixLen = prefixLen6(Number(length));
  if (slash < 0 || prefixLen === undefined) {
    return decodeError(`not an IPv6 prefix: ${JSON.stringify(text.slice(0, 64))}`, field, 0);
  }
  const address = parseIpv6(text.slice(0, slash), field);
  if (!address.ok) return address;
  const prefix = { address: address.value, prefixLen };
  return networkOf6(prefix) === address.value
    ? ok(prefix)
    : decodeError(`${text} has bits behind the prefix`, field, 0);
}

/** The canonical text of RFC 5952. */
export function formatIpv6(address: Ipv6): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    Number((address >> BigInt(112 - 16 * i)) & 0xffffn),
  );
  // §4.2.3: the longest run of two or more zeros, the first of equals.
  let bestAt = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length += 1;
    if (length > bestLength) [bestAt, bestLength] = [at, length];
  }
  const hex = groups.map((group) => group.toString(16));
  // §5: IPv4-mapped addresses in mixed notation.
  if (bestAt === 0 && bestLength === 5 && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  if (bestAt < 0) return hex.join(':');
  return `${hex.slice(0, bestAt).join(':')}::${hex.slice(bestAt + bestLength).join(':')}`;
}

export const formatIp = (address: IpAddress): string =>
  typeof address === 'number' ? formatIpv4(address) : formatIpv6(address);

export const formatPrefix6 = (p: Ipv6Prefix): string => `${formatIpv6(p.address)}/${p.prefixLen}`;

export function prefixLen6(value: number): PrefixLen6 | undefined {
  return Number.isInteger(value) && value >= 0 && value <= 128 ? (value as PrefixLen6) : undefined;
}

function len6(value: number): PrefixLen6 {
  return value as PrefixLen6;
}

export const maskOf6 = (len: PrefixLen6): Ipv6 => ipv6(ALL_ONES << BigInt(128 - len));

export const networkOf6 = (p: Ipv6Prefix): Ipv6 => (p.address & maskOf6(p.prefixLen)) as Ipv6;

/** Highest address of the prefix. */
export const lastOf6 = (p: Ipv6Prefix): Ipv6 =>
  ipv6(networkOf6(p) | (ALL_ONES >> BigInt(p.prefixLen)));

export const contains6 = (p: Ipv6Prefix, a: Ipv6): boolean =>
  networkOf6(p) === ((a & maskOf6(p.prefixLen)) as Ipv6);

/** True when the two prefixes share an address. */
export const overlaps6 = (p: Ipv6Prefix, q: Ipv6Prefix): boolean =>
  p.prefixLen <= q.prefixLen ? contains6(p, q.address) : contains6(q, p.address);

export const isLinkLocal = (a: Ipv6): boolean => contains6(LINK_LOCAL, a);
export const isMulticast6 = (a: Ipv6): boolean => contains6(MULTICAST, a);

/** May be a host's own beyond its link: not unspecified, loopback, multicast, link-local or IPv4-mapped (RFC 4291 §2.4). */
export const isHostAddress6 = (a: Ipv6): boolean =>
  a >> 8n !== 0n && a >> 32n !== 0xffffn && !isMulticast6(a) && !isLinkLocal(a);

/** The interface identifier of a MAC: modified EUI-64 (RFC 4291 appendix A). */
export function eui64(mac: Mac): bigint {
  const value = BigInt(`0x${mac.replaceAll(':', '')}`);
  return ((value >> 24n) << 40n) ^ (0x02n << 56n) ^ (0xfffen << 24n) ^ (value & 0xffffffn);
}

export const linkLocalOf = (mac: Mac): Ipv6 => ipv6(LINK_LOCAL.address | eui64(mac));

/** A unique local /48 with the L bit from five random bytes (RFC 4193 §3.2). */
export function ulaPrefix(random: Uint8Array): Ipv6Prefix {
  const globalId = random.subarray(0, 5).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return { address: ipv6((0xfdn << 120n) | (globalId << 80n)), prefixLen: len6(48) };
}

/** The `index`-th prefix of length `len` inside `p`; undefined when it has fewer. */
export function subPrefix(p: Ipv6Prefix, len: PrefixLen6, index: bigint): Ipv6Prefix | undefined {
  if (len < p.prefixLen || index < 0n || index >= 1n << BigInt(len - p.prefixLen)) return undefined;
  return { address: ipv6(networkOf6(p) | (index << BigInt(128 - len))), prefixLen: len };
}

/** Sixteen bytes in network order. */
export function ipv6Bytes(address: Ipv6): Uint8Array {
  const bytes = new Uint8Array(16);
  putIpv6(new DataView(bytes.buffer), 0, address);
  return bytes;
}

export function putIpv6(view: DataView, at: number, address: Ipv6): void {
  view.setBigUint64(at, address >> 64n);
  view.setBigUint64(at + 8, address & 0xffffffffffffffffn);
}

/** Of the sixteen bytes at `at`, which must be there. */
export const getIpv6 = (view: DataView, at: number): Ipv6 =>
  ((view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8)) as Ipv6;

function parseGroups(text: string): readonly number[] | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseHalf(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseHalf(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : undefined;
  // `::` stands for at least one group.
  return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** `last`: the half ends the address, so it may end in dotted decimal. */
function parseHalf(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const address = parseIpv4(part);
      if (!address.ok) return undefined;
      groups.push(address.value >>> 16, address.value & 0xffff);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}
