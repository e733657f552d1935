import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories } from '../ports.ts';

/** Directories by synchronous calls: all of them are small, local, and on the way of nothing that is fast. */
export const directories: Directories = {
  make: (path, mode) =>
    attempt(`cannot make directory ${path}`, () => {
      mkdirSync(path, { recursive: true, mode });
      chmodSync(path, mode);
    }),

  list: (path) => {
    const names = attempt(`cannot list ${path}`, () => readdirSync(path).sort());
    return !names.ok && names.error.code === 'ENOENT' ? ok([]) : names;
  },

  read: (path, maxBytes) =>
    attempt(`cannot read ${path}`, () => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const stat = fstatSync(fd);
        if (!stat.isFile()) throw new SystemError('not a regular file', 'EINVAL');
        if (stat.size > maxBytes) throw new SystemError(`over ${maxBytes} bytes`, 'EFBIG');
        const bytes = new Uint8Array(stat.size);
        return bytes.subarray(0, readSync(fd, bytes));
      } finally {
        closeSync(fd);
      }
    }),

  remove: (path) => attempt(`cannot remove ${path}`, () => rmSync(path, { force: true })),

  link: (target, path) =>
    attempt(`cannot link ${path}`, () => {
      const fresh = `${path}.new`;
      rmSync(fresh, { force: true });
      symlinkSync(target, fresh);
      renameSync(fresh, path);
    }),
};

function attempt<T>(what: string, run: () => T): Result<T, SystemError> {
  try {
    return ok(run());
  } catch (cause) {
    return err(new SystemError(`${what}: ${errorMessage(cause)}`, errorCode(cause), { cause }));
  }
}
