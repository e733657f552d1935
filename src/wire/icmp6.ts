/** Router solicitations and advertisements (RFC 4861 §4.1, §4.2) as whole Ethernet frames, with the options that routers send. */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv6, type Ipv6Prefix, isLinkLocal, type PrefixLen6, putIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { decodeNames, encodeNames } from './dns-names.ts';
import { checksum6, decodeIp6, encodeIp6, HEADERS_BYTES, takeIpv6 } from './ip6.ts';

/** RFC 4191 §2.1. */
export type RouterPreference = 'low' | 'medium' | 'high';

/** Lifetimes in seconds; Infinity for 0xffffffff where the field has 32 bits. */
export type NdOption =
  /** RFC 4861 §4.6.1. */
  | { readonly kind: 'sourceLinkLayer'; readonly mac: Uint8Array }
  /** RFC 4861 §4.6.2. */
  | {
      readonly kind: 'prefix';
      readonly prefix: Ipv6Prefix;
      readonly onLink: boolean;
      readonly autonomous: boolean;
      readonly validSec: number;
      readonly preferredSec: number;
    }
  /** RFC 4861 §4.6.4. */
  | { readonly kind: 'mtu'; readonly mtu: number }
  /** RFC 4191 §2.3. */
  | {
      readonly kind: 'route';
      readonly prefix: Ipv6Prefix;
      readonly preference: RouterPreference;
      readonly lifetimeSec: number;
    }
  /** RFC 8106 §5.1. */
  | { readonly kind: 'rdnss'; readonly lifetimeSec: number; readonly servers: readonly Ipv6[] }
  /** RFC 8106 §5.2. */
  | { readonly kind: 'dnssl'; readonly lifetimeSec: number; readonly domains: readonly string[] }
  /** RFC 8910 §2.3. */
  | { readonly kind: 'captivePortal'; readonly uri: string }
  /** RFC 8781 §4: lifetime in steps of 8 s, prefix of 96, 64, 56, 48, 40 or 32 bits. */
  | { readonly kind: 'pref64'; readonly lifetimeSec: number; readonly prefix: Ipv6Prefix }
  /** Whole body behind type and length. */
  | { readonly kind: 'unknown'; readonly type: number; readonly body: Uint8Array };

export interface RouterAdvertisement {
  /** 0: unspecified. */
  readonly hopLimit: number;
  /** M: addresses by DHCPv6. */
  readonly managed: boolean;
  /** O: other configuration by DHCPv6. */
  readonly other: boolean;
  readonly preference: RouterPreference;
  /** 0: not a default router. At most 65,535. */
  readonly lifetimeSec: number;
  readonly reachableMs: number;
  readonly retransMs: number;
  readonly options: readonly NdOption[];
}

export interface NdPacket {
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly body:
    | { readonly kind: 'solicitation'; readonly options: readonly NdOption[] }
    | { readonly kind: 'advertisement'; readonly advertisement: RouterAdvertisement };
}

const NEXT_HEADER_ICMPV6 = 58;
const TYPE_SOLICITATION = 133;
const TYPE_ADVERTISEMENT = 134;
/** Proves that no router forwarded it (RFC 4861 §6.1). */
const ND_HOP_LIMIT = 255;
const INFINITE = 0xffffffff;

const TYPE = {
  sourceLinkLayer: 1,
  prefix: 3,
  mtu: 5,
  route: 24,
  rdnss: 25,
  dnssl: 31,
  captivePortal: 37,
  pref64: 38,
} as const;

/** Prf bits; the reserved value counts as medium (RFC 4191 §2.2). */
const PREFERENCE_BITS = { low: 3, medium: 0, high: 1 } as const;
const preferenceOf = (bits: number): RouterPreference =>
  bits === 1 ? 'high' : bits === 3 ? 'low' : 'medium';

/** RFC 8781 §4: Prefix Length Code. */
const PREF64_LENGTHS = [96, 64, 56, 48, 40, 32];

