/**
 * Writes the audit trail (`base/audit.ts` is its format): appended, on disk before the change is
 * acknowledged, in files of their own, with the chain going on over restarts and rotation.
 */
import { hash } from 'node:crypto';
import { constants, existsSync, readFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type AuditBody,
  type AuditChange,
  type AuditFile,
  type AuditSink,
  breach,
  CHAIN_START,
  type ChainEnd,
  chain,
  endAfter,
  type Sha256,
} from '../../base/audit.ts';
import type { Clock } from '../../base/clock.ts';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { ROTATION, type Rotation, rotated, shift } from './rotate.ts';

export const AUDIT_FILE = 'audit.log';

export const sha256: Sha256 = (text) => hash('sha256', text);

/**
 * The files of a trail, oldest first, as `verify` and `gatehouse audit show` read them. A last line
 * without its newline was never acknowledged (it is being written, or a crash tore it): it is left out.
 */
export function* auditFiles(directory: string, maxFiles = ROTATION.maxFiles): Iterable<AuditFile> {
  for (const path of rotated(join(directory, AUDIT_FILE), maxFiles)) {
    const lines = wholeLines(path);
    if (lines !== undefined) yield { name: basename(path), lines };
  }
}

/** The lines of a file that end in a newline; undefined when there is no such file. */
function wholeLines(path: string): string[] | undefined {
  // Most often there is none, and Node takes 5 ms to make its first error.
  if (!existsSync(path)) return undefined;
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw failure(`cannot read ${path}`, error);
  }
}

const failure = (what: string, cause: unknown): SystemError =>
  new SystemError(`${what}: ${errorMessage(cause)}`, errorCode(cause), {
    cause,
    ...(errorCode(cause) === 'ENOSPC' ? { remedy: 'free some space on the disk' } : {}),
  });

export interface AuditOptions {
  /** Made if it is not there; the file in it is `audit.log`. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly rotation?: Rotation;
}

interface Waiting {
  readonly bodies: readonly AuditBody[];
  readonly done: (result: Result<void, SystemError>) => void;
}

export class AuditTrail implements AuditSink, AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #rotation: Rotation;
  #handle: FileHandle;
  #sizeBytes: number;
  /** Where the chain stands on disk. */
  #end: ChainEnd;
  #queue: Waiting[] = [];
  #writing: Promise<void> | undefined;

  private constructor(options: AuditOptions, handle: FileHandle, sizeBytes: number, end: ChainEnd) {
    this.#path = join(options.directory, AUDIT_FILE);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#rotation = options.rotation ?? ROTATION;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
    this.#end = end;
  }

  /** Opens the trail, checks its tail, cuts off a torn last line and records what it was. */
  static async open(options: AuditOptions): Promise<Result<AuditTrail, SystemError>> {
    const path = join(options.directory, AUDIT_FILE);
    let handle: FileHandle | undefined;
    try {
      await mkdir(options.directory, { recursive: true, mode: 0o750 });
      handle = await openFile(path);
      await syncFolder(path);
      const found = await tailOf(handle);
      // The newest file can be empty or missing when the last rotation was cut short.
      const end = found.end ?? endOfOlder(path, options.rotation ?? ROTATION);
      const trail = new AuditTrail(options, handle, found.goodBytes, end);
      const bodies: AuditBody[] = [];
      if (found.torn !== undefined) {
        await handle.truncate(found.goodBytes);
        bodies.push(found.torn);
      }
      if (found.reason !== undefined) bodies.push({ action: 'broken', reason: found.reason });
      for (const body of bodies) options.log.error({ ...body }, 'the audit trail was damaged');
      if (found.end === undefined) bodies.unshift({ action: 'file', previous: end.hash });
      if (bodies.length === 0) return ok(trail);
      const started = await trail.#enqueue(bodies);
      if (started.ok) return ok(trail);
      await handle.close();
      return started;
    } catch (error) {
      await handle?.close();
      return err(failure(`cannot open the audit trail ${path}`, error));
    }
  }

  /** The end of the chain on disk. */
  get head(): ChainEnd {
    return this.#end;
  }

