/** All that the command line is handed: streams, the bus, files, the daemon itself. `main.ts` builds the real one. */
import type { AuditFile, Sha256 } from '../../base/audit.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Result } from '../../base/result.ts';
import type { Digests } from '../../wire/torrent.ts';
import type { Bus, BusError } from './bus.ts';
import type { LoadCapture } from './capture-commands.ts';
import type { LoadChecks } from './check-commands.ts';
import type { LoadPeers } from './dht-fetch.ts';
import type { SmokePng } from './graph-command.ts';
import type { LoadPaths } from './path-commands.ts';
import type { LoadScans } from './scan-commands.ts';
import type { GlobalOptions } from './session.ts';

export interface Output {
  write(text: string): unknown;
  /** Resolves when more may be written without piling up; absent where that is always so. */
  taken?(): Promise<void>;
  readonly isTerminal: boolean;
  /** Of the terminal as it is now; undefined where there is none, or it does not say. */
  readonly columns?: number | undefined;
}

export interface CliEnvironment {
  readonly version: string;
  /** Of the source; undefined in a checkout. */
  readonly commit: string | undefined;
  /** Data. */
  readonly stdout: Output;
  /** Messages. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readStdin(): Promise<string>;
  /** A line typed without echo; undefined when nobody sits at a terminal. */
  readSecret(question: string): Promise<string | undefined>;
  /** A line typed for all to see; undefined when nobody sits at a terminal. */
  readLine(question: string): Promise<string | undefined>;
  /** A whole file of at most `maxBytes`. */
  readFile(path: string, maxBytes: number): Result<Uint8Array, SystemError>;
  /** At most `maxBytes` of a file from `offset` on, none behind its end; and how long it is in all. */
  readPiece(
    path: string,
    offset: number,
    maxBytes: number,
  ): Result<{ readonly bytes: Uint8Array; readonly sizeBytes: number }, SystemError>;
  /** A file that only its owner may read; EEXIST for one that is there, unless it may be replaced. */
  writeFile(path: string, bytes: Uint8Array, replace: boolean): Result<void, SystemError>;
  /** Unix time in ms. */
  wallMs(): number;
  /** What no other command line has: 36 characters. */
  newId(): string;
  /** Over at the signal, too, where there is one. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
  /** Fires on Ctrl-C and SIGTERM: `watch` ends in order. */
  readonly signal: AbortSignal;
  connect(socketPath: string): Promise<Result<Bus, BusError>>;
  /** Files of the audit trail under a state directory, oldest first; throws a SystemError when they cannot be read. */
  auditFiles(stateDir: string): Iterable<AuditFile>;
  readonly sha256: Sha256;
  readonly digests: Digests;
  /** What is in captures, without a daemon. */
  readonly capture: LoadCapture;
  readonly smokePng: SmokePng;
  /** Peers of torrents, without a daemon. */
  readonly peers: LoadPeers;
  /** Searches of a link, without a daemon. */
  readonly scans: LoadScans;
  /** Ping, trace and path MTU, without a daemon. */
  readonly paths: LoadPaths;
  /** Checks of servers, without a daemon. */
  readonly checks: LoadChecks;
  /** Runs until told to end; gives the exit code. */
  daemon(args: readonly string[]): Promise<number>;
  /**
   * A new password while no daemon runs; without a name for the only administrator. Gives the name,
   * or what is wrong.
   */
  resetPassword(
    stateDir: string,
    name: string | undefined,
    password: string,
  ): Promise<Result<string, readonly string[]>>;
  /** The menu of the console, until somebody leaves. The daemon's state is in `stateDir`. */
  diag(options: GlobalOptions, stateDir: string): Promise<void>;
}

export const EXIT = { done: 0, failed: 1, usage: 2 } as const;
