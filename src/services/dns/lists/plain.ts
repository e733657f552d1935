/** One name a line, with `*.` before it or without. */
import { listName } from './names.ts';
import { type LineParser, nameRule, type RuleSink } from './rule.ts';

export interface PlainOptions {
  readonly effect: 'block' | 'allow';
  /** Names without `*.` stand for all below them, too. */
  readonly subdomains: boolean;
}

/** `*.name` is the name with all below it, as dnscrypt-proxy and blocky read such lists. */
export class PlainParser implements LineParser {
  readonly #options: PlainOptions;

  constructor(options: PlainOptions) {
    this.#options = options;
  }

  line(text: string, sink: RuleSink): string | undefined {
    const first = text.charCodeAt(0);
    if (first === HASH || first === BANG || first === SEMICOLON) return undefined;
    const hash = text.indexOf('#');
    const said = (hash < 0 ? text : text.slice(0, hash)).trim();
    if (said === '') return undefined;
    const wild = said.startsWith('*.');
    const name = listName(wild ? said.slice(2) : said);
    if (name === undefined) return 'not a domain name';
    const scope = wild || this.#options.subdomains ? 'subtree' : 'exact';
    sink.rule(nameRule(name, scope, this.#options.effect));
  }
}

const HASH = 0x23;
const BANG = 0x21;
const SEMICOLON = 0x3b;
