/** How QEMU is called for each architecture: two network cards, WAN and LAN, a disk and a watchdog. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Arch } from './layout.ts';
import { unpacked } from './packages.ts';

export interface Machine {
  /** A qcow2 file. */
  readonly disk: string;
  /** `-netdev` of WAN and LAN, with ids `wan` and `lan`. */
  readonly networks: readonly [wan: string, lan: string];
}

/** No KVM is asked for: the image of the other architecture runs the same way. */
export function qemuCommand(arch: Arch, { disk, networks }: Machine): string[] {
  const machine =
    arch === 'x86_64'
      ? ['qemu-system-x86_64', '-M', 'q35', '-cpu', 'max,la57=off']
      : [
          ...['qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a72', '-bios'],
          join(unpacked('arm64', 'u-boot-qemu'), 'usr/lib/u-boot/qemu_arm64/u-boot.bin'),
        ];
  const cards = networks.flatMap((netdev, i) => [
    ...['-netdev', netdev, '-device'],
    `virtio-net-pci,netdev=${i === 0 ? 'wan' : 'lan'},mac=52:54:00:00:00:0${i + 1},romfile=`,
  ]);
  return [
    ...machine,
    ...['-smp', '2', '-m', '512'],
    ...['-drive', `file=${disk},if=virtio,format=qcow2`],
    ...cards,
    ...['-device', 'i6300esb', '-device', 'virtio-rng-pci'],
  ];
}

/** A disk of 2 GB whose first content is the image; what is written goes to `disk`. */
export function createOverlay(image: string, disk: string): void {
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image, '-F', 'raw', disk, '2G']);
}