/** The number of an option's type. */
export const ndTypeOf = (option: NdOption): number =>
  option.kind === 'unknown' ? option.type : TYPE[option.kind];

/** Refuses what RFC 4861 §6.1 has a node discard; only solicitations and advertisements are read. */
export function decodeNd(frame: Uint8Array): Result<NdPacket> {
  const ip = decodeIp6(frame);
  if (!ip.ok) return ip;
  const { payload, source, destination, sourceMac, destinationMac } = ip.value;
  if (ip.value.nextHeader !== NEXT_HEADER_ICMPV6) return refuse('not ICMPv6', 'ip.nextHeader', -34);
  if (ip.value.hopLimit !== ND_HOP_LIMIT) return refuse('was forwarded', 'ip.hopLimit', -33);
  const r = new ByteReader(payload);
  const type = r.u8('icmp.type');
  const code = r.u8('icmp.code');
  r.u16('icmp.checksum');
  if (r.error !== undefined) return refuse('truncated', r.error.field, r.error.offset);
  if (code !== 0) return refuse(`code ${code}`, 'icmp.code', 1);
  if (checksum6(source, destination, NEXT_HEADER_ICMPV6, payload) !== 0) {
    return refuse('wrong checksum', 'icmp.checksum', 2);
  }
  const common = { sourceMac, destinationMac, source, destination };
  if (type === TYPE_SOLICITATION) {
    r.u32('icmp.reserved');
    const options = ndOptions(r);
    if (!options.ok) return options;
    const unspecified = source === 0n;
    if (unspecified && options.value.some(({ kind }) => kind === 'sourceLinkLayer')) {
      return refuse('a link-layer address of nobody', 'option.1', 8);
    }
    return ok({ ...common, body: { kind: 'solicitation', options: options.value } });
  }
  if (type !== TYPE_ADVERTISEMENT) return refuse(`type ${type}`, 'icmp.type', 0);
  if (!isLinkLocal(source)) return refuse('not from a link-local address', 'ip.source', -32);
  const hopLimit = r.u8('ra.hopLimit');
  const flags = r.u8('ra.flags');
  const lifetimeSec = r.u16('ra.lifetime');
  const reachableMs = r.u32('ra.reachable');
  const retransMs = r.u32('ra.retrans');
  const options = ndOptions(r);
  if (!options.ok) return options;
  const advertisement: RouterAdvertisement = {
    ...{ hopLimit, lifetimeSec, reachableMs, retransMs, options: options.value },
    managed: (flags & 0x80) !== 0,
    other: (flags & 0x40) !== 0,
    preference: preferenceOf((flags >> 3) & 3),
  };
  return ok({ ...common, body: { kind: 'advertisement', advertisement } });
}

