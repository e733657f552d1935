/** ISC dhcpd's lease file (dhcpd.leases(5)): a language of statements, blocks and strings; the last block of an address counts. */
import type { ImportRows, RawLease } from './import-leases.ts';

interface Token {
  /** A string's bytes as latin1, or a word, or one of `{ } ; = ,`. */
  readonly text: string;
  readonly quoted: boolean;
  readonly line: number;
}

/** A statement of the top level: its words, and those of the statements in its block. */
interface Statement {
  readonly words: readonly Token[];
  readonly block: readonly (readonly Token[])[];
  /** It ends as it should. */
  readonly whole: boolean;
}

const ETHERNET = 1;
/** `hardware` types of dhcpd with a number of their own (IANA, hardware types). */
const HARDWARE: Readonly<Record<string, number>> = {
  ethernet: ETHERNET,
  'token-ring': 6,
  fddi: 8,
  infiniband: 32,
};
/** States in which nobody may use the address; its client gets it again when it comes back. */
const FREE: ReadonlySet<string> = new Set(['free', 'expired', 'released', 'reset', 'backup']);
/** Blocks that say nothing of leases. */
const OTHER: ReadonlySet<string> = new Set([
  'failover',
  'host',
  'group',
  'class',
  'subclass',
  'authoring-byte-order',
  'server-duid',
  'subnet',
]);

export function importIsc(text: string, rows: ImportRows): void {
  for (const { words, block, whole } of statements(text)) {
    const [kind, address] = words;
    if (kind === undefined) continue;
    if (kind.text === 'lease' && address !== undefined) {
      const read = whole ? leaseOf(kind.line, address.text, block) : 'the lease is not whole';
      if (typeof read !== 'string') rows.add(read);
      else {
        // The latest word on the address counts, also one that is of no use; not one cut short.
        if (whole) rows.drop(address.text);
        if (read !== '') rows.fault(kind.line, `${address.text}: ${read}`);
      }
    } else if (kind.text.startsWith('ia-')) {
      rows.fault(kind.line, 'an IPv6 lease is not taken over');
    } else if (!OTHER.has(kind.text)) {
      rows.fault(kind.line, `unknown statement ${JSON.stringify(kind.text.slice(0, 64))}`);
    }
  }
}

/** The lease that a block tells of, or why it is not taken over; '' when there is nothing to take. */
function leaseOf(line: number, address: string, block: Statement['block']): RawLease | string {
  let state = 'active';
  let htype = ETHERNET;
  let chaddr: Uint8Array = new Uint8Array(0);
  let clientId: Uint8Array | undefined;
  let hostName: string | undefined;
  let vendorClass: string | undefined;
  let starts: number | undefined;
  let ends: number | undefined;
  for (const words of block) {
    const [name = '', first = '', second = '', third = ''] = words.map(({ text }) => text);
    const value = words.at(-1);
    if (name === 'binding' && first === 'state') state = second;
    else if (name === 'starts' || name === 'ends' || name === 'cltt') {
      const when = time(first, second, third);
      if (when === undefined) return `not a time: ${first} ${second} ${third}`;
      if (name === 'ends') ends = when;
      // The client's last transaction; renewals leave `starts` alone.
      else if (name === 'cltt' || starts === undefined) starts = when;
    } else if (name === 'hardware') {
      const bytes = colonHex(second);
      const type = HARDWARE[first] ?? /^unknown-(\d{1,3})$/.exec(first)?.[1];
      if (bytes === undefined || type === undefined) {
        return `not a hardware address: ${first} ${second}`;
      }
      [htype, chaddr] = [Number(type), bytes];
    } else if (name === 'uid') {
      clientId = value?.quoted === true ? latin1Bytes(value.text) : colonHex(first);
      if (clientId === undefined) return `not a client identifier: ${first}`;
    } else if (name === 'client-hostname') hostName = first;
    else if (name === 'set' && first === 'vendor-class-identifier' && value?.quoted === true) {
      vendorClass = value.text;
    } else if (name === 'abandoned') state = 'abandoned';
  }
  const free = FREE.has(state);
  if (state === 'abandoned') return 'abandoned, since somebody else uses it';
  if (!free && state !== 'active') return `unknown state ${JSON.stringify(state.slice(0, 64))}`;
  if (ends === undefined) return 'no end';
  // A free address that nobody had.
  if (free && chaddr.length === 0 && clientId === undefined) return '';
  return {
    line,
    address,
    htype,
    chaddr,
    clientId,
    hostName,
    vendorClass,
    endsWallMs: ends,
    startsWallMs: starts === undefined || !Number.isFinite(starts) ? undefined : starts,
    free,
  };
}

