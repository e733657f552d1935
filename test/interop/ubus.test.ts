/**
 * The broker and the client on real sockets: with each other, as other users, with a peer that does
 * not read, and, where OpenWrt's own programs are installed, with `ubusd` and `ubus`.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { parseAccounts } from '../../src/edge/ubus/accounts.ts';
import { parseAcl } from '../../src/edge/ubus/acl.ts';
import { Broker } from '../../src/edge/ubus/broker.ts';
import { UbusClient } from '../../src/edge/ubus/client.ts';
import { method, reply, type UbusObject } from '../../src/edge/ubus/objects.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { field, int32, string, table } from '../../src/wire/blobmsg.ts';
import { MemoryLog } from '../lib/log.ts';

const native = loadNative();
const reactor = new Reactor(native);
const sockets = new LinuxUnixSockets(reactor);
const directory = mkdtempSync(join(tmpdir(), 'gatehouse-ubus-'));
chmodSync(directory, 0o755);
t.teardown(async () => {
  await reactor[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const installed = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const run = promisify(execFile);

const echo: UbusObject = {
  path: 'test.echo',
  methods: { echo: method({ text: 'string' }, (_, { data }) => reply(data)) },
};

function startBroker(path: string) {
  const accounts = parseAccounts(
    readFileSync('/etc/passwd', 'utf8'),
    readFileSync('/etc/group', 'utf8'),
  );
  const words = new Uint32Array(1);
  const broker = new Broker({
    randomU32: () => randomFillSync(words)[0] ?? 0,
    accounts,
    ownUid: process.getuid?.() ?? 0,
  });
  const rules = JSON.stringify({ user: 'daemon', access: { 'test.*': { methods: ['echo'] } } });
  broker.setAcl(parseAcl([{ name: 'a.json', text: rules }], accounts).acl);
  const server = sockets.listen({
    path,
    mode: 0o666,
    maxConnections: 64,
    maxQueuedBytes: 1_052_672,
    accepted: (connection) => broker.accept(connection),
  });
  if (!server.ok) throw server.error;
  return { broker, server: server.value };
}

function client(path: string): UbusClient {
  const made = new UbusClient({
    connect: (opened) => sockets.connect(path, 1_052_672, opened),
    clock: new LinuxClock(native),
    log: new MemoryLog(),
  });
  made.start();
  return made;
}

/** What any broker must do for our client. */
async function useBroker(t: Test, path: string): Promise<void> {
  await using server = client(path);
  await using caller = client(path);
  const object = server.serve(echo);
  for (let i = 0; i < 300; i++) server.serve({ path: `many.${i}`, methods: echo.methods });
  await server.ready();
  const heard: string[] = [];
  caller.listen('test.*', (name) => heard.push(name));
  const watch = caller.subscribe('test.echo', (name) => heard.push(name));
  await caller.ready();
  const listed = await caller.lookup('many.*');
  t.equal(listed.ok && listed.value.length, 300);
  for (const length of [1, 1000, 70_000, 900_000]) {
    const data = [field('text', string('é'.repeat(length / 2)))];
    t.same(await caller.call('test.echo', 'echo', data), { ok: true, value: data });
  }
  const many = await Promise.all(
    Array.from({ length: 200 }, (_, i) => caller.call('test.echo', 'echo', [field('i', int32(i))])),
  );
  t.ok(
    many.every(
      (answer, i) =>
        answer.ok && answer.value[0]?.value.type === 'int32' && answer.value[0].value.value === i,
    ),
  );
  const missing = await caller.call('test.none', 'echo');
  t.equal(missing.ok || missing.error.status, 4);
  t.ok(watch.active && object.watched);
  object.notify('changed', []);
  t.ok((await server.send('test.event', [field('a', table([]))])).ok);
  // A round trip through both ends puts everything before it.
  await caller.call('test.echo', 'echo', []);
  await caller.lookup('none');
  t.same(heard, ['changed', 'test.event']);
  object[Symbol.dispose]();
  const gone = await caller.call('test.echo', 'echo', []);
  t.equal(gone.ok || gone.error.status, 4);
}

t.test('our broker serves our client', async (t) => {
  const path = join(directory, 'ours');
  const { broker, server } = startBroker(path);
  await useBroker(t, path);
  await server[Symbol.asyncDispose]();
  t.equal(broker.stats.dropped, 0);
});

t.test(
  "OpenWrt's ubusd serves our client",
  {
    skip: installed('ubusd') ? false : 'no ubusd installed',
  },
  async (t) => {
    const path = join(directory, 'ubusd');
    const ubusd = spawn('ubusd', ['-s', path], { stdio: 'ignore' });
    t.teardown(() => ubusd.kill());
    while (!(await listens(path))) await pause(10);
    await useBroker(t, path);
  },
);

