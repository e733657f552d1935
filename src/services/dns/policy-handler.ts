/** Policy in the chain: what is refused or answered otherwise, before anybody is asked and after the answer is known. */
import type { DnsCache } from '../../os/ports-dns.ts';
import { decodeMessage, type EdnsOption, extendedError } from '../../wire/dns.ts';
import { type DnsName, lowerName } from '../../wire/dns-name.ts';
import { u16 } from '../../wire/dns-rdata.ts';
import { EDE, RCODE, TYPE } from '../../wire/dns-registry.ts';
import { cacheKey } from './cache.ts';
import type { Handler } from './chain.ts';
import type { Decision } from './decision.ts';
import type { Policy } from './policy.ts';
import { localSoa, type Query, type Reply, record, replyTo } from './query.ts';
import { targetOf } from './scrub.ts';

export interface PolicyHandlerDeps {
  readonly policy: Policy;
  readonly cache: Pick<DnsCache, 'pass'>;
  /** The rest of the chain for another name: what an alias leads to. */
  follow(query: Query, name: DnsName): Promise<Reply | undefined>;
  /** For log and statistics: what decided a query. */
  decided(query: Query, decision: Decision): void;
  readonly counts: { blocked: number };
}

export function policyHandler(deps: PolicyHandlerDeps): Handler {
  const { policy, cache, counts } = deps;
  return async (query, next) => {
    const first = policy.decide(query, query.client);
    if (first.kind === 'block') return blocked(query, first);
    if (first.kind === 'rewrite') {
      deps.decided(query, first);
      return rewrite(deps, query, first);
    }
    const { generation } = policy;
    const reply = await next();
    if (reply === undefined) return undefined;
    const targets = first.kind === 'pass' ? aliasesOf(reply) : [];
    const decision =
      targets.length === 0 ? first : policy.decideChain(query, targets, query.client);
    if (decision.kind === 'block') return blocked(query, decision);
    if (decision.shared && (reply.by === 'cache' || (reply.keepSec ?? 0) > 0)) {
      const bit = 1n << BigInt(policy.engineGroupOf(query.client));
      cache.pass(cacheKey(query), bit, generation);
    }
    return reply;
  };

  function blocked(query: Query, decision: Decision & { readonly kind: 'block' }): Reply {
    counts.blocked++;
    deps.decided(query, decision);
    return blockReply(query, decision);
  }
}

/** As the engine answers a blocked name: see `BlockMode` of `os/ports-dns.ts`. */
export function blockReply(
  query: Pick<Query, 'name' | 'type'>,
  { mode, ttlSec, by }: Decision & { readonly kind: 'block' },
): Reply {
  const options = [extendedError(EDE.BLOCKED, by.kind === 'list' ? by.listName : '')];
  if (mode === 'refused') return replyTo(query, 'policy', { rcode: RCODE.REFUSED, options });
  const zeros = query.type === TYPE.A ? 4 : query.type === TYPE.AAAA ? 16 : 0;
  if (mode === 'zero' && zeros > 0) {
    const answers = [record(query.name, query.type, ttlSec, new Uint8Array(zeros))];
    return replyTo(query, 'policy', { rcode: RCODE.NOERROR, answers, options });
  }
  const rcode = mode === 'nxdomain' ? RCODE.NXDOMAIN : RCODE.NOERROR;
  const authorities = [localSoa(query.name, ttlSec)];
  return replyTo(query, 'policy', { rcode, authorities, options });
}

async function rewrite(
  deps: PolicyHandlerDeps,
  query: Query,
  decision: Decision & { readonly kind: 'rewrite' },
): Promise<Reply | undefined> {
  const { records, follow, ttlSec, rcode } = decision;
  const options: EdnsOption[] = [extendedError(EDE.FORGED_ANSWER)];
  const answers = records.map(({ type, rdata }) => record(query.name, type, ttlSec, rdata));
  if (follow !== undefined) {
    const rest = await deps.follow(query, lowerName(follow));
    return rest === undefined ? undefined : behindAlias(query, answers, rest, 'policy');
  }
  const authorities =
    answers.length > 0 || rcode === 'REFUSED' ? [] : [localSoa(query.name, ttlSec)];
  return replyTo(query, 'policy', { rcode: RCODE[rcode], answers, authorities, options });
}

/** The answer to another name as the end of an alias that leads there. */
export function behindAlias(
  query: Query,
  aliases: readonly ReturnType<typeof record>[],
  rest: Reply,
  by: Reply['by'],
): Reply {
  const message = decodeMessage(rest.wire);
  // Our own canonical bytes.
  if (!message.ok) return replyTo(query, 'error', { rcode: RCODE.SERVFAIL });
  const aged = (ttl: number): number => Math.max(0, ttl - rest.ageSec);
  const { rcode, answers, authorities } = message.value;
  return {
    ...replyTo(query, by, {
      rcode,
      answers: [...aliases, ...answers.map((rr) => ({ ...rr, ttl: aged(rr.ttl) }))],
      authorities: authorities.map((rr) => ({ ...rr, ttl: aged(rr.ttl) })),
    }),
    options: rest.options,
  };
}

/** Where the aliases of an answer lead. */
function aliasesOf({ wire, by }: Reply): DnsName[] {
  if (by === 'local' || by === 'error' || u16(wire, 6) < 2) return [];
  const message = decodeMessage(wire);
  if (!message.ok) return [];
  return message.value.answers
    .filter(({ type }) => type === TYPE.CNAME)
    .map((rr) => lowerName(targetOf(rr)));
}
