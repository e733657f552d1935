import type { SyslogTo } from '../../os/ports-syslog.ts';

export interface CollectorConfig extends SyslogTo {
  readonly id: string;
  /** 0 to 23 (RFC 5424 §6.2.1). */
  readonly facility: number;
  /** 0 to 7; what is of a higher one, thus less important, is kept here. */
  readonly severity: number;
}

export interface SyslogConfig {
  readonly collectors: readonly CollectorConfig[];
}

export interface CollectorObserved {
  readonly id: string;
  readonly up: boolean;
  /** Why it is not, for people; undefined while it is, or is tried for the first time. */
  readonly reason: string | undefined;
}

export interface SyslogObserved {
  readonly collectors: readonly CollectorObserved[];
}

/** Asked for when somebody reads it. */
export interface CollectorFigures {
  readonly id: string;
  readonly sent: number;
  /** Lines that made room for others. */
  readonly dropped: number;
  readonly queued: number;
}
