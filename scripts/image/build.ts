/**
 * Builds the bootable image: `node scripts/image/build.ts ARCH`. In build/image/ARCH/ it leaves what
 * a slot is made of, `kernel`, `initramfs` and `rootfs`, and in build/image/ the update bundle and the
 * disk, plain and compressed, with `os_list.json` for Raspberry Pi Imager (IMAGE_URL is the folder that
 * the image will be fetched from).
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildBoot } from './boot.ts';
import { buildDisk } from './disk.ts';
import { buildInitramfs } from './initramfs.ts';
import { type Arch, BUILD, parseArch, say, sourceDateEpoch } from './layout.ts';
import { type Kernel, kernelOf } from './modules.ts';
import { writeOsList } from './os-list.ts';
import { fetchPackages } from './packages.ts';
import { buildRoot, packRoot, productVersion } from './rootfs.ts';
import { buildBundle } from './update.ts';

const megabytes = (path: string): string => `${(statSync(path).size / 1e6).toFixed(1)} MB`;

function kernelFile(arch: Arch, kernel: Kernel, out: string): void {
  // Debian's arm64 kernel is not compressed; U-Boot unpacks gzip.
  if (arch === 'arm64') writeFileSync(out, gzipSync(readFileSync(kernel.image), { level: 9 }));
  else copyFileSync(kernel.image, out);
}

async function build(arch: Arch, compress: boolean): Promise<void> {
  const work = join(BUILD, arch);
  mkdirSync(work, { recursive: true });
  const at = (name: string): string => join(work, name);
  fetchPackages(arch);
  const kernel = kernelOf(arch);
  kernelFile(arch, kernel, at('kernel'));
  buildInitramfs(arch, kernel, at('initramfs.tree'), at('initramfs'));
  buildRoot(arch, kernel, at('rootfs.tree'));
  packRoot(at('rootfs.tree'), at('rootfs'));
  const head = buildBoot(arch, kernel, at('boot'));
  mkdirSync(at('boot/a'));
  mkdirSync(at('boot/b'));
  for (const name of ['kernel', 'initramfs']) copyFileSync(at(name), at(`boot/a/${name}`));
  const bundle = await buildBundle(arch, productVersion(), work, at('boot/a/head'));
  say(`${arch} update: ${bundle}, ${megabytes(bundle)}`);
  const image = join(BUILD, `gatehouse-${arch}.img`);
  buildDisk(arch, { head, boot: at('boot'), rootA: at('rootfs') }, image);
  for (const name of ['kernel', 'initramfs', 'rootfs'])
    say(`${arch} ${name}: ${megabytes(at(name))}`);
  say(`${arch} disk: ${image}, ${megabytes(image)}`);
  if (!compress) return;
  execFileSync('xz', ['-k', '-f', '-6', '-T0', image]);
  say(`${arch} compressed: ${image}.xz, ${megabytes(`${image}.xz`)}`);
  if (arch !== 'arm64') return;
  const list = join(BUILD, 'os_list.json');
  const parts = { image, packed: `${image}.xz`, version: productVersion() };
  const baseUrl = process.env['IMAGE_URL'];
  await writeOsList({ ...parts, epochSec: sourceDateEpoch(), baseUrl }, list);
  say(`manifest for Raspberry Pi Imager: ${list}`);
}

const [word, option] = process.argv.slice(2);
await build(parseArch(word), option !== '--no-xz');
