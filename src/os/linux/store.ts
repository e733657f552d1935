/**
 * The durable key-value store: LMDB (memory-mapped B+tree, copy on write), one file.
 *
 * Durability: lmdb-js defaults to `overlappingSync`, which answers before the data is on disk; it is
 * switched off here, so a commit is LMDB's own two-step one (pages, fdatasync, meta page,
 * fdatasync) and runs whole in lmdb-js's write thread, off the event loop. Only one transaction is
 * under way at a time; what is asked meanwhile is gathered into the next (group commit). When a
 * group fails, its members are tried one by one, so that a big one cannot take a small one with it.
 *
 * Integrity: every value carries a CRC-32 over key and value; one that does not fit is left out
 * and counted, never handed on.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import type { RootDatabase } from 'lmdb';
import { crc32 } from '../../base/crc32.ts';
import { errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Store, StoreChange } from '../ports.ts';

type Lmdb = typeof import('lmdb');
type Database = RootDatabase<Uint8Array, Uint8Array>;
type Outcome = Result<void, SystemError>;

const CRC_BYTES = 4;
/** LMDB's own limit for 4 KiB pages, as lmdb-js sets it. */
const MAX_KEY_BYTES = 1978;
/** Address space to begin with; lmdb-js enlarges the map when the file outgrows it. */
const INITIAL_MAP_BYTES = 8 * 1024 * 1024;
/** Page header and the part of struct MDB_meta that is looked at. */
const META_BYTES = 64;
/** Names of LMDB's own error codes (lmdb.h). */
const LMDB_CODES: Readonly<Record<number, string>> = {
  [-30797]: 'MDB_PAGE_NOTFOUND',
  [-30796]: 'MDB_CORRUPTED',
  [-30795]: 'MDB_PANIC',
  [-30794]: 'MDB_VERSION_MISMATCH',
  [-30793]: 'MDB_INVALID',
  [-30792]: 'MDB_MAP_FULL',
  [-30788]: 'MDB_TXN_FULL',
};
/** A transaction of a few changes writes some dozens of pages. */
const FULL_BYTES = 1024 * 1024;
/** So much must be free beside twice what is written: the pages above it in the tree, each copied. */
const LEAST_ROOM_BYTES = 128 * 1024;
const CANNOT_STORE = 'cannot store the change';

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some disk space (old logs and captures first), then try again',
  EDQUOT: 'raise the disk quota of the user or free some space, then try again',
  MDB_MAP_FULL: 'delete rows that are not needed, then try again',
  MDB_TXN_FULL: 'change fewer parameters at once',
  EIO: 'the disk or card is failing: save the configuration and replace it',
  EROFS: 'the file system became read-only, most often after an error of the disk: check it',
  EACCES: 'give the user of the daemon write access to the state directory',
};

interface Waiting {
  readonly changes: readonly StoreChange[];
  readonly settle: (outcome: Outcome) => void;
}

export interface OpenedStore extends Store {
  /** Where an unreadable store file was put before a new, empty one was made; undefined when all was well. */
  readonly setAside: string | undefined;
}

/**
 * Opens (or makes) `gatehouse.mdb` in `directory`. A file that is no LMDB environment is renamed,
 * never deleted, and an empty one takes its place: a router must come up.
 */
export async function openStore(directory: string): Promise<Result<OpenedStore, SystemError>> {
  const path = join(directory, 'gatehouse.mdb');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    let setAside: string | undefined;
    if (existsSync(path) && !isLmdbFile(path)) {
      setAside = freeName(`${path}.unreadable`);
      renameSync(path, setAside);
    }
    if (!existsSync(path) || !existsSync(`${path}-lock`)) probeSpace(`${path}.probe`);
    // LMDB itself would make them readable for everybody; it takes empty files for new ones.
    for (const file of [path, `${path}-lock`]) closeSync(openSync(file, 'a', 0o600));
    const lmdb: Lmdb = await import('lmdb');
    const opened = open(lmdb, path);
    return opened.ok ? ok(new LmdbStore(lmdb, path, opened.value, setAside)) : opened;
  } catch (thrown) {
    return err(systemError('cannot open the store', thrown));
  }
}

