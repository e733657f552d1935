import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxUnixSockets } from '#src/os/linux/unix.ts';
import type { UnixConnection, UnixHandlers, UnixListenOptions } from '#src/os/ports.ts';

interface Rig {
  readonly path: string;
  readonly reactor: Reactor;
  readonly sockets: LinuxUnixSockets;
}

/** Runs `body` with the reactor following and leading: both must behave alike. */
function both(name: string, body: (t: Test, rig: Rig) => Promise<void>): void {
  for (const leads of [false, true]) {
    t.test(`${name} (${leads ? 'leads' : 'follows'})`, async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'gh-unix-'));
      const reactor = new Reactor(loadNative(), { leads });
      t.teardown(async () => {
        await reactor[Symbol.asyncDispose]();
        rmSync(dir, { recursive: true });
      });
      await body(t, { path: join(dir, 's'), reactor, sockets: new LinuxUnixSockets(reactor) });
    });
  }
}

const noop: UnixHandlers = { data: () => {}, closed: () => {} };

function listen(
  rig: Rig,
  accepted: UnixListenOptions['accepted'],
  more: Partial<UnixListenOptions> = {},
) {
  const result = rig.sockets.listen({
    path: rig.path,
    mode: 0o600,
    maxConnections: 8,
    maxQueuedBytes: 1 << 20,
    accepted,
    ...more,
  });
  if (!result.ok) throw result.error;
  return result.value;
}

const gone = (socket: Socket): Promise<unknown> => once(socket.resume(), 'close');

both('echo, credentials and mode of the file', async (t, rig) => {
  const peers: unknown[] = [];
  await using server = listen(rig, (c) => {
    peers.push(c.peer);
    return { data: (chunk) => t.ok(c.write(chunk)), closed: () => peers.push('closed') };
  });
  t.equal(lstatSync(rig.path).mode & 0o777, 0o600);
  t.equal(server.refused, 0);
  const socket = connect(rig.path);
  socket.write('hello');
  const [echoed] = await once(socket, 'data');
  t.equal(String(echoed), 'hello');
  socket.end();
  await gone(socket);
  t.same(peers, [{ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() }, 'closed']);
});

both('credentials are those of another process and user', async (t, rig) => {
  if (process.getuid?.() !== 0) return t.comment('not root: the other user is skipped');
  const accepted = Promise.withResolvers<UnixConnection>();
  await using _server = listen(
    rig,
    (c) => {
      accepted.resolve(c);
      return noop;
    },
    { mode: 0o666 },
  );
  chmodSync(join(rig.path, '..'), 0o755);
  const script = `process.setgid(4321); process.setuid(4322);
    require('net').connect('s').on('close', () => process.exit())`;
  const child = spawn(process.execPath, ['-e', script], {
    cwd: join(rig.path, '..'),
    stdio: 'inherit',
  });
  const connection = await accepted.promise;
  t.same(connection.peer, { pid: child.pid, uid: 4322, gid: 4321 });
  connection.close();
  await once(child, 'exit');
});

both('a message is accepted or refused whole, and a slow reader blocks nobody', async (t, rig) => {
  const connections: UnixConnection[] = [];
  let drained = 0;
  await using _server = listen(
    rig,
    (c) => {
      connections.push(c);
      return { data: (chunk) => c.write(chunk), closed: () => {}, drained: () => drained++ };
    },
    { maxQueuedBytes: 300_000 },
  );
  const slow = connect(rig.path).pause();
  await once(slow, 'connect');
  const quick = connect(rig.path);
  quick.write('x');
  await once(quick, 'data');
  const [toSlow] = connections;
  if (!toSlow) throw new Error('not accepted');
  t.notOk(toSlow.write(new Uint8Array(300_001)), 'longer than the limit');
  t.equal(toSlow.queuedBytes, 0);
  const frame = new Uint8Array(50_000).map((_, i) => i % 251);
  let sent = 0;
  while (toSlow.write(frame)) sent++;
  t.ok(sent >= 6, `the kernel and the queue hold ${sent}`);
  const queued = toSlow.queuedBytes;
  t.ok(queued > 250_000 && queued <= 300_000);
  t.notOk(toSlow.write(frame), 'full');
  t.equal(toSlow.queuedBytes, queued, 'a refused message leaves nothing');
  t.ok(toSlow.write(new Uint8Array(300_000 - queued)), 'what still fits is accepted');
  sent += (300_000 - queued) / frame.length;

  quick.write('y');
  const [echoed] = await once(quick, 'data');
  t.equal(String(echoed), 'y', 'the other one goes on');
  quick.destroy();

  const total = Math.round(sent * frame.length);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of slow) {
    chunks.push(chunk);
    size += chunk.length;
    if (size === total) break;
  }
  const all = Buffer.concat(chunks);
  t.equal(all.length, total);
  t.ok(all.subarray(0, frame.length).equals(frame));
  const lastWhole = Math.floor(sent) - 1;
  t.ok(all.subarray(lastWhole * frame.length, (lastWhole + 1) * frame.length).equals(frame));
  t.equal(drained, 1);
  t.equal(toSlow.queuedBytes, 0);
});

