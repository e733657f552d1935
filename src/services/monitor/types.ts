/** What a target of the monitor is, and what each look at it comes to. */
import type { CheckSpec } from './checks.ts';

/** What a target's check asks, by its kind. The model's rows say it, `checks` make a `Check` of it. */
export interface CheckConfig {
  readonly kind: 'ICMP' | 'TCP' | 'UDP' | 'HTTP' | 'DNS';
  /** Address or name. */
  readonly host: string;
  readonly family: 'Any' | 'IPv4' | 'IPv6';
  readonly timeoutMs: number;
  /** ICMP: bytes after the header, from 8 to 1,472. */
  readonly payloadBytes: number;
  /** Of all kinds but ICMP. */
  readonly spec?: CheckSpec;
}

/** One target, as the model compiles it. */
export interface TargetConfig {
  /** `Device.X_GATEHOUSE_Monitor.Target.3`; its number is never given again. */
  readonly id: string;
  readonly name: string;
  readonly check: CheckConfig;
  /** Time from one burst to the next, at least 1,000. */
  readonly intervalMs: number;
  /** Probes in a burst, from 1 to 20. */
  readonly burst: number;
  /** Time from one probe of a burst to the next. */
  readonly spacingMs: number;
  /** Whether it is asked less often while it does not answer. */
  readonly backOff: boolean;
}

/**
 * One probe of a kind other than ICMP: connects, asks, and gives its round trip in µs, or why there
 * is none, for people. Ends soon after `signal` fires, which it does after the target's time-out.
 */
export interface Check {
  run(signal: AbortSignal): Promise<CheckResult>;
}

export type CheckResult =
  | { readonly rttUs: number }
  | { readonly rttUs: undefined; readonly cause: Cause; readonly detail: string };

/** Why a probe brought nothing. */
export type Cause =
  | 'Timeout'
  /** Somebody on the way said that it cannot be reached. */
  | 'Unreachable'
  /** Its name has no address, or none of the wanted family. */
  | 'Unresolved'
  /** It answered, but not what was expected. */
  | 'WrongAnswer'
  /** It never left this box. */
  | 'NotSent';

/** One burst of one target, when it is over. */
export interface Burst {
  /** `TargetConfig.id`. */
  readonly target: string;
  /** When it began, Unix time in seconds. */
  readonly atSec: number;
  readonly sent: number;
  readonly received: number;
  /** One for each probe, in the order of sending; undefined where it was lost. */
  readonly rttsUs: readonly (number | undefined)[];
  readonly duplicates: number;
  /** Answers that came before that of an earlier probe. */
  readonly reordered: number;
  /** Of the last answer that told it; 0: none did. */
  readonly ttl: number;
  /** Why something is missing; of several, the last. Undefined when nothing is. */
  readonly cause: Cause | undefined;
  /** The same for people, where there is more to tell; else empty. */
  readonly detail: string;
}
