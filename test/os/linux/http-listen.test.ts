import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import t from 'tap';
import { NodeHttpListeners } from '../../../src/os/linux/http-listen.ts';
import { NodeCertificates } from '../../../src/os/linux/tls-x509.ts';
import type { HttpHandler, TlsMaterial } from '../../../src/os/ports.ts';
import { ask } from '../../edge/http/client.ts';
import { MemoryLog } from '../../lib/log.ts';

const certificates = new NodeCertificates();
const NAMES = { hosts: ['localhost'], addresses: ['127.0.0.1'] };
const nowMs = Date.now();
const ca = await certificates.makeCa('test', nowMs);
const leaf = (): Promise<TlsMaterial> => certificates.makeLeaf(ca, NAMES, nowMs);

const hello: HttpHandler = (request, { peer }) =>
  Response.json({ path: new URL(request.url).pathname, ...peer });

async function serving(
  test: { teardown(run: () => unknown): void },
  handler: HttpHandler,
  more: Partial<ConstructorParameters<typeof NodeHttpListeners>[0]> = {},
  secure = true,
): Promise<{ listeners: NodeHttpListeners; port: number }> {
  const listeners = new NodeHttpListeners({ handler, log: new MemoryLog(), ...more });
  test.teardown(() => listeners[Symbol.asyncDispose]());
  if (secure) {
    const used = listeners.useCertificate(await leaf());
    if (!used.ok) throw used.error;
  }
  const errors = await listeners.listen([{ host: '127.0.0.1', port: 0, secure }]);
  if (errors[0] !== undefined) throw errors[0];
  return { listeners, port: listeners.ports[0] ?? 0 };
}

const opened = async (port: number): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
};

t.test('HTTPS answers, and says who asked', async (t) => {
  const { port } = await serving(t, hello);
  const answer = await ask({ port, path: '/a/../b?x=1', ca: ca.certificatePem });
  t.equal(answer.status, 200);
  t.same(JSON.parse(answer.text), { path: '/b', address: '127.0.0.1', secure: true });
});

t.test('TLS 1.3 alone: 1.2 is refused and counted', async (t) => {
  const { listeners, port } = await serving(t, hello);
  const socket = tlsConnect({
    host: '127.0.0.1',
    port,
    ca: ca.certificatePem,
    maxVersion: 'TLSv1.2',
  });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.match(error.code, /PROTOCOL_VERSION/);
  t.equal(listeners.counters.handshakesFailed, 1);
  const modern = tlsConnect({ host: '127.0.0.1', port, ca: ca.certificatePem });
  await once(modern, 'secureConnect');
  t.equal(modern.getProtocol(), 'TLSv1.3');
  modern.destroy();
});

t.test('50 half-open requests and 50 half-open handshakes keep nobody out', async (t) => {
  const limits = { maxInAll: 40, maxPerAddress: 20 };
  const { listeners, port } = await serving(t, hello, { limits });
  const crowd: Socket[] = [];
  t.teardown(() => crowd.map((socket) => socket.destroy()));
  for (let i = 0; i < 50; i++) crowd.push(await opened(port));
  for (let i = 0; i < 50; i++) {
    const socket = tlsConnect({ host: '127.0.0.1', port, ca: ca.certificatePem });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow:');
    crowd.push(socket);
  }
  const answer = await ask({ port, path: '/in', ca: ca.certificatePem });
  t.equal(answer.status, 200);
  t.ok(listeners.counters.connections <= 20, 'never more than the limit');
  t.ok(listeners.counters.evicted >= 80, 'the crowd made room');
});

t.test(
  'whoever waits for our answer is not put out; when all do, new ones are refused',
  async (t) => {
    const release = Promise.withResolvers<void>();
    let waiting = 0;
    const begun = Promise.withResolvers<void>();
    const slow: HttpHandler = async (request, exchange) => {
      if (++waiting === 4) begun.resolve();
      await release.promise;
      return hello(request, exchange);
    };
    const { listeners, port } = await serving(t, slow, {
      limits: { maxInAll: 4, maxPerAddress: 4 },
    });
    const asked = Array.from({ length: 4 }, () => ask({ port, path: '/', ca: ca.certificatePem }));
    await begun.promise;
    await t.rejects(ask({ port, path: '/', ca: ca.certificatePem }));
    t.equal(listeners.counters.refused, 1);
    release.resolve();
    for (const answer of await Promise.all(asked)) t.equal(answer.status, 200);
  },
);

t.test('a request that does not end in time is ended', async (t) => {
  const { port } = await serving(t, hello, { headTimeoutMs: 100, requestTimeoutMs: 200 }, false);
  const socket = await opened(port);
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\n');
  let said = '';
  socket.on('data', (chunk) => (said += String(chunk)));
  await once(socket, 'close');
  t.match(said, /^HTTP\/1.1 408/);
});

t.test('heads past 16 KiB, several hosts, none, and absolute targets are refused', async (t) => {
  const { port } = await serving(t, hello, {}, false);
  const long = await ask({ port, path: '/', headers: { 'x-long': 'x'.repeat(17_000) } });
  t.equal(long.status, 431);
  const raw = async (text: string): Promise<string> => {
    const socket = await opened(port);
    let said = '';
    socket.on('data', (chunk) => (said += String(chunk)));
    socket.write(text);
    await once(socket, 'close');
    return said;
  };
  for (const head of [
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET //evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n',
  ]) {
    t.match(await raw(head), /^HTTP\/1.1 400/, head.slice(0, 30));
  }
});