t.test('the client comes back when the broker does', async (t) => {
  const path = join(directory, 'restart');
  const first = startBroker(path);
  await using server = client(path);
  await using caller = client(path);
  server.serve(echo);
  await server.ready();
  await caller.ready();
  await first.server[Symbol.asyncDispose]();
  const waiting = await caller.call('test.echo', 'echo', []);
  t.equal(waiting.ok || waiting.error.status, 10);
  const second = startBroker(path);
  await Promise.all([server.ready(), caller.ready()]);
  t.ok((await caller.call('test.echo', 'echo', [])).ok);
  await second.server[Symbol.asyncDispose]();
});

t.test('a peer that does not read keeps nobody waiting', async (t) => {
  const path = join(directory, 'slow');
  const { broker, server } = startBroker(path);
  await using service = client(path);
  await using caller = client(path);
  service.serve(echo);
  await Promise.all([service.ready(), caller.ready()]);
  const slow = await opened(path);
  slow.pause();
  // PINGs of 60 KB, whose answers it never takes.
  const ping = Buffer.alloc(8 + 4 + 60_000);
  ping.writeUInt32BE(0x0003_0001, 0);
  ping.writeUInt32BE(ping.length - 8, 8);
  ping.writeUInt32BE(0x1400_0000 + 60_000, 12);
  for (let i = 0; i < 60; i++) slow.write(ping);
  const data = [field('text', string('x'.repeat(10_000)))];
  while (broker.stats.dropped === 0) {
    t.ok((await caller.call('test.echo', 'echo', data)).ok);
    await pause(0);
  }
  t.ok((await caller.call('test.echo', 'echo', data)).ok);
  slow.destroy();
  await server[Symbol.asyncDispose]();
});

t.test(
  'other users have what the rules grant, strangers nothing',
  {
    skip: process.getuid?.() === 0 ? false : 'needs root to become others',
  },
  async (t) => {
    const path = join(directory, 'users');
    const { broker, server } = startBroker(path);
    await using service = client(path);
    service.serve(echo);
    service.serve({ path: 'secret', methods: echo.methods });
    await service.ready();
    const asUser = async (id: number): Promise<unknown> => {
      const child = join(import.meta.dirname, 'ubus-as-user.ts');
      return JSON.parse((await run(process.execPath, [child, path, String(id)])).stdout);
    };
    t.same(await asUser(1), { listed: ['test.echo'], echo: 0, secret: 4, publish: false, send: 6 });
    t.same(await asUser(54_321), 'refused');
    t.equal(broker.stats.strangers, 1);
    await server[Symbol.asyncDispose]();
  },
);

t.test(
  "OpenWrt's ubus tool on our broker",
  {
    skip: installed('ubus') ? false : 'no ubus installed',
  },
  async (t) => {
    const path = join(directory, 'tool');
    const { server } = startBroker(path);
    await using service = client(path);
    const object = service.serve(echo);
    await service.ready();
    const ubus = async (...args: string[]) =>
      (await run('ubus', ['-s', path, ...args]).catch(({ stderr }) => ({ stdout: stderr }))).stdout;
    t.equal(await ubus('list'), 'test.echo\n');
    t.match(await ubus('-v', 'list', 'test.*'), /"echo":\{"text":"String"\}/);
    t.same(JSON.parse(await ubus('call', 'test.echo', 'echo', '{"text":"é✓","n":5000000000}')), {
      text: 'é✓',
      n: 5_000_000_000,
    });
    t.match(await ubus('call', 'test.echo', 'none'), /Method not found/);
    t.match(await ubus('call', 'test.none', 'echo'), /Not found/);
    const listening = spawn('ubus', ['-s', path, 'listen', 'x.*']);
    const watching = spawn('ubus', ['-s', path, 'subscribe', 'test.echo']);
    let heard = '';
    for (const child of [listening, watching]) {
      child.stdout.on('data', (text) => {
        heard += text;
      });
      t.teardown(() => child.kill());
    }
    while (!object.watched) await pause(10);
    while (!heard.includes('x.y')) {
      await ubus('send', 'x.y', '{"a":1}');
      await pause(10);
    }
    object.notify('changed', [field('n', int32(1))]);
    while (!heard.includes('changed')) await pause(10);
    t.match(heard, /\{ "x\.y": \{"a":1\} \}/);
    t.match(heard, /"changed":\s*\{"n":1\}/);
    await server[Symbol.asyncDispose]();
  },
);

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket)).once('error', reject);
  });
}

const listens = (path: string): Promise<boolean> =>
  opened(path).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
