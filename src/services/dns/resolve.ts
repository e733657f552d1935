/** From a question to what may be answered: asked of resolvers, scrubbed, validated, kept from leading into the house. */
import type { DnsRecord } from '../../wire/dns.ts';
import { extendedError } from '../../wire/dns.ts';
import { type DnsName, isWithin } from '../../wire/dns-name.ts';
import { EDE, RCODE, TYPE } from '../../wire/dns-registry.ts';
import { rebinds } from './addresses.ts';
import type { DnsConfig } from './config.ts';
import type { Asked } from './exchange.ts';
import type { Outcome } from './forward.ts';
import type { ReplyParts } from './query.ts';
import { negativeTtl, type Scrubbed, scrub } from './scrub.ts';

/** What DNSSEC says of an answer. */
export type Validation =
  /** It holds for so long by its signatures. */
  | { readonly kind: 'secure'; readonly ttlCapSec: number }
  | { readonly kind: 'insecure' }
  | { readonly kind: 'bogus'; readonly ede: number; readonly reason: string };

/** Validates what an upstream said of one question; `ends`: it must prove what it did not find. */
export type Validate = (type: number, scrubbed: Scrubbed, ends: boolean) => Promise<Validation>;

export interface Resolved {
  readonly parts: ReplyParts;
  /** How long it may be kept; 0 is not at all. */
  readonly keepSec: number;
  readonly upstream: string | undefined;
  readonly tookMs: number;
  /** It failed for want of an upstream that can be reached: an old answer is better. */
  readonly unreachable: boolean;
}

export interface ResolveCounts {
  failed: number;
  rebindRefused: number;
  secure: number;
  bogus: number;
}

export interface ResolverDeps {
  ask(asked: Asked): Promise<Outcome>;
  /** Undefined: nothing is validated. */
  readonly validate: Validate | undefined;
  readonly config: Pick<DnsConfig, 'cache' | 'rebind'>;
  /** Answers of these names are the owner's own business. */
  isSplit(name: DnsName): boolean;
  readonly counts: ResolveCounts;
}

/** Aliases that lead on to questions of their own. */
const MAX_STEPS = 8;
/** What failed is not asked for again so soon (RFC 9520 §3.2); short, so that the house is back soon. */
const FAILURE_SEC = 1;
const REBIND_SEC = 30;

