/** The daemon's start as root, which it gives up at once. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SystemError } from '../base/errors.ts';
import type { DaemonOptions } from '../edge/cli/daemon-options.ts';
import { LinuxFiles } from '../os/linux/files.ts';
import { loadNative } from '../os/linux/native.ts';
import { dropTo, findUser, ownedDirectory } from '../os/linux/privileges.ts';
import type { Program } from '../os/linux/program.ts';

/**
 * Started as root: makes the folders the user's own, becomes that user for good, and runs this
 * program again. Comes back only when that failed.
 */
export function becomeUnprivileged(
  { stateDir, runDir, ubusSocket }: DaemonOptions,
  { nativePath, command }: Program,
  say: (text: string) => void,
): number {
  const user = findUser(new LinuxFiles(), 'gatehouse');
  const failed = (error: SystemError) => {
    say(`gatehouse: ${error.message}${error.remedy ? `; ${error.remedy}` : ''}\n`);
    return 1;
  };
  if (!user.ok) return failed(user.error);
  const folders = [stateDir, runDir];
  // Of an ubusd that is there the folder is its own.
  if (!existsSync(ubusSocket)) folders.push(dirname(ubusSocket));
  for (const path of folders) {
    const made = ownedDirectory(path, user.value);
    if (!made.ok) return failed(made.error);
  }
  return failed(dropTo(loadNative(nativePath), user.value, command));
}
