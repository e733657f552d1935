/** The registry of DHCPv6 options: one row per code, and one codec per shape of value. */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv6, type PrefixLen6, prefixLen6, putIpv6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { type Dhcp6Option, decodeOptions6, encodeOptions6 } from './dhcp6.ts';
import { decodeNames, decodePartialName, encodeNames, encodePartialName } from './dns-names.ts';
import { takeIpv6 } from './ip6.ts';
import { decodeS46Container, encodeS46Container, type S46Container } from './s46.ts';

/** Seconds; Infinity for 0xffffffff (RFC 8415 §7.7). */
type LifetimeSec = number;

/** IA_NA (§21.4) and IA_PD (§21.21). */
export interface Ia {
  readonly iaid: number;
  readonly t1Sec: LifetimeSec;
  readonly t2Sec: LifetimeSec;
  readonly options: readonly Dhcp6Option[];
}

export interface IaAddress {
  readonly address: Ipv6;
  readonly preferredSec: LifetimeSec;
  readonly validSec: LifetimeSec;
  readonly options: readonly Dhcp6Option[];
}

export interface IaPrefix {
  readonly preferredSec: LifetimeSec;
  readonly validSec: LifetimeSec;
  /** 0 with address `::` asks for any prefix. */
  readonly prefixLen: PrefixLen6;
  readonly address: Ipv6;
  readonly options: readonly Dhcp6Option[];
}

interface StatusCode {
  readonly code: number;
  /** UTF-8 by the standard; only printable ASCII is let through. */
  readonly text: string;
}

interface VendorClass {
  readonly enterprise: number;
  readonly data: readonly Uint8Array[];
}

interface VendorOptions {
  readonly enterprise: number;
  readonly options: readonly Dhcp6Option[];
}

interface ClientFqdn {
  /** S, O and N bits: 1, 2, 4 (RFC 4704 §4.1). */
  readonly flags: number;
  readonly name: { readonly text: string; readonly whole: boolean };
}

interface LinkLayerAddress {
  /** 1 for Ethernet. */
  readonly hardwareType: number;
  readonly address: Uint8Array;
}

/** What each shape reads as. */
interface Shapes {
  readonly opaque: Uint8Array;
  readonly empty: undefined;
  readonly u8: number;
  readonly u16: number;
  readonly u32: number;
  readonly codes: readonly number[];
  readonly ip: Ipv6;
  readonly ips: readonly Ipv6[];
  readonly duid: Uint8Array;
  readonly ia: Ia;
  readonly iaAddress: IaAddress;
  readonly iaPrefix: IaPrefix;
  readonly status: StatusCode;
  readonly classes: readonly Uint8Array[];
  readonly vendorClass: VendorClass;
  readonly vendorOptions: VendorOptions;
  readonly domains: readonly string[];
  readonly fqdn: ClientFqdn;
  readonly options: readonly Dhcp6Option[];
  readonly linkLayer: LinkLayerAddress;
  readonly s46: S46Container;
}

export type Shape6 = keyof Shapes;

export interface Option6Row {
  readonly code: number;
  readonly name: string;
  readonly shape: Shape6;
  /** It may come more than once in one place. */
  readonly many?: true;
  readonly source: string;
}

export const OPTION6 = {
  CLIENTID: 1,
  SERVERID: 2,
  IA_NA: 3,
  IA_TA: 4,
  IAADDR: 5,
  ORO: 6,
  PREFERENCE: 7,
  ELAPSED_TIME: 8,
  RELAY_MSG: 9,
  UNICAST: 12,
  STATUS_CODE: 13,
  RAPID_COMMIT: 14,
  USER_CLASS: 15,
  VENDOR_CLASS: 16,
  VENDOR_OPTS: 17,
  INTERFACE_ID: 18,
  DNS_SERVERS: 23,
  DOMAIN_LIST: 24,
  IA_PD: 25,
  IAPREFIX: 26,
  INFORMATION_REFRESH_TIME: 32,
  CLIENT_FQDN: 39,
  CLIENT_LINKLAYER_ADDR: 79,
  SOL_MAX_RT: 82,
  INF_MAX_RT: 83,
} as const;

