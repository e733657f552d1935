/** The tree of the supported data model, put together once from the tables of all groups. */
import { BugError } from '../base/errors.ts';
import type { BaseType } from './model.ts';
import type { CommandDef, EventDef, ObjectDef, ObjectGroup, ParamDef } from './table.ts';
import { baseOf } from './types.ts';

export interface Param {
  readonly name: string;
  readonly def: ParamDef;
  readonly base: BaseType;
  readonly writable: boolean;
  readonly unique: boolean;
  /** For `…NumberOfEntries`: the table that it counts. */
  readonly counts: SchemaNode | undefined;
}

/** An object; of a table, one node stands for the table and for its rows. */
export class SchemaNode {
  readonly name: string;
  /** Generic path with its final dot: `Device.DHCPv4.Client.{i}.`. */
  readonly path: string;
  readonly table: boolean;
  readonly parent: SchemaNode | undefined;
  readonly def: ObjectDef;
  /** Index of its group; -1 for objects that merely lead to others. */
  readonly group: number;
  readonly params = new Map<string, Param>();
  readonly children = new Map<string, SchemaNode>();
  readonly systemWritable: ReadonlySet<string>;
  /** Name of its parameter of type Order, if it has one. */
  order: string | undefined;

  constructor(
    name: string,
    path: string,
    parent: SchemaNode | undefined,
    def: ObjectDef,
    group: number,
  ) {
    this.name = name;
    this.path = path;
    this.table = path.endsWith('{i}.');
    this.parent = parent;
    this.def = def;
    this.group = group;
    this.systemWritable = new Set(def.systemWritable);
  }

  /** Of the parameter beside a table that counts its rows (TR-106). */
  get countName(): string {
    return `${this.def.countedAs ?? this.name}NumberOfEntries`;
  }

  get commands(): Readonly<Record<string, CommandDef>> {
    return this.def.commands ?? {};
  }

  get events(): Readonly<Record<string, EventDef>> {
    return this.def.events ?? {};
  }

  /** Users may add rows. */
  get growable(): boolean {
    return this.def.rows === 'add' || this.def.rows === 'both';
  }
}

export class Schema {
  readonly groups: readonly ObjectGroup[];
  readonly root: SchemaNode;

  constructor(groups: readonly ObjectGroup[]) {
    this.groups = groups;
    const all = groups.flatMap((group, index) => group.objects.map((def) => ({ def, index })));
    const top = all.find(({ def }) => def.path === ROOT);
    this.root = new SchemaNode('Device', ROOT, undefined, top?.def ?? bare(ROOT), top?.index ?? -1);
    addParams(this.root);
    // Parents before children, whatever the order of the groups.
    all.sort((a, b) => a.def.path.split('.').length - b.def.path.split('.').length);
    for (const { def, index } of all) if (def.path !== ROOT) this.#add(def, index);
    this.#addCounts(this.root);
  }

  /** The node of a concrete or generic object path with its final dot. */
  nodeOf(object: string): SchemaNode | undefined {
    let node: SchemaNode | undefined = this.root;
    let at = 'Device.'.length;
    while (at < object.length && node !== undefined) {
      const dot = object.indexOf('.', at);
      if (dot < 0) return undefined;
      node = node.children.get(object.slice(at, dot));
      at = dot + 1;
      if (node?.table === true && at < object.length) at = object.indexOf('.', at) + 1;
    }
    return node;
  }

  *nodes(from: SchemaNode = this.root): Iterable<SchemaNode> {
    yield from;
    for (const child of from.children.values()) yield* this.nodes(child);
  }

  #add(def: ObjectDef, group: number): void {
    const parts = def.path.split('.').filter((part) => part !== '{i}');
    // The last part is empty: paths end in a dot.
    const name = parts.at(-2) ?? '';
    const parentPath = def.path.slice(0, def.path.length - (def.path.endsWith('{i}.') ? 4 : 0));
    const above = parentPath.slice(0, parentPath.lastIndexOf('.', parentPath.length - 2) + 1);
    const parent = above === '' ? undefined : this.#parent(above);
    if (parent === undefined || parent.children.has(name)) {
      throw new BugError(`object ${def.path} is declared twice or hangs in the air`);
    }
    const node = new SchemaNode(name, def.path, parent, def, group);
    parent.children.set(name, node);
    addParams(node);
  }

  #parent(path: string): SchemaNode {
    const known = this.nodeOf(path);
    if (known !== undefined) return known;
    const above = path.slice(0, path.lastIndexOf('.', path.length - 2) + 1);
    const parent = this.#parent(above);
    const name = path.slice(above.length, -1);
    if (name === '{i}') throw new BugError(`table ${path} is not declared`);
    const node = new SchemaNode(name, path, parent, bare(path), -1);
    parent.children.set(name, node);
    return node;
  }

  /** TR-106: every table has `<name>NumberOfEntries` beside it. */
  #addCounts(node: SchemaNode): void {
    for (const child of node.children.values()) {
      if (child.table) {
        const name = child.countName;
        node.params.set(name, {
          name,
          def: { type: 'unsignedInt', about: `Number of rows of ${child.name}.` },
          base: 'unsignedInt',
          writable: false,
          unique: false,
          counts: child,
        });
      }
      this.#addCounts(child);
    }
  }
}

const ROOT = 'Device.';

/** The parameters of its definition. */
function addParams(node: SchemaNode): void {
  const { def } = node;
  const keys = new Set(def.uniqueKeys?.flat());
  for (const [name, param] of Object.entries(def.params)) {
    if (param.type === 'Order') node.order = name;
    node.params.set(name, {
      name,
      def: param,
      base: baseOf(param.type),
      writable: param.access !== undefined,
      unique: keys.has(name),
      counts: undefined,
    });
  }
}

const bare = (path: string): ObjectDef => ({ path, about: '', params: {} });
