/** Typed reading of rows for compile, check and report: defaults filled in, canonical text parsed. */
import { BugError } from '../base/errors.ts';
import { type Ipv4, parseIpv4 } from '../base/ip.ts';
import type { RowsView } from '../state/candidate.ts';
import type { Schema, SchemaNode } from './schema.ts';
import { emptyValue, listItems } from './types.ts';

export class RowReader {
  readonly view: RowsView;
  readonly #schema: Schema;

  constructor(schema: Schema, view: RowsView) {
    this.#schema = schema;
    this.view = view;
  }

  /** Rows that users added, ascending; `table` is concrete, with its final dot. */
  rows(table: string): readonly Row[] {
    const node = this.#node(table);
    return this.view
      .instances(table)
      .map((instance) => new Row(this.view, node, `${table}${instance}.`, instance));
  }

  /** Every row that the system ever made of `table` and remembers, present or not. */
  systemRows(table: string): readonly (Row & { readonly key: string })[] {
    const node = this.#node(table);
    return [...this.view.systemRows(table)].map(([key, instance]) =>
      Object.assign(new Row(this.view, node, `${table}${instance}.`, instance), { key }),
    );
  }

  /** A row or single object that exists, by its path with or without the final dot. */
  at(path: string): Row | undefined {
    const object = path.endsWith('.') ? path : `${path}.`;
    const node = this.#schema.nodeOf(object);
    if (node === undefined) return undefined;
    if (!node.table) return new Row(this.view, node, object, 0);
    const dot = object.lastIndexOf('.', object.length - 2) + 1;
    const table = object.slice(0, dot);
    const instance = Number(object.slice(dot, -1));
    const exists =
      this.view.instances(table).includes(instance) ||
      this.view.systemKey(table, instance) !== undefined;
    return exists ? new Row(this.view, node, object, instance) : undefined;
  }

  #node(table: string): SchemaNode {
    const node = this.#schema.nodeOf(table);
    if (node === undefined) throw new BugError(`no table ${table}`);
    return node;
  }
}

export class Row {
  readonly #view: RowsView;
  readonly #node: SchemaNode;
  /** With its final dot. */
  readonly path: string;
  readonly instance: number;

  constructor(view: RowsView, node: SchemaNode, path: string, instance: number) {
    this.#view = view;
    this.#node = node;
    this.path = path;
    this.instance = instance;
  }

  /** The path without its final dot, as references have it. */
  get id(): string {
    return this.path.slice(0, -1);
  }

  /** Somebody gave it a value. */
  isSet(name: string): boolean {
    return this.#view.values(this.path)?.has(name) ?? false;
  }

  text(name: string): string {
    const stored = this.#view.values(this.path)?.get(name);
    if (stored !== undefined) return stored;
    const param = this.#node.params.get(name);
    if (param === undefined) throw new BugError(`no parameter ${this.path}${name}`);
    return param.def.default ?? emptyValue(param.def);
  }

  bool(name: string): boolean {
    return this.text(name) === 'true';
  }

  number(name: string): number {
    return Number(this.text(name));
  }

  list(name: string): readonly string[] {
    return listItems(this.text(name));
  }

  /** Undefined when it is empty. */
  ipv4(name: string): Ipv4 | undefined {
    const parsed = parseIpv4(this.text(name));
    return parsed.ok ? parsed.value : undefined;
  }
}
