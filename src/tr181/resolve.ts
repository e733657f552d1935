/** From a path to the objects, rows and parameters that it names now. */
import { err, ok, type Result } from '../base/result.ts';
import type { RowsView } from '../state/candidate.ts';
import type { Fault } from './model.ts';
import { type Operator, type Path, parsePath, type Segment, type Term } from './paths.ts';
import type { Reports } from './reports.ts';
import type { Param, Schema, SchemaNode } from './schema.ts';
import { nearest } from './suggest.ts';
import { canonical, emptyValue, isNumeric } from './types.ts';

/** One thing that a path names. */
export interface Target {
  readonly node: SchemaNode;
  /** Concrete path with its final dot: of the object or row, or of the table when `isTable`. */
  readonly object: string;
  readonly isTable: boolean;
  /** The row (or the row that it is in) was made by the system, not added. */
  readonly system: boolean;
  readonly param: Param | undefined;
}

/** Rows and values as one state of the model shows them. */
export class Resolver {
  readonly #schema: Schema;
  readonly #view: RowsView;
  readonly #reports: Reports;

  constructor(schema: Schema, view: RowsView, reports: Reports) {
    this.#schema = schema;
    this.#view = view;
    this.#reports = reports;
  }

  /** Added rows and rows made by the system, ascending. */
  instances(node: SchemaNode, table: string): readonly number[] {
    const added = this.#view.instances(table);
    const live = this.#reports.live(node, table);
    if (live === undefined || live.size === 0) return added;
    return [...added, ...live].sort((a, b) => a - b);
  }

  isAdded(table: string, instance: number): boolean {
    return this.#view.instances(table).includes(instance);
  }

