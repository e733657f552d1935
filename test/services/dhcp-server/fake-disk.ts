/** A disk in memory that remembers every change, refuses what it is told to, and can be cut off at any byte. */
import { BugError, SystemError } from '../../../src/base/errors.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { DurableFile, DurableFiles } from '../../../src/os/ports.ts';

export type Change =
  | { readonly kind: 'size'; readonly path: string; readonly sizeBytes: number }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    };

type Operation = 'open' | 'read' | 'write';

export class FakeDisk implements DurableFiles {
  readonly files = new Map<string, Uint8Array>();
  /** In the order in which they began. */
  readonly changes: Change[] = [];
  /** Called when a change begins. */
  began: (change: Change) => void = () => {};
  /** What an operation is to fail with; `keptBytes` of a write get to the disk all the same. */
  fault: (
    operation: Operation,
    path: string,
  ) => { readonly code: string; readonly keptBytes?: number } | undefined = () => undefined;
  /** Bytes that all files together may have. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** While it is set, writes wait for it. */
  gate: Promise<void> | undefined;
  openFiles = 0;

  async open(path: string, sizeBytes: number): Promise<Result<DurableFile, SystemError>> {
    const fault = this.fault('open', path);
    if (fault !== undefined) return refused('open', path, fault.code);
    const old = this.files.get(path);
    const size = Math.max(old?.length ?? 0, sizeBytes);
    if (size !== old?.length) {
      let used = size - (old?.length ?? 0);
      for (const bytes of this.files.values()) used += bytes.length;
      if (used > this.roomBytes) return refused('open', path, 'ENOSPC');
      this.apply({ kind: 'size', path, sizeBytes: size });
    }
    this.openFiles++;
    return ok(new FakeFile(this, path, size));
  }

  apply(change: Change): void {
    this.changes.push(change);
    this.began(change);
    applyTo(this.files, change);
  }

  /** The same bytes on a disk of its own, without faults. */
  copy(): FakeDisk {
    const copy = new FakeDisk();
    for (const [path, bytes] of this.files) copy.files.set(path, bytes.slice());
    return copy;
  }
}

export function applyTo(files: Map<string, Uint8Array>, change: Change): void {
  const old = files.get(change.path);
  if (change.kind === 'size') {
    const bytes = new Uint8Array(change.sizeBytes);
    if (old !== undefined) bytes.set(old);
    files.set(change.path, bytes);
  } else old?.set(change.bytes, change.offset);
}

class FakeFile implements DurableFile {
  readonly sizeBytes: number;
  readonly #disk: FakeDisk;
  readonly #path: string;
  #busy = false;
  #closed = false;

  constructor(disk: FakeDisk, path: string, sizeBytes: number) {
    this.#disk = disk;
    this.#path = path;
    this.sizeBytes = sizeBytes;
  }

  async read(): Promise<Result<Uint8Array, SystemError>> {
    const fault = this.#disk.fault('read', this.#path);
    if (fault !== undefined) return refused('read', this.#path, fault.code);
    return ok(this.#disk.files.get(this.#path)?.slice(0, this.sizeBytes) ?? new Uint8Array(0));
  }

  async write(offset: number, bytes: Uint8Array): Promise<Result<void, SystemError>> {
    if (this.#busy || this.#closed) throw new BugError('busy or closed');
    if (offset < 0 || offset + bytes.length > this.sizeBytes) throw new BugError('outside');
    this.#busy = true;
    const path = this.#path;
    const before = bytes.slice();
    const fault = this.#disk.fault('write', path);
    if (fault === undefined) this.#disk.apply({ kind: 'write', path, offset, bytes: before });
    else if (fault.keptBytes !== undefined) {
      const kept = before.subarray(0, fault.keptBytes);
      this.#disk.apply({ kind: 'write', path, offset, bytes: kept });
    }
    await this.#disk.gate;
    this.#busy = false;
    if (Buffer.compare(before, bytes) !== 0) throw new BugError('changed while it was written');
    return fault === undefined ? ok(undefined) : refused('write', path, fault.code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#busy) throw new BugError('closed while it was written');
    if (!this.#closed) this.#disk.openFiles--;
    this.#closed = true;
  }
}

const refused = (operation: string, path: string, code: string): Result<never, SystemError> =>
  err(new SystemError(`${operation} ${path}: ${code}`, code));
