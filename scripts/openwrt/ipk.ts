/** OpenWrt's .ipk: a tar.gz of `debian-binary`, `control.tar.gz` and `data.tar.gz`. Equal input gives equal bytes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sourceDateEpoch } from '../image/layout.ts';

export interface IpkPackage {
  readonly name: string;
  readonly version: string;
  /** As opkg calls it: `x86_64`, `aarch64_cortex-a72`, `all`. */
  readonly arch: string;
  /** More fields of `control`, in their order. */
  readonly fields: Readonly<Record<string, string>>;
  /** Absolute paths of files that an update leaves as the owner has them. */
  readonly conffiles: readonly string[];
  /** `postinst` and the like: name → text. */
  readonly scripts: Readonly<Record<string, string>>;
  /** The files as they lie on the box. */
  readonly root: string;
}

/** Writes the package into `folder`; gives its path. */
export function writeIpk(made: IpkPackage, folder: string): string {
  const { name, version, arch, root } = made;
  const work = join(folder, `${name}.ipk.work`);
  const control = join(work, 'control');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(control, { recursive: true });
  const parts = join(work, 'parts');
  mkdirSync(parts);
  const write = (path: string, text: string, mode: number): void => {
    writeFileSync(path, text);
    chmodSync(path, mode);
  };
  tar(root, join(parts, 'data.tar.gz'));
  write(join(control, 'control'), controlText(made, installedBytes(root)), 0o644);
  if (made.conffiles.length > 0) {
    write(join(control, 'conffiles'), `${made.conffiles.join('\n')}\n`, 0o644);
  }
  for (const [script, text] of Object.entries(made.scripts)) {
    write(join(control, script), text, 0o755);
  }
  tar(control, join(parts, 'control.tar.gz'));
  write(join(parts, 'debian-binary'), '2.0\n', 0o644);
  const path = join(folder, `${name}_${version}_${arch}.ipk`);
  tar(parts, path);
  rmSync(work, { recursive: true });
  return path;
}

function controlText({ name, version, arch, fields }: IpkPackage, sizeBytes: number): string {
  const { Description: description = '', ...more } = fields;
  const all = {
    ...{ Package: name, Version: version, Architecture: arch, ...more },
    ...{ 'Installed-Size': String(sizeBytes), Description: description.replaceAll('\n', '\n ') },
  };
  return Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

const installedBytes = (root: string): number =>
  execFileSync('find', [root, '-type', 'f', '-print0'], { encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '')
    .reduce((sum, path) => sum + statSync(path).size, 0);

/** All belongs to root and has one time, in one order: nothing of the machine that packs is in it. */
function tar(folder: string, out: string): void {
  execFileSync('tar', [
    ...['--format=gnu', '--sort=name', '--numeric-owner', '--owner=0', '--group=0'],
    ...[`--mtime=@${sourceDateEpoch()}`, '--use-compress-program=gzip -n', '-C', folder],
    ...['-cf', out, '.'],
  ]);
}
