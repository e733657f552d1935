/** Lines of dnsmasq's configuration that say what a name is: dnsmasq(8), `address`, `server`, `local`, `host-record`, `cname`. */
import { addressAnswer, nameAnswer } from './answers.ts';
import { isNowhere, listAddress, listName } from './names.ts';
import { type LineParser, nameRule, type Rule, type RuleSink } from './rule.ts';

export class DnsmasqParser implements LineParser {
  readonly #effect: 'block' | 'allow';

  constructor(effect: 'block' | 'allow') {
    this.#effect = effect;
  }

  line(text: string, sink: RuleSink): string | undefined {
    const said = withoutComment(text);
    if (said === '') return undefined;
    const equals = said.indexOf('=');
    const key = (equals < 0 ? said : said.slice(0, equals)).trim().replace(/^--/, '');
    const value = equals < 0 ? '' : said.slice(equals + 1).trim();
    if (key === 'address') return this.#address(value, sink);
    if (key === 'server' || key === 'local') return this.#server(value, sink);
    if (key === 'host-record') return this.#hostRecord(value, sink);
    if (key === 'cname') return this.#cname(value, sink);
    sink.reject('an option of dnsmasq that is no rule for names');
  }

  /** `/name/name/address`: no address and `#` are nowhere, as 0.0.0.0 is. */
  #address(value: string, sink: RuleSink): string | undefined {
    const parts = domainsOf(value);
    if (parts === undefined) return 'not of the form /name/address';
    const { domains, last } = parts;
    const address = last === '' || last === '#' ? 0 : listAddress(last);
    if (address === undefined) return 'not an address';
    for (const domain of domains) {
      const rule = this.#rule(domain, this.#effect, sink);
      if (rule === undefined) continue;
      const nowhere = address === 0 || isNowhere(address);
      sink.rule(nowhere ? rule : { ...rule, rewrite: addressAnswer(address) });
    }
  }

  /** `/name/` is never asked for, `/name/#` is asked for as usual; other servers are no business of a list. */
  #server(value: string, sink: RuleSink): string | undefined {
    const parts = domainsOf(value);
    if (parts === undefined) return 'not of the form /name/';
    const { domains, last } = parts;
    if (last !== '' && last !== '#') return 'names a server to ask';
    for (const domain of domains) {
      const rule = this.#rule(domain, last === '#' ? 'allow' : this.#effect, sink);
      if (rule !== undefined) sink.rule(rule);
    }
  }

  /** `*.name` is what is below it; dnsmasq takes a name with all below it. */
  #rule(domain: string, effect: 'block' | 'allow', sink: RuleSink): Rule | undefined {
    if (domain === '#' || domain === '') {
      sink.reject('stands for every name');
      return undefined;
    }
    const wild = domain.startsWith('*.');
    const name = listName(wild ? domain.slice(2) : domain.replace(/^\./, ''));
    if (name === undefined) {
      sink.reject('not a domain name');
      return undefined;
    }
    return nameRule(name, wild ? 'below' : 'subtree', effect);
  }

  /** `name,name,address,address,ttl` */
  #hostRecord(value: string, sink: RuleSink): string | undefined {
    const words = value.split(',').map((word) => word.trim());
    const ttl = /^\d+$/.test(words.at(-1) ?? '') ? words.pop() : undefined;
    const addresses = words.flatMap((word) => listAddress(word) ?? []);
    const names = words.filter((word) => listAddress(word) === undefined).map(listName);
    if (addresses.length === 0 || names.length === 0) {
      return ttl === undefined ? 'no name with an address' : 'no name or no address';
    }
    for (const name of names) {
      if (name === undefined) {
        sink.reject('not a domain name');
        continue;
      }
      for (const address of addresses) {
        const rule = nameRule(name, 'exact', this.#effect);
        sink.rule(isNowhere(address) ? rule : { ...rule, rewrite: addressAnswer(address) });
      }
    }
  }

  /** `alias,alias,target` */
  #cname(value: string, sink: RuleSink): string | undefined {
    const words = value.split(',').map((word) => word.trim());
    if (/^\d+$/.test(words.at(-1) ?? '')) words.pop();
    const target = listName(words.pop() ?? '');
    if (target === undefined || words.length === 0) return 'not an alias and its target';
    for (const word of words) {
      const name = listName(word);
      if (name === undefined) sink.reject('not a domain name');
      else sink.rule({ ...nameRule(name, 'exact', this.#effect), rewrite: nameAnswer(target) });
    }
  }
}

/** A `#` begins a comment at the start of a line or behind white space: `address=/x/#` has none. */
function withoutComment(text: string): string {
  const at = /(^|\s)#/.exec(text);
  return (at === null ? text : text.slice(0, at.index)).trim();
}

function domainsOf(value: string): { domains: readonly string[]; last: string } | undefined {
  if (!value.startsWith('/')) return undefined;
  const parts = value.slice(1).split('/');
  const last = parts.pop() ?? '';
  return parts.length === 0 ? undefined : { domains: parts, last: last.trim() };
}