t.test('bodies: read on demand, up to what the handler takes', async (t) => {
  const handler: HttpHandler = async (_request, { readBody }) => {
    const body = await readBody(1000);
    return body.ok
      ? new Response(`${body.value.length}`)
      : new Response(body.error, { status: 413 });
  };
  const { port } = await serving(t, handler);
  const post = (body: string, headers = {}) =>
    ask({ port, path: '/', method: 'POST', body, headers, ca: ca.certificatePem });
  t.equal((await post('x'.repeat(1000))).text, '1000');
  const told = await post('x'.repeat(1001));
  t.equal(told.status, 413);
  t.equal(told.headers.connection, 'close');
  const chunked = await post('x'.repeat(300_000), { 'transfer-encoding': 'chunked' });
  t.equal(chunked.status, 413, 'also when its length was not told');
});

t.test('a handler that throws is a 500, and the next request is served', async (t) => {
  let times = 0;
  const { port } = await serving(t, (request, exchange) => {
    if (++times === 1) throw new RangeError('odd');
    return hello(request, exchange);
  });
  t.equal((await ask({ port, path: '/', ca: ca.certificatePem })).status, 500);
  t.equal((await ask({ port, path: '/', ca: ca.certificatePem })).status, 200);
});

t.test('a body is read from its source only as fast as the client takes it', async (t) => {
  let pulled = 0;
  const gone = Promise.withResolvers<void>();
  const handler: HttpHandler = () =>
    new Response(
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulled++;
            controller.enqueue(new Uint8Array(65_536));
          },
          cancel: () => gone.resolve(),
        },
        { highWaterMark: 0 },
      ),
    );
  const { port } = await serving(t, handler);
  const socket = tlsConnect({ host: '127.0.0.1', port, ca: ca.certificatePem });
  await once(socket, 'secureConnect');
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let before = -1;
  while (pulled === 0 || pulled !== before) {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(pulled < 1000, 'it stopped by itself');
  socket.destroy();
  await gone.promise;
});

t.test('a new certificate under load: no request is lost, open connections go on', async (t) => {
  const { listeners, port } = await serving(t, hello);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.teardown(() => agent.destroy());
  let running = true;
  let [asked, answered] = [0, 0];
  const fingerprints = new Set<string>();
  const load = async (own: Agent | undefined) => {
    while (running) {
      asked++;
      const answer = await ask({
        ...{ port, path: '/', ca: ca.certificatePem },
        ...(own === undefined ? {} : { agent: own }),
      });
      if (answer.status === 200) answered++;
    }
  };
  const seen = async () => {
    const socket = tlsConnect({ host: '127.0.0.1', port, ca: ca.certificatePem });
    await once(socket, 'secureConnect');
    fingerprints.add(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  };
  const loads = [load(agent), load(agent), load(undefined), load(undefined)];
  await seen();
  for (let i = 0; i < 5; i++) {
    const goal = answered + 40;
    while (answered < goal) await new Promise(setImmediate);
    t.ok(listeners.useCertificate(await leaf()).ok);
    await seen();
  }
  running = false;
  await Promise.all(loads);
  t.equal(answered, asked);
  t.ok(asked >= 200);
  t.equal(fingerprints.size, 6, 'each new connection got the newest');
});

t.test('a certificate whose key does not fit is refused, and the old one serves on', async (t) => {
  const { listeners, port } = await serving(t, hello);
  const { certificatePem } = await leaf();
  t.notOk(listeners.useCertificate({ certificatePem, keyPem: ca.keyPem }).ok);
  t.equal((await ask({ port, path: '/', ca: ca.certificatePem })).status, 200);
});

t.test('endpoints come and go; failures are told', async (t) => {
  const listeners = new NodeHttpListeners({ handler: hello, log: new MemoryLog() });
  t.teardown(() => listeners[Symbol.asyncDispose]());
  const [without] = await listeners.listen([{ host: '127.0.0.1', port: 0, secure: true }]);
  t.match(without?.message, /no certificate/);
  t.same(await listeners.listen([{ host: '127.0.0.1', port: 0, secure: false }]), []);
  const port = listeners.ports[0] ?? 0;
  t.equal((await ask({ port, path: '/' })).status, 200);
  const taken = new NodeHttpListeners({ handler: hello, log: new MemoryLog() });
  const [error] = await taken.listen([{ host: '127.0.0.1', port, secure: false }]);
  t.equal(error?.code, 'EADDRINUSE');
  await taken[Symbol.asyncDispose]();
  t.same(await listeners.listen([]), []);
  await t.rejects(ask({ port, path: '/' }));
  t.same(listeners.ports, []);
});

t.test('an answer is out when the last of it is, or when nobody is there to take it', async (t) => {
  const gate = Promise.withResolvers<void>();
  const [seen, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const order: string[] = [];
  const { port } = await serving(t, (request, { answered }) => {
    const given = request.url.endsWith('/gone') ? gone : seen;
    void answered.then(() => {
      order.push('answered');
      given.resolve();
    });
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from('first '));
        await gate.promise;
        order.push('last');
        controller.enqueue(Buffer.from('last'));
        controller.close();
      },
    });
    return new Response(body);
  });
  const leaving = tlsConnect({ host: '127.0.0.1', port, ca: ca.certificatePem });
  leaving.on('error', () => {});
  leaving.write('GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(leaving, 'data');
  leaving.destroy();
  await gone.promise;
  order.length = 0;
  const asked = ask({ port, path: '/', ca: ca.certificatePem });
  gate.resolve();
  t.equal((await asked).text, 'first last');
  await seen.promise;
  t.same(order.slice(-2), ['last', 'answered']);
});
