/** Loading a line: what is counted, what ends it, and which answers are none. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';
import t from 'tap';
import { LinuxLoadTransfers } from '#src/os/linux/load-transfer.ts';
import { until } from '../../lib/until.ts';

const transfers = new LinuxLoadTransfers();
const PIECE = Buffer.alloc(65_536, 1);

async function serve(
  t: { teardown(run: () => unknown): void },
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer(answer);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, server, sockets };
}

/** Sends as fast as it is taken, without an end. */
function pour(response: ServerResponse): void {
  response.writeHead(200);
  const push = (): void => {
    while (!response.destroyed && response.write(PIECE));
  };
  response.on('drain', push);
  push();
}

t.test('what comes is counted as it comes, and all streams end at once', async (t) => {
  let asked = 0;
  const { url, sockets } = await serve(t, (_, response) => {
    asked += 1;
    pour(response);
  });
  const controller = new AbortController();
  let [bytes, longest, late] = [0, 0, 0];
  const done = await transfers.download(
    { url, streams: 4 },
    (more) => {
      if (controller.signal.aborted) late += more;
      bytes += more;
      longest = Math.max(longest, more);
      if (bytes >= 20_000_000 && asked === 4) controller.abort();
    },
    controller.signal,
  );
  t.same(done, { ok: true, value: undefined });
  t.ok(longest <= transfers.pieceBytes, `no piece is longer than is said: ${longest}`);
  t.equal(late, 0, 'nothing is told after the end');
  await until('all connections are gone', () => sockets.size === 0);
});

