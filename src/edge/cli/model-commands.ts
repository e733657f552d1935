/** get, set, add, del, operate, schema, instances: requests on TR-181 paths. */
import { escapeControls } from '../../base/text.ts';
import {
  type Assignment,
  parseAssignments,
  parseAssignmentsJson,
  typedValue,
} from './arguments.ts';
import { count } from './count.ts';
import { EXIT } from './environment.ts';
import type { SchemaLine, Value } from './router.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';

const VALUE_COLUMNS: readonly Column<Value>[] = [
  { title: 'PARAMETER', cell: ({ path }) => path },
  {
    title: 'VALUE',
    cell: ({ value }) => value,
    style: ({ path, value }) => (path.endsWith('Status') ? statusStyle(value) : undefined),
  },
];

const asJson = (rows: readonly Value[]) =>
  Object.fromEntries(rows.map(({ path, value, type }) => [path, typedValue(value, type)]));

export async function get(
  session: Session,
  paths: readonly string[],
  options: { readonly depth?: number },
): Promise<void> {
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.get(paths, options.depth));
    if (rows === undefined) return;
    const [only] = rows;
    if (session.json) session.printJson(asJson(rows));
    // One parameter by its full path gives its bare value, so that scripts need not cut it out.
    else if (paths.length === 1 && only !== undefined && only.path === paths[0])
      session.data(session.environment.stdout.isTerminal ? shown(only) : `${only.value}\n`);
    else session.print(VALUE_COLUMNS, rows);
  });
}

/** A bare value may hold anything; on a terminal it is escaped, into a pipe it goes as it is. */
const shown = (row: Value): string => `${escapeControls(row.value)}\n`;

export async function set(session: Session, list: readonly string[]): Promise<void> {
  const changes = await assignmentsOf(session, list);
  if (changes === undefined) return;
  await session.withRouter(async (router) => {
    const paths = session.rows(await router.set(changes));
    if (paths === undefined) return;
    if (session.json) session.printJson(paths);
    else if (session.exitCode === EXIT.done)
      session.note(`${count(paths.length, 'parameter')} set`);
  });
}

/** `NAME=VALUE…`, or one `-` for a JSON object on standard input; undefined after it said what is wrong. */
export async function assignmentsOf(
  session: Session,
  list: readonly string[],
): Promise<readonly Assignment[] | undefined> {
  const parsed =
    list.length === 1 && list[0] === '-'
      ? parseAssignmentsJson(await session.environment.readStdin())
      : parseAssignments(list);
  if (parsed.ok) return parsed.value;
  for (const fault of parsed.error) session.fail(fault, EXIT.usage);
  return undefined;
}

export async function add(session: Session, table: string, list: readonly string[]): Promise<void> {
  const values = await assignmentsOf(session, list);
  if (values === undefined) return;
  const folder = table.endsWith('.') ? table : `${table}.`;
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.add(folder, values));
    const [row] = rows ?? [];
    if (row === undefined) return;
    const path = `${folder}${row.value}.`;
    if (session.json) session.printJson({ path, instance: Number(row.value) });
    else session.data(`${path}\n`);
  });
}

export async function del(session: Session, paths: readonly string[]): Promise<void> {
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.del(paths));
    if (rows === undefined) return;
    if (session.json) session.printJson(rows);
    else if (session.exitCode === EXIT.done) session.note(`${count(rows.length, 'row')} deleted`);
  });
}

export async function instances(
  session: Session,
  path: string,
  options: { readonly firstLevel?: boolean },
): Promise<void> {
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.instances(path, options.firstLevel === true));
    if (rows === undefined) return;
    if (session.json) session.printJson(rows);
    else session.data(rows.map((row) => `${escapeControls(row)}\n`).join(''));
  });
}

const SCHEMA_COLUMNS: readonly Column<SchemaLine>[] = [
  { title: 'PATH', cell: ({ path }) => path },
  { title: 'TYPE', cell: ({ type }) => type, style: () => 'cyan' },
  {
    title: 'ACCESS',
    cell: ({ type, writable }) =>
      type === 'command' || type === 'event' ? '' : writable ? 'rw' : 'r',
  },
  {
    title: 'ARGUMENTS',
    cell: ({ input, output }) =>
      [input.join(' '), output.length > 0 ? `→ ${output.join(' ')}` : ''].join(' ').trim(),
  },
];

export async function schema(
  session: Session,
  path: string,
  options: { readonly firstLevel?: boolean },
): Promise<void> {
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.schema(path, options.firstLevel === true));
    if (rows === undefined) return;
    if (session.json) session.printJson(rows.map((row) => ({ ...row })));
    else session.print(SCHEMA_COLUMNS, rows);
  });
}

export async function operate(
  session: Session,
  command: string,
  list: readonly string[],
): Promise<void> {
  const input = await assignmentsOf(session, list);
  if (input === undefined) return;
  await session.withRouter(async (router) => {
    const answer = await session.unlessInterrupted(router.operate(command, input));
    const rows = answer && session.rows(answer);
    if (rows === undefined || session.exitCode !== EXIT.done) return;
    if (session.json) session.printJson(asJson(rows));
    else if (rows.length > 0) session.print(VALUE_COLUMNS, rows);
    else session.note('done');
  });
}
