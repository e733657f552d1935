/** config history, diff, restore, confirm, rollback; set, add, del --confirm; backup and restore of a file. */
import { escapeControls } from '../../base/text.ts';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { EXIT } from './environment.ts';
import { assignmentsOf } from './model-commands.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

const PASSPHRASE = 'GATEHOUSE_PASSPHRASE';

/** Asks `gatehouse.config`; undefined after it said why not. */
async function ask(
  session: Session,
  command: string,
  args: JsonObject = {},
): Promise<JsonObject | undefined> {
  let data: JsonObject | undefined;
  await session.withRouter(async (router) => {
    const answer = await router.command('config', command, args);
    if (!answer.ok) return session.fail(answer.error.message);
    const { status, message } = answer.value;
    if (status === 'success') data = isObject(answer.value.data) ? answer.value.data : {};
    else for (const line of (message ?? `config ${command} failed`).split('\n')) session.fail(line);
  });
  return data;
}

interface Line {
  readonly sign: '+' | '-' | '~';
  readonly path: string;
  readonly change: string;
}

/** Rows and values of a difference, as lines. */
function linesOf(data: JsonObject): Line[] {
  return [
    ...list(data['removed']).map((path): Line => ({ sign: '-', path: text(path), change: '' })),
    ...list(data['added']).map((path): Line => ({ sign: '+', path: text(path), change: '' })),
    ...list(data['changes'])
      .filter(isObject)
      .map((row): Line => {
        const shown = (value: (typeof row)[string] | undefined): string =>
          value === null || value === undefined ? '–' : text(value);
        const change =
          row['secret'] === true ? '(secret)' : `${shown(row['old'])} → ${shown(row['new'])}`;
        return { sign: '~', path: text(row['path']), change };
      }),
  ];
}

const LINES: readonly Column<Line>[] = [
  {
    title: '',
    cell: ({ sign }) => sign,
    style: ({ sign }) => (sign === '+' ? 'green' : sign === '-' ? 'red' : 'yellow'),
  },
  { title: 'PATH', cell: ({ path }) => path },
  { title: 'CHANGE', cell: ({ change }) => change },
];

const ENTRIES: readonly Column<JsonObject>[] = [
  { title: 'REVISION', cell: ({ revision }) => text(revision) },
  { title: 'TIME', cell: ({ time }) => text(time), style: () => 'dim' },
  { title: 'WHO', cell: ({ user, via }) => `${text(user)} by ${text(via)}` },
  { title: 'WHAT', cell: summary },
];

/** The first change and how many more there are. */
function summary(entry: JsonObject): string {
  const [first, ...more] = linesOf(entry);
  if (first === undefined) return '';
  const { sign, path, change } = first;
  const head = `${sign === '~' ? '' : `${sign} `}${path}${change === '' ? '' : ` ${change}`}`;
  return more.length === 0 ? head : `${head}, and ${more.length} more`;
}

export async function history(session: Session): Promise<void> {
  const data = await ask(session, 'history');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const entries = list(data['entries']).filter(isObject);
  if (entries.length === 0) session.note('no changes yet');
  else session.print(ENTRIES, entries);
  notePending(session, data);
}

function notePending(session: Session, data: JsonObject): void {
  const { pending } = data;
  if (!isObject(pending)) return;
  const seconds = Math.ceil(Number(pending['remainingMs']) / 1000);
  session.note(
    `revision ${text(pending['revision'])} by ${text(pending['user'])} is undone in ${seconds} s; 'gatehouse config confirm' keeps it`,
  );
}

export async function diff(session: Session, from: number, to?: number): Promise<void> {
  const data = await ask(session, 'diff', { from, ...(to === undefined ? {} : { to }) });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const lines = linesOf(data);
  if (lines.length === 0) session.note('no difference');
  else session.print(LINES, lines);
}

/** Asks for a change that is undone unless it is confirmed in time, and says how long that is. */
async function tryOut(
  session: Session,
  command: string,
  args: JsonObject,
  confirm: number,
): Promise<void> {
  const data = await ask(session, command, { ...args, confirm });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const { path, pending } = data;
  if (command === 'add') session.data(`${text(path)}\n`);
  if (isObject(pending)) notePending(session, data);
  else session.note('nothing was changed');
  noteAbsent(session, data);
}

