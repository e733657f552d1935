/** What the monitor is given whole, and what it reports. */
import type { ProbeFigures, ProbeWay } from '../../os/ports-probe.ts';
import type { TargetStatistics } from './statistics.ts';
import type { Cause, TargetConfig } from './types.ts';

export interface MonitorConfig {
  readonly enable: boolean;
  /** Of one core; above it, in the daemon as a whole, targets are asked less often. */
  readonly maxCpuPercent: number;
  /** What the daemon may grow by since the monitor was loaded. */
  readonly maxMemoryMb: number;
  readonly targets: readonly TargetConfig[];
  /** Every target that there is, watched or not: what was measured of others is forgotten. */
  readonly known: readonly string[];
}

/** `Lossy`: the last burst was answered in part. `Down`: not at all. */
export type TargetStatus = 'Waiting' | 'Up' | 'Lossy' | 'Down';

export interface TargetObserved {
  readonly id: string;
  readonly status: TargetStatus;
  /** Whom it comes to; undefined while the name has no address. */
  readonly address: string | undefined;
  readonly cause: Cause | undefined;
  readonly detail: string;
  /** It is asked less often, since it did not answer so often. */
  readonly backedOff: boolean;
}

/** Replaced whole, at most once a second. */
export interface MonitorObserved {
  readonly running: boolean;
  /** How probes leave; `none` where no way was found. */
  readonly ipv4: ProbeWay;
  readonly ipv6: ProbeWay;
  /** Why nothing can be probed, for people. */
  readonly reason: string | undefined;
  /** Intervals are so many times as long as wanted. */
  readonly slowdown: number;
  /** Why, for people; undefined while it is 1. */
  readonly slowdownReason: string | undefined;
  /** Why what is measured waits in memory, for people; absent while it can be stored. */
  readonly unstored?: string;
  readonly targets: readonly TargetObserved[];
}

/** What is asked of the monitor when somebody reads it. */
export interface MonitorFigures {
  readonly probes: ProbeFigures;
  /** Checks that found too many others running. */
  readonly checksRefused: number;
}

export interface SeriesFigures {
  /** Bursts that wait to be written. */
  readonly waiting: number;
  /** Bursts on disk. */
  readonly stored: number;
  /** Bursts that were let go since too many waited. */
  readonly dropped: number;
  /** Writes that failed; what they held was kept for the next. */
  readonly failedWrites: number;
}

export type { TargetStatistics };
