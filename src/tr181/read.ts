/** Get, instances, names and schema: reading the model as it is, and as it could be. */
import { err, ok, type Result } from '../base/result.ts';
import type {
  Fault,
  InstanceRow,
  NameRow,
  ParamValue,
  SchemaArgument,
  SchemaRow,
} from './model.ts';
import { parsePath } from './paths.ts';
import { badPath, type Resolver, type Target, unknownName } from './resolve.ts';
import type { Param, Schema, SchemaNode } from './schema.ts';
import type { ArgumentDef } from './table.ts';
import { baseOf, type ValueSpec } from './types.ts';

export function getValues(
  resolver: Resolver,
  text: string,
  maxDepth: number,
): Result<readonly ParamValue[], Fault> {
  const path = parsePath(text);
  if (!path.ok) return err(badPath(text, path.error.message));
  if (path.value.ends === 'command' || path.value.ends === 'event') {
    return err(badPath(text, 'commands and events have no value'));
  }
  const found = resolver.resolvePath(path.value, text);
  if (!found.ok) return found;
  const values: ParamValue[] = [];
  for (const target of found.value) {
    if (target.param !== undefined) values.push(paramValue(resolver, target, target.param));
    else collect(resolver, target, maxDepth > 0 ? maxDepth : Number.POSITIVE_INFINITY, values);
  }
  return ok(values);
}

function collect(resolver: Resolver, target: Target, depth: number, into: ParamValue[]): void {
  const { node, object } = target;
  if (target.isTable) {
    for (const row of rowsOf(resolver, target)) collect(resolver, row, depth, into);
    return;
  }
  for (const param of node.params.values()) into.push(paramValue(resolver, target, param));
  if (depth <= 1) return;
  for (const child of node.children.values()) {
    collect(resolver, below(target, child, object), depth - 1, into);
  }
}

function paramValue(resolver: Resolver, target: Target, param: Param): ParamValue {
  const { node, object, system } = target;
  const { def } = param;
  const secret = def.secret === true;
  return {
    path: object + param.name,
    value: secret ? '' : resolver.value(node, object, param),
    type: param.base,
    writable: isWritable(param, node, system),
    list: def.list !== undefined,
    reference: def.ref !== undefined,
    unique: param.unique,
    secret,
  };
}

/** Of what exists: an Alias was given when the row was added, so it is not writable any more. */
const isWritable = (param: Param, node: SchemaNode, system: boolean): boolean =>
  param.def.access === 'readWrite' && (!system || node.systemWritable.has(param.name));

function rowsOf(resolver: Resolver, table: Target): Target[] {
  return resolver.instances(table.node, table.object).map((instance) => ({
    node: table.node,
    object: `${table.object}${instance}.`,
    isTable: false,
    system: table.system || !resolver.isAdded(table.object, instance),
    param: undefined,
  }));
}

const below = (target: Target, child: SchemaNode, object: string): Target => ({
  node: child,
  object: `${object}${child.name}.`,
  isTable: child.table,
  system: target.system,
  param: undefined,
});

export function listInstances(
  resolver: Resolver,
  text: string,
  firstLevel: boolean,
): Result<readonly InstanceRow[], Fault> {
  const found = objects(resolver, text);
  if (!found.ok) return found;
  const rows: InstanceRow[] = [];
  const visit = (target: Target): void => {
    if (target.isTable) {
      for (const row of rowsOf(resolver, target)) {
        rows.push({ path: row.object, keys: keysOf(resolver, row) });
        if (!firstLevel) visit(row);
      }
      return;
    }
    for (const child of target.node.children.values()) visit(below(target, child, target.object));
  };
  for (const target of found.value) visit(target);
  return ok(rows);
}

function keysOf(resolver: Resolver, row: Target): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const param of row.node.params.values()) {
    if (param.unique) keys[param.name] = resolver.value(row.node, row.object, param);
  }
  return keys;
}

export function listNames(
  resolver: Resolver,
  text: string,
  firstLevel: boolean,
): Result<readonly NameRow[], Fault> {
  const found = resolver.resolve(text);
  if (!found.ok) return found;
  const rows: NameRow[] = [];
  for (const target of found.value) {
    if (target.param !== undefined) rows.push(nameOfParam(target, target.param));
    else {
      if (!firstLevel) rows.push(nameOfObject(target));
      namesBelow(resolver, target, firstLevel, rows);
    }
  }
  return ok(rows);
}

function namesBelow(
  resolver: Resolver,
  target: Target,
  firstLevel: boolean,
  into: NameRow[],
): void {
  const { node, object } = target;
  if (!target.isTable) {
    for (const param of node.params.values()) into.push(nameOfParam(target, param));
  }
  const children = target.isTable
    ? rowsOf(resolver, target)
    : [...node.children.values()].map((child) => below(target, child, object));
  for (const child of children) {
    into.push(nameOfObject(child));
    if (!firstLevel) namesBelow(resolver, child, false, into);
  }
}

