import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  decodeLeaseMessage,
  encodeLeaseAck,
  type LeaseMessage,
  leaseFrameBytes,
} from '#src/wire/lease.ts';

const PLUGIN = fileURLToPath(new URL('../../build/native/lease-plugin', import.meta.url));

interface Run {
  readonly code: number | null;
  readonly said: string;
}

class Rig {
  readonly dir = mkdtempSync(join(tmpdir(), 'gh-plugin-'));
  readonly hook = join(this.dir, 'hook', 'dhcp4.1');
  readonly spool = join(this.dir, 'spool');
  readonly socket = join(this.dir, 'lease.sock');

  constructor(t: Test) {
    mkdirSync(join(this.dir, 'hook'));
    symlinkSync(PLUGIN, this.hook);
    t.teardown(() => rmSync(this.dir, { recursive: true }));
  }

  start(event: string, env: Record<string, string>, hook = this.hook): ChildProcess {
    return spawn(hook, [event], { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async run(event: string, env: Record<string, string>, hook = this.hook): Promise<Run> {
    const child = this.start(event, env, hook);
    let said = '';
    child.stdout?.on('data', (d) => (said += d));
    child.stderr?.on('data', (d) => (said += d));
    const [code] = await once(child, 'close');
    return { code, said };
  }

  /** Takes each message and answers it. */
  async serve(taken: Buffer[], answer: Uint8Array | undefined): Promise<Server> {
    const server = createServer((s) => {
      let got: Buffer = Buffer.alloc(0);
      s.on('error', () => {});
      s.on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
        const length = leaseFrameBytes(got);
        if (!length.ok || got.length < length.value) return;
        taken.push(got);
        if (answer !== undefined) s.write(answer);
      });
    }).listen(this.socket);
    await once(server, 'listening');
    return server;
  }

  spooled(): string[] {
    return readdirSync(this.spool).sort();
  }
}

function decode(bytes: Uint8Array | undefined): LeaseMessage {
  if (bytes === undefined) throw new Error('no message');
  const decoded = decodeLeaseMessage(bytes);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.error));
  return decoded.value;
}

t.test('at most 100 KB, static', async (t) => {
  t.ok(statSync(PLUGIN).size <= 100_000, `${statSync(PLUGIN).size} bytes`);
  t.notOk(readFileSync(PLUGIN).includes('ld-linux'), 'no dynamic loader');
});

t.test('the daemon gets event, client, parent, clocks and environment', async (t) => {
  const rig = new Rig(t);
  const taken: Buffer[] = [];
  const server = await rig.serve(taken, encodeLeaseAck('done'));
  const env = {
    interface: 'wan0',
    ip: '192.0.2.7',
    hostname: 'a\n"b"\'$(touch /tmp/x)`id`=',
    empty: '',
    long: 'x'.repeat(5000),
  };
  const before = Date.now();
  const ran = await rig.run('bound', env);
  t.match(ran, { code: 0, said: '' });
  const message = decode(taken[0]);
  t.equal(message.clientId, 'dhcp4.1');
  t.equal(message.event, 'bound');
  t.equal(message.clientPid, process.pid);
  t.equal(message.truncated, false);
  t.ok(message.wallMs >= before - 1 && message.wallMs <= Date.now() + 1);
  const uptimeMs = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
  t.ok(message.boottimeMs > 0 && message.boottimeMs <= uptimeMs + 1000);
  t.same(Object.fromEntries(message.env), env);
  t.equal(lstatSync(rig.spool, { throwIfNoEntry: false }), undefined, 'nothing spooled');
  server.close();
});

t.test('a refusal is an answer: nothing is spooled', async (t) => {
  const rig = new Rig(t);
  const server = await rig.serve([], encodeLeaseAck('refused'));
  t.match(await rig.run('bound', {}), { code: 0 });
  t.equal(lstatSync(rig.spool, { throwIfNoEntry: false }), undefined);
  server.close();
});