export function encodeNd({ body, ...packet }: NdPacket): Uint8Array {
  const { options } = body.kind === 'solicitation' ? body : body.advertisement;
  const parts = options.map(optionBytes);
  const headBytes = body.kind === 'solicitation' ? 8 : 16;
  const payload = new Uint8Array(headBytes + parts.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(payload.buffer);
  if (body.kind === 'solicitation') {
    payload[0] = TYPE_SOLICITATION;
  } else {
    const ra = body.advertisement;
    payload[0] = TYPE_ADVERTISEMENT;
    payload[4] = ra.hopLimit;
    payload[5] =
      (ra.managed ? 0x80 : 0) | (ra.other ? 0x40 : 0) | (PREFERENCE_BITS[ra.preference] << 3);
    view.setUint16(6, Math.min(ra.lifetimeSec, 0xffff));
    view.setUint32(8, ra.reachableMs);
    view.setUint32(12, ra.retransMs);
  }
  let at = headBytes;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return encodeIp6(
    { ...packet, payload, nextHeader: NEXT_HEADER_ICMPV6, hopLimit: ND_HOP_LIMIT },
    2,
  );
}

/** `offset` counts from the start of the ICMPv6 message. */
const refuse = (message: string, field: string, offset: number): Result<never> =>
  decodeError(message, field, HEADERS_BYTES + offset);

function ndOptions(r: ByteReader): Result<readonly NdOption[]> {
  const options: NdOption[] = [];
  while (r.remaining > 0 && r.error === undefined) {
    const at = r.offset;
    const type = r.u8('option');
    const length = r.u8('option');
    if (length === 0) return refuse('length 0', `option.${type}`, at);
    const body = r.take(8 * length - 2, `option.${type}`);
    if (r.error !== undefined) break;
    options.push(readOption(type, body));
  }
  return r.error === undefined ? ok(options) : refuse('truncated', r.error.field, r.error.offset);
}

/** What does not read as its type says is kept as unknown: one bad option does not spoil the others. */
function readOption(type: number, body: Uint8Array): NdOption {
  const unknown: NdOption = { kind: 'unknown', type, body };
  const r = new ByteReader(body);
  const option = parseOption(type, body, r);
  return option === undefined || r.error !== undefined ? unknown : option;
}

function parseOption(type: number, body: Uint8Array, r: ByteReader): NdOption | undefined {
  switch (type) {
    case TYPE.sourceLinkLayer:
      return body.length === 6 ? { kind: 'sourceLinkLayer', mac: body } : undefined;
    case TYPE.prefix: {
      const prefixLen = r.u8('');
      const flags = r.u8('');
      const validSec = lifetime(r.u32(''));
      const preferredSec = lifetime(r.u32(''));
      r.u32('');
      const prefix = prefixOf(takeIpv6(r, ''), prefixLen);
      if (prefix === undefined || r.remaining > 0) return undefined;
      const [onLink, autonomous] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0];
      return { kind: 'prefix', prefix, onLink, autonomous, validSec, preferredSec };
    }
    case TYPE.mtu:
      r.u16('');
      return body.length === 6 ? { kind: 'mtu', mtu: r.u32('') } : undefined;
    case TYPE.route: {
      const prefixLen = r.u8('');
      const preference = preferenceOf((r.u8('') >> 3) & 3);
      const lifetimeSec = lifetime(r.u32(''));
      if (body.length > 22 || prefixLen > 8 * (body.length - 6)) return undefined;
      const address = new Uint8Array(16);
      address.set(body.subarray(6));
      const prefix = prefixOf(takeIpv6(new ByteReader(address), ''), prefixLen);
      return prefix && { kind: 'route', prefix, preference, lifetimeSec };
    }
    case TYPE.rdnss: {
      r.u16('');
      const lifetimeSec = lifetime(r.u32(''));
      const servers: Ipv6[] = [];
      while (r.remaining >= 16) servers.push(takeIpv6(r, ''));
      return r.remaining > 0 || servers.length === 0
        ? undefined
        : { kind: 'rdnss', lifetimeSec, servers };
    }
    case TYPE.dnssl: {
      r.u16('');
      const lifetimeSec = lifetime(r.u32(''));
      const domains = decodeNames(body.subarray(6), '');
      return domains.ok && domains.value.length > 0
        ? { kind: 'dnssl', lifetimeSec, domains: domains.value }
        : undefined;
    }
    case TYPE.captivePortal: {
      const nul = body.indexOf(0);
      const text = String.fromCharCode(...body.subarray(0, nul < 0 ? body.length : nul));
      return /^[\x21-\x7e]+$/.test(text) ? { kind: 'captivePortal', uri: text } : undefined;
    }
    case TYPE.pref64: {
      if (body.length !== 14) return undefined;
      const scaled = r.u16('');
      const length = PREF64_LENGTHS[scaled & 7];
      if (length === undefined) return undefined;
      const address = new Uint8Array(16);
      address.set(body.subarray(2));
      const prefix = prefixOf(takeIpv6(new ByteReader(address), ''), length);
      return prefix && { kind: 'pref64', lifetimeSec: scaled & ~7, prefix };
    }
    default:
      return undefined;
  }
}

