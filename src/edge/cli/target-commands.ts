/** targets: what the monitor watches, how it is, and changes to it. */
import type { Command } from 'commander';
import type { Assignment } from './arguments.ts';
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import { urlOf } from './check-commands.ts';
import { EXIT } from './environment.ts';
import { add, assignmentsOf, del, set } from './model-commands.ts';
import { rowPath } from './row-path.ts';
import type { Session } from './session.ts';
import { type Column, type Style, statusStyle } from './table.ts';

const TABLE = 'Device.X_GATEHOUSE_Monitor.Target.';

interface AddOptions {
  readonly name?: string;
  readonly interval?: string;
  readonly burst?: string;
  readonly timeout?: string;
  readonly family?: string;
}

export function defineTargets(program: Command, session: Session): void {
  const targets = program
    .command('targets')
    .description('what is watched, and how well its path works')
    .allowExcessArguments(false);
  targets
    .command('list', { isDefault: true })
    .description('every target, with its last figures')
    .action(() => show(session));
  targets
    .command('add')
    .description('watch an address, a name or a page; prints the path of the target')
    .argument('<host>', 'address or name, asked by echo requests; or http://… or https://…')
    .argument('[name=value...]', 'other parameters, such as Type=TCP Port=22; as set has them')
    .option('--name <name>', 'for people; without, the host')
    .option('--interval <seconds>', 'from one burst to the next')
    .option('--burst <probes>', 'probes of a burst, at most 20')
    .option('--timeout <ms>', 'how long an answer is waited for')
    .option('--family <family>', 'Any, IPv4 or IPv6')
    .action((host: string, values: string[], options: AddOptions) => {
      if (host === '') return session.fail('an address or a name is wanted', EXIT.usage);
      return add(session, TABLE, [
        ...whatOf(host),
        ...values,
        ...assigned('Name', options.name),
        ...assigned('Interval', options.interval),
        ...assigned('Burst', options.burst),
        ...assigned('Timeout', options.timeout),
        ...assigned('Family', options.family),
      ]);
    });
  targets
    .command('set')
    .description('change a target: Interval=30 Burst=5')
    .argument('<target>', 'its number, name or host')
    .argument('<name=value...>', 'parameters of Device.X_GATEHOUSE_Monitor.Target.{i}.')
    .action((target: string, values: string[]) => change(session, target, values));
  targets
    .command('remove')
    .description('watch it no more; what was measured goes too')
    .argument('<target>', 'its number, name or host')
    .action(async (target: string) => {
      const path = await pathOf(session, target);
      if (path !== undefined) await del(session, [path]);
    });
  targets
    .command('test')
    .description('ask a target once, now')
    .argument('<target>', 'its number, name or host')
    .action((target: string) => test(session, target));
}

/** What is asked: a page by its URL, else a host. */
function whatOf(text: string): readonly string[] {
  const url = urlOf(text);
  if (url === undefined) return [`Host=${text}`];
  const { host, port, path, secure } = url;
  return ['Type=HTTP', `Host=${host}`, `Port=${port}`, `Path=${path}`, `Secure=${secure}`];
}

const assigned = (name: string, value: string | undefined): readonly string[] =>
  value === undefined ? [] : [`${name}=${value}`];

/** Those that are on. Undefined after it said why not. */
async function targetsOf(session: Session): Promise<readonly JsonObject[] | undefined> {
  const all: JsonObject[] = [];
  for (;;) {
    const data = await session.ask('monitor', 'targets', { from: all.length });
    if (data === undefined) return undefined;
    const page = list(data['targets']).filter(isObject);
    all.push(...page);
    if (data['more'] !== true || page.length === 0) return all;
  }
}

const numberOf = (target: JsonObject): string => /\d+$/.exec(text(target['target']))?.[0] ?? '';

const figure = (target: JsonObject, name: string): Json | undefined => {
  const { statistics } = target;
  return isObject(statistics) ? statistics[name] : undefined;
};

/** `1.23 ms` of microseconds; empty where there is none. */
export const time = (us: Json | undefined): string =>
  typeof us !== 'number'
    ? ''
    : us < 1000
      ? `${us.toFixed(0)} µs`
      : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;

const percent = (value: Json | undefined): string =>
  typeof value === 'number' ? `${value.toFixed(value > 0 && value < 10 ? 2 : 0)} %` : '';

