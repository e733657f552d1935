/** How far something is, in one line of a terminal. */
import type { Session } from './session.ts';

const CLEAR = '\r\u001b[K';

/** A line that replaces the one before; nothing where nobody sees it. */
export function tellerOf({ json, environment: { stderr } }: Session): (line: string) => void {
  let said = '';
  return (whole) => {
    // One that is wrapped could not be replaced; the last column stays free, where some wrap early.
    const line = [...whole].slice(0, Math.max(1, (stderr.columns ?? 80) - 1)).join('');
    if (json || !stderr.isTerminal || line === said) return;
    said = line;
    stderr.write(`${CLEAR}${line}`);
  };
}