/** Bits behind the length are no part of a prefix: whoever sends some gets it kept as unknown. */
function prefixOf(address: Ipv6, prefixLen: number): Ipv6Prefix | undefined {
  if (prefixLen > 128 || BigInt.asUintN(128 - prefixLen, address) !== 0n) return undefined;
  return { address, prefixLen: prefixLen as PrefixLen6 };
}

const lifetime = (value: number): number => (value === INFINITE ? Infinity : value);
const u32Of = (sec: number): number => Math.min(Math.max(0, Math.floor(sec)), INFINITE);

/** A whole option: type, length, body, padded to eight bytes. */
function optionBytes(option: NdOption): Uint8Array {
  switch (option.kind) {
    case 'sourceLinkLayer':
      return padded(TYPE.sourceLinkLayer, option.mac);
    case 'prefix': {
      const { prefix, onLink, autonomous, validSec, preferredSec } = option;
      return padded(TYPE.prefix, 30, (view) => {
        view.setUint8(2, prefix.prefixLen);
        view.setUint8(3, (onLink ? 0x80 : 0) | (autonomous ? 0x40 : 0));
        view.setUint32(4, u32Of(validSec));
        view.setUint32(8, u32Of(preferredSec));
        putIpv6(view, 16, prefix.address);
      });
    }
    case 'mtu':
      return padded(TYPE.mtu, 6, (view) => view.setUint32(4, option.mtu));
    case 'route': {
      const { prefix, preference, lifetimeSec } = option;
      const addressBytes = prefix.prefixLen === 0 ? 0 : prefix.prefixLen <= 64 ? 8 : 16;
      const whole = padded(TYPE.route, 22, (view) => {
        view.setUint8(2, prefix.prefixLen);
        view.setUint8(3, PREFERENCE_BITS[preference] << 3);
        view.setUint32(4, u32Of(lifetimeSec));
        putIpv6(view, 8, prefix.address);
      });
      const short = whole.slice(0, 8 + addressBytes);
      short[1] = short.length / 8;
      return short;
    }
    case 'rdnss':
      return padded(TYPE.rdnss, 6 + 16 * option.servers.length, (view) => {
        view.setUint32(4, u32Of(option.lifetimeSec));
        for (const [i, server] of option.servers.entries()) putIpv6(view, 8 + 16 * i, server);
      });
    case 'dnssl': {
      const names = encodeNames(option.domains);
      return padded(TYPE.dnssl, 6 + names.length, (view) => {
        view.setUint32(4, u32Of(option.lifetimeSec));
        for (const [i, byte] of names.entries()) view.setUint8(8 + i, byte);
      });
    }
    case 'captivePortal':
      return padded(
        TYPE.captivePortal,
        Uint8Array.from(option.uri, (c) => c.charCodeAt(0)),
      );
    case 'pref64': {
      const { lifetimeSec, prefix } = option;
      const whole = new DataView(new ArrayBuffer(20));
      putIpv6(whole, 4, prefix.address);
      // RFC 8781 §4.1: rounded up to a multiple of eight seconds.
      const scaled = Math.min(Math.ceil(lifetimeSec / 8), 8191) * 8;
      whole.setUint16(2, scaled | PREF64_LENGTHS.indexOf(prefix.prefixLen));
      return padded(TYPE.pref64, new Uint8Array(whole.buffer, 2, 14));
    }
    case 'unknown':
      return padded(option.type, option.body);
  }
}

function padded(
  type: number,
  body: Uint8Array | number,
  fill: (view: DataView) => void = () => {},
): Uint8Array {
  const bodyBytes = typeof body === 'number' ? body : body.length;
  const bytes = new Uint8Array(8 * Math.ceil((2 + bodyBytes) / 8));
  if (typeof body !== 'number') bytes.set(body, 2);
  fill(new DataView(bytes.buffer));
  bytes[0] = type;
  bytes[1] = bytes.length / 8;
  return bytes;
}
