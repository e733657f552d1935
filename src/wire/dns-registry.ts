/** Numbers of DNS that IANA keeps (dns-parameters): types with the fields of their RDATA, classes, codes. */

/** How a field of RDATA stands on the wire and in a zone file. */
export type FieldKind =
  | 'u8'
  | 'u16'
  | 'u32'
  /** Seconds since 1970 by serial number arithmetic; `YYYYMMDDHHmmSS` as text (RFC 4034 §3.2). */
  | 'time'
  | 'ipv4'
  | 'ipv6'
  /** May be compressed by whoever sends it, and we compress it (RFC 3597 §4). */
  | 'name'
  /** Never compressed by us, but read compressed: RFC 3597 §4 names these types. */
  | 'nameWhole'
  /** Never compressed at all. */
  | 'nameStrict'
  | 'type'
  /** One character-string (RFC 1035 §3.3). */
  | 'string'
  /** The same, of letters and digits, which need no quotes (CAA). */
  | 'tag'
  /** One or more of them, to the end. */
  | 'strings'
  /** One length byte, then so many, as hex; `-` when empty (NSEC3's salt). */
  | 'salt'
  /** The same in base32 with extended hex digits (NSEC3's next owner). */
  | 'hash32'
  /** To the end. */
  | 'hex'
  | 'base64'
  /** Text to the end, no length (CAA's value, URI's target). */
  | 'text'
  /** Type bit maps (RFC 4034 §4.1.2). */
  | 'types'
  /** SvcParams (RFC 9460 §2.2). */
  | 'params';

export interface TypeDef {
  readonly code: number;
  readonly name: string;
  /** In order; undefined is opaque (RFC 3597). */
  readonly fields: readonly (readonly [name: string, kind: FieldKind])[] | undefined;
  readonly rfc: string;
}

const type = (
  code: number,
  name: string,
  rfc: string,
  ...fields: readonly (readonly [string, FieldKind])[]
): TypeDef => ({ code, name, rfc, fields });
const opaque = (code: number, name: string, rfc: string): TypeDef => ({
  ...{ code, name, rfc },
  fields: undefined,
});

const KEY: readonly (readonly [string, FieldKind])[] = [
  ['flags', 'u16'],
  ['protocol', 'u8'],
  ['algorithm', 'u8'],
  ['key', 'base64'],
];
const DIGEST: readonly (readonly [string, FieldKind])[] = [
  ['keyTag', 'u16'],
  ['algorithm', 'u8'],
  ['digestType', 'u8'],
  ['digest', 'hex'],
];

