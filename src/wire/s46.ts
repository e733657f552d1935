/**
 * Softwire options of DHCPv6 (RFC 7598): what a customer edge of MAP-E, MAP-T or lightweight 4over6
 * is told, and the AFTR of DS-Lite (RFC 6334). Options that nobody knows stay as they are.
 */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv4, type Ipv4Prefix, ipv4, networkOf, prefixLen } from '../base/ip.ts';
import {
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  ipv6Bytes,
  networkOf6,
  prefixLen6,
} from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { type Dhcp6Option, decodeOptions6, encodeOptions6 } from './dhcp6.ts';
import { decodeNames } from './dns-names.ts';
import { takeIpv6 } from './ip6.ts';

/** RFC 7598 §3, §4. */
export const S46 = {
  RULE: 89,
  BR: 90,
  DMR: 91,
  V4V6BIND: 92,
  PORTPARAMS: 93,
  CONT_MAPE: 94,
  CONT_MAPT: 95,
  CONT_LW: 96,
} as const;

/** Of one container: more than any network needs, few enough to compare each with each. */
const MAX_RULES = 64;
const MAX_RELAYS = 16;
const MAX_EA_LEN = 48;
/** Bit 0 of a rule's flags: it is a forwarding mapping rule, too. */
const F_FLAG = 1;

/** OPTION_S46_PORTPARAMS (§4.5). */
export interface S46PortParams {
  /** 0 to 15. */
  readonly offset: number;
  /** 0 to 16; 0: there is no PSID. */
  readonly psidLen: number;
  /** As a number of `psidLen` bits; on the wire it stands to the left. */
  readonly psid: number;
}

/** OPTION_S46_RULE (§4.1). */
export interface S46Rule {
  /** F-flag: other customers are reached by this rule directly, without the border relay. */
  readonly fmr: boolean;
  /** 0 to 48. */
  readonly eaLen: number;
  readonly prefix4: Ipv4Prefix;
  readonly prefix6: Ipv6Prefix;
  readonly portParams: S46PortParams | undefined;
  readonly others: readonly Dhcp6Option[];
}

/** OPTION_S46_V4V6BIND (§4.4). */
export interface S46Bind {
  readonly address4: Ipv4;
  readonly prefix6: Ipv6Prefix;
  readonly portParams: S46PortParams | undefined;
  readonly others: readonly Dhcp6Option[];
}

/** What a container of any of the three kinds holds (§5). */
export interface S46Container {
  readonly rules: readonly S46Rule[];
  readonly relays: readonly Ipv6[];
  /** Default mapping rule: the prefix behind which all of IPv4 is. */
  readonly dmr: Ipv6Prefix | undefined;
  readonly bind: S46Bind | undefined;
  readonly others: readonly Dhcp6Option[];
}

/** The value of option 94, 95 or 96. Offsets are those of `bytes`. */
export function decodeS46Container(bytes: Uint8Array, field = 'container'): Result<S46Container> {
  const rules: S46Rule[] = [];
  const relays: Ipv6[] = [];
  const others: Dhcp6Option[] = [];
  let dmr: Ipv6Prefix | undefined;
  let bind: S46Bind | undefined;
  const inside = decodeOptions6(bytes, field);
  if (!inside.ok) return inside;
  for (const option of inside.value) {
    const at = option.value.byteOffset - bytes.byteOffset;
    const fault = (message: string, name: string) => decodeError(message, `${field}.${name}`, at);
    if (option.code === S46.RULE) {
      if (rules.length === MAX_RULES) return fault(`more than ${MAX_RULES} rules`, 'rule');
      const rule = moved(decodeS46Rule(option.value, `${field}.rule`), at);
      if (!rule.ok) return rule;
      rules.push(rule.value);
    } else if (option.code === S46.BR) {
      if (relays.length === MAX_RELAYS) return fault(`more than ${MAX_RELAYS} relays`, 'br');
      if (option.value.length !== 16) return fault('not one address', 'br');
      relays.push(takeIpv6(new ByteReader(option.value), 'br'));
    } else if (option.code === S46.DMR) {
      if (dmr !== undefined) return fault('more than one', 'dmr');
      const prefix = moved(decodeS46Dmr(option.value, `${field}.dmr`), at);
      if (!prefix.ok) return prefix;
      dmr = prefix.value;
    } else if (option.code === S46.V4V6BIND) {
      if (bind !== undefined) return fault('more than one', 'bind');
      const found = moved(decodeS46Bind(option.value, `${field}.bind`), at);
      if (!found.ok) return found;
      bind = found.value;
    } else if (isS46(option.code)) {
      return fault('stands in the wrong place', String(option.code));
    } else {
      others.push(option);
    }
  }
  return ok({ rules, relays, dmr, bind, others });
}