const COLUMNS: readonly Column<JsonObject>[] = [
  { title: 'NO', cell: numberOf },
  { title: 'TARGET', cell: ({ name }) => text(name) },
  {
    title: 'STATUS',
    cell: ({ status, backedOff }) =>
      `${text(status)}${backedOff === true ? ' (asked seldom)' : ''}`,
    style: ({ status }) => styleOf(text(status)),
  },
  { title: 'LAST', cell: (target) => time(figure(target, 'lastUs')) },
  { title: 'MEDIAN', cell: (target) => time(figure(target, 'medianUs')) },
  { title: 'P95', cell: (target) => time(figure(target, 'p95Us')) },
  { title: 'JITTER', cell: (target) => time(figure(target, 'jitterUs')) },
  {
    title: 'LOSS',
    cell: (target) => percent(figure(target, 'lossPercent')),
    style: (target) => (Number(figure(target, 'lossPercent') ?? 0) > 0 ? 'red' : undefined),
  },
  { title: 'PATTERN', cell: (target) => text(figure(target, 'lossPattern')) },
  { title: 'UP', cell: (target) => percent(figure(target, 'availability')) },
  { title: 'WHY', cell: ({ cause, detail }) => text(detail) || text(cause) },
];

function styleOf(status: string): Style | undefined {
  if (status === 'Up') return 'green';
  if (status === 'Down') return 'red';
  return status === 'Lossy' ? 'yellow' : statusStyle(status);
}

/** Every target that is not among those that are on: its Enable is false, it has no host, or the monitor is off. */
async function offTargets(
  session: Session,
  on: readonly JsonObject[],
): Promise<readonly JsonObject[] | undefined> {
  const known = new Set(on.map(({ target }) => text(target)));
  const off = new Map<string, Record<string, Json>>();
  await session.withRouter(async (router) => {
    const values = session.rows(await router.get([`${TABLE}*.Name`, `${TABLE}*.Host`]));
    for (const { path, value } of values ?? []) {
      const at = path.lastIndexOf('.');
      const target = path.slice(0, at);
      if (known.has(target)) continue;
      const row = off.get(target) ?? { target, status: 'Disabled', statistics: null };
      off.set(target, { ...row, [path.slice(at + 1).toLowerCase()]: value });
    }
  });
  if (session.exitCode !== EXIT.done) return undefined;
  return [...off.values()].map((row) => ({ ...row, name: text(row['name']) || text(row['host']) }));
}

async function show(session: Session): Promise<void> {
  const on = await targetsOf(session);
  if (on === undefined) return;
  const off = await offTargets(session, on);
  if (off === undefined) return;
  const targets = [...on, ...off].sort((a, b) => Number(numberOf(a)) - Number(numberOf(b)));
  if (session.json) return session.printJson(targets);
  if (targets.length === 0) {
    return session.note('nothing is watched: gatehouse targets add HOST');
  }
  session.print(COLUMNS, targets);
}

/** The path of a target by its number, Alias, name, host or path; undefined after it said why not. */
export const pathOf = (session: Session, wanted: string): Promise<string | undefined> =>
  rowPath(session, { table: TABLE, kind: 'target', names: ['Name', 'Host', 'Alias'] }, wanted);

async function change(session: Session, wanted: string, values: readonly string[]): Promise<void> {
  const given = await assignmentsOf(session, values);
  if (given === undefined) return;
  const path = await pathOf(session, wanted);
  if (path === undefined) return;
  await set(
    session,
    given.map(({ name, value }: Assignment) => `${path}${name}=${value}`),
  );
}

async function test(session: Session, wanted: string): Promise<void> {
  const path = await pathOf(session, wanted);
  if (path === undefined) return;
  const data = await session.askPatiently('monitor', 'test', { target: path });
  if (data === undefined) return;
  const received = Number(data['received']);
  if (received === 0) session.exitCode = 1;
  if (session.json) return session.printJson(data);
  const times = list(data['rttsUs']).map((rtt) => (rtt === null ? 'lost' : time(rtt)));
  session.data(`${times.join('  ')}\n`);
  const why = text(data['detail']) || text(data['cause']);
  session.note(
    `${text(data['name'])}: ${received} of ${text(data['sent'])} answered${why === '' ? '' : ` (${why})`}`,
  );
}
