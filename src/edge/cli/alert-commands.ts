/** alerts: what is bad now, what was told, and whether a channel works. */
import type { Command } from 'commander';
import { dateTimeOf, UNKNOWN_TIME } from '../../tr181/types.ts';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { duration } from './dhcp-commands.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import { type Column, type Style, statusStyle } from './table.ts';

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
    cell: ({ state }) => text(state),
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
  { title: 'REASON', cell: ({ reason }) => text(reason) },
];

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
  const object = channel?.replace(/\.$/, '') ?? 'Device.X_GATEHOUSE_Alerts';
  const value = sec === 0 ? UNKNOWN_TIME : dateTimeOf(session.environment.wallMs() + 1000 * sec);
  await session.withRouter(async (router) => {
    const set = await router.set([{ name: `${object}.SilencedUntil`, value }]);
    const paths = session.rows(set);
    if (paths === undefined) return;
    if (session.json) session.printJson(paths);
    else if (session.exitCode === EXIT.done)
      session.note(sec === 0 ? 'it is told again' : `nothing is told until ${value}, but tests`);
  });
}

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
    .argument('[channel]', 'its path, such as Device.X_GATEHOUSE_Alerts.Channel.1; else all')
    .description('tell nothing for some time; what is bad or over by then is told afterwards')
    .action((sec: number, channel?: string) => silence(session, sec, channel));
  alerts
    .command('test')
    .argument('<channel>', 'its path, such as Device.X_GATEHOUSE_Alerts.Channel.1')
    .description('tell on one channel that this is a test, and wait until it is taken')
    .action(async (channel: string) => {
      const data = await session.ask('alerts', 'test', { channel });
      if (data !== undefined && !session.json) session.note('it was taken');
    });
}
