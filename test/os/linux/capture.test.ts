import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { captureTo } from '../../../src/os/linux/capture.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxPacketTaps } from '../../../src/os/linux/taps.ts';
import { encodePcapHeader } from '../../../src/wire/pcap.ts';

const LOOPBACK = 1;
const skip = process.getuid?.() === 0 ? false : 'taps are for root';

function made(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'gh-capture-'));
  const reactor = new Reactor(loadNative());
  const socket = createSocket('udp4');
  t.teardown(async () => {
    socket.close();
    await reactor[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return {
    path: join(folder, 'a.pcap'),
    taps: new LinuxPacketTaps(reactor),
    send: (text: string) =>
      new Promise<void>((resolve) =>
        socket.send(text, 9, '127.0.0.1', () => setImmediate(resolve)),
      ),
  };
}

t.test('frames are in the file, and it is for its owner alone', { skip }, async (t) => {
  const { path, taps, send } = made(t);
  const ending = new AbortController();
  const task = { ifIndex: LOOPBACK, path, maxBytes: 1 << 20, maxMs: 10_000 };
  const running = captureTo(taps, () => 1000, task, ending.signal);
  const end = performance.now() + 5000;
  while (!readFileSync(path).includes('gatehouse-capture')) {
    if (performance.now() > end) throw new Error('no frame came');
    await send('gatehouse-capture');
  }
  ending.abort();
  const done = await running;
  if (!done.ok) throw done.error;
  t.ok(done.value.frames >= 1);
  t.equal(done.value.sizeBytes, statSync(path).size);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.ok(readFileSync(path).subarray(0, 24).equals(encodePcapHeader()));
});

t.test('it ends by itself at its size, and at its time', { skip }, async (t) => {
  const { path, taps, send } = made(t);
  const { signal } = new AbortController();
  const task = { ifIndex: LOOPBACK, path, maxBytes: 2000, maxMs: 60_000 };
  let over = false;
  const running = captureTo(taps, () => 1000, task, signal).finally(() => {
    over = true;
  });
  const end = performance.now() + 5000;
  while (!over && performance.now() < end) await send('x'.repeat(500));
  t.ok(over);
  const done = await running;
  t.ok(done.ok && done.value.sizeBytes <= 2000 && done.value.frames >= 1);
  const brief = { ...task, path: `${path}.2`, maxMs: 1, maxBytes: 1 << 20 };
  t.equal((await captureTo(taps, () => 1000, brief, signal)).ok, true);
});

t.test('never over a file that is there, nor on a link that is not', { skip }, async (t) => {
  const { path, taps } = made(t);
  writeFileSync(path, 'mine');
  const { signal } = new AbortController();
  const task = { ifIndex: LOOPBACK, path, maxBytes: 2000, maxMs: 1000 };
  t.match(await captureTo(taps, () => 0, task, signal), { ok: false, error: { code: 'EEXIST' } });
  t.equal(readFileSync(path, 'utf8'), 'mine');
  const nowhere = { ...task, path: `${path}.2`, ifIndex: 999_999 };
  t.equal((await captureTo(taps, () => 0, nowhere, signal)).ok, false);
});
