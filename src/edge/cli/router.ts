/**
 * The running router as the command line sees it: TR-181 requests and service commands over the
 * bus, with the rows of `bbfdm` answers (raw form) read into values and faults.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { Assignment } from './arguments.ts';
import {
  type Bus,
  type BusError,
  isList,
  isObject,
  type Json,
  type JsonObject,
  list,
  text,
} from './bus.ts';

export interface Value {
  readonly path: string;
  /** Canonical text. */
  readonly value: string;
  /** Such as `xsd:boolean`. */
  readonly type: string;
}

export interface FaultRow {
  readonly path: string;
  readonly code: number;
  readonly message: string;
}

/** What came back: rows that could be had, and faults of those that could not. */
export interface Answer<Row> {
  readonly rows: readonly Row[];
  readonly faults: readonly FaultRow[];
}

export interface SchemaLine {
  readonly path: string;
  readonly type: string;
  readonly writable: boolean;
  readonly input: readonly string[];
  readonly output: readonly string[];
}

/** `{"status":"success"|"error","message":string|null,"data":object|null}`, alike on ubus, HTTP and the command line. */
export interface CommandResponse {
  readonly status: string;
  readonly message: string | null;
  readonly data: Json;
}

const RAW = { proto: 'usp', format: 'raw' } as const;

type Reply<Row> = Promise<Result<Answer<Row>, BusError>>;

export class Router {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  get(paths: readonly string[], maxDepth = 0): Reply<Value> {
    return this.#rows('get', { paths, maxdepth: maxDepth }, toValue);
  }

  /** All or nothing; gives the paths that were written. */
  set(changes: readonly Assignment[]): Reply<string> {
    const values = Object.fromEntries(changes.map(({ name, value }) => [relative(name), value]));
    return this.#rows('set', { path: ROOT, obj_path: values }, toPath);
  }

  /** The row's `value` is the number of the new instance. */
  add(table: string, values: readonly Assignment[]): Reply<Value> {
    const given = Object.fromEntries(values.map(({ name, value }) => [name, value]));
    return this.#rows('add', { path: table, obj_path: given }, toValue);
  }

  /** All or nothing; gives the paths of the rows that went. */
  del(paths: readonly string[]): Reply<string> {
    return this.#rows('del', { paths }, toPath);
  }

  instances(path: string, firstLevel: boolean): Reply<string> {
    return this.#rows('instances', { path, first_level: firstLevel }, toPath);
  }

  schema(path: string, firstLevel: boolean): Reply<SchemaLine> {
    return this.#rows('schema', { path, first_level: firstLevel }, schemaOf);
  }

  /** Output arguments of a command. */
  async operate(command: string, input: readonly Assignment[]): Reply<Value> {
    const args = Object.fromEntries(input.map(({ name, value }) => [name, value]));
    const answer = await this.#rows(
      'operate',
      { command, command_key: 'cli', input: args },
      (row) => list(row['output']).filter(isObject).map(toValue),
    );
    if (!answer.ok) return answer;
    return ok({ rows: answer.value.rows.flat(), faults: answer.value.faults });
  }

  status(): Promise<Result<JsonObject, BusError>> {
    return this.#bus.call('gatehouse', 'status', {});
  }

  services(): Promise<Result<JsonObject, BusError>> {
    return this.#bus.call('gatehouse', 'services', {});
  }

  async command(
    service: string,
    command: string,
    args: JsonObject,
  ): Promise<Result<CommandResponse, BusError>> {
    const answer = await this.#bus.call('gatehouse', 'call', { service, command, args });
    if (!answer.ok) return answer;
    const { status, message, data } = answer.value;
    return ok({
      status: text(status),
      message: typeof message === 'string' ? message : null,
      data: data ?? null,
    });
  }

  /** Asks one method of `bbfdm`; rows that carry a fault are told apart from those that do not. */
  async #rows<Row>(method: string, args: JsonObject, read: (row: JsonObject) => Row): Reply<Row> {
    const answer = await this.#bus.call('bbfdm', method, { ...args, optional: RAW });
    if (!answer.ok) return answer;
    const results = answer.value['results'];
    if (!isList(results))
      return err({ message: `bbfdm ${method} answered without results`, status: undefined });
    const rows: Row[] = [];
    const faults: FaultRow[] = [];
    for (const row of results) {
      if (!isObject(row)) continue;
      const { fault } = row;
      if (fault === undefined) rows.push(read(row));
      else
        faults.push({
          path: text(row['path']),
          code: Number(fault),
          message: text(row['fault_msg']),
        });
    }
    return ok({ rows, faults });
  }
}

const ROOT = 'Device.';

/** Names of `set` are relative to the path that is asked; what does not begin with `Device.` is left for the model to refuse. */
const relative = (path: string): string => (path.startsWith(ROOT) ? path.slice(ROOT.length) : path);

const toPath = (row: JsonObject): string => text(row['path']);

const toValue = (row: JsonObject): Value => {
  const [path, data, type] = [text(row['path']), text(row['data']), text(row['type'])];
  // bbfdm says 1 and 0; the model, and what people type, is true and false.
  const value = type === 'xsd:boolean' ? String(data === '1' || data === 'true') : data;
  return { path, value, type };
};

const names = (args: Json | undefined): string[] =>
  list(args)
    .filter(isObject)
    .map((row) => text(row['path']));

const schemaOf = (row: JsonObject): SchemaLine => ({
  path: text(row['path']),
  type: text(row['type']).replace(/^xsd:/, ''),
  writable: row['data'] === '1',
  input: names(row['input']),
  output: names(row['output']),
});
