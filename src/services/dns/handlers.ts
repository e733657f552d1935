/** The other links of the chain: who may ask, what the house knows, and who is asked. */
import { decodeMessage } from '../../wire/dns.ts';
import { encodeOptions } from '../../wire/dns-finish.ts';
import { type DnsName, isWithin } from '../../wire/dns-name.ts';
import { inRange, plainIp } from './addresses.ts';
import type { Handler } from './chain.ts';
import type { IpRange } from './config.ts';
import type { LocalZone } from './local.ts';
import { behindAlias } from './policy-handler.ts';
import { type Query, type Reply, replyTo, wireOf } from './query.ts';
import type { Resolved } from './resolve.ts';
import { MDNS_ZONE } from './special.ts';

/** Loopback is the box itself. */
export const aclHandler =
  (allowed: () => readonly IpRange[], counts: { refused: number }): Handler =>
  (query, next) => {
    const client = plainIp(query.client);
    if (allowed().some((range) => inRange(range, client))) return next();
    counts.refused++;
    return undefined;
  };

export interface LocalHandlerDeps {
  zone(): LocalZone;
  /** Names below `local.` that are not known are looked for by multicast, behind this handler. */
  asksMulticast(): boolean;
  /** The owner has a resolver for just this name. */
  isSplit(name: DnsName): boolean;
  follow(query: Query, name: DnsName): Promise<Reply | undefined>;
  readonly counts: { local: number };
}

export function localHandler(deps: LocalHandlerDeps): Handler {
  return async (query, next) => {
    const answer = deps.zone().answer(query.name, query.type);
    if (answer === undefined) return next();
    if (answer.kind === 'alias') {
      const rest = await deps.follow(query, answer.target);
      return rest === undefined ? undefined : behindAlias(query, answer.aliases, rest, 'local');
    }
    const isKnown = (answer.parts.answers ?? []).length > 0;
    if (!isKnown) {
      if (deps.isSplit(query.name)) return next();
      if (deps.asksMulticast() && isBelow(query.name, MDNS_ZONE)) return next();
    }
    deps.counts.local++;
    return replyTo(query, 'local', answer.parts);
  };
}

const isBelow = (name: DnsName, zone: DnsName): boolean => name !== zone && isWithin(name, zone);

export interface ForwardHandlerDeps {
  resolve(query: Query): Promise<Resolved>;
  multicast(query: Query): Promise<Resolved>;
  readonly counts: { forwarded: number };
}

export function forwardHandler(deps: ForwardHandlerDeps): Handler {
  return async (query) => {
    const { parts, keepSec, upstream, tookMs, unreachable } = isBelow(query.name, MDNS_ZONE)
      ? await deps.multicast(query)
      : await deps.resolve(query);
    deps.counts.forwarded++;
    return {
      wire: wireOf(query.name, query.type, parts),
      options: encodeOptions(parts.options ?? []),
      ageSec: 0,
      by: parts.rcode === 2 ? 'error' : 'upstream',
      ...{ keepSec, tookMs },
      ...(unreachable ? { unreachable: true } : {}),
      ...(upstream === undefined ? {} : { upstream }),
    };
  };
}

/** What is asked, decoded once; undefined for bytes that are none. */
export const readQuery = (wire: Uint8Array) => {
  const message = decodeMessage(wire);
  return message.ok ? message.value : undefined;
};