export const TYPES: readonly TypeDef[] = [
  type(1, 'A', 'RFC 1035 §3.4.1', ['address', 'ipv4']),
  type(2, 'NS', 'RFC 1035 §3.3.11', ['host', 'name']),
  type(5, 'CNAME', 'RFC 1035 §3.3.1', ['target', 'name']),
  type(
    ...[6, 'SOA', 'RFC 1035 §3.3.13'],
    ...([
      ['primary', 'name'],
      ['mailbox', 'name'],
      ['serial', 'u32'],
      ['refreshSec', 'u32'],
      ['retrySec', 'u32'],
      ['expireSec', 'u32'],
      ['minimumSec', 'u32'],
    ] as const),
  ),
  type(12, 'PTR', 'RFC 1035 §3.3.12', ['target', 'name']),
  type(13, 'HINFO', 'RFC 1035 §3.3.2', ['cpu', 'string'], ['os', 'string']),
  type(15, 'MX', 'RFC 1035 §3.3.9', ['preference', 'u16'], ['exchange', 'name']),
  type(16, 'TXT', 'RFC 1035 §3.3.14', ['texts', 'strings']),
  type(17, 'RP', 'RFC 1183 §2.2', ['mailbox', 'nameWhole'], ['texts', 'nameWhole']),
  type(18, 'AFSDB', 'RFC 1183 §1', ['subtype', 'u16'], ['host', 'nameWhole']),
  opaque(24, 'SIG', 'RFC 2535 §4.1'),
  opaque(25, 'KEY', 'RFC 2535 §3.1'),
  type(28, 'AAAA', 'RFC 3596 §2.2', ['address', 'ipv6']),
  opaque(29, 'LOC', 'RFC 1876'),
  type(
    ...[33, 'SRV', 'RFC 2782'],
    ...([
      ['priority', 'u16'],
      ['weight', 'u16'],
      ['port', 'u16'],
      ['target', 'nameWhole'],
    ] as const),
  ),
  type(
    ...[35, 'NAPTR', 'RFC 3403 §4.1'],
    ...([
      ['order', 'u16'],
      ['preference', 'u16'],
      ['flags', 'string'],
      ['services', 'string'],
      ['regexp', 'string'],
      ['replacement', 'nameWhole'],
    ] as const),
  ),
  type(36, 'KX', 'RFC 2230 §3.1', ['preference', 'u16'], ['exchanger', 'nameWhole']),
  type(
    ...[37, 'CERT', 'RFC 4398 §2'],
    ...([
      ['kind', 'u16'],
      ['keyTag', 'u16'],
      ['algorithm', 'u8'],
      ['certificate', 'base64'],
    ] as const),
  ),
  type(39, 'DNAME', 'RFC 6672 §2.1', ['target', 'nameWhole']),
  opaque(41, 'OPT', 'RFC 6891 §6'),
  opaque(42, 'APL', 'RFC 3123'),
  type(43, 'DS', 'RFC 4034 §5.1', ...DIGEST),
  type(
    ...[44, 'SSHFP', 'RFC 4255 §3.1'],
    ...([
      ['algorithm', 'u8'],
      ['fingerprintType', 'u8'],
      ['fingerprint', 'hex'],
    ] as const),
  ),
  type(
    ...[46, 'RRSIG', 'RFC 4034 §3.1'],
    ...([
      ['covered', 'type'],
      ['algorithm', 'u8'],
      ['labels', 'u8'],
      ['originalTtl', 'u32'],
      ['expiration', 'time'],
      ['inception', 'time'],
      ['keyTag', 'u16'],
      ['signer', 'nameStrict'],
      ['signature', 'base64'],
    ] as const),
  ),
  type(47, 'NSEC', 'RFC 4034 §4.1', ['next', 'nameStrict'], ['types', 'types']),
  type(48, 'DNSKEY', 'RFC 4034 §2.1', ...KEY),
  opaque(49, 'DHCID', 'RFC 4701 §3'),
  type(
    ...[50, 'NSEC3', 'RFC 5155 §3.2'],
    ...([
      ['algorithm', 'u8'],
      ['flags', 'u8'],
      ['iterations', 'u16'],
      ['salt', 'salt'],
      ['next', 'hash32'],
      ['types', 'types'],
    ] as const),
  ),
  type(
    ...[51, 'NSEC3PARAM', 'RFC 5155 §4.2'],
    ...([
      ['algorithm', 'u8'],
      ['flags', 'u8'],
      ['iterations', 'u16'],
      ['salt', 'salt'],
    ] as const),
  ),
  type(
    ...[52, 'TLSA', 'RFC 6698 §2.1'],
    ...([
      ['usage', 'u8'],
      ['selector', 'u8'],
      ['matching', 'u8'],
      ['data', 'hex'],
    ] as const),
  ),
  type(
    ...[53, 'SMIMEA', 'RFC 8162 §2'],
    ...([
      ['usage', 'u8'],
      ['selector', 'u8'],
      ['matching', 'u8'],
      ['data', 'hex'],
    ] as const),
  ),
  opaque(55, 'HIP', 'RFC 8005 §5'),
  type(59, 'CDS', 'RFC 7344 §3.1', ...DIGEST),
  type(60, 'CDNSKEY', 'RFC 7344 §3.2', ...KEY),
  type(61, 'OPENPGPKEY', 'RFC 7929 §2.1', ['key', 'base64']),
  type(62, 'CSYNC', 'RFC 7477 §2.1', ['serial', 'u32'], ['flags', 'u16'], ['types', 'types']),
  opaque(63, 'ZONEMD', 'RFC 8976 §2.2'),
  type(
    ...[64, 'SVCB', 'RFC 9460 §2.2'],
    ...([
      ['priority', 'u16'],
      ['target', 'nameStrict'],
      ['params', 'params'],
    ] as const),
  ),
  type(
    ...[65, 'HTTPS', 'RFC 9460 §9'],
    ...([
      ['priority', 'u16'],
      ['target', 'nameStrict'],
      ['params', 'params'],
    ] as const),
  ),
  opaque(99, 'SPF', 'RFC 7208 §3.1'),
  opaque(108, 'EUI48', 'RFC 7043 §3'),
  opaque(109, 'EUI64', 'RFC 7043 §4'),
  opaque(249, 'TKEY', 'RFC 2930 §2'),
  opaque(250, 'TSIG', 'RFC 8945 §4.2'),
  opaque(251, 'IXFR', 'RFC 1995'),
  opaque(252, 'AXFR', 'RFC 5936'),
  opaque(253, 'MAILB', 'RFC 1035 §3.2.3'),
  opaque(254, 'MAILA', 'RFC 1035 §3.2.3'),
  opaque(255, 'ANY', 'RFC 8482'),
  type(
    ...[256, 'URI', 'RFC 7553 §4'],
    ...([
      ['priority', 'u16'],
      ['weight', 'u16'],
      ['target', 'text'],
    ] as const),
  ),
  type(257, 'CAA', 'RFC 8659 §4.1', ['flags', 'u8'], ['tag', 'tag'], ['value', 'text']),
];

