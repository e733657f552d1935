/** Lines of a log file: the newest few, and then each one as it is written, over its rotation. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { newestLines } from './line-files.ts';

const CHUNK_BYTES = 64 * 1024;
/** A longer line is no line of a log. */
const MAX_LINE_BYTES = 64 * 1024;

/** Until the signal fires. A line that comes while the newest ones are read is told twice, none is lost. Lines that are no JSON objects are left out of the newest ones. */
export async function followLines(
  path: string,
  newest: number,
  heard: (line: string) => void,
  signal: AbortSignal,
): Promise<Result<void, SystemError>> {
  try {
    const follower = new Follower(path, heard);
    await follower.begin();
    const lines = await newestLines(dirname(path), basename(path), {
      wanted: () => true,
      limit: newest,
    });
    for (const line of lines.toReversed()) heard(JSON.stringify(line));
    await follower.follow(signal);
    return ok(undefined);
  } catch (thrown) {
    const message = `${path}: ${errorMessage(thrown)}`;
    return err(new SystemError(message, errorCode(thrown), { cause: thrown }));
  }
}

class Follower {
  readonly #path: string;
  readonly #heard: (line: string) => void;
  #file: FileHandle | undefined;
  #inode = 0;
  #position = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string, heard: (line: string) => void) {
    this.#path = path;
    this.#heard = heard;
  }

  /** From the file's end of now. */
  async begin(): Promise<void> {
    await this.#open();
    this.#position = (await this.#file?.stat())?.size ?? 0;
  }

  async follow(signal: AbortSignal): Promise<void> {
    const name = basename(this.#path);
    const done = Promise.withResolvers<void>();
    let reading = Promise.resolve();
    // Events of one read are caught up by the next.
    const again = (): void => {
      reading = reading.then(() => this.#read()).catch(done.reject);
    };
    const watcher = watch(dirname(this.#path), (_, changed) => {
      if (changed === name) again();
    });
    watcher.on('error', done.reject);
    const end = (): void => done.resolve();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    // What came while the newest lines were read.
    again();
    try {
      await done.promise;
    } finally {
      signal.removeEventListener('abort', end);
      watcher.close();
      await reading;
      await this.#file?.close();
    }
  }

  /** The rest of the file that is open, and then what has its name by now. */
  async #read(): Promise<void> {
    await this.#drain();
    const inode = await this.#inodeNow();
    if (inode === undefined || inode === this.#inode) return;
    // What was still written to it before it lost its name.
    await this.#drain();
    await this.#file?.close();
    this.#rest = Buffer.alloc(0);
    await this.#open();
    await this.#drain();
  }

  async #open(): Promise<void> {
    this.#position = 0;
    try {
      this.#file = await open(this.#path);
      this.#inode = (await this.#file.stat()).ino;
    } catch (thrown) {
      if (errorCode(thrown) !== 'ENOENT') throw thrown;
      this.#file = undefined;
      this.#inode = 0;
    }
  }

  async #inodeNow(): Promise<number | undefined> {
    try {
      return (await stat(this.#path)).ino;
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return undefined;
      throw thrown;
    }
  }

  async #drain(): Promise<void> {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const read = await this.#file?.read(chunk, 0, CHUNK_BYTES, this.#position);
      if (read === undefined || read.bytesRead === 0) return;
      this.#position += read.bytesRead;
      this.#take(chunk.subarray(0, read.bytesRead));
    }
  }

  #take(bytes: Buffer): void {
    let all = Buffer.concat([this.#rest, bytes]);
    for (let at = all.indexOf(10); at >= 0; at = all.indexOf(10)) {
      this.#heard(all.toString('utf8', 0, at));
      all = all.subarray(at + 1);
    }
    this.#rest = all.byteLength > MAX_LINE_BYTES ? Buffer.alloc(0) : Buffer.from(all);
  }
}
