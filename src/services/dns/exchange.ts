/** One question to one resolver: what is sent, and what is taken for its answer. */
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DnsEndpoint, DnsTransports } from '../../os/ports-dns-transport.ts';
import {
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  decodeMessage,
  type EdnsOption,
  encodeMessage,
  HEADER_BYTES,
  queryOf,
} from '../../wire/dns.ts';
import { UDP_BYTES } from '../../wire/dns-finish.ts';
import { type DnsName, decodeName, encodeName, lowerName, parseName } from '../../wire/dns-name.ts';
import { compressibleName, lowerBytes, nameEnd } from '../../wire/dns-rdata.ts';
import { CLASS_IN, OPTION, RCODE } from '../../wire/dns-registry.ts';

export interface Asked {
  /** In lower case. */
  readonly name: DnsName;
  readonly type: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

export interface ExchangeDeps {
  readonly transports: DnsTransports;
  randomBytes(count: number): Uint8Array;
}

/** So many datagrams that do not fit may come; then somebody is guessing, and TCP it is. */
const MAX_MISMATCHES = 8;
/** Queries over TLS are padded to a multiple of this (RFC 8467 §4.1). */
const PAD_BYTES = 128;

/** How a question went out and what it met besides an answer. */
export interface ExchangeNotes {
  /** Datagrams that were no answer to what was asked. */
  mismatches: number;
}

/**
 * Asks `to`, by TCP too where UDP is cut or somebody guesses. The answer has the question that was
 * asked, in upper and lower case; whatever else comes is passed over. `edns` false leaves OPT out,
 * for resolvers that do not know it.
 */
export async function exchange(
  deps: ExchangeDeps,
  to: DnsEndpoint,
  asked: Asked,
  timeoutMs: number,
  signal: AbortSignal,
  notes: ExchangeNotes,
  edns = true,
): Promise<Result<DnsMessage, SystemError>> {
  const random = deps.randomBytes(2 + asked.name.length);
  const encrypted = to.protocol === 'tls' || to.protocol === 'https';
  const question: DnsQuestion = {
    // Over TLS nobody guesses, and names look the same to caches of DoH.
    name: encrypted ? asked.name : mixedCase(asked.name, random.subarray(2)),
    type: asked.type,
    class: CLASS_IN,
  };
  // HTTP's caches want the id to be 0 (RFC 8484 §4.1).
  const id = to.protocol === 'https' ? 0 : ((random[0] ?? 0) << 8) | (random[1] ?? 0);
  const query = encodeQuery(id, question, asked, edns, encrypted);
  const nameAndType = query.subarray(HEADER_BYTES, questionEnd(query));
  const fits = (answer: Uint8Array, folded: boolean): boolean =>
    answer.length >= HEADER_BYTES + nameAndType.length &&
    answer[0] === query[0] &&
    answer[1] === query[1] &&
    // QR, opcode 0.
    ((answer[2] ?? 0) & 0xf8) === 0x80 &&
    answer[4] === 0 &&
    answer[5] === 1 &&
    nameAndType.every((byte, i) => isSame(byte, answer[HEADER_BYTES + i] ?? 0, folded));
  if (to.protocol === 'udp') {
    let mismatches = 0;
    const accept = (answer: Uint8Array): boolean => {
      // One that does not keep upper and lower case is asked again by TCP, where nobody can guess.
      if (fits(answer, true) || isFormerr(answer, query)) return true;
      notes.mismatches++;
      return ++mismatches >= MAX_MISMATCHES;
    };
    const got = await deps.transports.udp(to, query, timeoutMs, accept, signal);
    if (!got.ok) return got;
    const plain = isFormerr(got.value, query);
    const cut = ((got.value[2] ?? 0) & 2) !== 0;
    if (!plain && fits(got.value, false) && !cut) return decoded(got.value, question.name);
    if (plain && edns) return exchange(deps, to, asked, timeoutMs, signal, notes, false);
    if (plain) return err(new SystemError('it does not understand the question', 'EPROTO'));
  }
  const stream = to.protocol === 'udp' ? ({ ...to, protocol: 'tcp' } as const) : to;
  const got = await deps.transports.stream(stream, query, timeoutMs, signal);
  if (!got.ok) return got;
  if (!fits(got.value, true)) {
    if (edns && isFormerr(got.value, query)) {
      return exchange(deps, stream, asked, timeoutMs, signal, notes, false);
    }
    notes.mismatches++;
    return err(new SystemError('it answered another question', 'EPROTO'));
  }
  return decoded(got.value, question.name);
}

function encodeQuery(
  id: number,
  question: DnsQuestion,
  asked: Asked,
  edns: boolean,
  padded: boolean,
): Uint8Array {
  const flags = { checkingDisabled: asked.checkingDisabled };
  if (!edns) return encodeMessage(queryOf(id, question, undefined, flags));
  const withOptions = (options: readonly EdnsOption[]): Uint8Array =>
    encodeMessage(
      queryOf(
        id,
        question,
        { udpSize: UDP_BYTES, version: 0, dnssecOk: asked.dnssecOk, options },
        flags,
      ),
    );
  const bare = withOptions([]);
  if (!padded) return bare;
  const fill = (PAD_BYTES - ((bare.length + 4) % PAD_BYTES)) % PAD_BYTES;
  return withOptions([{ code: OPTION.PADDING, value: new Uint8Array(fill) }]);
}

function questionEnd(query: Uint8Array): number {
  let at = HEADER_BYTES;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  return at + 5;
}

/** Old resolvers answer OPT with FORMERR, some with the header alone. */
function isFormerr(answer: Uint8Array, query: Uint8Array): boolean {
  return (
    answer.length >= HEADER_BYTES &&
    answer[0] === query[0] &&
    answer[1] === query[1] &&
    ((answer[2] ?? 0) & 0x80) !== 0 &&
    ((answer[3] ?? 0) & 15) === RCODE.FORMERR
  );
}

function decoded(bytes: Uint8Array, mixed: DnsName): Result<DnsMessage, SystemError> {
  const message = decodeMessage(bytes);
  if (!message.ok) {
    const { field, message: why } = message.error;
    return err(new SystemError(`its answer is none: ${field}: ${why}`, 'EPROTO'));
  }
  return message.value.truncated
    ? err(new SystemError('its answer is cut, by TCP too', 'EPROTO'))
    : ok(unmixed(message.value, encodeName(mixed)));
}

/**
 * Names that end as the question was written were compressed against it: what we made up of upper
 * and lower case is nobody else's business. What a resolver wrote itself is kept.
 */
function unmixed(message: DnsMessage, mixed: Uint8Array): DnsMessage {
  const clean = (rr: DnsRecord): DnsRecord => {
    const name = lowerSuffix(encodeName(rr.name), 0, mixed);
    const owner = name === undefined ? undefined : decodeName(name, 0, 'owner', false);
    let rdata = rr.rdata;
    for (const at of compressibleName(rr.type, rdata)) {
      rdata = lowerSuffix(rdata, at, mixed) ?? rdata;
    }
    return { ...rr, name: owner?.ok === true ? owner.value.name : rr.name, rdata };
  };
  return {
    ...message,
    answers: message.answers.map(clean),
    authorities: message.authorities.map(clean),
    additionals: message.additionals.map(clean),
  };
}

/** A copy with the suffix of the name at `start` in lower case that it has in common with `mixed`; undefined without one. */
function lowerSuffix(bytes: Uint8Array, start: number, mixed: Uint8Array): Uint8Array | undefined {
  const end = nameEnd(bytes, start);
  for (let at = start; at < end - 1; at += (bytes[at] ?? 0) + 1) {
    const from = mixed.length - (end - at);
    if (from < 0 || !mixed.subarray(from).every((byte, i) => byte === bytes[at + i])) continue;
    const lowered = bytes.slice();
    lowerBytes(lowered, at, end);
    return lowered;
  }
  return undefined;
}

/** One random bit for each letter: what a forger has to guess besides port and id (draft-vixie-dnsext-dns0x20). */
function mixedCase(name: DnsName, random: Uint8Array): DnsName {
  let text = '';
  for (let i = 0; i < name.length; i++) {
    const char = name[i] ?? '';
    text += ((random[i] ?? 0) & 1) === 1 ? char.toUpperCase() : char;
  }
  const mixed = parseName(text || '.');
  // It is the same name; what is escaped has no letters.
  return mixed.ok && lowerName(mixed.value) === name ? mixed.value : name;
}

/** `folded`: letters are the same in upper and lower case. */
const isSame = (a: number, b: number, folded: boolean): boolean =>
  a === b || (folded && (a ^ b) === 0x20 && (a | 0x20) >= 0x61 && (a | 0x20) <= 0x7a);
