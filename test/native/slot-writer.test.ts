/** The slot writer with files as slots: what it accepts, what it refuses, and what a cut leaves behind. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { BUNDLE_HEAD_BYTES, BUNDLE_SIGNED_BYTES, decodeBundleHead } from '#src/wire/bundle.ts';
import { randomFrom } from '../fuzz/run.ts';
import { buildSlotWriter, SlotBox } from '../lib/slots.ts';

const programs = mkdtempSync(join(tmpdir(), 'gh-slot-writer-'));
t.teardown(() => rmSync(programs, { recursive: true, force: true }));
const program = join(programs, 'slot-writer');
const checked = join(programs, 'slot-writer-checked');
const skip = process.getuid?.() === 0 ? false : 'its configuration must be root’s';

t.setTimeout(300_000);
t.before(() => {
  buildSlotWriter(program);
  buildSlotWriter(checked, { sanitize: true });
});

t.test('an update and its way back', { skip }, async (t) => {
  using box = new SlotBox(checked);
  await box.settle();
  t.match(box.status, { running: 'a', order: ['a'], left: 9, leastSerial: 10, phase: 'idle' });
  t.match(box.status.slots, { a: { version: '1.0', serial: 10 }, b: undefined });
  const before = box.slotHash('a');

  const bundle = await box.bundle('1.1', 11);
  t.same(box.run('install'), { code: 0, fault: '' });
  t.match(box.status, { phase: 'installed', order: ['a'], slots: { b: { version: '1.1' } } });
  t.same(box.variables(), { order: 'a', left: '9' }, 'nothing boots it before it is asked for');
  t.ok(readFileSync(box.at('boot/b/kernel')).equals(bundle.subarray(4096, 304_096)));
  const rootfs = bundle.subarray(404_096);
  t.ok(readFileSync(box.at('root-b')).subarray(0, rootfs.length).equals(rootfs));

  t.equal(box.run('activate').code, 0);
  t.same(box.variables(), { order: 'b a', left: '3' });
  t.equal(box.run('confirm').code, 0);
  t.same(box.variables(), { order: 'b a', left: '3' }, 'what waits for its boot stays');

  box.runFrom('b');
  t.equal(box.run('status').code, 0);
  t.match(box.status, { running: 'b', leastSerial: 10 });
  await box.bundle('1.2', 12);
  t.match(box.run('install'), { code: 16, fault: /not confirmed yet/ });
  t.equal(box.run('confirm').code, 0);
  t.same(box.variables(), { order: 'b a', left: '9' });
  t.match(box.status, { leastSerial: 11 });

  t.equal(box.run('rollback').code, 0);
  t.same(box.variables(), { order: 'a b', left: '3' });
  t.equal(box.run('rollback').code, 0);
  t.same(box.variables(), { order: 'b', left: '9' }, 'and back again');
  t.equal(box.run('rollback').code, 0);
  box.runFrom('a');
  t.equal(box.run('confirm').code, 0);
  t.same(box.variables(), { order: 'a b', left: '9' });
  t.equal(box.run('activate').code, 0);
  t.equal(box.slotHash('a'), before);
});

/** Sets the variables as the boot loader does. */
const count = (box: SlotBox, order: string, left: number): void => {
  const lines = `# GRUB Environment Block\norder=${order}\nleft=${left}\nfailsafe=no\n`;
  writeFileSync(box.environment, lines.padEnd(1024, '#'));
};

t.test('an image that never came up is nothing to fall back to', { skip }, async (t) => {
  using box = new SlotBox(checked);
  await box.settle();
  await box.bundle('1.1', 11);
  box.run('install');
  box.run('activate');
  // Three boots of b were counted down, then a was taken.
  count(box, 'b a', 0);
  box.run('status');
  t.match(box.status, { running: 'a', order: ['b', 'a'], left: 0 });
  t.equal(box.run('confirm').code, 0);
  t.same(box.variables(), { order: 'a', left: '9', failsafe: 'no' }, 'other variables stay');
  t.match(box.status, { leastSerial: 10 });
  t.equal(box.run('activate').code, 0, 'who wants may try again');
});