both('writes of one batch keep their order, small and large', async (t, rig) => {
  const sizes = [1, 7, 40_000, 3, 33_000, 200_000, 5, 100, 70_000];
  await using _server = listen(rig, (c) => ({
    data: () => {
      for (const [i, size] of sizes.entries()) t.ok(c.write(new Uint8Array(size).fill(i + 1)));
      for (let i = 0; i < 2_000; i++) t.ok(c.write(Uint8Array.of(i & 255)));
      c.end();
      t.notOk(c.write(Uint8Array.of(1)), 'not after end');
    },
    closed: () => t.fail('closed is not called after end'),
  }));
  const socket = connect(rig.path);
  socket.write('go');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  const expected = Buffer.concat([
    ...sizes.map((size, i) => Buffer.alloc(size, i + 1)),
    Buffer.from(Array.from({ length: 2_000 }, (_, i) => i & 255)),
  ]);
  t.ok(Buffer.concat(chunks).equals(expected));
});

both('too many connections are refused and counted', async (t, rig) => {
  const open: UnixConnection[] = [];
  await using server = listen(
    rig,
    (c) => {
      open.push(c);
      return noop;
    },
    { maxConnections: 2 },
  );
  const sockets = [connect(rig.path), connect(rig.path), connect(rig.path)];
  const third = sockets[2];
  if (!third) return;
  await gone(third);
  t.equal(server.refused, 1);
  t.equal(open.length, 2);
  open[0]?.close();
  open[0]?.close();
  const again = connect(rig.path);
  await once(again, 'connect');
  again.write('x');
  while (open.length < 3) await new Promise(setImmediate);
  t.equal(server.refused, 1);
  for (const s of [...sockets, again]) s.destroy();
});

both('refusal by the owner closes', async (t, rig) => {
  await using _server = listen(rig, () => undefined);
  const socket = connect(rig.path);
  socket.on('error', () => {});
  await gone(socket);
  t.pass('closed');
});

both('connects to a foreign server; its end is told once', async (t, rig) => {
  const server = createServer((s) => s.end('bye')).listen(rig.path);
  await once(server, 'listening');
  const text = await new Promise<string>((resolve) => {
    let got = '';
    const result = rig.sockets.connect(rig.path, 1000, (c) => {
      t.equal(c.peer.pid, process.pid);
      return {
        data: (chunk) => {
          got += String.fromCharCode(...chunk);
        },
        closed: (error) => {
          t.equal(error, undefined);
          t.notOk(c.write(Uint8Array.of(1)));
          c.close();
          c.end();
          resolve(got);
        },
      };
    });
    t.ok(result.ok);
  });
  t.equal(text, 'bye');
  server.close();
});

both('a stale file is replaced, a live one and a stranger are not', async (t, rig) => {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script, rig.path]), 'exit');
  t.ok(lstatSync(rig.path).isSocket(), 'left behind');
  const server = listen(rig, () => noop);
  const second = rig.sockets.listen({
    path: rig.path,
    mode: 0o600,
    maxConnections: 1,
    maxQueuedBytes: 1,
    accepted: () => noop,
  });
  t.match(second, { ok: false, error: { code: 'EADDRINUSE' } });
  await server[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  t.equal(lstatSync(rig.path, { throwIfNoEntry: false }), undefined, 'the file is removed');

  for (const make of [
    () => writeFileSync(rig.path, 'precious'),
    () => symlinkSync('/nonexistent', rig.path),
  ]) {
    make();
    const refused = rig.sockets.listen({
      path: rig.path,
      mode: 0o600,
      maxConnections: 1,
      maxQueuedBytes: 1,
      accepted: () => noop,
    });
    t.match(refused, { ok: false, error: { code: 'EADDRINUSE' } });
    t.ok(lstatSync(rig.path), 'still there');
    rmSync(rig.path);
  }
});

both('bad paths are errors', async (t, rig) => {
  const none = rig.sockets.connect(join(rig.path, 'no'), 1, () => noop);
  t.match(none, { ok: false, error: { code: 'ENOENT' } });
  const long = rig.sockets.connect(`/${'x'.repeat(107)}`, 1, () => noop);
  t.match(long, { ok: false, error: { code: 'ENAMETOOLONG' } });
  const nul = rig.sockets.connect('a\0b', 1, () => noop);
  t.match(nul, { ok: false, error: { code: 'EINVAL' } });
});

both('a connection closed by a neighbour in the same batch gets nothing more', async (t, rig) => {
  const connections: UnixConnection[] = [];
  let heard = 0;
  await using _server = listen(rig, (c) => {
    connections.push(c);
    return {
      data: () => {
        heard++;
        for (const other of connections) if (other !== c) other.close();
      },
      closed: () => {},
    };
  });
  const sockets = [connect(rig.path), connect(rig.path), connect(rig.path)];
  await Promise.all(sockets.map((s) => once(s, 'connect')));
  while (connections.length < 3) await new Promise(setImmediate);
  for (const s of sockets) s.on('error', () => {}).write('x');
  await Promise.race(sockets.map(gone));
  for (const s of sockets) s.destroy();
  t.equal(heard, 1);
});

