/** watch: prints changes of the model as the router notifies them, until Ctrl-C. */
import { escapeControls } from '../../base/text.ts';
import { typedValue } from './arguments.ts';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import { type Paint, statusStyle } from './table.ts';

/** One `Notice` of the model as it comes over the bus. */
export interface Seen {
  readonly kind: string;
  readonly path: string;
  readonly value: string;
  readonly type: string;
  readonly args: JsonObject;
}

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
    const subscribed = await bus.subscribe('gatehouse', (name, data) => {
      if (name !== 'changed') return;
      for (const seen of noticesOf(data)) {
        if (!wanted.some((matches) => matches(seen.path))) continue;
        const time = new Date(wallMs()).toISOString();
        session.data(session.json ? jsonLine(time, seen) : line(time, seen, session.paint));
      }
    });
    if (!subscribed.ok) return session.fail(subscribed.error.message);
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

export const noticesOf = (data: JsonObject): Seen[] =>
  list(data['notices'])
    .filter(isObject)
    .map((notice) => ({
      kind: text(notice['kind']),
      path: text(notice['path']),
      value: text(notice['value']),
      type: text(notice['type']),
      args: isObject(notice['args']) ? notice['args'] : {},
    }));

/** One JSON object a line, so that a pipe can read them as they come. */
function jsonLine(time: string, { kind, path, value, type, args }: Seen): string {
  const about =
    kind === 'value'
      ? { value: typedValue(value, type.startsWith('xsd:') ? type : `xsd:${type}`) }
      : kind === 'event'
        ? { args }
        : {};
  return `${JSON.stringify({ time, kind, path, ...about })}\n`;
}

function line(time: string, { kind, path, value, args }: Seen, paint: Paint): string {
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
    default:
      return `${at} ${paint('yellow', name)} ${escapeControls(
        Object.entries(args)
          .map(([key, item]) => `${key}=${text(item)}`)
          .join(' '),
      )}\n`;
  }
}