t.test('the same version may be installed again, an older one not', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  await box.bundle('1.0', 10);
  t.equal(box.run('install').code, 0);
  await box.bundle('0.9', 9);
  t.match(box.run('install'), { code: 1, fault: /older \(serial 9\).*\(10\)/ });
  t.match(box.status.slots.b, { version: '1.0' }, 'and what was there is still there');
});

t.test('a bundle changed in any byte is refused, and nothing is written', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const good = await box.bundle('1.1', 11, {
    sizes: { kernel: 5000, initramfs: 3000, rootfs: 9000 },
  });
  const [running, idle, environment] = [
    box.slotHash('a'),
    readFileSync(box.at('root-b')),
    readFileSync(box.environment),
  ];
  const end = 16 + good.readUInt32BE(12);
  const places = [
    ...Array.from({ length: end }, (_, at) => at),
    ...Array.from({ length: 40 }, (_, i) => end + i * 90),
    ...Array.from({ length: 64 }, (_, i) => BUNDLE_SIGNED_BYTES + i),
    ...Array.from({ length: 60 }, (_, i) => BUNDLE_HEAD_BYTES + i * 280),
    good.length - 1,
  ];
  const accepted: number[] = [];
  for (const at of places) {
    box.put(good.with(at, (good[at] ?? 0) ^ (1 << (at % 8))));
    if (box.run('install').code === 0) accepted.push(at);
  }
  t.same(accepted, [], `none of ${places.length}`);
  t.match(box.status, { phase: 'failed' });
  t.equal(box.slotHash('a'), running);
  t.ok(readFileSync(box.at('root-b')).equals(idle));
  t.ok(readFileSync(box.environment).equals(environment));
  t.notOk(existsSync(box.at('boot/b')));
  box.put(good);
  t.equal(box.run('install').code, 0, 'the whole one is taken');
});

/** Every field of the head and every part, each in the ways in which it can be untrue. */
type Tampering = readonly [what: string, change: (bundle: Buffer) => Buffer];

