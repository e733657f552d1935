import { lstatSync } from 'node:fs';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok } from '../../base/result.ts';
import type { FileOwners } from '../ports.ts';

export const fileOwners: FileOwners = {
  ownerOf(path) {
    try {
      const stat = lstatSync(path);
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
      return ok({ uid: stat.uid, mode: stat.mode & 0o7777, kind });
    } catch (cause) {
      return err(
        new SystemError(`cannot stat ${path}: ${errorMessage(cause)}`, errorCode(cause), { cause }),
      );
    }
  },
};
