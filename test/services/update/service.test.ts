/** The update service with the real slot writer, files as slots, and a clock that a test moves. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SystemError } from '#src/base/errors.ts';
import { ok, type Result } from '#src/base/result.ts';
import { LinuxDownloads } from '#src/os/linux/download.ts';
import { LinuxFiles } from '#src/os/linux/files.ts';
import { LinuxSpools } from '#src/os/linux/spool.ts';
import { placesOf, type UpdateObserved } from '#src/services/update/config.ts';
import { TRIAL_MS, UpdateService, WELL_MS } from '#src/services/update/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { buildSlotWriter, SlotBox, SlotHelper } from '../../lib/slots.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-update-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const program = join(folder, 'slot-writer');
t.setTimeout(120_000);
t.before(() => buildSlotWriter(program));
const skip = process.getuid?.() === 0 ? false : 'the slot writer’s configuration must be root’s';

function house(box: SlotBox) {
  const clock = new FakeClock();
  const helper = new SlotHelper(box);
  const reports: UpdateObserved[] = [];
  const well = { is: true };
  const service = new UpdateService({
    helper,
    clock,
    log: new MemoryLog(),
    files: new LinuxFiles(),
    spools: new LinuxSpools(),
    downloads: new LinuxDownloads(),
    places: placesOf(box.config()),
    isWell: () => well.is,
    report: (value) => reports.push(value),
  });
  /** Time goes on, with a turn of the loop for what it set off. */
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 500) {
      clock.advance(500);
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    }
  };
  const installed = async (): Promise<void> => {
    if (helper.installing?.exitCode === null) await once(helper.installing, 'exit');
    const end = performance.now() + 30_000;
    while (['verifying', 'writing'].includes(service.observed.state)) {
      if (performance.now() > end) throw new Error('the install did not end');
      await pass(500);
    }
  };
  return { clock, helper, reports, well, service, pass, installed };
}

async function upload(service: UpdateService, bundle: Uint8Array): Promise<void> {
  const begun = await service.begin(bundle.length);
  if (!begun.ok) throw begun.error;
  for (let at = 0; at < bundle.length; at += 300_000) {
    const written = await service.write(at, bundle.subarray(at, at + 300_000));
    if (!written.ok) throw written.error;
  }
}

t.test('an update from its first byte to its confirmation', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const { service, reports, installed, helper } = house(box);
  await service.start();
  t.match(service.observed, { state: 'idle', missing: undefined, said: { running: 'a' } });
  const bundle = await box.bundle('1.1', 11);
  await upload(service, bundle);
  t.match(service.observed, { state: 'receiving', percent: 100 });
  t.same(await service.install(), ok(undefined));
  t.equal(service.observed.state, 'verifying');
  t.match(await service.begin(10_000), { ok: false, error: { message: /being installed/ } });
  await installed();
  t.match(service.observed, { state: 'ready', said: { slots: { b: { version: '1.1' } } } });
  t.notOk(existsSync(box.at('update/bundle.gup')), 'what is installed is not kept');
  t.same(await service.activate(), ok(undefined));
  t.match(service.observed, { state: 'activated', said: { order: ['b', 'a'], left: 3 } });
  t.ok(reports.some(({ state, percent }) => state === 'receiving' && percent > 0 && percent < 100));
  await service[Symbol.asyncDispose]();

  // As the loader leaves it.
  box.runFrom('b');
  writeFileSync(box.environment, '# GRUB Environment Block\norder=b a\nleft=2\n'.padEnd(1024, '#'));
  const next = house(box);
  await next.service.start();
  t.equal(next.service.observed.state, 'trying');
  t.match(await next.service.begin(10_000), { ok: false, error: { message: /on trial/ } });
  next.well.is = false;
  await next.pass(WELL_MS + 10_000);
  t.equal(next.service.observed.state, 'trying', 'not before it is well');
  next.well.is = true;
  await next.pass(WELL_MS - 10_000);
  t.equal(next.service.observed.state, 'trying', 'nor at once');
  await next.pass(20_000);
  t.match(next.service.observed, { state: 'confirmed', said: { left: 9, leastSerial: 11 } });
  t.equal(helper.reboots + next.helper.reboots, 0);
  t.match(await next.service.rollback(), { ok: true });
  t.match(next.service.observed, { state: 'activated', said: { order: ['a', 'b'] } });
  t.match(await next.service.select('b'), { ok: true });
  t.match(next.service.observed, { state: 'idle', said: { order: ['b'] } }, 'and back');
  t.match(await next.service.select('b'), { ok: true });
  await next.service[Symbol.asyncDispose]();
  t.equal(next.clock.pending, 0);
});

t.test('a version on trial that is never well is started again', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  writeFileSync(box.environment, '# GRUB Environment Block\norder=a b\nleft=1\n'.padEnd(1024, '#'));
  const { service, well, helper, pass } = house(box);
  well.is = false;
  await service.start();
  await pass(TRIAL_MS - 10_000);
  t.equal(helper.reboots, 0);
  await pass(20_000);
  t.equal(helper.reboots, 1);
  await service[Symbol.asyncDispose]();
});

