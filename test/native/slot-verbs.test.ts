/** The root helper with a slot writer, both under sanitizers, as the daemon asks them. */

import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SlotVerb } from '#src/wire/root-helper.ts';
import { decodeRootAnswer, encodeRootRequest } from '#src/wire/root-helper.ts';
import { buildSlotWriter, compile, SlotBox } from '../lib/slots.ts';
import { noBoxes, ROOT, SmallBox } from '../lib/small-box.ts';

t.setTimeout(120_000);
const skip = noBoxes() ?? false;

async function ask(box: SmallBox, verb: SlotVerb): Promise<string> {
  const socket = connect(box.socket);
  try {
    await once(socket, 'connect');
    socket.write(encodeRootRequest({ verb }));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    const answer = decodeRootAnswer(chunk);
    if (!answer.ok) throw new Error(answer.error.message);
    const { outcome, errno } = answer.value;
    return outcome === 'failed' ? `failed ${errno}` : outcome;
  } finally {
    socket.destroy();
  }
}

t.test('an update by the helper’s verbs', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-verbs-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const writer = join(folder, 'slot-writer');
  const helper = join(folder, 'root-helper');
  using slots = new SlotBox(writer);
  buildSlotWriter(writer, { sanitize: true, defines: [`CONFIG="${slots.at('config')}"`] });
  compile(join(ROOT, 'native/root-helper.c'), helper, {
    sanitize: true,
    defines: [`SLOT_WRITER="${writer}"`],
  });
  await slots.settle();

  await using box = new SmallBox();
  box.startDeaf(`${helper} --run-dir ${box.runDir} --audit ${box.audit} &`);
  await box.until('the helper listens', () => statSync(box.socket, { throwIfNoEntry: false }));
  t.equal(await ask(box, 'status'), 'done');
  t.match(slots.status, { running: 'a', phase: 'idle' });
  t.equal(await ask(box, 'activate'), 'failed 2');
  t.match(slots.status, { phase: 'failed', fault: /holds no version/ });

  writeFileSync(slots.at('root-b'), '');
  truncateSync(slots.at('root-b'), 120 << 20);
  await slots.bundle('1.1', 11, { sizes: { kernel: 1000, initramfs: 1000, rootfs: 100 << 20 } });
  t.equal(await ask(box, 'install'), 'done', 'it is begun');
  t.equal(await ask(box, 'activate'), 'busy');
  t.equal(await ask(box, 'confirm'), 'busy');
  await box.until('it is installed', () => slots.status.phase === 'installed');
  await box.until('its end is recorded', () => box.records.length === 6);
  t.equal(await ask(box, 'activate'), 'done');
  t.same(slots.variables(), { order: 'b a', left: '3' });

  // Cut short: the helper puts the status right.
  await slots.bundle('1.2', 12, { sizes: { kernel: 1000, initramfs: 1000, rootfs: 100 << 20 } });
  await box.until('another is earned', async () => (await ask(box, 'install')) === 'done');
  await box.until('it works', () => slots.status.phase === 'verifying');
  process.kill(box.pidOf('slot-writer', folder), 'SIGKILL');
  await box.until('the status is right', () => slots.status.phase === 'idle');
  t.match(box.records.at(-1), /install failed: Interrupted system call$/);

  await box.until('another is earned', async () => (await ask(box, 'factory-reset')) === 'done');
  t.ok(statSync(slots.at('factory-reset')));
  const said = box.records.map((line) => line.replace(/^\S+ pid=\d+ uid=0 /, ''));
  t.ok(said.includes('confirm refused: busy'));
  t.ok(said.includes('activate failed: No such file or directory'));
});

t.test('a box without slots', { skip }, async (t) => {
  await using box = new SmallBox();
  box.startDeaf(`${box.helper} &`);
  await box.until('the helper listens', () => statSync(box.socket, { throwIfNoEntry: false }));
  for (const verb of ['install', 'status', 'factory-reset'] as const) {
    t.equal(await ask(box, verb), 'absent');
  }
  t.match(box.records.at(-1), /factory-reset refused: no slots on this box$/);
});
