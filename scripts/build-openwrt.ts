/**
 * Builds the packages for OpenWrt, without its SDK: `node scripts/build-openwrt.ts ARCH [OPENWRT_ARCH]`,
 * ARCH x86_64 or arm64, OPENWRT_ARCH as `opkg print-architecture` has it on the box. Into
 * `build/openwrt/`: `gatehouse_*.ipk` from what `make binary` built, with the loader and libraries of
 * glibc, and `luci-app-gatehouse_*.ipk`; into `build/openwrt/ARCH/root` the files, for the feed.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Arch, fail, NAMES, parseArch, ROOT } from './image/layout.ts';
import { fetchPackages, unpacked } from './image/packages.ts';
import { writeIpk } from './openwrt/ipk.ts';
import { dependencies, readFeed } from './openwrt/makefile.ts';

const OUT = join(ROOT, 'build/openwrt');
const FEED = join(ROOT, 'openwrt/gatehouse');
const LUCI = join(ROOT, 'openwrt/luci-app-gatehouse');

/** What `opkg print-architecture` has, beside `all`, on most boxes of that kind. */
const OPENWRT: Readonly<Record<Arch, string>> = { x86_64: 'x86_64', arm64: 'aarch64_generic' };
const LOADERS: Readonly<Record<Arch, string>> = {
  x86_64: 'ld-linux-x86-64.so.2',
  arm64: 'ld-linux-aarch64.so.1',
};

/** Of what `make binary` built. What an image needs besides, procd does here. */
const PROGRAM = [
  'gatehouse',
  'gatehouse.node',
  'lmdb.node',
  'lease-plugin',
  'root-helper',
  'oui.bin',
  'web',
];

/** What the program is linked against, by Debian package. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  libc6: ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0'],
  'libstdc++6': ['libstdc++.so.6'],
  'libgcc-s1': ['libgcc_s.so.1'],
  libatomic1: ['libatomic.so.1'],
};

/** Files of `openwrt/gatehouse/files`: name, place on the box, mode. */
const FILES = [
  ['gatehouse.init', 'etc/init.d/gatehouse', 0o755],
  ['gatehouse.config', 'etc/config/gatehouse', 0o640],
  ['gatehouse.defaults', 'etc/uci-defaults/90_gatehouse', 0o755],
  ['gatehouse.acl.json', 'usr/share/acl.d/gatehouse.json', 0o644],
  ['gatehouse.keep', 'lib/upgrade/keep.d/gatehouse', 0o644],
] as const;

const LUCI_SCRIPT = `#!/bin/sh
[ -n "\${IPKG_INSTROOT}" ] || {
	rm -rf /tmp/luci-indexcache* /tmp/luci-modulecache
	[ ! -x /etc/init.d/rpcd ] || /etc/init.d/rpcd reload
}
exit 0
`;

function place(from: string, to: string, mode: number): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}

function installGlibc(arch: Arch, folder: string): void {
  fetchPackages(arch, Object.keys(LIBRARIES));
  for (const [name, files] of Object.entries(LIBRARIES)) {
    const libraries = join(unpacked(arch, name), 'usr/lib', NAMES[arch].gnu);
    const wanted = name === 'libc6' ? [LOADERS[arch], ...files] : files;
    for (const file of wanted) {
      place(realpathSync(join(libraries, file)), join(folder, file), 0o755);
    }
  }
}

/** Lays the files out as they lie on the box; gives their folder. */
function stage(arch: Arch): string {
  const built = join(ROOT, 'build/binary', arch);
  if (!existsSync(join(built, 'manifest.json'))) {
    fail(`no program in ${built}: make binary ARCH=${arch}`);
  }
  const root = join(OUT, arch, 'root');
  rmSync(root, { recursive: true, force: true });
  const program = join(root, 'usr/lib/gatehouse');
  mkdirSync(program, { recursive: true });
  for (const name of PROGRAM) cpSync(join(built, name), join(program, name), { recursive: true });
  installGlibc(arch, join(program, 'glibc'));
  for (const [name, path, mode] of FILES) place(join(FEED, 'files', name), join(root, path), mode);
  const launcher = readFileSync(join(FEED, 'files/gatehouse.sh'), 'utf8');
  const starter = join(root, 'usr/sbin/gatehouse');
  mkdirSync(dirname(starter), { recursive: true });
  writeFileSync(starter, launcher.replace('@LOADER@', LOADERS[arch]), { mode: 0o755 });
  return root;
}

function versionOf(arch: Arch): string {
  const manifest = readFileSync(join(ROOT, 'build/binary', arch, 'manifest.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function gatehouse(arch: Arch, openwrtArch: string): string {
  const root = stage(arch);
  const { values, description, conffiles } = readFeed(FEED, 'gatehouse');
  const value = (key: string): string => values.get(key) ?? '';
  const version = versionOf(arch);
  writeFileSync(join(OUT, arch, 'version'), `${version}\n`);
  const script = (name: string) => readFileSync(join(FEED, 'files', `gatehouse.${name}`), 'utf8');
  return writeIpk(
    {
      name: value('PKG_NAME'),
      version: `${version}-${value('PKG_RELEASE')}`,
      arch: openwrtArch,
      fields: {
        Depends: dependencies(value('DEPENDS')),
        License: value('PKG_LICENSE'),
        Section: value('SECTION'),
        'Require-User': value('USERID'),
        Description: `${value('TITLE')}\n${description}`,
      },
      conffiles,
      scripts: { postinst: script('postinst'), prerm: script('prerm') },
      root,
    },
    OUT,
  );
}

function luci(arch: Arch): string {
  const root = join(OUT, 'luci-root');
  rmSync(root, { recursive: true, force: true });
  cpSync(join(LUCI, 'htdocs'), join(root, 'www'), { recursive: true });
  cpSync(join(LUCI, 'root'), root, { recursive: true });
  const { values } = readFeed(LUCI, 'luci-app-gatehouse');
  const value = (key: string): string => values.get(key) ?? '';
  return writeIpk(
    {
      name: 'luci-app-gatehouse',
      version: `${versionOf(arch)}-1`,
      arch: value('LUCI_PKGARCH'),
      fields: {
        Depends: dependencies(value('LUCI_DEPENDS')),
        License: value('PKG_LICENSE'),
        Section: 'luci',
        Description: `${value('LUCI_TITLE')}\n${value('LUCI_DESCRIPTION')}`,
      },
      conffiles: [],
      scripts: { postinst: LUCI_SCRIPT, postrm: LUCI_SCRIPT },
      root,
    },
    OUT,
  );
}

const arch = parseArch(process.argv[2]);
for (const path of [gatehouse(arch, process.argv[3] ?? OPENWRT[arch]), luci(arch)]) {
  process.stdout.write(`${String(statSync(path).size).padStart(10)}  ${path}\n`);
}