t.test('a version that was given up is told, and the running one is kept', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  await box.bundle('1.1', 11);
  box.run('install');
  writeFileSync(box.environment, '# GRUB Environment Block\norder=b a\nleft=0\n'.padEnd(1024, '#'));
  const { service, pass, helper } = house(box);
  await service.start();
  t.match(service.observed, { state: 'rolledBack', fault: /was not well/ });
  await pass(WELL_MS + 10_000);
  t.match(service.observed, { state: 'rolledBack', said: { order: ['a'], left: 9 } });
  t.equal(helper.reboots, 0);
  t.match(await service.rollback(), {
    ok: false,
    error: { message: /newer version 1\.1: activate/ },
  });
  await service[Symbol.asyncDispose]();
});

t.test('what is refused, and why', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const { service, pass, installed, helper } = house(box);
  await service.start();
  const bundle = await box.bundle('1.1', 11);
  const why = async (done: Promise<Result<void, SystemError>>): Promise<string> => {
    const result = await done;
    return result.ok ? '' : result.error.message;
  };
  t.match(await why(service.begin(100)), /too short/);
  t.match(await why(service.begin(2 ** 31)), /at most/);
  t.match(await why(service.begin(2 ** 30)), box.folder === '' ? '' : /^$|lacks \d+ MB/);
  await service.cancel();
  t.match(await why(service.write(0, bundle)), /no upload was begun/);
  t.match(await why(service.install()), /no upload was begun/);
  t.match(await why(service.cancel()), /nothing is being uploaded/);

  await service.begin(bundle.length);
  t.match(await why(service.begin(bundle.length)), /is being uploaded/);
  t.match(await why(service.write(5, bundle)), /next byte is that at 0/);
  t.match(await why(service.write(0, Buffer.alloc(bundle.length + 1))), /more than was announced/);
  t.match(await why(service.install()), /\d+ bytes are missing/);
  t.match(await why(service.write(0, bundle.with(0, 0).subarray(0, 5000))), /no update bundle/);
  t.match(service.observed, { state: 'failed', failedIn: 'receiving', fault: /no update bundle/ });
  t.notOk(existsSync(box.at('update/bundle.gup')));

  await service.begin(bundle.length - 1);
  t.match(await why(service.write(0, bundle.subarray(0, 4096))), /cut off: 1 bytes are missing/);
  await service.begin(bundle.length + 1);
  t.match(await why(service.write(0, bundle.subarray(0, 4096))), /1 bytes too many/);
  const foreign = await box.bundle('1.1', 11, { arch: 'arm64' });
  await service.begin(foreign.length);
  t.match(await why(service.write(0, foreign.subarray(0, 4096))), /for arm64, the box is x86_64/);

  await service.begin(bundle.length);
  await service.write(0, bundle.subarray(0, 5000));
  await pass(61_000);
  while (service.observed.state === 'receiving') await new Promise(setImmediate);
  t.match(service.observed, { state: 'failed', fault: /sender went away/ });

  const damaged = bundle.with(bundle.length - 1, 1);
  await upload(service, damaged);
  await service.install();
  await installed();
  t.match(service.observed, { state: 'failed', failedIn: 'verifying', fault: /part rootfs/ });

  await upload(service, bundle);
  await service.install();
  helper.installing?.kill('SIGKILL');
  await installed();
  t.match(service.observed, { state: 'failed', fault: /cut short/ });

  await service[Symbol.asyncDispose]();
});

t.test('from the box’s own disk, and booted at once', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const { service, installed, helper } = house(box);
  await service.start();
  writeFileSync(box.at('bundle'), await box.bundle('1.1', 11));
  t.match(await service.download('http://example.net/x', false), {
    ok: false,
    error: { message: /neither https/ },
  });
  t.match(await service.download(`file://${box.at('none')}`, false), {
    ok: false,
    error: { code: 'ENOENT' },
  });
  t.match(await service.download(`file://${box.at('bundle')}`, true), { ok: true });
  const end = performance.now() + 30_000;
  while (helper.installing === undefined && performance.now() < end) {
    await new Promise(setImmediate);
  }
  await installed();
  while (helper.reboots === 0 && performance.now() < end) await new Promise(setImmediate);
  t.match(service.observed, { state: 'activated', said: { order: ['b', 'a'] } });
  t.equal(helper.reboots, 1);
  await service[Symbol.asyncDispose]();
});

t.test('a box without slots, and one whose helper comes later', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const { service, helper } = house(box);
  helper.missing = 'no root helper runs here';
  await service.start();
  t.match(service.observed, { state: 'none', missing: /no root helper/ });
  t.match(await service.begin(10_000), { ok: false, error: { code: 'ENOTSUP' } });
  helper.appear();
  await new Promise(setImmediate);
  t.match(service.observed, { state: 'idle', missing: undefined });
  await service[Symbol.asyncDispose]();

  const reports: UpdateObserved[] = [];
  const none = new UpdateService({
    helper,
    clock: new FakeClock(),
    log: new MemoryLog(),
    files: new LinuxFiles(),
    spools: new LinuxSpools(),
    downloads: new LinuxDownloads(),
    places: placesOf('bundle relative\nstatus /x\n'),
    isWell: () => true,
    report: (value) => reports.push(value),
  });
  await none.start();
  t.match(none.observed, { state: 'none', missing: /not installed from an image/ });
  t.match(await none.select('a'), { ok: false });
  await none[Symbol.asyncDispose]();
});
