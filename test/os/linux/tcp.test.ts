/** TCP over the reactor: what is sent arrives, what fails is told once, nothing stays open. */

import { once } from 'node:events';
import { createServer, connect as nodeConnect } from 'node:net';
import t, { type Test } from 'tap';
import { type IpPort, parseIpPort } from '#src/base/ip-port.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxTcpSockets } from '#src/os/linux/tcp.ts';
import type { TcpConnection, TcpListenOptions, TcpServer } from '#src/os/ports-tcp.ts';

interface Rig {
  readonly reactor: Reactor;
  readonly sockets: LinuxTcpSockets;
  /** A free port of a loopback address. */
  readonly any: IpPort;
}

const LOOPBACK4 = { address: 0x7f000001, port: 0 } as IpPort;
const LOOPBACK6 = { address: 1n, port: 0 } as IpPort;

/** Over IPv4 and IPv6, and with the reactor following and leading. */
function each(name: string, body: (t: Test, rig: Rig) => Promise<void>): void {
  for (const [any, leads] of [
    [LOOPBACK4, false],
    [LOOPBACK6, true],
  ] as const)
    t.test(`${name} (${typeof any.address === 'number' ? 'IPv4' : 'IPv6'})`, async (t) => {
      const reactor = new Reactor(loadNative(), { leads });
      t.teardown(() => reactor[Symbol.asyncDispose]());
      await body(t, { reactor, any, sockets: new LinuxTcpSockets(reactor) });
      t.equal(reactor.open, 0, 'nothing is left open');
    });
}

function listen(
  { sockets, any }: Rig,
  accepted: TcpListenOptions['accepted'],
  more: Partial<TcpListenOptions> = {},
): TcpServer {
  const server = sockets.listen({
    ...{ local: any, maxConnections: 8, maxQueuedBytes: 1 << 20, accepted },
    ...more,
  });
  if (!server.ok) throw server.error;
  return server.value;
}

/** Connects and collects until the other side ends. */
function collect(
  rig: Rig,
  to: IpPort,
  send: Uint8Array,
): Promise<{ bytes: Buffer; opened: boolean; code: string | undefined }> {
  const { promise, resolve } = Promise.withResolvers<{
    bytes: Buffer;
    opened: boolean;
    code: string | undefined;
  }>();
  const chunks: Buffer[] = [];
  let opened = false;
  const made = rig.sockets.connect(to, 1 << 20, {
    opened: () => {
      opened = true;
    },
    data: (chunk) => void chunks.push(Buffer.from(chunk)),
    closed: (error) => resolve({ bytes: Buffer.concat(chunks), opened, code: error?.code }),
  });
  if (!made.ok) throw made.error;
  // Before it stands: the connection keeps it.
  if (send.length > 0) made.value.write(send);
  return promise;
}

each('an echo of a megabyte; both ends know the other', async (t, rig) => {
  const sent = Buffer.alloc(1_000_000, 'gatehouse');
  let from: IpPort | undefined;
  const server = listen(rig, (connection) => {
    from = connection.remote;
    return {
      data: (chunk) => {
        if (!connection.write(chunk)) t.fail('not taken');
      },
      closed: () => undefined,
    };
  });
  t.not(server.local.port, 0);
  const chunks: Buffer[] = [];
  let connection: TcpConnection | undefined;
  await new Promise<void>((resolve) => {
    const made = rig.sockets.connect(server.local, 2 << 20, {
      data: (chunk) => {
        chunks.push(Buffer.from(chunk));
        if (chunks.reduce((sum, { length }) => sum + length, 0) === sent.length) resolve();
      },
      closed: () => resolve(),
    });
    if (!made.ok) throw made.error;
    connection = made.value;
    t.ok(connection.write(sent));
  });
  t.ok(Buffer.concat(chunks).equals(sent));
  t.equal(from?.address, rig.any.address);
  connection?.close();
  connection?.close();
  t.notOk(connection?.write(sent), 'closed');
  await server[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

each('an end is told once, a refusal with its code', async (t, rig) => {
  const server = listen(rig, (connection) => {
    connection.write(Buffer.from('bye'));
    queueMicrotask(() => connection.close());
    return { data: () => undefined, closed: () => undefined };
  });
  const { local } = server;
  const { bytes, opened, code } = await collect(rig, local, new Uint8Array(0));
  t.same([String(bytes), opened, code], ['bye', true, undefined]);
  await server[Symbol.asyncDispose]();
  t.match(await collect(rig, local, Buffer.from('x')), { opened: false, code: 'ECONNREFUSED' });
});

each('more than are wanted are refused, and counted', async (t, rig) => {
  const held: TcpConnection[] = [];
  const server = listen(
    rig,
    (connection) => {
      held.push(connection);
      return { data: () => undefined, closed: () => undefined };
    },
    { maxConnections: 1 },
  );
  const first = nodeConnect(server.local.port, rig.any === LOOPBACK4 ? '127.0.0.1' : '::1');
  await once(first, 'connect');
  await collect(rig, server.local, new Uint8Array(0));
  t.equal(server.refused, 1);
  t.equal(held.length, 1);
  first.destroy();
  await server[Symbol.asyncDispose]();
});

each('a queue has a bound, and what is refused is not sent', async (t, rig) => {
  const deaf = createServer({ pauseOnConnect: true });
  deaf.listen(0, rig.any === LOOPBACK4 ? '127.0.0.1' : '::1');
  await once(deaf, 'listening');
  const bound = deaf.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('not bound');
  const opened = Promise.withResolvers<void>();
  const made = rig.sockets.connect({ ...rig.any, port: bound.port }, 300_000, {
    opened: () => opened.resolve(),
    data: () => undefined,
    closed: () => opened.resolve(),
  });
  if (!made.ok) throw made.error;
  await opened.promise;
  const bytes = new Uint8Array(100_000);
  let taken = 0;
  while (taken < 1000 && made.value.write(bytes)) taken += 1;
  t.ok(taken > 2 && taken < 1000, 'the kernel takes some, the queue three more, then no');
  made.value.close();
  deaf.close();
});

t.test('an address without a way is told at once; wrong arguments do no harm', async (t) => {
  const reactor = new Reactor(loadNative());
  t.teardown(() => reactor[Symbol.asyncDispose]());
  const sockets = new LinuxTcpSockets(reactor);
  const peer = parseIpPort('[fe80::1]:9');
  if (!peer.ok) return t.fail();
  const made = sockets.connect(peer.value, 100, { data: () => undefined, closed: () => undefined });
  // Link-local without a zone: EINVAL.
  t.notOk(made.ok);
  for (const bad of [
    () => reactor.raw.connectTcp(new Uint32Array(2), 1),
    () => reactor.raw.connectTcp(new Uint32Array(1), 70_000),
    () => reactor.raw.listenTcp(new Uint32Array(0), 1, 1),
    () => reactor.raw.tcpName(12_345, 0, new Uint32Array(6)),
    () => reactor.raw.tcpName(1, 0, new Uint32Array(5)),
  ])
    t.ok(bad() < 0);
  const taken = sockets.listen({
    ...{ local: { address: 0xc0000201, port: 1 } as IpPort, maxConnections: 1, maxQueuedBytes: 1 },
    accepted: () => undefined,
  });
  t.match(taken, { ok: false, error: { code: 'EADDRNOTAVAIL' } });
});
