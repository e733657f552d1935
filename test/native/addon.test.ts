import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxUnixSockets } from '#src/os/linux/unix.ts';

const BASE = new URL('../../src/os/linux/', import.meta.url).href;
const HEAD = `
  const { loadNative, Reactor } = await import('${BASE}native.ts');
  const { LinuxUnixSockets } = await import('${BASE}unix.ts');
  const { LinuxProcesses } = await import('${BASE}process.ts');
  const noop = { data() {}, closed() {} };
  const listen = (sockets, path) => {
    const server = sockets.listen({ path, mode: 0o600, maxConnections: 100, maxQueuedBytes: 1e6, accepted: () => noop });
    if (!server.ok) throw server.error;
    return server.value;
  };
`;
/** A reactor with all kinds of descriptors open, some with bytes queued. */
const BUSY = `
  const reactor = new Reactor(loadNative(), { leads: LEADS });
  const sockets = new LinuxUnixSockets(reactor);
  const server = listen(sockets, PATH);
  const ends = Array.from({ length: 20 }, () => sockets.connect(PATH, 1e6, () => noop).value);
  for (const end of ends) while (end.write(new Uint8Array(100_000)));
  reactor.raw.monitor(0, Uint32Array.of(1), 65536);
  reactor.raw.requests(0, 65536);
  reactor.raw.holdUdp(0);
  const child = new LinuxProcesses(reactor).spawn('/bin/sleep', ['0.2']).value;
`;

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-addon-')); // short: it holds socket paths
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

const socketIn = (t: Test): string => join(folder(t), 's');

async function run(t: Test, script: string): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HEAD + script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: folder(t),
  });
  let out = '';
  child.stdout.on('data', (d) => (out += d));
  const [code] = await once(child, 'close');
  return { code, out };
}

const fds = (): number => readdirSync('/proc/self/fd').length;