t.test('of pieces that come in one, those after the end are not told', async (t) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
    socket.once('data', () => socket.write(`${head}3\r\none\r\n3\r\ntwo\r\n`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const controller = new AbortController();
  const told: number[] = [];
  const done = await transfers.download(
    { url: `http://127.0.0.1:${port}/`, streams: 1 },
    (bytes) => {
      told.push(bytes);
      controller.abort();
    },
    controller.signal,
  );
  t.same(done, { ok: true, value: undefined });
  t.same(told, [3]);
});

t.test('one body after the other, on the same connection', async (t) => {
  const ports = new Set<number | undefined>();
  const { url } = await serve(t, (request, response) => {
    ports.add(request.socket.remotePort);
    response.end(Buffer.alloc(300_000));
  });
  const controller = new AbortController();
  let bytes = 0;
  const done = await transfers.download(
    { url, streams: 1 },
    (more) => {
      bytes += more;
      if (bytes >= 3_000_000) controller.abort();
    },
    controller.signal,
  );
  t.equal(done.ok, true);
  t.equal(ports.size, 1);
});

t.test('an upload sends what is granted, to the byte', async (t) => {
  let received = 0;
  let head = '';
  const { url } = await serve(t, (request, response) => {
    head = request.headers['content-length'] ?? '';
    request.on('data', (part: Buffer) => {
      received += part.length;
    });
    request.on('end', () => response.end('thank you'));
    request.on('error', () => {});
  });
  const controller = new AbortController();
  const cap = 40_000_001;
  let left = cap;
  let waiting = async (): Promise<number> => -1;
  const waited: Promise<number>[] = [];
  const done = await transfers.upload(
    { url, streams: 2 },
    (wanted) => {
      const granted = Math.min(left, wanted);
      if (left < cap / 2 && waited.length === 0) waited.push(waiting());
      left -= granted;
      if (granted === 0) controller.abort();
      return granted;
    },
    controller.signal,
    (tells) => {
      waiting = tells;
    },
  );
  t.equal(done.ok, true);
  const [most = -1] = await Promise.all(waited);
  t.ok(most >= 0 && most < cap, `${most} bytes waited in the kernel`);
  t.equal(await waiting(), 0, 'all connections are gone');
  t.equal(left, 0);
  t.equal(head, String(32 << 20));
  t.ok(received > 0 && received <= cap, `${received} of ${cap}`);
});

t.test(
  'redirects of a download are followed, but not without end, and not elsewhere',
  async (t) => {
    const { url } = await serve(t, (request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://host');
      const hops = Number(pathname.slice(1));
      if (pathname === '/ftp') response.writeHead(302, { location: 'ftp://host/file' }).end();
      else if (hops === 0) pour(response);
      else response.writeHead(302, { location: `/${hops - 1}` }).end('moved');
    });
    const fetched = async (path: string) => {
      const controller = new AbortController();
      let bytes = 0;
      const done = await transfers.download(
        { url: `${url}${path}`, streams: 2 },
        (more) => {
          bytes += more;
          controller.abort();
        },
        controller.signal,
      );
      return done.ok ? bytes > 0 : done.error.message.replace(url, '');
    };
    t.equal(await fetched('5'), true);
    t.equal(await fetched('6'), '6: more than 5 redirects');
    t.equal(await fetched('ftp'), 'ftp: it leads to what is no http');
  },
);

t.test('an answer that loads nothing is told', async (t) => {
  const { url } = await serve(t, (request, response) => {
    const status = Number(request.url?.slice(1));
    request.resume();
    if (status === 0) request.socket.destroy();
    else if (status === 1) response.end('a page');
    else if (status === 2)
      response
        .writeHead(200, { 'content-length': 9e6 })
        .write(PIECE, () => request.socket.destroy());
    else response.writeHead(status, { location: 'http://127.0.0.2/' }).end();
  });
  const never = new AbortController().signal;
  const got = async (path: string) => {
    const done = await transfers.download({ url: `${url}${path}`, streams: 2 }, () => {}, never);
    return done.ok ? '' : `${done.error.code} ${done.error.message}`;
  };
  const sent = async (path: string) => {
    const done = await transfers.upload(
      { url: `${url}${path}`, streams: 2 },
      (most) => most,
      never,
      () => {},
    );
    return done.ok ? '' : `${done.error.code} ${done.error.message}`;
  };
  t.match(await got('404'), /^EPROTO .*status 404$/);
  t.match(await got('0'), /^ECONNRESET .*socket hang up$/);
  t.match(await got('1'), /6 bytes are too few to load a line/);
  t.match(await got('2'), /aborted|cut|closed/);
  t.match(await sent('404'), /status 404|EPIPE|ECONNRESET/);
  t.match(await sent('307'), /it leads to|EPIPE|ECONNRESET/);
  t.match(await sent('200'), /it answered before it had everything|EPIPE|ECONNRESET/);
  t.match(await transfers.download({ url: 'file:///etc/passwd', streams: 1 }, () => {}, never), {
    ok: false,
    error: { code: 'EPROTO' },
  });
  const closed = await transfers.download(
    { url: 'http://127.0.0.1:1/', streams: 2 },
    () => {},
    never,
  );
  t.match(closed, { ok: false, error: { code: 'ECONNREFUSED' } });
});

t.test('what was called off before it began opens nothing', async (t) => {
  let asked = 0;
  const { url } = await serve(t, () => {
    asked += 1;
  });
  const over = AbortSignal.abort();
  t.equal((await transfers.download({ url, streams: 2 }, () => {}, over)).ok, true);
  t.equal(
    (
      await transfers.upload(
        { url, streams: 2 },
        (most) => most,
        over,
        () => {},
      )
    ).ok,
    true,
  );
  t.equal(asked, 0);
});

t.test('by HTTPS only from whom it is that proves it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-load-'));
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', key, '-out', certificate, '-subj', '/CN=localhost', '-days', '2'],
      ...['-addext', 'subjectAltName=DNS:localhost'],
    ],
    { stdio: 'ignore' },
  );
  let names = '';
  const server = createTlsServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      names = `${request.headers.host} ${(request.socket as { servername?: string }).servername}`;
      request.on('error', () => {});
      request.resume();
      if (request.method === 'GET') pour(response);
      else request.on('end', () => response.end());
    },
  );
  let open = 0;
  server.on('connection', (socket: Socket) => {
    open += 1;
    socket.on('error', () => {});
    socket.once('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const { port } = server.address() as AddressInfo;
  const url = `https://localhost:${port}/file`;
  const never = new AbortController().signal;
  const untrusted = await transfers.download({ url, streams: 2 }, () => {}, never);
  t.match(untrusted, { ok: false, error: { code: 'EPROTO', message: /self-signed certificate/ } });

  setDefaultCACertificates([readFileSync(certificate, 'utf8')]);
  for (const way of ['download', 'upload'] as const) {
    const controller = new AbortController();
    let bytes = 0;
    const count = (more: number): number => {
      bytes += more;
      if (bytes >= 5_000_000) controller.abort();
      return more;
    };
    t.same(await transfers[way]({ url, streams: 2 }, count, controller.signal, () => {}), {
      ...{ ok: true, value: undefined },
    });
    t.ok(bytes >= 5_000_000);
    t.equal(names, `localhost:${port} localhost`);
    await until('all connections are gone', () => open === 0);
  }
});
