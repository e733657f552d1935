/**
 * Checks that the rooms of src/ import only what scripts/import-rules.json allows, that they keep
 * off the words it forbids, stay short, and have a README each. Prints one line a breach.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob, normalize } from 'node:path';

interface Room {
  /** `*` in a room's name and path stands for one folder: each such folder is a room of its own. */
  readonly room: string;
  readonly path: string;
  /** Rooms it may import. */
  readonly may: readonly string[];
  /** Rooms of which it may import types alone. */
  readonly mayTypes?: readonly string[];
  /** Node's own modules, such as `node:fs`; `*` is all. */
  readonly node: readonly string[];
  readonly packages: readonly string[];
  readonly reason: string;
}

export interface Rules {
  readonly rooms: readonly Room[];
  readonly words: readonly {
    readonly pattern: string;
    readonly except: readonly string[];
    readonly reason: string;
  }[];
  readonly lines: {
    readonly max: number;
    readonly except: readonly string[];
    readonly reason: string;
  };
}

export interface SourceImport {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

/** The source with comments blanked and line numbers kept; strings stay. */
export function withoutComments(source: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return source.replace(token, (text) =>
    text.startsWith('/') ? text.replace(/[^\n]/g, ' ') : text,
  );
}

const STATEMENT = /^[ \t]*(?:import|export)\b([^'"`;=(]*?)\bfrom\s*['"]([^'"]+)['"]/gm;
const BARE = /^[ \t]*import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC = /(\btypeof\s+)?\bimport\s*\(\s*['"]([^'"]+)['"]/g;

/** Every import of a TypeScript source, dynamic ones and re-exports too. */
export function importsOf(source: string): SourceImport[] {
  const text = withoutComments(source);
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length;
  const found: SourceImport[] = [];
  for (const match of text.matchAll(STATEMENT)) {
    const clause = (match[1] ?? '').trim();
    found.push({
      specifier: match[2] ?? '',
      typeOnly: isTypeOnly(clause),
      line: lineAt(match.index),
    });
  }
  for (const match of text.matchAll(BARE))
    found.push({ specifier: match[1] ?? '', typeOnly: false, line: lineAt(match.index) });
  for (const match of text.matchAll(DYNAMIC))
    found.push({
      specifier: match[2] ?? '',
      typeOnly: match[1] !== undefined,
      line: lineAt(match.index),
    });
  return found;
}

function isTypeOnly(clause: string): boolean {
  if (clause.startsWith('type ') || clause.startsWith('type{')) return true;
  const names = /^\{([\s\S]*)\}$/.exec(clause)?.[1];
  if (names === undefined) return false;
  const list = names.split(',').filter((name) => name.trim() !== '');
  return list.length > 0 && list.every((name) => name.trim().startsWith('type '));
}

interface Place {
  readonly room: Room;
  /** The room's own folder or file, `*` filled in. */
  readonly home: string;
}

/** The room that `path` stands in: the one with the longest path that fits. */
export function roomOf(rules: Rules, path: string): Place | undefined {
  let best: Place | undefined;
  for (const room of rules.rooms) {
    const parts = room.path.split('/').filter((part) => part !== '');
    const names = path.split('/');
    const isFolder = room.path.endsWith('/');
    if (isFolder ? names.length <= parts.length : names.length !== parts.length) continue;
    if (!parts.every((part, i) => part === '*' || part === names[i])) continue;
    const home = names.slice(0, parts.length).join('/') + (isFolder ? '/' : '');
    if (room.path.length > (best?.room.path.length ?? 0)) best = { room, home };
  }
  return best;
}

/** Why `from` may not do this import, or undefined when it may. */
export function judge(rules: Rules, from: string, found: SourceImport): string | undefined {
  const place = roomOf(rules, from);
  if (place === undefined) return `${from} stands in no room of scripts/import-rules.json`;
  const { room } = place;
  const refuse = (what: string): string =>
    `${from}:${found.line} imports ${what}, but ${room.room} may not: ${room.reason}`;
  const { specifier } = found;
  if (specifier.startsWith('node:'))
    return room.node.includes('*') || room.node.includes(specifier) ? undefined : refuse(specifier);
  if (!specifier.startsWith('.') && !specifier.startsWith('#src/')) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return room.packages.includes(name) ? undefined : refuse(`package ${name}`);
  }
  const target = specifier.startsWith('#')
    ? specifier.slice(1)
    : normalize(join(dirname(from), specifier));
  const there = roomOf(rules, target);
  if (there === undefined) return refuse(target);
  if (there.home === place.home || room.may.includes(there.room.room)) return undefined;
  if (room.mayTypes?.includes(there.room.room))
    return found.typeOnly ? undefined : refuse(`more than types of ${there.room.room}`);
  return refuse(target);
}

/** Forbidden words and length of one file. */
export function judgeText(rules: Rules, path: string, source: string): string[] {
  const text = withoutComments(source);
  const breaches: string[] = [];
  for (const word of rules.words) {
    if (word.except.some((prefix) => path.startsWith(prefix))) continue;
    // Directives to the tools stand in comments, so those are looked for in the whole source.
    const where = word.pattern.startsWith('@') ? source : text;
    for (const match of where.matchAll(new RegExp(word.pattern, 'g'))) {
      const line = where.slice(0, match.index).split('\n').length;
      breaches.push(`${path}:${line} says ${match[0]}: ${word.reason}`);
    }
  }
  const lines = source.split('\n').length - 1;
  if (lines > rules.lines.max && !rules.lines.except.some((glob) => matchesGlob(path, glob)))
    breaches.push(`${path} has ${lines} lines: ${rules.lines.reason}`);
  return breaches;
}

/** All breaches of the tree under `root`. */
export function check(root: string, rules: Rules): string[] {
  const breaches: string[] = [];
  const homes = new Set<string>();
  for (const path of globSync('src/**/*.{ts,tsx}', { cwd: root }).sort()) {
    const source = readFileSync(join(root, path), 'utf8');
    const place = roomOf(rules, path);
    if (place?.home.endsWith('/')) homes.add(place.home);
    for (const found of importsOf(source)) {
      const breach = judge(rules, path, found);
      if (breach !== undefined) breaches.push(breach);
    }
    breaches.push(...judgeText(rules, path, source));
  }
  for (const home of homes) {
    // A room inside another may be told of in that one's; services each have their own.
    const places = [home, ...(/^src\/(services\/)?[^/]+\/$/.test(home) ? [] : [join(home, '..')])];
    if (!places.some((place) => existsSync(join(root, place, 'README.md'))))
      breaches.push(`${home} has no README.md`);
  }
  return breaches;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const rules: Rules = JSON.parse(
    readFileSync(join(import.meta.dirname, 'import-rules.json'), 'utf8'),
  );
  const breaches = check(root, rules);
  for (const breach of breaches) process.stderr.write(`${breach}\n`);
  process.exitCode = breaches.length === 0 ? 0 : 1;
}
