/** The handler before the resolvers: what is remembered, what is past its time but better than nothing, and what is kept. */
import type { Clock } from '../../base/clock.ts';
import type { DnsCache, DnsCacheEntry, DnsCacheKey } from '../../os/ports-dns.ts';
import { extendedError, HEADER_BYTES } from '../../wire/dns.ts';
import { encodeOptions, withTtl } from '../../wire/dns-finish.ts';
import { encodeName } from '../../wire/dns-name.ts';
import { EDE, RCODE } from '../../wire/dns-registry.ts';
import type { Handler, Next } from './chain.ts';
import type { Query, Reply } from './query.ts';

/** So long a client waits before it gets an answer past its time (RFC 8767 §5). */
const PATIENCE_MS = 1800;
/** How long clients may keep such an answer (RFC 8767 §4). */
const STALE_TTL_SEC = 30;

export interface CacheDeps {
  readonly cache: DnsCache;
  readonly clock: Clock;
  staleSec(): number;
  /** No resolver for this name can be reached at present: nobody need wait to find out. */
  hopeless(query: Query): boolean;
  readonly counts: { cacheHits: number; staleAnswers: number; prefetches: number };
}

export const cacheKey = (query: Query): DnsCacheKey => ({
  name: encodeName(query.name),
  type: query.type,
  dnssecOk: query.dnssecOk,
  checkingDisabled: query.checkingDisabled,
});

export function cacheHandler(deps: CacheDeps): Handler {
  const { cache, clock, counts } = deps;
  const fetch = async (query: Query, next: Next): Promise<Reply | undefined> => {
    const reply = await next();
    const keepSec = reply?.keepSec ?? 0;
    if (reply !== undefined && keepSec > 0) {
      const meta = { ttlSec: keepSec, passMask: 0n, generation: 0, options: reply.options };
      cache.put(cacheKey(query), reply.wire, meta, clock.boottimeMs());
    }
    return reply;
  };
  return async (query, next) => {
    if (query.reason === 'prefetch') {
      counts.prefetches++;
      return fetch(query, next);
    }
    const entry = cache.get(cacheKey(query), clock.boottimeMs());
    if (entry === undefined) return fetch(query, next);
    if (entry.ageSec < entry.ttlSec) {
      counts.cacheHits++;
      return { wire: entry.wire, options: entry.options, ageSec: entry.ageSec, by: 'cache' };
    }
    const pastSec = entry.ageSec - entry.ttlSec;
    if (pastSec > deps.staleSec() || isFailure(entry)) return fetch(query, next);
    const fresh = fetch(query, next);
    const waitMs = deps.hopeless(query) ? 0 : PATIENCE_MS;
    const reply = await Promise.race([fresh, elapsed(clock, waitMs, fresh)]);
    if (reply !== undefined && reply.unreachable !== true) return reply;
    counts.staleAnswers++;
    return staleReply(entry);
  };
}

/** Undefined after `ms`; the timer does not outlive `other`. */
function elapsed(clock: Clock, ms: number, other: Promise<unknown>): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => resolve(undefined));
    void other.finally(() => timer.cancel());
  });
}

const rcodeOf = ({ wire }: DnsCacheEntry): number => (wire[3] ?? 0) & 15;
const isFailure = (entry: DnsCacheEntry): boolean =>
  entry.wire.length < HEADER_BYTES || rcodeOf(entry) === RCODE.SERVFAIL;

function staleReply(entry: DnsCacheEntry): Reply {
  const code = rcodeOf(entry) === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN : EDE.STALE_ANSWER;
  return {
    wire: withTtl(entry.wire, STALE_TTL_SEC),
    options: encodeOptions([extendedError(code)]),
    ageSec: 0,
    by: 'stale',
  };
}
