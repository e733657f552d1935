import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories, Files } from '../ports.ts';
import { failureWords } from './errno.ts';

const { O_WRONLY, O_RDONLY, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } =
  constants;

const MAX_TEXT_BYTES = 1024 * 1024;
const FIRST_READ_BYTES = 16 * 1024;

/** Small files, synchronously. */
export class LinuxFiles implements Files {
  writeAtomic(path: string, text: string | Uint8Array, mode: number): Result<void, SystemError> {
    const folder = dirname(path);
    const temporary = temporaryName(path);
    return attempt(`write ${path}`, () => {
      // What a process of the same number left behind; O_EXCL below refuses whatever comes between.
      rmSync(temporary, { force: true });
      try {
        const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
        withFile(temporary, flags, mode, (fd) => {
          fchmodSync(fd, mode); // whatever the umask
          writeFileSync(fd, text);
          fsyncSync(fd);
        });
        // rename replaces a symbolic link, it never follows one.
        renameSync(temporary, path);
      } catch (thrown) {
        rmSync(temporary, { force: true });
        throw thrown;
      }
      withFile(folder, O_RDONLY | O_DIRECTORY, 0, fsyncSync);
    });
  }

  readText(path: string): Result<string, SystemError> {
    return attempt(`read ${path}`, () =>
      // O_NONBLOCK: a FIFO in the way must not hold up the daemon.
      withFile(path, O_RDONLY | O_NONBLOCK, 0, (fd) => {
        return readAll(fd, path, MAX_TEXT_BYTES).toString('utf8');
      }),
    );
  }

  writeExisting(path: string, text: string): Result<void, SystemError> {
    return attempt(`write ${path}`, () =>
      withFile(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0, (fd) =>
        writeFileSync(fd, text),
      ),
    );
  }
}

/** A file of the owner's alone; unless it may be replaced, one that is there gives EEXIST. */
export function writePrivate(
  path: string,
  bytes: Uint8Array,
  replace: boolean,
): Result<void, SystemError> {
  if (replace) return new LinuxFiles().writeAtomic(path, bytes, 0o600);
  return attempt(`write ${path}`, () =>
    withFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, (fd) => {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    }),
  );
}

/** A regular file, also by a link that its user made to it; EFBIG for one of more than `maxBytes`. */
export const readWhole = (path: string, maxBytes: number): Result<Uint8Array, SystemError> =>
  attempt(`read ${path}`, () =>
    withFile(path, O_RDONLY | O_NONBLOCK, 0, (fd) => readAll(fd, path, maxBytes)),
  );

/** At most `maxBytes` of a regular file from `offset` on, and how long it is in all. */
export function readPiece(
  path: string,
  offset: number,
  maxBytes: number,
): Result<{ readonly bytes: Uint8Array; readonly sizeBytes: number }, SystemError> {
  return attempt(`read ${path}`, () =>
    withFile(path, O_RDONLY | O_NONBLOCK, 0, (fd) => {
      const is = fstatSync(fd);
      if (!is.isFile()) throw new SystemError(`${path}: not a file`, 'EINVAL');
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(maxBytes, is.size - offset)));
      let size = 0;
      for (let got = -1; got !== 0 && size < bytes.length; size += got) {
        got = readSync(fd, bytes, size, bytes.length - size, offset + size);
      }
      return { bytes: bytes.subarray(0, size), sizeBytes: is.size };
    }),
  );
}

/** Folders, links and small binary files, synchronously. */
export class LinuxDirectories implements Directories {
  make(path: string, mode: number): Result<void, SystemError> {
    return attempt(`make ${path}`, () => {
      mkdirSync(path, { recursive: true, mode });
      if (!lstatSync(path).isDirectory()) {
        throw new SystemError(`${path}: a symbolic link, not a folder`, 'ELOOP');
      }
      chmodSync(path, mode); // whatever the umask, and what was there before
    });
  }

  list(path: string): Result<readonly string[], SystemError> {
    return attempt(`list ${path}`, () => {
      try {
        return readdirSync(path).sort();
      } catch (thrown) {
        if (errorCode(thrown) === 'ENOENT') return [];
        throw thrown;
      }
    });
  }

  read(path: string, maxBytes: number): Result<Uint8Array, SystemError> {
    return attempt(`read ${path}`, () =>
      withFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, (fd) => readAll(fd, path, maxBytes)),
    );
  }

  remove(path: string): Result<void, SystemError> {
    return attempt(`remove ${path}`, () => {
      try {
        unlinkSync(path);
      } catch (thrown) {
        if (errorCode(thrown) !== 'ENOENT') throw thrown;
      }
    });
  }

  link(target: string, path: string): Result<void, SystemError> {
    return attempt(`link ${path}`, () => {
      const temporary = temporaryName(path);
      rmSync(temporary, { force: true });
      symlinkSync(target, temporary);
      try {
        renameSync(temporary, path);
      } catch (thrown) {
        rmSync(temporary, { force: true });
        throw thrown;
      }
    });
  }
}

const temporaryName = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}.new`);

/** Reads a regular file until its end: those of /proc tell no size. */
function readAll(fd: number, path: string, maxBytes: number): Buffer {
  if (!fstatSync(fd).isFile()) throw new SystemError(`${path}: not a file`, 'EINVAL');
  let buffer = Buffer.allocUnsafe(Math.min(maxBytes, FIRST_READ_BYTES) + 1);
  let size = 0;
  for (;;) {
    const got = readSync(fd, buffer, size, buffer.length - size, null);
    if (got === 0) return buffer.subarray(0, size);
    size += got;
    if (size > maxBytes) {
      throw new SystemError(`${path}: longer than ${maxBytes} bytes`, 'EFBIG');
    }
    if (size === buffer.length) {
      buffer = Buffer.concat([buffer], Math.min(maxBytes + 1, size * 4));
    }
  }
}

function withFile<T>(path: string, flags: number, mode: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags, mode);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(what: string, run: () => T): Result<T, SystemError> {
  try {
    return ok(run());
  } catch (thrown) {
    if (thrown instanceof SystemError) return err(thrown);
    return err(
      new SystemError(`${what}: ${failureWords(thrown)}`, errorCode(thrown), { cause: thrown }),
    );
  }
}
