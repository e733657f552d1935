import { decodeError, ok, type Result } from './result.ts';

declare const brand: unique symbol;
/** An IPv4 address as an unsigned 32-bit number in host order: `192.0.2.1` is 0xc0000201. */
export type Ipv4 = number & { readonly [brand]: 'Ipv4' };
/** A MAC address in lower case with colons: `02:00:00:00:00:01`. */
export type Mac = string & { readonly [brand]: 'Mac' };
/** Length of an IPv4 prefix, 0 to 32. */
export type PrefixLen = number & { readonly [brand]: 'PrefixLen' };

export interface Ipv4Prefix {
  readonly address: Ipv4;
  readonly prefixLen: PrefixLen;
}

/** rtm_protocol and IFA_PROTO of every route and address that Gatehouse sets: unassigned by the kernel and by iproute2's tables. */
export const OWN_PROTOCOL = 71;

const OCTET = /^(0|[1-9]\d{0,2})$/;

/** Parses dotted decimal with four octets and no leading zeros (RFC 6943 §3.1.1, strict form). */
export function parseIpv4(text: string, field = 'address'): Result<Ipv4> {
  const parts = text.split('.');
  if (parts.length !== 4) return decodeError(`not an IPv4 address: ${quote(text)}`, field, 0);
  let value = 0;
  for (const part of parts) {
    const octet = Number(part);
    if (!OCTET.test(part) || octet > 255) {
      return decodeError(`not an IPv4 address: ${quote(text)}`, field, 0);
    }
    value = value * 256 + octet;
  }
  return ok(value as Ipv4);
}

export const ipv4 = (value: number): Ipv4 => (value >>> 0) as Ipv4;

export const formatIpv4 = (a: Ipv4): string =>
  `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;

export const maskOf = (len: PrefixLen): Ipv4 => ipv4(len === 0 ? 0 : -1 << (32 - len));

/** The prefix length of a contiguous netmask, or undefined. */
export function prefixLenOf(mask: Ipv4): PrefixLen | undefined {
  const ones = (mask === 0 ? 0 : 32 - trailingZeros(mask)) as PrefixLen;
  return maskOf(ones) === mask ? ones : undefined;
}

const trailingZeros = (n: number): number => 31 - Math.clz32(n & -n);

export function prefixLen(value: number): PrefixLen | undefined {
  return Number.isInteger(value) && value >= 0 && value <= 32 ? (value as PrefixLen) : undefined;
}

export const networkOf = (p: Ipv4Prefix): Ipv4 => ipv4(p.address & maskOf(p.prefixLen));

export const broadcastOf = (p: Ipv4Prefix): Ipv4 => ipv4(p.address | ~maskOf(p.prefixLen));

export const contains = (p: Ipv4Prefix, a: Ipv4): boolean =>
  networkOf(p) === ipv4(a & maskOf(p.prefixLen));

/** True when the two prefixes share an address. */
export const overlaps = (p: Ipv4Prefix, q: Ipv4Prefix): boolean =>
  p.prefixLen <= q.prefixLen ? contains(p, q.address) : contains(q, p.address);

export const formatPrefix = (p: Ipv4Prefix): string => `${formatIpv4(p.address)}/${p.prefixLen}`;

/** 0/8, 127/8, 224/4, 240/4 and broadcast can never be the address of a host on a link (RFC 1122 §3.2.1.3). */
export function isHostAddress(a: Ipv4): boolean {
  const top = a >>> 24;
  return top !== 0 && top !== 127 && top < 224;
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

export function parseMac(text: string, field = 'mac'): Result<Mac> {
  const lower = text.toLowerCase();
  return MAC.test(lower)
    ? ok(lower as Mac)
    : decodeError(`not a MAC address: ${quote(text)}`, field, 0);
}

/** The first six bytes of a hardware address. */
export const formatMac = (bytes: Uint8Array): Mac =>
  Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;

const quote = (text: string): string => JSON.stringify(text.slice(0, 64));

/** A MAC address of the 48-bit number that its bytes make in network order. */
export const macOf = (value: number): Mac =>
  (value.toString(16).padStart(12, '0').match(/../g)?.join(':') ?? '') as Mac;

export const macNumber = (mac: Mac): number => Number.parseInt(mac.replaceAll(':', ''), 16);

/** Six bytes in network order. */
export const macBytes = (mac: Mac): Uint8Array =>
  Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));

/** Bytes of a MAC address say that nobody but the device gave it (IEEE 802, U/L bit). */
export const isRandomised = (mac: Mac): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0;
