/** `local-zone` and `local-data` of unbound.conf(5). */
import { answerOf, isNowhereAnswer } from './answers.ts';
import { listName } from './names.ts';
import { type LineParser, nameRule, type RuleSink } from './rule.ts';

/** What a zone of each type does to its names; undefined: nothing that a rule can say. */
const ZONE_TYPES: Readonly<Record<string, 'block' | 'allow' | undefined>> = {
  always_null: 'block',
  always_nxdomain: 'block',
  always_nodata: 'block',
  always_refuse: 'block',
  always_deny: 'block',
  refuse: 'block',
  deny: 'block',
  static: 'block',
  inform_deny: 'block',
  redirect: 'block',
  inform_redirect: 'block',
  always_transparent: 'allow',
};

export class UnboundParser implements LineParser {
  readonly #effect: 'block' | 'allow';
  /** The zone of type `redirect` that was named last: its data holds for all below it. */
  #redirect = '';

  constructor(effect: 'block' | 'allow') {
    this.#effect = effect;
  }

  line(text: string, sink: RuleSink): string | undefined {
    const said = text.trim();
    if (said === '' || said.startsWith('#') || /^server:\s*(#.*)?$/.test(said)) return undefined;
    const colon = said.indexOf(':');
    const key = colon < 0 ? '' : said.slice(0, colon);
    const value = said.slice(colon + 1).trim();
    if (key === 'local-zone') return this.#zone(value, sink);
    if (key === 'local-data') return this.#data(value, sink);
    sink.reject('an option of unbound that is no rule for names');
  }

  #zone(value: string, sink: RuleSink): string | undefined {
    const found = /^(?:"([^"]*)"|(\S+))\s+"?([a-z_]+)"?\s*(#.*)?$/.exec(value);
    if (found === null) return 'not of the form NAME TYPE';
    const type = found[3] ?? '';
    const effect = Object.hasOwn(ZONE_TYPES, type) ? ZONE_TYPES[type] : undefined;
    const word = found[1] ?? found[2] ?? '';
    if (word === '.') return 'stands for every name';
    const name = listName(word);
    if (name === undefined) return 'not a domain name';
    if (effect === undefined) return `a zone of type ${type} blocks nothing`;
    this.#redirect = type.endsWith('redirect') ? name : '';
    sink.rule(nameRule(name, 'subtree', effect === 'block' ? this.#effect : effect));
  }

  /** `"name [ttl] [IN] TYPE rdata"` */
  #data(value: string, sink: RuleSink): string | undefined {
    const data = unquoted(value);
    const found = /^(\S+)\s+(?:\d+\s+)?(?:IN\s+)?([A-Za-z][A-Za-z0-9]*)\s+(.+)$/.exec(data);
    if (found === null) return 'not of the form "NAME TYPE DATA"';
    const name = listName(found[1] ?? '');
    if (name === undefined) return 'not a domain name';
    const answer = answerOf(found[2] ?? '', found[3] ?? '');
    if (answer === undefined) return 'data that cannot be given';
    const rule = nameRule(name, name === this.#redirect ? 'subtree' : 'exact', this.#effect);
    sink.rule(isNowhereAnswer(answer) ? rule : { ...rule, rewrite: answer });
  }
}

/** Between the quotes, or up to a comment. */
function unquoted(value: string): string {
  const quote = value[0] ?? '';
  if (quote === '"' || quote === "'") {
    const end = value.lastIndexOf(quote);
    return value.slice(1, Math.max(1, end)).trim();
  }
  const hash = value.indexOf('#');
  return (hash < 0 ? value : value.slice(0, hash)).trim();
}
