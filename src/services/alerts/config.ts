/** What is watched for, whom to tell, and how it stands. */
import type { ChannelAddress } from '../../os/ports-alerts.ts';
import type { KINDS, Severity, Watch } from '../../wire/alert.ts';

export interface RuleConfig {
  /** `Device.X_GATEHOUSE_Alerts.Rule.3`. */
  readonly id: string;
  readonly watch: Watch;
  /** Name or id of the one it is for; empty for all. */
  readonly subject: string;
  readonly severity: Severity;
  /** How long it has to be bad before it is told, and good before that is. */
  readonly raiseAfterMs: number;
  readonly clearAfterMs: number;
  /** `id` of the rule behind whose trouble this one keeps silent. */
  readonly behind: string | undefined;
  /** Whether a trace of the path and some seconds of capture go with it. */
  readonly evidence: boolean;
}

export interface ChannelConfig extends ChannelAddress {
  /** `Device.X_GATEHOUSE_Alerts.Channel.2`. */
  readonly id: string;
  readonly least: Severity;
  /** Unix time, ms: until then it is told nothing but tests. */
  readonly silencedUntilMs: number;
}

export interface AlertsConfig {
  readonly enable: boolean;
  readonly rules: readonly RuleConfig[];
  readonly channels: readonly ChannelConfig[];
}

/** One thing that can be bad, as it is now. */
export interface Signal {
  readonly watch: Watch;
  /** Stays the same for one thing. */
  readonly subject: string;
  /** For people. */
  readonly name: string;
  readonly bad: boolean;
  readonly reason: string;
  /** Address of what does not answer, for a trace. */
  readonly host?: string;
  /** It is told only when it was good before, such as the link of a port that is never used. */
  readonly usedOnly?: boolean;
}

/** What was found out at the moment of failure. */
export interface Evidence {
  /** Lines of a trace of the path. */
  readonly trace: readonly string[];
  /** Name of the file with the seconds before, as `gatehouse captures` has it; empty: there is none. */
  readonly capture: string;
}

export interface Notice {
  /** No other has it, of this box or another: whoever is told twice knows it by this. */
  readonly id: string;
  /** Counts up from the daemon's start. */
  readonly number: number;
  readonly kind: (typeof KINDS)[number];
  readonly severity: Severity;
  /** Which one told it; empty for a test. */
  readonly rule: string;
  readonly watch: Watch | 'Test';
  readonly subject: string;
  readonly name: string;
  readonly reason: string;
  /** Unix time, ms; `sinceMs`: when what it tells of began. */
  readonly atMs: number;
  readonly sinceMs: number;
  readonly evidence?: Evidence;
}

export interface AlertObserved {
  readonly key: string;
  readonly rule: string;
  readonly watch: Watch;
  readonly name: string;
  readonly state: 'pending' | 'raised' | 'clearing';
  readonly severity: Severity;
  readonly reason: string;
  readonly sinceMs: number;
  /** By the trouble of what it lies behind. */
  readonly silenced: boolean;
  readonly flapping: boolean;
}

export interface ChannelObserved {
  readonly id: string;
  readonly state: 'idle' | 'sending' | 'retrying' | 'silenced';
  /** Of the last failure; empty after a success. */
  readonly reason: string;
  readonly queued: number;
  readonly delivered: number;
  /** Refused for good, or tried for a day. */
  readonly failed: number;
  /** The oldest made room for newer ones. */
  readonly dropped: number;
  /** Not told, since the channel was silenced and it was over before the end of that. */
  readonly muted: number;
  /** Unix time, ms; 0: it is not silenced. */
  readonly silencedUntilMs: number;
}

export interface AlertsObserved {
  readonly alerts: readonly AlertObserved[];
  readonly channels: readonly ChannelObserved[];
  readonly raised: number;
  /** Things that found no room to be watched. */
  readonly refused: number;
  /** Counts up with each change of the history. */
  readonly historyChanges: number;
}

/** Why a channel cannot be tested. */
export const noChannel = (id: string): string =>
  `no channel ${id.slice(0, 256)} that is on, or alerts are off`;
