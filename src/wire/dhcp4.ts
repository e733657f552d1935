/** DHCPv4 messages (RFC 2131 §2), options by RFC 2132, long options by RFC 3396, overload by RFC 2132 §9.3. */
import { ByteReader } from '../base/bytes.ts';
import { type Ipv4, ipv4 } from '../base/ip.ts';
import { type DecodeError, decodeError, ok, type Result } from '../base/result.ts';

/** RFC 2132 §9.6, RFC 3203 (FORCERENEW), RFC 4388 §6.1 (LEASEQUERY and its answers). */
export const DHCP = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
  FORCERENEW: 9,
  LEASEQUERY: 10,
  LEASEUNASSIGNED: 11,
  LEASEUNKNOWN: 12,
  LEASEACTIVE: 13,
} as const;

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

export type Dhcp4Options = ReadonlyMap<number, Uint8Array>;

export interface Dhcp4Message {
  /** 1 BOOTREQUEST, 2 BOOTREPLY. */
  readonly op: 1 | 2;
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** hlen bytes. */
  readonly chaddr: Uint8Array;
  /** Bytes up to the first NUL; empty when the field carries options (overload). */
  readonly sname: Uint8Array;
  readonly file: Uint8Array;
  /** By code, in order of first appearance; parts of a split option are joined (RFC 3396). */
  readonly options: Dhcp4Options;
}

type Refused = { readonly ok: false; readonly error: DecodeError };

const MAGIC = 0x63825363;
const OPTION_PAD = 0;
const OPTION_OVERLOAD = 52;
const OPTION_END = 255;
const FIXED_BYTES = 236;

export function decodeDhcp4(bytes: Uint8Array): Result<Dhcp4Message> {
  const r = new ByteReader(bytes);
  const op = r.u8('op');
  const htype = r.u8('htype');
  const hlen = r.u8('hlen');
  r.u8('hops');
  const xid = r.u32('xid');
  const secs = r.u16('secs');
  const flags = r.u16('flags');
  const ciaddr = ipv4(r.u32('ciaddr'));
  const yiaddr = ipv4(r.u32('yiaddr'));
  const siaddr = ipv4(r.u32('siaddr'));
  const giaddr = ipv4(r.u32('giaddr'));
  const chaddr = r.take(16, 'chaddr');
  const sname = r.take(64, 'sname');
  const file = r.take(128, 'file');
  const magic = r.u32('magic');
  if (r.error !== undefined) return decodeError('truncated', r.error.field, r.error.offset);
  if (op !== 1 && op !== 2) return decodeError(`op ${op}`, 'op', 0);
  if (htype !== 1 || hlen !== 6) return decodeError('not an Ethernet address', 'hlen', 2);
  if (magic !== MAGIC) return decodeError('no DHCP magic cookie', 'magic', FIXED_BYTES);

  const options = new Map<number, Uint8Array>();
  const failed = readOptions(bytes.subarray(r.offset), r.offset, 'options', options);
  if (failed !== undefined) return failed;
  const overload = options.get(OPTION_OVERLOAD)?.[0] ?? 0;
  if ((overload & 1) !== 0) {
    const bad = readOptions(file, FIXED_BYTES - 128, 'file', options);
    if (bad !== undefined) return bad;
  }
  if ((overload & 2) !== 0) {
    const bad = readOptions(sname, FIXED_BYTES - 192, 'sname', options);
    if (bad !== undefined) return bad;
  }
  return ok({
    op,
    xid,
    secs,
    broadcast: (flags & 0x8000) !== 0,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr: chaddr.slice(0, hlen),
    sname: (overload & 2) === 0 ? untilNul(sname) : new Uint8Array(0),
    file: (overload & 1) === 0 ? untilNul(file) : new Uint8Array(0),
    options,
  });
}

/** Reads one options area into `into`; a missing END is accepted, since real servers leave it out. */
function readOptions(
  area: Uint8Array,
  base: number,
  field: string,
  into: Map<number, Uint8Array>,
): Refused | undefined {
  let at = 0;
  while (at < area.length) {
    const code = area[at] ?? OPTION_END;
    if (code === OPTION_END) return undefined;
    if (code === OPTION_PAD) {
      at++;
      continue;
    }
    const length = area[at + 1];
    if (length === undefined || at + 2 + length > area.length) {
      return decodeError(`option ${code} is longer than what is left`, field, base + at);
    }
    const value = area.slice(at + 2, at + 2 + length);
    const before = into.get(code);
    into.set(code, before === undefined ? value : concat(before, value));
    at += 2 + length;
  }
  return undefined;
}

/** Never fails on values that `decodeDhcp4` gives; options over 255 bytes are split (RFC 3396). */
export function encodeDhcp4(m: Dhcp4Message): Uint8Array {
  let optionBytes = 1;
  for (const value of m.options.values()) {
    optionBytes += value.length + 2 * Math.max(1, Math.ceil(value.length / 255));
  }
  // 300 bytes is the least a BOOTP relay must be given (RFC 1542 §2.1).
  const bytes = new Uint8Array(Math.max(300, FIXED_BYTES + 4 + optionBytes));
  const view = new DataView(bytes.buffer);
  bytes[0] = m.op;
  bytes[1] = 1;
  bytes[2] = m.chaddr.length;
  view.setUint32(4, m.xid);
  view.setUint16(8, m.secs);
  view.setUint16(10, m.broadcast ? 0x8000 : 0);
  view.setUint32(12, m.ciaddr);
  view.setUint32(16, m.yiaddr);
  view.setUint32(20, m.siaddr);
  view.setUint32(24, m.giaddr);
  bytes.set(m.chaddr.subarray(0, 16), 28);
  bytes.set(m.sname.subarray(0, 64), 44);
  bytes.set(m.file.subarray(0, 128), 108);
  view.setUint32(FIXED_BYTES, MAGIC);
  let at = FIXED_BYTES + 4;
  for (const [code, value] of m.options) {
    let from = 0;
    do {
      const part = value.subarray(from, from + 255);
      bytes[at] = code;
      bytes[at + 1] = part.length;
      bytes.set(part, at + 2);
      at += 2 + part.length;
      from += 255;
    } while (from < value.length);
  }
  bytes[at] = OPTION_END;
  return bytes;
}

/** Option 53, or 0 for BOOTP. */
export const messageType = (m: Dhcp4Message): number => m.options.get(53)?.[0] ?? 0;

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return bytes.slice(0, end < 0 ? bytes.length : end);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