/** Who restores the backup of another box would find this one without its ports. */
function noteAbsent(session: Session, { absentPorts }: JsonObject): void {
  const names = list(absentPorts).map(text);
  if (names.length === 0) return;
  session.note(
    `this box has no ${names.join(', ')}: if the backup is of another box, name its own ports in ` +
      "Device.Ethernet.Interface., or go back ('gatehouse config history')",
  );
}

export async function restore(session: Session, revision: number, confirm?: number): Promise<void> {
  if (confirm !== undefined) return tryOut(session, 'restore', { revision }, confirm);
  const data = await ask(session, 'restore', { revision });
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else
    session.note(
      `the configuration is as it was at ${revision}; it is ${text(data['revision'])} now`,
    );
}

export async function settle(session: Session, what: 'confirm' | 'rollback'): Promise<void> {
  const data = await ask(session, what);
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else session.note(what === 'confirm' ? 'the change stays' : 'the change is undone');
}

/** Parameters by name or path; undefined after it said what is wrong with them. */
async function valuesOf(
  session: Session,
  list: readonly string[],
): Promise<JsonObject | undefined> {
  const assignments = await assignmentsOf(session, list);
  if (assignments === undefined) return undefined;
  const values = Object.fromEntries(assignments.map(({ name, value }) => [name, value]));
  if (Object.keys(values).length === assignments.length) return values;
  session.fail('a parameter is set twice', EXIT.usage);
  return undefined;
}

export async function setToConfirm(
  session: Session,
  list: readonly string[],
  confirm: number,
): Promise<void> {
  const values = await valuesOf(session, list);
  if (values !== undefined) await tryOut(session, 'set', { values }, confirm);
}

export async function addToConfirm(
  session: Session,
  table: string,
  list: readonly string[],
  confirm: number,
): Promise<void> {
  const values = await valuesOf(session, list);
  if (values !== undefined) await tryOut(session, 'add', { path: table, values }, confirm);
}

export const delToConfirm = (
  session: Session,
  paths: readonly string[],
  confirm: number,
): Promise<void> => tryOut(session, 'del', { paths }, confirm);

/**
 * From the environment, from the terminal without echo, or the first line of standard input: never
 * from the arguments, which every process can see.
 */
async function passphrase(session: Session, again: boolean): Promise<string | undefined> {
  const { env, readSecret, readStdin } = session.environment;
  const given = env[PASSPHRASE];
  if (given !== undefined && given !== '') return given;
  const typed = await readSecret('Passphrase: ');
  if (typed === undefined) return (await readStdin()).split(/\r?\n/, 1)[0] ?? '';
  if (!again || (await readSecret('Once more: ')) === typed) return typed;
  session.fail('these were two different passphrases');
  return undefined;
}

export async function backup(
  session: Session,
  path: string,
  options: { readonly force?: boolean },
): Promise<void> {
  const secret = await passphrase(session, true);
  if (secret === undefined) return;
  const data = await ask(session, 'backup', { passphrase: secret });
  if (data === undefined) return;
  const bytes = Uint8Array.fromBase64(text(data['file']));
  if (!session.writeFile(path, bytes, options.force)) return;
  if (session.json) session.printJson({ path, sizeBytes: bytes.byteLength });
  else session.note(`${escapeControls(path)}: ${bytes.byteLength} bytes`);
}

/** The bus carries a megabyte, and base64 makes four bytes of three. */
const MAX_FILE_BYTES = 700_000;

export async function restoreFile(session: Session, path: string, confirm?: number): Promise<void> {
  const file = session.environment.readFile(path, MAX_FILE_BYTES);
  if (!file.ok) return session.fail(file.error.message);
  const secret = await passphrase(session, false);
  if (secret === undefined) return;
  if (secret === '') return session.fail('no passphrase was given', EXIT.usage);
  const args = { passphrase: secret, file: file.value.toBase64() };
  if (confirm !== undefined) return tryOut(session, 'restore_backup', args, confirm);
  const data = await ask(session, 'restore_backup', args);
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else {
    session.note(`restored; the configuration is ${text(data['revision'])} now`);
    noteAbsent(session, data);
  }
}
