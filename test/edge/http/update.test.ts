/** Updates as the page sends them, with the real slot writer and files as slots. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxDownloads } from '#src/os/linux/download.ts';
import { LinuxFiles } from '#src/os/linux/files.ts';
import { LinuxSpools } from '#src/os/linux/spool.ts';
import { placesOf } from '#src/services/update/config.ts';
import { UpdateService } from '#src/services/update/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { buildSlotWriter, SlotBox, SlotHelper } from '../../lib/slots.ts';
import { box } from './box.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-http-update-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const program = join(folder, 'slot-writer');
t.before(() => buildSlotWriter(program));
const skip = process.getuid?.() === 0 ? false : 'the slot writer’s configuration must be root’s';
const STEPS = ['', '/data?offset=0', '/install', '/cancel', '/activate', '/rollback'];

t.test('in pieces, installed and activated', { skip }, async (t) => {
  using slots = new SlotBox(program);
  await slots.settle();
  const clock = new FakeClock();
  const helper = new SlotHelper(slots);
  const updates = new UpdateService({
    ...{ helper, clock, log: new MemoryLog(), files: new LinuxFiles() },
    ...{ spools: new LinuxSpools(), downloads: new LinuxDownloads() },
    places: placesOf(slots.config()),
    isWell: () => true,
    report: () => {},
  });
  await updates.start();
  const b = await box(t, updates);
  const owner = await b.administrator();
  const guest = await b.viewer(owner);
  for (const step of STEPS) t.equal((await guest.post(`/api/update${step}`)).status, 403, step);

  const bundle = await slots.bundle('1.1', 11);
  const fault = async (path: string, body?: unknown) => {
    const answer = await owner.post(`/api/update${path}`, body);
    return answer.status === 422 ? JSON.parse(answer.text).faults[0].message : answer.status;
  };
  t.equal(await fault('', { sizeBytes: 'many' }), 400);
  t.match(await fault('', { sizeBytes: 3 }), /too short/);
  t.match(await fault('/install'), /no upload was begun/);
  t.equal(await fault('', { sizeBytes: bundle.length }), 200);
  t.equal(await fault('/data?offset=x', bundle), 400);
  t.equal(await fault('/data?offset=0', bundle.subarray(0, (1 << 20) + 1)), 413);
  for (let at = 0; at < bundle.length; at += 1 << 20) {
    const piece = bundle.subarray(at, at + (1 << 20));
    t.equal(await fault(`/data?offset=${at}`, piece), 200);
  }
  t.equal(await fault('/install'), 200);
  if (helper.installing?.exitCode === null) await once(helper.installing, 'exit');
  const end = performance.now() + 20_000;
  while (updates.observed.state !== 'ready' && performance.now() < end) {
    clock.advance(500);
    await new Promise(setImmediate);
  }
  t.equal(updates.observed.state, 'ready');
  t.equal(await fault('/activate'), 200);
  t.match(slots.variables(), { order: 'b a', left: '3' });
  t.equal(await fault('/rollback'), 200);
  t.match(slots.variables(), { order: 'a', left: '9' });
  const recorded = b.calls.map(({ user, path }) => `${user} ${path}`);
  t.ok(recorded.includes('admin /api/update/install'));
  t.ok(recorded.includes('admin /api/update/activate'));
  await updates[Symbol.asyncDispose]();
});

t.test('a box without slots says so', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const answer = await owner.post('/api/update', { sizeBytes: 100_000 });
  t.equal(answer.status, 422);
  t.match(JSON.parse(answer.text).faults, [{ message: /no slots/ }]);
});
