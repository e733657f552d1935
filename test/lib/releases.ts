/** Updates for emulated boxes: other versions of the image that was built, and a machine of the LAN that has them. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { signingKey, writeBundle } from '../../scripts/image/build-bundle.ts';
import { type Arch, BUILD } from '../../scripts/image/layout.ts';
import { decodeBundleHead } from '../../src/wire/bundle.ts';
import type { EmulatedBox } from './emulated-box.ts';
import type { Namespaces } from './netns.ts';

/** Files for the box, by HTTP from 192.168.1.100, a machine of its LAN. */
export async function shop(spaces: Namespaces, folder: string): Promise<Disposable> {
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.100/24', 'dev', 'eth0');
  const words = ['-u', '-m', 'http.server', '8000', '--directory', folder];
  const server = spawn('ip', spaces.argv('lan', 'python3', ...words), {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(server.stdout, 'data');
  return { [Symbol.dispose]: () => void server.kill() };
}

/** Packs a root file system fast; it is thrown away soon. */
function packed(tree: string, rootfs: string): void {
  const options = ['-noappend', '-all-root', '-quiet', '-no-progress'];
  const fast = ['-comp', 'zstd', '-Xcompression-level', '1'];
  execFileSync('nice', ['-n', '15', 'mksquashfs', tree, rootfs, ...options, ...fast]);
}

/** The running image, as another version; `change` is made to a copy of its root file system. */
export async function release(
  arch: Arch,
  folder: string,
  [version, serial]: readonly [string, number],
  change?: (tree: string) => void,
): Promise<void> {
  const at = (name: string) => join(BUILD, arch, name);
  let rootfs = at('rootfs');
  if (change !== undefined) {
    const tree = join(folder, 'tree');
    execFileSync('cp', ['-a', at('rootfs.tree'), tree]);
    change(tree);
    rootfs = join(folder, `${version}.rootfs`);
    packed(tree, rootfs);
    rmSync(tree, { recursive: true });
  }
  const parts = { kernel: at('kernel'), initramfs: at('initramfs'), rootfs };
  await writeBundle(join(folder, `${version}.gup`), { arch, version, serial, parts }, signingKey());
}

/** Serial of the image that is booted. */
export function ownSerial(arch: Arch): number {
  const head = decodeBundleHead(readFileSync(join(BUILD, arch, 'boot/a/head')));
  if (!head.ok) throw new Error(head.error.message);
  return head.value.manifest.serial;
}

/** Brings a bundle of the shop onto the box; the LAN may just be coming up. */
export const fetched = (box: EmulatedBox, name: string): Promise<string> =>
  box.eventually(`wget -q -O /data/new.gup http://192.168.1.100:8000/${name}.gup`);

export const updateStatus = async (box: EmulatedBox) =>
  JSON.parse(await box.run('gatehouse --json upgrade --status')) as {
    readonly state: string;
    readonly fault: string;
    readonly said: {
      readonly running: string;
      readonly leastSerial: number;
      readonly slots: object;
    };
  };

/** Waits until the daemon answers, and knows its slots. */
export const ready = (box: EmulatedBox): Promise<string> =>
  box.eventually('gatehouse upgrade --status 2>/dev/null | grep -q SLOT');

/** Variables of the boot loader. */
export const environment = async (box: EmulatedBox): Promise<string> =>
  (await box.run('grep -a "=" /boot/boot.env | tr "\\n" " "')).trim();

/** Installs what was fetched; the box starts again. */
export async function upgraded(box: EmulatedBox): Promise<void> {
  const { output, code } = await box.try('gatehouse upgrade /data/new.gup --yes');
  // Init may end the command itself before it has come back.
  if (code !== 0 && !output.includes('the box reboots now')) throw new Error(output);
  box.forgetShell();
}
