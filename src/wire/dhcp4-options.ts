/**
 * The registry of DHCPv4 options: one row per code, of all that clients and servers say. It serves
 * both ways in which an option reaches Gatehouse: as bytes from the wire, and as text from udhcpc's
 * hook environment.
 */
import { fromHex, latin1 as fromLatin1 } from '../base/bytes.ts';
import { type Ipv4, ipv4, type PrefixLen, parseIpv4, prefixLen } from '../base/ip.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export interface ClasslessRoute {
  readonly destination: Ipv4;
  readonly prefixLen: PrefixLen;
  /** 0.0.0.0: the destination is on the link (RFC 3442). */
  readonly gateway: Ipv4;
}

type Shape =
  | 'ip'
  | 'ips'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'i32'
  | 'text'
  | 'ipPairs'
  | 'routes'
  | 'domains'
  | 'sip'
  | 'hex';

export interface OptionRow {
  readonly code: number;
  readonly name: string;
  /** Name in the environment of udhcpc's hook; absent where it gives plain `optN` hex. */
  readonly env?: string;
  readonly shape: Shape;
  readonly source: string;
}

// biome-ignore format: a table
export const DHCP4_OPTIONS: readonly OptionRow[] = [
  { code: 1, name: 'Subnet Mask', env: 'subnet', shape: 'ip', source: 'RFC 2132 §3.3' },
  { code: 2, name: 'Time Offset', env: 'timezone', shape: 'i32', source: 'RFC 2132 §3.4' },
  { code: 3, name: 'Router', env: 'router', shape: 'ips', source: 'RFC 2132 §3.5' },
  { code: 4, name: 'Time Server', env: 'timesrv', shape: 'ips', source: 'RFC 2132 §3.6' },
  { code: 5, name: 'Name Server', env: 'namesrv', shape: 'ips', source: 'RFC 2132 §3.7' },
  { code: 6, name: 'Domain Name Server', env: 'dns', shape: 'ips', source: 'RFC 2132 §3.8' },
  { code: 7, name: 'Log Server', env: 'logsrv', shape: 'ips', source: 'RFC 2132 §3.9' },
  { code: 8, name: 'Cookie Server', shape: 'ips', source: 'RFC 2132 §3.10' },
  { code: 9, name: 'LPR Server', env: 'lprsrv', shape: 'ips', source: 'RFC 2132 §3.11' },
  { code: 10, name: 'Impress Server', shape: 'ips', source: 'RFC 2132 §3.12' },
  { code: 12, name: 'Host Name', env: 'hostname', shape: 'text', source: 'RFC 2132 §3.14' },
  { code: 13, name: 'Boot File Size', env: 'bootsize', shape: 'u16', source: 'RFC 2132 §3.15' },
  { code: 15, name: 'Domain Name', env: 'domain', shape: 'text', source: 'RFC 2132 §3.17' },
  { code: 16, name: 'Swap Server', env: 'swapsrv', shape: 'ip', source: 'RFC 2132 §3.18' },
  { code: 17, name: 'Root Path', env: 'rootpath', shape: 'text', source: 'RFC 2132 §3.19' },
  { code: 19, name: 'IP Forwarding', shape: 'u8', source: 'RFC 2132 §4.1' },
  { code: 23, name: 'Default IP TTL', env: 'ipttl', shape: 'u8', source: 'RFC 2132 §4.5' },
  { code: 26, name: 'Interface MTU', env: 'mtu', shape: 'u16', source: 'RFC 2132 §5.1' },
  { code: 28, name: 'Broadcast Address', env: 'broadcast', shape: 'ip', source: 'RFC 2132 §5.3' },
  { code: 33, name: 'Static Route', env: 'routes', shape: 'ipPairs', source: 'RFC 2132 §5.8' },
  { code: 40, name: 'NIS Domain', env: 'nisdomain', shape: 'text', source: 'RFC 2132 §8.1' },
  { code: 41, name: 'NIS Servers', env: 'nissrv', shape: 'ips', source: 'RFC 2132 §8.2' },
  { code: 42, name: 'NTP Servers', env: 'ntpsrv', shape: 'ips', source: 'RFC 2132 §8.3' },
  { code: 43, name: 'Vendor Specific', shape: 'hex', source: 'RFC 2132 §8.4' },
  { code: 44, name: 'NetBIOS Name Server', env: 'wins', shape: 'ips', source: 'RFC 2132 §8.5' },
  { code: 46, name: 'NetBIOS Node Type', shape: 'u8', source: 'RFC 2132 §8.7' },
  { code: 47, name: 'NetBIOS Scope', shape: 'text', source: 'RFC 2132 §8.8' },
  { code: 48, name: 'X Window Font Server', shape: 'ips', source: 'RFC 2132 §8.9' },
  { code: 50, name: 'Requested IP Address', shape: 'ip', source: 'RFC 2132 §9.1' },
  { code: 51, name: 'Lease Time', env: 'lease', shape: 'u32', source: 'RFC 2132 §9.2' },
  { code: 52, name: 'Option Overload', shape: 'u8', source: 'RFC 2132 §9.3' },
  { code: 53, name: 'Message Type', shape: 'u8', source: 'RFC 2132 §9.6' },
  { code: 54, name: 'Server Identifier', env: 'serverid', shape: 'ip', source: 'RFC 2132 §9.7' },
  { code: 55, name: 'Parameter Request List', shape: 'hex', source: 'RFC 2132 §9.8' },
  { code: 56, name: 'Message', env: 'message', shape: 'text', source: 'RFC 2132 §9.9' },
  { code: 57, name: 'Maximum DHCP Message Size', shape: 'u16', source: 'RFC 2132 §9.10' },
  { code: 58, name: 'Renewal (T1) Time', shape: 'u32', source: 'RFC 2132 §9.11' },
  { code: 59, name: 'Rebinding (T2) Time', shape: 'u32', source: 'RFC 2132 §9.12' },
  { code: 60, name: 'Vendor Class Identifier', shape: 'text', source: 'RFC 2132 §9.13' },
  { code: 61, name: 'Client Identifier', shape: 'hex', source: 'RFC 2132 §9.14' },
  { code: 66, name: 'TFTP Server Name', env: 'tftp', shape: 'text', source: 'RFC 2132 §9.4' },
  { code: 67, name: 'Bootfile Name', env: 'bootfile', shape: 'text', source: 'RFC 2132 §9.5' },
  { code: 69, name: 'SMTP Server', shape: 'ips', source: 'RFC 2132 §8.10' },
  { code: 70, name: 'POP3 Server', shape: 'ips', source: 'RFC 2132 §8.11' },
  { code: 72, name: 'WWW Server', shape: 'ips', source: 'RFC 2132 §8.13' },
  { code: 77, name: 'User Class', shape: 'hex', source: 'RFC 3004 §4' },
  { code: 81, name: 'Client FQDN', shape: 'hex', source: 'RFC 4702 §2' },
  { code: 82, name: 'Relay Agent Information', shape: 'hex', source: 'RFC 3046 §2' },
  { code: 91, name: 'Client Last Transaction Time', shape: 'u32', source: 'RFC 4388 §6.1' },
  { code: 92, name: 'Associated IP', shape: 'ips', source: 'RFC 4388 §6.1' },
  { code: 93, name: 'Client System Architecture', shape: 'hex', source: 'RFC 4578 §2.1' },
  { code: 94, name: 'Client Network Interface', shape: 'hex', source: 'RFC 4578 §2.2' },
  { code: 97, name: 'Client Machine Identifier', shape: 'hex', source: 'RFC 4578 §2.3' },
  { code: 100, name: 'PCode', env: 'tzstr', shape: 'text', source: 'RFC 4833 §2' },
  { code: 101, name: 'TCode', env: 'tzdbstr', shape: 'text', source: 'RFC 4833 §2' },
  { code: 108, name: 'IPv6-Only Preferred', shape: 'u32', source: 'RFC 8925 §3.1' },
  { code: 114, name: 'Captive Portal', shape: 'text', source: 'RFC 8910 §2.1' },
  { code: 116, name: 'Auto-Configure', shape: 'u8', source: 'RFC 2563 §2' },
  { code: 118, name: 'Subnet Selection', shape: 'ip', source: 'RFC 3011 §2' },
  { code: 119, name: 'Domain Search', env: 'search', shape: 'domains', source: 'RFC 3397 §2' },
  { code: 120, name: 'SIP Servers', env: 'sipsrv', shape: 'sip', source: 'RFC 3361 §3' },
  { code: 121, name: 'Classless Static Route', env: 'staticroutes', shape: 'routes', source: 'RFC 3442' },
  { code: 124, name: 'Vendor-Identifying Vendor Class', shape: 'hex', source: 'RFC 3925 §3' },
  { code: 125, name: 'Vendor-Identifying Vendor-Specific', shape: 'hex', source: 'RFC 3925 §4' },
  { code: 138, name: 'CAPWAP Access Controllers', shape: 'ips', source: 'RFC 5417 §2' },
  { code: 150, name: 'TFTP Server Address', shape: 'ips', source: 'RFC 5859 §3' },
  { code: 160, name: 'Captive Portal (former)', shape: 'text', source: 'RFC 7710 §2.1' },
  { code: 175, name: 'Etherboot', shape: 'hex', source: 'RFC 3942 §4' },
  { code: 209, name: 'PXELINUX Configuration File', shape: 'text', source: 'RFC 5071 §4' },
  { code: 210, name: 'PXELINUX Path Prefix', shape: 'text', source: 'RFC 5071 §5' },
  { code: 249, name: 'Classless Static Route (Microsoft)', env: 'msstaticroutes', shape: 'routes', source: 'MS-DHCPE §2.2.8' },
  { code: 252, name: 'Web Proxy Auto-Discovery', env: 'wpad', shape: 'text', source: 'draft-ietf-wrec-wpad §4.4.1' },
];

