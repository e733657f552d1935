/** The folder of the daemon's captures: pcapng files, for nobody but the daemon. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { CaptureFile, CaptureStore } from '../ports-capture.ts';

/** What we name, and nothing that leads out of the folder. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,120}\.pcapng$/;

export class LinuxCaptureStore implements CaptureStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  path(name: string): string {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    return join(this.#folder, basename(name));
  }

  list(): Result<readonly CaptureFile[], SystemError> {
    try {
      const names = readdirSync(this.#folder).filter((name) => NAME.test(name));
      const files = names.flatMap((name) => {
        const is = statSync(join(this.#folder, name), { throwIfNoEntry: false });
        return is === undefined ? [] : [{ name, bytes: is.size, changedMs: is.mtimeMs }];
      });
      return ok(files.sort((a, b) => a.changedMs - b.changedMs));
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return ok([]);
      return err(failure('list', thrown));
    }
  }

  remove(name: string): Result<void, SystemError> {
    if (!NAME.test(name)) return err(noFile(name));
    try {
      rmSync(join(this.#folder, name));
      return ok(undefined);
    } catch (thrown) {
      return err(failure(name, thrown));
    }
  }

  /** Its bytes as they are now; ENOENT when there is none of that name. */
  async read(
    name: string,
  ): Promise<Result<{ bytes: number; body: ReadableStream<Uint8Array> }, SystemError>> {
    if (!NAME.test(name)) return err(noFile(name));
    try {
      const file = await open(join(this.#folder, name));
      const { size } = await file.stat();
      if (size === 0) await file.close();
      // It may grow while it is read: what is promised is sent, and no more.
      const stream = size === 0 ? Readable.from([]) : file.createReadStream({ end: size - 1 });
      return ok({ bytes: size, body: Readable.toWeb(stream) as ReadableStream<Uint8Array> });
    } catch (thrown) {
      return err(failure(name, thrown));
    }
  }
}

const noFile = (name: string): SystemError =>
  new SystemError(`there is no file ${JSON.stringify(name)}`, 'ENOENT');

const failure = (what: string, thrown: unknown): SystemError =>
  new SystemError(`captures, ${what}: ${errorMessage(thrown)}`, errorCode(thrown), {
    cause: thrown,
  });
