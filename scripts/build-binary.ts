/**
 * Builds the single executable and what lies beside it: `node scripts/build-binary.ts ARCH [OUT]`,
 * ARCH x86_64 or arm64, OUT `build/binary/ARCH`. The executable is Node with the bundle in it, as
 * `node --build-sea` makes it; it is started with the flags of `scripts/node-flags` and takes none
 * from NODE_OPTIONS. Two builds of one source are the same, byte for byte.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { muslGcc } from './binary/musl.ts';
import { packageFolder } from './binary/packages.ts';
import { bundleMain, bundleWhole, EXTERNAL, nodeFlags, writeParts } from './bundle.ts';
import { type Arch, NAMES, parseArch } from './image/layout.ts';

/** Node of another kind of machine runs by these, with the loader and libraries of Debian's cross compilers. */
const EMULATORS: Readonly<Record<Arch, readonly string[]>> = {
  x86_64: ['qemu-x86_64-static', '-L', '/usr/x86_64-linux-gnu'],
  arm64: ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'],
};

const ROOT = join(import.meta.dirname, '..');

/** What of the source makes the executable. */
const SOURCE = ['src', 'native', 'scripts', 'package-lock.json'];

interface About {
  readonly version: string;
  readonly commit?: string;
}

function about(): About {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as About;
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const dirty = git('status', '--porcelain', '--', ...SOURCE) !== '';
    return { version, commit: git('rev-parse', 'HEAD').trim() + (dirty ? '-dirty' : '') };
  } catch {
    // An archive of the source has no history.
    return { version };
  }
}

/** The Node that goes to the box: stripped before anything is added, since after that it would not start. */
function strippedNode(arch: Arch, work: string): string {
  const { node: name, gnu } = NAMES[arch];
  const node = join(packageFolder(`node-linux-${name}`), 'bin/node');
  const { version } = JSON.parse(readFileSync(join(node, '../../package.json'), 'utf8')) as About;
  const stripped = join(work, `node-${version}`);
  if (!existsSync(stripped)) {
    execFileSync(`${gnu}-strip`, ['-o', `${stripped}.new`, node]);
    renameSync(`${stripped}.new`, stripped);
  }
  return stripped;
}

/** The assets of the executable: name → file. */
async function assets(arch: Arch, node: string, work: string): Promise<Record<string, string>> {
  const folder = join(work, 'parts');
  const emulator = process.arch === NAMES[arch].node ? [] : EMULATORS[arch];
  writeParts(await bundleMain(), [...emulator, node], folder);
  const files: Record<string, string> = {};
  for (const name of readdirSync(folder).sort()) files[name] = join(folder, name);
  const asset = (name: string, text: string): void => {
    const path = join(work, name.replaceAll('/', '-'));
    writeFileSync(path, text, 'latin1');
    files[name] = path;
  };
  asset('about.json', JSON.stringify(about()));
  for (const name of EXTERNAL) asset(`${name}.js`, await bundleWhole(name));
  return files;
}

async function executable(arch: Arch, work: string): Promise<string> {
  const node = strippedNode(arch, work);
  writeFileSync(join(work, 'executable.js'), await bundleWhole('src/main/executable.ts', false));
  const output = join(work, 'gatehouse');
  const config = {
    // Relative, since it is kept in the executable.
    main: 'executable.js',
    output,
    executable: node,
    disableExperimentalSEAWarning: true,
    // Both are of the machine that builds; what lies beside the parts is of the one that runs it.
    useSnapshot: false,
    useCodeCache: false,
    execArgv: nodeFlags(),
    execArgvExtension: 'none',
    assets: await assets(arch, node, work),
  };
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config, undefined, 2));
  execFileSync(process.execPath, ['--build-sea', 'sea.json'], {
    cwd: work,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return output;
}

/** The addon, the lease plugin and the root helper; gives their folder. */
function native(arch: Arch, work: string): string {
  const { gnu } = NAMES[arch];
  const out = join(work, 'native');
  execFileSync(join(ROOT, 'scripts/build-native'), {
    stdio: ['ignore', 2, 2],
    env: {
      ...process.env,
      OUT: out,
      CXX: `${gnu}-g++`,
      CC: `${gnu}-gcc`,
      CC_STATIC: muslGcc(arch, work),
      STRIP: `${gnu}-strip`,
    },
  });
  return out;
}

function lmdb(arch: Arch, work: string): string {
  const { node, gnu } = NAMES[arch];
  const prebuilt = join(packageFolder(`@lmdb/lmdb-linux-${node}`), 'node.napi.glibc.node');
  const stripped = join(work, 'lmdb.node');
  execFileSync(`${gnu}-strip`, ['-o', stripped, prebuilt]);
  return stripped;
}

/** What the folder holds: of each file its size and SHA-256. */
function manifest(arch: Arch, folder: string): string {
  const names = globSync('**/*', { cwd: folder }).sort();
  const files = names.flatMap((path) => {
    const file = join(folder, path);
    if (!statSync(file).isFile()) return [];
    const bytes = readFileSync(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return [{ path, sizeBytes: bytes.length, sha256 }];
  });
  return `${JSON.stringify({ ...about(), arch, files }, undefined, 2)}\n`;
}

async function build(arch: Arch, out: string): Promise<void> {
  const work = `${out}.work`;
  mkdirSync(work, { recursive: true });
  const next = `${out}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  const put = (from: string, name: string, mode: number): void => {
    copyFileSync(from, join(next, name));
    chmodSync(join(next, name), mode);
  };
  const built = native(arch, work);
  put(join(built, 'gatehouse.node'), 'gatehouse.node', 0o644);
  put(join(built, 'lease-plugin'), 'lease-plugin', 0o755);
  put(join(built, 'root-helper'), 'root-helper', 0o755);
  put(join(built, 'watchdog'), 'watchdog', 0o755);
  put(lmdb(arch, work), 'lmdb.node', 0o644);
  put(await executable(arch, work), 'gatehouse', 0o755);
  put(join(ROOT, 'build/oui.bin'), 'oui.bin', 0o644);
  cpSync(join(ROOT, 'build/web'), join(next, 'web'), { recursive: true });
  writeFileSync(join(next, 'manifest.json'), manifest(arch, next));
  rmSync(out, { recursive: true, force: true });
  renameSync(next, out);
}

const [word, out] = process.argv.slice(2);
const arch = parseArch(word);
await build(arch, resolve(out ?? join(ROOT, 'build/binary', arch)));