export async function resolve(
  deps: ResolverDeps,
  name: DnsName,
  type: number,
  dnssecOk: boolean,
  checkingDisabled: boolean,
): Promise<Resolved> {
  const { config, counts, validate } = deps;
  const validates = validate !== undefined && !checkingDisabled;
  const answers: DnsRecord[] = [];
  let tookMs = 0;
  let upstream: string | undefined;
  let [secure, current] = [true, name];
  let ttlCapSec = Number.POSITIVE_INFINITY;
  const fail = (ede: number, reason: string, unreachable: boolean): Resolved => {
    counts.failed++;
    return {
      parts: { rcode: RCODE.SERVFAIL, options: [extendedError(ede, reason)] },
      keepSec: unreachable ? 0 : FAILURE_SEC,
      ...{ upstream, tookMs, unreachable },
    };
  };
  for (let step = 0; step < MAX_STEPS; step++) {
    // A validator asks for signatures, and for what other validators would keep from it (RFC 6840 §5.9).
    const flags =
      validate === undefined
        ? { dnssecOk, checkingDisabled }
        : { dnssecOk: true, checkingDisabled: true };
    const outcome = await deps.ask({ name: current, type, ...flags });
    if (!outcome.ok) return fail(outcome.ede, outcome.reason, outcome.unreachable);
    tookMs += outcome.tookMs;
    upstream = outcome.upstream;
    const scrubbed = scrub(outcome.message, current, type);
    if (scrubbed === undefined) return fail(EDE.INVALID_DATA, 'aliases without end', false);
    // An alias that leads out of what this upstream knows: its end is a question of its own.
    const open =
      !scrubbed.found &&
      scrubbed.rcode === RCODE.NOERROR &&
      scrubbed.targets.length > 0 &&
      !scrubbed.authorities.some((rr) => rr.type === TYPE.SOA);
    if (validates && validate !== undefined) {
      const verdict = await validate(type, scrubbed, !open);
      if (verdict.kind === 'bogus') {
        counts.bogus++;
        return fail(verdict.ede, verdict.reason, false);
      }
      secure = secure && verdict.kind === 'secure';
      if (verdict.kind === 'secure') ttlCapSec = Math.min(ttlCapSec, verdict.ttlCapSec);
    } else {
      // Another's word counts where nobody on the way could change it.
      secure = secure && outcome.encrypted && outcome.message.authenticData && !validates;
    }
    answers.push(...scrubbed.answers);
    if (open) {
      current = scrubbed.last;
      continue;
    }
    if (config.rebind.enable && isRebind(deps, name, scrubbed.last, answers)) {
      counts.rebindRefused++;
      const options = [extendedError(EDE.FILTERED, 'it leads into the local network')];
      const parts = { rcode: RCODE.NOERROR, options };
      return { parts, keepSec: REBIND_SEC, upstream, tookMs, unreachable: false };
    }
    if (secure) counts.secure++;
    const kept = dnssecOk ? (rr: DnsRecord) => rr : (rr: DnsRecord) => plain(rr, type);
    const parts: ReplyParts = {
      rcode: scrubbed.rcode,
      authenticData: secure,
      answers: answers.flatMap((rr) => kept(rr) ?? []),
      authorities: scrubbed.authorities.flatMap((rr) => kept(rr) ?? []),
    };
    const timed = withLimits(parts, scrubbed.found, config.cache, ttlCapSec);
    return { ...timed, upstream, tookMs, unreachable: false };
  }
  return fail(EDE.INVALID_DATA, 'aliases without end', false);
}

function isRebind(
  deps: ResolverDeps,
  name: DnsName,
  last: DnsName,
  answers: readonly DnsRecord[],
): boolean {
  if (!rebinds(answers)) return false;
  const exempt = deps.config.rebind.exempt.some(
    (zone) => isWithin(name, zone) || isWithin(last, zone),
  );
  return !exempt && !deps.isSplit(name);
}

const SECURITY: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3]);

/** What a client that does not ask for DNSSEC gets of it: only what it asked for by type (RFC 4035 §3.2.1). */
const plain = (rr: DnsRecord, type: number): DnsRecord | undefined =>
  SECURITY.has(rr.type) && rr.type !== type && type !== TYPE.ANY ? undefined : rr;

function withLimits(
  parts: ReplyParts,
  found: boolean,
  cache: DnsConfig['cache'],
  ttlCapSec: number,
): { readonly parts: ReplyParts; readonly keepSec: number } {
  const { answers = [], authorities = [] } = parts;
  const negative = found ? undefined : negativeTtl(authorities);
  if (!found && negative === undefined) return { parts, keepSec: 0 };
  const limit = found ? cache.maxTtlSec : Math.min(cache.maxTtlSec, cache.maxNegativeTtlSec);
  // No longer than the signatures hold (RFC 4035 §5.3.3).
  const most = Math.min(limit, ttlCapSec);
  const least = Math.min(most, cache.minTtlSec);
  const limited = (rr: DnsRecord): DnsRecord => {
    // Of a negative answer, the SOA says how long it holds (RFC 2308 §5).
    const ttl = rr.type === TYPE.SOA && negative !== undefined ? negative : rr.ttl;
    return { ...rr, ttl: Math.min(most, Math.max(least, ttl)) };
  };
  const timed = {
    ...parts,
    answers: answers.map(limited),
    authorities: authorities.map(limited),
  };
  const ttls = [...timed.answers, ...timed.authorities].map(({ ttl }) => ttl);
  return { parts: timed, keepSec: Math.min(most, ...ttls) };
}
