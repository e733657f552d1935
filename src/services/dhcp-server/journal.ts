/**
 * Where leases are kept: two files of fixed size whose blocks are allocated beforehand, so that a
 * full disk takes nothing away (journal-file.ts draws them, recover.ts reads them).
 *
 * Records are gathered and written in groups, one write under way at a time. When the file is full,
 * the other one takes over: new records go there at once, together with a sweep over all leases, so
 * many bytes of it in each group as there are new ones (or a little more). When the sweep is through,
 * a mark says that the file is whole, and the old one is free to take over in its turn. A lease knows
 * the number of the file that it was last written to; the sweep leaves out those that need no copy,
 * and one that a crash cut short goes on where it was.
 *
 *     current file                             | full                          | a write fails
 *     not whole: the sweep goes on             | it grows in place             | the same again, after a while
 *     whole: the other file is free            | the other takes over          | the other takes over
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { ok, type Result } from '../../base/result.ts';
import type { DurableFile, DurableFiles } from '../../os/ports.ts';
import { inWords, NO_ROOM, withRemedy } from './journal-faults.ts';
import { bufferOf, decodeFileHeader, FILE_HEADER_BYTES } from './journal-file.ts';
import { Group } from './journal-group.ts';
import { fileSizes, JOURNAL_LIMITS, type JournalLimits, maxQueuedBytes } from './journal-size.ts';
import type { Lease } from './lease.ts';
import { RECORD_MAX_BYTES, recordBound } from './record.ts';
import { type JournalEnd, type Recovered, recover } from './recover.ts';

export interface JournalDeps {
  readonly files: DurableFiles;
  readonly paths: readonly [string, string];
  readonly clock: Clock;
  readonly log: Log;
  readonly bootId: string;
  readonly random32: () => number;
  /** All leases; those that are recovered are added to it before anything is written. */
  readonly table: Iterable<Lease> & { add(lease: Lease): void };
  /** Leases that there may be at most: addresses in all pools. */
  readonly capacity: number;
  /** Other limits than the usual ones, for very small disks. */
  readonly limits?: JournalLimits;
}

export interface OpenedJournal {
  readonly journal: LeaseJournal;
  /** What was recovered, on this boot's clock: already in the table. */
  readonly leases: readonly Lease[];
  /** What the disk lost, for people. */
  readonly damage: string | undefined;
}

export interface JournalCounts {
  /** Records of `append` and `forget` that were taken. */
  readonly records: number;
  /** Those that were not: the disk is out of order, or too much is queued. */
  readonly refused: number;
  readonly groups: number;
  readonly bytes: number;
  /** Records that a sweep copied. */
  readonly swept: number;
  readonly takeOvers: number;
  readonly failures: number;
}

/**
 * Called with the highest ticket on disk. With an error: none of the tickets after `durable` up to
 * `upTo` may be acknowledged any more, though they will be on disk once it works again.
 */
export type DurableListener = (upTo: number, error?: SystemError) => void;

/** `Lease.journalFile` of one whose record was refused: the next sweep writes it. */
const REFUSED = -1;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;

export class LeaseJournal implements AsyncDisposable {
  readonly #deps: JournalDeps;
  readonly #files: [DurableFile | undefined, DurableFile | undefined];
  readonly #limits: JournalLimits;
  #capacity: number;
  // The current file: which one, and where in it the next group goes; 0 before its header is written.
  #index: 0 | 1;
  #number: number;
  #salt: number;
  #offset: number;
  /** On disk. Before the first file is begun there is nothing that it could lack. */
  #whole: boolean;
  /** A write to the current file failed: it is opened anew before the next. */
  #suspect = false;
  // Two groups: one gathers while the other is written.
  #filling = new Group();
  #resting = new Group();
  /** A write of it failed; it is the next to be written. */
  #kept: Group | undefined;
  #sweep: Iterator<Lease> | undefined;
  #sweepAgain = false;
  #running: Promise<void> | undefined;
  #preparing: Promise<void> | undefined;
  #backoff: Backoff = backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #retry: Timer | undefined;
  #fault: string | undefined;
  #closed = false;
  #listener: DurableListener = () => {};
  #ticket = 0;
  #durable = 0;
  #refused = 0;
  #groups = 0;
  #bytes = 0;
  #swept = 0;
  #takeOvers = 0;
  #failures = 0;

