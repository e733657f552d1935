/** What a load test is given, and what comes of one. */

export interface LoadTestConfig {
  /** The owner agrees to tests on a schedule, and to those that a controller asks for. */
  readonly enable: boolean;
  /** The line is paid by volume: nobody may load it. */
  readonly metered: boolean;
  /** Whom echo requests go to; empty: the server of the first URL. */
  readonly host: string;
  /** Empty: that direction is not loaded. */
  readonly downloadUrl: string;
  readonly uploadUrl: string;
  /** Of each direction, at most 30,000. */
  readonly durationMs: number;
  /** Connections at once, from 1 to 16. */
  readonly streams: number;
  readonly caps: Caps;
  readonly intervalMs: number;
  /** Hours of the day (0 to 23, local time) in which a test may begin; empty: all. */
  readonly hours: readonly number[];
}

/** In bytes of HTTP bodies, both directions together. */
export interface Caps {
  readonly runBytes: number;
  readonly dayBytes: number;
  readonly monthBytes: number;
}

/** One run, with all that is needed for it. */
export interface LoadOrder {
  readonly host: string;
  readonly downloadUrl: string;
  readonly uploadUrl: string;
  readonly durationMs: number;
  readonly streams: number;
  readonly capBytes: number;
}

export type LoadPhase = 'idle' | 'download' | 'upload';
/** Whoever asked for it. */
export type LoadCause = 'Schedule' | 'Owner' | 'Controller';

/** `Cap`: no more bytes were allowed. `Aborted`: it was called off. */
export type LoadEnd = 'Duration' | 'Cap' | 'Failed' | 'Aborted';

/** Of echo requests, sent ten times a second. Times in µs, undefined where none was answered. */
export interface LatencyFigures {
  readonly sent: number;
  readonly received: number;
  readonly medianUs: number | undefined;
  readonly p95Us: number | undefined;
  /** RFC 3550 §6.4.1, of round trips. */
  readonly jitterUs: number | undefined;
}

/** A+ is the best. */
export type Grade = 'A+' | 'A' | 'B' | 'C' | 'D' | 'F';

export interface DirectionResult {
  /** Without the ramp-up; undefined where it was over too soon to tell. */
  readonly bitsPerSec: number | undefined;
  readonly bytes: number;
  /** From the first byte on. */
  readonly tookMs: number;
  /** Of requests that left after the ramp-up. */
  readonly latency: LatencyFigures;
  /** What the median grows by, in µs; undefined where it is not known. */
  readonly increaseUs: number | undefined;
  readonly ended: LoadEnd;
  /** Why it failed, for people; else empty. */
  readonly reason: string;
}

export interface LoadResult {
  readonly idle: LatencyFigures | undefined;
  readonly download: DirectionResult | undefined;
  readonly upload: DirectionResult | undefined;
  /** Of the direction that fares worse. */
  readonly grade: Grade | undefined;
  readonly bytes: number;
  /** Of the phases, the one that is worst. */
  readonly ended: LoadEnd;
  readonly reason: string;
}

/** A result that is kept. */
export interface LoadRun extends LoadResult {
  /** From 1 on, never given again. */
  readonly number: number;
  /** Its place among those that are kept: that of the one which it replaced. */
  readonly slot: number;
  /** When it began, Unix time in seconds. */
  readonly atSec: number;
  readonly cause: LoadCause;
  readonly host: string;
}

/** How a run goes, a few times a second. */
export interface LoadProgress {
  readonly phase: LoadPhase;
  readonly elapsedMs: number;
  /** Of the run so far. */
  readonly bytes: number;
  /** Of the last second. */
  readonly bitsPerSec: number;
  /** The last round trip. */
  readonly rttUs: number | undefined;
}

export type LoadStatus = 'Disabled' | 'Waiting' | 'Running' | 'Error';

/** Replaced whole; while a run goes on, once a second. */
export interface LoadObserved {
  readonly status: LoadStatus;
  /** Why the last test was not begun, for people; empty when it was. */
  readonly reason: string;
  readonly running: LoadProgress | undefined;
  /** When the next one begins, Unix ms; undefined without a schedule. */
  readonly nextMs: number | undefined;
  /** Bytes of today and of this month, with what a run under way may take. */
  readonly dayBytes: number;
  readonly monthBytes: number;
  /** What a run that begins now may take at most. */
  readonly allowanceBytes: number;
  /** The last runs, oldest first. */
  readonly runs: readonly LoadRun[];
}
