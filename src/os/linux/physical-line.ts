/** Which line of the box itself a process sits at. */
import { physicalLine } from '../../base/physical-line.ts';
import type { Files } from '../ports.ts';

/** Undefined for another terminal, for none, and where the process is gone or hidden. */
export function lineOf(files: Pick<Files, 'readText'>, pid: number | 'self'): string | undefined {
  const text = files.readText(`/proc/${pid}/stat`);
  // Field 7, counted after the name, which may hold anything.
  const field = text.ok ? text.value.slice(text.value.lastIndexOf(')') + 2).split(' ')[4] : '0';
  return physicalLine(Number(field));
}