  private constructor(
    deps: JournalDeps,
    files: [DurableFile | undefined, DurableFile | undefined],
    end: JournalEnd | undefined,
  ) {
    this.#deps = deps;
    this.#files = files;
    this.#limits = deps.limits ?? JOURNAL_LIMITS;
    this.#capacity = deps.capacity;
    this.#index = end?.index ?? 1;
    this.#number = end?.number ?? 0;
    this.#salt = end?.salt ?? 0;
    this.#offset = end?.tail ?? 0;
    this.#whole = end?.whole ?? true;
  }

  /**
   * Reads what there is, fills the table, and makes both files. Fails when a file cannot be read:
   * a server that does not know its leases gives none. When a file cannot be made for want of room,
   * the journal is there, with its `fault`, and tries again.
   */
  static async open(deps: JournalDeps): Promise<Result<OpenedJournal, SystemError>> {
    const files: [DurableFile | undefined, DurableFile | undefined] = [undefined, undefined];
    const recovered = await readFiles(deps, files);
    if (!recovered.ok) {
      for (const file of files) await file?.[Symbol.asyncDispose]();
      return recovered;
    }
    const { leases, end, damage } = recovered.value;
    for (const lease of leases) deps.table.add(lease);
    const journal = new LeaseJournal(deps, files, end);
    await journal.#start();
    if (damage !== undefined) deps.log.error({ damage }, 'the lease journal is damaged');
    return ok({ journal, leases, damage });
  }

  /** Highest ticket on disk. */
  get durable(): number {
    return this.#durable;
  }

  /** What is wrong, with the remedy, for people; nothing is taken meanwhile. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get queuedBytes(): number {
    return this.#filling.sizeBytes + (this.#kept?.sizeBytes ?? 0);
  }

  get counts(): JournalCounts {
    return {
      records: this.#ticket,
      refused: this.#refused,
      groups: this.#groups,
      bytes: this.#bytes,
      swept: this.#swept,
      takeOvers: this.#takeOvers,
      failures: this.#failures,
    };
  }

  onDurable(listener: DurableListener): void {
    this.#listener = listener;
  }

  /**
   * Queues the lease as it is now; what is appended until the caller is done goes out in one write.
   * Gives the ticket that `onDurable` will tell about, or 0 when it was not taken.
   */
  append(lease: Lease): number {
    return this.#put(lease, false);
  }

  /** Queues that the lease is no more. Not needed where another one has its address or its client. */
  forget(lease: Lease): number {
    return this.#put(lease, true);
  }

