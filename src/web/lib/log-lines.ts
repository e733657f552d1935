/** Lines of the log and of the audit trail, whatever they hold, as columns. Pure. */
import { timeMs } from './format.ts';
import type { LogLine } from './shapes.ts';

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

const BY_NUMBER: Readonly<Record<number, Level>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const RANK: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

const text = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);

export const levelOf = (line: LogLine): Level => {
  const { level } = line as { level?: unknown };
  if (typeof level === 'number') return BY_NUMBER[level] ?? 'info';
  return RANK.find((name) => name === level) ?? 'info';
};

export const atLeast = (line: LogLine, level: Level): boolean =>
  RANK.indexOf(levelOf(line)) >= RANK.indexOf(level);

export const momentOf = (line: LogLine): number | undefined =>
  timeMs(line['time'] ?? line['timeMs'] ?? line['at']);

export const messageOf = (line: LogLine): string => text(line['msg'] ?? line['message'] ?? '');

export const sourceOf = (line: LogLine): string => text(line['service'] ?? line['room'] ?? '');

const SAID = new Set([
  'time',
  'timeMs',
  'at',
  'level',
  'msg',
  'message',
  'service',
  'room',
  'pid',
  'hostname',
  'v',
]);

/** What else a line holds, as `name=value`. */
export const detailsOf = (line: LogLine): string =>
  Object.entries(line)
    .filter(([name, value]) => !SAID.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${text(value)}`)
    .join('  ');

/** Words, all of which a line must hold somewhere. */
export const holds = (line: LogLine, words: string): boolean => {
  const all = JSON.stringify(line).toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
};

export interface AuditRow {
  readonly atMs: number | undefined;
  readonly who: string;
  readonly from: string;
  readonly action: string;
  readonly path: string;
  readonly old: string;
  readonly now: string;
}

/** What is written is told right after, with a later time: at most so much. */
const TOLD_WITHIN_MS = 10_000;

/** Rows that were told live and are not among those that were read. Both newest first. */
export function unread(live: readonly AuditRow[], read: readonly AuditRow[]): readonly AuditRow[] {
  const left = new Set(read);
  const same = (a: AuditRow, b: AuditRow): boolean => {
    const laterMs = (a.atMs ?? 0) - (b.atMs ?? 0);
    if (laterMs < 0 || laterMs > TOLD_WITHIN_MS) return false;
    return JSON.stringify({ ...a, atMs: 0 }) === JSON.stringify({ ...b, atMs: 0 });
  };
  return live.filter((row) => {
    for (const other of left) if (same(row, other)) return !left.delete(other);
    return true;
  });
}

export const auditRow = (line: LogLine): AuditRow => ({
  atMs: momentOf(line),
  who: text(line['user']),
  from: [text(line['via']), text(line['address'])].filter((part) => part !== '').join(' '),
  action: text(line['action']),
  path: text(line['path']),
  old: text(line['old']),
  now: text(line['new']),
});
