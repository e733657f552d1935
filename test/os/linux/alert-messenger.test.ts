/** Alerts to real servers on the loopback: a web server, mosquitto, and a mail server with STARTTLS and with TLS from the start. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { alertMessenger } from '../../../src/os/linux/alert-messenger.ts';
import type { ChannelAddress, Letter } from '../../../src/os/ports-alerts.ts';
import { runAlone } from '../../lib/netns.ts';
import { until } from '../../lib/until.ts';

const MOSQUITTO = '/usr/sbin/mosquitto';
const AIOSMTPD = '/usr/lib/python3/dist-packages/aiosmtpd';
const LETTER: Letter = {
  id: '0b2d9c1e-0000-4000-8000-00000000abcd',
  title: 'Warning: gw: Down',
  text: 'It is down.\n',
  json: '{"kind":"raised"}',
};
const CHANNEL: ChannelAddress = {
  ...{ kind: 'Webhook', url: '', username: '', password: '', topic: 'gatehouse/alerts' },
  ...{ from: 'box@example.test', to: ['owner@example.test'], authority: '' },
};

runAlone(t, 'alerts to real servers', import.meta.url, () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const folder = mkdtempSync(join(tmpdir(), 'gh-alerts-'));
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));

  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
  );
  chmodSync(at('key.pem'), 0o644);
  const authority = readFileSync(at('cert.pem'), 'utf8');

  const send = (channel: Partial<ChannelAddress>, signal = new AbortController().signal) =>
    alertMessenger.send({ ...CHANNEL, ...channel }, LETTER, signal);

  async function ended(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null) return;
    const over = once(child, 'exit');
    child.kill();
    await over;
  }

  /** A port that nobody had a moment ago. */
  async function freePort(): Promise<number> {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  }

  t.test('a web server', async (t) => {
    const asked: { request: IncomingMessage; body: string }[] = [];
    let code = 204;
    const options = { key: readFileSync(at('key.pem')), cert: authority };
    const server = createTlsServer(options, async (request, response) => {
      asked.push({ request, body: await text(request) });
      response.writeHead(code).end();
    }).listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const url = `https://localhost:${(server.address() as AddressInfo).port}/hook?a=b`;
    t.same(await send({ url, authority, username: 'u', password: 'p' }), {
      ok: true,
      value: undefined,
    });
    t.match(asked[0]?.request, {
      ...{ method: 'POST', url: '/hook?a=b' },
      headers: {
        ...{ 'content-type': 'application/json', authorization: 'Basic dTpw' },
        'idempotency-key': `"${LETTER.id}"`,
      },
    });
    t.equal(asked[0]?.body, LETTER.json);
    const unknown = await send({ url });
    t.match(unknown, { ok: false, error: { forGood: false, message: /self.signed certificate/ } });
    t.equal(asked.length, 1, 'who cannot be trusted is told nothing');
    for (const [answered, forGood] of [
      [503, false],
      [429, false],
      [404, true],
      [302, true],
    ] as const) {
      code = answered;
      const sent = await send({ url, authority });
      t.match(sent, { ok: false, error: { forGood, message: `HTTP ${answered}` } });
    }
  });

  t.test('a web server that does not answer, and none at all', async (t) => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    t.teardown(() => server.closeAllConnections());
    t.teardown(() => server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const signal = AbortSignal.timeout(200);
    t.match(await send({ url }, signal), { ok: false, error: { forGood: false } });
    const gone = { url: `http://127.0.0.1:${await freePort()}/` };
    t.match(await send(gone), {
      ok: false,
      error: { forGood: false, message: /connection refused/ },
    });
    t.match(await send({ url: 'no url' }), { ok: false, error: { forGood: true } });
  });

  t.test('mosquitto', { skip: existsSync(MOSQUITTO) ? false : 'no mosquitto' }, async (t) => {
    const [plain, tls] = [await freePort(), await freePort()];
    execFileSync('mosquitto_passwd', ['-b', '-c', at('users'), 'box', 'secret'], {
      stdio: 'ignore',
    });
    chmodSync(at('users'), 0o644);
    writeFileSync(
      at('mosquitto.conf'),
      [
        'per_listener_settings false',
        'allow_anonymous false',
        `password_file ${at('users')}`,
        'log_dest stderr',
        'log_type all',
        `listener ${plain} 127.0.0.1`,
        `listener ${tls} 127.0.0.1`,
        `certfile ${at('cert.pem')}`,
        `keyfile ${at('key.pem')}`,
      ].join('\n'),
    );
    const broker = spawn(MOSQUITTO, ['-c', at('mosquitto.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    t.teardown(() => ended(broker));
    const said: string[] = [];
    createInterface({ input: broker.stderr }).on('line', (line) => said.push(line));
    await until('mosquitto runs', () => said.some((line) => /running/.test(line)));
    const login = { kind: 'MQTT', username: 'box', password: 'secret' } as const;
    const taken = { ok: true, value: undefined };
    t.same(await send({ ...login, url: `mqtt://127.0.0.1:${plain}` }), taken);
    const published =
      /Received PUBLISH from gatehouse[0-9a-f]{12} \(d0, q1, r0, m1, 'gatehouse\/alerts', \.\.\. \(17 bytes\)\)/;
    await until('it was published', () => said.some((line) => published.test(line)));
    await until('it was told good-bye', () =>
      said.some((line) => /Received DISCONNECT/.test(line)),
    );
    const several = Array.from({ length: 8 }, () =>
      send({ ...login, url: `mqtt://127.0.0.1:${plain}` }),
    );
    t.same(await Promise.all(several), Array(8).fill(taken), 'they do not end one another');
    t.same(await send({ ...login, url: `mqtts://localhost:${tls}`, authority }), taken);
    t.match(await send({ ...login, url: `mqtts://localhost:${tls}` }), {
      error: { message: /self.signed/ },
    });
    t.match(await send({ ...login, password: 'x', url: `mqtt://127.0.0.1:${plain}` }), {
      error: { message: /user name or password is wrong|does not let us in/, forGood: false },
    });
  });

  t.test('a mail server that says nothing', async (t) => {
    const open = new Set<object>();
    const server = createTcpServer((socket) => {
      open.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => open.delete(socket));
      socket.resume();
    }).listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const scheme of ['smtp', 'smtps']) {
      const late = new AbortController();
      const sent = send({ kind: 'Email', url: `${scheme}://127.0.0.1:${port}` }, late.signal);
      await until('it is asked', () => open.size > 0);
      late.abort();
      t.match(await sent, { ok: false, error: { message: 'no answer in time', forGood: false } });
      await until('nothing of it stays', () => open.size === 0);
    }
  });

  t.test('mail', { skip: existsSync(AIOSMTPD) ? false : 'no aiosmtpd' }, async (t) => {
    const script = join(import.meta.dirname, 'smtp-server.py');
    const words = [script, '0', at('cert.pem'), at('key.pem')];
    const server = spawn('/usr/bin/python3', words, { stdio: ['ignore', 'pipe', 'ignore'] });
    t.teardown(() => ended(server));
    const lines: Record<string, unknown>[] = [];
    createInterface({ input: server.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
    const ready = await until('the mail server runs', () => lines[0]);
    const url = `smtp://localhost:${ready['ready']}`;
    const login = { kind: 'Email', url, authority, username: 'box', password: 'secret' } as const;
    t.same(await send(login), { ok: true, value: undefined });
    const letter = await until('the letter came', () => lines[1]);
    t.match(letter, { from: 'box@example.test', to: ['owner@example.test'], tls: true });
    t.match(letter['text'], /^Subject: \[gatehouse\] Warning: gw: Down\r?$/m);
    t.match(letter['text'], new RegExp(`^Message-ID: <${LETTER.id}@gatehouse>\\r?$`, 'm'));
    t.match(letter['text'], /It is down\./);
    t.match(await send({ ...login, password: 'x' }), { ok: false, error: { forGood: false } });
    t.match(await send({ ...login, authority: '' }), { error: { message: /self.signed/ } });
    t.match(await send({ ...login, to: ['nobody@example.test'] }), {
      error: { forGood: true, message: /550/ },
    });
    t.equal(lines.length, 2);
    const secure = { ...login, username: '', url: `smtps://localhost:${ready['secure']}` };
    t.match(await send({ ...secure, authority: '' }), { error: { message: /self.signed/ } });
    t.same(await send(secure), { ok: true, value: undefined });
    t.match(await until('the other letter came', () => lines[2]), { tls: true });
  });
});
