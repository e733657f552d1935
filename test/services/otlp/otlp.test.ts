/** A collector that is told: a real web server on the loopback, and the time in the test's hand. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';

import { err } from '#src/base/result.ts';
import { LinuxOtlpWay } from '#src/os/linux/otlp-way.ts';
import type { OtlpWay } from '#src/os/ports-otlp.ts';
import type { OtlpConfig, OtlpObserved } from '#src/services/otlp/config.ts';
import { OtlpService } from '#src/services/otlp/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { until } from '../../lib/until.ts';

type Answer = (response: ServerResponse) => void;

/** A service, and who it tells: each answer is of one export. */
function bench(way: OtlpWay, endpoint: string) {
  const clock = new FakeClock();
  const seen: (OtlpObserved | undefined)[] = [];
  let told = 0;
  const service = new OtlpService({
    ...{ way, clock, log: new MemoryLog(), request: async () => `{"n":${told++}}` },
    report: (value) => void seen.push(value),
  });
  const config: OtlpConfig = {
    ...{ endpoint, intervalMs: 60_000, authority: '', headers: { authorization: 'Bearer sesame' } },
  };
  const after = (of: (one: OtlpObserved) => boolean) =>
    until('it is reported', () => {
      const last = seen.at(-1);
      return last !== undefined && of(last) ? last : undefined;
    });
  return { clock, seen, service, config, after };
}

async function collector(t: { teardown: (end: () => void) => void }, answers: Answer[]) {
  const asked: { request: IncomingMessage; body: string }[] = [];
  const server = createServer(async (request, response) => {
    asked.push({ request, body: await text(request) });
    const answer = answers.shift();
    if (answer === undefined) response.writeHead(500).end();
    else answer(response);
  }).listen(0, '127.0.0.1');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { asked, endpoint: `http://127.0.0.1:${port}/v1/metrics` };
}

const status =
  (code: number, body = '', headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end(body);

t.test('exports, failures and what is between them', async (t) => {
  const partial = { partialSuccess: { rejectedDataPoints: '4', errorMessage: 'too \u001bold' } };
  const { asked, endpoint } = await collector(t, [
    status(200, '{}'),
    status(503),
    status(503),
    status(429, '', { 'retry-after': '600' }),
    status(200, JSON.stringify(partial)),
    status(200, 'x'.repeat(100_000)),
    (response) => void response.socket?.destroy(),
    status(307, '', { location: '/elsewhere' }),
  ]);
  const { clock, seen, service, config, after } = bench(new LinuxOtlpWay(), endpoint);
  service.apply(config);
  t.same(seen[0], { state: 'Connecting', reason: '', sent: 0, failed: 0, rejected: 0 });
  await after(({ sent }) => sent === 1);
  t.match(asked[0], { body: '{"n":0}', request: { method: 'POST', url: '/v1/metrics' } });
  t.match(asked[0]?.request.headers, {
    ...{ 'content-type': 'application/json', authorization: 'Bearer sesame' },
    'content-length': '7',
  });
  t.equal(clock.nextDelayMs, 60_000);
  service.apply({ ...config });
  t.equal(asked.length, 1, 'what stays as it is goes on');

  const waits: (number | undefined)[] = [];
  for (let failed = 1; failed <= 3; failed++) {
    clock.advance(clock.nextDelayMs ?? 0);
    t.match(await after((one) => one.failed === failed), { state: 'Error', sent: 1 });
    waits.push(clock.nextDelayMs);
  }
  t.same(waits, [60_000, 120_000, 600_000], 'longer each time, and as long as it is asked for');
  t.equal(seen.at(-1)?.reason, 'HTTP 429');

  clock.advance(600_000);
  t.match(await after(({ sent }) => sent === 2), {
    ...{ state: 'Up', failed: 3, rejected: 4 },
    reason: '4 data points refused: too \\x1bold',
  });
  t.equal(clock.nextDelayMs, 60_000, 'and back');
  clock.advance(60_000);
  t.match(await after(({ sent }) => sent === 3), { state: 'Up', reason: '', rejected: 4 });
  clock.advance(60_000);
  await after(({ failed }) => failed === 4);
  t.match(seen.at(-1)?.reason, /socket hang up/);
  clock.advance(60_000);
  await after(({ failed }) => failed === 5);
  t.equal(seen.at(-1)?.reason, 'HTTP 307', 'secrets go nowhere else');
  t.same(
    asked.map(({ body }) => body),
    Array.from({ length: 8 }, (_, i) => `{"n":${i}}`),
    'each is new, none is kept',
  );
  t.notMatch(JSON.stringify(seen), /sesame/);

  service.apply(undefined);
  t.equal(seen.at(-1), undefined);
  t.equal(clock.pending, 0);
});

t.test('nobody there, and nobody who answers', async (t) => {
  const silentOne = await collector(t, [() => undefined]);
  const late = bench(new LinuxOtlpWay(), silentOne.endpoint);
  late.service.apply(late.config);
  await until('it is asked', () => silentOne.asked.length === 1);
  t.equal(late.clock.nextDelayMs, 10_000);
  late.clock.advance(10_000);
  t.match(await late.after(({ failed }) => failed === 1), { reason: 'no answer in time' });
  late.service[Symbol.dispose]();
  t.equal(late.clock.pending, 0);

  const refused: OtlpWay = { post: async () => err(new SystemError('refused', 'ECONNREFUSED')) };
  const away = bench(refused, 'http://127.0.0.1:9/v1/metrics');
  away.service.apply(away.config);
  for (let failed = 1; failed <= 8; failed++) {
    await away.after((one) => one.failed === failed);
    t.ok((away.clock.nextDelayMs ?? 0) <= 900_000);
    away.clock.advance(away.clock.nextDelayMs ?? 0);
  }
  t.equal((await away.after(({ failed }) => failed === 9)).reason, 'refused');
  t.equal(away.clock.nextDelayMs, 900_000, 'a quarter of an hour at most');
  away.service[Symbol.dispose]();
});

t.test('a certificate is what it is trusted by', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-otlp-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  const authority = readFileSync(join(folder, 'cert.pem'), 'utf8');
  let asked = 0;
  const options = { key: readFileSync(join(folder, 'key.pem')), cert: authority };
  const server = createTlsServer(options, (request, response) => {
    asked++;
    request.resume();
    response.end('{}');
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { service, config, after } = bench(new LinuxOtlpWay(), `https://127.0.0.1:${port}/`);
  service.apply(config);
  t.match(await after(({ failed }) => failed === 1), { reason: /self-signed/ });
  t.equal(asked, 0, 'a stranger is told nothing');
  service.apply({ ...config, authority });
  t.match(await after(({ sent }) => sent === 1), { state: 'Up', failed: 0 });
  service[Symbol.dispose]();
});

t.test('another collector while one is asked', async (t) => {
  const silentOne = await collector(t, [() => undefined]);
  const other = await collector(t, [status(200)]);
  const { service, config, after, seen, clock } = bench(new LinuxOtlpWay(), silentOne.endpoint);
  service.apply(config);
  await until('it is asked', () => silentOne.asked.length === 1);
  service.apply({ ...config, endpoint: other.endpoint });
  t.match(await after(({ sent }) => sent === 1), { failed: 0 });
  t.notOk(
    seen.some((one) => one?.state === 'Error'),
    'the first is forgotten',
  );
  t.equal(clock.pending, 1);
  service[Symbol.dispose]();
});
