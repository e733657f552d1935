/**
 * Writes packages.ARCH.lock anew: `node scripts/image/lock.ts ARCH`. A private apt configuration for
 * Debian trixie, which leaves the machine's own alone; apt checks the archive's signatures.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, NAMES, parseArch, say } from './layout.ts';
import { lockPath, mirrors, type Wanted, wantedPackages } from './packages.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const arch = parseArch(process.argv[2]);
const apt = join(BUILD, `apt-${arch}`);
const at = mirrors();

function configure(): NodeJS.ProcessEnv {
  rmSync(apt, { recursive: true, force: true });
  for (const folder of [
    'state/lists/partial',
    'cache/archives/partial',
    'etc/apt.conf.d',
    'etc/preferences.d',
  ]) {
    mkdirSync(join(apt, folder), { recursive: true });
  }
  const source = (mirror: string | undefined, suite: string) =>
    `deb [signed-by=${KEYRING}] ${mirror} ${suite} main non-free-firmware\n`;
  writeFileSync(
    join(apt, 'etc/sources.list'),
    source(at['debian'], 'trixie') +
      source(at['debian'], 'trixie-backports') +
      source(at['debian-security'], 'trixie-security'),
  );
  writeFileSync(join(apt, 'state/status'), '');
  const config = join(apt, 'apt.conf');
  writeFileSync(
    config,
    `Dir "${apt}";
Dir::State "state";
Dir::State::status "state/status";
Dir::Cache "cache";
Dir::Etc "etc";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "${NAMES[arch].debian}";
APT::Architectures { "${NAMES[arch].debian}"; };
APT::Sandbox::User "";
Acquire::Languages "none";
`,
  );
  return { ...process.env, APT_CONFIG: config };
}

const env = configure();
const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** The fields of one version of a package, the newest of its suite. */
function fields(name: string, suite: string | undefined): Map<string, string> {
  const target = suite === undefined ? [] : ['-t', suite];
  const text =
    run('apt-cache', ...target, '--no-all-versions', 'show', name).split('\n\n')[0] ?? '';
  return new Map(
    text.split('\n').map((line) => [line.split(': ')[0] ?? '', line.slice(line.indexOf(': ') + 2)]),
  );
}

/** The kernel's own packages: those that depend on each other by names with its version. */
function kernelPackages(name: string, suite: string | undefined, found: Set<string>): Set<string> {
  for (const word of (fields(name, suite).get('Depends') ?? '').split(/[,|]\s*/)) {
    const dependency = word.trim().split(' ')[0] ?? '';
    if (!/^linux-[a-z]+-\d/.test(dependency) || found.has(dependency)) continue;
    found.add(dependency);
    kernelPackages(dependency, suite, found);
  }
  return found;
}

function lock({ name, suite, follow }: Wanted): string[] {
  const names = follow ? [...kernelPackages(name, suite, new Set())].sort() : [name];
  return names.map((one) => {
    const of = fields(one, suite);
    const file = of.get('Filename') ?? '';
    // The packages of trixie-security lie in the archive of that name.
    const policy = run('apt-cache', ...(suite === undefined ? [] : ['-t', suite]), 'policy', one);
    const installable = policy.slice(policy.indexOf(` ${of.get('Version')} `)).split('\n')[1] ?? '';
    const archive = installable.includes('security') ? 'debian-security' : 'debian';
    return [name, one, of.get('Version'), of.get('SHA256'), archive, file].join(' ');
  });
}

run('apt-get', '-qq', 'update');
const lines = wantedPackages(arch).flatMap(lock);
writeFileSync(
  lockPath(arch),
  `# Written by \`make image-lock\`: row of packages.txt, package, version, SHA-256, archive, file.\n${lines.join('\n')}\n`,
);
say(`${lines.length} packages in ${lockPath(arch)}`);