const BY_ENV = new Map(DHCP4_OPTIONS.flatMap((row) => (row.env ? [[row.env, row] as const] : [])));

/**
 * The option that one variable of udhcpc's hook carries, as its bytes on the wire. Undefined for a
 * variable that is no option (`interface`, `ip`, `mask`, …); an error for text that does not parse.
 */
export function optionFromEnv(
  key: string,
  value: string,
): Result<readonly [code: number, bytes: Uint8Array]> | undefined {
  const plain = /^opt([1-9]\d{0,2})$/.exec(key)?.[1];
  if (plain !== undefined) {
    const code = Number(plain);
    const bytes = fromHex(value);
    if (code > 254 || bytes === undefined) return decodeError('not hex', key, 0);
    return ok([code, bytes]);
  }
  const row = BY_ENV.get(key);
  if (row === undefined) return undefined;
  const bytes = ENCODERS[row.shape](value, key);
  return bytes.ok ? ok([row.code, bytes.value]) : bytes;
}

type Encoder = (text: string, field: string) => Result<Uint8Array>;

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function ips(list: readonly string[], field: string): Result<Uint8Array> {
  const bytes = new Uint8Array(4 * list.length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of list.entries()) {
    const address = parseIpv4(word, field);
    if (!address.ok) return address;
    view.setUint32(4 * i, address.value);
  }
  return ok(bytes);
}

