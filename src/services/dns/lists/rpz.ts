/**
 * Response policy zones (draft-vixie-dnsop-dns-rpz-00) as zone files. Triggers are names alone: those
 * for addresses, servers and clients are rejected.
 */
import { answerOf, isNowhereAnswer } from './answers.ts';
import { listName } from './names.ts';
import { type LineParser, nameRule, type RuleSink } from './rule.ts';

/** Labels of triggers that are not for the name asked for (§4). */
const OTHER_TRIGGER = /(^|\.)rpz-(ip|nsip|nsdname|client-ip)$/;
/** Records that a zone has for itself, and what signs it. */
const ZONE_TYPES: ReadonlySet<string> = new Set([
  'SOA',
  'NS',
  'RRSIG',
  'NSEC',
  'NSEC3',
  'NSEC3PARAM',
  'DNSKEY',
  'ZONEMD',
]);
const MAX_RECORD_CHARS = 8192;

export class RpzParser implements LineParser {
  readonly #effect: 'block' | 'allow';
  /** Without the final dot; known by $ORIGIN or by the owner of the SOA. */
  #zone = '';
  /** Behind names without a final dot, where $ORIGIN goes below the zone. */
  #below = '';
  #owner = '';
  /** A record in parentheses goes over several lines: those so far. */
  #open: string[] = [];
  #openChars = 0;
  #depth = 0;

  constructor(effect: 'block' | 'allow') {
    this.#effect = effect;
  }

  line(text: string, sink: RuleSink): string | undefined {
    const said = withoutComment(text);
    const opened = this.#open.length > 0;
    this.#depth += depthOf(said);
    if (!opened && this.#depth <= 0) {
      this.#depth = 0;
      return said.trim() === '' ? undefined : this.#record(unwrapped(said), sink);
    }
    this.#open.push(said);
    this.#openChars += said.length + 1;
    if (this.#depth > 0 && this.#openChars <= MAX_RECORD_CHARS) return undefined;
    const whole = this.#depth > 0 ? undefined : this.#open.join(' ');
    [this.#open, this.#openChars, this.#depth] = [[], 0, 0];
    return whole === undefined
      ? 'a record of too many lines'
      : this.#record(unwrapped(whole), sink);
  }

  #record(said: string, sink: RuleSink): string | undefined {
    const words = said.trim().split(/\s+/);
    const first = words[0] ?? '';
    if (first.startsWith('$')) return this.#directive(first, words[1] ?? '');
    if (!/^\s/.test(said)) {
      this.#owner = first;
      words.shift();
    } else if (this.#owner === '') return 'no name before it';
    while (/^(\d+[smhdwSMHDW]?|IN|in)$/.test(words[0] ?? '')) words.shift();
    const type = (words.shift() ?? '').toUpperCase();
    const rdata = words.join(' ');
    if (type === '' || rdata === '') return 'not of the form NAME TYPE DATA';
    if (type === 'SOA' && this.#owner.endsWith('.')) this.#zone ||= bare(this.#owner);
    if (ZONE_TYPES.has(type)) return undefined;
    return this.#rule(this.#owner, type, rdata, sink);
  }

  #directive(word: string, value: string): string | undefined {
    if (word === '$TTL') return undefined;
    if (word !== '$ORIGIN') return `${word.slice(0, 20)} is not followed`;
    const name = bare(value);
    if (this.#zone === '' || !this.#isInZone(name)) {
      [this.#zone, this.#below] = [name, ''];
    } else {
      this.#below = name === this.#zone ? '' : `.${name.slice(0, -this.#zone.length - 1)}`;
    }
    return undefined;
  }

  #isInZone(name: string): boolean {
    return name === this.#zone || name.endsWith(`.${this.#zone}`);
  }

  #rule(owner: string, type: string, rdata: string, sink: RuleSink): string | undefined {
    let trigger = `${owner.toLowerCase()}${this.#below}`;
    if (owner === '@') trigger = this.#below.slice(1);
    else if (owner.endsWith('.')) {
      const name = bare(owner);
      if (this.#zone === '' || !this.#isInZone(name)) return 'outside of the zone';
      trigger = name.slice(0, Math.max(0, name.length - this.#zone.length - 1));
    }
    if (OTHER_TRIGGER.test(trigger)) return 'a trigger that is no name';
    const wild = trigger.startsWith('*.');
    const name = listName(wild ? trigger.slice(2) : trigger);
    if (trigger === '*' || trigger === '') return 'stands for every name';
    if (name === undefined) return 'not a domain name';
    const scope = wild ? 'below' : 'exact';
    const action = type === 'CNAME' ? rdata.toLowerCase() : '';
    switch (action) {
      // NXDOMAIN, NODATA and DROP: how a blocked name is answered is the group's choice.
      case '.':
      case '*.':
      case 'rpz-drop.':
        return sink.rule(nameRule(name, scope, this.#effect));
      case 'rpz-passthru.':
        return sink.rule(nameRule(name, scope, 'allow'));
      case 'rpz-tcp-only.':
        return 'rpz-tcp-only is not known here';
    }
    // The older way of saying PASSTHRU (§3.4).
    if (type === 'CNAME' && bare(rdata) === name) return sink.rule(nameRule(name, scope, 'allow'));
    if (type === 'CNAME' && rdata.startsWith('*.')) return 'a CNAME to a wildcard';
    const answer = answerOf(type, rdata);
    if (answer === undefined) return 'data that cannot be given';
    const rule = nameRule(name, scope, this.#effect);
    return sink.rule(isNowhereAnswer(answer) ? rule : { ...rule, rewrite: answer });
  }
}

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');

/** Up to a `;` outside of quotes. */
function withoutComment(text: string): string {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '\\') i += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === ';' && !quoted) return text.slice(0, i);
  }
  return text;
}

/** Parentheses that are opened less those that are closed, outside of quotes. */
function depthOf(text: string): number {
  let [quoted, depth] = [false, 0];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '\\') i += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === '(' && !quoted) depth += 1;
    else if (char === ')' && !quoted) depth -= 1;
  }
  return depth;
}

/** Parentheses outside of quotes as white space. */
function unwrapped(text: string): string {
  if (!/[()]/.test(text)) return text;
  let [out, quoted] = ['', false];
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === '\\') out += char + (text[++i] ?? '');
    else {
      if (char === '"') quoted = !quoted;
      out += !quoted && (char === '(' || char === ')') ? ' ' : char;
    }
  }
  return out;
}
