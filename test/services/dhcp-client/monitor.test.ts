import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { LinuxDirectories, LinuxFiles } from '../../../src/os/linux/files.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../../src/os/linux/unix.ts';
import type { HookMessage } from '../../../src/services/client-programs/program.ts';
import { LeaseMonitor } from '../../../src/services/dhcp-client/monitor.ts';
import { decodeLeaseAck, encodeLeaseMessage, type LeaseMessage } from '../../../src/wire/lease.ts';
import { MemoryLog } from '../../lib/log.ts';

const directories = new LinuxDirectories();

const message = (event: string, more: Partial<LeaseMessage> = {}): Uint8Array =>
  encodeLeaseMessage({
    clientId: 'dhcp4.1',
    event,
    clientPid: 42,
    wallMs: 0,
    boottimeMs: 1,
    truncated: false,
    env: new Map([['interface', 'wan0']]),
    ...more,
  });

function house(t: { teardown(run: () => unknown): void }, ownUid = process.getuid?.() ?? 0) {
  const dir = mkdtempSync('/tmp/gh-monitor-');
  const reactor = new Reactor(loadNative());
  const log = new MemoryLog();
  const seen: HookMessage[] = [];
  const monitor = new LeaseMonitor({
    sockets: new LinuxUnixSockets(reactor),
    directories,
    files: new LinuxFiles(),
    clock: new LinuxClock(loadNative()),
    log,
    socketPath: `${dir}/lease.sock`,
    spoolDir: `${dir}/spool`,
    bootId: 'boot-1',
    bootIdPath: `${dir}/boot-id`,
    ownUid,
    handle: async (m) => {
      seen.push(m);
      return m.event !== 'stranger';
    },
  });
  t.teardown(async () => {
    await monitor[Symbol.asyncDispose]();
    await reactor[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });
  return { dir, monitor, seen, log };
}

/** Sends bytes and gives what came back until the end. */
const talk = (dir: string, ...parts: Uint8Array[]): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(`${dir}/lease.sock`);
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.on('error', (error) => reject(error));
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    for (const part of parts) socket.write(part);
  });

t.test('messages are carried out and acknowledged, many at once, in any pieces', async (t) => {
  const { dir, monitor, seen } = house(t);
  t.ok(monitor.listen().ok);
  t.equal(statSync(`${dir}/lease.sock`).mode & 0o777, 0o600);
  const one = message('bound');
  const answers = await Promise.all([
    ...Array.from({ length: 40 }, () => talk(dir, one)),
    talk(dir, ...Array.from(one, (b) => Uint8Array.of(b))),
    talk(dir, message('stranger')),
  ]);
  t.same(
    answers.map((bytes) => {
      const ack = decodeLeaseAck(bytes);
      return ack.ok ? ack.value : 'none';
    }),
    [...Array.from({ length: 41 }, () => 'done'), 'refused'],
  );
  t.equal(seen.length, 42);
  t.equal(monitor.accepted, 41);
  t.equal(monitor.refused, 1);
});

t.test('malformed messages are refused, counted and logged, and disturb nothing', async (t) => {
  const { dir, monitor, seen, log } = house(t);
  t.ok(monitor.listen().ok);
  const good = message('bound');
  const tooLong = Uint8Array.from(good);
  new DataView(tooLong.buffer).setUint32(8, 1 << 30);
  const bad = [
    Buffer.from('GET / HTTP/1.0\r\n\r\n'),
    tooLong,
    Buffer.concat([good, good]),
    message('x;rm -rf /'),
  ];
  for (const bytes of bad) await talk(dir, bytes);
  t.equal(seen.length, 0);
  t.equal(monitor.refused, bad.length);
  t.equal(
    log.messages('warn').filter((line) => line === 'lease message refused').length,
    bad.length,
  );
  await talk(dir, good);
  t.equal(seen.length, 1);
});

t.test('half a message and silence is ended after a while; a hang-up is counted', async (t) => {
  const { dir, monitor, log } = house(t);
  t.ok(monitor.listen().ok);
  const half = message('bound').subarray(0, 20);
  await talk(dir, half);
  t.match(log.lines.at(-1)?.fields, { why: 'no whole message in time' });
  await new Promise<void>((resolve) => {
    const socket = connect(`${dir}/lease.sock`, () => socket.end(half));
    socket.on('close', () => resolve());
    socket.resume();
  });
  t.equal(monitor.refused, 2);
});

t.test('processes of other users are turned away', async (t) => {
  const { dir, monitor, seen } = house(t, 4711);
  t.ok(monitor.listen().ok);
  if (process.getuid?.() === 0) {
    t.ok(decodeLeaseAck(await talk(dir, message('bound'))).ok, 'root may');
    t.equal(seen.length, 1);
  } else {
    await talk(dir, message('bound')).catch(() => undefined);
    t.equal(seen.length, 0);
  }
});

t.test('the spool: of this boot, in order, each once; what cannot be used goes too', async (t) => {
  const { dir, monitor, seen } = house(t);
  mkdirSync(`${dir}/spool`);
  writeFileSync(`${dir}/boot-id`, 'boot-1');
  writeFileSync(`${dir}/spool/1-b`, message('bound'));
  writeFileSync(`${dir}/spool/2-c`, message('renew'));
  writeFileSync(`${dir}/spool/0-a`, 'rubbish');
  symlinkSync('/etc/passwd', `${dir}/spool/3-d`);
  await monitor.readSpool();
  t.same(
    seen.map((m) => m.event),
    ['bound', 'renew'],
  );
  t.equal(monitor.refused, 2);
  t.same(directories.list(`${dir}/spool`), { ok: true, value: [] });

  writeFileSync(`${dir}/boot-id`, 'boot-0');
  writeFileSync(`${dir}/spool/1-b`, message('bound'));
  await monitor.readSpool();
  t.equal(seen.length, 2, 'what an earlier boot said is not believed');
  t.same(directories.list(`${dir}/spool`), { ok: true, value: [] });
  writeFileSync(`${dir}/spool/1-b`, message('bound'));
  await monitor.readSpool();
  t.equal(seen.length, 3);
});

t.test('random bytes never get through and never break it', async (t) => {
  const { dir, monitor, seen } = house(t);
  t.ok(monitor.listen().ok);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 12, maxLength: 200 }), async (bytes) => {
      await talk(dir, bytes).catch(() => undefined);
    }),
    { seed: 3, numRuns: 100 },
  );
  t.equal(seen.length, 0);
  t.equal(monitor.refused, 100);
});