both('timers and promises run while messages flow', async (t, rig) => {
  // The reactor may not hold up Node's loop: a message is answered from a timer, one from a
  // microtask, one from setImmediate, one after file I/O of the thread pool.
  const { readFile } = await import('node:fs/promises');
  await using _server = listen(rig, (c) => ({
    data: (chunk) => {
      const kind = chunk[0];
      const answer = () => c.write(Uint8Array.of(kind ?? 0));
      if (kind === 1) setTimeout(answer, 1);
      else if (kind === 2) queueMicrotask(answer);
      else if (kind === 3) setImmediate(answer);
      else readFile('/proc/self/stat').then(answer);
    },
    closed: () => {},
  }));
  const socket = connect(rig.path);
  for (let i = 0; i < 20; i++) {
    for (const kind of [1, 2, 3, 4]) {
      socket.write(Uint8Array.of(kind));
      const [answer] = await once(socket, 'data');
      t.equal(answer[0], kind);
    }
  }
  socket.destroy();
});

both('a peer that floods starves neither the others nor Node’s loop', async (t, rig) => {
  const got = new Map<number, number>();
  await using _server = listen(rig, (c) => ({
    data: (chunk) => {
      got.set(c.peer.pid, (got.get(c.peer.pid) ?? 0) + chunk.length);
      if (c.peer.pid === process.pid) c.write(chunk);
    },
    closed: () => {},
  }));
  const flood = `const s = require('net').connect(process.argv[1]); const b = Buffer.alloc(65536);
    const more = () => { while (s.write(b)); s.once('drain', more); }; more(); s.on('error', () => process.exit())`;
  const flooders = [1, 2].map(() => spawn(process.execPath, ['-e', flood, rig.path]));
  while (got.size < 2) await new Promise(setImmediate);
  const socket = connect(rig.path); // libuv's own: both loops have to turn for an answer
  for (let i = 0; i < 50; i++) {
    socket.write('ping');
    const [answer] = await once(socket, 'data');
    if (String(answer) !== 'ping') t.fail(String(answer));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const heard = (): boolean => flooders.every((f) => (got.get(f.pid ?? 0) ?? 0) > 1_000_000);
  while (!heard()) await new Promise(setImmediate);
  t.pass('and both are heard');
  socket.destroy();
  for (const f of flooders) {
    f.kill('SIGKILL');
    await once(f, 'exit');
  }
});

t.test('without a free descriptor connections are refused, not left waiting', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gh-unix-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 's');
  const script = `
    const { loadNative, Reactor } = await import(process.argv[1] + 'native.ts');
    const { LinuxUnixSockets } = await import(process.argv[1] + 'unix.ts');
    const noop = { data() {}, closed() {} };
    const server = new LinuxUnixSockets(new Reactor(loadNative())).listen({
      path: process.argv[2], mode: 0o600, maxConnections: 1000, maxQueuedBytes: 9, accepted: () => noop });
    process.on('SIGTERM', () => { console.log(server.value.refused); process.exit(); });
    console.log('ready');`;
  const folder = new URL('../../../src/os/linux/', import.meta.url).href;
  const args = [
    '--nofile=60:60',
    process.execPath,
    '--input-type=module',
    '-e',
    script,
    folder,
    path,
  ];
  const child = spawn('prlimit', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  let closed = 0;
  const sockets = Array.from({ length: 100 }, () =>
    connect(path)
      .on('error', () => {})
      .on('close', () => closed++),
  );
  while (closed < 41) await new Promise(setImmediate); // 60 descriptors cannot hold 60 connections
  child.kill('SIGTERM');
  const [said] = await once(child.stdout, 'data');
  t.ok(Number(String(said)) >= 41, `${String(said).trim()} refused`);
  for (const s of sockets) s.destroy();
});

t.test('a handler that throws loses no other event', async (t) => {
  const script = `
    const { loadNative, Reactor } = await import(process.argv[1] + 'native.ts');
    const { LinuxUnixSockets } = await import(process.argv[1] + 'unix.ts');
    const reactor = new Reactor(loadNative());
    const sockets = new LinuxUnixSockets(reactor);
    const path = '/tmp/gh-throw-' + process.pid;
    let thrown = 0, heard = 0;
    process.on('uncaughtException', (e) => { if (e.message === 'boom') thrown++; });
    const server = sockets.listen({ path, mode: 0o600, maxConnections: 9, maxQueuedBytes: 9, accepted: (c) => ({
      data: () => { heard++; if (heard === 3) { reactor[Symbol.asyncDispose](); console.log(thrown, heard); } throw new Error('boom'); },
      closed: () => {},
    }) });
    const { unlinkSync } = await import('node:fs');
    const ends = [1, 2, 3].map(() => sockets.connect(path, 9, () => ({ data() {}, closed() {} })));
    unlinkSync(path);
    for (const e of ends) e.value.write(Uint8Array.of(1));
  `;
  const dir = new URL('../../../src/os/linux/', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [[out], [code]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
  t.equal(String(out), '2 3\n');
  t.equal(code, 0);
});
