/**
 * Object `bbfdm`: the TR-181 model as clients of bbfdm (icwmp, USP agents, scripts) know it. It
 * takes the arguments of all generations of bbfdm, answers raw or pretty, and reports faults of the
 * model in rows with ubus status 0; a missing path is status 2, an undecodable message status 9.
 */

import type { Change, Fault, Model, Notice, OperateDone, Origin } from '../../tr181/model.ts';
import {
  array,
  type BlobmsgTable,
  type BlobmsgValue,
  bool,
  field,
  pick,
  string,
  table,
} from '../../wire/blobmsg.ts';
import { UBUS_STATUS } from '../../wire/ubus.ts';
import {
  faultRow,
  nameRow,
  PrettyTree,
  type Proto,
  prettyValue,
  rawRow,
  rawText,
  schemaRow,
} from './bbfdm-format.ts';
import {
  method,
  refuse,
  reply,
  type UbusObject,
  type UbusReply,
  type UbusRequest,
} from './objects.ts';

export type BbfdmModel = Pick<
  Model,
  'get' | 'set' | 'add' | 'del' | 'instances' | 'schema' | 'names' | 'operate'
>;

interface Options {
  readonly proto: Proto;
  readonly raw: boolean;
}

/** `optional` {proto, format}; what is unknown counts as absent. */
function optionsOf(optional: BlobmsgTable = []): Options {
  const proto = pick(optional, 'proto', 'string');
  return {
    proto: proto === 'cwmp' || proto === 'usp' ? proto : 'both',
    raw: pick(optional, 'format', 'string') === 'raw',
  };
}

/** Who asks, for the audit trail. */
export const originOf = (request: UbusRequest): Origin => ({
  user: request.user,
  via: 'ubus',
  ...(request.peer === undefined ? {} : { address: `pid ${request.peer.pid}` }),
});

/** A value of any type as the model takes it; undefined for what is no single value. */
function textOf(value: BlobmsgValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  switch (value.type) {
    case 'unspec':
    case 'array':
    case 'table':
      return undefined;
    case 'int8':
      return value.value === 0 ? 'false' : 'true';
    default:
      return String(value.value);
  }
}

/** `path` and `paths` together, in that order. */
function pathsOf(path: string | undefined, paths: readonly BlobmsgValue[] | undefined): string[] {
  const all = path === undefined ? [] : [path];
  for (const value of paths ?? []) if (value.type === 'string') all.push(value.value);
  return all;
}

/** Values by name; undefined when one is no single value. */
function valuesOf(from: BlobmsgTable): Record<string, string> | undefined {
  const values: Record<string, string> = Object.create(null);
  for (const { name, value } of from) {
    const text = textOf(value);
    if (text === undefined) return undefined;
    values[name] ??= text;
  }
  return values;
}

const results = (rows: readonly BlobmsgValue[]): UbusReply =>
  reply([field('results', array(rows))]);

const faults = (all: readonly Fault[], { proto }: Options): UbusReply =>
  results(all.map((fault) => table(faultRow(fault, proto))));

const done = (path: string, data: string): BlobmsgValue =>
  table([field('path', string(path)), field('data', string(data))]);

const badArguments = (path: string, message: string): Fault => ({
  kind: 'badArguments',
  path,
  message,
});

const NO_PATH = refuse(UBUS_STATUS.invalidArgument);

