/**
 * Regular expressions of lists: a tree of what RE2 takes too, so that it can be searched for in
 * linear time. Back-references and look-around are refused. Names are lower case, and so is what is
 * searched for, but for classes such as `\D`.
 */
import { err, ok, type Result } from '../../../base/result.ts';

/** Characters of names by number: a–z, 0–9, `-`, `_`, `.`, and any other. */
export const SYMBOLS = 40;
const OTHER = 39;

export function symbolOf(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return code - 0x61;
  if (code >= 0x30 && code <= 0x39) return 26 + code - 0x30;
  if (code === 0x2d) return 36;
  if (code === 0x5f) return 37;
  return code === 0x2e ? 38 : OTHER;
}

/** A set of symbols as bits. */
export type SymbolSet = bigint;
const ANY: SymbolSet = (1n << BigInt(SYMBOLS)) - 1n;
const bit = (symbol: number): SymbolSet => 1n << BigInt(symbol);

export type Assertion = 'start' | 'end' | 'labelStart' | 'wordEdge' | 'noWordEdge';

export type Node =
  | { readonly kind: 'set'; readonly set: SymbolSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'all'; readonly parts: readonly Node[] }
  | { readonly kind: 'any'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number };

const MAX_PATTERN_CHARS = 1000;
/** Of a pattern with its repetitions written out. */
const MAX_PATTERN_STATES = 600;
const MAX_DEPTH = 40;
const MAX_REPEAT = 300;

const DIGITS = setOf('0', '9');
const WORD = setOf('a', 'z') | DIGITS | bit(37);

function setOf(from: string, to: string): SymbolSet {
  let set = 0n;
  for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) set |= charSet(code);
  return set;
}

/** No name has what is not ASCII, or white space, but escaped: such a character is in no set. */
function charSet(code: number): SymbolSet {
  const lower = code >= 0x41 && code <= 0x5a ? code + 32 : code;
  const symbol = symbolOf(lower);
  return symbol === OTHER && lower !== 0x5c ? 0n : bit(symbol);
}

/** The text of a glob: `||` at the start of a label, `|` at that of the name, `^` or `|` its end, `*` anything. */
export function parseGlob(text: string): Node {
  const parts: Node[] = [];
  let body = text;
  if (body.startsWith('||')) {
    parts.push({ kind: 'assert', what: 'labelStart' });
    body = body.slice(2);
  } else if (body.startsWith('|')) {
    parts.push({ kind: 'assert', what: 'start' });
    body = body.slice(1);
  }
  const ends = /[|^]/.test(body.slice(-1));
  for (const char of body.replace(/\^?\|?$/, '')) {
    if (char !== '*') parts.push({ kind: 'set', set: charSet(char.charCodeAt(0)) });
    else parts.push({ kind: 'repeat', part: { kind: 'set', set: ANY }, min: 0, max: Infinity });
  }
  if (ends) parts.push({ kind: 'assert', what: 'end' });
  return { kind: 'all', parts };
}

/** What stands between the slashes; the error is for people. */
export function parseRegex(text: string): Result<Node, string> {
  if (text.length > MAX_PATTERN_CHARS) return err(`longer than ${MAX_PATTERN_CHARS} characters`);
  const parser = new Parser(text);
  const node = parser.alternatives(0);
  if (parser.fault !== undefined) return err(parser.fault);
  if (!parser.atEnd) return err('a ) too many');
  if (sizeOf(node) > MAX_PATTERN_STATES) return err('a pattern of too many states');
  return ok(node);
}

/** States that it takes, repetitions written out. */
export function sizeOf(node: Node): number {
  switch (node.kind) {
    case 'set':
    case 'assert':
      return 1;
    case 'all':
    case 'any':
      return node.parts.reduce((sum, part) => sum + sizeOf(part) + 1, 1);
    case 'repeat': {
      const times = node.max === Infinity ? node.min + 1 : node.max;
      return 1 + times * (sizeOf(node.part) + 1);
    }
  }
}

const NOTHING: Node = { kind: 'all', parts: [] };

