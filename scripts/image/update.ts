/** What makes the image one that can be updated: the slot writer with its configuration, and the bundle. */
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, globSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE_HEAD_BYTES } from '../../src/wire/bundle.ts';
import { publicKeyBytes, signingKey, writeBundle } from './build-bundle.ts';
import { type Arch, BUILD, fail, NAMES, ROOT, sourceDateEpoch } from './layout.ts';
import { unpacked } from './packages.ts';

const FOLDER = 'usr/lib/gatehouse';

/** As src/services/update/README.md has it. */
const configuration = (arch: Arch): string => `arch ${arch}
key /${FOLDER}/update.pub
boot /boot
disk /run/gatehouse-disk
root-a 2
root-b 3
bundle /data/gatehouse/update/bundle.gup
command-line /proc/cmdline
status /run/gatehouse-update/status
reset /data/factory-reset
`;

export function installUpdates(arch: Arch, root: string): void {
  const { gnu } = NAMES[arch];
  const [library] = globSync(`usr/lib/${gnu}/libsodium.so.23`, {
    cwd: unpacked(arch, 'libsodium23'),
  });
  if (library === undefined) fail('libsodium23 has no library for the slot writer');
  const out = join(BUILD, arch, 'native');
  execFileSync(join(ROOT, 'scripts/build-native'), ['--slots'], {
    env: {
      ...process.env,
      CC: `${gnu}-gcc`,
      STRIP: `${gnu}-strip`,
      OUT: out,
      SODIUM: join(unpacked(arch, 'libsodium23'), library),
    },
    stdio: ['ignore', 2, 2],
  });
  copyFileSync(join(out, 'slot-writer'), join(root, FOLDER, 'slot-writer'));
  writeFileSync(join(root, FOLDER, 'update.conf'), configuration(arch));
  writeFileSync(join(root, FOLDER, 'update.pub'), publicKeyBytes(signingKey()));
}

/** SERIAL, or when the source was committed: it rises with every release. */
function serial(): number {
  const given = process.env['SERIAL'];
  if (given !== undefined && given !== '') return Number(given);
  try {
    const words = ['log', '-1', '--format=%ct'];
    const said = execFileSync('git', words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
    return Number(said);
  } catch {
    // An archive of the source has no history.
    return sourceDateEpoch();
  }
}

/** The bundle of what lies in `folder`; `head` gets its head, which a slot has beside its kernel. */
export async function buildBundle(
  arch: Arch,
  version: string,
  folder: string,
  head: string,
): Promise<string> {
  const path = join(BUILD, `gatehouse-${version}-${arch}.gup`);
  const parts = {
    kernel: join(folder, 'kernel'),
    initramfs: join(folder, 'initramfs'),
    rootfs: join(folder, 'rootfs'),
  };
  await writeBundle(path, { arch, version, serial: serial(), parts }, signingKey());
  const bytes = Buffer.alloc(BUNDLE_HEAD_BYTES);
  const file = openSync(path, 'r');
  readSync(file, bytes);
  closeSync(file);
  writeFileSync(head, bytes);
  return path;
}
