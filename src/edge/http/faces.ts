/** What this room is handed: faces of what others own. */
export type { Account, Accounts, Role } from '../../control/accounts.ts';
export type { Configuration, PendingChange } from '../../control/configuration.ts';
export type { DhcpDevices } from '../../control/dhcp-devices.ts';

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

/** One line of a log or trail, parsed. */
export type Line = Readonly<Record<string, unknown>>;

/** Numbers for collectors. */
export interface Metrics {
  /** What a collector proves itself by; undefined while nobody may ask. */
  readonly token: string | undefined;
  /** OpenMetrics. */
  text(): Promise<string>;
}

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