// biome-ignore format: a table
export const DHCP6_OPTIONS: readonly Option6Row[] = [
  { code: 1, name: 'Client Identifier', shape: 'duid', source: 'RFC 8415 §21.2' },
  { code: 2, name: 'Server Identifier', shape: 'duid', source: 'RFC 8415 §21.3' },
  { code: 3, name: 'IA_NA', shape: 'ia', many: true, source: 'RFC 8415 §21.4' },
  { code: 4, name: 'IA_TA', shape: 'opaque', many: true, source: 'RFC 8415 §21.5' },
  { code: 5, name: 'IA Address', shape: 'iaAddress', many: true, source: 'RFC 8415 §21.6' },
  { code: 6, name: 'Option Request', shape: 'codes', source: 'RFC 8415 §21.7' },
  { code: 7, name: 'Preference', shape: 'u8', source: 'RFC 8415 §21.8' },
  { code: 8, name: 'Elapsed Time', shape: 'u16', source: 'RFC 8415 §21.9' },
  { code: 9, name: 'Relay Message', shape: 'opaque', source: 'RFC 8415 §21.10' },
  { code: 11, name: 'Authentication', shape: 'opaque', source: 'RFC 8415 §21.11' },
  { code: 12, name: 'Server Unicast', shape: 'ip', source: 'RFC 8415 §21.12' },
  { code: 13, name: 'Status Code', shape: 'status', source: 'RFC 8415 §21.13' },
  { code: 14, name: 'Rapid Commit', shape: 'empty', source: 'RFC 8415 §21.14' },
  { code: 15, name: 'User Class', shape: 'classes', source: 'RFC 8415 §21.15' },
  { code: 16, name: 'Vendor Class', shape: 'vendorClass', many: true, source: 'RFC 8415 §21.16' },
  { code: 17, name: 'Vendor-specific Information', shape: 'vendorOptions', many: true, source: 'RFC 8415 §21.17' },
  { code: 18, name: 'Interface-Id', shape: 'opaque', source: 'RFC 8415 §21.18' },
  { code: 19, name: 'Reconfigure Message', shape: 'u8', source: 'RFC 8415 §21.19' },
  { code: 20, name: 'Reconfigure Accept', shape: 'empty', source: 'RFC 8415 §21.20' },
  { code: 21, name: 'SIP Server Domain Names', shape: 'domains', source: 'RFC 3319 §3.1' },
  { code: 22, name: 'SIP Servers', shape: 'ips', source: 'RFC 3319 §3.2' },
  { code: 23, name: 'DNS Recursive Name Servers', shape: 'ips', source: 'RFC 3646 §3' },
  { code: 24, name: 'Domain Search List', shape: 'domains', source: 'RFC 3646 §4' },
  { code: 25, name: 'IA_PD', shape: 'ia', many: true, source: 'RFC 8415 §21.21' },
  { code: 26, name: 'IA Prefix', shape: 'iaPrefix', many: true, source: 'RFC 8415 §21.22' },
  { code: 31, name: 'SNTP Servers', shape: 'ips', source: 'RFC 4075 §4' },
  { code: 32, name: 'Information Refresh Time', shape: 'u32', source: 'RFC 8415 §21.23' },
  { code: 39, name: 'Client FQDN', shape: 'fqdn', source: 'RFC 4704 §4' },
  { code: 56, name: 'NTP Server', shape: 'options', source: 'RFC 5908 §4' },
  { code: 59, name: 'Boot File URL', shape: 'opaque', source: 'RFC 5970 §3.1' },
  { code: 64, name: 'AFTR-Name', shape: 'domains', source: 'RFC 6334 §3' },
  { code: 79, name: 'Client Link-Layer Address', shape: 'linkLayer', source: 'RFC 6939 §4' },
  { code: 82, name: 'SOL_MAX_RT', shape: 'u32', source: 'RFC 8415 §21.24' },
  { code: 83, name: 'INF_MAX_RT', shape: 'u32', source: 'RFC 8415 §21.25' },
  { code: 94, name: 'MAP-E Container', shape: 's46', many: true, source: 'RFC 7598 §5' },
  { code: 95, name: 'MAP-T Container', shape: 's46', many: true, source: 'RFC 7598 §5' },
  { code: 96, name: 'Lightweight 4over6 Container', shape: 's46', many: true, source: 'RFC 7598 §5' },
];

/** RFC 8415 §21.13, §24. */
export const STATUS6 = {
  Success: 0,
  UnspecFail: 1,
  NoAddrsAvail: 2,
  NoBinding: 3,
  NotOnLink: 4,
  UseMulticast: 5,
  NoPrefixAvail: 6,
} as const;

const INFINITE = 0xffffffff;
const lifetime = (value: number): LifetimeSec => (value === INFINITE ? Infinity : value);
const u32Of = (sec: LifetimeSec): number => Math.min(Math.max(0, Math.floor(sec)), INFINITE);

interface Codec<T> {
  decode(bytes: Uint8Array, field?: string): Result<T>;
  encode(value: T): Uint8Array;
}

/** Reads fixed fields by `read`; whatever is left over is refused. */
function exact<T>(bytes: Uint8Array, field: string, read: (r: ByteReader) => T): Result<T> {
  const r = new ByteReader(bytes);
  const value = read(r);
  if (r.error !== undefined) return decodeError('truncated', field, r.error.offset);
  return r.remaining === 0 ? ok(value) : decodeError('left-over bytes', field, r.offset);
}

