/** What the daemon's HTTP interface answers, as the page uses it. Values are canonical TR-181 text. */

export type Role = 'Administrator' | 'Viewer';

export interface Session {
  readonly setupNeeded: boolean;
  readonly user: { readonly name: string; readonly role: Role } | null;
  /** Goes with every change as `X-Gatehouse-Token`. */
  readonly csrf: string | null;
  readonly hostName: string;
  readonly version: string;
  readonly language?: string;
}

export interface Fault {
  readonly kind?: string;
  readonly path: string;
  readonly message: string;
  readonly remedy?: string;
}

export interface ModelValue {
  readonly path: string;
  readonly value: string;
  readonly type: string;
  readonly writable: boolean;
  readonly list?: boolean;
  readonly reference?: boolean;
  readonly secret?: boolean;
  /** Browser's clock when it was read; volatile values (remaining times) count on from there. */
  readonly atMs: number;
}

export interface GetAnswer {
  readonly revision: number;
  /** Events of kind `change` that came before it; a stream's `hello` counts them, too. */
  readonly changes: number;
  readonly values: readonly Omit<ModelValue, 'atMs'>[];
  readonly faults: readonly Fault[];
}

export interface Change {
  readonly path: string;
  readonly value: string;
}

/** Of every change; how to confirm it where it is on trial. */
export interface SetDone {
  readonly revision: number;
  readonly confirm?: { readonly token: string; readonly deadlineMs: number };
}

export interface SchemaArgument {
  readonly name: string;
  readonly type: string;
  readonly mandatory?: boolean;
}

export interface SchemaObject {
  readonly kind: 'object';
  readonly path: string;
  readonly table: boolean;
  readonly writable: boolean;
  readonly uniqueKeys?: readonly (readonly string[])[];
  readonly about: string;
}

export interface SchemaParameter {
  readonly kind: 'parameter';
  readonly path: string;
  readonly writable: boolean;
  readonly type: string;
  readonly dataType?: string;
  readonly list?: boolean;
  readonly enum?: readonly string[] | null;
  readonly range?: readonly (readonly (string | null | undefined)[])[] | null;
  readonly units?: string | null;
  readonly default?: string | null;
  readonly about: string;
}

export interface SchemaCommand {
  readonly kind: 'command';
  readonly path: string;
  readonly input: readonly SchemaArgument[];
  readonly output: readonly SchemaArgument[];
  readonly about: string;
}

export type SchemaRow =
  | SchemaObject
  | SchemaParameter
  | SchemaCommand
  | { readonly kind: 'event'; readonly path: string; readonly about: string };

export interface InstanceRow {
  readonly path: string;
  readonly keys: Readonly<Record<string, string>>;
}

/** One `change` of the event stream. */
export interface Patch {
  readonly revision: number;
  readonly values: readonly (readonly [path: string, value: string])[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Values that change without an event, such as counters: those that differ from the last time. */
export type LiveValues = readonly (readonly [path: string, value: string])[];

export interface LinkRate {
  readonly name: string;
  readonly rxBytesPerSec: number;
  readonly txBytesPerSec: number;
}

export interface Traffic {
  readonly atMs: number;
  readonly links: readonly LinkRate[];
}

export interface HistoryChange {
  readonly path: string;
  readonly old?: string | null;
  readonly new?: string | null;
  /** Both values are kept from us then. */
  readonly secret?: boolean;
}

export interface HistoryEntry {
  readonly revision: number;
  readonly time: string | number;
  readonly user: string;
  readonly via: string;
  readonly changes: readonly HistoryChange[];
  /** Rows that came and went, by object path. */
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
}

/** A change that returns by itself unless somebody confirms it. */
export interface Pending {
  readonly deadlineMs: number;
  readonly token?: string;
  readonly revision?: number;
}

export interface History {
  readonly entries: readonly HistoryEntry[];
  readonly pending?: Pending | null;
}

export interface Certificate {
  readonly subject: string;
  readonly notAfter: string | number;
  readonly fingerprint: string;
  /** Made and renewed by the box itself; false for an imported one. */
  readonly own: boolean;
}

/** One line of the log or of the audit trail; what else it holds is shown as it is. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface SetupRequest {
  readonly username?: string;
  readonly password: string;
  readonly timeZone: string;
  readonly lanAddress: string;
  readonly lanMask: string;
  readonly wan:
    | { readonly type: 'dhcp' }
    | {
        readonly type: 'static';
        readonly address: string;
        readonly mask: string;
        readonly gateway: string;
        readonly dns: readonly string[];
      };
  readonly hostName?: string;
}