function tamperings(good: Buffer): Tampering[] {
  const length = good.readUInt32BE(12);
  const text = good.toString('latin1', 16, 16 + length);
  const manifest = (what: string, from: string | RegExp, to: string): Tampering => [
    what,
    (bundle) => {
      const changed = text.replace(from, to);
      if (changed === text) throw new Error(`${what} changes nothing`);
      bundle.fill(0, 16, BUNDLE_SIGNED_BYTES).write(changed, 16, 'latin1');
      bundle.writeUInt32BE(changed.length, 12);
      return bundle;
    },
  ];
  const sizes = [...text.matchAll(/"size":(\d+)/g)].map(([, size]) => Number(size));
  const [kernel = 0, initramfs = 0] = sizes;
  const hash = (part: string, digits: string): RegExp =>
    new RegExp(`(?<start>"name":"${part}".*?"sha256":")${digits}`);
  const ofParts = ['kernel', 'initramfs', 'rootfs'].flatMap((part, i): Tampering[] => {
    const at = BUNDLE_HEAD_BYTES + sizes.slice(0, i).reduce((sum, size) => sum + size, 0);
    const last = at + (sizes[i] ?? 0) - 1;
    const size = `"size":${sizes[i]}`;
    return [
      manifest(`${part}: another name`, `"name":"${part}"`, `"name":"${part}x"`),
      manifest(`${part}: another hash`, hash(part, '..'), '$<start>00'),
      manifest(`${part}: hash in capitals`, hash(part, '..'), '$<start>AA'),
      manifest(`${part}: hash too short`, hash(part, '..'), '$<start>'),
      manifest(`${part}: a byte longer`, size, `"size":${(sizes[i] ?? 0) + 1}`),
      manifest(`${part}: a byte shorter`, size, `"size":${(sizes[i] ?? 0) - 1}`),
      manifest(`${part}: no size`, size, '"size":0'),
      manifest(`${part}: negative`, size, '"size":-1'),
      manifest(`${part}: larger than can be`, size, '"size":999999999999999'),
      [`${part}: its first byte`, (b) => b.with(at, (b[at] ?? 0) ^ 1) as Buffer],
      [`${part}: its last byte`, (b) => b.with(last, (b[last] ?? 0) ^ 128) as Buffer],
    ];
  });
  return [
    ['magic', (b) => b.fill('gHBUNDLE', 0, 8)],
    ['format', (b) => b.fill(2, 11, 12)],
    ['length of the manifest, shorter', (b) => b.fill((length - 1) & 255, 15, 16)],
    ['length of the manifest, beyond the head', (b) => b.fill(255, 12, 16)],
    ['something behind the manifest', (b) => b.fill('x', 16 + length, 17 + length)],
    [
      'something before the signature',
      (b) => b.fill('x', BUNDLE_SIGNED_BYTES - 1, BUNDLE_SIGNED_BYTES),
    ],
    manifest('architecture', '"arch":"x86_64"', '"arch":"x86_65"'),
    manifest('no architecture', '"arch":"x86_64"', '"arch":""'),
    manifest('product', '"product":"gatehouse"', '"product":"gatehous"'),
    manifest('serial, older', '"serial":11', '"serial":9'),
    manifest('serial, zero', '"serial":11', '"serial":0'),
    manifest('serial, written otherwise', '"serial":11', '"serial":011'),
    manifest('serial, too long', '"serial":11', '"serial":1111111111111111'),
    manifest('version, a path', '"version":"1.1"', '"version":"../1"'),
    manifest('version, empty', '"version":"1.1"', '"version":""'),
    manifest('version, too long', '"version":"1.1"', `"version":"${'1'.repeat(49)}"`),
    manifest('a field twice', ',"serial":11', ',"serial":11,"serial":11'),
    manifest('a field more', ',"serial":11', ',"serial":11,"root":1'),
    manifest('a field less', ',"version":"1.1"', ''),
    manifest('a space', '{"arch"', '{ "arch"'),
    ...ofParts,
    [
      'kernel and initramfs in the other order',
      (b) =>
        Buffer.concat([
          b.subarray(0, BUNDLE_HEAD_BYTES),
          b.subarray(BUNDLE_HEAD_BYTES + kernel, BUNDLE_HEAD_BYTES + kernel + initramfs),
          b.subarray(BUNDLE_HEAD_BYTES, BUNDLE_HEAD_BYTES + kernel),
          b.subarray(BUNDLE_HEAD_BYTES + kernel + initramfs),
        ]),
    ],
  ];
}

t.test(
  'every field, tampered with: unsigned, by another key, and by the right one',
  { skip },
  async (t) => {
    using box = new SlotBox(checked);
    await box.settle();
    const good = await box.bundle('1.1', 11, {
      sizes: { kernel: 5000, initramfs: 3000, rootfs: 9000 },
    });
    const before = () => [
      box.slotHash('a'),
      createHash('sha256')
        .update(readFileSync(box.at('root-b')))
        .digest('hex'),
      readFileSync(box.environment, 'latin1'),
      readFileSync(box.at('boot/least-serial'), 'latin1'),
    ];
    const untouched = before();
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const signed = (bundle: Buffer, key: typeof stranger): Buffer => {
      const head = bundle.subarray(0, BUNDLE_SIGNED_BYTES);
      return Buffer.concat([head, sign(null, head, key), bundle.subarray(BUNDLE_HEAD_BYTES)]);
    };
    const cases = tamperings(good);
    const accepted: string[] = [];
    const take = (what: string, bundle: Buffer): void => {
      box.put(bundle);
      if (box.run('install').code === 0) accepted.push(what);
    };
    for (const [what, change] of cases) {
      const changed = Buffer.from(change(Buffer.from(good)));
      take(`${what}, the signature as it was`, changed);
      take(`${what}, signed by another key`, signed(changed, stranger));
      take(`${what}, signed by the right key`, signed(changed, box.key));
    }
    t.same(accepted, [], `none of ${3 * cases.length}`);
    t.same(before(), untouched);
    t.notOk(existsSync(box.at('boot/b')));
    box.put(good);
    t.equal(box.run('install').code, 0, 'the whole one is taken');
  },
);

