/** What this room is handed: narrow faces of what others own. */
import type { Result } from '../../base/result.ts';
import type { Fault, Origin, WriteDone, WriteOptions } from '../../tr181/model.ts';

export type Role = 'Administrator' | 'Viewer';

export interface Account {
  readonly name: string;
  readonly role: Role;
}

export interface Accounts {
  /** False until the set-up made the first account. */
  any(): boolean;
  /** As it is now: undefined when it was deleted or disabled meanwhile. */
  find(name: string): Account | undefined;
  /** Undefined for a wrong password, an unknown name and a disabled account alike, after the same work. */
  verify(name: string, password: string): Promise<Account | undefined>;
}

/** A log-in, for the audit trail. */
export interface LoginRecord {
  /** As typed, cut to 64 characters. */
  readonly user: string;
  readonly address: string;
  readonly path: string;
  readonly outcome: 'done' | 'failed';
}

/** Something that was asked for past the model, for the audit trail. */
export interface CallRecord {
  readonly user: string;
  readonly address: string;
  /** Such as `ubus call bbfdm set` or `/api/certificate`. */
  readonly path: string;
}

/** A change that returns by itself unless it is confirmed in time. */
export interface PendingChange {
  readonly token: string;
  readonly revision: number;
  /** Unix ms. */
  readonly deadlineMs: number;
}

/** The configuration over time, as `control` keeps it. */
export interface Configuration {
  readonly pending: PendingChange | undefined;
  /** Newest first, as JSON. */
  history(): readonly object[];
  restore(
    revision: number,
    origin: Origin,
    options?: WriteOptions,
  ): Promise<Result<WriteDone, readonly Fault[]>>;
  /** Without a token: whatever waits. */
  confirm(token: string | undefined, origin: Origin): Promise<Result<void, string>>;
  rollback(origin: Origin): Promise<Result<void, string>>;
  backup(passphrase: string): Promise<Result<Uint8Array, string>>;
  restoreBackup(
    file: Uint8Array,
    passphrase: string,
    origin: Origin,
  ): Promise<Result<WriteDone, readonly Fault[]>>;
  onPending(listener: (pending: PendingChange | undefined) => void): Disposable;
}

/** One line of a log or trail, parsed. */
export type Line = Readonly<Record<string, unknown>>;

export interface LineQuery {
  /** Least level; logs only. */
  readonly level: string | undefined;
  /** Must be in the line, whatever its case. */
  readonly text: string | undefined;
  readonly limit: number;
}

export interface LinkCounters {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
}

/** A built file of the page. */
export interface WebFile {
  readonly bytes: Uint8Array;
  readonly br: Uint8Array | undefined;
  readonly gzip: Uint8Array | undefined;
  /** Quoted, of `bytes`. */
  readonly etag: string;
}

/** The built page: paths relative to its folder, such as `assets/index-4f1c.js`. */
export interface WebFiles {
  read(path: string): WebFile | undefined;
}
