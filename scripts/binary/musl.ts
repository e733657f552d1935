/**
 * A C compiler that links statically against musl, small and without glibc's name services. For the
 * machine's own kind it is Debian's `musl-gcc`. For another one it is the cross compiler with the
 * specs and the libraries of that kind's `musl-dev`.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Arch, NAMES } from '../image/layout.ts';
import { fetchPackages, unpacked } from '../image/packages.ts';

const MUSL = 'musl-dev';

/** The path of the compiler; what it consists of goes into the folder `work`. */
export function muslGcc(arch: Arch, work: string): string {
  const { node, gnu } = NAMES[arch];
  if (process.arch === node) return 'musl-gcc';
  fetchPackages(arch, [MUSL]);
  const sysroot = unpacked(arch, MUSL);
  const found = join(sysroot, 'usr/lib', gnu.replace('gnu', 'musl'), 'musl-gcc.specs');
  mkdirSync(work, { recursive: true });
  const specs = join(work, 'musl.specs');
  writeFileSync(specs, readFileSync(found, 'utf8').replaceAll('/usr/', `${sysroot}/usr/`));
  const script = join(work, 'musl-gcc');
  writeFileSync(script, `#!/bin/sh\nexec ${gnu}-gcc "$@" -specs "${specs}"\n`);
  chmodSync(script, 0o755);
  return script;
}
