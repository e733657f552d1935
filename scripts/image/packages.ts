/** The packages of the image: the list, the lock list that goes with it, and their unpacking. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Arch, BUILD, fail, HERE } from './layout.ts';

export type Place = 'root' | 'boot' | 'build';

/** One row of packages.txt. */
export interface Wanted {
  readonly name: string;
  /** The packages that `name` depends on are meant: those of a kernel. */
  readonly follow: boolean;
  readonly suite: string | undefined;
  readonly place: Place;
  readonly keep: readonly string[];
}

/** One row of packages.ARCH.lock. */
export interface Locked {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the archive's `debian` or `debian-security`. */
  readonly archive: string;
  readonly file: string;
  /** The row of packages.txt that it belongs to. */
  readonly of: string;
}

const rows = (path: string): string[][] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/));

export function wantedPackages(arch: Arch): Wanted[] {
  return rows(join(HERE, 'packages.txt'))
    .filter(([, of]) => of === 'all' || of === arch)
    .map(([word = '', , place = '', keep = '']) => {
      const [name = '', suite] = word.replace('@', '').split('/');
      return {
        ...{ name, suite, follow: word.startsWith('@'), place: place as Place },
        keep: keep.split(/,(?![^{]*\})/),
      };
    });
}

export const lockPath = (arch: Arch): string => join(HERE, `packages.${arch}.lock`);

export function lockedPackages(arch: Arch): Locked[] {
  return rows(lockPath(arch)).map(
    ([of = '', name = '', version = '', sha256 = '', archive = '', file = '']) => ({
      ...{ of, name, version, sha256, archive, file },
    }),
  );
}

/** Where the archive is: as the machine's own apt has it, or `DEBIAN_MIRROR`. */
export function mirrors(): Readonly<Record<string, string>> {
  const given = process.env['DEBIAN_MIRROR']?.replace(/\/$/, '');
  if (given !== undefined) {
    return { debian: given, 'debian-security': given.replace(/debian$/, 'debian-security') };
  }
  let uris: string[] = [];
  try {
    uris = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], {
      encoding: 'utf8',
    }).split('\n');
  } catch {
    // No apt here.
  }
  const ending = (name: string) => uris.find((uri) => uri.endsWith(`/${name}/`))?.slice(0, -1);
  const debian = ending('debian');
  if (debian === undefined) {
    fail(
      'no Debian archive in the apt sources of this machine: give DEBIAN_MIRROR=http://HOST/debian',
    );
  }
  return {
    debian,
    'debian-security': ending('debian-security') ?? debian.replace(/debian$/, 'debian-security'),
  };
}

const cached = (locked: Locked): string => join(BUILD, 'packages', `${locked.sha256}.deb`);

/** Downloads what is not there yet, of all rows or of some; apt's own downloader compares the SHA-256. */
export function fetchPackages(arch: Arch, names?: readonly string[]): void {
  const missing = lockedPackages(arch).filter(
    (locked) => (names?.includes(locked.of) ?? true) && !existsSync(cached(locked)),
  );
  if (missing.length === 0) return;
  const at = mirrors();
  mkdirSync(join(BUILD, 'packages'), { recursive: true });
  for (const locked of missing) {
    const path = cached(locked);
    const url = `${at[locked.archive]}/${locked.file}`;
    try {
      execFileSync(
        '/usr/lib/apt/apt-helper',
        ['-qq', 'download-file', url, `${path}.new`, `SHA256:${locked.sha256}`],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
    } catch (cause) {
      const said = (cause as { stderr?: Buffer }).stderr?.toString() ?? String(cause);
      fail(
        `${locked.name} ${locked.version} cannot be had; \`make image-lock ARCH=${arch}\` takes what the archive has now\n${said}`,
      );
    }
    if (sha256(path.concat('.new')) !== locked.sha256)
      fail(`${url} is not what the lock list says`);
    renameSync(`${path}.new`, path);
  }
}

const sha256 = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

/** The folder in which the packages of a row of packages.txt are unpacked whole. No script of theirs runs. */
function unpack(locked: readonly Locked[]): string {
  const key = createHash('sha256').update(locked.map((one) => one.sha256).join());
  const folder = join(BUILD, 'unpacked', `${locked[0]?.of}-${key.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  rmSync(`${folder}.new`, { recursive: true, force: true });
  for (const one of locked) {
    mkdirSync(`${folder}.new`, { recursive: true });
    execFileSync('dpkg-deb', ['-x', cached(one), `${folder}.new`]);
  }
  renameSync(`${folder}.new`, folder);
  return folder;
}

/** Unpacked, by the row's name. */
export function unpacked(arch: Arch, name: string): string {
  const locked = lockedPackages(arch).filter((one) => one.of === name);
  if (locked.length === 0)
    fail(`${name} is not in ${lockPath(arch)}: make image-lock ARCH=${arch}`);
  return unpack(locked);
}

/** Copies what is kept of the packages of one place into `root`. */
export function installPackages(arch: Arch, place: Place, root: string): void {
  for (const { name, keep } of wantedPackages(arch).filter((wanted) => wanted.place === place)) {
    const folder = unpacked(arch, name);
    for (const pattern of keep) {
      const found = globSync(pattern, { cwd: folder }).sort();
      const files = found.filter((path) => !lstatSync(join(folder, path)).isDirectory());
      for (const path of files) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        cpSync(join(folder, path), join(root, path), { verbatimSymlinks: true });
      }
      if (files.length === 0 && !pattern.includes('*')) fail(`${name} has no ${pattern}`);
    }
  }
}
