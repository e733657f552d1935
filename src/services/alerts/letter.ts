/** A notice for people and for programs. Pure. */
import type { Letter } from '../../os/ports-alerts.ts';
import type { Notice } from './config.ts';

const WORDS = {
  raised: (name: string) => name,
  cleared: (name: string) => `over: ${name}`,
  flapping: (name: string) => `comes and goes, not told again until it stays: ${name}`,
  steady: (name: string) => `stays as it is again: ${name}`,
  event: (name: string) => name,
  test: () => 'this is a test',
} as const;

/** Names come from the network: no control characters, and one line. */
const line = (text: string): string => text.replace(/[\p{C}\s]+/gu, ' ').trim();

const iso = (ms: number): string => new Date(ms).toISOString();

/** One line, such as `Critical: over: wan: it has a lease`. */
export function titleOf({ kind, severity, name, reason }: Notice): string {
  const said = WORDS[kind](line(name));
  return `${severity}: ${said}${reason === '' ? '' : `: ${line(reason)}`}`.slice(0, 200);
}

export function letterOf(notice: Notice): Letter {
  const { evidence, atMs, sinceMs, ...rest } = notice;
  const title = titleOf(notice);
  const lines = [title, '', `At ${iso(atMs)}; since ${iso(sinceMs)}.`];
  if (evidence !== undefined && evidence.trace.length > 0) {
    lines.push('', 'The path at that moment:', ...evidence.trace.map(line));
  }
  if (evidence !== undefined && evidence.capture !== '') {
    lines.push('', `The seconds before it are kept as ${line(evidence.capture)}.`);
  }
  const json = { ...rest, title, at: iso(atMs), since: iso(sinceMs), evidence };
  return { id: notice.id, title, text: `${lines.join('\n')}\n`, json: JSON.stringify(json) };
}
