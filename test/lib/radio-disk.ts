/**
 * A disk for a box in QEMU that has everything for an access point in it: the kernel's simulated radios
 * (mac80211_hwsim) for the kernel of the image, and Debian's hostapd and iw of this machine with their
 * libraries. The image itself has none of them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { kernelOf } from '../../scripts/image/modules.ts';

const HOSTAPD = '/usr/sbin/hostapd';
const IW = '/usr/sbin/iw';

/** Why there can be none here; undefined when there can. */
export const noRadios = (): string | undefined =>
  [HOSTAPD, IW].every((program) => existsSync(program)) ? undefined : 'needs hostapd and iw';

export interface AccessPoint {
  readonly ssid: string;
  readonly password: string;
  /** Not told to everybody. */
  readonly hidden: boolean;
}

/** Makes it in `folder`; gives the options of QEMU. In the box it is the file system with the label radios. */
export function radioDisk(folder: string, { ssid, password, hidden }: AccessPoint): string[] {
  const tree = join(folder, 'radios');
  mkdirSync(join(tree, 'lib'), { recursive: true });
  const { modules } = kernelOf('x86_64');
  const needs = /mac80211_hwsim\.ko: (.*)/.exec(readFileSync(join(modules, 'modules.dep'), 'utf8'));
  const chain = [...(needs?.[1] ?? '').split(' ').reverse()];
  const simulated = 'kernel/drivers/net/wireless/virtual/mac80211_hwsim.ko';
  for (const path of [...chain, simulated]) {
    copyFileSync(join(modules, path), join(tree, basename(path)));
  }
  let loader = '';
  for (const program of [HOSTAPD, IW]) {
    copyFileSync(program, join(tree, basename(program)));
    for (const [, path = ''] of spawnSync('ldd', [program], { encoding: 'utf8' }).stdout.matchAll(
      /(?:=> )?(\/\S+) \(/g,
    )) {
      copyFileSync(path, join(tree, 'lib', basename(path)));
      if (basename(path).startsWith('ld-linux')) loader = basename(path);
    }
  }
  const conf = `interface=wlan1
driver=nl80211
ctrl_interface=/tmp/hostapd
ssid=${ssid}
ignore_broadcast_ssid=${hidden ? 1 : 0}
country_code=DE
hw_mode=g
channel=1
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=${password}
`;
  writeFileSync(join(tree, 'hostapd.conf'), conf);
  const dhcp = `interface wlan1
start 10.9.9.100
end 10.9.9.110
option subnet 255.255.255.0
option router 10.9.9.1
option lease 600
lease_file /tmp/udhcpd.leases
pidfile /tmp/udhcpd.pid
`;
  writeFileSync(join(tree, 'udhcpd.conf'), dhcp);
  const run = `${'$here'}/lib/${loader} --library-path ${'$here'}/lib ${'$here'}`;
  writeFileSync(
    join(tree, 'up'),
    `#!/bin/sh
# Two radios; the second goes into a network namespace of its own, with an access point and a DHCP server.
here=$1
for module in ${[...chain].map((path) => basename(path)).join(' ')}; do
  grep -q "^$(basename $module .ko) " /proc/modules || insmod $here/$module || exit 1
done
insmod $here/mac80211_hwsim.ko radios=2 || exit 1
mkdir -p /tmp/hostapd
setsid unshare -n sh -c "echo \\$\\$ >/tmp/ap.pid; until ip link show wlan1 >/dev/null 2>&1; do sleep 0.2; done
  ip address add 10.9.9.1/24 dev wlan1; : >/tmp/udhcpd.leases
  ${run}/hostapd -B -f /tmp/hostapd.log $here/hostapd.conf && exec busybox udhcpd -f $here/udhcpd.conf" \\
  </dev/null >/tmp/ap.log 2>&1 &
until [ -s /tmp/ap.pid ]; do sleep 0.1; done
phy=$(basename "$(readlink /sys/class/net/wlan1/phy80211)")
${run}/iw phy $phy set netns $(cat /tmp/ap.pid)
`,
  );
  for (const file of ['up', 'hostapd', 'iw', `lib/${loader}`]) chmodSync(join(tree, file), 0o755);
  const disk = join(folder, 'radios.img');
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-L', 'radios', '-d', tree, disk, '64M'], {
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
  return ['-drive', `file=${disk},if=virtio,format=raw,readonly=on`];
}

/** For the box's shell: finds the disk, mounts it, and puts the access point on the air. */
export const RADIOS_UP = `mkdir -p /tmp/radios && mount -t ext4 -o ro,noload "$(blkid -L radios 2>/dev/null || findfs LABEL=radios)" /tmp/radios && sh /tmp/radios/up /tmp/radios`;