function integer(size: 1 | 2 | 4, signed: boolean): Encoder {
  return (text, field) => {
    const value = Number(text);
    const [least, most] = signed ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** (8 * size) - 1];
    if (!/^-?\d{1,10}$/.test(text) || value < least || value > most) {
      return decodeError(`not a number of ${size} bytes: ${JSON.stringify(text)}`, field, 0);
    }
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0);
    return ok(bytes.slice(4 - size));
  };
}

const latin1: Encoder = (text) => ok(Uint8Array.from(text, (c) => c.charCodeAt(0) & 255));

const ENCODERS: Readonly<Record<Shape, Encoder>> = {
  ip: (text, field) => ips([text], field),
  ips: (text, field) => ips(words(text), field),
  u8: integer(1, false),
  u16: integer(2, false),
  u32: integer(4, false),
  i32: integer(4, true),
  text: latin1,
  hex: (text, field) => {
    const bytes = fromHex(text);
    return bytes === undefined ? decodeError('not hex', field, 0) : ok(bytes);
  },
  // udhcpc writes pairs as "a/b c/d" or "a b c d", by version.
  ipPairs: (text, field) =>
    ips(
      text.split(/[ /]/).filter((word) => word !== ''),
      field,
    ),
  routes: (text, field) => {
    const list = words(text);
    if (list.length % 2 !== 0) return decodeError('a destination without gateway', field, 0);
    const bytes: number[] = [];
    for (let i = 0; i < list.length; i += 2) {
      const [to = '', len = ''] = (list[i] ?? '').split('/');
      const destination = parseIpv4(to, field);
      const gateway = parseIpv4(list[i + 1] ?? '', field);
      const prefix = prefixLen(/^\d{1,2}$/.test(len) ? Number(len) : -1);
      if (!destination.ok) return destination;
      if (!gateway.ok) return gateway;
      if (prefix === undefined) return decodeError('not a prefix length', field, 0);
      bytes.push(prefix, ...octets(destination.value).slice(0, Math.ceil(prefix / 8)));
      bytes.push(...octets(gateway.value));
    }
    return ok(Uint8Array.from(bytes));
  },
  domains: (text, field) => domainNames(words(text), field),
  // udhcpc gives either the addresses (encoding byte 1) or the names (encoding byte 0).
  sip: (text, field) => {
    const list = words(text);
    const addresses = ips(list, field);
    const rest = addresses.ok ? addresses : domainNames(list, field);
    return rest.ok ? ok(Uint8Array.from([addresses.ok ? 1 : 0, ...rest.value])) : rest;
  },
};

