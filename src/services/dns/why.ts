/** Which rule decides for a name and a client, and which others speak of it. */
import type { IpAddress } from '../../base/ip6.ts';
import type { BlockRules, DnsEngine } from '../../os/ports-dns.ts';
import { type DnsName, decodeName, encodeName } from '../../wire/dns-name.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import { ruleText } from './explain.ts';
import { encodeRule } from './lists/rule-text.ts';
import type { Policy } from './policy.ts';

export interface SpokenRule {
  readonly effect: 'block' | 'allow' | 'important block' | 'important allow' | 'complex';
  /** Name of the list. */
  readonly list: string;
  /** Whether it counts for the client. */
  readonly counts: boolean;
  /** Known of rules that are more than names. */
  readonly line: number | undefined;
  readonly text: string;
}

export interface Why {
  readonly name: DnsName;
  readonly verdict: 'pass' | 'allow' | 'block' | 'rewrite';
  /** For people; undefined when no rule speaks of it. */
  readonly by: string | undefined;
  /** Of the client; undefined for one without. */
  readonly group: string | undefined;
  readonly rules: readonly SpokenRule[];
}

const EFFECTS = [
  ['importantAllow', 'important allow'],
  ['importantBlock', 'important block'],
  ['allow', 'allow'],
  ['block', 'block'],
] as const;

/** `name` is in lower case. Names that its answer may lead to are not looked at. */
export function why(
  policy: Pick<Policy, 'decide' | 'viewOf'>,
  engine: Pick<DnsEngine, 'rules'>,
  name: DnsName,
  client: IpAddress,
): Why {
  const decision = policy.decide({ name, type: TYPE.A }, client);
  const { group, mask, compiled } = policy.viewOf(client);
  const wire = encodeName(name);
  const rules: SpokenRule[] = [];
  const counts = (place: number): boolean => ((mask >> BigInt(place)) & 1n) === 1n;
  for (const suffix of engine.rules(wire)) {
    const at = decodeName(wire, suffix.at, 'suffix', false);
    if (!at.ok) continue;
    for (const [field, effect] of EFFECTS) {
      for (const [place, list] of compiled.lists.entries()) {
        const texts = textsOf(suffix, field, place, at.value.name);
        for (const text of texts) {
          rules.push({ effect, list: list.name, counts: counts(place), line: undefined, text });
        }
      }
    }
  }
  for (const { list, line, rule } of compiled.side.of(name)) {
    rules.push({
      ...{ effect: 'complex', list: compiled.lists[list]?.name ?? '', counts: counts(list), line },
      text: encodeRule(rule),
    });
  }
  return {
    name,
    verdict: decision.kind,
    by: decision.kind === 'pass' ? undefined : ruleText(decision.by),
    group: group?.name,
    rules,
  };
}

/** `example.org` is the name itself, `*.example.org` all below it. */
function textsOf(
  rules: BlockRules,
  field: (typeof EFFECTS)[number][0],
  place: number,
  name: DnsName,
): readonly string[] {
  const has = (mask: bigint): boolean => ((mask >> BigInt(place)) & 1n) === 1n;
  return [
    ...(has(rules[`${field}Exact`]) ? [name] : []),
    ...(has(rules[`${field}Below`]) ? [`*.${name}`] : []),
  ];
}
