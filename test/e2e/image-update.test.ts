/**
 * Updates of the image as it is delivered, in QEMU: installed, confirmed, refused, given up. It takes
 * many minutes, so it runs by `make test-image` alone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { signingKey, writeBundle } from '../../scripts/image/build-bundle.ts';
import { type Arch, BUILD } from '../../scripts/image/layout.ts';
import { EmulatedBox, imagesAsked, noImage } from '../lib/emulated-box.ts';
import { home } from '../lib/netns.ts';
import {
  environment,
  fetched,
  ownSerial,
  ready,
  release,
  shop,
  updateStatus,
  upgraded,
} from '../lib/releases.ts';

t.setTimeout(3_600_000);

const wanted = imagesAsked('long');
/** The root file system of a slot, as far as it is written. */
const slotSum = (box: EmulatedBox, arch: Arch, number: 2 | 3) =>
  box.run(
    `head -c ${readFileSync(join(BUILD, arch, 'rootfs')).length} /dev/vda${number} | sha256sum`,
  );

async function confirmed(t: Test, box: EmulatedBox, arch: Arch, serial: number): Promise<void> {
  await box.start();
  await ready(box);
  await box.eventually('gatehouse upgrade --status | grep -q confirmed');
  t.match(await updateStatus(box), {
    state: 'confirmed',
    said: { running: 'a', leastSerial: serial },
  });
  t.equal(await environment(box), 'order=a left=9');
  await box.run('gatehouse set Device.DeviceInfo.HostName=tower');
  const before = await slotSum(box, arch, 2);
  await fetched(box, '2.0');
  await upgraded(box);
  await ready(box);
  t.match(await box.run('cat /proc/cmdline'), /gatehouse\.slot=b/);
  t.match(await updateStatus(box), {
    state: 'trying',
    said: { running: 'b', leastSerial: serial },
  });
  t.match(await environment(box), /order=b a.*left=2|left=2.*order=b a/);
  await box.eventually('gatehouse upgrade --status | grep -q confirmed');
  t.match(await environment(box), 'order=b a left=9');
  t.equal(await box.run('hostname'), 'tower', 'settings are kept');
  t.equal(await slotSum(box, arch, 2), before, 'the slot before is as it was');
  t.match(
    await box.run('grep " /boot " /proc/mounts'),
    /vfat ro/,
    'and the boot partition read-only again',
  );
}

async function refused(t: Test, box: EmulatedBox, arch: Arch, folder: string): Promise<void> {
  const before = await slotSum(box, arch, 3);
  const good = readFileSync(join(folder, '2.0.gup'));
  const half = Math.floor(good.length / 2);
  writeFileSync(join(folder, 'damaged.gup'), good.with(half, (good[half] ?? 0) ^ 1));
  writeFileSync(join(folder, 'cut.gup'), good.subarray(0, half));
  const cases = [
    ['old', /older \(serial/],
    ['damaged', /part rootfs is not what the manifest says/],
    ['cut', /cut off/],
  ] as const;
  for (const [name, fault] of cases) {
    await fetched(box, name);
    t.match(await box.try('gatehouse upgrade /data/new.gup --yes'), { code: 1, output: fault });
  }
  t.equal(await environment(box), 'order=b a left=9');
  t.equal(await slotSum(box, arch, 3), before, 'the running slot is as it was');
}

/** Without a root file system: three tries, and back. */
async function unbootable(t: Test, box: EmulatedBox): Promise<void> {
  await fetched(box, '3.0');
  const from = box.console.length;
  await upgraded(box);
  await box.consoleSays(/(slot a has no root file system[\s\S]*){3}/, from);
  await ready(box);
  t.match(await updateStatus(box), { state: 'rolledBack', said: { running: 'b' } });
  await box.eventually('grep -qa left=9 /boot/boot.env');
  t.equal(await environment(box), 'order=b left=9', 'it is nothing to fall back to');
}

/** A daemon that does not start: the watchdog ends it, here with one try left. */
async function dead(t: Test, box: EmulatedBox): Promise<void> {
  await fetched(box, '4.0');
  const { output, code } = await box.try('gatehouse upgrade /data/new.gup </dev/null');
  t.match(output, /the other slot is booted next/);
  t.equal(code, 2, 'nobody says that the box may start again');
  await box.run(
    'mount -o remount,rw /boot && sed -i s/left=3/left=1/ /boot/boot.env && mount -o remount,ro /boot',
  );
  await box.run('gatehouse reboot --yes');
  box.forgetShell();
  t.match(await box.run('cat /proc/cmdline'), /gatehouse\.slot=a/);
  t.not((await box.try('gatehouse status')).code, 0, 'its daemon does not answer');
  const from = box.console.length;
  box.forgetShell();
  await box.consoleSays(/the daemon is not well: the box starts again/, from);
  await box.consoleSays(/Gatehouse, slot b/, from);
  await ready(box);
  t.match(await updateStatus(box), { state: 'rolledBack', said: { running: 'b' } });
}

for (const arch of ['x86_64', 'arm64'] as const) {
  const skip = wanted.includes(arch) ? noImage(arch) : 'runs by make test-image';
  t.test(`${arch}: updates`, { timeout: 3_000_000, ...(skip ? { skip } : {}) }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-releases-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const serial = ownSerial(arch);
    await release(arch, folder, ['2.0', serial + 2]);
    await release(arch, folder, ['old', serial + 1]);
    await release(arch, folder, ['4.0', serial + 4], (tree) => {
      writeFileSync(
        join(tree, 'usr/libexec/gatehouse/daemon'),
        '#!/bin/sh\nexec sleep 2147483647\n',
      );
    });
    const empty = join(folder, 'empty');
    writeFileSync(empty, Buffer.alloc(1 << 20, 'no file system '));
    const slot = (name: string) => join(BUILD, arch, name);
    const parts = { kernel: slot('kernel'), initramfs: slot('initramfs'), rootfs: empty };
    const content = { arch, version: '3.0', serial: serial + 3, parts };
    await writeBundle(join(folder, '3.0.gup'), content, signingKey());
    using spaces = home(`upd-${arch}`);
    await using box = new EmulatedBox(spaces, arch);
    using _shop = await shop(spaces, folder);
    await t.test('installed, tried, confirmed', (t) => confirmed(t, box, arch, serial));
    await t.test('what is older, damaged or cut off', (t) => refused(t, box, arch, folder));
    await t.test('one that cannot be booted', (t) => unbootable(t, box));
    await t.test('one whose daemon does not start', (t) => dead(t, box));
  });
}