export function encodeS46Container(container: S46Container): Uint8Array {
  const { rules, relays, dmr, bind, others } = container;
  return encodeOptions6([
    ...rules.map((rule) => ({ code: S46.RULE, value: encodeS46Rule(rule) })),
    ...relays.map((relay) => ({ code: S46.BR, value: ipv6Bytes(relay) })),
    ...(dmr === undefined ? [] : [{ code: S46.DMR, value: prefixBytes(dmr) }]),
    ...(bind === undefined ? [] : [{ code: S46.V4V6BIND, value: encodeS46Bind(bind) }]),
    ...others,
  ]);
}

function decodeS46Rule(bytes: Uint8Array, field = 'rule'): Result<S46Rule> {
  const r = new ByteReader(bytes);
  const flags = r.u8(`${field}.flags`);
  const eaLen = r.u8(`${field}.eaLen`);
  const len4 = prefixLen(r.u8(`${field}.prefix4Len`));
  const address4 = ipv4(r.u32(`${field}.prefix4`));
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  if (eaLen > MAX_EA_LEN) return decodeError(`over ${MAX_EA_LEN}`, `${field}.eaLen`, 1);
  if (len4 === undefined) return decodeError('over 32', `${field}.prefix4Len`, 2);
  const prefix6 = takePrefix(r, `${field}.prefix6`);
  if (!prefix6.ok) return prefix6;
  const tail = decodeTail(bytes, r.offset, field);
  if (!tail.ok) return tail;
  // Bits behind the IPv4 prefix are reserved and not looked at.
  const prefix4 = { address: networkOf({ address: address4, prefixLen: len4 }), prefixLen: len4 };
  const fmr = (flags & F_FLAG) !== 0;
  return ok({ fmr, eaLen, prefix4, prefix6: prefix6.value, ...tail.value });
}

function encodeS46Rule(rule: S46Rule): Uint8Array {
  const { prefix4, prefix6 } = rule;
  const head = new Uint8Array(7);
  const view = new DataView(head.buffer);
  view.setUint8(0, rule.fmr ? F_FLAG : 0);
  view.setUint8(1, rule.eaLen);
  view.setUint8(2, prefix4.prefixLen);
  view.setUint32(3, prefix4.address);
  return joined(head, prefixBytes(prefix6), encodeTail(rule));
}

function decodeS46Bind(bytes: Uint8Array, field: string): Result<S46Bind> {
  const r = new ByteReader(bytes);
  const address4 = ipv4(r.u32(`${field}.address4`));
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  const prefix6 = takePrefix(r, `${field}.prefix6`);
  if (!prefix6.ok) return prefix6;
  const tail = decodeTail(bytes, r.offset, field);
  return tail.ok ? ok({ address4, prefix6: prefix6.value, ...tail.value }) : tail;
}

function encodeS46Bind(bind: S46Bind): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, bind.address4);
  return joined(head, prefixBytes(bind.prefix6), encodeTail(bind));
}

function decodeS46Dmr(bytes: Uint8Array, field: string): Result<Ipv6Prefix> {
  const r = new ByteReader(bytes);
  const prefix = takePrefix(r, field);
  if (!prefix.ok || r.remaining === 0) return prefix;
  return decodeError('left-over bytes', field, r.offset);
}

