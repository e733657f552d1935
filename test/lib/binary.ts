/** The executables that `make binary` builds, and how each is started here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export type Arch = 'x86_64' | 'arm64';

export const ARCHES: readonly Arch[] = ['x86_64', 'arm64'];

/** Of Debian's cross compiler. */
const LIBRARIES = '/usr/aarch64-linux-gnu';
const QEMU = '/usr/bin/qemu-aarch64-static';

export const binary = (arch: Arch, name = 'gatehouse'): string =>
  join(ROOT, 'build/binary', arch, name);

/** The words that run a program of that kind of machine; undefined where it cannot be. */
export function runs(arch: Arch): readonly string[] | undefined {
  if (process.arch === (arch === 'arm64' ? 'arm64' : 'x64')) return [];
  if (arch === 'arm64' && existsSync(QEMU) && existsSync(LIBRARIES)) return [QEMU, '-L', LIBRARIES];
  return undefined;
}

/** Why there is nothing to test, for tap's `skip`. */
export function noBinary(arch: Arch): string | false {
  if (!existsSync(binary(arch, 'manifest.json'))) return `make binary ARCH=${arch} was not run`;
  return runs(arch) === undefined ? `${arch} needs qemu-user-static and the cross compiler` : false;
}
