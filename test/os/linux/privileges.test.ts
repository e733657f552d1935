import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { LinuxFiles } from '#src/os/linux/files.ts';
import {
  findUser,
  KEPT_CAPABILITIES,
  type Privileges,
  readPrivileges,
} from '#src/os/linux/privileges.ts';

const files = new LinuxFiles();
const root = process.getuid?.() === 0;
const needsRoot = root ? {} : { skip: 'needs root to drop it' };

// Drops once, and tells what it is in the image that follows, on every thread and in a child.
const SCRIPT = `
  const base = process.argv[2];
  const { LinuxFiles } = await import(base + 'files.ts');
  const { readPrivileges, dropTo } = await import(base + 'privileges.ts');
  const { loadNative } = await import(base + 'native.ts');
  const { readdirSync, readFileSync } = await import('node:fs');
  const { spawnSync } = await import('node:child_process');
  const files = new LinuxFiles();
  const now = readPrivileges(files).value;
  if (now.uid === 0) {
    const command = [process.execPath, ...process.execArgv, process.argv[1]];
    const error = dropTo(loadNative(), { uid: 4322, gid: 4321 }, command);
    console.log(JSON.stringify({ code: error.code, message: error.message }));
    process.exit(1);
  }
  const threads = readdirSync('/proc/self/task').map((id) =>
    /^CapEff:\\s*(.*)$/m.exec(readFileSync('/proc/self/task/' + id + '/status', 'latin1'))[1]);
  const child = spawnSync('cat', ['/proc/self/status'], { encoding: 'utf8', env: {} }).stdout;
  console.log(JSON.stringify({ now, pid: process.pid, threads: [...new Set(threads)], count: threads.length,
    child: /^CapEff:\\s*(.*)$/m.exec(child)[1], args: process.argv.slice(3), execArgv: process.execArgv,
    env: process.env.MARK, real: [process.getuid(), process.geteuid(), process.getgid(), process.getegid()] }));`;

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where the checkout is for the dropped process: the real place may be one that only root may enter. */
const SEEN = mkdtempSync(join(tmpdir(), 'gh-checkout-'));
chmodSync(SEEN, 0o755);
t.teardown(() => rmSync(SEEN, { recursive: true }));
const seen = (path: string): string =>
  root && path.startsWith(ROOT) ? join(SEEN, path.slice(ROOT.length)) : path;
const mounted = [
  ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$2" && shift 2 && exec "$@"'],
  ...['sh', ROOT, SEEN],
];
const base = pathToFileURL(seen(join(ROOT, 'src/os/linux/'))).href;
const SETUP = `import { writeFileSync } from 'node:fs'; writeFileSync(process.argv[1], process.argv[2])`;

async function runScript(
  prefix: readonly string[],
  dir: string,
): Promise<{ pid: number | undefined; out: string; code: number | null }> {
  const script = `${dir}/drop.mjs`;
  spawnSync(process.execPath, ['--input-type=module', '-e', SETUP, script, SCRIPT]);
  const [file = process.execPath, ...args] = [
    ...(root ? mounted : []),
    ...prefix,
    seen(process.execPath),
    '--stack-size=900',
    seen(script),
    base,
    'one',
    'two words',
  ];
  const child = spawn(file, args, { env: { MARK: 'kept' }, stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (d) => (out += d));
  const [code] = await once(child, 'close');
  return { pid: child.pid, out, code };
}

t.test(
  'root becomes the user with three capabilities, on all threads, as the same process',
  needsRoot,
  async (t) => {
    const { pid, out, code } = await runScript([], t.testdir({}));
    t.equal(code, 0);
    const told = JSON.parse(out);
    const now: Privileges = told.now;
    const kept = [...KEPT_CAPABILITIES].sort();
    t.equal(told.pid, pid);
    t.same(told.real, [4322, 4322, 4321, 4321]);
    t.same(now.groups, []);
    for (const set of ['effective', 'permitted', 'inheritable', 'ambient', 'bounding'] as const) {
      t.same([...now[set]].sort(), kept, set);
    }
    t.equal(now.noNewPrivileges, true);
    t.ok(told.count > 1, `${told.count} threads`);
    t.same(told.threads, [told.child], 'every thread, and what it starts, have the same three');
    t.same(told.args, ['one', 'two words']);
    t.same(told.execArgv, ['--stack-size=900']);
    t.equal(told.env, 'kept');
  },
);

t.test('without the right to drop it says so', needsRoot, async (t) => {
  const prefix = ['setpriv', '--bounding-set=-setpcap', '--inh-caps=-setpcap'];
  const { out, code } = await runScript(prefix, t.testdir({}));
  t.equal(code, 1);
  t.match(JSON.parse(out), { code: 'EPERM', message: /bounding set/ });
});

t.test('the privileges of this process are read', async (t) => {
  const own = readPrivileges(files);
  if (!own.ok) throw own.error;
  t.equal(own.value.uid, process.geteuid?.());
  t.equal(own.value.gid, process.getegid?.());
  t.match(readPrivileges(files, 2 ** 22 + 1), { ok: false, error: { code: 'ENOENT' } });
});

t.test('users are found by name', async (t) => {
  t.same(findUser(files, 'root'), { ok: true, value: { uid: 0, gid: 0 } });
  t.match(findUser(files, 'daemon'), { ok: true, value: { uid: 1, gid: 1 } });
  t.match(findUser(files, 'nobody-here'), {
    ok: false,
    error: { code: 'ENOENT', remedy: /useradd/ },
  });
});
