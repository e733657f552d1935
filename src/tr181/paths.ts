/**
 * Path names (TR-106 §3.1, TR-369 §2.5): `Device.` and names, instance numbers, `*`, `[Alias]`,
 * `[Alias=="wan"&&Enable==true]`, `{i}` (schema only), ending in a parameter, a final dot (an
 * object or table, with all below it), a command `Renew()` or an event `Push!`.
 */
import { decodeError, ok, type Result } from '../base/result.ts';

export const MAX_PATH_LENGTH = 1024;
const MAX_SEGMENTS = 32;
const MAX_TERMS = 8;

export type Operator = '==' | '!=' | '<' | '>' | '<=' | '>=';

export interface Term {
  /** Parameter of the row, or of a single object below it: `Enable`, `Stats.BytesSent`. */
  readonly param: string;
  readonly op: Operator;
  readonly value: string;
}

export type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'instance'; readonly instance: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'template' }
  | { readonly kind: 'alias'; readonly alias: string }
  | { readonly kind: 'search'; readonly terms: readonly Term[] };

export interface Path {
  readonly segments: readonly Segment[];
  /** What it ends in; `object` has a final dot, `name` is a parameter, or an object or row without it. */
  readonly ends: 'object' | 'name' | 'command' | 'event';
  /** No `*`, alias, search or template: it names one thing. */
  readonly concrete: boolean;
}

const DOT = 46;

/** Parses any path; the error's offset points at the character. */
export function parsePath(text: string): Result<Path> {
  if (text.length > MAX_PATH_LENGTH) return bad(`longer than ${MAX_PATH_LENGTH} characters`, 0);
  if (!text.startsWith('Device.')) return bad('it must start with Device.', 0);
  const segments: Segment[] = [];
  let ends: Path['ends'] = 'object';
  let concrete = true;
  let at = 0;
  while (at < text.length) {
    if (segments.length === MAX_SEGMENTS) return bad(`more than ${MAX_SEGMENTS} parts`, at);
    const read = segmentAt(text, at);
    if (!read.ok) return read;
    const { segment, next, suffix } = read.value;
    segments.push(segment);
    if (segment.kind !== 'name' && segment.kind !== 'instance') concrete = false;
    at = next;
    if (suffix !== undefined) {
      ends = suffix;
      if (at < text.length) return bad(`nothing can follow ${text.slice(0, at)}`, at);
    } else if (at === text.length) {
      ends = 'name';
    } else if (text.charCodeAt(at) === DOT) {
      at += 1;
    } else {
      return bad(`unexpected ${JSON.stringify(text.charAt(at))}`, at);
    }
  }
  return ok({ segments, ends, concrete });
}

/** The text of a path; parsing it gives the same path again. */
export function formatPath(path: Path): string {
  const text = path.segments.map(formatSegment).join('.');
  if (path.ends === 'object') return `${text}.`;
  if (path.ends === 'command') return `${text}()`;
  return path.ends === 'event' ? `${text}!` : text;
}

interface ReadSegment {
  readonly segment: Segment;
  readonly next: number;
  readonly suffix: 'command' | 'event' | undefined;
}

function segmentAt(text: string, at: number): Result<ReadSegment> {
  const first = text.charCodeAt(at);
  if (isDigit(first)) return instanceAt(text, at);
  if (isNameStart(first)) return nameAt(text, at);
  if (first === 0x2a) return done({ kind: 'all' }, at + 1);
  if (first === 0x5b) return bracketsAt(text, at);
  if (text.startsWith('{i}', at)) return done({ kind: 'template' }, at + 3);
  if (first === DOT) return bad('an empty part between two dots', at);
  return bad(`unexpected ${JSON.stringify(text.charAt(at))}`, at);
}

function instanceAt(text: string, at: number): Result<ReadSegment> {
  let end = at;
  while (isDigit(text.charCodeAt(end))) end += 1;
  const instance = Number(text.slice(at, end));
  // TR-106: instance numbers are unsignedInt from 1 on; leading zeros would give one row two names.
  if (text.charCodeAt(at) === 0x30 || instance > 0xffffffff) {
    return bad(`${text.slice(at, Math.min(end, at + 20))} is no instance number`, at);
  }
  return done({ kind: 'instance', instance }, end);
}

function nameAt(text: string, at: number): Result<ReadSegment> {
  let end = at + 1;
  while (isNamePart(text.charCodeAt(end))) end += 1;
  const segment: Segment = { kind: 'name', name: text.slice(at, end) };
  if (text.startsWith('()', end)) return done(segment, end + 2, 'command');
  if (text.charCodeAt(end) === 0x21) return done(segment, end + 1, 'event');
  return done(segment, end);
}

function bracketsAt(text: string, at: number): Result<ReadSegment> {
  const alias = /\[([A-Za-z][A-Za-z0-9_. -]{0,63})\]/y;
  alias.lastIndex = at;
  const match = alias.exec(text);
  if (match !== null) return done({ kind: 'alias', alias: match[1] ?? '' }, alias.lastIndex);
  const terms: Term[] = [];
  let next = at + 1;
  for (;;) {
    if (terms.length === MAX_TERMS) return bad(`more than ${MAX_TERMS} terms in a search`, next);
    const term = termAt(text, next);
    if (!term.ok) return term;
    terms.push(term.value.term);
    next = skipSpace(text, term.value.next);
    if (text.charCodeAt(next) === 0x5d) return done({ kind: 'search', terms }, next + 1);
    if (!text.startsWith('&&', next)) return bad('expected && or ] in a search', next);
    next += 2;
  }
}

const NAME = '[A-Za-z_][A-Za-z0-9_]*';
const TERM = `\\s*(${NAME}(?:\\.${NAME}){0,4})\\s*(==|!=|<=|>=|<|>)\\s*(?:"([^"]*)"|([A-Za-z0-9_.:+-]+))`;

function termAt(text: string, at: number): Result<{ term: Term; next: number }> {
  const pattern = new RegExp(TERM, 'y');
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return bad('expected a term like Alias=="wan" or Enable==true', at);
  const [, param = '', op = '', quoted, bare = ''] = match;
  const value = quoted === undefined ? bare : unescapeValue(quoted);
  if (value === undefined) return bad('a broken % escape in a search', at);
  return ok({ term: { param, op: op as Operator, value }, next: pattern.lastIndex });
}

/** Within quotes, `%22` is a quote and `%25` a percent sign (TR-369 R-PTH). */
function unescapeValue(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function formatSegment(segment: Segment): string {
  switch (segment.kind) {
    case 'name':
      return segment.name;
    case 'instance':
      return String(segment.instance);
    case 'all':
      return '*';
    case 'template':
      return '{i}';
    case 'alias':
      return `[${segment.alias}]`;
    case 'search':
      return `[${segment.terms.map(formatTerm).join('&&')}]`;
  }
}

const formatTerm = ({ param, op, value }: Term): string =>
  `${param}${op}"${value.replaceAll('%', '%25').replaceAll('"', '%22')}"`;

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isNameStart = (c: number): boolean =>
  (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f;
// TR-106 §3.1 allows hyphens inside names.
const isNamePart = (c: number): boolean => isNameStart(c) || isDigit(c) || c === 0x2d;

function skipSpace(text: string, at: number): number {
  let next = at;
  while (text.charCodeAt(next) === 0x20) next += 1;
  return next;
}

const done = (segment: Segment, next: number, suffix?: 'command' | 'event'): Result<ReadSegment> =>
  ok({ segment, next, suffix });

const bad = (why: string, offset: number): Result<never> => decodeError(why, 'path', offset);
