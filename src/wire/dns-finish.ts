/**
 * The last step before an answer leaves, for everything that was not answered natively: a canonical
 * response (ID 0, question in lower case, no OPT) is fitted to the query that asked for it. The rules
 * stand above `os/ports-dns.ts`; the native engine does the same, byte for byte.
 */
import { type DnsMessage, type Edns, encodeMessage, encodeOpt, HEADER_BYTES } from './dns.ts';
import { encodeName, lowerName } from './dns-name.ts';
import { nameEnd, u16, u32 } from './dns-rdata.ts';
import { TYPE } from './dns-registry.ts';

/** What we say that we take by UDP, and the most that we send (DNS flag day 2020). */
export const UDP_BYTES = 1232;
export const STREAM_BYTES = 65_535;

/** How long an answer to this query may be over UDP. */
export const udpLimit = (edns: Edns | undefined): number =>
  edns === undefined ? 512 : Math.min(UDP_BYTES, Math.max(512, edns.udpSize));

/** Canonical bytes of a response with one question; OPT is left out. */
export function canonicalResponse(message: DnsMessage): Uint8Array {
  return encodeMessage({
    ...message,
    ...{ id: 0, response: true, recursionDesired: true, recursionAvailable: true },
    ...{ truncated: false, checkingDisabled: false, edns: undefined },
    questions: message.questions.map((question) => ({
      ...question,
      name: lowerName(question.name),
    })),
  });
}

/** `options` are encoded EDNS options; `query` has one question, that of `wire`. */
export function finish(
  query: DnsMessage,
  wire: Uint8Array,
  options: Uint8Array,
  ageSec: number,
  limitBytes: number,
): Uint8Array {
  const opt = query.edns === undefined ? EMPTY : optOf(query.edns, options);
  const length = wire.length + opt.length;
  if (length > limitBytes) return cut(query, wire);
  const answer = new Uint8Array(length);
  answer.set(wire);
  answer.set(opt, wire.length);
  const view = new DataView(answer.buffer);
  head(view, query, answer);
  if (ageSec > 0) {
    eachTtl(wire, (at, ttl) => view.setUint32(at, Math.max(0, ttl - ageSec)));
  }
  if (opt.length > 0) view.setUint16(10, view.getUint16(10) + 1);
  return answer;
}

const EMPTY = new Uint8Array(0);

function optOf(edns: Edns, options: Uint8Array): Uint8Array {
  const opt = new Uint8Array(11 + options.length);
  const view = new DataView(opt.buffer);
  view.setUint16(1, TYPE.OPT);
  view.setUint16(3, UDP_BYTES);
  view.setUint16(7, edns.dnssecOk ? 0x8000 : 0);
  view.setUint16(9, options.length);
  opt.set(options, 11);
  return opt;
}

function head(view: DataView, query: DnsMessage, answer: Uint8Array): void {
  view.setUint16(0, query.id);
  let flags = view.getUint16(2) & ~0x0130;
  if (query.recursionDesired) flags |= 0x100;
  if (query.checkingDisabled) flags |= 0x10;
  const mayAd = query.authenticData || query.edns?.dnssecOk === true;
  if (mayAd) flags |= u16(answer, 2) & 0x20;
  view.setUint16(2, flags);
  const [question] = query.questions;
  if (question !== undefined) answer.set(encodeName(question.name), HEADER_BYTES);
}

/** Header with TC, question, OPT without options. */
function cut(query: DnsMessage, wire: Uint8Array): Uint8Array {
  const end = nameEnd(wire, HEADER_BYTES) + 4;
  const opt = query.edns === undefined ? EMPTY : optOf(query.edns, EMPTY);
  const answer = new Uint8Array(end + opt.length);
  answer.set(wire.subarray(0, end));
  answer.set(opt, end);
  const view = new DataView(answer.buffer);
  head(view, query, answer);
  view.setUint16(2, view.getUint16(2) | 0x200);
  view.setUint16(6, 0);
  view.setUint16(8, 0);
  view.setUint16(10, opt.length > 0 ? 1 : 0);
  return answer;
}

/** The same with every TTL as `ttlSec`: what stands for one that is past its time (RFC 8767 §4). */
export function withTtl(wire: Uint8Array, ttlSec: number): Uint8Array {
  const copy = wire.slice();
  const view = new DataView(copy.buffer);
  eachTtl(wire, (at) => view.setUint32(at, ttlSec));
  return copy;
}

/** Calls `visit` with the place and value of each TTL of our own canonical bytes. */
function eachTtl(wire: Uint8Array, visit: (at: number, ttl: number) => void): void {
  let at = HEADER_BYTES;
  for (let left = u16(wire, 4); left > 0; left--) at = skipName(wire, at) + 4;
  for (let left = u16(wire, 6) + u16(wire, 8) + u16(wire, 10); left > 0; left--) {
    at = skipName(wire, at);
    visit(at + 4, u32(wire, at + 4));
    at += 10 + u16(wire, at + 8);
  }
}

function skipName(wire: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const length = wire[at] ?? 0;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
    if (length === 0) return at;
  }
}

/** An answer to what has no question that could be answered: header alone (and OPT for BADVERS). */
export function headerOnly(query: Uint8Array, rcode: number, edns: boolean): Uint8Array {
  const opt = edns
    ? encodeOpt({ udpSize: UDP_BYTES, version: 0, dnssecOk: false, options: [] }, rcode)
    : EMPTY;
  const answer = new Uint8Array(HEADER_BYTES + opt.length);
  answer.set(query.subarray(0, 2));
  // Opcode and RD of the query (RFC 1035 §4.1.1).
  answer[2] = 0x80 | ((query[2] ?? 0) & 0x79);
  answer[3] = 0x80 | (rcode & 15);
  answer[11] = edns ? 1 : 0;
  answer.set(opt, HEADER_BYTES);
  return answer;
}

/** EDNS options one behind the other, as they stand in an OPT record. */
export function encodeOptions(options: Edns['options']): Uint8Array {
  return encodeOpt({ udpSize: UDP_BYTES, version: 0, dnssecOk: false, options }, 0).slice(11);
}