  record(changes: readonly AuditChange[]): Promise<Result<void, SystemError>> {
    return changes.length === 0 ? Promise.resolve(ok(undefined)) : this.#enqueue(changes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    await this.#handle.close().catch((error: unknown) => {
      this.#log.warn({ error }, 'closing the audit trail');
    });
  }

  #enqueue(bodies: readonly AuditBody[]): Promise<Result<void, SystemError>> {
    return new Promise((done) => {
      this.#queue.push({ bodies, done });
      this.#writing ??= this.#drain();
    });
  }

  /** What came in while the disk was busy goes out together, with one fdatasync. */
  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const result = await this.#write(batch.flatMap(({ bodies }) => bodies));
      for (const { done } of batch) done(result);
    }
    // Cleared in the same turn as the queue was seen empty: a record after this starts the next drain.
    this.#writing = undefined;
  }

  async #write(bodies: readonly AuditBody[]): Promise<Result<void, SystemError>> {
    try {
      let next = this.#encode(this.#end, bodies);
      // Never with the opening record: a file that holds just that one is new.
      if (this.#sizeBytes > 0 && this.#sizeBytes + next.bytes.length > this.#rotation.maxBytes) {
        await this.#rotate();
        next = this.#encode(this.#end, [{ action: 'file', previous: this.#end.hash }, ...bodies]);
      }
      await writeAll(this.#handle, next.bytes, this.#sizeBytes);
      await this.#handle.datasync();
      this.#sizeBytes += next.bytes.length;
      this.#end = next.end;
      return ok(undefined);
    } catch (error) {
      // Half a batch must not stay: the chain goes on from what was acknowledged.
      await this.#handle.truncate(this.#sizeBytes).catch((second: unknown) => {
        this.#log.error({ error: second }, 'cutting off half a record of the audit trail');
      });
      return err(failure(`cannot write the audit trail ${this.#path}`, error));
    }
  }

  #encode(end: ChainEnd, bodies: readonly AuditBody[]): { bytes: Buffer; end: ChainEnd } {
    const time = new Date(this.#clock.wallMs()).toISOString();
    let text = '';
    let at = end;
    for (const body of bodies) {
      const next = chain(at, time, body, sha256);
      text += `${next.line}\n`;
      at = next.end;
    }
    return { bytes: Buffer.from(text), end: at };
  }

  /** The new file is there before the old one moves, so a full disk changes nothing. */
  async #rotate(): Promise<void> {
    const fresh = `${this.#path}.new`;
    const handle = await openFile(fresh);
    try {
      await handle.truncate(0);
      shift(this.#path, this.#rotation.maxFiles);
      await rename(fresh, this.#path);
      await syncFolder(this.#path);
    } catch (error) {
      await handle.close();
      throw error;
    }
    const old = this.#handle;
    this.#handle = handle;
    this.#sizeBytes = 0;
    await old.close();
  }
}

function openFile(path: string): Promise<FileHandle> {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  return open(path, O_CREAT | O_NOFOLLOW | O_RDWR, 0o600);
}

/** Makes names in the folder of `path` as durable as the files' content (fsync(2)). */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, atByte: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, atByte + done);
    done += bytesWritten;
  }
}

interface Tail {
  /** Bytes up to and with the last newline. */
  readonly goodBytes: number;
  /** Undefined: the file has no whole line. */
  readonly end: ChainEnd | undefined;
  readonly torn: AuditBody | undefined;
  /** Why the last whole line does not follow the one before it. */
  readonly reason: string | undefined;
}

const TAIL_BYTES = 1 << 20;

/** Looks at the end of the file: its last two lines, and what stands behind the last newline. */
async function tailOf(handle: FileHandle): Promise<Tail> {
  const { size } = await handle.stat();
  const start = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await handle.read({
    buffer: Buffer.alloc(size - start),
    position: start,
  });
  const bytes = buffer.subarray(0, bytesRead);
  const good = bytes.lastIndexOf(0x0a) + 1;
  const rest = bytes.subarray(good);
  const torn: AuditBody | undefined =
    rest.length === 0
      ? undefined
      : { action: 'torn', text: rest.toString('utf8').slice(0, 1024), sizeBytes: rest.length };
  const goodBytes = start + good;
  if (good === 0) return { goodBytes, end: undefined, torn, reason: undefined };
  const lines = bytes.toString('utf8', 0, good - 1).split('\n');
  const last = lines.at(-1) ?? '';
  const before = lines.at(-2);
  const from = before === undefined ? firstEnd(last) : endAfter(before, CHAIN_START, sha256);
  return {
    goodBytes,
    end: endAfter(last, from, sha256),
    torn,
    reason: breach(last, from, sha256),
  };
}

/** A file's only line goes on from what it names itself. */
function firstEnd(line: string): ChainEnd {
  const match = /^\{"seq":(\d+),.*"previous":"([0-9a-f]{64})"/.exec(line);
  return match === null ? CHAIN_START : { seq: Number(match[1]) - 1, hash: match[2] ?? '' };
}

/** The end of the newest rotated file that has a line. */
function endOfOlder(path: string, rotation: Rotation): ChainEnd {
  const older = rotated(path, rotation.maxFiles).slice(0, -1).reverse();
  for (const name of older) {
    const last = wholeLines(name)?.at(-1);
    if (last !== undefined) return endAfter(last, CHAIN_START, sha256);
  }
  return CHAIN_START;
}