t.test('cut off, too long, of another key, product or architecture', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const good = await box.bundle('1.1', 11, {
    sizes: { kernel: 5000, initramfs: 3000, rootfs: 9000 },
  });
  const running = box.slotHash('a');
  const lengths = Array.from({ length: 120 }, (_, i) => Math.floor((i * good.length) / 120));
  for (const length of [...lengths, 4095, 4096, good.length - 1]) {
    box.put(good.subarray(0, length));
    if (box.run('install').code === 0) t.fail(`${length} bytes were taken`);
  }
  box.put(Buffer.concat([good, Buffer.from([0])]));
  t.match(box.run('install').fault, /behind its end/);

  await box.bundle('1.1', 11, { key: generateKeyPairSync('ed25519').privateKey });
  t.match(box.run('install').fault, /signature does not fit/);
  await box.bundle('1.1', 11, { arch: 'arm64' });
  t.match(box.run('install').fault, /another architecture/);
  const resigned = (change: (head: Buffer) => void): Buffer => {
    const head = Buffer.from(good.subarray(0, BUNDLE_SIGNED_BYTES));
    change(head);
    return Buffer.concat([head, sign(null, head, box.key), good.subarray(BUNDLE_HEAD_BYTES)]);
  };
  box.put(resigned((head) => head.write('gatehousf', head.indexOf('gatehouse'))));
  t.match(box.run('install').fault, /another product/);
  box.put(resigned((head) => head.write(' ', 16)));
  t.match(box.run('install').fault, /malformed/, 'though it is signed');
  t.equal(box.slotHash('a'), running);

  rmSync(box.at('update/bundle.gup'));
  t.match(box.run('install').fault, /no bundle/);
  symlinkSync(box.at('key'), box.at('update/bundle.gup'));
  t.match(box.run('install').fault, /no bundle/, 'no link is followed');
});

t.test('a slot that is too small takes nothing', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  await box.bundle('1.1', 11, { sizes: { kernel: 10, initramfs: 10, rootfs: (8 << 20) + 1 } });
  t.match(box.run('install'), {
    code: 28,
    fault: /does not fit: 8388609 bytes, the slot has 8388608/,
  });
  t.notOk(existsSync(box.at('boot/b/head')));
});

t.test('what changes between verification and writing is no slot', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const running = box.slotHash('a');
  writeFileSync(box.at('root-b'), '');
  truncateSync(box.at('root-b'), 300 << 20);
  await box.bundle('1.1', 11, { sizes: { kernel: 1 << 20, initramfs: 1000, rootfs: 200 << 20 } });
  const changes = watch(box.at('run/update'));
  const writer = box.start('install');
  // Whoever stops it comes first.
  setPriority(writer.pid ?? 0, constants.priority.PRIORITY_LOW);
  const ended = once(writer, 'exit');
  // Verification of the kernel is over at the first percent of 200 MB.
  for await (const _ of on(changes)) {
    const { phase, percent } = box.status;
    if (phase === 'verifying' && percent >= 2) break;
  }
  writer.kill('SIGSTOP');
  t.equal(box.status.phase, 'verifying');
  writeSync(openSync(box.at('update/bundle.gup'), 'r+'), 'other', 5000);
  writer.kill('SIGCONT');
  changes.close();
  t.not((await ended)[0], 0);
  t.match(box.status, {
    phase: 'failed',
    fault: /kernel changed while it was written/,
    slots: { b: undefined },
  });
  t.same(box.variables(), { order: 'a', left: '9' });
  t.match(box.run('activate').fault, /holds no version/);
  t.equal(box.slotHash('a'), running);
});

async function* on(watcher: ReturnType<typeof watch>): AsyncIterable<void> {
  for (;;) {
    await once(watcher, 'change', { signal: AbortSignal.timeout(30_000) });
    yield;
  }
}

