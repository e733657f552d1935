/**
 * The tests of what is native once more, with addon and root helper under ASan and UBSan: a read behind the end
 * or an overflow ends the process. In a copy of the tree, since the tests load the addon by its
 * place in it, and its runtime has to come before Node's own libraries.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';

t.setTimeout(900_000);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TESTS = [
  'native/addon',
  'native/capture',
  'native/dns',
  'os/linux/dns-engine',
  'services/dht/fast-path',
  'services/dns/fast-path',
  'os/linux/capture-convert',
  'os/linux/capture-live',
  'os/linux/capture-threads',
  'os/linux/capture-torrents',
  'os/linux/capture-write',
  'os/linux/frames',
  'os/linux/udp',
  'native/root-helper',
  'os/arp-scan',
  'os/probe',
  'os/linux/net',
  'os/linux/process',
  'os/linux/secrets',
  'os/linux/taps',
  'os/linux/tcp',
  'os/linux/unix',
  'os/linux/unix-datagram',
  'services/monitor/path',
];

t.test('what is native reads, writes and frees nothing that it may not', async (t) => {
  const built = spawnSync(join(ROOT, 'scripts/build-native'), ['--sanitize'], { encoding: 'utf8' });
  if (built.status !== 0) return t.fail('not built', { said: built.stderr });
  const runtime = spawnSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const env = {
    PATH: process.env['PATH'],
    LD_PRELOAD: runtime.stdout.trim(),
    // Node itself keeps memory until its end.
    ASAN_OPTIONS: 'detect_leaks=0',
    // Seconds of a whole file: all is several times as slow.
    TAP_TIMEOUT: '300',
  };

  const copy = mkdtempSync(join(tmpdir(), 'gh-asan-'));
  t.teardown(() => rmSync(copy, { recursive: true, force: true }));
  for (const name of ['src', 'test', 'package.json']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(copy, 'build/native'), { recursive: true });
  const addon = join(copy, 'build/native/gatehouse.node');
  symlinkSync(join(ROOT, 'build/native-asan/gatehouse.node'), addon);
  // In a box of its own the checkout is all there is: no link leads out of it.
  cpSync(join(ROOT, 'build/native-asan/root-helper'), join(copy, 'build/native/root-helper'));

  await t.test('a fault would be seen', async (t) => {
    // The addon cannot even be loaded without the runtime, so nobody loads another one by mistake.
    const script = `process.dlopen({ exports: {} }, '${addon}')`;
    t.not(spawnSync(process.execPath, ['-e', script], { env: {} }).status, 0);
    t.equal(spawnSync(process.execPath, ['-e', script], { env }).status, 0);
  });

  for (const name of TESTS) {
    await t.test(name, async (t) => {
      const child = spawn(process.execPath, [join(copy, `test/${name}.test.ts`)], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [said, complained, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      t.match(said, /^ok 1 - /m, 'it has run');
      t.equal(code, 0, { said, complained });
      t.notMatch(complained, /AddressSanitizer|runtime error/);
    });
  }
});
