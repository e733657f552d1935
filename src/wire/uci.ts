/**
 * OpenWrt's configuration files (uci): `config TYPE 'NAME'`, then `option KEY 'VALUE'` and
 * `list KEY 'VALUE'`. Words are quoted as in a shell: nothing counts in '', a backslash does in "" and
 * outside; a quoted word may go on over lines. `#` starts a comment where a word could.
 */
import { decodeError, ok, type Result } from '../base/result.ts';

export interface UciSection {
  readonly type: string;
  /** Undefined for one without a name. */
  readonly name: string | undefined;
  /** An option's value, or those of a list. Empty values are as good as not there, and are left out. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

interface OpenSection {
  readonly type: string;
  readonly name: string | undefined;
  readonly values: Map<string, readonly string[]>;
}

type Words = readonly [offset: number, ...words: string[]];

/** Those of isspace(3), but for the end of a line. */
const BLANK = /[ \t\r\v\f]/;
const NAME = /^[A-Za-z0-9_]+$/;
/** Sections of packages such as `dhcp` have types with `-`. */
const TYPE = /^[A-Za-z0-9_-]+$/;

/** Sections in their order; those of one name are one, and a later option wins, as in libuci. */
export function decodeUci(text: string): Result<readonly UciSection[]> {
  const statements = statementsOf(text);
  if (!statements.ok) return statements;
  const sections: OpenSection[] = [];
  let section: OpenSection | undefined;
  for (const [offset, keyword, first = '', second, ...more] of statements.value) {
    const refused = (message: string) => decodeError(message, keyword ?? '', offset);
    if (more.length > 0) return refused(`too many words after ${keyword}`);
    if (keyword === 'package') {
      if (!NAME.test(first) || second !== undefined) return refused('package wants one name');
    } else if (keyword === 'config') {
      if (!TYPE.test(first)) return refused('config wants a type of letters, digits, - and _');
      if (second !== undefined && !NAME.test(second)) {
        return refused('the name of a section is of letters, digits and _');
      }
      section = sections.find(({ name }) => name !== undefined && name === second);
      if (section === undefined) {
        section = { type: first, name: second, values: new Map() };
        sections.push(section);
      }
    } else if (keyword === 'option' || keyword === 'list') {
      if (section === undefined) return refused(`${keyword} before any config`);
      if (!NAME.test(first)) return refused(`${keyword} wants a key of letters, digits and _`);
      if (second === undefined) return refused(`${keyword} ${first} has no value`);
      const kept = keyword === 'list' ? (section.values.get(first) ?? []) : [];
      section.values.set(first, second === '' ? kept : [...kept, second]);
    } else {
      return refused('neither config, option, list nor package');
    }
  }
  return ok(
    sections.map(({ type, name, values }) => ({
      ...{ type, name },
      values: new Map([...values].filter(([, list]) => list.length > 0)),
    })),
  );
}

/** The words of each statement, with the offset at which it starts. */
function statementsOf(text: string): Result<readonly Words[]> {
  const statements: Words[] = [];
  let words: string[] = [];
  let start = 0;
  let i = 0;
  const end = (): void => {
    if (words.length > 0) statements.push([start, ...words]);
    words = [];
  };
  while (i < text.length) {
    const c = text[i] ?? '';
    if (c === '\n' || c === ';') {
      end();
      i++;
    } else if (BLANK.test(c)) {
      i++;
    } else if (c === '#') {
      const next = text.indexOf('\n', i);
      i = next < 0 ? text.length : next;
    } else {
      const word = wordAt(text, i);
      if (!word.ok) return word;
      if (words.length === 0) start = i;
      words.push(word.value.word);
      i = word.value.next;
    }
  }
  end();
  return ok(statements);
}

function wordAt(text: string, from: number): Result<{ word: string; next: number }> {
  let word = '';
  let quote: string | undefined;
  let i = from;
  for (; i < text.length; i++) {
    const c = text[i] ?? '';
    if (c === '\0') return decodeError('a NUL is no text', 'word', i);
    if (quote === undefined && (c === '\n' || c === ';' || BLANK.test(c))) break;
    if (c === '\\' && quote !== "'") {
      i++;
      if (i >= text.length) return decodeError('it ends in a backslash', 'word', from);
      // Before the end of a line it joins the two.
      if (text[i] !== '\n') word += text[i] ?? '';
    } else if (c === quote) {
      quote = undefined;
    } else if (quote === undefined && (c === "'" || c === '"')) {
      quote = c;
    } else {
      word += c;
    }
  }
  if (quote !== undefined) return decodeError(`${quote} is not closed`, 'word', from);
  return ok({ word, next: i });
}