function domainNames(names: readonly string[], field: string): Result<Uint8Array> {
  const bytes: number[] = [];
  for (const name of names) {
    for (const label of name.replace(/\.$/, '').split('.')) {
      if (label.length === 0 || label.length > 63) return decodeError('bad label', field, 0);
      bytes.push(label.length, ...Array.from(label, (c) => c.charCodeAt(0) & 255));
    }
    bytes.push(0);
  }
  return ok(Uint8Array.from(bytes));
}

const octets = (a: Ipv4): number[] => [a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255];

// ---- typed readers of option bytes -----------------------------------------------------------

/** A whole number of addresses, at least one. */
export function readIps(bytes: Uint8Array, field: string): Result<readonly Ipv4[]> {
  if (bytes.length === 0 || bytes.length % 4 !== 0) {
    return decodeError(`${bytes.length} bytes are no list of addresses`, field, 0);
  }
  const view = viewOf(bytes);
  return ok(Array.from({ length: bytes.length / 4 }, (_, i) => ipv4(view.getUint32(4 * i))));
}

export function readU32(bytes: Uint8Array, field: string): Result<number> {
  return bytes.length === 4
    ? ok(viewOf(bytes).getUint32(0))
    : decodeError(`${bytes.length} bytes instead of 4`, field, 0);
}

export function readU16(bytes: Uint8Array, field: string): Result<number> {
  return bytes.length === 2
    ? ok(viewOf(bytes).getUint16(0))
    : decodeError(`${bytes.length} bytes instead of 2`, field, 0);
}

/** Options 121 and 249 (RFC 3442): destination descriptors with only the significant octets. */
export function readClasslessRoutes(
  bytes: Uint8Array,
  field: string,
): Result<readonly ClasslessRoute[]> {
  const routes: ClasslessRoute[] = [];
  let at = 0;
  while (at < bytes.length) {
    const prefix = prefixLen(bytes[at] ?? 33);
    if (prefix === undefined) return decodeError('prefix longer than 32', field, at);
    const significant = Math.ceil(prefix / 8);
    if (at + 1 + significant + 4 > bytes.length) return decodeError('truncated', field, at);
    let destination = 0;
    for (let i = 0; i < 4; i++) {
      destination = destination * 256 + (i < significant ? (bytes[at + 1 + i] ?? 0) : 0);
    }
    const gateway = ipv4(viewOf(bytes).getUint32(at + 1 + significant));
    routes.push({ destination: ipv4(destination), prefixLen: prefix, gateway });
    at += 5 + significant;
  }
  return ok(routes);
}

/** Option 119: names in DNS form with compression inside the option (RFC 3397 §2, RFC 1035 §4.1.4). */
export function readDomainSearch(bytes: Uint8Array, field: string): Result<readonly string[]> {
  const names: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const labels: string[] = [];
    let cursor = at;
    let next = -1;
    // Pointers must go backwards, so no loop can be made; 127 labels fill the longest name.
    for (let limit = cursor; labels.length <= 127; ) {
      const length = bytes[cursor];
      if (length === undefined) return decodeError('truncated', field, cursor);
      if (length === 0) {
        if (next < 0) next = cursor + 1;
        break;
      }
      if (length >= 0xc0) {
        const target = (length & 0x3f) * 256 + (bytes[cursor + 1] ?? 0xffff);
        if (target >= limit) return decodeError('pointer not backwards', field, cursor);
        if (next < 0) next = cursor + 2;
        limit = target;
        cursor = target;
        continue;
      }
      if (length > 63 || cursor + 1 + length > bytes.length) {
        return decodeError('bad label', field, cursor);
      }
      labels.push(fromLatin1(bytes, cursor + 1, cursor + 1 + length));
      cursor += 1 + length;
    }
    if (next < 0) return decodeError('too many labels', field, at);
    if (labels.length > 0) names.push(labels.join('.'));
    at = next;
  }
  return ok(names);
}

/** Bytes as Latin-1 without trailing NULs (RFC 2132 §2). No charset is promised: check before use. */
export function readText(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return fromLatin1(bytes, 0, end);
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
