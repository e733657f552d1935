/**
 * The audit trail's format: one JSON line a record, each with the SHA-256 over the hash before it
 * and itself, so that no line can be changed, taken out or put in without the chain showing where.
 * Pure: the digest is handed in, files are the writer's (`os/linux/audit.ts`).
 */
import type { SystemError } from './errors.ts';
import { decodeError, ok, type Result } from './result.ts';

/** What someone changed. `old` and `new` are empty for secrets. */
export interface AuditChange {
  readonly action: 'set' | 'add' | 'del' | 'operate' | 'login';
  readonly user: string;
  /** Numeric user id where the edge knows it (SO_PEERCRED). */
  readonly uid?: number;
  /** The edge: `ubus`, `http`, `cli`, `console`, `config`. */
  readonly via: string;
  /** Where the request came from, such as `192.168.1.20` or `pid 4711`. */
  readonly address?: string;
  readonly path: string;
  /** Undefined: there was nothing before. */
  readonly old?: string;
  /** Undefined: there is nothing now. */
  readonly new?: string;
  /** Of a command that was run in vain, or a log-in with a wrong password. */
  readonly outcome?: 'failed';
}

/** What the writer itself has to say. */
export type AuditMark =
  /** First record of each file; `previous` is the last hash of the file before, zeros for the very first. */
  | { readonly action: 'file'; readonly previous: string }
  /** The last line of a crashed run was cut off; its bytes as text, at most 1024 characters. */
  | { readonly action: 'torn'; readonly text: string; readonly sizeBytes: number }
  /** The chain did not hold at start; it goes on from the hash that the last line states. */
  | { readonly action: 'broken'; readonly reason: string };

export type AuditBody = AuditChange | AuditMark;

/** Counts records from 1, over all files. */
export type AuditRecord = AuditBody & { readonly seq: number; readonly time: string };

/** Where changes are recorded. */
export interface AuditSink {
  /** On disk, whole and in order, when it resolves with success. */
  record(changes: readonly AuditChange[]): Promise<Result<void, SystemError>>;
}

/** Lower-case hex of the SHA-256 of the text's UTF-8. */
export type Sha256 = (text: string) => string;

export const NO_HASH = '0'.repeat(64);

/** Where a chain stands: the last hash and the last sequence number. */
export interface ChainEnd {
  readonly hash: string;
  readonly seq: number;
}

export const CHAIN_START: ChainEnd = { hash: NO_HASH, seq: 0 };

/** The line (without its newline) that follows `end`, and where the chain stands after it. */
export function chain(
  end: ChainEnd,
  time: string,
  body: AuditBody,
  sha256: Sha256,
): { readonly line: string; readonly end: ChainEnd } {
  const seq = end.seq + 1;
  const text = JSON.stringify({ seq, time, ...body });
  const hash = sha256(end.hash + text);
  return { line: `${text.slice(0, -1)},"hash":"${hash}"}`, end: { hash, seq } };
}

const LINE = /^(\{"seq":(\d{1,15}),"time":"[^"]*","action":"[a-z]+".*),"hash":"([0-9a-f]{64})"\}$/s;

interface Parsed {
  readonly record: AuditRecord;
  readonly text: string;
  readonly hash: string;
}

function parse(line: string): Result<Parsed> {
  const match = LINE.exec(line);
  if (match === null) return decodeError('not a record of an audit trail', 'line', 0);
  const [, open = '', , hash = ''] = match;
  const text = `${open}}`;
  try {
    // The pattern checked seq, time and action; the rest is told by the hash.
    return ok({ record: JSON.parse(text) as AuditRecord, text, hash });
  } catch {
    return decodeError('not JSON', 'line', 0);
  }
}

/** The record that a line holds; whether it is genuine is `verify`'s to say. */
export function parseRecord(line: string): Result<AuditRecord> {
  const parsed = parse(line);
  return parsed.ok ? ok(parsed.value.record) : parsed;
}

/** Where the chain stands after `line`, going by what the line states; a line that states nothing still has a digest. */
export function endAfter(line: string, before: ChainEnd, sha256: Sha256): ChainEnd {
  const parsed = parse(line);
  return parsed.ok
    ? { hash: parsed.value.hash, seq: parsed.value.record.seq }
    : { hash: sha256(line), seq: before.seq };
}

export interface AuditFile {
  readonly name: string;
  readonly lines: Iterable<string>;
}

export type Verdict =
  | {
      readonly whole: true;
      readonly records: number;
      readonly firstSeq: number;
      /** The end of the chain: kept elsewhere, it shows whether lines were cut off the end. */
      readonly head: ChainEnd;
    }
  | {
      readonly whole: false;
      readonly file: string;
      readonly line: number;
      readonly reason: string;
    };

/** Why `line` cannot follow `end`, or undefined when it does. */
export function breach(line: string, end: ChainEnd, sha256: Sha256): string | undefined {
  const parsed = parse(line);
  if (!parsed.ok) return parsed.error.message;
  const { record, text, hash } = parsed.value;
  if (sha256(end.hash + text) !== hash)
    return 'the hash does not fit the line and the one before it';
  if (record.seq !== end.seq + 1)
    return `record ${end.seq + 1} is missing before record ${record.seq}`;
  return undefined;
}

/**
 * Checks a whole trail, oldest file first. The oldest file that is left says itself where it goes
 * on from, so rotation may have dropped the ones before it. Stops at the first breach.
 */
export function verify(files: Iterable<AuditFile>, sha256: Sha256): Verdict {
  let end: ChainEnd | undefined;
  let records = 0;
  let firstSeq = 0;
  for (const file of files) {
    let number = 0;
    for (const line of file.lines) {
      number++;
      const broken = (reason: string): Verdict => ({
        whole: false,
        file: file.name,
        line: number,
        reason,
      });
      const parsed = parse(line);
      if (!parsed.ok) return broken(parsed.error.message);
      const { record } = parsed.value;
      if (number === 1) {
        if (record.action !== 'file')
          return broken('the first line of a file must name the last hash before it');
        if (end === undefined) {
          firstSeq = record.seq;
          end = { hash: record.previous, seq: record.seq - 1 };
        } else if (record.previous !== end.hash) {
          return broken('it does not go on from the end of the file before it');
        }
      }
      if (end === undefined) continue;
      const reason = breach(line, end, sha256);
      if (reason !== undefined) return broken(reason);
      if (record.action === 'broken') return broken(`the daemon found it broken: ${record.reason}`);
      end = { hash: parsed.value.hash, seq: record.seq };
      records++;
    }
  }
  return { whole: true, records, firstSeq, head: end ?? CHAIN_START };
}