class Parser {
  readonly #text: string;
  #at = 0;
  /** The first one; parsing goes on to no effect. */
  fault: string | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  alternatives(depth: number): Node {
    if (depth > MAX_DEPTH) return this.#fail('too deep');
    const parts = [this.#sequence(depth)];
    while (this.#take('|')) parts.push(this.#sequence(depth));
    return parts.length === 1 ? (parts[0] ?? NOTHING) : { kind: 'any', parts };
  }

  #sequence(depth: number): Node {
    const parts: Node[] = [];
    while (!this.atEnd && this.#peek() !== '|' && this.#peek() !== ')') {
      parts.push(this.#repeated(this.#atom(depth)));
    }
    return { kind: 'all', parts };
  }

  #atom(depth: number): Node {
    const char = this.#next();
    switch (char) {
      case '(':
        return this.#group(depth);
      case '[':
        return this.#class();
      case '.':
        return { kind: 'set', set: ANY };
      case '^':
        return { kind: 'assert', what: 'start' };
      case '$':
        return { kind: 'assert', what: 'end' };
      case '*':
      case '+':
      case '?':
        return this.#fail(`nothing before the ${char}`);
      case '\\':
        return this.#escape();
      default:
        return { kind: 'set', set: charSet(char.charCodeAt(0)) };
    }
  }

  #group(depth: number): Node {
    if (this.#take('?')) {
      const named = /^P?<[A-Za-z_]\w*>/.exec(this.#text.slice(this.#at, this.#at + 80))?.[0];
      if (named !== undefined) this.#at += named.length;
      else if (!this.#take(':')) return this.#fail('look-around and flags are not known here');
    }
    const node = this.alternatives(depth + 1);
    return this.#take(')') ? node : this.#fail('a ( without its )');
  }

  #escape(): Node {
    const set = this.#classEscape();
    if (set !== undefined) return { kind: 'set', set };
    const char = this.#next();
    if (char === 'b') return { kind: 'assert', what: 'wordEdge' };
    if (char === 'B') return { kind: 'assert', what: 'noWordEdge' };
    return /[A-Za-z0-9]/.test(char) || char === ''
      ? this.#fail(`\\${char} is not known here`)
      : { kind: 'set', set: charSet(char.charCodeAt(0)) };
  }

  /** `\d` and the like; nothing is taken when it is none of them. */
  #classEscape(): SymbolSet | undefined {
    const sets: Readonly<Record<string, SymbolSet>> = {
      d: DIGITS,
      D: ANY & ~DIGITS,
      w: WORD,
      W: ANY & ~WORD,
      s: 0n,
      S: ANY,
    };
    const char = this.#peek();
    if (!Object.hasOwn(sets, char)) return undefined;
    this.#at += 1;
    return sets[char];
  }

  #class(): Node {
    const negated = this.#take('^');
    let set = 0n;
    for (let first = true; this.fault === undefined; first = false) {
      if (this.atEnd) return this.#fail('a [ without its ]');
      if (this.#peek() === ']' && !first) break;
      if (this.#text.startsWith('[:', this.#at)) return this.#fail('[: is not known here');
      const from = this.#classChar();
      if (typeof from === 'bigint') {
        set |= from;
        continue;
      }
      const isRange = this.#peek() === '-' && ![']', ''].includes(this.#text[this.#at + 1] ?? '');
      if (!isRange) {
        set |= charSet(from);
        continue;
      }
      this.#at += 1;
      const to = this.#classChar();
      if (typeof to === 'bigint' || to < from) return this.#fail('a range that is none');
      for (let code = from; code <= Math.min(to, 0x7f); code++) set |= charSet(code);
    }
    this.#at += 1;
    return { kind: 'set', set: negated ? ANY & ~set : set };
  }

  #classChar(): number | SymbolSet {
    const char = this.#next();
    if (char !== '\\') return char.charCodeAt(0);
    const set = this.#classEscape();
    if (set !== undefined) return set;
    const escaped = this.#next();
    if (/[A-Za-z0-9]/.test(escaped) || escaped === '') {
      this.#fail(`\\${escaped} is not known here`);
      return 0n;
    }
    return escaped.charCodeAt(0);
  }

  #repeated(atom: Node): Node {
    let node = atom;
    for (let times = 0; ; times++) {
      const range = this.#quantifier();
      if (range === undefined) return node;
      const [min, max] = range;
      if (times > 0) return this.#fail('one repetition behind another');
      if (max !== Infinity && max < min) return this.#fail('a repetition from more to less');
      if (min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT)) {
        return this.#fail(`more than ${MAX_REPEAT} repetitions`);
      }
      // Lazy or not, the same names match.
      this.#take('?');
      if (this.#peek() === '+') return this.#fail('possessive repetition is not known here');
      node = { kind: 'repeat', part: node, min, max };
    }
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    const braces = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (braces === null) return undefined;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    if (braces[2] === undefined) return [min, min];
    return [min, braces[3] === '' ? Infinity : Number(braces[3])];
  }

  #fail(why: string): Node {
    this.fault ??= `a regular expression: ${why}`;
    this.#at = this.#text.length;
    return NOTHING;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #next(): string {
    const char = this.#peek();
    this.#at += 1;
    return char;
  }

  #take(char: string): boolean {
    if (this.#peek() !== char || char === '') return false;
    this.#at += 1;
    return true;
  }
}
