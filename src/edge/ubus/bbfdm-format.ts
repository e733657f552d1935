/** How `bbfdm` writes values, faults and the schema into blobmsg: raw rows or a pretty tree. */

import type {
  BaseType,
  Fault,
  FaultKind,
  NameRow,
  ParamValue,
  SchemaArgument,
  SchemaRow,
} from '../../tr181/model.ts';
import {
  array,
  type BlobmsgField,
  type BlobmsgTable,
  type BlobmsgValue,
  bool,
  field,
  int32,
  string,
  table,
} from '../../wire/blobmsg.ts';

/** `cwmp` and `both` number faults as TR-069 does (9xxx), `usp` as TR-369 does (7xxx). */
export type Proto = 'cwmp' | 'usp' | 'both';

/** TR-369 R-ERR.0 and TR-069 annex A.5 for each kind. */
const CODES: Readonly<Record<FaultKind, { readonly usp: number; readonly cwmp: number }>> = {
  badPath: { usp: 7008, cwmp: 9005 },
  unknownPath: { usp: 7026, cwmp: 9005 },
  notWritable: { usp: 7013, cwmp: 9008 },
  notCreatable: { usp: 7019, cwmp: 9005 },
  wrongType: { usp: 7011, cwmp: 9006 },
  outOfRange: { usp: 7012, cwmp: 9007 },
  notUnique: { usp: 7025, cwmp: 9007 },
  badReference: { usp: 7012, cwmp: 9007 },
  conflict: { usp: 7014, cwmp: 9003 },
  badArguments: { usp: 7027, cwmp: 9003 },
  commandFailed: { usp: 7022, cwmp: 9002 },
  aborted: { usp: 7023, cwmp: 9002 },
  resources: { usp: 7005, cwmp: 9004 },
  internal: { usp: 7003, cwmp: 9002 },
};

const faultCode = (kind: FaultKind, proto: Proto): number =>
  CODES[kind][proto === 'usp' ? 'usp' : 'cwmp'];

/** The members of a row that tell of a fault, its path first. */
export const faultRow = (fault: Fault, proto: Proto): BlobmsgTable => [
  field('path', string(fault.path)),
  field('fault', int32(faultCode(fault.kind, proto))),
  field(
    'fault_msg',
    string(fault.remedy === undefined ? fault.message : `${fault.message} (${fault.remedy})`),
  ),
];

/** All values are text; booleans are 1 and 0. */
export const rawText = (value: string, type: BaseType): string =>
  type === 'boolean' ? (value === 'true' ? '1' : '0') : value;

export function rawRow(row: ParamValue): BlobmsgValue {
  const flags: BlobmsgValue[] = [];
  if (row.reference) flags.push(string('Reference'));
  if (row.unique) flags.push(string('Unique'));
  if (row.secret) flags.push(string('Secure'));
  const fields: BlobmsgField[] = [
    field('path', string(row.path)),
    field('data', string(rawText(row.value, row.type))),
    field('type', string(`xsd:${row.type}`)),
  ];
  if (flags.length > 0) fields.push(field('flags', array(flags)));
  return table(fields);
}

/** A value in its own type: unsigned and long ones are INT64, as C clients expect them. */
export function prettyValue(value: string, type: BaseType): BlobmsgValue {
  switch (type) {
    case 'boolean':
      return bool(value === 'true');
    case 'int':
      return INTEGER.test(value) ? int32(Number(value)) : string(value);
    case 'unsignedInt':
    case 'long':
    case 'unsignedLong':
      // Above 2^63 it wraps, there being no unsigned type on the wire.
      return INTEGER.test(value)
        ? { type: 'int64', value: BigInt.asIntN(64, BigInt(value)) }
        : string(value);
    default:
      return string(value);
  }
}

const INTEGER = /^-?\d{1,20}$/;

// ---- pretty --------------------------------------------------------------------------------

type Node = Map<string, Node | BlobmsgValue>;

/**
 * Values as a tree below the last name of the path that was asked, such as `Users` of
 * `Device.Users.`; rows of a table become an array and lose their numbers.
 */
export class PrettyTree {
  readonly #root: Node = new Map();

  add(asked: string, rows: readonly ParamValue[]): void {
    const skip = namesBefore(asked);
    for (const row of rows) {
      const names = row.path.split('.');
      let node = this.#root;
      for (const name of names.slice(skip, -1)) {
        let next = node.get(name);
        if (!(next instanceof Map)) {
          next = new Map();
          node.set(name, next);
        }
        node = next;
      }
      // A list of numbers is text.
      const type = row.list ? 'string' : row.type;
      node.set(names.at(-1) ?? '', prettyValue(row.value, type));
    }
  }

  fields(): BlobmsgField[] {
    return fieldsOf(this.#root);
  }
}

/** How many parts of the paths found are in front of the last name that was asked for. */
function namesBefore(asked: string): number {
  const parts = asked.split(/\.(?![^[]*\])/).filter((part) => part !== '');
  const firstChoice = parts.findIndex((part) => /^[*[]/.test(part));
  const named = firstChoice < 0 ? parts : parts.slice(0, firstChoice);
  while (/^\d+$/.test(named.at(-1) ?? '')) named.pop();
  return Math.max(0, named.length - 1);
}

const fieldsOf = (node: Node): BlobmsgField[] =>
  [...node].map(([name, child]) => field(name, child instanceof Map ? blobOf(child) : child));

function blobOf(node: Node): BlobmsgValue {
  const names = [...node.keys()];
  if (names.length === 0 || !names.every((name) => /^\d+$/.test(name))) {
    return table(fieldsOf(node));
  }
  return array([...node.values()].map((child) => (child instanceof Map ? blobOf(child) : child)));
}

// ---- schema --------------------------------------------------------------------------------

const names = (args: readonly SchemaArgument[]): BlobmsgValue =>
  array(args.map(({ name }) => table([field('path', string(name))])));

const flag = (writable: boolean): BlobmsgField => field('data', string(writable ? '1' : '0'));

/** A line of the supported data model, for USP. */
export function schemaRow(row: SchemaRow): BlobmsgValue {
  const path = field('path', string(row.path));
  switch (row.kind) {
    case 'object':
      return table([path, flag(row.writable), field('type', string('xsd:object'))]);
    case 'parameter':
      return table([path, flag(row.writable), field('type', string(`xsd:${row.type}`))]);
    case 'command':
      return table([
        path,
        field('type', string('xsd:command')),
        field('data', string(row.async ? 'async' : 'sync')),
        field('input', names(row.input)),
        field('output', names(row.output)),
      ]);
    case 'event':
      return table([
        path,
        field('type', string('xsd:event')),
        field('data', string('bbfdm.event')),
        field('input', names(row.args)),
      ]);
  }
}

/** A line of what exists, for CWMP GetParameterNames. */
export const nameRow = (row: NameRow): BlobmsgValue =>
  table([
    field('path', string(row.path)),
    flag(row.writable),
    field('type', string(`xsd:${row.type}`)),
  ]);
