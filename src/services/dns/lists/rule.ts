/** What one line of a list says, whatever the format. */
import type { DnsName } from '../../../wire/dns-name.ts';
import type { ClientSelector, RewriteAnswer } from '../policy-config.ts';

/**
 * Which names: `exact` the one, `below` all below it, `subtree` both. A pattern is searched for in the
 * whole name.
 */
export type Target =
  | { readonly scope: 'exact' | 'below' | 'subtree'; readonly name: DnsName }
  | { readonly scope: 'pattern'; readonly pattern: ListPattern };

/** `glob`: `*` is any text, `^` the end of the name or a dot is no such end; see pattern.ts. `regex`: the part between the slashes. */
export interface ListPattern {
  readonly kind: 'glob' | 'regex';
  readonly text: string;
}

/** When a rule holds: all that are given. */
export interface Conditions {
  /** `$client`: one of `only`, and none of `except`. */
  readonly clients:
    | { readonly only: readonly ClientSelector[]; readonly except: readonly ClientSelector[] }
    | undefined;
  /** `$denyallow`: not for these names and those below them. */
  readonly denyAllow: readonly DnsName[];
  /** `$dnstype`: type codes. */
  readonly types:
    | { readonly only: readonly number[]; readonly except: readonly number[] }
    | undefined;
}

export interface Rule {
  readonly target: Target;
  readonly effect: 'block' | 'allow';
  /** Goes before rules that are not; an important `allow` before an important `block`. */
  readonly important: boolean;
  /** Undefined for the many rules that are names alone: those are compiled to the file of hashes. */
  readonly conditions: Conditions | undefined;
  /** How a `block` answers instead of the group's way; of an `allow`, which rewrites it lifts. */
  readonly rewrite: RewriteAnswer | undefined;
  /** `$badfilter`: it is no rule itself, it takes back those of this text. */
  readonly badfilter: boolean;
}

/** Takes what a line says; a line may give several rules, and parts of it may be refused. */
export interface RuleSink {
  rule(rule: Rule): undefined;
  reject(reason: string): undefined;
}

/** Reads lines of one format, from the first of the file to the last. */
export interface LineParser {
  /** Without its end of line. Gives why it is no rule; comments and blank lines give nothing. */
  line(text: string, sink: RuleSink): string | undefined;
}

export const nameRule = (
  name: DnsName,
  scope: 'exact' | 'below' | 'subtree',
  effect: 'block' | 'allow',
): Rule => ({
  target: { scope, name },
  effect,
  important: false,
  conditions: undefined,
  rewrite: undefined,
  badfilter: false,
});

/** Whether it goes into the file of hashes. */
export const isPlain = (rule: Rule): boolean =>
  rule.conditions === undefined && rule.rewrite === undefined && rule.target.scope !== 'pattern';

/** The place of the owner's rewrites in the compiled file; the lists follow. */
export const OWN_PLACE = 0;
