/** Captures that the daemon keeps running: what is asked for, and how each goes. */
import type { FilterRequest } from './filter.ts';
import type { SessionState } from './machine.ts';

/** What one capture is to hear, and when it ends; 0 stands for no bound but that of all captures. */
export interface SessionSpec {
  /** A name of the kernel, or `wan` or `lan`. */
  readonly ifName: string;
  readonly filter: FilterRequest;
  readonly forSec: number;
  readonly maxPackets: number;
  readonly maxBytes: number;
  /** Hears what is for others, too. */
  readonly promiscuous: boolean;
}

export interface ConfiguredCapture extends SessionSpec {
  /** Path of its row, without the final dot. */
  readonly id: string;
  readonly enable: boolean;
}

export interface CapturesConfig {
  readonly enable: boolean;
  /** No capture is longer. */
  readonly maxSec: number;
  /** What `wan` and `lan` stand for; undefined where the router has none. */
  readonly wan: string | undefined;
  readonly lan: string | undefined;
  readonly captures: readonly ConfiguredCapture[];
}

export interface SessionObserved {
  readonly id: string;
  /** A row of the configuration, and none that somebody started by a command. */
  readonly configured: boolean;
  readonly spec: SessionSpec;
  /** Of the kernel; undefined while it is unknown. */
  readonly ifName: string | undefined;
  readonly state: SessionState;
  /** Why it waits or failed, for people; empty otherwise. */
  readonly reason: string;
  /** Text of pcap-filter(7). */
  readonly filter: string;
  /** Unix time; undefined before its first start. */
  readonly startedMs: number | undefined;
  readonly packets: number;
  /** Of whole frames. */
  readonly bytes: number;
  /** Packets that found the kernel's ring full, and are not counted. */
  readonly droppedPackets: number;
  /** Times that the link went away under it. */
  readonly interruptions: number;
}

export interface CapturesObserved {
  readonly sessions: readonly SessionObserved[];
}