class LmdbStore implements OpenedStore {
  readonly setAside: string | undefined;
  readonly #lmdb: Lmdb;
  readonly #path: string;
  #db: Database;
  #corrupt = 0;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(lmdb: Lmdb, path: string, db: Database, setAside: string | undefined) {
    this.#lmdb = lmdb;
    this.#path = path;
    this.#db = db;
    this.setAside = setAside;
  }

  get corrupt(): number {
    return this.#corrupt;
  }

  get(key: string): Uint8Array | undefined {
    const keyBytes = Buffer.from(key);
    const stored = this.#db.get(keyBytes);
    return stored === undefined ? undefined : this.#open(keyBytes, stored);
  }

  *entries(prefix: string): Iterable<readonly [string, Uint8Array]> {
    for (const { key, value } of this.#db.getRange(rangeOf(prefix))) {
      const opened = this.#open(key, value);
      if (opened !== undefined) yield [Buffer.from(key).toString('utf8'), opened];
    }
  }

  *keys(prefix: string): Iterable<string> {
    for (const key of this.#db.getKeys(rangeOf(prefix))) yield Buffer.from(key).toString('utf8');
  }

  commit(changes: readonly StoreChange[]): Promise<Outcome> {
    if (this.#closed) {
      return Promise.resolve(err(new SystemError('the store is closed', 'EBADF')));
    }
    for (const { key } of changes) {
      const length = Buffer.byteLength(key);
      if (length === 0 || length > MAX_KEY_BYTES) {
        const why = `a key of the store has 1 to ${MAX_KEY_BYTES} bytes, not ${length}`;
        return Promise.resolve(err(new SystemError(why, 'EINVAL')));
      }
    }
    if (changes.length === 0) return Promise.resolve(ok(undefined));
    return new Promise((settle) => {
      this.#waiting.push({ changes, settle });
      this.#running ??= this.#run();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#db.close();
  }

  async #run(): Promise<void> {
    // The callers of this turn of the event loop share the first transaction.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const outcome = await this.#write(group);
      if (outcome.ok || group.length === 1) {
        for (const one of group) one.settle(outcome);
      } else {
        for (const one of group) one.settle(await this.#write([one]));
      }
    }
    this.#running = undefined;
  }

  async #write(group: readonly Waiting[]): Promise<Outcome> {
    // A transaction that the disk cuts short now and then corrupts the heap of lmdb-js, so none is
    // begun that may not fit.
    if (roomFor(this.#path) < LEAST_ROOM_BYTES + 2 * sizeOf(group)) return err(noSpace());
    try {
      const sealed = group.flatMap(({ changes }) => changes.map(seal));
      // `batch` makes one block of instructions that the write thread never splits over transactions.
      const written: Promise<boolean>[] = [];
      const whole = this.#db.batch(() => {
        for (const { key, value } of sealed) {
          written.push(value === undefined ? this.#db.remove(key) : this.#db.put(key, value));
        }
      });
      // Each of these promises rejects when the commit fails, so each must be awaited.
      const failed = (await Promise.allSettled([whole, ...written])).find(
        (one) => one.status === 'rejected',
      );
      if (failed === undefined) return ok(undefined);
      throw failed.reason;
    } catch (thrown) {
      const error = writeError(await rootCause(thrown), this.#path);
      return err(await this.#recover(error));
    }
  }

  /**
   * After a failed write of the meta page LMDB refuses every further transaction (MDB_PANIC), and
   * lmdb-js's write thread would then never answer: so probe here, and open the file anew.
   */
  async #recover(error: SystemError): Promise<SystemError> {
    try {
      this.#db.transactionSync(() => this.#lmdb.ABORT);
      return error;
    } catch {
      await this.#db.close();
      const again = open(this.#lmdb, this.#path);
      if (again.ok) this.#db = again.value;
      return again.ok ? error : again.error;
    }
  }

  #open(key: Uint8Array, stored: Uint8Array): Uint8Array | undefined {
    if (stored.byteLength >= CRC_BYTES) {
      const value = stored.subarray(CRC_BYTES);
      const sum = new DataView(stored.buffer, stored.byteOffset).getUint32(0);
      if (sum === checksum(key, value)) return value;
    }
    this.#corrupt += 1;
    return undefined;
  }
}

function rangeOf(prefix: string): { readonly start?: Buffer; readonly end: Buffer } {
  const start = Buffer.from(prefix);
  // 0xff occurs in no UTF-8 text, so this ends the range right after the last key with the prefix.
  const end = Buffer.concat([start, Buffer.of(0xff)]);
  return start.length === 0 ? { end } : { start, end };
}

const sizeOf = (group: readonly Waiting[]): number =>
  group.reduce(
    (sum, { changes }) =>
      changes.reduce((size, { key, value }) => size + key.length + (value?.byteLength ?? 0), sum),
    0,
  );

/** Over the key too, so that a value that strayed to another key is found out. */
const checksum = (key: Uint8Array, value: Uint8Array): number => crc32(value, crc32(key));

function seal(change: StoreChange): { key: Buffer; value: Buffer | undefined } {
  const key = Buffer.from(change.key);
  if (change.value === undefined) return { key, value: undefined };
  const value = Buffer.allocUnsafe(CRC_BYTES + change.value.byteLength);
  value.writeUInt32BE(checksum(key, change.value), 0);
  value.set(change.value, CRC_BYTES);
  return { key, value };
}

function open(lmdb: Lmdb, path: string): Result<Database, SystemError> {
  try {
    return ok(
      lmdb.open<Uint8Array, Uint8Array>(path, {
        encoding: 'binary',
        keyEncoding: 'binary',
        overlappingSync: false,
        // We batch by ourselves; lmdb-js's own batching makes promises that nobody can await, and so
        // turns a full disk into an unhandled rejection.
        eventTurnBatching: false,
        noSubdir: true,
        maxDbs: 1,
        mapSize: INITIAL_MAP_BYTES,
      }),
    );
  } catch (thrown) {
    return err(systemError(`cannot open ${path}`, thrown));
  }
}

/** lmdb-js rejects a commit with a generic error and hangs the cause on a promise beside it. */
async function rootCause(thrown: unknown): Promise<unknown> {
  if (typeof thrown !== 'object' || thrown === null || !('commitError' in thrown)) return thrown;
  try {
    await thrown.commitError;
    return thrown;
  } catch (cause) {
    return cause;
  }
}

/** LMDB tells of a write that was cut short, as on a full disk, as EIO. */
function writeError(thrown: unknown, path: string): SystemError {
  return codeOf(thrown) !== 'EIO' || roomFor(path) > FULL_BYTES
    ? systemError(CANNOT_STORE, thrown)
    : noSpace(thrown);
}

const noSpace = (cause?: unknown): SystemError =>
  new SystemError(`${CANNOT_STORE}: no space left on the disk`, 'ENOSPC', {
    ...(cause === undefined ? {} : { cause }),
    remedy: REMEDIES['ENOSPC'] ?? '',
  });

function roomFor(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function systemError(what: string, thrown: unknown): SystemError {
  const code = codeOf(thrown);
  const remedy = REMEDIES[code];
  return new SystemError(`${what}: ${errorMessage(thrown)}`, code, {
    cause: thrown,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return 'EUNKNOWN';
  const { code } = thrown;
  if (typeof code === 'string') return code;
  if (typeof code !== 'number') return 'EUNKNOWN';
  return LMDB_CODES[code] ?? (code > 0 ? getSystemErrorName(-code) : 'EUNKNOWN');
}

/**
 * LMDB maps its lock file and writes to it: where the disk has no room for the new file, that is
 * a SIGBUS and the end of the process. So find out first, in a way that gives an error.
 */
function probeSpace(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(64 * 1024));
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * Whether both meta pages look right (mdb.c, struct MDB_meta). LMDB checks that as well, but
 * lmdb-js crashes the process when it then cannot open the file.
 */
function isLmdbFile(path: string): boolean {
  const file = openSync(path, constants.O_RDWR);
  try {
    if (fstatSync(file).size === 0) return true;
    const first = Buffer.alloc(META_BYTES);
    readSync(file, first, 0, META_BYTES, 0);
    const pageSize = first.readUInt32LE(48);
    if (!isMetaPage(first) || pageSize < 512 || pageSize > 65536) return false;
    const second = Buffer.alloc(META_BYTES);
    readSync(file, second, 0, META_BYTES, pageSize);
    return isMetaPage(second) && second.readUInt32LE(48) === pageSize;
  } finally {
    closeSync(file);
  }
}

/** Page flag P_META, then magic and the data version of lmdb-js's LMDB. */
const isMetaPage = (page: Buffer): boolean =>
  (page.readUInt16LE(18) & 0x08) !== 0 &&
  page.readUInt32LE(24) === 0xbeefc0de &&
  page.readUInt16LE(28) === 2;

function freeName(base: string): string {
  let n = 1;
  while (existsSync(`${base}-${n}`)) n += 1;
  return `${base}-${n}`;
}