  /** The pools grew or shrank: the next file that takes over has room for so many leases. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    if (this.#whole && this.#fault === undefined) this.#prepare();
  }

  /** Writes what is queued, unless the disk is out of order, and closes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#retry?.cancel();
      this.#sweep = undefined;
      this.#kick();
    }
    await this.#running;
    await this.#preparing;
    for (const index of [0, 1] as const) await this.#replace(index, undefined);
  }

  #put(lease: Lease, forgotten: boolean): number {
    const group = this.#filling;
    const bound = recordBound(lease);
    if (
      this.#fault !== undefined ||
      this.#closed ||
      group.sizeBytes + bound > this.#maxQueued() ||
      bound > RECORD_MAX_BYTES
    ) {
      this.#refused++;
      lease.journalFile = REFUSED;
      this.#sweepAgain = true;
      return 0;
    }
    group.put(lease, bound, forgotten);
    lease.journalFile = this.#number;
    group.lastTicket = ++this.#ticket;
    this.#kick();
    return this.#ticket;
  }

  #maxQueued(): number {
    return maxQueuedBytes(this.#limits, this.#files[this.#index]?.sizeBytes ?? 0);
  }

  async #start(): Promise<void> {
    if (this.#number === 0) {
      // An empty group begins the first file.
      this.#kept = this.#resting;
      this.#running = this.#pump();
    } else if (this.#whole) {
      this.#prepare();
    } else {
      this.#sweep = this.#deps.table[Symbol.iterator]();
      this.#kick();
    }
    await this.#running;
    await this.#preparing;
  }

  #kick(): void {
    if (this.#running !== undefined || this.#fault !== undefined) return;
    // Once the caller is done with its batch.
    this.#running = Promise.resolve().then(() => this.#pump());
  }

  async #pump(): Promise<void> {
    for (let group = this.#next(); group !== undefined; group = this.#next()) {
      const written = await this.#write(group);
      if (!written.ok) {
        this.#failed(group, written.error);
        break;
      }
      this.#succeeded(group);
    }
    this.#running = undefined;
  }

  #next(): Group | undefined {
    if (this.#kept !== undefined) return this.#kept;
    if (this.#sweepAgain && this.#sweep === undefined && !this.#closed) {
      this.#sweepAgain = false;
      this.#sweep = this.#deps.table[Symbol.iterator]();
    }
    if (this.#filling.empty && this.#sweep === undefined) return undefined;
    const group = this.#filling;
    this.#filling = this.#resting;
    this.#resting = group;
    this.#sweepInto(group);
    return group.empty ? undefined : group;
  }

  #sweepInto(group: Group): void {
    if (this.#sweep === undefined) return;
    const untilBytes = group.sizeBytes + Math.max(this.#limits.sweepBytes, group.sizeBytes);
    while (group.sizeBytes < untilBytes) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        if (!this.#whole && !this.#sweepAgain) group.markWhole();
        return;
      }
      const lease = next.value;
      // 0: never acknowledged, so nothing to keep.
      if (lease.journalFile === 0 || lease.journalFile === this.#number) continue;
      const bound = recordBound(lease);
      if (bound > RECORD_MAX_BYTES) continue;
      group.put(lease, bound, false);
      lease.journalFile = this.#number;
      this.#swept++;
    }
  }

  async #write(group: Group): Promise<Result<void, SystemError>> {
    const file = await this.#place(group);
    if (!file.ok) return file;
    const offset = this.#offset;
    const header = { number: this.#number, salt: this.#salt };
    const bytes = group.seal(header, this.#deps.bootId, offset === 0);
    const written = await file.value.write(offset, bytes);
    this.#suspect = !written.ok;
    if (!written.ok) return written;
    this.#offset = offset + bytes.length;
    this.#groups++;
    this.#bytes += bytes.length;
    return written;
  }

  /** The file that has room for the group at `#offset`, by the table above. */
  async #place(group: Group): Promise<Result<DurableFile, SystemError>> {
    const current = this.#files[this.#index];
    const end = this.#offset + group.sizeBytes + FILE_HEADER_BYTES;
    const full = current === undefined || end > current.sizeBytes;
    if (!full && !this.#suspect) return ok(current);
    if (this.#whole) {
      const other = this.#index === 0 ? 1 : 0;
      const file = await this.#fit(other);
      if (file.ok) {
        if (this.#suspect) await this.#replace(this.#index, undefined);
        this.#begin(other, group);
        return file;
      }
      if (full) return file;
    }
    return await this.#reopen(group, full ? end : 0);
  }

  #begin(index: 0 | 1, group: Group): void {
    if (this.#number > 0) this.#takeOvers++;
    group.unmark();
    this.#index = index;
    this.#number++;
    this.#salt = this.#deps.random32() >>> 0 || 1;
    this.#offset = 0;
    this.#whole = false;
    this.#sweepAgain = false;
    this.#sweep = this.#deps.table[Symbol.iterator]();
  }

  /** Opens the current file anew, with at least `atLeastBytes`; one that was taken away is begun anew. */
  async #reopen(group: Group, atLeastBytes: number): Promise<Result<DurableFile, SystemError>> {
    const { files, paths, log } = this.#deps;
    const wanted = atLeastBytes === 0 ? FILE_HEADER_BYTES : atLeastBytes + this.#sizes().need;
    const opened = await files.open(paths[this.#index], wanted);
    if (!opened.ok) return opened;
    const file = opened.value;
    await this.#replace(this.#index, file);
    if (this.#offset === 0) return opened;
    const bytes = await file.read();
    if (!bytes.ok) return bytes;
    const header = decodeFileHeader(bufferOf(bytes.value));
    if (header.ok && header.value?.number === this.#number && header.value.salt === this.#salt) {
      return opened;
    }
    log.error({ path: paths[this.#index] }, 'the lease journal was taken away: it is written anew');
    this.#begin(this.#index, group);
    if (file.sizeBytes >= this.#sizes().need) return opened;
    return await this.#fit(this.#index);
  }

  /** A file large enough for what there may be, or at least for what there is. */
  async #fit(index: 0 | 1): Promise<Result<DurableFile, SystemError>> {
    await this.#preparing;
    return await this.#grow(index);
  }

  async #grow(index: 0 | 1): Promise<Result<DurableFile, SystemError>> {
    const { files, paths } = this.#deps;
    const { want, need } = this.#sizes();
    const held = this.#files[index];
    if (held !== undefined && held.sizeBytes >= want) return ok(held);
    let opened = await files.open(paths[index], want);
    if (!opened.ok && NO_ROOM.has(opened.error.code)) {
      if (held !== undefined && held.sizeBytes >= need) return ok(held);
      opened = await files.open(paths[index], need);
    }
    if (opened.ok) await this.#replace(index, opened.value);
    return opened;
  }

  /** Makes the free file ready beforehand; when that fails, it is tried again when it is needed. */
  #prepare(): void {
    if (this.#preparing !== undefined || this.#closed) return;
    this.#preparing = this.#grow(this.#index === 0 ? 1 : 0).then((file) => {
      this.#preparing = undefined;
      if (file.ok) return;
      const problem = inWords(file.error);
      this.#deps.log.warn({ problem }, 'no second file for leases: the first one is still good');
    });
  }

  async #replace(index: 0 | 1, file: DurableFile | undefined): Promise<void> {
    const old = this.#files[index];
    this.#files[index] = file;
    await old?.[Symbol.asyncDispose]();
  }

  #sizes(): { readonly want: number; readonly need: number } {
    return fileSizes(this.#limits, this.#deps.table, this.#capacity);
  }

  #succeeded(group: Group): void {
    const { lastTicket, whole } = group;
    group.clear();
    this.#kept = undefined;
    this.#backoff = healthy(this.#backoff);
    if (this.#fault !== undefined) {
      this.#fault = undefined;
      this.#deps.log.info({}, 'leases are written again');
    }
    if (whole) {
      this.#whole = true;
      this.#prepare();
    }
    if (lastTicket === 0) return;
    this.#durable = lastTicket;
    this.#listener(lastTicket);
  }

  #failed(group: Group, error: SystemError): void {
    this.#kept = group;
    this.#failures++;
    const fault = inWords(error);
    const first = this.#fault === undefined;
    if (first) this.#deps.log.error({ fault }, 'leases cannot be written');
    this.#fault = fault;
    this.#backoff = failed(this.#backoff);
    if (!this.#closed) {
      this.#retry = this.#deps.clock.after(delayMs(this.#backoff), () => {
        this.#running = this.#pump();
      });
    }
    if (first && this.#ticket > this.#durable) this.#listener(this.#ticket, error);
  }
}

async function readFiles(
  deps: JournalDeps,
  files: [DurableFile | undefined, DurableFile | undefined],
): Promise<Result<Recovered, SystemError>> {
  const contents: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined];
  for (const index of [0, 1] as const) {
    // At the size that it has: the disk may be full.
    const opened = await deps.files.open(deps.paths[index], FILE_HEADER_BYTES);
    if (!opened.ok) {
      // There is no room for a header, so there was no file.
      if (NO_ROOM.has(opened.error.code)) continue;
      return withRemedy(opened.error);
    }
    files[index] = opened.value;
    const bytes = await opened.value.read();
    if (!bytes.ok) return withRemedy(bytes.error);
    contents[index] = bytes.value;
  }
  const { bootId, clock } = deps;
  return recover(contents, { bootId, bootMs: clock.boottimeMs(), wallMs: clock.wallMs() });
}