t.test('loaded twice, each load is whole', async (t) => {
  const first = new Reactor(loadNative());
  const second = new Reactor(loadNative());
  const path = socketIn(t);
  const heard = new Promise<string>((resolve) => {
    const server = new LinuxUnixSockets(first).listen({
      path,
      mode: 0o600,
      maxConnections: 1,
      maxQueuedBytes: 100,
      accepted: () => ({
        data: (chunk) => resolve(String.fromCharCode(...chunk)),
        closed: () => {},
      }),
    });
    t.ok(server.ok);
  });
  const end = new LinuxUnixSockets(second).connect(path, 100, () => ({
    data: () => {},
    closed: () => {},
  }));
  t.ok(end.ok && end.value.write(Buffer.from('across')));
  t.equal(await heard, 'across');
  await second[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
});

t.test('a path that is no addon says what to do', async (t) => {
  t.throws(() => loadNative('/nonexistent.node'), {
    code: 'ERR_DLOPEN_FAILED',
    remedy: /build-native/,
  });
});

t.test('closing everything twice, in any order, leaves no descriptor', async (t) => {
  const before = fds();
  for (const leads of [false, true]) {
    const path = socketIn(t);
    const reactor = new Reactor(loadNative(), { leads });
    const sockets = new LinuxUnixSockets(reactor);
    const accepted = Promise.withResolvers<void>();
    const server = sockets.listen({
      path,
      mode: 0o600,
      maxConnections: 3,
      maxQueuedBytes: 100,
      accepted: () => {
        accepted.resolve();
        return { data: () => {}, closed: () => {} };
      },
    });
    const end = sockets.connect(path, 100, () => ({
      data: () => {},
      closed: () => t.fail('told'),
    }));
    if (!server.ok || !end.ok) throw new Error('no sockets');
    await accepted.promise;
    end.value.close();
    end.value.close();
    end.value.end();
    t.notOk(end.value.write(Uint8Array.of(1)));
    t.equal(end.value.queuedBytes, 0);
    await server.value[Symbol.asyncDispose]();
    await server.value[Symbol.asyncDispose]();
    t.equal(reactor.open, 0);
    await reactor[Symbol.asyncDispose]();
    await reactor[Symbol.asyncDispose]();
    // Every call on a reactor that is closed answers with an errno, none crashes.
    const { raw } = reactor;
    t.ok(raw.connect(path) < 0);
    t.ok(raw.watch(process.pid, 0) < 0);
    t.ok(raw.send(1, Uint8Array.of(1)) < 0);
    t.ok(raw.monitor(0, Uint32Array.of(1), 1000) < 0);
    t.ok(raw.frames(1, Uint32Array.of(0x60000, 0), new Uint8Array(0), 1000) < 0);
    t.ok(raw.frameCounts(1, new Uint32Array(3)) < 0);
    t.ok(raw.holdUdp(0) < 0);
    raw.flush();
    raw.close(1);
    raw.finish(1);
    raw.release(1);
    raw.shutdown();
    await new Promise(setImmediate);
  }
  t.equal(fds(), before);
});

t.test('nonsense for arguments gives errors, not crashes', async (t) => {
  const reactor = new Reactor(loadNative());
  const raw: object = reactor.raw;
  const odd = [
    undefined,
    null,
    1.5,
    -1,
    2 ** 40,
    'x',
    '\ud800',
    {},
    [],
    new Uint8Array(0),
    new Float64Array(2),
    () => {},
    1n,
    Symbol('s'),
  ];
  for (const [name, call] of Object.entries(raw)) {
    if (typeof call !== 'function' || name === 'shutdown' || name === 'spawn') continue;
    for (const a of odd) {
      for (const args of [[], [a], [a, a], [a, a, a], [a, a, a, a], [1, a, a], [1, a, a, 1]]) {
        const answer: unknown = Reflect.apply(call, raw, args);
        t.ok(answer === undefined || typeof answer === 'number');
        if (typeof answer === 'number' && answer > 0)
          Reflect.apply(Reflect.get(raw, 'close'), raw, [answer]);
      }
    }
  }
  const native = loadNative();
  for (const a of odd) {
    const made: unknown = Reflect.apply(native.createReactor, undefined, [a, a]);
    t.ok(typeof made === 'number' && made < 0);
    t.throws(() => Reflect.apply(native.lowerAndExecute, undefined, [a, a, a, a, a]));
  }
  await reactor[Symbol.asyncDispose]();
});

for (const leads of ['false', 'true']) {
  const busy = BUSY.replace('LEADS', leads).replaceAll('PATH', "'s'");

  t.test(`a process ends by itself once nothing is open (leads: ${leads})`, async (t) => {
    const idle = `new Reactor(loadNative(), { leads: ${leads} }); console.log('idle');`;
    t.same(await run(t, idle), { code: 0, out: 'idle\n' });
    const closed = `${busy}
      for (const end of ends) end.close();
      await server[Symbol.asyncDispose]();
      await child.exited; // holds the process until it is over
      console.log('over');
      reactor.raw.close(1);
      await reactor[Symbol.asyncDispose]();`;
    t.same(await run(t, closed), { code: 0, out: 'over\n' });
    const released = `
      const reactor = new Reactor(loadNative(), { leads: ${leads} });
      const child = new LinuxProcesses(reactor).spawn('/bin/sleep', ['1000']).value;
      child.release();
      process.on('exit', () => process.kill(child.identity.pid));`;
    t.same(
      await run(t, released),
      { code: 0, out: '' },
      'a child that nobody watches holds nothing',
    );
  });

  t.test(`exit with everything open (leads: ${leads})`, async (t) => {
    t.same(await run(t, `${busy} setTimeout(() => process.exit(7), 5);`), { code: 7, out: '' });
    t.same(await run(t, `${busy} process.exit(8);`), { code: 8, out: '' });
    const within = `${busy.replace('() => noop', '() => process.exit(9)')}`;
    t.same(await run(t, within), { code: 9, out: '' }, 'from a handler');
  });

  t.test(`workers come and go with everything open (leads: ${leads})`, async (t) => {
    const before = fds();
    const body = (end: string): string =>
      `const { parentPort, workerData } = await import('node:worker_threads');
       ${HEAD}${BUSY.replace('LEADS', leads).replaceAll('PATH', 'workerData')}
       parentPort.postMessage('ready');
       ${end}`;
    const start = (end: string, dir: string): Worker =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(body(end))}`), {
        workerData: dir,
      });
    for (let round = 0; round < 3; round++) {
      const dir = folder(t);
      const ends = [
        start('setTimeout(() => process.exit(3), 5)', `${dir}/a`),
        start('process.exit(3)', `${dir}/b`),
        start('', `${dir}/c`),
        start('for (;;);', `${dir}/d`),
      ];
      const codes = ends.map((w) => once(w, 'exit').then(([code]) => code));
      await Promise.all(ends.slice(2).map((w) => once(w, 'message')));
      for (const w of ends.slice(2)) await w.terminate();
      t.same(await Promise.all(codes), [3, 3, 1, 1]);
    }
    t.equal(fds(), before, 'no descriptor is left');
  });
}
