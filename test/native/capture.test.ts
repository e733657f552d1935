/** The face of the capture engine: misuse gives errors, and nothing is freed under work that runs. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { loadNative } from '#src/os/linux/native.ts';
import { capturePackets, pcapFile } from '../lib/capture-files.ts';

const { EINVAL, EBUSY, EBADF } = constants.errno;
const native = loadNative();
const folder = mkdtempSync(join(tmpdir(), 'gh-capture-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'a.pcap');
const packets = Object.values(capturePackets());
writeFileSync(path, pcapFile(packets.map((bytes, i) => ({ us: i, bytes }))));

function made(t: { fail(message: string): unknown }) {
  const raw = native.createCapture(64, 64, 64);
  if (typeof raw === 'number') throw t.fail(`no capture: ${raw}`);
  return raw;
}

t.test('nonsense for arguments', async (t) => {
  t.equal(native.createCapture(0, 10, 10), -EINVAL);
  t.equal(native.createCapture(2 ** 31, 10, 10), -EINVAL);
  const raw = made(t);
  t.equal(raw.read(-1, 1, 1), -EINVAL);
  t.equal(raw.read(0, 0, 1), -EINVAL);
  t.equal(raw.take(0, new Uint8Array(0), 1), -EINVAL);
  t.equal(raw.progress(new Float64Array(3)), -EINVAL);
  t.equal(await raw.read(9999, 1, 1), -EBADF);
  const { read } = raw;
  t.equal(read.call({} as typeof raw, 0, 1, 1), -EINVAL, 'of another object');
  t.equal(raw.release(), 0);
  t.equal(raw.release(), -EINVAL);
  t.equal(raw.end(), -EINVAL);
  t.equal(raw.report(1, 1, 1, 1), -EINVAL);
});

t.test('one piece of work at a time', async (t) => {
  const raw = made(t);
  const fd = openSync(path, 'r');
  const work = raw.read(fd, 1 << 20, 1);
  t.equal(raw.read(fd, 1 << 20, 1), -EBUSY);
  t.equal(raw.feed(new Uint8Array(1)), -EBUSY);
  t.equal(raw.release(), -EBUSY);
  t.equal(raw.report(1, 1, 1, 1), -EBUSY);
  t.ok((await work) > 0);
  const report = raw.report(100, 100, 100, 100);
  t.ok(typeof report !== 'number');
  if (typeof report !== 'number')
    t.equal(JSON.parse(Buffer.from(report).toString()).packets, packets.length);
  closeSync(fd);
  raw.release();
});

t.test('a worker may end in the midst of it', async (t) => {
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(
      `const m = { exports: {} };
       process.dlopen(m, ${JSON.stringify(join(import.meta.dirname, '../../build/native/gatehouse.node'))});
       const fd = require('node:fs').openSync(${JSON.stringify(path)}, 'r');
       const raw = m.exports.createCapture(64, 64, 64);
       raw.read(fd, 1 << 20, 1);
       m.exports.createCapture(64, 64, 64);
       process.exit(7);`,
      { eval: true },
    );
    const code = await new Promise((resolve) => worker.once('exit', resolve));
    t.equal(code, 7);
  }
});
