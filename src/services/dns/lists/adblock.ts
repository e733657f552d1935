/**
 * Rules of AdGuard's DNS syntax, and what of other ad blockers' lists means something for names:
 * `||name^`, `@@`, patterns, `/regex/`, and the modifiers of adblock-modifiers.ts. Rules for parts of
 * pages have nothing to say here, and are rejected.
 */
import { applyModifiers, NO_MODIFIERS, parseModifiers } from './adblock-modifiers.ts';
import { HostsParser } from './hosts.ts';
import { listAddress, listName } from './names.ts';
import type { LineParser, RuleSink, Target } from './rule.ts';

/** Fewer letters than that say too little for a pattern that is searched for anywhere. */
const MIN_LITERALS = 3;
/** `##`, `#@#`, `#?#`, `#$#`, `#%#`, `$$` and the like: element hiding, scripts, HTML filters. */
const COSMETIC = /#@?[?$%]{0,2}#|\$@?\$|%%/;

export class AdblockParser implements LineParser {
  readonly #effect: 'block' | 'allow';
  readonly #hosts: HostsParser;

  constructor(effect: 'block' | 'allow') {
    this.#effect = effect;
    this.#hosts = new HostsParser({ effect, subdomains: false });
  }

  line(text: string, sink: RuleSink): string | undefined {
    const said = text.trim();
    if (said === '' || isComment(said)) return undefined;
    const space = said.search(/\s/);
    // Lines of a hosts file may stand among the others.
    if (space > 0 && listAddress(said.slice(0, space)) !== undefined) {
      return this.#hosts.line(said, sink);
    }
    const allow = said.startsWith('@@');
    const { pattern, modifiers } = split(allow ? said.slice(2) : said);
    const isRegex = pattern.length > 2 && pattern.startsWith('/') && pattern.endsWith('/');
    if (!isRegex && COSMETIC.test(said)) return 'changes pages: nothing for DNS';
    const parsed = modifiers === undefined ? NO_MODIFIERS : parseModifiers(modifiers);
    if (!parsed.ok) return parsed.error;
    const target: Target | string = isRegex
      ? { scope: 'pattern', pattern: { kind: 'regex', text: pattern.slice(1, -1) } }
      : targetOf(pattern, parsed.value.narrows);
    if (typeof target === 'string') return target;
    const effect = allow ? 'allow' : this.#effect;
    sink.rule(
      applyModifiers(
        {
          target,
          effect,
          important: false,
          conditions: undefined,
          rewrite: undefined,
          badfilter: false,
        },
        parsed.value,
      ),
    );
  }
}

/** `!`, a header in brackets, and `#` unless it begins a rule for pages. */
function isComment(said: string): boolean {
  if (said.startsWith('!')) return true;
  if (said.startsWith('[') && said.endsWith(']')) return true;
  return said.startsWith('#') && !/^#(@?[?$%]{0,2})#./.test(said);
}

/** A `$` ends the pattern; in a regular expression only one behind its last slash does. */
function split(said: string): { pattern: string; modifiers: string | undefined } {
  if (said.startsWith('/')) {
    if (said.length > 2 && said.endsWith('/')) return { pattern: said, modifiers: undefined };
    const at = said.lastIndexOf('/$');
    if (at > 0) return { pattern: said.slice(0, at + 1), modifiers: said.slice(at + 2) };
  }
  const at = said.indexOf('$');
  return at < 0
    ? { pattern: said, modifiers: undefined }
    : { pattern: said.slice(0, at), modifiers: said.slice(at + 1) };
}

/** What the pattern names, or why it is refused. `narrows`: modifiers say for whom or for which types it is. */
function targetOf(pattern: string, narrows: boolean): Target | string {
  const lower = pattern.toLowerCase();
  if (/[/:?=&%@"']/.test(lower)) return 'has more than a name: DNS sees no scheme, port or path';
  const everything = /^\|{0,2}\**\^?\|?$/.test(lower);
  if (everything) {
    if (!narrows) return 'stands for every name';
    return { scope: 'pattern', pattern: { kind: 'glob', text: '*' } };
  }
  const end = /(\^\|?|\|)$/.exec(lower)?.[0] ?? '';
  const body = lower.slice(0, lower.length - end.length);
  const ends = end !== '';
  if (body.startsWith('||')) {
    const rest = body.slice(2);
    const name = ends ? listName(rest) : undefined;
    if (name !== undefined) return { scope: 'subtree', name };
    const parent = ends && rest.startsWith('*.') ? listName(rest.slice(2)) : undefined;
    if (parent !== undefined) return { scope: 'below', name: parent };
  } else if (body.startsWith('|')) {
    const name = ends ? listName(body.slice(1)) : undefined;
    if (name !== undefined) return { scope: 'exact', name };
  } else if (!ends) {
    const name = listName(body);
    // A name alone on its line; one word alone is searched for.
    if (name?.includes('.')) return { scope: 'exact', name };
    const parent = body.startsWith('*.') ? listName(body.slice(2)) : undefined;
    if (parent !== undefined) return { scope: 'below', name: parent };
  } else {
    const parent = /^\*?\./.test(body) ? listName(body.replace(/^\*?\./, '')) : undefined;
    if (parent !== undefined) return { scope: 'below', name: parent };
  }
  return globTarget(lower, body);
}

function globTarget(text: string, body: string): Target | string {
  const inner = body.replace(/^\|{1,2}/, '');
  if (inner.includes('|')) return '| inside a pattern';
  if (inner.includes('^')) return '^ inside a pattern: it matches no name';
  if (!/^[a-z0-9_.*-]+$/.test(inner)) return 'not a name or pattern';
  if (inner.includes('..')) return 'not a name or pattern';
  if (inner.replaceAll(/[.*]/g, '').length < MIN_LITERALS) return 'too short a pattern';
  return { scope: 'pattern', pattern: { kind: 'glob', text } };
}