/** Reads a head of fixed size by `read`, then options to the end. */
function withOptions<T extends object>(
  bytes: Uint8Array,
  field: string,
  read: (r: ByteReader) => T,
): Result<T & { readonly options: readonly Dhcp6Option[] }> {
  const r = new ByteReader(bytes);
  const head = read(r);
  if (r.error !== undefined) return decodeError('truncated', field, r.error.offset);
  const options = decodeOptions6(bytes.subarray(r.offset), field);
  return options.ok ? ok({ ...head, options: options.value }) : options;
}

/** Head of `headBytes` written by `fill`, then `rest`. */
function bytesOf(
  headBytes: number,
  fill: (view: DataView) => void,
  rest: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(headBytes + rest.length);
  fill(new DataView(bytes.buffer));
  bytes.set(rest, headBytes);
  return bytes;
}

const CONTROL = /[^\x20-\x7e]/g;
const ascii = (bytes: Uint8Array): string =>
  String.fromCharCode(...bytes.subarray(0, 256)).replace(CONTROL, '?');

/** Items with two bytes of length before each. */
function counted(r: ByteReader, field: string): readonly Uint8Array[] {
  const items: Uint8Array[] = [];
  while (r.remaining > 0 && r.error === undefined) items.push(r.take(r.u16(field), field));
  return items;
}

function encodeCounted(items: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(items.reduce((sum, item) => sum + 2 + item.length, 0));
  let at = 0;
  for (const item of items) {
    new DataView(bytes.buffer).setUint16(at, item.length);
    bytes.set(item, at + 2);
    at += 2 + item.length;
  }
  return bytes;
}

const integer = (size: 1 | 2 | 4): Codec<number> => ({
  decode: (bytes, field = `u${8 * size}`) =>
    exact(bytes, field, (r) =>
      size === 1 ? r.u8(field) : size === 2 ? r.u16(field) : r.u32(field),
    ),
  encode: (value) =>
    bytesOf(size, (view) => {
      if (size === 1) view.setUint8(0, value);
      else if (size === 2) view.setUint16(0, value);
      else view.setUint32(0, value);
    }),
});

const opaque: Codec<Uint8Array> = { decode: (bytes) => ok(bytes), encode: (value) => value };

