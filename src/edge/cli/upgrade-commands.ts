/** upgrade: sends a bundle or has it fetched, follows its installation, and chooses what is booted next. */
import { isObject, type JsonObject, text } from './bus.ts';
import { EXIT } from './environment.ts';
import { reboot } from './power-commands.ts';
import type { Router } from './router.ts';
import type { Session } from './session.ts';
import { type Column, pairs } from './table.ts';

export interface UpgradeOptions {
  readonly status?: boolean;
  readonly rollback?: boolean;
  readonly yes?: boolean;
}

/** The bus carries a megabyte, and base64 makes four bytes of three. */
const PIECE_BYTES = 512 * 1024;
const POLL_MS = 1000;
/** Fetched by the router itself. */
const LINK = /^https:\/\//i;
const BUSY: ReadonlySet<string> = new Set(['receiving', 'verifying', 'writing']);
const GIVEN_UP = 'given up: nothing was installed';

const WORDS: Readonly<Record<string, string>> = {
  none: 'no updates here',
  idle: 'no update under way',
  receiving: 'receiving',
  verifying: 'verifying',
  writing: 'writing to the idle slot',
  ready: 'installed, not activated',
  activated: 'another slot is booted next',
  trying: 'the running version is on trial',
  confirmed: 'the running version is confirmed',
  rolledBack: 'the version that was activated was not well: the one before runs again',
  failed: 'failed',
};

export async function upgrade(
  session: Session,
  file: string | undefined,
  options: UpgradeOptions,
): Promise<void> {
  const asked = [file !== undefined, options.status, options.rollback].filter(Boolean).length;
  if (asked !== 1) return session.fail('one of FILE, --rollback and --status', EXIT.usage);
  let restart = false;
  await session.withRouter(async (router) => {
    if (options.status) return status(session, router);
    const order = options.rollback ? 'rollback' : await install(session, router, file ?? '');
    if (order === undefined) return;
    const done = await ask(session, router, order);
    if (done === undefined) return;
    restart = boots(done);
    if (session.json) session.printJson(done);
    else session.note(restart ? 'the other slot is booted next' : 'this slot stays');
  });
  if (restart && !session.json)
    await reboot(session, { yes: options.yes === true, later: "'gatehouse reboot' starts it" });
}

/** Whether the next boot is of another slot than the one that runs. */
function boots({ said }: JsonObject): boolean {
  if (!isObject(said) || !Array.isArray(said['order'])) return false;
  return said['order'][0] !== said['running'];
}

/** What follows, when it is installed. */
async function install(
  session: Session,
  router: Router,
  from: string,
): Promise<'activate' | undefined> {
  const { signal, pause } = session.environment;
  let now = LINK.test(from)
    ? await ask(session, router, 'download', { url: from })
    : await send(session, router, from);
  while (now !== undefined && BUSY.has(text(now['state']))) {
    if (signal.aborted) {
      if (now['state'] === 'receiving') await giveUp(session, router, GIVEN_UP);
      // The slot writer cannot be stopped, and need not be: it writes where nothing runs.
      else {
        endProgress(session);
        session.fail(
          "not waited for: it goes on, 'gatehouse upgrade --status' tells; not activated",
        );
      }
      return undefined;
    }
    progress(session, text(now['state']), Number(now['percent']));
    await pause(POLL_MS, signal);
    now = await ask(session, router, 'status');
  }
  if (now === undefined) return undefined;
  endProgress(session);
  if (now['state'] === 'ready') return 'activate';
  session.fail(text(now['fault']) || WORDS[text(now['state'])] || 'not installed');
  return undefined;
}

/** Hands the file over in pieces; what the router says once it has all of it. */
async function send(
  session: Session,
  router: Router,
  path: string,
): Promise<JsonObject | undefined> {
  const { environment } = session;
  const first = environment.readPiece(path, 0, PIECE_BYTES);
  if (!first.ok) {
    session.fail(first.error.message);
    return undefined;
  }
  const { sizeBytes } = first.value;
  if ((await ask(session, router, 'begin', { size: sizeBytes })) === undefined) return undefined;
  for (let offset = 0; offset < sizeBytes; ) {
    const piece = environment.readPiece(path, offset, PIECE_BYTES);
    if (!piece.ok) return giveUp(session, router, piece.error.message);
    if (environment.signal.aborted) return giveUp(session, router, GIVEN_UP);
    const { bytes } = piece.value;
    if (bytes.length === 0) return giveUp(session, router, `${path}: it became shorter`);
    const sent = await ask(session, router, 'write', { offset, data: bytes.toBase64() });
    if (sent === undefined) return undefined;
    offset += bytes.length;
    progress(session, 'receiving', Math.floor((100 * offset) / sizeBytes));
  }
  return ask(session, router, 'install');
}

async function giveUp(session: Session, router: Router, why: string): Promise<undefined> {
  endProgress(session);
  session.fail(why);
  await router.command('update', 'cancel', {});
}

async function ask(
  session: Session,
  router: Router,
  command: string,
  args: JsonObject = {},
): Promise<JsonObject | undefined> {
  const answer = await router.command('update', command, args);
  if (!answer.ok) {
    session.fail(answer.error.message);
    return undefined;
  }
  const { status: outcome, message, data } = answer.value;
  if (outcome === 'success') return isObject(data) ? data : {};
  endProgress(session);
  session.fail(message ?? `update ${command} failed`);
  return undefined;
}

/** On a terminal one line that changes, elsewhere nothing: the end is told in any case. */
function progress(session: Session, state: string, percent: number): void {
  const { stderr } = session.environment;
  if (session.json || !stderr.isTerminal) return;
  stderr.write(`\r${`${WORDS[state] ?? state}: ${percent} %`.padEnd(40)}`);
}

function endProgress(session: Session): void {
  const { stderr } = session.environment;
  if (!session.json && stderr.isTerminal) stderr.write(`\r${' '.repeat(40)}\r`);
}

interface SlotRow {
  readonly slot: string;
  readonly version: string;
  readonly serial: string;
  readonly what: string;
}

const COLUMNS: readonly Column<SlotRow>[] = [
  { title: 'SLOT', cell: ({ slot }) => slot },
  { title: 'VERSION', cell: ({ version }) => version },
  { title: 'SERIAL', cell: ({ serial }) => serial },
  { title: '', cell: ({ what }) => what },
];

async function status(session: Session, router: Router): Promise<void> {
  const data = await ask(session, router, 'status');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const { said } = data;
  const state = text(data['state']);
  const reason = text(data['missing'] ?? '') || text(data['fault']);
  const percent = BUSY.has(state) ? `: ${text(data['percent'])} %` : '';
  const told = `${WORDS[state] ?? state}${percent}${reason === '' ? '' : `: ${reason}`}`;
  session.data(pairs([['Update', told]], session.paint));
  if (!isObject(said)) return;
  const { slots, running, order } = said;
  const next = Array.isArray(order) ? order[0] : undefined;
  session.print(
    COLUMNS,
    ['a', 'b'].map((slot): SlotRow => {
      const content = isObject(slots) ? slots[slot] : undefined;
      const marks = [
        ...(slot === running ? ['runs'] : []),
        ...(slot === next ? ['booted next'] : []),
      ];
      return isObject(content)
        ? {
            slot,
            version: text(content['version']),
            serial: text(content['serial']),
            what: marks.join(', '),
          }
        : { slot, version: '–', serial: '', what: marks.join(', ') };
    }),
  );
}
