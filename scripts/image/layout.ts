/** What all builders know of the image: where they work, and how the disk is divided. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export type Arch = 'x86_64' | 'arm64';

export const HERE = import.meta.dirname;
export const ROOT = join(HERE, '../..');
export const BUILD = join(ROOT, 'build/image');

/** How others call the architectures. */
export const NAMES = {
  x86_64: { debian: 'amd64', node: 'x64', gnu: 'x86_64-linux-gnu' },
  arm64: { debian: 'arm64', node: 'arm64', gnu: 'aarch64-linux-gnu' },
} as const;

/** The MBR's disk signature: by it the initramfs knows the disk that it was loaded from. */
export const DISK_SIGNATURE = 0x67685244;

const MIB = 1024 * 1024;

/** Partitions in their order; MBR, since the boot ROM of the Pi 3 reads nothing else. */
export const PARTITIONS = [
  { name: 'boot', type: { x86_64: 0xef, arm64: 0x0c }, sizeBytes: 256 * MIB },
  { name: 'root-a', type: { x86_64: 0x83, arm64: 0x83 }, sizeBytes: 256 * MIB },
  { name: 'root-b', type: { x86_64: 0x83, arm64: 0x83 }, sizeBytes: 256 * MIB },
  // Grows to the end of the disk when it is first mounted.
  { name: 'data', type: { x86_64: 0x83, arm64: 0x83 }, sizeBytes: 128 * MIB },
] as const;

/** Before the first partition: the MBR and, for BIOS, the boot loader. */
export const FIRST_BYTES = MIB;

/** All times in the image are this, for equal images from equal sources. */
export const sourceDateEpoch = (): number => Number(process.env['SOURCE_DATE_EPOCH'] ?? 1767225600);

export function parseArch(word: string | undefined): Arch {
  if (word === 'x86_64' || word === 'arm64') return word;
  return fail(`ARCH is x86_64 or arm64, not ${word ?? 'empty'}`);
}

export function fail(message: string): never {
  process.stderr.write(`image: ${message}\n`);
  process.exit(1);
}

export const say = (message: string): void => void process.stderr.write(`image: ${message}\n`);

/**
 * All that is in a folder, in a fixed order, folders before what is in them. Links are named and
 * never followed: Node's recursive `readdir` would follow them out of the tree.
 */
export function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...filesIn(path)] : [path];
  });
}
