import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err } from '../../../src/base/result.ts';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import { UbusClient, type UbusClientOptions } from '../../../src/edge/ubus/client.ts';
import { method, refuse, reply, type UbusObject } from '../../../src/edge/ubus/objects.ts';
import type { UnixConnection } from '../../../src/os/ports.ts';
import { array, bool, field, int32, string, table } from '../../../src/wire/blobmsg.ts';
import { UBUS_STATUS } from '../../../src/wire/ubus.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { counting, FakeClient, GROUP, PASSWD, ROOT } from './fakes.ts';

function bus() {
  const broker = new Broker({
    randomU32: counting(),
    accounts: parseAccounts(PASSWD, GROUP),
    ownUid: 0,
  });
  const clock = new FakeClock();
  const log = new MemoryLog();
  const connections: UnixConnection[] = [];
  let broken = false;
  const client = (options: Partial<UbusClientOptions> = {}): UbusClient => {
    const made = new UbusClient({
      connect: (opened) => {
        if (broken) return err(new SystemError('no broker', 'ECONNREFUSED'));
        const connection = broker.attach(ROOT, opened);
        connections.push(connection);
        return { ok: true, value: connection };
      },
      peerOf: (id) => broker.peerOf(id),
      clock,
      log,
      ...options,
    });
    made.start();
    t.teardown(() => made[Symbol.asyncDispose]());
    return made;
  };
  return {
    broker,
    clock,
    log,
    client,
    setBroken: (value: boolean) => {
      broken = value;
    },
    connections,
  };
}

const echo: UbusObject = {
  path: 'test.echo',
  methods: {
    echo: method({ text: 'string', many: 'int32' }, ({ text, many }, request) =>
      text === undefined
        ? refuse(UBUS_STATUS.invalidArgument)
        : reply([
            field('text', string(text.repeat(many ?? 1))),
            field('user', string(request.user)),
            field('pid', int32(request.peer?.pid ?? 0)),
          ]),
    ),
    later: method({}, async () => {
      await Promise.resolve();
      return reply([field('late', bool(true))]);
    }),
    broken: method({}, async () => {
      throw new TypeError('a bug');
    }),
    never: method({}, () => new Promise(() => {})),
    huge: method({}, () => reply([field('text', string('x'.repeat(1_100_000)))])),
  },
};

t.test('calls reach an object and its answers come back', async (t) => {
  const b = bus();
  const server = b.client();
  server.serve(echo);
  await server.ready();
  const client = b.client();
  t.same(
    await client.call('test.echo', 'echo', [field('text', string('a')), field('many', int32(3))]),
    {
      ok: true,
      value: [field('text', string('aaa')), field('user', string('root')), field('pid', int32(1))],
    },
  );
  t.same(await client.call('test.echo', 'later'), {
    ok: true,
    value: [field('late', bool(true))],
  });
  const status = async (path: string, name: string, data = [field('n', int32(1))]) => {
    const answer = await client.call(path, name, data);
    return answer.ok ? 0 : answer.error.status;
  };
  t.equal(await status('test.echo', 'echo'), UBUS_STATUS.invalidArgument, 'policy: no text');
  t.equal(
    await status('test.echo', 'echo', [field('text', int32(1))]),
    UBUS_STATUS.invalidArgument,
    'policy: a text of another type is absent',
  );
  t.equal(await status('test.echo', 'none'), UBUS_STATUS.methodNotFound);
  t.equal(await status('test.echo', 'toString'), UBUS_STATUS.methodNotFound);
  t.equal(await status('test.none', 'echo'), UBUS_STATUS.notFound);
  t.equal(await status('test.echo', 'broken'), UBUS_STATUS.unknownError);
  t.match(b.log.messages('error'), ['call failed']);
  t.equal(await status('test.echo', 'huge'), UBUS_STATUS.noMemory);
  t.equal(
    await status('test.echo', 'echo', [field('text', string('x'.repeat(1_100_000)))]),
    UBUS_STATUS.invalidArgument,
    'a message that is too large is not sent',
  );
});

t.test('lookup gives the signature', async (t) => {
  const b = bus();
  const server = b.client();
  server.serve(echo);
  server.serve({ path: 'other', methods: {} });
  await server.ready();
  const found = await server.lookup('*');
  t.ok(found.ok);
  if (!found.ok) return;
  t.same(
    found.value.map(({ path }) => path),
    ['other', 'test.echo'],
  );
  t.same(
    found.value[1]?.signature[0],
    field('echo', table([field('text', int32(3)), field('many', int32(5))])),
  );
});