  exists(node: SchemaNode, table: string, instance: number): boolean {
    return (
      this.isAdded(table, instance) || (this.#reports.live(node, table)?.has(instance) ?? false)
    );
  }

  value(node: SchemaNode, object: string, param: Param): string {
    if (param.counts !== undefined) {
      return String(this.instances(param.counts, `${object}${param.counts.name}.`).length);
    }
    const stored = this.#view.values(object)?.get(param.name);
    if (stored !== undefined) return stored;
    const reported = this.#reports.value(node, object, param.name);
    if (reported !== undefined) return reported;
    if (param.def.type === 'Alias') return `cpe-${rowNumber(object)}`;
    return param.def.default ?? emptyValue(param.def);
  }

  /** Every target of `text`; none where a `*` or search finds none. */
  resolve(text: string): Result<readonly Target[], Fault> {
    const path = parsePath(text);
    if (!path.ok) return err(badPath(text, path.error.message));
    return this.resolvePath(path.value, text);
  }

  resolvePath(path: Path, text: string): Result<readonly Target[], Fault> {
    const { segments, ends } = path;
    let targets: readonly Target[] = [
      {
        node: this.#schema.root,
        object: 'Device.',
        isTable: false,
        system: false,
        param: undefined,
      },
    ];
    const last = segments.length - (ends === 'command' || ends === 'event' ? 2 : 1);
    for (let i = 1; i <= last; i++) {
      const segment = segments[i];
      if (segment === undefined) break;
      const mayBeParam = ends === 'name' && i === last;
      const found: Target[] = [];
      for (const target of targets) {
        const next = this.#step(target, segment, mayBeParam, text);
        if (!next.ok) return next;
        found.push(...next.value);
      }
      targets = found;
    }
    return ok(targets);
  }

  #step(
    target: Target,
    segment: Segment,
    mayBeParam: boolean,
    text: string,
  ): Result<readonly Target[], Fault> {
    if (target.param !== undefined) return err(badPath(text, 'a parameter has nothing below it'));
    if (segment.kind === 'name') return this.#stepName(target, segment.name, mayBeParam, text);
    if (!target.isTable) {
      return err(badPath(text, `${target.object} is no table and has no rows to choose`));
    }
    const { node, object } = target;
    switch (segment.kind) {
      case 'instance': {
        if (!this.exists(node, object, segment.instance)) {
          return err(this.#noRow(node, object, String(segment.instance), text));
        }
        return ok([this.#row(target, segment.instance)]);
      }
      case 'all':
        return ok(this.instances(node, object).map((n) => this.#row(target, n)));
      case 'alias': {
        const param = node.params.get('Alias');
        const found = this.instances(node, object).filter(
          (n) => param !== undefined && this.value(node, `${object}${n}.`, param) === segment.alias,
        );
        const [first] = found;
        if (first === undefined) return err(this.#noRow(node, object, `[${segment.alias}]`, text));
        return ok([this.#row(target, first)]);
      }
      case 'search': {
        const rows: Target[] = [];
        for (const n of this.instances(node, object)) {
          const matched = this.#matches(node, `${object}${n}.`, segment.terms, text);
          if (!matched.ok) return matched;
          if (matched.value) rows.push(this.#row(target, n));
        }
        // A misspelt parameter is an error also in an empty table.
        const probe = this.#checkTerms(node, segment.terms, text);
        return probe ?? ok(rows);
      }
      case 'template':
        return err(badPath(text, '{i} stands in schemas only; use a number, * or a search'));
    }
  }

  #stepName(
    target: Target,
    name: string,
    mayBeParam: boolean,
    text: string,
  ): Result<readonly Target[], Fault> {
    const { node, object } = target;
    if (target.isTable) {
      return err(
        badPath(
          text,
          `${object} is a table: choose a row, such as ${object}1.${name} or ${object}*.${name}`,
        ),
      );
    }
    const child = node.children.get(name);
    if (child !== undefined) {
      const below = `${object}${name}.`;
      return ok([
        {
          node: child,
          object: below,
          isTable: child.table,
          system: target.system,
          param: undefined,
        },
      ]);
    }
    const param = mayBeParam ? node.params.get(name) : undefined;
    if (param !== undefined) return ok([{ ...target, param }]);
    return err(unknownName(node, object, name, mayBeParam ? 'parameter' : 'object', text));
  }

  #row(target: Target, instance: number): Target {
    return {
      node: target.node,
      object: `${target.object}${instance}.`,
      isTable: false,
      system: !this.isAdded(target.object, instance),
      param: undefined,
    };
  }

  #noRow(node: SchemaNode, table: string, wanted: string, text: string): Fault {
    const some = this.instances(node, table);
    const shown = some.slice(0, 10).join(', ') + (some.length > 10 ? ', …' : '');
    const have = some.length === 0 ? 'the table is empty' : `rows: ${shown}`;
    return { kind: 'unknownPath', path: text, message: `no such row ${table}${wanted} (${have})` };
  }

  #matches(
    node: SchemaNode,
    object: string,
    terms: readonly Term[],
    text: string,
  ): Result<boolean, Fault> {
    for (const term of terms) {
      const found = findParam(node, object, term, text);
      if (!found.ok) return found;
      const { at, param } = found.value;
      const actual = param.def.secret === true ? '' : this.value(at.node, at.object, param);
      const matched = compare(param, actual, term);
      if (matched === undefined) {
        return err(
          badPath(
            text,
            `${term.param} cannot be compared by ${term.op} with ${JSON.stringify(term.value)}`,
          ),
        );
      }
      if (!matched) return ok(false);
    }
    return ok(true);
  }

  #checkTerms(
    node: SchemaNode,
    terms: readonly Term[],
    text: string,
  ): Result<never, Fault> | undefined {
    for (const term of terms) {
      const found = findParam(node, node.path, term, text);
      if (!found.ok) return found;
    }
    return undefined;
  }

  /** Whether row `instance` of `table` is one that `segment` chooses; for subscriptions. */
  chooses(segment: Segment, node: SchemaNode, table: string, instance: number): boolean {
    switch (segment.kind) {
      case 'all':
      case 'template':
        return true;
      case 'instance':
        return segment.instance === instance;
      case 'alias': {
        const param = node.params.get('Alias');
        return (
          param !== undefined && this.value(node, `${table}${instance}.`, param) === segment.alias
        );
      }
      case 'search': {
        const matched = this.#matches(node, `${table}${instance}.`, segment.terms, '');
        return matched.ok && matched.value;
      }
      case 'name':
        return false;
    }
  }
}

/** The parameter of a term, on the row itself or on a single object below it. */
function findParam(
  node: SchemaNode,
  object: string,
  term: Term,
  text: string,
): Result<{ at: { node: SchemaNode; object: string }; param: Param }, Fault> {
  const parts = term.param.split('.');
  const name = parts.pop() ?? '';
  let at = { node, object };
  for (const part of parts) {
    const child = at.node.children.get(part);
    if (child === undefined || child.table) {
      return err(unknownName(at.node, at.object, part, 'object', text));
    }
    at = { node: child, object: `${at.object}${part}.` };
  }
  const param = at.node.params.get(name);
  return param === undefined
    ? err(unknownName(at.node, at.object, name, 'parameter', text))
    : ok({ at, param });
}

/** Undefined when the two cannot be compared so. */
function compare(param: Param, actual: string, term: Term): boolean | undefined {
  const { op, value } = term;
  if (param.def.list === undefined && isNumeric(param.base)) {
    return /^-?\d{1,40}$/.test(value) ? ordered(BigInt(actual), op, BigInt(value)) : undefined;
  }
  if (param.base === 'dateTime') {
    const wanted = canonical({ type: 'dateTime' }, value);
    return wanted.ok ? ordered(actual, op, wanted.value) : undefined;
  }
  if (op !== '==' && op !== '!=') return undefined;
  // The term may be written in any way that a value may: `1` for true, a final dot on a reference.
  const wanted = canonical({ type: param.def.type }, value);
  const text = wanted.ok ? wanted.value : value;
  const same =
    actual === text ||
    (param.def.ref !== undefined && text.endsWith('.') && actual === text.slice(0, -1));
  return same === (op === '==');
}

function ordered<T extends bigint | string>(a: T, op: Operator, b: T): boolean {
  switch (op) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
  }
}

export function unknownName(
  node: SchemaNode,
  object: string,
  name: string,
  what: 'parameter' | 'object' | 'command' | 'event',
  text: string,
): Fault {
  const known =
    what === 'command'
      ? Object.keys(node.commands)
      : what === 'event'
        ? Object.keys(node.events)
        : what === 'object'
          ? node.children.keys()
          : [...node.params.keys(), ...node.children.keys()];
  const near = nearest(name, known);
  const suffix = what === 'command' ? '()' : what === 'event' ? '!' : what === 'object' ? '.' : '';
  const hint = near === undefined ? '' : `; did you mean ${near}${suffix}?`;
  return {
    kind: 'unknownPath',
    path: text,
    message: `no such ${what} ${object}${name}${suffix}${hint}`,
  };
}

export const badPath = (path: string, message: string): Fault => ({
  kind: 'badPath',
  path: path.slice(0, 256),
  message: `${path.slice(0, 256)}: ${message}`,
});

const rowNumber = (object: string): string =>
  object.slice(object.lastIndexOf('.', object.length - 2) + 1, -1);
