/** Checks against servers that are well, that are not, and that say nothing; Debian's dnsmasq for names. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { buildChecks } from '#src/main/checks.ts';
import { LinuxClock } from '#src/os/linux/clock.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { type CheckSpec, checkOf, runCheck } from '#src/services/monitor/checks.ts';
import { parseName } from '#src/wire/dns-name.ts';
import { TYPE } from '#src/wire/dns-registry.ts';
import { runAlone, sh } from '../../lib/netns.ts';

t.setTimeout(120_000);

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const bytes = (said: string) => new TextEncoder().encode(said);
const portOf = (server: { address(): AddressInfo | string | null }): number =>
  (server.address() as AddressInfo).port;
const to = { host: '127.0.0.1', family: undefined };
/** Far above what a busy machine takes, but for the silent ones. */
const WAIT_MS = 20_000;
const SILENT_MS = 300;

function tests(): void {
  sh('ip', 'link', 'set', 'lo', 'up');
  const deps = buildChecks(new LinuxClock(loadNative()));
  const run = (spec: CheckSpec, ms = WAIT_MS) => runCheck(deps, spec, AbortSignal.timeout(ms));

  t.test('TCP: connected, refused, no such host, called off', async (t) => {
    const server = createServer((socket) => socket.on('error', () => {}).destroy());
    t.teardown(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const port = portOf(server);
    const done = await run({ ...to, kind: 'TCP', port });
    t.match(done, { ok: true, value: { said: 'connected', endpoint: { port } } });
    t.ok(done.ok && done.value.rttUs > 0 && (done.value.phases.connectMs ?? 0) > 0);
    t.match(await run({ ...to, kind: 'TCP', port: 9 }), { error: { cause: 'Unreachable' } });
    t.match(await run({ kind: 'TCP', host: 'no.such.invalid', family: undefined, port }), {
      error: { cause: 'Unresolved' },
    });
    t.match(await run({ ...to, kind: 'TCP', host: '192.0.2.1', port }), {
      error: { cause: 'Unreachable' },
    });
    t.match(await runCheck(deps, { ...to, kind: 'TCP', port }, AbortSignal.abort()), {
      error: { cause: 'Timeout' },
    });
    t.match(await checkOf(deps, { ...to, kind: 'TCP', port }).run(AbortSignal.timeout(WAIT_MS)), {
      rttUs: Number,
    });
    t.match(
      await checkOf(deps, { ...to, kind: 'TCP', port: 9 }).run(AbortSignal.timeout(WAIT_MS)),
      {
        ...{ rttUs: undefined, cause: 'Unreachable', detail: /connection refused/ },
      },
    );
  });

  t.test('UDP: answered, as expected or not, refused, silent', async (t) => {
    const server = createSocket('udp4');
    t.teardown(() => server.close());
    server.on('message', (said, { port, address }) => {
      if (said.toString() !== 'silence') server.send(`re: ${said}`, port, address);
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const ask = (payload: string, expected: string, port = portOf(server), ms = WAIT_MS) =>
      run({ ...to, kind: 'UDP', port, payload: bytes(payload), expected: bytes(expected) }, ms);
    t.match(await ask('hello', 'e: hell'), { ok: true, value: { said: '9 bytes' } });
    t.match(await ask('hello', ''), { ok: true });
    t.match(await ask('hello', 'help'), { error: { cause: 'WrongAnswer' } });
    t.match(await ask('hello', '', 9), { error: { cause: 'Unreachable' } });
    t.match(await ask('silence', '', portOf(server), SILENT_MS), { error: { cause: 'Timeout' } });
  });

  t.test('HTTP: status, text, nonsense, silence', async (t) => {
    const server = createHttp((request, response) => {
      if (request.url === '/silent') return;
      response.statusCode = request.url === '/gone' ? 404 : 200;
      response.end(`you are welcome to ${request.headers.host}${request.url}`);
    });
    const liar = createServer((socket) => socket.on('error', () => {}).end('no HTTP at all\r\n'));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
      liar.close();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    await once(liar.listen(0, '127.0.0.1'), 'listening');
    const port = portOf(server);
    const page = (more: object = {}, ms = WAIT_MS) =>
      run(
        {
          ...{ ...to, kind: 'HTTP', port, secure: false, path: '/?a=b', status: [200, 299] },
          ...{ contains: '', certificateDays: undefined, ...more },
        },
        ms,
      );
    const done = await page({ contains: `welcome to 127.0.0.1:${port}/?a=b` });
    t.match(done, { ok: true, value: { said: 'status 200', certificateEndsMs: undefined } });
    t.match(done.ok && done.value.phases, { connectMs: Number, firstByteMs: Number });
    t.match(await page({ path: '/gone' }), { error: { detail: 'status 404' } });
    t.match(await page({ path: '/gone', status: [404, 404] }), { ok: true });
    t.match(await page({ contains: 'farewell' }), { error: { cause: 'WrongAnswer' } });
    t.match(await page({ port: portOf(liar) }), { error: { cause: 'WrongAnswer' } });
    t.match(await page({ path: '/silent' }, SILENT_MS), { error: { cause: 'Timeout' } });
  });

  t.test('HTTPS: the certificate, and the command line', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-checks-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', key, '-out', cert, '-days', '20', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost'],
    ]);
    t.equal(made.status, 0);
    const options = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = createHttps(options, (_, response) => response.end('hello'));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const port = portOf(server);
    const page = (certificateDays: number | undefined) =>
      run({
        ...{ kind: 'HTTP', host: 'localhost', family: 4, port, secure: true, path: '/' },
        ...{ status: [200, 399], contains: 'hello', certificateDays },
      });
    t.match(await page(0), {
      error: { cause: 'WrongAnswer', detail: /certificate: .*SELF_SIGNED/ },
    });
    const done = await page(undefined);
    t.match(done, { ok: true, value: { phases: { tlsMs: Number } } });
    const days = ((done.ok ? done.value.certificateEndsMs : undefined) ?? 0) - Date.now();
    t.equal(Math.round(days / 86_400_000), 20);
    /** Without waiting for it in a way that keeps the server from answering. */
    const cli = async (...args: string[]) => {
      const child = spawn(process.execPath, [MAIN, 'check', ...args, '--timeout', '20000'], {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
      });
      const [out, said, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      return { code, out, said };
    };
    const url = `https://localhost:${port}/`;
    const trusted = await cli('http', url, '--certificate-days', '10', '--json');
    t.equal(trusted.code, 0, trusted.said);
    t.match(JSON.parse(trusted.out), { well: true, said: 'status 200', certificateEnds: /Z$/ });
    t.match(await cli('http', url, '--certificate-days', '30'), {
      ...{ code: 1, said: /certificate ends in (19|20) days/ },
    });
    t.match(
      await cli('http', `https://127.0.0.1:${port}/`, '-4'),
      {
        ...{ code: 1, said: /WrongAnswer: its certificate: / },
      },
      'it names another host',
    );
    t.match(await cli('tcp', 'localhost', '9', '-4'), { code: 1, said: /Unreachable/ });
    t.match(await cli('http', 'ftp://x/'), { code: 2 });
  });

  t.test('DNS: by server, with what is expected', async (t) => {
    const server = spawn(
      'dnsmasq',
      [
        ...[
          '--keep-in-foreground',
          '--no-resolv',
          '--no-hosts',
          '--conf-file=/dev/null',
          '--port=5399',
        ],
        ...['--listen-address=127.0.0.1', '--bind-interfaces', '--address=/x.example/192.0.2.7'],
        ...[
          '--txt-record=t.example,hello',
          '--local=/gone.example/',
          '--host-record=h.example,192.0.2.9',
          '--local=/h.example/',
          '--pid-file=',
        ],
      ],
      { stdio: 'ignore' },
    );
    t.teardown(() => server.kill());
    const ask = (name: string, expected = '', type: number = TYPE.A, port = 5399) => {
      const parsed = parseName(name);
      if (!parsed.ok) throw new TypeError(name);
      return run({ ...to, kind: 'DNS', port, name: parsed.value, type, expected });
    };
    let first = await ask('x.example');
    const endMs = Date.now() + WAIT_MS;
    while (!first.ok && Date.now() < endMs) first = await ask('x.example');
    t.match(first, { ok: true, value: { said: 'NOERROR: 192.0.2.7' } });
    t.match(await ask('x.example', '192.0.2.7'), { ok: true });
    t.match(await ask('x.example', '192.0.2.8'), {
      error: { cause: 'WrongAnswer', detail: 'NOERROR: 192.0.2.7' },
    });
    t.match(await ask('gone.example'), { error: { cause: 'WrongAnswer', detail: 'NXDOMAIN' } });
    t.match(await ask('gone.example', 'NXDOMAIN'), { ok: true });
    t.match(await ask('t.example', '"hello"', TYPE.TXT), { ok: true });
    t.match(await ask('h.example', '', TYPE.AAAA), { error: { detail: 'NOERROR, without AAAA' } });
    t.match(await ask('x.example', '', TYPE.A, 9), { error: { cause: 'Unreachable' } });
  });
}

runAlone(t, 'checks of servers', import.meta.url, tests);
