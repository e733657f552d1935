/**
 * The rules that are more than names: those with conditions, rewrites, or patterns. The compiled file
 * only says that there is one for a name; it is looked for here. Bounded in number.
 */

import { err, ok, type Result } from '../../../base/result.ts';
import type { DnsName } from '../../../wire/dns-name.ts';
import { parentOf, ROOT } from '../../../wire/dns-name.ts';
import { PatternSet } from './patterns.ts';
import type { Rule } from './rule.ts';

const MAX_SIDE_RULES = 100_000;

/** A rule with where it stands. */
export interface SideRule {
  readonly rule: Rule;
  /** Its list's place in the compiled file. */
  readonly list: number;
  readonly line: number;
}

export class SideRules {
  readonly #names = new Map<DnsName, SideRule[]>();
  readonly #patterns = new PatternSet();
  readonly #byPattern: SideRule[] = [];
  readonly #everywhere: SideRule[] = [];
  #size = 0;
  #patternLists = 0n;
  #overrulingLists = 0n;

  get size(): number {
    return this.#size;
  }

  /** Bit i: list i has rules that no hash can tell of. */
  get patternLists(): bigint {
    return this.#patternLists;
  }

  /** Those of them with a rule that may go before one that blocks a name. */
  get overrulingLists(): bigint {
    return this.#overrulingLists;
  }

  /** Refused with the reason when it cannot be searched for, or there are too many. */
  add(side: SideRule): Result<void, string> {
    if (this.#size >= MAX_SIDE_RULES) return err('too many rules that are more than a name');
    const { target } = side.rule;
    if (target.scope !== 'pattern') {
      const there = this.#names.get(target.name);
      if (there === undefined) this.#names.set(target.name, [side]);
      else there.push(side);
    } else if (target.pattern.kind === 'glob' && target.pattern.text === '*') {
      this.#everywhere.push(side);
      this.#markPattern(side);
    } else {
      const added = this.#patterns.add(target.pattern);
      if (!added.ok) return added;
      this.#byPattern.push(side);
      this.#markPattern(side);
    }
    this.#size += 1;
    return ok(undefined);
  }

  #markPattern({ rule, list }: SideRule): void {
    const bit = 1n << BigInt(list);
    this.#patternLists |= bit;
    if (rule.effect === 'allow' || rule.important || rule.rewrite !== undefined)
      this.#overrulingLists |= bit;
  }

  /** All whose target the name is, which is in lower case; conditions are not looked at. */
  of(name: DnsName): SideRule[] {
    const found: SideRule[] = [];
    if (this.#size === 0) return found;
    for (let at = name; at !== ROOT; at = parentOf(at)) {
      for (const side of this.#names.get(at) ?? []) {
        const { scope } = side.rule.target;
        if (scope === 'subtree' || (scope === 'exact') === (at === name)) found.push(side);
      }
    }
    for (const number of this.#patterns.search(name)) {
      const side = this.#byPattern[number];
      if (side !== undefined) found.push(side);
    }
    found.push(...this.#everywhere);
    return found;
  }
}
