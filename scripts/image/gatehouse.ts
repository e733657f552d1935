/** Puts the program, as `make binary` built it, into the root file system. */
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Arch, fail, ROOT } from './layout.ts';
import { installUpdates } from './update.ts';

export function installGatehouse(arch: Arch, root: string): void {
  const built = join(ROOT, 'build/binary', arch);
  if (!existsSync(join(built, 'gatehouse')))
    fail(`no program in ${built}: make binary ARCH=${arch}`);
  cpSync(built, join(root, 'usr/lib/gatehouse'), { recursive: true, verbatimSymlinks: true });
  symlinkSync('../lib/gatehouse/gatehouse', join(root, 'usr/bin/gatehouse'));
  mkdirSync(join(root, 'usr/share/acl.d'), { recursive: true });
  installUpdates(arch, root);
}
