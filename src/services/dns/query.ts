/** What flows through the chain: a question of a client, and the reply to it. */
import type { IpAddress } from '../../base/ip6.ts';
import type { MissReason } from '../../os/ports-dns.ts';
import type { DnsMessage, DnsRecord, EdnsOption } from '../../wire/dns.ts';
import { canonicalResponse, encodeOptions } from '../../wire/dns-finish.ts';
import { type DnsName, encodeName } from '../../wire/dns-name.ts';
import { CLASS_IN, TYPE } from '../../wire/dns-registry.ts';

export interface Query {
  /** As it came. */
  readonly message: DnsMessage;
  /** Of its one question, in lower case. */
  readonly name: DnsName;
  readonly type: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  readonly client: IpAddress;
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  /** Of the client in the policy. */
  readonly group: number;
  /** Why the engine did not answer it. */
  readonly reason: MissReason;
}

export type AnsweredBy = 'policy' | 'local' | 'cache' | 'stale' | 'upstream' | 'error';

export interface Reply {
  /** Canonical: see `wire/dns-finish.ts`. */
  readonly wire: Uint8Array;
  /** Encoded EDNS options. */
  readonly options: Uint8Array;
  /** TTLs in `wire` are older by this. */
  readonly ageSec: number;
  readonly by: AnsweredBy;
  /** How long it may be remembered; absent or 0: not at all. */
  readonly keepSec?: number;
  /** It is a failure for want of an upstream that can be reached. */
  readonly unreachable?: true;
  /** Id of the upstream that was asked, and how long that took. */
  readonly upstream?: string;
  readonly tookMs?: number;
}

export interface ReplyParts {
  readonly rcode: number;
  readonly authoritative?: boolean;
  readonly authenticData?: boolean;
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly options?: readonly EdnsOption[];
}

const NO_OPTIONS = new Uint8Array(0);

export const wireOf = (name: DnsName, type: number, parts: ReplyParts): Uint8Array =>
  canonicalResponse({
    ...{ id: 0, response: true, opcode: 0, truncated: false },
    authoritative: parts.authoritative ?? false,
    ...{ recursionDesired: true, recursionAvailable: true, checkingDisabled: false },
    authenticData: parts.authenticData ?? false,
    rcode: parts.rcode,
    questions: [{ name, type, class: CLASS_IN }],
    answers: parts.answers ?? [],
    authorities: parts.authorities ?? [],
    additionals: [],
    edns: undefined,
  });

export const replyTo = (
  query: Pick<Query, 'name' | 'type'>,
  by: AnsweredBy,
  parts: ReplyParts,
): Reply => ({
  wire: wireOf(query.name, query.type, parts),
  options: parts.options === undefined ? NO_OPTIONS : encodeOptions(parts.options),
  ageSec: 0,
  by,
});

export const record = (name: DnsName, type: number, ttl: number, rdata: Uint8Array): DnsRecord => ({
  name,
  type,
  class: CLASS_IN,
  ttl,
  rdata,
});

/** The SOA of a zone that only exists here (RFC 6303 §3): owner and MNAME are the zone. */
export function localSoa(zone: DnsName, ttlSec: number): DnsRecord {
  const owner = encodeName(zone);
  const rdata = new Uint8Array(owner.length + NOBODY.length + 20);
  rdata.set(owner);
  rdata.set(NOBODY, owner.length);
  const view = new DataView(rdata.buffer, owner.length + NOBODY.length);
  for (const [i, value] of [1, 3600, 1200, 604_800, ttlSec].entries()) view.setUint32(4 * i, value);
  return record(zone, TYPE.SOA, ttlSec, rdata);
}

const NOBODY = encodeName('nobody.invalid' as DnsName);
