/**
 * How much the monitor slows down: intervals double while the daemon takes more than it may, and halve
 * again once it takes clearly less. Pure.
 */

export interface Usage {
  /** Processor time of the process so far. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

export interface Limits {
  readonly maxCpuPercent: number;
  readonly maxMemoryMb: number;
}

export interface Slowdown {
  readonly factor: number;
  /** For people; undefined while the factor is 1. */
  readonly reason: string | undefined;
}

export const FULL_SPEED: Slowdown = { factor: 1, reason: undefined };
const MOST = 32;
/** Share of a limit below which it goes faster again: twice as fast may take twice as much. */
const CALM = 0.45;
const MEBIBYTE = 1 << 20;

/** The next slowdown from two measurements `tookMs` apart; `base` was measured when the monitor was loaded. */
export function slowdown(
  before: Slowdown,
  limits: Limits,
  base: Usage,
  [from, to]: readonly [Usage, Usage],
  tookMs: number,
): Slowdown {
  const cpu = (100 * (to.cpuMs - from.cpuMs)) / Math.max(1, tookMs);
  const grown = (to.residentBytes - base.residentBytes) / MEBIBYTE;
  const why = [
    ...(cpu > limits.maxCpuPercent
      ? [`the daemon takes ${cpu.toFixed(1)} % of a core, more than ${limits.maxCpuPercent} %`]
      : []),
    ...(grown > limits.maxMemoryMb
      ? [`the daemon grew by ${grown.toFixed(0)} MB, more than ${limits.maxMemoryMb} MB`]
      : []),
  ].join('; ');
  if (why !== '') return { factor: Math.min(MOST, before.factor * 2), reason: why };
  if (before.factor === 1) return FULL_SPEED;
  if (cpu > limits.maxCpuPercent * CALM) return before;
  const factor = before.factor / 2;
  return factor === 1 ? FULL_SPEED : { factor, reason: before.reason };
}
