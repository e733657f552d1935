import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LinuxFiles } from './files.ts';

export interface TrustedFile {
  readonly name: string;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly regular: boolean;
  /** Empty where it cannot be read. */
  readonly text: string;
}

/** A directory with the facts by which to judge whether its files can be trusted; undefined when there is none. */
export function readTrustedDirectory(
  path: string,
):
  | { readonly uid: number; readonly mode: number; readonly files: readonly TrustedFile[] }
  | undefined {
  const own = statSync(path, { throwIfNoEntry: false });
  if (own?.isDirectory() !== true) return undefined;
  const reader = new LinuxFiles();
  const files = readdirSync(path).flatMap((name): TrustedFile[] => {
    const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const text = stat.isFile() ? reader.readText(join(path, name)) : undefined;
    return [
      {
        name,
        uid: stat.uid,
        mode: stat.mode & 0o7777,
        regular: stat.isFile(),
        text: text?.ok ? text.value : '',
      },
    ];
  });
  return { uid: own.uid, mode: own.mode & 0o7777, files };
}
