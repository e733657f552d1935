/** What a service must know of a DHCP client program to run it: one face for all of them. */
import type { Result } from '../../base/result.ts';

/** One message of a program's hook, as the lease monitor hands it over. */
export interface HookMessage {
  readonly clientId: string;
  readonly event: string;
  readonly clientPid: number;
  /** CLOCK_BOOTTIME, ms. */
  readonly boottimeMs: number;
  readonly env: ReadonlyMap<string, string>;
}

/** One start of a program. */
export interface Launch {
  readonly args: readonly string[];
  /** Files of the client's own folder that are written before, readable by the daemon's user alone. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Files there that are removed before: what a killed process left. */
  readonly stale: readonly string[];
}

/** Text of a file in the client's own folder; undefined when there is none. */
export type ReadFile = (name: string) => string | undefined;

/** `Wish` is what it is started for, `Said` what its hook tells. */
export interface ClientProgram<Wish, Said> {
  readonly name: string;
  readonly family: 4 | 6;
  /** Where it may be installed; the first that is there is run. */
  readonly places: readonly string[];
  /** What it cannot do, each a sentence for people. */
  readonly limits: readonly string[];
  launch(wish: Wish): Launch;
  /** Whether a running process is as `launch` would start it, but for what it asks for first. */
  same(running: readonly string[], launch: Launch, read: ReadFile): boolean;
  /** How it is made to ask for renewal; `restart`: it must be ended and started anew. */
  readonly renew: 'SIGUSR1' | 'restart';
  /** Makes it give its lease back. */
  readonly release: 'SIGUSR2' | 'SIGTERM';
  /** It ends after that by itself, so long after at most. */
  readonly releaseMs: number;
  /** Ends it with its lease kept. */
  readonly end: 'SIGTERM' | 'SIGKILL';
  /** Why it must not be run by root; undefined where it may. */
  readonly rootHarm: string | undefined;
  translate(message: HookMessage, read: ReadFile): Result<Said, string>;
}
