/**
 * The image that ours is compared with: Debian trixie as debootstrap makes it, with systemd, dnsmasq for
 * the LAN and dhcpcd for the WAN, and nothing that those do not need. Its packages come from where this
 * machine's own apt has Debian from.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BUILD } from '../../../scripts/image/layout.ts';
import { mirrors } from '../../../scripts/image/packages.ts';

export interface PlainImage {
  /** The root file system, kernel and initramfs in it, as a raw ext4 disk. */
  readonly disk: string;
  readonly packed: string;
  /** How QEMU starts it. */
  readonly options: readonly string[];
}

const PACKAGES = [
  'linux-image-amd64',
  'systemd-sysv',
  'udev',
  'dbus',
  'iproute2',
  'dnsmasq',
  'dhcpcd',
];
const DISK_BYTES = 1 << 30;
const FOLDER = join(BUILD, 'debian');

const nice = (file: string, ...args: string[]): void => {
  const options = { stdio: ['ignore', 'ignore', 'inherit'] as ('ignore' | 'inherit')[] };
  execFileSync('nice', ['-n', '15', file, ...args], options);
};

/** Files that are written over the packages' own. */
const FILES: Readonly<Record<string, string>> = {
  'etc/hostname': 'debian\n',
  'etc/fstab': '/dev/vda / ext4 defaults 0 1\n',
  'etc/sysctl.d/router.conf': 'net.ipv4.ip_forward=1\n',
  'etc/dhcpcd.conf':
    'hostname\nduid\npersistent\noption domain_name_servers\ninterface eth1\nstatic ip_address=192.168.1.1/24\n',
  'etc/dnsmasq.d/lan.conf':
    'interface=eth1\nbind-dynamic\ndhcp-range=192.168.1.100,192.168.1.200,1h\n',
  // As on our image under test: a shell for the test.
  'etc/test-shell': 'stty -echo -onlcr\necho SHELL\nPS1= PS2= exec sh -s\n',
  'etc/systemd/system/test-shell.service': `[Service]
ExecStart=/bin/sh /etc/test-shell
StandardInput=tty
StandardOutput=tty
TTYPath=/dev/hvc0
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`,
};

/** Why it cannot be made here, or undefined. */
export const noDebian = (): string | undefined =>
  spawnSync('debootstrap', ['--version']).error === undefined ? undefined : 'needs debootstrap';

/** Made once, and kept in build/. */
export function plainImage(): PlainImage {
  const at = (name: string): string => join(FOLDER, name);
  const disk = at('debian.img');
  const packed = `${disk}.xz`;
  if (!existsSync(packed)) {
    mkdirSync(FOLDER, { recursive: true });
    const tree = at('tree');
    bootstrap(tree);
    for (const kind of ['vmlinuz', 'initrd.img']) {
      cpSync(globSync(join(tree, `boot/${kind}-*`))[0] ?? '', at(kind));
    }
    rmSync(disk, { force: true });
    nice('/usr/sbin/mke2fs', '-q', '-t', 'ext4', '-d', tree, disk, `${DISK_BYTES / 1024}k`);
    rmSync(tree, { recursive: true });
    nice('xz', '-k', '-f', '-6', '-T0', '-S', '.new', disk);
    renameSync(`${disk}.new`, packed);
  }
  const words = 'root=/dev/vda rw console=tty1 console=ttyS0,115200 net.ifnames=0 quiet';
  const options = ['-kernel', at('vmlinuz'), '-initrd', at('initrd.img'), '-append', words];
  return { disk, packed, options };
}

/** What the packages' own scripts do is done in namespaces without a network, and ends with them. */
function bootstrap(tree: string): void {
  rmSync(tree, { recursive: true, force: true });
  const include = `--include=${PACKAGES.join(',')}`;
  const mirror = mirrors()['debian'] ?? '';
  nice('debootstrap', '--foreign', '--variant=minbase', include, 'trixie', tree, mirror);
  const apart = ['--net', '--pid', '--mount', '--uts', '--ipc', '--fork', '--kill-child'];
  const inside = (...command: string[]) =>
    nice('unshare', ...apart, `--mount-proc=${join(tree, 'proc')}`, 'chroot', tree, ...command);
  inside('/debootstrap/debootstrap', '--second-stage');
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const enable = 'systemctl enable test-shell dnsmasq dhcpcd && systemctl mask serial-getty@hvc0';
  inside('/bin/sh', '-c', `${enable} && apt-get clean && rm -rf /var/lib/apt/lists/*`);
}