/** `never`, `epoch SECONDS`, or `WEEKDAY YYYY/MM/DD HH:MM:SS` in UTC; undefined for none of them. */
function time(first: string, second: string, third: string): number | undefined {
  if (first === 'never') return Number.POSITIVE_INFINITY;
  if (first === 'epoch') return /^\d{1,15}$/.test(second) ? Number(second) * 1000 : undefined;
  const date = /^(\d{4,6})\/(\d\d)\/(\d\d)$/.exec(second);
  const clock = /^(\d\d):(\d\d):(\d\d)$/.exec(third);
  if (!/^\d$/.test(first) || date === null || clock === null) return undefined;
  const [year = 0, month = 0, day = 0] = date.slice(1).map(Number);
  const [hour = 0, minute = 0, sec = 0] = clock.slice(1).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  if (hour > 23 || minute > 59 || sec > 60) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, sec);
}

/** Also without leading zeros, as dhcpd reads it. */
function colonHex(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2})*$/.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}

const latin1Bytes = (text: string): Uint8Array =>
  Uint8Array.from(text, (c) => c.charCodeAt(0) & 255);

/** Top-level statements in order. What stands in blocks within blocks says nothing of leases. */
function* statements(text: string): Generator<Statement> {
  let head: Token[] = [];
  let block: Token[][] = [];
  let words: Token[] = [];
  let depth = 0;
  const take = (whole: boolean): Statement => {
    const statement = { words: head, block, whole };
    head = [];
    block = [];
    words = [];
    return statement;
  };
  for (const token of tokens(text)) {
    const mark = token.quoted ? '' : token.text;
    if (mark === '{') depth++;
    else if (mark === '}') {
      depth = Math.max(0, depth - 1);
      if (depth === 0) yield take(head.length > 0 && words.length === 0);
      // `on expiry { … }` has no end but its block's.
      else if (depth === 1) words = [];
    } else if (depth === 0) {
      if (mark === ';') yield take(true);
      else head.push(token);
    } else if (depth === 1) {
      if (mark === ';') {
        block.push(words);
        words = [];
      } else words.push(token);
    }
  }
  if (head.length > 0) yield take(false);
}

/** Blanks, a comment, a string (its end may be missing), a mark, or a word. */
const TOKEN = /(\s+|#[^\n]*)|"((?:[^"\\]|\\[\s\S])*)"?|([{};=])|([^\s{};="#]+)/gy;
const ESCAPE = /\\(x[0-9a-fA-F]{1,2}|[0-3]?[0-7]{1,2}|[\s\S])/g;
const LETTERS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b' };

function* tokens(text: string): Generator<Token> {
  let line = 1;
  for (const [whole, , quoted, mark, word] of text.matchAll(TOKEN)) {
    if (quoted !== undefined) yield { text: withoutEscapes(quoted), quoted: true, line };
    else if (mark !== undefined) yield { text: mark, quoted: false, line };
    else if (word !== undefined) yield { text: word, quoted: false, line };
    for (let at = whole.indexOf('\n'); at >= 0; at = whole.indexOf('\n', at + 1)) line++;
  }
}

const withoutEscapes = (text: string): string =>
  text.replace(ESCAPE, (_, what: string) => {
    if (/^x./.test(what)) return String.fromCharCode(Number.parseInt(what.slice(1), 16));
    if (/^[0-7]/.test(what)) return String.fromCharCode(Number.parseInt(what, 8) & 255);
    return LETTERS[what] ?? what;
  });
