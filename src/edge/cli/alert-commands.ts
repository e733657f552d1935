/** alerts: what is bad now, what was told, and whether a channel works. */
import type { Command } from 'commander';
import { dateTimeOf, UNKNOWN_TIME } from '../../tr181/types.ts';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { EXIT } from './environment.ts';
import { timeSpan } from './figures.ts';
import { rowPath } from './row-path.ts';
import type { Session } from './session.ts';
import { type Column, type Style, statusStyle } from './table.ts';
import { duration } from './typed.ts';

const ALERTS = 'Device.X_GATEHOUSE_Alerts.';
const CHANNEL_ROWS = `${ALERTS}Channel.`;
/** How a channel is named. */
const CHANNEL = 'its number, Alias or path';

const severity = (value: unknown): Style | undefined =>
  value === 'Critical' ? 'red' : value === 'Warning' ? 'yellow' : undefined;

const NOW: readonly Column<JsonObject>[] = [
  {
    title: 'SEVERITY',
    cell: (row) => text(row['severity']),
    style: (row) => severity(row['severity']),
  },
  { title: 'WATCH', cell: ({ watch }) => text(watch) },
  { title: 'NAME', cell: ({ name }) => text(name) },
  {
    title: 'STATE',
    cell: ({ state, silenced, flapping }) =>
      [text(state), silenced === true ? 'silenced' : '', flapping === true ? 'flapping' : '']
        .filter(Boolean)
        .join(', '),
  },
  { title: 'SINCE', cell: ({ since }) => text(since) },
  { title: 'REASON', cell: ({ reason }) => text(reason) },
];
const CHANNELS: readonly Column<JsonObject>[] = [
  { title: 'CHANNEL', cell: ({ id }) => text(id) },
  {
    title: 'STATE',
    cell: ({ state, silencedUntil: until }) =>
      `${text(state)}${text(until) === '' ? '' : ` until ${text(until).slice(0, 16)}Z`}`,
    style: ({ state }) => statusStyle(text(state)),
  },
  { title: 'QUEUED', cell: ({ queued }) => text(queued) },
  { title: 'DELIVERED', cell: ({ delivered }) => text(delivered) },
  { title: 'FAILED', cell: ({ failed }) => text(failed) },
  { title: 'DROPPED', cell: ({ dropped }) => text(dropped) },
  { title: 'REASON', cell: ({ reason }) => text(reason) },
];
const TOLD: readonly Column<JsonObject>[] = [
  { title: 'AT', cell: ({ at }) => text(at) },
  { title: 'KIND', cell: ({ kind }) => text(kind) },
  {
    title: 'SEVERITY',
    cell: (row) => text(row['severity']),
    style: (row) => severity(row['severity']),
  },
  { title: 'NAME', cell: ({ name }) => text(name) },
  { title: 'REASON', cell: whyTold },
];

/** Of what is over: how long it was bad. */
function whyTold({ kind, reason, at, since }: JsonObject): string {
  if (kind !== 'cleared') return text(reason);
  const ms = Date.parse(text(at)) - Date.parse(text(since));
  return Number.isNaN(ms) ? '' : `after ${timeSpan(Math.max(0, Math.round(ms / 1000)))}`;
}

/** In parts, since a message on the bus has a limit; undefined when the router refuses. */
async function everythingTold(session: Session): Promise<readonly JsonObject[] | undefined> {
  const told: JsonObject[] = [];
  for (let from: JsonObject = {}; ; ) {
    const data = await session.ask('alerts', 'history', from);
    if (data === undefined) return undefined;
    const part = list(data['history']).filter(isObject);
    told.push(...part);
    const before = part.at(-1)?.['number'];
    if (data['more'] !== true || typeof before !== 'number') return told;
    from = { before };
  }
}

/** Seconds; 0 for `off`. */
const silenceFor = (given: string): number => (given === 'off' ? 0 : duration(given));

async function silence(session: Session, sec: number, channel?: string): Promise<void> {
  const row = channel === undefined ? ALERTS : await channelPath(session, channel);
  if (row === undefined) return;
  const nowMs = session.environment.wallMs();
  const value = sec === 0 ? UNKNOWN_TIME : dateTimeOf(nowMs + 1000 * sec);
  await session.withRouter(async (router) => {
    const set = await router.set([{ name: `${row}SilencedUntil`, value }]);
    const paths = session.rows(set);
    if (paths === undefined) return;
    if (session.json) return session.printJson(paths);
    if (session.exitCode !== EXIT.done) return;
    if (sec > 0) return session.note(`nothing is told until ${value}, but tests`);
    const others = [`${ALERTS}SilencedUntil`, `${CHANNEL_ROWS}*.SilencedUntil`];
    const silences = session.rows(await router.get(others)) ?? [];
    const left = silences.filter(
      ({ path, value: until }) =>
        Date.parse(until) > nowMs && (row === ALERTS || path === others[0]),
    );
    if (left.length === 0 || row === ALERTS) session.note('it is told again');
    for (const { path, value: until } of left) {
      const who =
        path === others[0] ? 'all channels are' : `${path.slice(0, path.lastIndexOf('.'))} is`;
      session.note(`${who} still silenced, until ${until}`);
    }
  });
}

const channelPath = (session: Session, wanted: string): Promise<string | undefined> =>
  rowPath(session, { table: CHANNEL_ROWS, kind: 'channel', names: ['Alias'] }, wanted);

export function defineAlerts(alerts: Command, session: Session): void {
  alerts.allowExcessArguments(false);
  alerts
    .command('list', { isDefault: true })
    .description('what is bad now, and how the channels do')
    .action(async () => {
      const data = await session.ask('alerts', 'list');
      if (data === undefined) return;
      if (session.json) return session.printJson(data);
      const now = list(data['alerts']).filter(isObject);
      if (now.length === 0) session.note('nothing is bad');
      else session.print(NOW, now);
      const channels = list(data['channels']).filter(isObject);
      if (channels.length === 0) return;
      session.data('\n');
      session.print(CHANNELS, channels);
    });
  alerts
    .command('history')
    .description('what was told, the newest first')
    .action(async () => {
      const told = await everythingTold(session);
      if (told === undefined) return;
      if (session.json) session.printJson(told);
      else if (told.length === 0) session.note('nothing was told since the start');
      else session.print(TOLD, told);
    });
  alerts
    .command('silence')
    .argument('<time>', 'such as 30m, 8h or 1d12h from now; off: it is told again', silenceFor)
    .argument('[channel]', `${CHANNEL}; else all`)
    .description('tell nothing for some time; what is bad or over by then is told afterwards')
    .action((sec: number, channel?: string) => silence(session, sec, channel));
  alerts
    .command('test')
    .argument('<channel>', CHANNEL)
    .description('tell on one channel that this is a test, and wait until it is taken')
    .action(async (wanted: string) => {
      const channel = await channelPath(session, wanted);
      if (channel === undefined) return;
      const data = await session.askPatiently('alerts', 'test', { channel });
      if (data !== undefined && !session.json) session.note('it was taken');
    });
}
