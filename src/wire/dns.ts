/**
 * DNS messages (RFC 1035 §4, RFC 6891). RDATA is kept as bytes with every name in it whole
 * (uncompressed), so that what is not known passes through, signatures can be checked over it, and
 * only who wants its fields pays for them (`dns-rdata.ts`).
 */
import { decodeError, ok, type Result } from '../base/result.ts';
import { type DnsName, decodeName, encodeName, ROOT } from './dns-name.ts';
import { compressibleName, wholeRdata } from './dns-rdata.ts';
import { OPTION, TYPE } from './dns-registry.ts';
import { encodeUtf8, utf8Bound } from './utf8.ts';

export interface DnsQuestion {
  /** As it was asked, upper and lower case kept. */
  readonly name: DnsName;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord {
  readonly name: DnsName;
  readonly type: number;
  readonly class: number;
  /** Seconds; more than 2^31−1 is read as 0 (RFC 2181 §8). */
  readonly ttl: number;
  /** Without compression. */
  readonly rdata: Uint8Array;
}

export interface EdnsOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The OPT record (RFC 6891 §6.1). Its part of the response code stands in `rcode`. */
export interface Edns {
  /** Size of UDP messages that the sender takes; what is below 512 means 512. */
  readonly udpSize: number;
  readonly version: number;
  /** DNSSEC OK (RFC 3225). */
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** With the upper bits of OPT. */
  readonly rcode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Without OPT. */
  readonly additionals: readonly DnsRecord[];
  readonly edns: Edns | undefined;
}

export const HEADER_BYTES = 12;
/** Larger ones do not exist: TCP's length has 16 bits. */
const MAX_MESSAGE_BYTES = 65_535;
/** A record needs 11 bytes at least, so no message has more. */
const MAX_RECORDS = 6000;
const MAX_TTL = 0x7fffffff;

/** A whole message; what follows the last record is refused. */
export function decodeMessage(bytes: Uint8Array): Result<DnsMessage> {
  if (bytes.length < HEADER_BYTES) return decodeError('truncated', 'header', bytes.length);
  if (bytes.length > MAX_MESSAGE_BYTES) return decodeError('too long', 'header', 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  const [qd, an, ns, ar] = [4, 6, 8, 10].map((at) => view.getUint16(at)) as [
    number,
    number,
    number,
    number,
  ];
  if (qd + an + ns + ar > MAX_RECORDS) return decodeError('too many records', 'header', 4);
  const questions: DnsQuestion[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < qd; i++) {
    const name = decodeName(bytes, at, 'question');
    if (!name.ok) return name;
    const { end } = name.value;
    if (end + 4 > bytes.length) return decodeError('truncated', 'question', end);
    questions.push({
      name: name.value.name,
      type: view.getUint16(end),
      class: view.getUint16(end + 2),
    });
    at = end + 4;
  }
  let edns: (Edns & { readonly rcodeHigh: number }) | undefined;
  const sections: [DnsRecord[], DnsRecord[], DnsRecord[]] = [[], [], []];
  for (const [section, count] of [an, ns, ar].entries()) {
    const field = SECTIONS[section] ?? '';
    for (let i = 0; i < count; i++) {
      const name = decodeName(bytes, at, field);
      if (!name.ok) return name;
      const { end } = name.value;
      if (end + 10 > bytes.length) return decodeError('truncated', field, end);
      const type = view.getUint16(end);
      const start = end + 10;
      const stop = start + view.getUint16(end + 8);
      if (stop > bytes.length) return decodeError('truncated', `${field}.rdata`, start);
      if (type === TYPE.OPT) {
        if (section !== 2) return decodeError('OPT in the wrong section', field, at);
        if (edns !== undefined) return decodeError('OPT twice', field, at);
        if (name.value.name !== ROOT) return decodeError('OPT with a name', field, at);
        const options = decodeOptions(bytes, start, stop);
        if (!options.ok) return options;
        edns = {
          udpSize: Math.max(512, view.getUint16(end + 2)),
          rcodeHigh: view.getUint8(end + 4),
          version: view.getUint8(end + 5),
          dnssecOk: (view.getUint16(end + 6) & 0x8000) !== 0,
          options: options.value,
        };
      } else {
        const rdata = wholeRdata(bytes, type, start, stop, `${field}.rdata`);
        if (!rdata.ok) return rdata;
        const ttl = view.getUint32(end + 4);
        sections[section]?.push({
          name: name.value.name,
          type,
          class: view.getUint16(end + 2),
          ttl: ttl > MAX_TTL ? 0 : ttl,
          rdata: rdata.value,
        });
      }
      at = stop;
    }
  }
  if (at !== bytes.length) return decodeError('left-over bytes', 'end', at);
  const { rcodeHigh = 0, ...opt } = edns ?? {};
  return ok({
    id: view.getUint16(0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x400) !== 0,
    truncated: (flags & 0x200) !== 0,
    recursionDesired: (flags & 0x100) !== 0,
    recursionAvailable: (flags & 0x80) !== 0,
    authenticData: (flags & 0x20) !== 0,
    checkingDisabled: (flags & 0x10) !== 0,
    rcode: (flags & 15) | (rcodeHigh << 4),
    questions,
    answers: sections[0],
    authorities: sections[1],
    additionals: sections[2],
    edns: edns === undefined ? undefined : (opt as Edns),
  });
}

const SECTIONS = ['answer', 'authority', 'additional'] as const;

function decodeOptions(
  bytes: Uint8Array,
  start: number,
  stop: number,
): Result<readonly EdnsOption[]> {
  const options: EdnsOption[] = [];
  let at = start;
  while (at < stop) {
    if (at + 4 > stop) return decodeError('truncated', 'opt', at);
    const code = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const end = at + 4 + length;
    if (end > stop) return decodeError('truncated', 'opt', at);
    options.push({ code, value: bytes.slice(at + 4, end) });
    at = end;
  }
  return ok(options);
}

/** Pointers reach no further (RFC 1035 §4.1.4). */
const POINTER_REACH = 0x3fff;

/** Collects a message; names are compressed against those before, case and all (so that 0x20 is kept). */
class Writer {
  bytes = new Uint8Array(1024);
  view = new DataView(this.bytes.buffer);
  at = 0;
  readonly #seen = new Map<string, number>();

  room(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + more));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  u16(value: number): void {
    this.room(2);
    this.view.setUint16(this.at, value);
    this.at += 2;
  }

  u32(value: number): void {
    this.room(4);
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  raw(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.room(end - start);
    this.bytes.set(bytes.subarray(start, end), this.at);
    this.at += end - start;
  }

  name(name: DnsName): void {
    if (name === ROOT) {
      this.raw(ZERO);
      return;
    }
    this.wireName(encodeName(name), 0);
  }

  /** A whole name that stands in `wire` at `start`; gives where it ends there. */
  wireName(wire: Uint8Array, start: number): number {
    let from = start;
    while ((wire[from] ?? 0) !== 0) {
      const rest = keyOf(wire, from);
      const known = this.#seen.get(rest);
      if (known !== undefined) {
        this.u16(0xc000 | known);
        return from + rest.length;
      }
      if (this.at <= POINTER_REACH) this.#seen.set(rest, this.at);
      const length = wire[from] ?? 0;
      this.raw(wire, from, from + 1 + length);
      from += 1 + length;
    }
    this.raw(ZERO);
    return from + 1;
  }
}

const ZERO = new Uint8Array(1);

/** The whole rest of a name, one character a byte. */
function keyOf(wire: Uint8Array, start: number): string {
  let text = '';
  for (let at = start; ; ) {
    const length = wire[at] ?? 0;
    for (let i = at; i <= at + length; i++) text += String.fromCharCode(wire[i] ?? 0);
    if (length === 0) return text;
    at += length + 1;
  }
}

/** What it is given must be sound: a name that is none is a bug. More than 65,535 bytes come out as they are; the caller looks. */
export function encodeMessage(message: DnsMessage): Uint8Array {
  const w = new Writer();
  const { edns, questions, answers, authorities, additionals } = message;
  w.u16(message.id);
  w.u16(
    (message.response ? 0x8000 : 0) |
      ((message.opcode & 15) << 11) |
      (message.authoritative ? 0x400 : 0) |
      (message.truncated ? 0x200 : 0) |
      (message.recursionDesired ? 0x100 : 0) |
      (message.recursionAvailable ? 0x80 : 0) |
      (message.authenticData ? 0x20 : 0) |
      (message.checkingDisabled ? 0x10 : 0) |
      (message.rcode & 15),
  );
  w.u16(questions.length);
  w.u16(answers.length);
  w.u16(authorities.length);
  w.u16(additionals.length + (edns === undefined ? 0 : 1));
  for (const { name, type, class: qclass } of questions) {
    w.name(name);
    w.u16(type);
    w.u16(qclass);
  }
  for (const section of [answers, authorities, additionals]) {
    for (const record of section) writeRecord(w, record);
  }
  if (edns !== undefined) w.raw(encodeOpt(edns, message.rcode));
  return w.bytes.slice(0, w.at);
}

function writeRecord(w: Writer, { name, type, class: rrClass, ttl, rdata }: DnsRecord): void {
  w.name(name);
  w.u16(type);
  w.u16(rrClass);
  w.u32(ttl);
  const lengthAt = w.at;
  w.u16(0);
  let from = 0;
  for (const nameAt of compressibleName(type, rdata)) {
    w.raw(rdata, from, nameAt);
    from = w.wireName(rdata, nameAt);
  }
  w.raw(rdata, from);
  w.view.setUint16(lengthAt, w.at - lengthAt - 2);
}

/** The OPT record alone, as it stands at the end of a message. */
export function encodeOpt(edns: Edns, rcode: number): Uint8Array {
  const size = edns.options.reduce((sum, { value }) => sum + 4 + value.length, 0);
  const bytes = new Uint8Array(11 + size);
  const view = new DataView(bytes.buffer);
  view.setUint16(1, TYPE.OPT);
  view.setUint16(3, edns.udpSize);
  view.setUint8(5, rcode >> 4);
  view.setUint8(6, edns.version);
  view.setUint16(7, edns.dnssecOk ? 0x8000 : 0);
  view.setUint16(9, size);
  let at = 11;
  for (const { code, value } of edns.options) {
    view.setUint16(at, code);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}

/** A query as a stub sends it: one question, recursion desired. */
export const queryOf = (
  id: number,
  question: DnsQuestion,
  edns: Edns | undefined,
  flags: { readonly checkingDisabled?: boolean; readonly authenticData?: boolean } = {},
): DnsMessage => ({
  ...{ id, response: false, opcode: 0, authoritative: false, truncated: false },
  ...{ recursionDesired: true, recursionAvailable: false, rcode: 0 },
  authenticData: flags.authenticData ?? false,
  checkingDisabled: flags.checkingDisabled ?? false,
  questions: [question],
  ...{ answers: [], authorities: [], additionals: [], edns },
});

/** An extended error (RFC 8914 §2); of the text, 255 bytes of UTF-8. */
export function extendedError(code: number, text = ''): EdnsOption {
  const utf8 = new Uint8Array(utf8Bound(text));
  const length = Math.min(255, encodeUtf8(text, utf8, 0));
  const value = new Uint8Array(2 + length);
  value.set([code >> 8, code & 255]);
  value.set(utf8.subarray(0, length), 2);
  return { code: OPTION.EDE, value };
}
