import { renameSync, rmSync } from 'node:fs';
import { errorCode } from '../../base/errors.ts';

export interface Rotation {
  /** A file is closed before it would grow past this. */
  readonly maxBytes: number;
  /** How many files are kept in all, the open one among them. */
  readonly maxFiles: number;
}

/** 10 MB × 5. */
export const ROTATION: Rotation = { maxBytes: 10_000_000, maxFiles: 5 };

/** Names of the files of a log, oldest first: `PATH.4` … `PATH.1`, `PATH`. */
export const rotated = (path: string, maxFiles: number): string[] =>
  Array.from({ length: maxFiles }, (_, i) => maxFiles - 1 - i).map((n) =>
    n === 0 ? path : `${path}.${n}`,
  );

/** Renames each file to the next older name; the oldest is lost. `path` is free afterwards. Throws what rename throws. */
export function shift(path: string, maxFiles: number): void {
  const names = rotated(path, maxFiles);
  for (const [i, older] of names.entries()) {
    const newer = names[i + 1];
    if (newer === undefined) break;
    try {
      renameSync(newer, older);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  // With one file there is no older name.
  if (maxFiles <= 1) rmSync(path, { force: true });
}