t.test('many calls wait at once; there is a bound, a timeout and an abort', async (t) => {
  const b = bus();
  const server = b.client();
  server.serve(echo);
  await server.ready();
  const client = b.client({ maxOutstanding: 10 });
  await client.call('test.echo', 'later');
  const abort = new AbortController();
  const waiting = [
    client.call('test.echo', 'never', [], { timeoutMs: 2_000 }),
    client.call('test.echo', 'never', [], { timeoutMs: 1_000 }),
    client.call('test.echo', 'never', [], { signal: abort.signal }),
  ];
  for (let i = 0; i < 7; i++) waiting.push(client.call('test.echo', 'never'));
  const tooMany = await client.call('test.echo', 'later');
  t.equal(tooMany.ok || tooMany.error.status, UBUS_STATUS.noMemory);
  abort.abort();
  const aborted = await waiting[2];
  t.equal(aborted?.ok || aborted?.error.status, UBUS_STATUS.unknownError);
  b.clock.advance(1_000);
  const second = await waiting[1];
  t.equal(second?.ok || second?.error.status, UBUS_STATUS.timeout);
  t.equal(client.outstanding, 8);
  b.clock.advance(1_000);
  const first = await waiting[0];
  t.equal(first?.ok || first?.error.status, UBUS_STATUS.timeout);
  b.clock.advance(28_000);
  for (const rest of waiting.slice(3)) {
    const answer = await rest;
    t.equal(answer.ok || answer.error.status, UBUS_STATUS.timeout);
  }
  t.equal(client.outstanding, 0);
});

t.test('the cache of ids follows objects that come and go', async (t) => {
  const b = bus();
  const client = b.client();
  await client.ready();
  const server = b.client();
  const first = server.serve(echo);
  await server.ready();
  t.ok((await client.call('test.echo', 'later')).ok);
  const before = b.broker.stats.received;
  t.ok((await client.call('test.echo', 'later')).ok);
  t.equal(b.broker.stats.received - before, 3, 'INVOKE, DATA, STATUS: no LOOKUP');
  first[Symbol.dispose]();
  const gone = await client.call('test.echo', 'later');
  t.equal(gone.ok || gone.error.status, UBUS_STATUS.notFound);
  server.serve(echo);
  await server.ready();
  t.ok((await client.call('test.echo', 'later')).ok);
});

t.test('events, notifications, and a subscription that outlives its target', async (t) => {
  const b = bus();
  const server = b.client();
  const client = b.client();
  const heard: unknown[] = [];
  client.listen('x.*', (name, data) => heard.push([name, data]));
  const watch = client.subscribe('test.echo', (name, data) => heard.push([name, data]));
  await client.ready();
  t.notOk(watch.active);
  const object = server.serve(echo);
  await server.ready();
  await client.lookup('*');
  await client.lookup('*');
  t.ok(watch.active);
  t.ok(object.watched);
  t.ok(object.notify('changed', [field('n', int32(1))]));
  t.ok((await server.send('x.y', [field('m', array([]))])).ok);
  t.ok((await server.send('y.x', [])).ok);
  t.same(heard, [
    ['changed', [field('n', int32(1))]],
    ['x.y', [field('m', array([]))]],
  ]);
  object[Symbol.dispose]();
  await client.lookup('*');
  t.notOk(watch.active);
  const again = server.serve(echo);
  await server.ready();
  await client.lookup('*');
  await client.lookup('*');
  t.ok(watch.active);
  watch[Symbol.dispose]();
  await client.lookup('*');
  t.notOk(again.watched);
  t.notOk(again.notify('changed', []), 'nobody to tell');
});

t.test('reconnects with growing pauses and registers again', async (t) => {
  const b = bus();
  const server = b.client();
  server.serve(echo);
  const heard: string[] = [];
  server.listen('x', (name) => heard.push(name));
  await server.ready();
  const waiting = server.call('test.echo', 'never');
  await server.lookup('*');
  b.setBroken(true);
  // The broker closes the connection, as it does when it goes away.
  const [first] = b.connections;
  t.ok(first);
  t.same(
    await Promise.all([waiting, closeFromBroker(b, server)]).then(([answer]) =>
      answer.ok ? 0 : answer.error.status,
    ),
    UBUS_STATUS.connectionFailed,
  );
  t.notOk(server.online);
  const offline = await server.call('test.echo', 'later');
  t.equal(offline.ok || offline.error.status, UBUS_STATUS.connectionFailed);
  b.clock.advance(100);
  b.clock.advance(200);
  t.equal(b.clock.nextDelayMs, 400, 'pauses double');
  b.setBroken(false);
  b.clock.advance(400);
  t.ok(server.online);
  await server.ready();
  t.ok((await server.call('test.echo', 'later')).ok, 'serves again');
  const other = new FakeClient(b.broker);
  other.invoke(1, 'send', [field('id', string('x')), field('data', table([]))]);
  t.same(heard, ['x'], 'listens again');
  t.equal(b.log.messages('warn').length, 1, 'one line for one outage');
});

/** Makes the broker drop the newest connection, by a message of impossible length. */
function closeFromBroker(b: ReturnType<typeof bus>, client: UbusClient): Promise<void> {
  const connection = b.connections.at(-1);
  connection?.write(Uint8Array.of(0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0));
  t.notOk(client.online);
  return Promise.resolve();
}

t.test('without HELLO the connection is given up', async (t) => {
  const clock = new FakeClock();
  const log = new MemoryLog();
  let closed = 0;
  const silent: UnixConnection = {
    peer: ROOT,
    queuedBytes: 0,
    write: () => true,
    close: () => void closed++,
    end: () => {},
  };
  const client = new UbusClient({
    connect: (opened) => {
      opened(silent);
      return { ok: true, value: silent };
    },
    clock,
    log,
  });
  client.start();
  clock.advance(5_000);
  t.equal(closed, 1);
  t.notOk(client.online);
  t.equal(clock.nextDelayMs, 100);
  await client[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
  t.equal(clock.pending, 0, 'nothing is left armed');
});
