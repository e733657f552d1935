/** watch: prints changes of the model as the router notifies them, until Ctrl-C. */
import { unreachable } from '../../base/errors.ts';
import { escapeControls } from '../../base/text.ts';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import { type Paint, statusStyle } from './table.ts';

/** What happened to one path: `value` is set for a changed one, `args` for an event of the model. */
interface Seen {
  readonly kind: 'value' | 'added' | 'removed' | 'event';
  readonly path: string;
  readonly value?: string;
  readonly args?: Readonly<Record<string, string>>;
}

/** How the daemon tells the bus: changes of values and rows, and events of the model. */
const CHANGE = 'gatehouse.change';
const EVENT = 'bbfdm.event';

export async function watch(session: Session, paths: readonly string[]): Promise<void> {
  const patterns = paths.length > 0 ? paths : ['Device.'];
  const searches = patterns.filter((path) => path.includes('['));
  for (const path of searches)
    session.fail(`watch takes full and partial paths and *, but no search: ${path}`, EXIT.usage);
  if (searches.length > 0) return;
  const { signal, wallMs } = session.environment;
  await session.withRouter(async (router, bus) => {
    // A path that can never match is told now, not by silence.
    if (session.rows(await router.get(patterns, 1)) === undefined || session.exitCode !== EXIT.done)
      return;
    const wanted = patterns.map(matcher);
    await bus.listen([CHANGE, EVENT], (name, data) => {
      for (const seen of name === CHANGE ? changesOf(data) : eventsOf(data)) {
        if (!wanted.some((matches) => matches(seen.path))) continue;
        const time = new Date(wallMs()).toISOString();
        session.data(
          session.json ? `${JSON.stringify({ time, ...seen })}\n` : line(time, seen, session.paint),
        );
      }
    });
    session.note('watching; Ctrl-C ends it');
    if (!signal.aborted)
      await new Promise<void>((ended) =>
        signal.addEventListener('abort', () => ended(), { once: true }),
      );
  });
}

/** Whether a path is, or stands below, what the pattern names; `*` is any one instance. */
export function matcher(pattern: string): (path: string) => boolean {
  const parts = pattern.split('.');
  const partial = parts.at(-1) === '';
  if (partial) parts.pop();
  return (path) => {
    const names = path.split('.');
    if (partial ? names.length < parts.length : names.length !== parts.length) return false;
    return parts.every(
      (part, i) => part === names[i] || (part === '*' && /^\d+$/.test(names[i] ?? '')),
    );
  };
}

const changesOf = (data: JsonObject): Seen[] => [
  ...list(data['removed']).map((path): Seen => ({ kind: 'removed', path: text(path) })),
  ...list(data['added']).map((path): Seen => ({ kind: 'added', path: text(path) })),
  ...list(data['changes'])
    .filter(isObject)
    .map(({ path, value }): Seen => ({ kind: 'value', path: text(path), value: text(value) })),
];

const eventsOf = (data: JsonObject): Seen[] => [
  {
    kind: 'event',
    path: text(data['name']),
    args: Object.fromEntries(
      list(data['input'])
        .filter(isObject)
        .map((row) => [text(row['path']), text(row['data'])]),
    ),
  },
];

function line(time: string, { kind, path, value = '', args = {} }: Seen, paint: Paint): string {
  const at = paint('dim', time.slice(11, 23));
  const name = escapeControls(path);
  switch (kind) {
    case 'value': {
      const style = path.endsWith('Status') ? statusStyle(value) : undefined;
      const shown = escapeControls(value);
      return `${at} ${name} = ${style === undefined ? shown : paint(style, shown)}\n`;
    }
    case 'added':
      return `${at} ${paint('green', '+')} ${name}\n`;
    case 'removed':
      return `${at} ${paint('red', '-')} ${name}\n`;
    case 'event': {
      const about = Object.entries(args).map(([key, item]) => ` ${key}=${item}`);
      return `${at} ${paint('yellow', name)}${escapeControls(about.join(''))}\n`;
    }
    default:
      return unreachable(kind);
  }
}
