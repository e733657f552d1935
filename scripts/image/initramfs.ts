/** The initramfs: busybox, the drivers that the root file system needs, and initramfs-init. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { type Arch, filesIn, HERE, sourceDateEpoch } from './layout.ts';
import { chooseModules, installModules, type Kernel } from './modules.ts';
import { unpacked } from './packages.ts';

export function buildInitramfs(arch: Arch, kernel: Kernel, folder: string, out: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'usr/lib'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  symlinkSync('usr/lib', join(folder, 'lib'));
  cpSync(join(unpacked(arch, 'busybox-static'), 'usr/bin/busybox'), join(folder, 'bin/busybox'));
  // The kernel asks for a module by this name.
  mkdirSync(join(folder, 'sbin'));
  symlinkSync('../bin/busybox', join(folder, 'sbin/modprobe'));
  installModules(kernel, chooseModules(arch, kernel, 'boot'), folder);
  cpSync(join(HERE, 'initramfs-init'), join(folder, 'init'));
  chmodSync(join(folder, 'init'), 0o755);
  const paths = filesIn(folder);
  for (const path of paths) {
    if (!lstatSync(path).isSymbolicLink()) {
      chmodSync(path, lstatSync(path).mode & 0o100 ? 0o755 : 0o644);
    }
    lutimesSync(path, sourceDateEpoch(), sourceDateEpoch());
  }
  const archive = execFileSync(
    'cpio',
    ['--quiet', '-o', '-0', '-H', 'newc', '-R', '0:0', '--reproducible'],
    {
      cwd: folder,
      input: paths.map((path) => relative(folder, path)).join('\0'),
      maxBuffer: 1 << 28,
    },
  );
  // The kernel's own unpacker knows no check but CRC-32.
  const packed = execFileSync('xz', ['-9', '--check=crc32', '-T1'], {
    input: archive,
    maxBuffer: 1 << 28,
  });
  writeFileSync(out, packed);
}
