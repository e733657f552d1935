/** The single executable: the same file as it goes to the box, on this machine and under qemu-user. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxFiles } from '../../src/os/linux/files.ts';
import { readPrivileges } from '../../src/os/linux/privileges.ts';
import { ARCHES, binary, noBinary, runs } from '../lib/binary.ts';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(590_000);

const ROOT = join(import.meta.dirname, '../..');
/** What the system itself starts a dynamic program by. */
const LOADER = ['/lib64/ld-linux-x86-64.so.2', '--library-path', '/lib/x86_64-linux-gnu'];

interface Manifest {
  readonly version: string;
  readonly commit?: string;
  readonly arch: string;
  readonly files: readonly { path: string; sizeBytes: number; sha256: string }[];
}

const manifestOf = (path: string): Manifest => JSON.parse(readFileSync(path, 'utf8'));

for (const arch of ARCHES) {
  t.test(`${arch}: it runs, and knows what it is`, { skip: noBinary(arch) }, async (t) => {
    const words = [...(runs(arch) ?? []), binary(arch)];
    const run = (args: readonly string[], input = '') => {
      const [file = '', ...rest] = [...words, ...args];
      return spawnSync(file, rest, { encoding: 'utf8', env: {}, input });
    };
    const manifest = manifestOf(binary(arch, 'manifest.json'));
    for (const { path, sizeBytes, sha256 } of manifest.files) {
      const bytes = readFileSync(binary(arch, path));
      t.equal(bytes.length, sizeBytes, path);
      t.equal(createHash('sha256').update(bytes).digest('hex'), sha256, path);
    }
    const { version, commit } = manifest;
    const json = JSON.parse(run(['--version', '--json']).stdout);
    t.same(json, commit === undefined ? { version } : { version, commit });
    const short = commit === undefined ? '' : ` (${commit.slice(0, 12)})`;
    t.equal(run(['--version']).stdout, `${version}${short}\n`);
    t.match(run(['get', '--help']), { status: 0, stdout: /^Usage: gatehouse get/ });
    // No daemon: the addon was loaded to find that out.
    t.match(run(['--ubus-socket', '/nowhere', 'schema']), {
      status: 1,
      stderr: /cannot reach the daemon/,
    });
    // What is loaded for certificates alone is in it, too.
    const names = { hosts: ['x'], addresses: [] };
    const order = JSON.stringify({ make: 'chain', name: 'x', names, nowMs: 1_700_000_000_000 });
    t.match(run(['make-certificate'], order), { status: 0, stdout: /BEGIN CERTIFICATE/ });
    // None of Node's own switches opens it.
    const hostile = spawnSync(words[0] ?? '', [...words.slice(1), '--version'], {
      env: { NODE_OPTIONS: '--require=/nowhere' },
    });
    t.equal(hostile.status, 0, 'NODE_OPTIONS is not heard');
    t.equal(statSync(binary(arch)).mode & 0o777, 0o755);
    for (const name of ['lease-plugin', 'root-helper']) {
      const type = execFileSync('readelf', ['-lW', binary(arch, name)], { encoding: 'utf8' });
      t.notMatch(type, /INTERP/, `${name} is static`);
    }
  });

  t.test(`${arch}: two builds are the same`, { skip: noBinary(arch) }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-binary-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    // What the test runner loads into Node would be compiled, too.
    const env = { ...process.env };
    delete env['NODE_OPTIONS'];
    const built = ['one', 'elsewhere/two'].map((name) => {
      const out = join(folder, name);
      execFileSync(process.execPath, [join(ROOT, 'scripts/build-binary.ts'), arch, out], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      return readFileSync(join(out, 'manifest.json'), 'utf8');
    });
    t.equal(built[0], built[1]);
  });
}

for (const [how, words] of [
  ['by itself', []],
  ['by a loader', LOADER],
] as const) {
  const skip = noNamespaces() ?? noBinary('x86_64');
  t.test(`${how} it drops root, gets a lease and serves the page`, { skip }, async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('binary'));
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const program = [...words, binary('x86_64')];
    const router = stack.use(new Router(spaces, 'r', { asRoot: true, program }));
    await router.start('--https', '127.0.0.1:443', '--http', 'none');
    await router.waitFor('Device.DHCPv4.Client.1.DHCPStatus', 'Bound');
    const { pid } = await router.call('gatehouse', 'status');
    const now = readPrivileges(new LinuxFiles(), Number(pid));
    t.match(now, { ok: true, value: { uid: 6767, noNewPrivileges: true } });
    t.same(now.ok && now.value.effective.toSorted(), [
      'CAP_NET_ADMIN',
      'CAP_NET_BIND_SERVICE',
      'CAP_NET_RAW',
    ]);
    // Its certificate came from a child that is this program again.
    const page = await router.until('the page is served', () => {
      const got = spawnSync(
        'ip',
        spaces.argv('r', 'curl', '-sk', 'https://127.0.0.1/api/session', 'https://127.0.0.1/'),
        { encoding: 'utf8' },
      );
      return got.status === 0 && got.stdout;
    });
    t.match(page, /"setupNeeded":true/);
    t.match(page, /<!doctype html>/i);
  });
}

t.test(
  'arm64: the daemon starts as far as qemu-user goes',
  { skip: noNamespaces() ?? noBinary('arm64') },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('binary'));
    const program = [...(runs('arm64') ?? []), binary('arm64')];
    const router = stack.use(new Router(spaces, 'r', { program }));
    // Addon, rtnetlink, audit trail and store are open by then. qemu-user knows no netlink socket of
    // nftables, and under it nothing could start the plugin: the booted image is where it all runs.
    if (process.arch === 'arm64') await router.start();
    else await t.rejects(router.start(), { message: /watch nftables: protocol not supported/ });
    t.ok(statSync(join(router.stateDir, 'gatehouse.mdb')).size > 0, 'lmdb made the store');
  },
);
