/** npm packages of another kind of machine, which `npm ci` leaves out: fetched when wanted, and checked against the lock file. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version: string; readonly integrity: string } | undefined>
  >;
}

/** The folder of a package that package-lock.json names. */
export function packageFolder(name: string): string {
  const installed = join(ROOT, 'node_modules', name);
  if (existsSync(join(installed, 'package.json'))) return installed;
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`${name} is not in package-lock.json`);
  const { version, integrity } = locked;
  const folder = join(ROOT, 'build/packages', `${name.replaceAll('/', '-')}-${version}`);
  if (!existsSync(folder)) fetch(`${name}@${version}`, integrity, folder);
  return join(folder, 'package');
}

function fetch(what: string, integrity: string, folder: string): void {
  process.stderr.write(`binary: fetching ${what}\n`);
  const unpacked = `${folder}.new`;
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  execFileSync('npm', ['pack', '--silent', what, '--pack-destination', unpacked], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = readdirSync(unpacked).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) throw new Error(`npm fetched nothing for ${what}`);
  const bytes = readFileSync(join(unpacked, archive));
  const [algorithm = '', ...sum] = integrity.split('-');
  if (createHash(algorithm).update(bytes).digest('base64') !== sum.join('-')) {
    throw new Error(`${what} is not what package-lock.json says it is; it was not used`);
  }
  execFileSync('tar', ['-xzf', join(unpacked, archive), '-C', unpacked]);
  rmSync(join(unpacked, archive));
  renameSync(unpacked, folder);
}