/** By shape. Decoded byte strings are views of what they were decoded from. */
export const CODEC6: { readonly [S in Shape6]: Codec<Shapes[S]> } = {
  opaque,
  empty: {
    decode: (bytes, field = 'empty') => exact(bytes, field, () => undefined),
    encode: () => new Uint8Array(0),
  },
  u8: integer(1),
  u16: integer(2),
  u32: integer(4),
  codes: {
    decode: (bytes, field = 'codes') =>
      exact(bytes, field, (r) => {
        const codes: number[] = [];
        while (r.remaining > 0 && r.error === undefined) codes.push(r.u16(field));
        return codes;
      }),
    encode: (codes) =>
      bytesOf(2 * codes.length, (view) => {
        for (const [i, code] of codes.entries()) view.setUint16(2 * i, code);
      }),
  },
  ip: {
    decode: (bytes, field = 'address') => exact(bytes, field, (r) => takeIpv6(r, field)),
    encode: (value) => bytesOf(16, (view) => putIpv6(view, 0, value)),
  },
  ips: {
    decode: (bytes, field = 'addresses') =>
      bytes.length === 0
        ? decodeError('no address', field, 0)
        : exact(bytes, field, (r) => {
            const list: Ipv6[] = [];
            while (r.remaining > 0 && r.error === undefined) list.push(takeIpv6(r, field));
            return list;
          }),
    encode: (list) =>
      bytesOf(16 * list.length, (view) => {
        for (const [i, address] of list.entries()) putIpv6(view, 16 * i, address);
      }),
  },
  // A type of two bytes and at most 128 more (RFC 8415 §11.1).
  duid: {
    decode: (bytes, field = 'duid') =>
      bytes.length < 3 || bytes.length > 130
        ? decodeError(`${bytes.length} bytes are no DUID`, field, 0)
        : ok(bytes),
    encode: (value) => value,
  },
  ia: {
    decode: (bytes, field = 'ia') =>
      withOptions(bytes, field, (r) => ({
        iaid: r.u32(field),
        t1Sec: lifetime(r.u32(field)),
        t2Sec: lifetime(r.u32(field)),
      })),
    encode: ({ iaid, t1Sec, t2Sec, options }) =>
      bytesOf(
        12,
        (view) => {
          view.setUint32(0, iaid);
          view.setUint32(4, u32Of(t1Sec));
          view.setUint32(8, u32Of(t2Sec));
        },
        encodeOptions6(options),
      ),
  },
  iaAddress: {
    decode: (bytes, field = 'iaAddress') =>
      withOptions(bytes, field, (r) => ({
        address: takeIpv6(r, field),
        preferredSec: lifetime(r.u32(field)),
        validSec: lifetime(r.u32(field)),
      })),
    encode: ({ address, preferredSec, validSec, options }) =>
      bytesOf(
        24,
        (view) => {
          putIpv6(view, 0, address);
          view.setUint32(16, u32Of(preferredSec));
          view.setUint32(20, u32Of(validSec));
        },
        encodeOptions6(options),
      ),
  },
  iaPrefix: {
    decode: (bytes, field = 'iaPrefix') => {
      const length = prefixLen6(bytes[8] ?? 0);
      if (length === undefined) return decodeError('over 128', field, 8);
      return withOptions(bytes, field, (r) => {
        const preferredSec = lifetime(r.u32(field));
        const validSec = lifetime(r.u32(field));
        r.u8(field);
        return { preferredSec, validSec, prefixLen: length, address: takeIpv6(r, field) };
      });
    },
    encode: ({ preferredSec, validSec, prefixLen, address, options }) =>
      bytesOf(
        25,
        (view) => {
          view.setUint32(0, u32Of(preferredSec));
          view.setUint32(4, u32Of(validSec));
          view.setUint8(8, prefixLen);
          putIpv6(view, 9, address);
        },
        encodeOptions6(options),
      ),
  },
  status: {
    decode: (bytes, field = 'status') =>
      exact(bytes, field, (r) => ({ code: r.u16(field), text: ascii(r.take(r.remaining, field)) })),
    encode: ({ code, text }) =>
      bytesOf(
        2,
        (view) => view.setUint16(0, code),
        Uint8Array.from(text, (c) => c.charCodeAt(0) & 0x7f),
      ),
  },
  classes: {
    decode: (bytes, field = 'classes') => exact(bytes, field, (r) => counted(r, field)),
    encode: encodeCounted,
  },
  vendorClass: {
    decode: (bytes, field = 'vendorClass') =>
      exact(bytes, field, (r) => ({ enterprise: r.u32(field), data: counted(r, field) })),
    encode: ({ enterprise, data }) =>
      bytesOf(4, (view) => view.setUint32(0, enterprise), encodeCounted(data)),
  },
  vendorOptions: {
    decode: (bytes, field = 'vendorOptions') =>
      withOptions(bytes, field, (r) => ({ enterprise: r.u32(field) })),
    encode: ({ enterprise, options }) =>
      bytesOf(4, (view) => view.setUint32(0, enterprise), encodeOptions6(options)),
  },
  domains: {
    decode: (bytes, field = 'domains') => decodeNames(bytes, field),
    encode: encodeNames,
  },
  fqdn: {
    decode: (bytes, field = 'fqdn') => {
      const [flags] = bytes;
      if (flags === undefined) return decodeError('truncated', field, 0);
      const name = decodePartialName(bytes.subarray(1), field);
      return name.ok ? ok({ flags, name: name.value }) : name;
    },
    encode: ({ flags, name }) =>
      bytesOf(1, (view) => view.setUint8(0, flags), encodePartialName(name.text, name.whole)),
  },
  options: {
    decode: (bytes, field = 'options') => decodeOptions6(bytes, field),
    encode: encodeOptions6,
  },
  linkLayer: {
    decode: (bytes, field = 'linkLayer') =>
      exact(bytes, field, (r) => ({
        hardwareType: r.u16(field),
        address: r.take(r.remaining, field),
      })),
    encode: ({ hardwareType, address }) =>
      bytesOf(2, (view) => view.setUint16(0, hardwareType), address),
  },
  s46: { decode: decodeS46Container, encode: encodeS46Container },
};

const ROWS: ReadonlyMap<number, Option6Row> = new Map(DHCP6_OPTIONS.map((row) => [row.code, row]));

/** The row of a code; what is unknown is opaque and may come as often as it likes. */
export const option6Row = (code: number): Option6Row =>
  ROWS.get(code) ?? { code, name: `option ${code}`, shape: 'opaque', many: true, source: '' };

/** What is wrong with the value of an option, as far as its row tells. */
export function checkOption6({ code, value }: Dhcp6Option): Result<unknown> {
  const { shape, name } = option6Row(code);
  return CODEC6[shape].decode(value, name);
}

/** The first value of a code, decoded; undefined when there is none or it does not decode. */
export function option6<S extends Shape6>(
  options: readonly Dhcp6Option[],
  code: number,
  shape: S,
): Shapes[S] | undefined {
  const found = options.find((option) => option.code === code);
  if (found === undefined) return undefined;
  const value = CODEC6[shape].decode(found.value);
  return value.ok ? value.value : undefined;
}
