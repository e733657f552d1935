import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ok } from '../../../src/base/result.ts';
import { connectBus } from '../../../src/edge/cli/ubus-bus.ts';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { bbfdmObject } from '../../../src/edge/ubus/bbfdm.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import { UbusClient } from '../../../src/edge/ubus/client.ts';
import { announceChanges, gatehouseObjects } from '../../../src/edge/ubus/gatehouse.ts';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../../src/os/linux/unix.ts';
import { MemoryLog } from '../../lib/log.ts';
import { type Bench, router } from '../../tr181/fixture.ts';
import { Captured, cli, type Ran } from './fake.ts';

const PEER = { pid: process.pid, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const native = loadNative();

/** The model of a router behind a broker on a real socket, and a command line that reaches it. */
class OnTheBus implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #path: string;
  readonly #sockets: LinuxUnixSockets;
  readonly #clock = new LinuxClock(native);
  readonly bench: Bench;

  constructor(bench: Bench, path: string) {
    this.bench = bench;
    this.#path = path;
    this.#sockets = new LinuxUnixSockets(this.#stack.use(new Reactor(native)));
  }

  async start(): Promise<void> {
    let id = 1024;
    const broker = new Broker({
      randomU32: () => ++id,
      accounts: parseAccounts(`me:x:${PEER.uid}:${PEER.gid}::/:`, `me:x:${PEER.gid}:`),
      ownUid: PEER.uid,
    });
    const server = this.#sockets.listen({
      path: this.#path,
      mode: 0o600,
      maxConnections: 16,
      maxQueuedBytes: 1 << 20,
      accepted: (connection) => broker.accept(connection),
    });
    if (!server.ok) throw server.error;
    this.#stack.use(server.value);
    const client = this.#stack.use(
      new UbusClient({
        clock: this.#clock,
        log: new MemoryLog(),
        connect: (opened) => ok(broker.attach(PEER, opened)),
      }),
    );
    client.serve(bbfdmObject(this.bench.model));
    const status = () => ({ version: '1.2.3', revision: this.bench.model.revision });
    for (const object of gatehouseObjects({ services: [], status })) client.serve(object);
    this.#stack.use(announceChanges(this.bench.model, client));
    client.start();
    await client.ready();
  }

  readonly connect = (path = this.#path) =>
    connectBus({ sockets: this.#sockets, path, clock: this.#clock, log: new MemoryLog() });

  run(...args: string[]): Promise<Ran> {
    return cli(args, undefined, { connect: () => this.connect() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A short path: that of a socket holds 107 bytes. */
async function started(t: { teardown(run: () => void): void }): Promise<OnTheBus> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const bus = new OnTheBus(await router(), join(folder, 'ubus.sock'));
  await bus.start();
  return bus;
}

t.test('the real model is read and written', async (t) => {
  await using bus = await started(t);
  const enable = 'Device.DHCPv4.Client.1.Enable';
  t.same(await bus.run('get', enable), { code: 0, out: 'true\n', err: '' });
  t.same(await bus.run('set', `${enable}=false`), { code: 0, out: '', err: '1 parameter set\n' });
  t.equal(bus.bench.get(enable), 'false');
  t.same(JSON.parse((await bus.run('--json', 'get', enable)).out), { [enable]: false });
  t.match(bus.bench.audit.at(-1), {
    path: enable,
    old: 'true',
    new: 'false',
    origin: { via: 'ubus', user: 'me' },
  });
  t.match(await bus.run('get', 'Device.DHCPv4.Client.1.Enabled'), {
    code: 1,
    out: '',
    err: /no such parameter .*did you mean Enable\?/,
  });
  const before = bus.bench.model.revision;
  const both = await bus.run(
    'set',
    `${enable}=true`,
    'Device.DHCPv4.Client.1.Alias=',
    'Device.X=1',
  );
  t.equal(both.code, 1);
  t.match(both.err, /Device\.X/);
  t.equal(bus.bench.model.revision, before, 'all or nothing');
});

t.test('what is not served to somebody does not say that the daemon is off', async (t) => {
  await using bus = await started(t);
  const connected = await bus.connect();
  if (!connected.ok) throw connected.error;
  await using there = connected.value;
  const message = /nobody serves 'iwinfo' to this user: try as root/;
  t.match(await there.call('iwinfo', 'info', {}), { ok: false, error: { message } });
});

t.test('rows come and go', async (t) => {
  await using bus = await started(t);
  const added = await bus.run('add', 'Device.DHCPv4.Client.1.ReqOption', 'Tag=42');
  t.match(added, { code: 0, out: /^Device\.DHCPv4\.Client\.1\.ReqOption\.\d+\.\n$/ });
  const path = added.out.trim();
  t.equal((await bus.run('get', `${path}Tag`)).out, '42\n');
  t.match((await bus.run('instances', 'Device.DHCPv4.Client.1.ReqOption.')).out, path.slice(0, -1));
  t.same(await bus.run('del', path), { code: 0, out: '', err: '1 row deleted\n' });
  t.equal((await bus.run('get', `${path}Tag`)).code, 1);
});

t.test('schema, status, services, leases and completion answer', async (t) => {
  await using bus = await started(t);
  t.match(
    (await bus.run('schema', 'Device.DHCPv4.Client.')).out,
    /Device\.DHCPv4\.Client\.\{i\}\.Enable +boolean +rw/,
  );
  t.match((await bus.run('status')).out, /^version +1\.2\.3\n/);
  t.equal((await bus.run('services')).code, 0);
  t.match((await bus.run('leases')).out, /^CLIENT +STATE/);
  t.match((await bus.run('call', 'nope', 'x')).err, /no service nope/);
  t.match(
    (await bus.run('complete', '--', 'get', 'Device.DHCPv4.Cl')).out,
    /^Device\.DHCPv4\.Client\.\n/m,
  );
  t.match(
    (await bus.run('complete', '--', 'operate', 'Device.DHCPv4.Client.1.R')).out,
    /Renew\(\)\n/,
  );
});

t.test('watch prints what another one sets', async (t) => {
  await using bus = await started(t);
  const ending = new AbortController();
  const stdout = new Captured();
  const stderr = new Watched(/watching/);
  const watching = cli(['watch', 'Device.DHCPv4.', '--no-color'], undefined, {
    connect: () => bus.connect(),
    signal: ending.signal,
    stdout: new Watched(/Enable = false/, stdout, () => ending.abort()),
    stderr,
  });
  await stderr.seen;
  t.equal((await bus.run('set', 'Device.DHCPv4.Client.1.Enable=false')).code, 0);
  t.equal((await watching).code, 0);
  t.match(stdout.text, /^\d\d:\d\d:\d\d\.\d{3} Device\.DHCPv4\.Client\.1\.Enable = false\n/m);
});

t.test('where nobody listens it says so', async (t) => {
  await using bus = await started(t);
  const away = '/nowhere/away.sock';
  const ran = await cli(['status'], undefined, { connect: () => bus.connect(away) });
  t.equal(ran.code, 1);
  t.match(ran.err, /cannot reach the daemon at .*away\.sock: nobody listens there; is it running/);
});

/** Tells when something was written. */
class Watched extends Captured {
  readonly #pattern: RegExp;
  readonly #copy: Captured | undefined;
  readonly #then: () => void;
  readonly seen: Promise<void>;
  #tell: () => void = () => undefined;

  constructor(pattern: RegExp, copy?: Captured, then: () => void = () => undefined) {
    super();
    this.#pattern = pattern;
    this.#copy = copy;
    this.#then = then;
    this.seen = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  override write(text: string): void {
    super.write(text);
    this.#copy?.write(text);
    if (!this.#pattern.test(this.text)) return;
    this.#tell();
    this.#then();
  }
}
