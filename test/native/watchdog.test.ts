import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openBus } from '../../src/edge/ubus/bus.ts';
import { gatehouseObjects } from '../../src/edge/ubus/gatehouse.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';

const WATCHDOG = join(import.meta.dirname, '../../build/native/watchdog');

/** What `--once` says of the bus at `path`. */
async function verdict(path: string): Promise<number> {
  const child = spawn(WATCHDOG, ['--once', '--ubus-socket', path], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  return code as number;
}

/** Our own broker in a folder of its own; with a daemon on it that says `status`, if there is one. */
function busWith(t: Test, status?: () => object): string {
  const folder = mkdtempSync(join(tmpdir(), 'gh-watchdog-'));
  const path = join(folder, 'ubus.sock');
  const reactor = new Reactor(loadNative(), { leads: true });
  const opened = openBus({
    sockets: new LinuxUnixSockets(reactor),
    path,
    clock: new FakeClock(),
    log: new MemoryLog(),
    randomU32: () => 4711,
    self: { pid: process.pid, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    readText: () => 'root:x:0:0::/:/bin/sh\n',
    aclDirectory: () => undefined,
  });
  if (!opened.ok) throw opened.error;
  const { value: bus } = opened;
  if (status !== undefined) {
    for (const object of gatehouseObjects({ services: [], status })) bus.client.serve(object);
  }
  t.teardown(async () => {
    await bus[Symbol.asyncDispose]();
    await reactor[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return path;
}

t.test('well is who answers and has applied what is asked, with nothing failing', async (t) => {
  const well = { version: '1', revision: 7, applied: 7, failing: {} };
  t.equal(await verdict(busWith(t, () => well)), 0);
  t.equal(await verdict(busWith(t, () => ({ ...well, revision: 8 }))), 1, 'one revision behind');
  t.equal(await verdict(busWith(t, () => ({ ...well, applied: -1 }))), 1, 'nothing applied yet');
  t.equal(
    await verdict(busWith(t, () => ({ ...well, failing: { network: ['no'] } }))),
    1,
    'failing',
  );
  t.equal(await verdict(busWith(t, () => ({ version: '1' }))), 1, 'another kind of answer');
  t.equal(
    await verdict(busWith(t, () => ({ ...well, more: 'x'.repeat(100_000) }))),
    1,
    'an answer too long to be one',
  );
});

t.test('a large revision, and members before and after', async (t) => {
  const revision = 2 ** 40;
  const path = busWith(t, () => ({ a: ['b', { c: 1.5 }], applied: revision, revision, z: null }));
  t.equal(await verdict(path), 0);
});

t.test('a bus without a daemon, and no bus', async (t) => {
  t.equal(await verdict(busWith(t)), 1);
  t.equal(await verdict('/nonexistent/ubus.sock'), 1);
});