const nameOfObject = ({ object, node, isTable, system }: Target): NameRow => ({
  kind: 'object',
  path: object,
  // CWMP: of a table, whether rows can be added; of a row, whether it can be deleted.
  writable: node.table && node.growable && (isTable || !system),
  type: 'object',
});

const nameOfParam = ({ node, object, system }: Target, param: Param): NameRow => ({
  kind: 'parameter',
  path: object + param.name,
  writable: isWritable(param, node, system),
  type: param.base,
});

function objects(resolver: Resolver, text: string): Result<readonly Target[], Fault> {
  const found = resolver.resolve(text);
  if (!found.ok) return found;
  return found.value.some((target) => target.param !== undefined)
    ? err(badPath(text, 'it names a parameter, not an object or table'))
    : found;
}

export function listSchema(
  schema: Schema,
  text: string,
  firstLevel: boolean,
): Result<readonly SchemaRow[], Fault> {
  const path = parsePath(text);
  if (!path.ok) return err(badPath(text, path.error.message));
  const { segments, ends } = path.value;
  let node = schema.root;
  for (const [i, segment] of segments.entries()) {
    if (i === 0) continue;
    if (segment.kind !== 'name') {
      if (!node.table || segments[i - 1]?.kind !== 'name') {
        return err(badPath(text, `${node.path} is no table and has no rows to choose`));
      }
      continue;
    }
    const child = node.children.get(segment.name);
    if (child !== undefined) {
      node = child;
      continue;
    }
    const leaf = i === segments.length - 1 ? leafRow(node, segment.name, ends) : undefined;
    if (leaf !== undefined) return ok([leaf]);
    const what = i < segments.length - 1 || ends === 'object' ? 'object' : 'parameter';
    const kind = ends === 'command' || ends === 'event' ? ends : what;
    return err(unknownName(node, node.path, segment.name, kind, text));
  }
  const rows: SchemaRow[] = [];
  schemaOf(node, firstLevel, rows);
  return ok(rows);
}

function leafRow(
  node: SchemaNode,
  name: string,
  ends: 'object' | 'name' | 'command' | 'event',
): SchemaRow | undefined {
  if (ends === 'name') {
    const param = node.params.get(name);
    return param === undefined ? undefined : paramRow(node, param);
  }
  const rows: SchemaRow[] = [];
  if (ends === 'command') commandRows(node, rows);
  if (ends === 'event') eventRows(node, rows);
  const suffix = ends === 'command' ? '()' : '!';
  return rows.find((row) => row.path === `${node.path}${name}${suffix}`);
}

function schemaOf(node: SchemaNode, firstLevel: boolean, into: SchemaRow[]): void {
  into.push(objectRow(node));
  for (const param of node.params.values()) into.push(paramRow(node, param));
  commandRows(node, into);
  eventRows(node, into);
  for (const child of node.children.values()) {
    if (firstLevel) into.push(objectRow(child));
    else schemaOf(child, false, into);
  }
}

const objectRow = (node: SchemaNode): SchemaRow => ({
  kind: 'object',
  path: node.path,
  table: node.table,
  writable: node.growable,
  uniqueKeys: node.def.uniqueKeys ?? [],
  about: node.def.about,
});

const paramRow = (node: SchemaNode, { name, def, base, writable }: Param): SchemaRow => ({
  kind: 'parameter',
  path: node.path + name,
  writable,
  type: base,
  dataType: def.type,
  list: def.list !== undefined,
  enum: def.enum,
  range: def.range?.map(([min, max]) => [bound(min), bound(max)] as const),
  units: def.units,
  default: def.default,
  about: def.about,
});

const bound = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

function commandRows(node: SchemaNode, into: SchemaRow[]): void {
  for (const [name, command] of Object.entries(node.commands)) {
    into.push({
      kind: 'command',
      path: `${node.path}${name}()`,
      async: command.async === true,
      input: argumentsOf(command.input ?? {}),
      output: argumentsOf(command.output ?? {}),
      about: command.about,
    });
  }
}

function eventRows(node: SchemaNode, into: SchemaRow[]): void {
  for (const [name, event] of Object.entries(node.events)) {
    into.push({
      kind: 'event',
      path: `${node.path}${name}!`,
      args: argumentsOf(event.args ?? {}),
      about: event.about,
    });
  }
}

const argumentsOf = (
  specs: Readonly<Record<string, ValueSpec | ArgumentDef>>,
): readonly SchemaArgument[] =>
  Object.entries(specs).map(([name, spec]) => ({
    name,
    type: baseOf(spec.type),
    mandatory: 'mandatory' in spec && spec.mandatory === true,
  }));
