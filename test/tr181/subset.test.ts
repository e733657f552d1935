/** Every entry of the tables against TR-181 itself (`../shared/data/tr181-subset.json`), where it is at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { objectGroups } from '../../src/tr181/objects/index.ts';
import type { ObjectDef, ParamDef } from '../../src/tr181/table.ts';

interface Fact {
  path: string;
  kind: 'object' | 'parameter' | 'command' | 'event' | 'argument' | 'argument-object';
  type?: string;
  access?: string;
  list?: true | { size?: { maxLength?: string }; maxItems?: string };
  size?: { minLength?: number; maxLength?: number };
  range?: { minInclusive?: string; maxInclusive?: string }[];
  enum?: string[];
  default?: string;
  units?: string;
  uniqueKeys?: string[][];
  enable?: string;
  numEntries?: string;
  ref?: { refType: string; targetParent: string | null; targetType: string };
}

const file = join(import.meta.dirname, '../../../shared/data/tr181-subset.json');
const objects = objectGroups().flatMap((group) => group.objects);

const access = { readWrite: 'readWrite', writeOnce: 'writeOnceReadOnly' } as const;

t.test('the tables say what TR-181 says, or why not', async (t) => {
  if (!existsSync(file)) {
    const count = objects.reduce((sum, def) => sum + Object.keys(def.params).length, 0);
    t.comment(`skipped ${objects.length} objects and ${count} parameters: no ../shared/data`);
    return;
  }
  const facts = new Map<string, Fact>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const fact: Fact = JSON.parse(line);
    if (!fact.kind.startsWith('argument')) facts.set(fact.path, fact);
  }
  const problems: string[] = [];
  let checked = 0;
  let own = 0;
  for (const def of objects) {
    const fact = facts.get(def.path);
    // Standard, but not among the facts at hand.
    const absent = /^Device\.(NAT\.|Users\.|Time\.|WiFi\.|RouterAdvertisement\.|$)/.test(def.path);
    if (fact === undefined) {
      if (!absent && !def.path.includes('X_GATEHOUSE_')) problems.push(`${def.path}: unknown`);
    } else {
      checked += 1;
      problems.push(...compareObject(def, fact));
    }
    for (const [name, param] of Object.entries(def.params)) {
      const known = facts.get(def.path + name);
      if (known === undefined) {
        own += 1;
        const named = /X_GATEHOUSE_/.test(def.path + name);
        if (!named && fact !== undefined) problems.push(`${def.path}${name}: not in TR-181`);
        if (named && param.reason === undefined) problems.push(`${def.path}${name}: no reason`);
        continue;
      }
      checked += 1;
      problems.push(...compareParam(def.path + name, param, known));
    }
    for (const name of Object.keys(def.commands ?? {})) {
      if (/X_GATEHOUSE_/.test(def.path + name) || absent) continue;
      checked += 1;
      if (facts.get(`${def.path}${name}()`)?.kind !== 'command') {
        problems.push(`${def.path}${name}(): no such command`);
      }
    }
    if (fact !== undefined) problems.push(...missing(def, facts));
  }
  t.same(problems, []);
  t.ok(checked > 130, `${checked} entries checked, ${own} of Gatehouse's own`);
  t.comment(`${checked} entries checked against TR-181, ${own} are Gatehouse's own or not listed`);
});

function compareObject(def: ObjectDef, fact: Fact): string[] {
  const problems: string[] = [];
  const growable = def.rows === 'add' || def.rows === 'both';
  if (growable !== (fact.access === 'readWrite')) problems.push(`${def.path}: rows`);
  if ((def.enable ?? '') !== (fact.enable ?? '')) problems.push(`${def.path}: enable`);
  // A key loses the parts that are left out.
  const keys = (fact.uniqueKeys ?? [])
    .map((key) => key.filter((name) => def.omitted?.[name] === undefined))
    .filter((key) => key.length > 0);
  if (JSON.stringify(keys) !== JSON.stringify(def.uniqueKeys ?? [])) {
    problems.push(`${def.path}: keys ${JSON.stringify(keys)}`);
  }
  return problems;
}

function compareParam(path: string, def: ParamDef, fact: Fact): string[] {
  const problems: string[] = [];
  const differs = (what: string, ours: unknown, theirs: unknown, free = false): void => {
    if (JSON.stringify(ours) === JSON.stringify(theirs)) return;
    if (free && def.reason !== undefined) return;
    problems.push(`${path}: ${what} ${JSON.stringify(ours)}, TR-181 ${JSON.stringify(theirs)}`);
  };
  differs('type', def.type, fact.type);
  const ours = def.access === undefined ? 'readOnly' : access[def.access];
  // Less may be writable than TR-181 allows, with a reason; never more.
  differs('access', ours, fact.access, ours === 'readOnly');
  differs('list', def.list !== undefined, fact.list !== undefined);
  if (typeof fact.list === 'object' && fact.list.size?.maxLength !== undefined) {
    differs('list size', def.list?.maxLength, Number(fact.list.size.maxLength));
  }
  if (fact.size !== undefined) {
    differs('size', def.size, [fact.size.minLength ?? 0, fact.size.maxLength ?? 0]);
  }
  const range = fact.range?.map(({ minInclusive, maxInclusive }) => [
    minInclusive === undefined ? undefined : Number(minInclusive),
    maxInclusive === undefined ? undefined : Number(maxInclusive),
  ]);
  differs('range', def.range, range, true);
  differs('enum', def.enum, fact.enum, true);
  if (def.enum !== undefined && fact.enum !== undefined) {
    for (const value of def.enum) {
      if (!fact.enum.includes(value)) problems.push(`${path}: ${value} is no value in TR-181`);
    }
  }
  const theirDefault = fact.default === '[]' ? '' : fact.default;
  if (theirDefault !== undefined) differs('default', def.default, theirDefault);
  differs('units', def.units, fact.units, true);
  const strong = fact.ref === undefined ? undefined : fact.ref.refType === 'strong';
  differs('reference', def.ref?.strong, strong);
  return problems;
}

/** What TR-181 has directly in this object must be declared or left out with a reason. */
function missing(def: ObjectDef, facts: ReadonlyMap<string, Fact>): string[] {
  const problems: string[] = [];
  const tables = objects.map((other) => other.path);
  for (const fact of facts.values()) {
    if (!fact.path.startsWith(def.path)) continue;
    const rest = fact.path.slice(def.path.length);
    if (rest === '' || rest.includes('.')) continue;
    const name = rest;
    const counts = name.endsWith('NumberOfEntries');
    const declared =
      fact.kind === 'command'
        ? def.commands?.[rest.slice(0, -2)] !== undefined
        : def.params[rest] !== undefined ||
          (counts &&
            (tables.includes(`${def.path}${name.slice(0, -15)}.{i}.`) ||
              objects.some(
                (other) =>
                  other.path.startsWith(def.path) && other.countedAs === name.slice(0, -15),
              )));
    const omitted = def.omitted?.[name] !== undefined;
    if (declared === omitted)
      problems.push(`${fact.path}: ${declared ? 'declared and omitted' : 'missing'}`);
  }
  for (const name of Object.keys(def.omitted ?? {})) {
    if (!facts.has(def.path + name))
      problems.push(`${def.path}${name}: omitted, but not in TR-181`);
  }
  return problems;
}

t.test('every table has what the engine relies on', async (t) => {
  for (const def of objects) {
    const table = def.path.endsWith('{i}.');
    t.equal(def.rows !== undefined, table, `${def.path} ${table ? 'is' : 'is no'} table`);
    t.ok(def.about.endsWith('.'), `${def.path} is described`);
    for (const key of def.uniqueKeys ?? []) {
      for (const name of key) t.ok(def.params[name] !== undefined, `${def.path}${name} is a key`);
    }
    for (const [name, param] of Object.entries(def.params)) {
      if (!param.about.endsWith('.')) t.fail(`${def.path}${name} is not described`);
      if (param.access === undefined && param.default === undefined && param.type === 'Alias') {
        t.fail(`${def.path}${name} could never be given`);
      }
    }
  }
});
