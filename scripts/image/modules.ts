/** Which kernel modules the image takes (modules.txt), with what they depend on, unpacked. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import { type Arch, BUILD, fail, HERE } from './layout.ts';
import { lockedPackages, unpacked } from './packages.ts';

interface Line {
  readonly place: string;
  readonly patterns: readonly string[];
}

export interface Kernel {
  /** As `uname -r` says it. */
  readonly release: string;
  /** Compressed or not, as the package has it. */
  readonly image: string;
  /** The folder of the package's device trees, where it has such. */
  readonly deviceTrees: string;
  /** Unpacked modules, all of them, with modules.dep: `kernel/…` and `modules.*`. */
  readonly modules: string;
}

/** The kernel of the image, its modules unpacked once for each version. */
export function kernelOf(arch: Arch): Kernel {
  const folder = unpacked(arch, arch === 'x86_64' ? 'linux-image-amd64' : 'linux-image-arm64');
  const [release] = readdirSync(join(folder, 'usr/lib/modules'));
  if (release === undefined) return fail(`no modules in ${folder}`);
  const sum = lockedPackages(arch).find(({ name }) => name.startsWith('linux-'))?.sha256 ?? '';
  const base = join(BUILD, 'unpacked', `modules-${release}-${sum.slice(0, 12)}`);
  const modules = join(base, 'lib/modules', release);
  if (!existsSync(join(modules, 'modules.dep'))) {
    rmSync(base, { recursive: true, force: true });
    mkdirSync(dirname(modules), { recursive: true });
    cpSync(join(folder, 'usr/lib/modules', release), modules, { recursive: true });
    const packed = globSync('kernel/**/*.xz', { cwd: modules });
    for (let i = 0; i < packed.length; i += 500) {
      execFileSync('xz', ['-d', ...packed.slice(i, i + 500)], { cwd: modules });
    }
    execFileSync('depmod', ['-b', base, release]);
  }
  const image = [join(folder, 'boot', `vmlinuz-${release}`), join(modules, 'vmlinuz')].find(
    (path) => existsSync(path),
  );
  if (image === undefined) return fail(`no kernel in ${folder}`);
  const deviceTrees = join(folder, `usr/lib/linux-image-${release}`);
  return { release, image, deviceTrees, modules };
}

function lines(arch: Arch): Line[] {
  return readFileSync(join(HERE, 'modules.txt'), 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([place = '#', of]) => /^[a-z]/.test(place) && (of === 'all' || of === arch))
    .map(([place = '', , ...patterns]) => ({ place, patterns }));
}

/** Modules, as paths below `kernel.modules`, of `root` (which has those of boot, too) or of `boot`. */
export function chooseModules(arch: Arch, { modules }: Kernel, place: 'root' | 'boot'): string[] {
  const table = lines(arch);
  const matches = (path: string, places: readonly string[]): boolean =>
    table.some(
      (line) =>
        places.includes(line.place) &&
        line.patterns.some((pattern) =>
          matchesGlob(path, `kernel/${pattern.replace(/\*\*$/, '**/*')}.ko`),
        ),
    );
  const needs = new Map(
    readFileSync(join(modules, 'modules.dep'), 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([path = '', rest = '']) => [path, rest.trim().split(' ').filter(Boolean)]),
  );
  const wanted = place === 'root' ? ['root', 'boot'] : ['boot'];
  const chosen = new Set<string>();
  for (const [path, dependencies] of needs) {
    if (!matches(path, wanted) || matches(path, ['no'])) continue;
    for (const one of [path, ...dependencies]) chosen.add(one);
  }
  chosen.delete('');
  return [...chosen].sort();
}

/** Copies modules into `root` and writes their index there. */
export function installModules(kernel: Kernel, chosen: readonly string[], root: string): void {
  const target = join(root, 'usr/lib/modules', kernel.release);
  for (const path of chosen) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(kernel.modules, path), join(target, path));
  }
  for (const file of ['modules.builtin', 'modules.order', 'modules.builtin.modinfo']) {
    cpSync(join(kernel.modules, file), join(target, file));
  }
  execFileSync('depmod', ['-b', join(root, 'usr'), kernel.release]);
  // The text forms are what busybox reads.
  for (const file of globSync('modules.*{.bin,.order,.modinfo}', { cwd: target })) {
    rmSync(join(target, file));
  }
}
