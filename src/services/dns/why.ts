/** Which rule decides for a name and a client, and which others speak of it, with their lines. */
import { errorMessage } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { BlockRules, DnsEngine } from '../../os/ports-dns.ts';
import { type DnsName, encodeName } from '../../wire/dns-name.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import type { DecidedBy, Decision } from './decision.ts';
import { ruleText } from './explain.ts';
import { type FoundLine, findLines } from './lists/find-lines.ts';
import type { ListReading } from './lists/read-list.ts';
import type { Policy } from './policy.ts';

/** A line of a list. */
export interface SpokenRule {
  readonly effect: 'block' | 'allow' | 'important block' | 'important allow';
  /** Name of the list. */
  readonly list: string;
  /** Whether the list counts for the client. */
  readonly counts: boolean;
  readonly line: number;
  readonly text: string;
  /** It holds for some clients or types alone, or answers in its own way. */
  readonly conditional: boolean;
}

export interface Why {
  readonly name: DnsName;
  readonly verdict: 'pass' | 'allow' | 'block' | 'rewrite';
  /** For people; undefined when no rule speaks of it. */
  readonly by: string | undefined;
  /** The line that decides, of rules of lists. */
  readonly decides: SpokenRule | undefined;
  /** The name that its answer leads to, for which it is blocked. */
  readonly alias: DnsName | undefined;
  /** Of the client; undefined for one without. */
  readonly group: string | undefined;
  /** Of the name, or of the alias. */
  readonly rules: readonly SpokenRule[];
  /** Lists that could not be read, and why. */
  readonly unread: readonly string[];
}

export interface WhyDeps {
  readonly policy: Pick<Policy, 'decide' | 'decideChain' | 'viewOf'>;
  readonly engine: Pick<DnsEngine, 'rules'>;
  /** Names that the answer to a name leads to. */
  aliasesOf(name: DnsName): Promise<readonly DnsName[]>;
  /** What a list consists of, and how it is read; undefined for one that is not there. */
  source(
    list: string,
  ): { readonly reading: ListReading; readonly pieces: AsyncIterable<Uint8Array> } | undefined;
}

/** `name` is in lower case. Reads every list that speaks of it once. */
export async function why(
  deps: WhyDeps,
  name: DnsName,
  client: IpAddress,
  signal: AbortSignal,
): Promise<Why> {
  const { policy } = deps;
  const ask = { name, type: TYPE.A };
  const first = policy.decide(ask, client);
  const decision =
    first.kind === 'pass' ? policy.decideChain(ask, await deps.aliasesOf(name), client) : first;
  const alias = decision.kind === 'block' ? decision.alias : undefined;
  const { group } = policy.viewOf(client);
  const { rules, unread } = await spokenOf(deps, alias ?? name, client, signal);
  const by = decision.kind === 'pass' ? undefined : decision.by;
  const decides = by?.kind === 'list' ? decidingOf(rules, by, decision) : undefined;
  return {
    ...{ name, verdict: decision.kind, alias, group: group?.name, rules, unread, decides },
    by: by && ruleText(by.kind === 'list' ? { ...by, line: decides?.line ?? by.line } : by),
  };
}

/** The lines that speak of the name, of all lists that have one. */
async function spokenOf(
  { policy, engine, source }: WhyDeps,
  name: DnsName,
  client: IpAddress,
  signal: AbortSignal,
): Promise<{ readonly rules: readonly SpokenRule[]; readonly unread: readonly string[] }> {
  const { mask, compiled } = policy.viewOf(client);
  const speaking = new Set(compiled.side.of(name).map(({ list }) => list));
  const bits = engine.rules(encodeName(name)).reduce((all, rules) => all | listsOf(rules), 0n);
  const rules: SpokenRule[] = [];
  const unread: string[] = [];
  for (const [place, { id, name: list }] of compiled.lists.entries()) {
    const bit = 1n << BigInt(place);
    if (id === '' || ((bits & bit) === 0n && !speaking.has(place))) continue;
    try {
      const from = source(id);
      if (from === undefined) throw new TypeError('its text is not here');
      for (const found of await findLines(from.pieces, from.reading, name, signal)) {
        rules.push(spoken(found, list, (mask & bit) !== 0n));
      }
    } catch (thrown) {
      signal.throwIfAborted();
      unread.push(`${list}: ${errorMessage(thrown)}`);
    }
  }
  return { rules, unread };
}

const spoken = (found: FoundLine, list: string, counts: boolean): SpokenRule => ({
  effect: `${found.important ? 'important ' : ''}${found.effect}`,
  ...{ list, counts, line: found.line, text: found.text, conditional: found.isConditional },
});

/** The one that the decision names, else the first of its list with that effect. */
function decidingOf(
  rules: readonly SpokenRule[],
  { listName, line }: DecidedBy & { readonly kind: 'list' },
  { kind }: Decision,
): SpokenRule | undefined {
  const own = rules.filter(({ list, counts }) => counts && list === listName);
  if (line !== undefined) return own.find((rule) => rule.line === line);
  const effect = kind === 'allow' ? 'allow' : 'block';
  const alike = own.filter((rule) => rule.effect.endsWith(effect) && !rule.conditional);
  return alike.find((rule) => rule.effect.startsWith('important')) ?? alike[0];
}

/** Every list with a rule for a suffix, bit by place. */
const listsOf = ({ at: _, ...masks }: BlockRules): bigint =>
  Object.values(masks).reduce((all, mask) => all | mask, 0n);