t.test('nobody listens: the same frame is spooled, mode 0600, names sort by time', async (t) => {
  const rig = new Rig(t);
  for (const event of ['deconfig', 'bound', 'renew']) {
    t.match(await rig.run(event, { n: event }), { code: 0, said: '' });
  }
  const names = rig.spooled();
  t.equal(names.length, 3);
  const events = names.map((name) => decode(readFileSync(join(rig.spool, name))).event);
  t.same(events, ['deconfig', 'bound', 'renew']);
  for (const name of names) t.equal(statSync(join(rig.spool, name)).mode & 0o777, 0o600);
  t.same(readdirSync(rig.dir).sort(), ['hook', 'spool'], 'no temporary file is left');
});

t.test('a listener that never answers, or answers nonsense, or is gone: spooled', async (t) => {
  const silent = new Rig(t);
  const heard: Buffer[] = [];
  const server = await silent.serve(heard, undefined);
  t.match(await silent.run('bound', {}), { code: 0 });
  t.equal(heard.length, 1);
  t.equal(silent.spooled().length, 1);
  server.close();

  const odd = new Rig(t);
  const nonsense = await odd.serve([], Buffer.from('HTTP/1.1 200'));
  await odd.run('bound', {});
  t.equal(odd.spooled().length, 1);
  nonsense.close();

  const stale = new Rig(t);
  writeFileSync(stale.socket, '');
  await stale.run('bound', {});
  t.equal(stale.spooled().length, 1);
});

t.test('the spool holds 64: the oldest go', async (t) => {
  const rig = new Rig(t);
  mkdirSync(rig.spool);
  for (let i = 0; i < 70; i++) writeFileSync(join(rig.spool, `${i}`.padStart(20, '0')), 'old');
  await rig.run('bound', {});
  const names = rig.spooled();
  t.equal(names.length, 64);
  t.equal(names[0], '7'.padStart(20, '0'), 'seven of the 70 went');
  t.equal(decode(readFileSync(join(rig.spool, names[63] ?? ''))).event, 'bound');
});

t.test('the spool is no symbolic link', async (t) => {
  const rig = new Rig(t);
  const elsewhere = join(rig.dir, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, rig.spool);
  t.match(await rig.run('bound', {}), { code: 0 });
  t.same(readdirSync(elsewhere), []);
});

t.test('too much: whole pairs are left out and the flag is set', async (t) => {
  const rig = new Rig(t);
  const taken: Buffer[] = [];
  const server = await rig.serve(taken, encodeLeaseAck('done'));
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${i}`, `${i}`]));
  await rig.run('bound', many);
  const first = decode(taken[0]);
  t.equal(first.env.size, 512);
  t.equal(first.truncated, true);

  await rig.run('bound', { a: 'x'.repeat(60_000), b: 'y'.repeat(10_000), c: 'z' });
  const second = decode(taken[1]);
  t.same([...second.env.keys()], ['a', 'c']);
  t.equal(second.truncated, true);

  await rig.run('bound', { a: 'x'.repeat(70_000), c: 'z' });
  t.same([...decode(taken[2]).env], [['c', 'z']]);
  server.close();
});

t.test('many at once are all taken', async (t) => {
  const rig = new Rig(t);
  const taken: Buffer[] = [];
  const server = await rig.serve(taken, encodeLeaseAck('done'));
  await Promise.all(Array.from({ length: 40 }, (_, i) => rig.run('bound', { i: `${i}` })));
  const seen = new Set(taken.map((bytes) => decode(bytes).env.get('i')));
  t.equal(seen.size, 40);
  server.close();
});

t.test('started in no way that it knows, it does nothing and ends with 0', async (t) => {
  const rig = new Rig(t);
  t.match(await rig.run('bound', {}, PLUGIN), { code: 0, said: '' });
  const bare = spawn('dhcp4.1', ['bound'], {
    env: { PATH: join(rig.dir, 'hook') },
    stdio: 'ignore',
    argv0: 'x',
    cwd: rig.dir,
  });
  t.same(await once(bare, 'exit'), [0, null]);
  const child = spawn(rig.hook, [], { env: {}, stdio: 'ignore' });
  t.same(await once(child, 'exit'), [0, null]);
  t.equal(lstatSync(rig.spool, { throwIfNoEntry: false }), undefined);
});
