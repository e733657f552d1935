/** The root file system of a slot: packages, kernel modules, rootfs/ and the program. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { installGatehouse } from './gatehouse.ts';
import { type Arch, fail, filesIn, ROOT, sourceDateEpoch } from './layout.ts';
import { chooseModules, installModules, type Kernel } from './modules.ts';
import { installPackages } from './packages.ts';

/** Folders that are empty in the image: something is mounted on each. */
const MOUNT_POINTS = [
  'boot',
  'data',
  'dev',
  'proc',
  'run',
  'sys',
  'tmp',
  'root',
  'etc',
  'var/log',
  'var/lib',
];

/** busybox can do these too, but has no business with them here. */
const UNWANTED =
  /^(dpkg|dpkg-deb|rpm|rpm2cpio|httpd|telnetd|tftp|ftpget|ftpput|udhcpd|linuxrc|run-init|busybox)$/;

/** Makes the tree in `root` anew. */
export function buildRoot(arch: Arch, kernel: Kernel, root: string): void {
  rmSync(root, { recursive: true, force: true });
  // One folder for programs, one for libraries, whatever way they are called.
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  mkdirSync(join(root, 'usr/lib'));
  symlinkSync('bin', join(root, 'usr/sbin'));
  symlinkSync('lib', join(root, 'usr/lib64'));
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
  for (const folder of MOUNT_POINTS) mkdirSync(join(root, folder), { recursive: true });
  // Relative, all of them: a link of the tree never leads out of it while it is built.
  symlinkSync('../run', join(root, 'var/run'));
  symlinkSync('../run/lock', join(root, 'var/lock'));
  symlinkSync('../tmp', join(root, 'var/tmp'));

  installPackages(arch, 'root', root);
  for (const applet of applets(join(root, 'usr/bin/busybox'))) {
    const path = join(root, 'usr/bin', applet);
    if (!UNWANTED.test(applet) && !there(path)) symlinkSync('busybox', path);
  }
  renamed(root, 'usr/lib/firmware/regulatory.db-debian', 'regulatory.db');
  renamed(root, 'usr/lib/firmware/regulatory.db.p7s-debian', 'regulatory.db.p7s');
  installCertificates(root);
  installModules(kernel, chooseModules(arch, kernel, 'root'), root);
  cpSync(join(ROOT, 'rootfs'), root, { recursive: true, verbatimSymlinks: true });
  rmSync(join(root, 'README.md'));
  symlinkSync('../run/gatehouse/resolv.conf', join(root, 'etc/resolv.conf'));
  symlinkSync('../proc/mounts', join(root, 'etc/mtab'));
  writeFileSync(join(root, 'etc/os-release'), osRelease());
  installGatehouse(arch, root);
  setModes(root);
  execFileSync('ldconfig', ['-r', root, '-X'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const there = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

function renamed(root: string, from: string, to: string): void {
  symlinkSync(from.slice(from.lastIndexOf('/') + 1), join(root, 'usr/lib/firmware', to));
}

/** The names of busybox's applets, from its own table: text after text, in the order of the alphabet. */
function applets(busybox: string): string[] {
  const bytes = readFileSync(busybox);
  const start = bytes.indexOf('[\0[[\0');
  if (start < 0) fail(`no table of applets in ${busybox}`);
  const names: string[] = [];
  for (let at = start; ; ) {
    const end = bytes.indexOf(0, at);
    const name = bytes.toString('latin1', at, end);
    if (name === '' || name <= (names.at(-1) ?? '')) return names;
    names.push(name);
    at = end + 1;
  }
}

/** All roots of Mozilla's list in one file, as OpenSSL and Node read them. */
function installCertificates(root: string): void {
  const folder = join(root, 'usr/share/ca-certificates/mozilla');
  const all = readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
  writeFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), all.join(''));
  rmSync(join(root, 'usr/share/ca-certificates'), { recursive: true });
}

export function productVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string })
    .version;
}

const osRelease = (): string => `NAME=Gatehouse
ID=gatehouse
ID_LIKE=debian
VERSION_ID=${productVersion()}
PRETTY_NAME="Gatehouse ${productVersion()}"
BUILD_EPOCH=${sourceDateEpoch()}
`;

/** What git does not keep: nobody but root reads the passwords, all else is open. */
function setModes(root: string): void {
  for (const path of filesIn(root)) {
    const { mode } = lstatSync(path);
    if ((mode & 0o170000) === 0o120000) continue;
    chmodSync(path, (mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
  chmodSync(join(root, 'etc/shadow'), 0o600);
  chmodSync(join(root, 'root'), 0o700);
}

/** Everything belongs to root in it, and all times are one. */
export function packRoot(root: string, out: string): void {
  rmSync(out, { force: true });
  const time = String(sourceDateEpoch());
  // mksquashfs takes the times from the options or from the environment, and refuses both.
  const env = { ...process.env };
  delete env['SOURCE_DATE_EPOCH'];
  execFileSync(
    'mksquashfs',
    [
      root,
      out,
      '-noappend',
      '-all-root',
      '-no-xattrs',
      '-no-progress',
      '-quiet',
      '-comp',
      'zstd',
      '-Xcompression-level',
      '15',
      '-b',
      '256K',
      '-mkfs-time',
      time,
      '-all-time',
      time,
    ],
    { env, stdio: ['ignore', 'ignore', 'inherit'] },
  );
}
