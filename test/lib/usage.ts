/** What a process takes of the machine, by /proc. */
import { readFileSync } from 'node:fs';

/** A field of /proc/PID/status that is in kB, such as VmHWM, in MB (proc_pid_status(5)). */
export const statusMb = (pid: number, field: string): number =>
  Number(
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
      readFileSync(`/proc/${pid}/status`, 'utf8'),
    )?.[1],
  ) / 1024;

export const residentMb = (pid: number): number => statusMb(pid, 'VmRSS');

/**
 * What it wrote. For growth: the daemon gives pages of Node's text back soon after its start, which
 * would hide as much that it takes beside.
 */
export const ownMb = (pid: number): number => statusMb(pid, 'RssAnon');

/** What it holds for itself, and its share of what it has in common with others (smaps_rollup). */
export const shareMb = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;

/** User and system time in seconds (proc_pid_stat(5), fields 14 and 15; a tick is 10 ms). */
export function cpuSec(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
