import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why a small disk cannot be mounted here, or undefined when it can: hand it to tap as `skip`. */
export const noSmallDisk = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'needs root to mount a small disk';

/** A folder on a disk of its own that is full after `sizeBytes` (whole pages), gone at the end of the test. */
export function smallDisk(t: { teardown(run: () => void): void }, sizeBytes: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory]);
  t.teardown(() => {
    execFileSync('umount', ['-l', directory]);
    rmdirSync(directory);
  });
  return directory;
}
