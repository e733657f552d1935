/** captures: those that the router keeps running. */
import type { Command } from 'commander';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { type FilterOptions, filtered, filterRequest } from './capture-filter.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';
import { duration } from './typed.ts';

const COLUMNS: readonly Column<JsonObject>[] = [
  { title: 'CAPTURE', cell: ({ id }) => text(id) },
  {
    title: 'STATE',
    cell: ({ state }) => text(state),
    style: ({ state }) => statusStyle(text(state)),
  },
  { title: 'INTERFACE', cell: (row) => text(row['interface']) },
  { title: 'PACKETS', cell: ({ packets }) => text(packets) },
  { title: 'BYTES', cell: ({ bytes }) => text(bytes) },
  { title: 'DROPPED', cell: ({ droppedPackets }) => text(droppedPackets) },
  { title: 'FILTER', cell: ({ filter }) => text(filter) },
  { title: 'REASON', cell: ({ reason }) => text(reason) },
];

const TALKERS: readonly Column<JsonObject>[] = [
  { title: 'ADDRESS', cell: ({ address }) => text(address) },
  { title: 'NAME', cell: ({ name }) => text(name ?? '') },
  { title: 'PACKETS', cell: ({ packets }) => text(packets) },
  { title: 'BYTES', cell: ({ bytes }) => text(bytes) },
];
const PROTOCOLS: readonly Column<JsonObject>[] = [
  { title: 'PROTOCOL', cell: ({ path }) => text(path) },
  { title: 'PACKETS', cell: ({ packets }) => text(packets) },
  { title: 'BYTES', cell: ({ bytes }) => text(bytes) },
];
const SHOWN = 10;

interface StartOptions extends FilterOptions {
  readonly for?: number;
  readonly write?: true;
}

export function defineCaptures(captures: Command, session: Session): void {
  captures
    .command('list')
    .description('every capture and how it goes')
    .action(async () => {
      const data = await session.ask('capture', 'list');
      if (data === undefined) return;
      const rows = list(data['captures']).filter(isObject);
      if (session.json) session.printJson(rows);
      else if (rows.length === 0) session.note('there is no capture');
      else session.print(COLUMNS, rows);
    });
  filtered(captures.command('start'))
    .argument('[interface]', 'network interface, or wan or lan', 'wan')
    .option('--for <time>', 'only for so long: 60s, 5m', duration)
    .option('--write', 'into pcapng files, which files lists')
    .description('start a capture; it goes on when you leave')
    .action(async (ifName: string, options: StartOptions) => {
      const { raw, ...lists } = filterRequest(options);
      const data = await session.ask('capture', 'start', {
        interface: ifName,
        ...lists,
        ...(raw === undefined ? {} : { filter: raw }),
        ...(options.for === undefined ? {} : { seconds: options.for }),
        ...(options.write ? { write: 1 } : {}),
      });
      if (data === undefined) return;
      if (session.json) session.printJson(data);
      else session.data(`${text(data['id'])}\n`);
    });
  captures
    .command('show')
    .argument('<id>', 'as list tells')
    .description('one capture: its talkers and protocols')
    .action((id: string) => show(session, id));
  for (const [word, about] of [
    ['stop', 'end a capture; its figures stay'],
    ['again', 'begin a capture anew'],
    ['delete', 'end and forget a capture that was started by a command'],
  ] as const) {
    captures
      .command(word)
      .argument('<id>', 'as list tells')
      .description(about)
      .action(async (id: string) => void (await session.ask('capture', word, { id })));
  }
  defineFiles(captures, session);
}

function defineFiles(captures: Command, session: Session): void {
  const listed = (
    word: 'files' | 'triggers',
    about: string,
    none: string,
    columns: readonly Column<JsonObject>[],
  ): void => {
    captures
      .command(word)
      .description(about)
      .action(async () => {
        const data = await session.ask('capture', word);
        if (data === undefined) return;
        const rows = list(data[word]).filter(isObject);
        if (session.json) session.printJson(rows);
        else if (rows.length === 0) session.note(none);
        else session.print(columns, rows);
      });
  };
  listed('files', 'what was written, the oldest first', 'nothing was written', [
    { title: 'FILE', cell: ({ name }) => text(name) },
    { title: 'BYTES', cell: ({ bytes }) => text(bytes) },
    { title: 'CHANGED', cell: ({ changed }) => text(changed) },
  ]);
  listed('triggers', 'what waits for an event, and how it goes', 'there is no trigger', [
    { title: 'TRIGGER', cell: ({ id }) => text(id) },
    {
      title: 'STATE',
      cell: ({ state }) => text(state),
      style: ({ state }) => statusStyle(text(state)),
    },
    { title: 'INTERFACE', cell: ({ ifName }) => text(ifName ?? '') },
    { title: 'FIRED', cell: ({ fired }) => text(fired) },
    { title: 'FILE', cell: ({ file }) => text(file) },
    { title: 'REASON', cell: ({ reason }) => text(reason) },
  ]);
  captures
    .command('remove')
    .argument('<file>', 'as files tells')
    .description('remove a file')
    .action(async (name: string) => void (await session.ask('capture', 'remove_file', { name })));
}

async function show(session: Session, id: string): Promise<void> {
  const data = await session.ask('capture', 'status', { id });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.print(COLUMNS, [data]);
  const report = data['report'] ?? null;
  if (!isObject(report)) return;
  session.data('\n');
  session.print(TALKERS, list(report['endpoints']).filter(isObject).slice(0, SHOWN));
  session.data('\n');
  session.print(PROTOCOLS, list(report['protocols']).filter(isObject));
}
