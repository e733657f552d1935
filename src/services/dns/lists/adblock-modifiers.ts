/** Modifiers of AdGuard's DNS syntax: what stands behind the `$` of a rule. */
import { parseMac } from '../../../base/ip.ts';
import type { IpAddress } from '../../../base/ip6.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import type { DnsName } from '../../../wire/dns-name.ts';
import { typeCode } from '../../../wire/dns-registry.ts';
import type { ClientSelector, RewriteAnswer } from '../policy-config.ts';
import { answerOf } from './answers.ts';
import { listAddress, listName } from './names.ts';
import type { Conditions, Rule } from './rule.ts';

export interface Modifiers {
  readonly important: boolean;
  readonly badfilter: boolean;
  readonly conditions: Conditions | undefined;
  readonly rewrite: RewriteAnswer | undefined;
  /** `$dnsrewrite` without a value: an exception lifts all rewrites. */
  readonly liftsRewrites: boolean;
  /** It says for whom, for which types, or for which names not. */
  readonly narrows: boolean;
}

const MAX_VALUES = 1000;
const MAX_CLIENT_NAME = 63;

export const NO_MODIFIERS: Result<Modifiers, string> = ok({
  important: false,
  badfilter: false,
  conditions: undefined,
  rewrite: undefined,
  liftsRewrites: false,
  narrows: false,
});

export function parseModifiers(text: string): Result<Modifiers, string> {
  let [important, badfilter, liftsRewrites] = [false, false, false];
  let clients: Conditions['clients'];
  let types: Conditions['types'];
  let denyAllow: readonly DnsName[] = [];
  let rewrite: RewriteAnswer | undefined;
  for (const modifier of splitAt(text, ',')) {
    const equals = modifier.indexOf('=');
    const name = (equals < 0 ? modifier : modifier.slice(0, equals)).trim();
    const value = equals < 0 ? undefined : modifier.slice(equals + 1);
    if (value === undefined && name === 'important') important = true;
    else if (value === undefined && name === 'badfilter') badfilter = true;
    else if (value === undefined && name === 'dnsrewrite') liftsRewrites = true;
    else if (value === undefined) return err(`$${shown(name)} means nothing for DNS`);
    else if (name === 'client') {
      const parsed = parseClients(value);
      if (parsed === undefined) return err('$client names no client');
      clients = parsed;
    } else if (name === 'denyallow') {
      const names = splitAt(value, '|').map(listName);
      const good = names.filter((one) => one !== undefined);
      if (good.length === 0 || good.length < names.length || good.length > MAX_VALUES) {
        return err('$denyallow has what is no domain name');
      }
      denyAllow = good;
    } else if (name === 'dnstype') {
      const parsed = parseTypes(value);
      if (parsed === undefined) return err('$dnstype has what is no type');
      types = parsed;
    } else if (name === 'dnsrewrite') {
      rewrite = parseRewrite(value);
      if (rewrite === undefined) return err('$dnsrewrite has an answer that cannot be given');
    } else return err(`$${shown(name)} means nothing for DNS`);
  }
  const narrows = clients !== undefined || types !== undefined || denyAllow.length > 0;
  const conditions = narrows ? { clients, denyAllow, types } : undefined;
  return ok({ important, badfilter, conditions, rewrite, liftsRewrites, narrows });
}

/** The rule with what its modifiers say. */
export function applyModifiers(rule: Rule, said: Modifiers): Rule {
  const { important, badfilter, conditions } = said;
  // `pass` of an exception stands for any rewrite.
  const rewrite = said.liftsRewrites ? ({ kind: 'pass' } as const) : said.rewrite;
  return { ...rule, important, badfilter, conditions, rewrite };
}

const shown = (name: string): string => name.slice(0, 40);

/** At each `separator` that no backslash stands before; the backslash goes. */
function splitAt(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === '\\' && text[i + 1] === separator) {
      part += separator;
      i += 1;
    } else if (char === separator) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  return [...parts, part];
}

/** `192.0.2.0/24|~'Frank\'s laptop'|02:00:00:00:00:01` */
function parseClients(text: string): Conditions['clients'] | undefined {
  const only: ClientSelector[] = [];
  const except: ClientSelector[] = [];
  const words = splitAt(text, '|');
  if (words.length > MAX_VALUES) return undefined;
  for (const word of words) {
    const not = word.startsWith('~');
    const client = parseClient(unquoted(not ? word.slice(1) : word).trim());
    if (client === undefined) return undefined;
    (not ? except : only).push(client);
  }
  return { only, except };
}

function unquoted(text: string): string {
  const quote = text[0];
  if (text.length >= 2 && (quote === "'" || quote === '"') && text.endsWith(quote)) {
    return text.slice(1, -1).replaceAll(`\\${quote}`, quote);
  }
  return text;
}

/** Of an address, prefix, MAC or name. */
function parseClient(text: string): ClientSelector | undefined {
  const mac = parseMac(text);
  if (mac.ok) return { kind: 'mac', mac: mac.value };
  const slash = text.indexOf('/');
  const address: IpAddress | undefined = listAddress(slash < 0 ? text : text.slice(0, slash));
  if (address !== undefined) {
    const most = typeof address === 'number' ? 32 : 128;
    const length = slash < 0 ? String(most) : text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
    return { kind: 'prefix', address, prefixLen: Number(length) };
  }
  if (text === '' || text.length > MAX_CLIENT_NAME || slash >= 0) return undefined;
  return { kind: 'name', name: text.toLowerCase() };
}

function parseTypes(text: string): Conditions['types'] | undefined {
  const only: number[] = [];
  const except: number[] = [];
  const words = splitAt(text, '|');
  if (words.length > MAX_VALUES) return undefined;
  for (const word of words) {
    const not = word.startsWith('~');
    const code = typeCode(not ? word.slice(1) : word);
    if (code === undefined) return undefined;
    (not ? except : only).push(code);
  }
  return { only, except };
}

/**
 * `NXDOMAIN`, an address, a name, or `NOERROR;TYPE;VALUE`; `NOERROR` alone is an answer without
 * records. Other codes and what does not parse give undefined.
 */
function parseRewrite(text: string): RewriteAnswer | undefined {
  const [code = '', type = '', ...rest] = text.split(';');
  if (type === '' && rest.length === 0) return shortRewrite(code.trim());
  if (rest.length === 0) return type.trim() === '' ? shortRewrite(code.trim()) : undefined;
  switch (code.trim().toUpperCase()) {
    case 'NOERROR': {
      const value = rest.join(';').trim();
      return type.trim() === '' && value === '' ? { kind: 'nodata' } : answerOf(type.trim(), value);
    }
    case 'NXDOMAIN':
      return { kind: 'nxdomain' };
    case 'REFUSED':
      return { kind: 'refused' };
    default:
      return undefined;
  }
}

function shortRewrite(text: string): RewriteAnswer | undefined {
  switch (text) {
    case 'NXDOMAIN':
      return { kind: 'nxdomain' };
    case 'REFUSED':
      return { kind: 'refused' };
    case 'NOERROR':
      return { kind: 'nodata' };
    case 'SERVFAIL':
      return undefined;
  }
  const address = listAddress(text);
  if (address !== undefined) return answerOf(typeof address === 'number' ? 'A' : 'AAAA', text);
  return answerOf('CNAME', text);
}