export function bbfdmObject(model: BbfdmModel): UbusObject {
  return {
    path: 'bbfdm',
    methods: {
      get: method(
        { path: 'string', paths: 'array', maxdepth: 'int32', optional: 'table' },
        ({ path, paths, maxdepth, optional }) => {
          const asked = pathsOf(path, paths);
          if (asked.length === 0) return NO_PATH;
          return get(model, asked, Math.max(0, maxdepth ?? 0), optionsOf(optional));
        },
      ),
      set: method(
        {
          path: 'string',
          value: 'unspec',
          obj_path: 'table',
          datatype: 'string',
          optional: 'table',
        },
        ({ path, value, obj_path, optional }, request) =>
          path === undefined
            ? NO_PATH
            : set(model, path, value, obj_path, originOf(request), optionsOf(optional)),
      ),
      add: method(
        { path: 'string', obj_path: 'table', optional: 'table' },
        ({ path, obj_path, optional }, request) =>
          path === undefined
            ? NO_PATH
            : add(model, path, obj_path ?? [], originOf(request), optionsOf(optional)),
      ),
      del: method(
        { path: 'string', paths: 'array', value: 'string', optional: 'table' },
        ({ path, paths, optional }, request) => {
          const asked = pathsOf(path, paths);
          if (asked.length === 0) return NO_PATH;
          return del(model, asked, originOf(request), optionsOf(optional));
        },
      ),
      instances: method(
        { path: 'string', paths: 'array', first_level: 'int8', optional: 'table' },
        ({ path, paths, first_level, optional }) => {
          const asked = pathsOf(path, paths);
          if (asked.length === 0) return NO_PATH;
          return instances(model, asked, first_level ?? false, optionsOf(optional));
        },
      ),
      schema: method(
        { path: 'string', paths: 'array', first_level: 'int8', optional: 'table' },
        ({ path, paths, first_level, optional }) => {
          const asked = pathsOf(path, paths);
          if (asked.length === 0) return NO_PATH;
          return schema(model, asked, first_level ?? false, optionsOf(optional));
        },
      ),
      operate: method(
        {
          command: 'string',
          path: 'string',
          command_key: 'string',
          input: 'table',
          optional: 'table',
        },
        ({ command, path, command_key, input, optional }, request) => {
          const asked = command ?? path;
          if (asked === undefined) return NO_PATH;
          return operate(
            model,
            asked,
            command_key ?? '',
            input ?? [],
            request,
            optionsOf(optional),
          );
        },
      ),
      services: method({}, () => services(model)),
    },
  };
}

function get(
  model: BbfdmModel,
  asked: readonly string[],
  maxDepth: number,
  options: Options,
): UbusReply {
  const answers = model.get(asked, { maxDepth });
  if (options.raw) {
    return results(
      answers.flatMap(({ result }) =>
        result.ok ? result.value.map(rawRow) : [table(faultRow(result.error, options.proto))],
      ),
    );
  }
  const tree = new PrettyTree();
  const failed: BlobmsgTable[] = [];
  for (const { path, result } of answers) {
    if (result.ok) tree.add(path, result.value);
    else failed.push(faultRow(result.error, options.proto));
  }
  // Faults are tables without a name in the reply itself.
  return reply([...tree.fields(), ...failed.map((row) => field('', table(row)))]);
}

async function set(
  model: BbfdmModel,
  path: string,
  value: BlobmsgValue | undefined,
  relative: BlobmsgTable | undefined,
  origin: Origin,
  options: Options,
): Promise<UbusReply> {
  const changes: Change[] = [];
  const text = textOf(value);
  if (text !== undefined) changes.push({ path, value: text });
  const values = valuesOf(relative ?? []);
  if (values === undefined || (value !== undefined && text === undefined)) {
    return faults([badArguments(path, 'a value is an array, a table or null')], options);
  }
  const folder = path.endsWith('.') ? path : `${path}.`;
  for (const [name, v] of Object.entries(values)) changes.push({ path: folder + name, value: v });
  if (changes.length === 0) return faults([badArguments(path, 'no value is given')], options);
  const written = await model.set(changes, origin);
  if (!written.ok) return faults(written.error, options);
  return results(written.value.changes.map((change) => done(change.path, '1')));
}

async function add(
  model: BbfdmModel,
  path: string,
  relative: BlobmsgTable,
  origin: Origin,
  options: Options,
): Promise<UbusReply> {
  const values = valuesOf(relative);
  if (values === undefined) {
    return faults([badArguments(path, 'a value is an array, a table or null')], options);
  }
  const added = await model.add(path, values, origin);
  if (!added.ok) return faults(added.error, options);
  return results([done(path, String(added.value.instance))]);
}