const BY_CODE = new Map(TYPES.map((def) => [def.code, def]));
const BY_NAME = new Map(TYPES.map((def) => [def.name, def.code]));

export const typeDef = (code: number): TypeDef | undefined => BY_CODE.get(code);

/** `MX`, or `TYPE65280` of one that is not known (RFC 3597 §5). */
export const typeName = (code: number): string => BY_CODE.get(code)?.name ?? `TYPE${code}`;

/** In any case; also `TYPE65280`. */
export function typeCode(text: string): number | undefined {
  const upper = text.toUpperCase();
  const code = BY_NAME.get(upper) ?? /^TYPE(\d{1,5})$/.exec(upper)?.[1];
  const value = Number(code);
  return code !== undefined && value <= 0xffff ? value : undefined;
}

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
} as const;

export const CLASS_IN = 1;

export const OPCODE_QUERY = 0;

/** RFC 1035 §4.1.1, RFC 6895 §2.3. */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

const RCODE_NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(RCODE).map(([name, code]) => [code, name] as const),
  ...([
    [6, 'YXDOMAIN'],
    [7, 'YXRRSET'],
    [8, 'NXRRSET'],
    [9, 'NOTAUTH'],
    [10, 'NOTZONE'],
  ] as const),
]);

export const rcodeName = (code: number): string => RCODE_NAMES.get(code) ?? `RCODE${code}`;

/** Options of EDNS. */
export const OPTION = {
  /** RFC 7871. */
  ECS: 8,
  /** RFC 7873. */
  COOKIE: 10,
  /** RFC 7830. */
  PADDING: 12,
  /** RFC 8914. */
  EDE: 15,
} as const;

/** Extended DNS errors (RFC 8914 §4). */
export const EDE = {
  OTHER: 0,
  UNSUPPORTED_ALGORITHM: 1,
  UNSUPPORTED_DIGEST: 2,
  STALE_ANSWER: 3,
  FORGED_ANSWER: 4,
  INDETERMINATE: 5,
  BOGUS: 6,
  SIGNATURE_EXPIRED: 7,
  SIGNATURE_NOT_YET_VALID: 8,
  DNSKEY_MISSING: 9,
  RRSIGS_MISSING: 10,
  NO_ZONE_KEY_BIT: 11,
  NSEC_MISSING: 12,
  CACHED_ERROR: 13,
  NOT_READY: 14,
  BLOCKED: 15,
  CENSORED: 16,
  FILTERED: 17,
  PROHIBITED: 18,
  STALE_NXDOMAIN: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
} as const;
