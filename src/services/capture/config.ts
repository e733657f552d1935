/** Captures that the daemon keeps running: what is asked for, and how each goes. */
import type { FilterRequest } from './filter.ts';
import type { SessionState } from './machine.ts';
import type { TriggerState } from './trigger-machine.ts';

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
  /** Its packets are written into pcapng files, of which the oldest are replaced when there is no room. */
  readonly write: boolean;
}

export interface ConfiguredCapture extends SessionSpec {
  /** Path of its row, without the final dot. */
  readonly id: string;
  readonly enable: boolean;
}

export interface ConfiguredTrigger {
  /** Path of its row, without the final dot. */
  readonly id: string;
  readonly enable: boolean;
  /** `ProbeFailed`: something that the monitor watches answers no more; `Alert`: an alert is raised. */
  readonly event: 'LinkLost' | 'LeaseLost' | 'ProbeFailed' | 'Alert';
  /** A name of the kernel, or `wan` or `lan`: heard, and looked at. */
  readonly ifName: string;
  readonly filter: FilterRequest;
  readonly secondsBefore: number;
  readonly secondsAfter: number;
  /** Memory for the packets of these seconds. */
  readonly keptBytes: number;
  /** Files that stay of this trigger, and their bytes in all. */
  readonly maxFiles: number;
  readonly maxBytes: number;
}

export interface CapturesConfig {
  readonly enable: boolean;
  /** No capture is longer. */
  readonly maxSec: number;
  /** What `wan` and `lan` stand for; undefined where the router has none. */
  readonly wan: string | undefined;
  readonly lan: string | undefined;
  /** Clients that are lent an address, and where; names as in what they report. */
  readonly clients: readonly { readonly id: string; readonly ifName: string | undefined }[];
  readonly captures: readonly ConfiguredCapture[];
  readonly triggers: readonly ConfiguredTrigger[];
  /** Files of all captures and triggers that stay, and their bytes in all. */
  readonly maxFiles: number;
  readonly maxFileBytes: number;
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
  /** Names of what it has written and is still there; the oldest first. */
  readonly files: readonly string[];
  /** Packets that were counted, but could not be written. */
  readonly unwrittenPackets: number;
}

export interface TriggerObserved {
  readonly id: string;
  readonly state: TriggerState;
  /** Why it waits or failed, for people; empty otherwise. */
  readonly reason: string;
  readonly ifName: string | undefined;
  /** How often it happened and was written, and how often it happened too soon after that. */
  readonly fired: number;
  readonly skipped: number;
  /** Unix time of the last one. */
  readonly firedMs: number | undefined;
  /** Name of the newest file; empty before there is one. */
  readonly file: string;
}

export interface CapturesObserved {
  readonly sessions: readonly SessionObserved[];
  readonly triggers: readonly TriggerObserved[];
}