async function del(
  model: BbfdmModel,
  asked: readonly string[],
  origin: Origin,
  options: Options,
): Promise<UbusReply> {
  const deleted = await model.del(asked, origin);
  if (!deleted.ok) return faults(deleted.error, options);
  return results(deleted.value.deleted.map((path) => done(path, '1')));
}

function instances(
  model: BbfdmModel,
  asked: readonly string[],
  firstLevel: boolean,
  { proto }: Options,
): UbusReply {
  return results(
    asked.flatMap((path) => {
      const found = model.instances(path, { firstLevel });
      if (!found.ok) return [table(faultRow(found.error, proto))];
      return found.value.map((row) => table([field('path', string(row.path.replace(/\.$/, '')))]));
    }),
  );
}

function schema(
  model: BbfdmModel,
  asked: readonly string[],
  firstLevel: boolean,
  { proto }: Options,
): UbusReply {
  return results(
    asked.flatMap((path) => {
      if (proto === 'cwmp') {
        const found = model.names(path, { firstLevel });
        return found.ok ? found.value.map(nameRow) : [table(faultRow(found.error, proto))];
      }
      const found = model.schema(path, { firstLevel });
      return found.ok ? found.value.map(schemaRow) : [table(faultRow(found.error, proto))];
    }),
  );
}

async function operate(
  model: BbfdmModel,
  command: string,
  key: string,
  input: BlobmsgTable,
  request: UbusRequest,
  options: Options,
): Promise<UbusReply> {
  const row = [field('path', string(command)), field('data', string(key))];
  const failed = (fault: Fault): UbusReply =>
    // The row already has the path, as it was asked.
    results([table([...row, ...faultRow(fault, options.proto).slice(1)])]);
  const args = valuesOf(input);
  if (args === undefined) {
    return failed(badArguments(command, 'an argument is an array, a table or null'));
  }
  const ran = await model.operate(command, args, {
    origin: originOf(request),
    signal: request.signal,
  });
  if (!ran.ok) return failed(ran.error);
  return results([table([...row, field('output', outputOf(ran.value, options.raw))])]);
}

function outputOf({ output }: OperateDone, raw: boolean): BlobmsgValue {
  if (!raw) {
    return array([
      table(output.map(({ name, value, type }) => field(name, prettyValue(value, type)))),
    ]);
  }
  return array(
    output.map(({ name, value, type }) =>
      table([
        field('path', string(name)),
        field('data', string(rawText(value, type))),
        field('type', string(`xsd:${type}`)),
      ]),
    ),
  );
}

/** Every object below `Device.` as a service of one daemon, in the words of both generations. */
function services(model: BbfdmModel): UbusReply {
  const below = model.schema('Device.', { firstLevel: true });
  const names = below.ok
    ? below.value.flatMap(({ kind, path }) => {
        const name = /^Device\.([A-Za-z0-9_]+)\.$/.exec(path.replace('{i}.', ''))?.[1];
        return kind === 'object' && name !== undefined ? [name] : [];
      })
    : [];
  const about = [
    field('name', string('gatehouse')),
    field('proto', string('both')),
    field('unified_daemon', bool(true)),
  ];
  const object = (name: string): BlobmsgTable => [
    field('parent_dm', string('Device.')),
    field('object', string(name)),
    field('proto', string('both')),
  ];
  return reply([
    field(
      'registered_services',
      array([table([...about, field('objects', array(names.map((n) => table(object(n)))))])]),
    ),
    field(
      'registered_service',
      array(names.map((name) => table([...about, ...object(name).slice(0, 2)]))),
    ),
  ]);
}

/** `bbfdm.event` of an event of the model: its name and its arguments as rows. */
export const bbfdmEvent = (notice: Extract<Notice, { kind: 'event' }>): BlobmsgTable => [
  field('name', string(notice.path)),
  field(
    'input',
    array(
      Object.entries(notice.args).map(([name, value]) =>
        table([
          field('path', string(name)),
          field('data', string(value)),
          field('type', string('xsd:string')),
        ]),
      ),
    ),
  ),
];