t.test('cut at any point a hundred times, it starts and can be updated', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const running = box.slotHash('a');
  const next = randomFrom(7);
  await box.bundle('1.1', 11);
  const started = performance.now();
  t.equal(box.run('install').code, 0);
  const wholeMs = performance.now() - started;
  let [cut, whole] = [0, 0];
  for (let i = 0; cut < 100 && i < 500; i++) {
    const version = `1.${i + 2}`;
    const bundle = await box.bundle(version, 12 + i);
    const writer = box.start('install');
    const ended = once(writer, 'exit');
    await pause(((next() % 1000) / 1000) * wholeMs);
    writer.kill('SIGKILL');
    if ((await ended)[1] === 'SIGKILL') cut++;
    if (box.slotHash('a') !== running) return t.fail('the running slot changed');
    const { order } = box.variables();
    if (order !== 'a') return t.fail(`order is ${order}`);
    if (box.run('status').code !== 0) return t.fail('no status');
    const { b } = box.status.slots;
    if (b?.version !== version) continue;
    whole++;
    const rootfs = bundle.subarray(404_096);
    const written = readFileSync(box.at('root-b')).subarray(0, rootfs.length);
    if (!written.equals(rootfs)) return t.fail('a slot counts as whole that is not');
  }
  t.equal(cut, 100, `after ${whole} of all the slot was whole`);
  await box.bundle('2.0', 1000);
  t.equal(box.run('install').code, 0);
  t.equal(box.run('activate').code, 0);
  t.same(box.variables(), { order: 'b a', left: '3' });
});

t.test('an environment that is torn or missing becomes a whole one', { skip }, async (t) => {
  using box = new SlotBox(checked);
  await box.settle();
  const whole = readFileSync(box.environment);
  const torn = [whole.subarray(0, 30), whole.subarray(0, 1023), Buffer.alloc(70_000, 7), ''];
  for (const broken of torn) {
    writeFileSync(box.environment, broken);
    t.equal(box.run('confirm').code, 0);
    t.same(box.variables(), { order: 'a', left: '9' });
    t.equal(readFileSync(box.environment).length, 1024);
  }
  rmSync(box.environment);
  t.equal(box.run('confirm').code, 0);
  t.same(box.variables(), { order: 'a', left: '9' });
  writeFileSync(box.at('boot/least-serial'), '000000000000999\n00000000000');
  box.run('status');
  t.equal(box.status.leastSerial, 0);
  box.run('confirm');
  t.equal(box.status.leastSerial, 10, 'the next confirmation puts it right');
});

t.test('a slot that was passed over is not booted again', { skip }, async (t) => {
  using box = new SlotBox(checked);
  await box.settle();
  count(box, 'b a', 9);
  t.equal(box.run('confirm').code, 0);
  t.match(box.variables(), { order: 'a', left: '9' });
});

t.test('where it does not start', { skip }, async (t) => {
  using box = new SlotBox(checked);
  t.equal(box.run('format').code, 22);
  chmodSync(box.at('config'), 0o666);
  t.match(box.run('status').fault, /nobody else may write/);
  chmodSync(box.at('config'), 0o644);
  writeFileSync(box.at('cmdline'), 'root=/dev/sda1\n');
  t.match(box.run('status').fault, /names no slot/);
  writeFileSync(box.at('config'), 'arch x86_64\n');
  t.match(box.run('status').fault, /lacks key/);
  writeFileSync(box.at('config'), box.config().replace(box.at('root-b'), '3'));
  box.runFrom('a');
  await box.bundle('1.0', 1);
  t.match(box.run('install').fault, /names no disk/);
});

t.test('a factory reset leaves its mark', { skip }, async (t) => {
  using box = new SlotBox(checked);
  t.equal(box.run('factory-reset').code, 0);
  t.ok(existsSync(box.at('factory-reset')));
});

t.test('the head beside the kernel is that of the bundle', { skip }, async (t) => {
  using box = new SlotBox(program);
  await box.settle();
  const bundle = await box.bundle('1.1', 11);
  box.run('install');
  const head = readFileSync(box.at('boot/b/head'));
  t.ok(head.equals(bundle.subarray(0, BUNDLE_HEAD_BYTES)));
  const decoded = decodeBundleHead(head);
  if (!decoded.ok) return t.fail(decoded.error.message);
  const kernel = createHash('sha256').update(bundle.subarray(4096, 304_096)).digest();
  t.ok(kernel.equals(decoded.value.manifest.parts.kernel.sha256));
});
