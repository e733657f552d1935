/** What the rooms may ask of a prober: types only, like `ports.ts`. */
import type { IpAddress } from '../base/ip6.ts';

/** How echo requests leave: raw sockets, the kernel's unprivileged ICMP sockets, or the system's ping(8). */
export type ProbeWay = 'raw' | 'ping socket' | 'ping program' | 'none';

export interface ProbeRequest {
  readonly address: IpAddress;
  /** Interface of a link-local address; 0 elsewhere. */
  readonly scope: number;
  /** Given back with what comes of it: an unsigned 32-bit number. */
  readonly tag: number;
  readonly timeoutMs: number;
  /** 0: the system's. */
  readonly ttl: number;
  /** Bytes after the ICMP header, from 8 to 1,472. */
  readonly payloadBytes: number;
}

/**
 * `unreachable`, `exceeded` and `other` are errors that somebody on the way told (RFC 792, RFC 4443);
 * `duplicate` is a further answer to what was answered; `unsent` never left.
 */
export type ProbeOutcome =
  | 'reply'
  | 'timeout'
  | 'unreachable'
  | 'exceeded'
  | 'other'
  | 'duplicate'
  | 'unsent';

/** Valid only during the call that hands it over. */
export interface ProbeResult {
  readonly tag: number;
  readonly outcome: ProbeOutcome;
  /** ICMP type and code of an answer. */
  readonly type: number;
  readonly code: number;
  /** Of the answer; 0 where it is not told. */
  readonly ttl: number;
  /** Of an answer; never negative. */
  readonly rttUs: number;
  /** Both ends of it were stamped by the kernel. */
  readonly stamped: boolean;
  /** Tells the order of sending within a family, modulo 65,536. */
  readonly sequence: number;
  /** Errno of what was not sent; the next hop's MTU where an error tells it. */
  readonly information: number;
  /** Who answered, when somebody did. */
  readonly from: IpAddress | undefined;
}

/** Since it was opened. */
export interface ProbeFigures {
  readonly sent: number;
  readonly replies: number;
  readonly timeouts: number;
  readonly errors: number;
  readonly duplicates: number;
  /** Answers that came after their time-out. */
  readonly late: number;
  /** Messages that were about nothing of ours. */
  readonly strangers: number;
  /** Round trips for which the wall clock was stepped: measured by the monotonic clock. */
  readonly clockSteps: number;
  /** Times that a probe had to wait for room. */
  readonly full: number;
  /** Round trips without both stamps of the kernel. */
  readonly unstamped: number;
  /** Probes refused because too many waited. */
  readonly refused: number;
  readonly underWay: number;
}

export interface Prober extends AsyncDisposable {
  way(family: 4 | 6): ProbeWay;
  readonly figures: ProbeFigures;
  /** Queues one probe; false, and nothing comes of it, when too many wait. */
  add(request: ProbeRequest): boolean;
  /** Sends what is queued, as far as there is room; the rest follows by itself. */
  flush(): void;
}
