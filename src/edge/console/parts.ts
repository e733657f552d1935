/** What the entries of the menu are handed. `main/diag.ts` builds the real ones. */
import type { SystemError } from '../../base/errors.ts';
import type { Result } from '../../base/result.ts';
import type { CliEnvironment } from '../cli/environment.ts';
import type { GlobalOptions } from '../cli/session.ts';
import type { Terminal } from './terminal.ts';

export interface CaptureLimits {
  readonly maxBytes: number;
  readonly maxMs: number;
}

export interface Captured {
  readonly path: string;
  readonly frames: number;
  readonly sizeBytes: number;
  /** Frames that the kernel dropped because they came too quickly. */
  readonly dropped: number;
}

export interface ConsoleParts {
  readonly terminal: Terminal;
  /** Of the command line, of which the console is a client; its streams are not used. */
  readonly environment: CliEnvironment;
  readonly options: GlobalOptions;
  /** The physical line that this is, such as `ttyS0`; undefined on a terminal that anything else makes. */
  readonly line: string | undefined;
  /** Echo requests, bounded in number and time: each line that comes is told. `host` was checked. */
  ping(
    host: string,
    said: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<void, SystemError>>;
  /** Lines of the daemon's log, the newest few and all that follow, until the signal fires. */
  followLog(heard: (line: string) => void, signal: AbortSignal): Promise<Result<void, SystemError>>;
  /** Frames of an interface into a pcap file, until a limit or the signal. */
  capture(
    ifName: string,
    limits: CaptureLimits,
    signal: AbortSignal,
  ): Promise<Result<Captured, SystemError>>;
  /** The terminal is the shell's until it ends. */
  shell(): Promise<Result<void, SystemError>>;
}
