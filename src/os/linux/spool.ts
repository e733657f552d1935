/** Files that grow piece by piece. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { SpoolFile, Spools } from '../ports.ts';

/** What an upload leaves free: the store, logs and trail go on. */
const RESERVE_BYTES = 32 * 1024 * 1024;

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

export class LinuxSpools implements Spools {
  create(path: string, sizeBytes: number): Promise<Result<SpoolFile, SystemError>> {
    return attempt(`make ${path}`, async () => {
      const folder = dirname(path);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rm(path, { force: true });
      const { bavail, bsize } = await statfs(folder);
      const lacking = sizeBytes + RESERVE_BYTES - bavail * bsize;
      if (lacking > 0) {
        const megabytes = Math.ceil(lacking / 1_000_000);
        throw new SystemError(`${folder} lacks ${megabytes} MB of room`, 'ENOSPC', {
          remedy: 'remove captures and logs from the data partition',
        });
      }
      return new OpenSpool(path, await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    });
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }
}

class OpenSpool implements SpoolFile {
  readonly #path: string;
  #file: FileHandle | undefined;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  append(bytes: Uint8Array): Promise<Result<void, SystemError>> {
    return attempt(`write ${this.#path}`, async () => {
      if (this.#file === undefined) throw new SystemError(`${this.#path} is closed`, 'EBADF');
      await this.#file.writeFile(bytes);
    });
  }

  finish(): Promise<Result<void, SystemError>> {
    const file = this.#file;
    this.#file = undefined;
    return attempt(`write ${this.#path}`, async () => {
      try {
        await file?.sync();
      } finally {
        await file?.close();
      }
    });
  }
}

async function attempt<T>(what: string, run: () => Promise<T>): Promise<Result<T, SystemError>> {
  try {
    return ok(await run());
  } catch (thrown) {
    if (thrown instanceof SystemError) return err(thrown);
    return err(
      new SystemError(`${what}: ${errorMessage(thrown)}`, errorCode(thrown), { cause: thrown }),
    );
  }
}
