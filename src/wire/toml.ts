/**
 * What settings files need of TOML 1.0: tables, strings, whole numbers, truth values, and lists of
 * strings, which may go on over lines. The rest of it (dates, fractions, dotted keys, tables in
 * values or in lists, strings over lines) is refused by its name.
 */
import { decodeError, ok, type Result } from '../base/result.ts';

export type TomlValue = string | boolean | number | readonly string[];
export type TomlTable = ReadonlyMap<string, TomlValue>;

const BARE_KEY = /[A-Za-z0-9_-]+/y;
/** Up to the end of the line; a tab is the one control character that it may hold. */
const COMMENT = /#[^\n]*/y;
const BLANK = /[ \t]*/y;
const EMPTY_LINES = /(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*/y;
const LITERAL = /'([^'\n]*)'/y;
const BASIC = /"((?:[^"\\\n]|\\.)*)"/y;
const SCALAR = /[^\s#,[\]{}"']+/y;
const INTEGER = /^[+-]?(?:0|[1-9](?:_?\d)*)$/;

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\u001b',
  '"': '"',
  '\\': '\\',
};

/** Tables by name; what stands before the first is in ''. A fault names its line. */
export function decodeToml(text: string): Result<ReadonlyMap<string, TomlTable>> {
  try {
    return ok(new Reader(text).tables());
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    const line = text.slice(0, thrown.at).split('\n').length;
    return decodeError(`line ${line}: ${thrown.message}`, 'toml', thrown.at);
  }
}

/** Ends the reading from any depth; `decodeToml` makes a Result of it. */
class Refused extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  tables(): ReadonlyMap<string, TomlTable> {
    const tables = new Map<string, Map<string, TomlValue>>([['', new Map()]]);
    let table = tables.get('');
    for (;;) {
      this.#match(EMPTY_LINES);
      if (this.#at >= this.#text.length) return tables;
      if (this.#match(COMMENT) !== undefined) continue;
      if (this.#next('[')) {
        const name = this.#header();
        if (tables.has(name)) this.#refuse(`table ${name} is there twice`);
        table = new Map();
        tables.set(name, table);
      } else {
        const key = this.#key();
        this.#match(BLANK);
        if (this.#peek() === '.') this.#refuse('dotted keys are not taken');
        if (!this.#next('=')) this.#refuse(`after ${key} an = is wanted`);
        this.#match(BLANK);
        const value = this.#value();
        if (table?.has(key) === true) this.#refuse(`${key} is there twice`);
        table?.set(key, value);
      }
      this.#endOfLine();
    }
  }

  #header(): string {
    if (this.#peek() === '[') this.#refuse('lists of tables are not taken');
    this.#match(BLANK);
    const name = this.#key();
    this.#match(BLANK);
    if (this.#peek() === '.') this.#refuse('tables in tables are not taken');
    if (!this.#next(']')) this.#refuse('a table ends with ]');
    return name;
  }

  #key(): string {
    const key = this.#match(BARE_KEY)?.[0] ?? this.#string();
    return key ?? this.#refuse('a key is wanted');
  }

  #value(): TomlValue {
    if (this.#next('[')) return this.#list();
    if (this.#peek() === '{') this.#refuse('tables in values are not taken');
    const string = this.#string();
    if (string !== undefined) return string;
    const from = this.#at;
    const word = this.#match(SCALAR)?.[0] ?? this.#refuse('a value is wanted');
    if (word === 'true' || word === 'false') return word === 'true';
    const number = INTEGER.test(word) ? Number(word.replaceAll('_', '')) : Number.NaN;
    if (Number.isSafeInteger(number)) return number;
    this.#at = from;
    return this.#refuse('a string in quotes, a whole number, true or false is wanted');
  }

  #list(): readonly string[] {
    const items: string[] = [];
    for (;;) {
      this.#match(EMPTY_LINES);
      if (this.#next(']')) return items;
      items.push(this.#string() ?? this.#refuse('a list holds strings in quotes'));
      this.#match(EMPTY_LINES);
      if (this.#next(',')) continue;
      if (!this.#next(']')) this.#refuse('a list ends with ]');
      return items;
    }
  }

  #string(): string | undefined {
    if (this.#text.startsWith('"""', this.#at) || this.#text.startsWith("'''", this.#at)) {
      this.#refuse('strings over lines are not taken');
    }
    const from = this.#at;
    const literal = this.#match(LITERAL)?.[1];
    const basic = literal ?? this.#match(BASIC)?.[1];
    if (basic === undefined) {
      if (this.#peek() === '"' || this.#peek() === "'") this.#refuse('the string has no end');
      return undefined;
    }
    const value = literal ?? this.#unescaped(basic, from);
    if (/[^\P{Cc}\t]/u.test(literal ?? basic)) {
      this.#at = from;
      this.#refuse('a string holds a control character');
    }
    return value;
  }

  #unescaped(text: string, from: number): string {
    const bad = (): never => {
      this.#at = from;
      return this.#refuse('a string holds an escape that is none');
    };
    return text.replace(
      /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/gsu,
      (_, short?: string, long?: string, one?: string) => {
        if (one !== undefined) return ESCAPES[one] ?? bad();
        const code = Number.parseInt(short ?? long ?? '', 16);
        return code > 0x10ffff || (code >= 0xd800 && code < 0xe000)
          ? bad()
          : String.fromCodePoint(code);
      },
    );
  }

  #endOfLine(): void {
    this.#match(BLANK);
    this.#match(COMMENT);
    if (this.#at < this.#text.length && this.#match(/\r?\n/y) === undefined) {
      this.#refuse('one setting stands on one line');
    }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    pattern.lastIndex = 0;
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #refuse(message: string): never {
    throw new Refused(message, this.#at);
  }
}
