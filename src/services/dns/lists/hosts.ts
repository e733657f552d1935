/** Hosts files (hosts(5)): an address, then names. */
import { addressAnswer } from './answers.ts';
import { isNowhere, listAddress, listName, OWN_NAMES } from './names.ts';
import { type LineParser, nameRule, type RuleSink } from './rule.ts';

export interface HostsOptions {
  readonly effect: 'block' | 'allow';
  readonly subdomains: boolean;
}

export class HostsParser implements LineParser {
  readonly #options: HostsOptions;

  constructor(options: HostsOptions) {
    this.#options = options;
  }

  line(text: string, sink: RuleSink): string | undefined {
    const hash = text.indexOf('#');
    const said = (hash < 0 ? text : text.slice(0, hash)).trim();
    if (said === '') return undefined;
    const [first = '', ...names] = said.split(/\s+/);
    const address = listAddress(first);
    if (address === undefined) return 'no address at its beginning';
    if (names.length === 0) return 'no name behind the address';
    const nowhere = isNowhere(address);
    const scope = this.#options.subdomains ? 'subtree' : 'exact';
    for (const word of names) {
      if (OWN_NAMES.has(word.toLowerCase())) {
        sink.reject('a name of the box itself');
        continue;
      }
      // Many lists give 0.0.0.0 itself the address 0.0.0.0.
      const name = listName(word);
      if (name === undefined) {
        sink.reject('not a domain name');
        continue;
      }
      const rule = nameRule(name, scope, this.#options.effect);
      sink.rule(nowhere ? rule : { ...rule, rewrite: addressAnswer(address) });
    }
  }
}