export function decodeS46PortParams(
  bytes: Uint8Array,
  field = 'portParams',
): Result<S46PortParams> {
  const r = new ByteReader(bytes);
  const offset = r.u8(`${field}.offset`);
  const psidLen = r.u8(`${field}.psidLen`);
  const left = r.u16(`${field}.psid`);
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  if (r.remaining > 0) return decodeError('left-over bytes', field, r.offset);
  if (offset > 15) return decodeError('over 15', `${field}.offset`, 0);
  if (psidLen > 16) return decodeError('over 16', `${field}.psidLen`, 1);
  const psid = left >>> (16 - psidLen);
  // §4.5: the PSID stands to the left, zeros behind it. Who writes it to the right gives another set of ports.
  if (psid << (16 - psidLen) !== left) {
    return decodeError(`bits behind a PSID of ${psidLen} bits`, `${field}.psid`, 2);
  }
  return ok({ offset, psidLen, psid });
}

function encodeS46PortParams({ offset, psidLen, psid }: S46PortParams): Uint8Array {
  const left = psid << (16 - psidLen);
  return Uint8Array.of(offset, psidLen, left >>> 8, left & 255);
}

/** OPTION_AFTR_NAME (RFC 6334 §3): one name, which is the far end of a DS-Lite tunnel. */
export function decodeAftrName(bytes: Uint8Array, field = 'aftr'): Result<string> {
  const names = decodeNames(bytes, field);
  if (!names.ok) return names;
  const [name, ...more] = names.value;
  return name === undefined || more.length > 0
    ? decodeError(`${names.value.length} names instead of one`, field, 0)
    : ok(name);
}

const isS46 = (code: number): boolean => code >= S46.RULE && code <= S46.CONT_LW;

/** A byte of length, then as many bytes as it needs. */
function takePrefix(r: ByteReader, field: string): Result<Ipv6Prefix> {
  const lengthAt = r.offset;
  const length = r.u8(`${field}Len`);
  const len = prefixLen6(length);
  if (len === undefined) return decodeError('over 128', `${field}Len`, lengthAt);
  const at = r.offset;
  const bytes = r.take((length + 7) >> 3, field);
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const prefix = { address: ipv6(value << BigInt(128 - 8 * bytes.length)), prefixLen: len };
  // The padding is zero; where it is not, the length lies.
  return networkOf6(prefix) === prefix.address
    ? ok(prefix)
    : decodeError(`bits behind a prefix of ${length}`, field, at);
}

const prefixBytes = ({ address, prefixLen: len }: Ipv6Prefix): Uint8Array =>
  joined(Uint8Array.of(len), ipv6Bytes(address).subarray(0, (len + 7) >> 3));

interface Tail {
  readonly portParams: S46PortParams | undefined;
  readonly others: readonly Dhcp6Option[];
}

/** The options inside a rule or a binding. */
function decodeTail(bytes: Uint8Array, start: number, field: string): Result<Tail> {
  const inside = moved(decodeOptions6(bytes.subarray(start), field), start);
  if (!inside.ok) return inside;
  const found = inside.value.filter(({ code }) => code === S46.PORTPARAMS);
  const others = inside.value.filter(({ code }) => code !== S46.PORTPARAMS);
  // What belongs elsewhere came in by a wrong length.
  const astray = others.find(({ code }) => isS46(code));
  if (astray !== undefined) {
    const at = astray.value.byteOffset - bytes.byteOffset;
    return decodeError('stands in the wrong place', `${field}.${astray.code}`, at);
  }
  const [params, second] = found;
  if (params === undefined) return ok({ portParams: undefined, others });
  const name = `${field}.portParams`;
  if (second !== undefined) {
    return decodeError('more than one', name, second.value.byteOffset - bytes.byteOffset);
  }
  const decoded = moved(
    decodeS46PortParams(params.value, name),
    params.value.byteOffset - bytes.byteOffset,
  );
  return decoded.ok ? ok({ portParams: decoded.value, others }) : decoded;
}

const encodeTail = ({ portParams, others }: Tail): Uint8Array =>
  encodeOptions6([
    ...(portParams === undefined
      ? []
      : [{ code: S46.PORTPARAMS, value: encodeS46PortParams(portParams) }]),
    ...others,
  ]);

/** A fault of a part that begins at `start`, with the offset in the whole. */
const moved = <T>(result: Result<T>, start: number): Result<T> =>
  result.ok
    ? result
    : decodeError(result.error.message, result.error.field, result.error.offset + start);

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
