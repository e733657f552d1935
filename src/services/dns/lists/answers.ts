/** Answers that lists give names. */
import { type IpAddress, ipv6Bytes } from '../../../base/ip6.ts';
import { type DnsName, encodeName } from '../../../wire/dns-name.ts';
import { parseRdata } from '../../../wire/dns-rdata-text.ts';
import { TYPE, typeCode } from '../../../wire/dns-registry.ts';
import type { RewriteAnswer } from '../policy-config.ts';

const MAX_RDATA_BYTES = 4096;

export function addressAnswer(address: IpAddress): RewriteAnswer {
  return typeof address === 'number'
    ? { kind: 'record', type: TYPE.A, rdata: ipv4Bytes(address) }
    : { kind: 'record', type: TYPE.AAAA, rdata: ipv6Bytes(address) };
}

const ipv4Bytes = (address: number): Uint8Array =>
  Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);

/** Another name whose addresses are meant: CNAME. */
export const nameAnswer = (target: DnsName): RewriteAnswer => ({
  kind: 'record',
  type: TYPE.CNAME,
  rdata: encodeName(target),
});

/** A record of the type that is called `type`, from its text as in a zone file. */
export function answerOf(type: string, text: string): RewriteAnswer | undefined {
  const code = typeCode(type);
  // Types of queries and of the protocol itself are no answers (RFC 6895 §3.1).
  if (code === undefined || code === 0 || code === TYPE.OPT || (code >= 128 && code <= 255)) {
    return undefined;
  }
  const bare = code === TYPE.TXT && !text.startsWith('"');
  const rdata = parseRdata(code, bare ? quoted(text) : text);
  if (!rdata.ok || rdata.value.length > MAX_RDATA_BYTES) return undefined;
  return { kind: 'record', type: code, rdata: rdata.value };
}

/** Text without quotes is one string. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** An address by which lists say "nowhere". */
export function isNowhereAnswer(answer: RewriteAnswer): boolean {
  if (answer.kind !== 'record') return false;
  if (answer.type === TYPE.A) return answer.rdata[0] === 0 || answer.rdata[0] === 127;
  if (answer.type !== TYPE.AAAA) return false;
  const last = answer.rdata[15] ?? 0;
  return last <= 1 && answer.rdata.subarray(0, 15).every((byte) => byte === 0);
}
