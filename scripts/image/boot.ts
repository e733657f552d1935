/** What the boot partition holds, but for the slots: loader and its script, on the Pi the firmware too. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type Arch, DISK_SIGNATURE, HERE, sourceDateEpoch } from './layout.ts';
import type { Kernel } from './modules.ts';
import { unpacked } from './packages.ts';

/** As the initramfs reads it from the disk: the lowest byte first. */
const signature = (): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(DISK_SIGNATURE);
  return bytes.toString('hex');
};

/** A GRUB environment block (GRUB manual, "The GRUB environment block"), which U-Boot reads as well. */
const environmentBlock = (order: string, left: number): string =>
  `# GRUB Environment Block\norder=${order}\nleft=${left}\n`.padEnd(1024, '#');

/** Fills `folder` with the boot partition's files; gives what lies before the first partition. */
export function buildBoot(arch: Arch, kernel: Kernel, folder: string): Buffer {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'boot.env'), environmentBlock('a b', 9));
  return arch === 'x86_64' ? grub(folder) : uBoot(kernel, folder);
}

const script = (name: string): string =>
  readFileSync(join(HERE, name), 'utf8').replaceAll('@DISK@', signature());

const GRUB_MODULES = [
  'part_msdos',
  'fat',
  'linux',
  'normal',
  'configfile',
  'loadenv',
  'test',
  'echo',
  'serial',
  'terminal',
  'minicmd',
  'reboot',
];

/**
 * GRUB for BIOS, between MBR and first partition, and for UEFI, as the file that firmware starts
 * from a disk without entries of its own. All modules are in it.
 */
function grub(folder: string): Buffer {
  const pc = join(unpacked('x86_64', 'grub-pc-bin'), 'usr/lib/grub/i386-pc');
  const efi = join(unpacked('x86_64', 'grub-efi-amd64-bin'), 'usr/lib/grub/x86_64-efi');
  mkdirSync(join(folder, 'grub'));
  mkdirSync(join(folder, 'EFI/BOOT'), { recursive: true });
  writeFileSync(join(folder, 'grub/grub.cfg'), script('grub.cfg'));
  grubMkimage('x86_64-efi', efi, '/grub', join(folder, 'EFI/BOOT/BOOTX64.EFI'), []);
  const core = join(folder, 'core.img');
  grubMkimage('i386-pc', pc, '(,msdos1)/grub', core, ['biosdisk']);
  const head = Buffer.concat([
    readFileSync(join(pc, 'boot.img')).subarray(0, 512),
    readFileSync(core),
  ]);
  rmSync(core);
  return head;
}

/** Debian's own grub-mkimage goes with the modules; it runs with the C library that it was built for. */
function grubMkimage(
  format: string,
  modules: string,
  prefix: string,
  out: string,
  more: string[],
): void {
  const gnu = 'usr/lib/x86_64-linux-gnu';
  const folders = ['libc6', 'libdevmapper1.02.1', 'liblzma5'].map((name) =>
    join(unpacked('x86_64', name), gnu),
  );
  // libdevmapper wants what it does not need here from the machine itself.
  const path = [...folders, `/${gnu}`, '/lib/x86_64-linux-gnu'].join(':');
  execFileSync(
    join(folders[0] ?? '', 'ld-linux-x86-64.so.2'),
    [
      '--library-path',
      path,
      join(unpacked('x86_64', 'grub-common'), 'usr/bin/grub-mkimage'),
      '-O',
      format,
      '-d',
      modules,
      '-p',
      prefix,
      '-o',
      out,
      ...GRUB_MODULES,
      ...more,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
}

/** Of the Pis that run 64 bits and have a place in the list of the README. */
const DEVICE_TREES =
  'broadcom/{bcm2837-rpi-{3-b,3-b-plus,3-a-plus,zero-2-w},bcm2711-rpi-{4-b,400,cm4-io},bcm2712-*rpi-5-b}.dtb';

function uBoot(kernel: Kernel, folder: string): Buffer {
  const firmware = join(unpacked('arm64', 'raspi-firmware'), 'usr/lib/raspi-firmware');
  for (const name of ['bootcode.bin', 'start.elf', 'fixup.dat', 'start4.elf', 'fixup4.dat']) {
    copyFileSync(join(firmware, name), join(folder, name));
  }
  for (const path of globSync(DEVICE_TREES, { cwd: kernel.deviceTrees })) {
    copyFileSync(join(kernel.deviceTrees, path), join(folder, basename(path)));
  }
  cpSync(
    join(unpacked('arm64', 'u-boot-rpi'), 'usr/lib/u-boot/rpi_arm64/u-boot.bin'),
    join(folder, 'u-boot.bin'),
  );
  copyFileSync(join(HERE, 'config.txt'), join(folder, 'config.txt'));
  const text = join(folder, 'boot.cmd');
  writeFileSync(text, script('boot.cmd'));
  execFileSync(
    'mkimage',
    [
      '-A',
      'arm64',
      '-T',
      'script',
      '-C',
      'none',
      '-n',
      'Gatehouse',
      '-d',
      text,
      join(folder, 'boot.scr'),
    ],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDateEpoch()) },
    },
  );
  rmSync(text);
  return Buffer.alloc(0);
}
