/** What the rules of some lists say of a name: those in the engine's file, and those beside it. */
import type { IpAddress } from '../../base/ip6.ts';
import type { BlockMatch } from '../../os/ports-dns.ts';
import { type DnsName, isWithin } from '../../wire/dns-name.ts';
import { type HostFacts, isMeant } from './clients.ts';
import type { DecidedBy, DnsAsk } from './decision.ts';
import type { Conditions, Rule } from './lists/rule.ts';
import { encodeRule } from './lists/rule-text.ts';
import type { SideRule } from './lists/side-rules.ts';
import type { CompiledLists } from './policy.ts';
import type { RewriteAnswer } from './policy-config.ts';

export interface ListsView {
  readonly mask: bigint;
  match(name: DnsName, mask: bigint): BlockMatch;
  readonly compiled: CompiledLists;
  readonly client: IpAddress;
  readonly host: HostFacts | undefined;
}

export type Judgement =
  | { readonly effect: 'none'; readonly by?: undefined; readonly shared: boolean }
  | { readonly effect: 'allow'; readonly by: DecidedBy; readonly shared: boolean }
  | {
      readonly effect: 'block';
      readonly by: DecidedBy;
      readonly shared: boolean;
      /** Of rules that answer in their own way; none: the group's way. */
      readonly answers: readonly RewriteAnswer[];
    };

/** Which rule goes before which; 0 is none. */
const rankOf = (effect: 'block' | 'allow' | 'none', important: boolean): number =>
  effect === 'none' ? 0 : (important ? 2 : 0) + (effect === 'allow' ? 2 : 1);

export function judge(ask: DnsAsk, view: ListsView): Judgement {
  const { mask, compiled } = view;
  if (mask === 0n) return { effect: 'none', shared: true };
  const hashed = view.match(ask.name, mask);
  const patterns = (mask & compiled.side.patternLists) !== 0n;
  const meant =
    hashed.complex !== 0n || patterns
      ? compiled.side.of(ask.name).filter(({ list }) => (mask >> BigInt(list)) & 1n)
      : [];
  const shared = meant.every(({ rule }) => rule.conditions?.clients === undefined);
  const holding = withoutLifted(meant.filter(({ rule }) => holds(rule.conditions, ask, view)));
  const best = holding.reduce((most, { rule }) => Math.max(most, sideRank(rule)), 0);
  const rank = Math.max(best, rankOf(hashed.verdict, hashed.important));
  if (rank === 0) return { effect: 'none', shared };
  const top = holding.filter(({ rule }) => sideRank(rule) === rank);
  if (rank % 2 === 0) {
    return { effect: 'allow', by: decidedBy(top[0], hashed, compiled), shared };
  }
  const rewriting = top.filter(({ rule }) => rule.rewrite !== undefined);
  const byHash = rankOf(hashed.verdict, hashed.important) === rank;
  const deciding = rewriting[0] ?? (byHash ? undefined : top[0]);
  return {
    effect: 'block',
    by: decidedBy(deciding, hashed, compiled),
    shared,
    answers: rewriting.flatMap(({ rule }) => rule.rewrite ?? []),
  };
}

const sideRank = (rule: Rule): number => rankOf(rule.effect, rule.important);

function decidedBy(
  side: SideRule | undefined,
  hashed: BlockMatch,
  compiled: CompiledLists,
): DecidedBy {
  const place = side?.list ?? hashed.list ?? 0;
  const { id: list = '', name: listName = '' } = compiled.lists[place] ?? {};
  return { kind: 'list', list, listName, place, line: side?.line };
}

/** Exceptions with `$dnsrewrite` take rewrites away, and do nothing else. */
function withoutLifted(rules: readonly SideRule[]): readonly SideRule[] {
  const lifts = rules.filter(({ rule }) => rule.effect === 'allow' && rule.rewrite !== undefined);
  if (lifts.length === 0) return rules;
  const lifted = new Set(lifts.map(({ rule }) => encodeRule(rule.rewrite)));
  const all = lifts.some(({ rule }) => rule.rewrite?.kind === 'pass');
  return rules.filter(
    ({ rule }) =>
      rule.rewrite === undefined ||
      (rule.effect === 'block' && !all && !lifted.has(encodeRule(rule.rewrite))),
  );
}

function holds(
  conditions: Conditions | undefined,
  ask: DnsAsk,
  view: Pick<ListsView, 'client' | 'host'>,
): boolean {
  if (conditions === undefined) return true;
  const { clients, denyAllow, types } = conditions;
  if (denyAllow.some((name) => isWithin(ask.name, name))) return false;
  if (types !== undefined) {
    if (types.except.includes(ask.type)) return false;
    if (types.only.length > 0 && !types.only.includes(ask.type)) return false;
  }
  if (clients === undefined) return true;
  const means = (one: (typeof clients.only)[number]): boolean =>
    isMeant(one, view.client, view.host);
  if (clients.except.some(means)) return false;
  return clients.only.length === 0 || clients.only.some(means);
}
