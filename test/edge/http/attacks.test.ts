/** What an attacker on the LAN, or a page that a browser was led to, may try. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import t from 'tap';
import { box, PASSWORD } from './box.ts';
import { ask } from './client.ts';

const CODE = 'Device.DeviceInfo.ProvisioningCode';

t.test('a wrong Host is 421, for everything: DNS rebinding fails', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  for (const host of [
    'evil.example',
    `evil.example:${b.port}`,
    '192.0.2.1',
    'a b',
    '[::2]',
    '127.0.0.1.evil',
  ]) {
    for (const path of ['/', '/api/session', '/api/ca.pem', '/ubus/list']) {
      t.equal((await owner.get(path, { host })).status, 421, `${host} ${path}`);
    }
    const changed = await owner.post(
      '/api/set',
      { changes: [] },
      { host, origin: `https://${host}` },
    );
    t.equal(changed.status, 421);
  }
  for (const host of ['localhost', `LOCALHOST:${b.port}`, 'gatehouse', 'router.example', '[::1]']) {
    t.equal((await owner.get('/api/session', { host })).status, 200, host);
  }
  t.equal((await owner.get('/api/session', { host: '192.168.1.1' })).status, 421);
  b.lan.push('192.168.1.1');
  t.equal((await owner.get('/api/session', { host: '192.168.1.1' })).status, 200);
});

t.test('a wrong Origin is 403, and so is none where something changes', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const revision = b.model.revision;
  const change = { changes: [{ path: CODE, value: 'evil' }] };
  for (const origin of [
    'https://evil.example',
    'null',
    `http://${b.host}`,
    `https://${b.host}.evil`,
    'https://localhost',
    undefined,
  ]) {
    t.equal((await owner.post('/api/set', change, { origin })).status, 403, `${origin}`);
    t.equal(
      (await owner.post('/api/login', { username: 'admin', password: PASSWORD }, { origin }))
        .status,
      403,
    );
  }
  t.equal((await owner.get('/api/events', { origin: 'https://evil.example' })).status, 403);
  t.equal((await owner.post('/ubus', {}, { origin: 'https://evil.example' })).status, 403);
  t.equal(b.model.revision, revision);
  t.equal((await owner.post('/api/set', change)).status, 200);
});

t.test('a missing, wrong or foreign token, and a forged cookie', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const guest = await b.viewer(owner);
  const revision = b.model.revision;
  const change = { changes: [{ path: CODE, value: 'evil' }] };
  for (const token of [
    undefined,
    '',
    'x',
    guest.csrf,
    `${owner.csrf}0`,
    owner.csrf.toUpperCase(),
  ]) {
    t.equal((await owner.post('/api/set', change, { 'x-gatehouse-token': token })).status, 403);
  }
  for (const cookie of [
    '',
    'gatehouse=',
    `gatehouse=${'0'.repeat(64)}`,
    `x${owner.cookie}`,
    'gatehouse=__proto__',
  ]) {
    t.equal((await owner.post('/api/set', change, { cookie })).status, 401, cookie);
  }
  t.equal(b.model.revision, revision);
});

t.test('bodies: too large, of another type, no JSON, odd shapes', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const large = JSON.stringify({ paths: ['x'.repeat(70_000)] });
  t.equal((await owner.post('/api/get', large)).status, 413);
  t.equal((await owner.post('/api/get', large, { 'transfer-encoding': 'chunked' })).status, 413);
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    undefined,
  ]) {
    t.equal((await owner.post('/api/get', '{"paths":[]}', { 'content-type': type })).status, 415);
  }
  for (const body of [
    '',
    'x',
    '[]',
    '1',
    'null',
    '{"paths":"Device."}',
    '{"paths":[1]}',
    '{"__proto__":{"paths":[]}}',
  ]) {
    t.equal((await owner.post('/api/get', body)).status, 400, body);
  }
  for (const body of [
    { changes: 'x' },
    { changes: [null] },
    { changes: [{ path: 1, value: 2 }] },
    {},
    { changes: [], confirmSec: 'x' },
  ]) {
    t.equal((await owner.post('/api/set', body)).status, 400, JSON.stringify(body));
  }
  t.equal(
    (await owner.post('/api/add', { path: 'Device.Users.User.', values: { a: 1 } })).status,
    400,
  );
  t.equal((await owner.post('/api/get', '[')).status, 400);
  t.equal((await owner.post('/api/get', { paths: [] })).status, 200, 'and the next one is served');
});

t.test('no path leads out of the page', async (t) => {
  const b = await box(t);
  const secret = { bytes: Buffer.from('page'), br: undefined, gzip: undefined, etag: '"1"' };
  b.web.set('index.html', secret);
  const from = `${b.folder}/tls/ca.pem`.slice(1);
  for (const path of [
    ...[`/../../../../../${from}`, `/..%2f..%2f..%2f${from}`, `/%2e%2e/%2e%2e/${from}`],
    ...[`/assets/..\\..\\${from}`, `/${from}`, '/index.html%00.js', '/.', '/%2e', '/__proto__.js'],
    ...['/constructor.js', '/index.html/', '/index.html/..%5c'],
  ]) {
    const answer = await b.visitor().get(path);
    t.notMatch(answer.text, /PRIVATE|CERTIFICATE/, path);
    t.ok([404, 200].includes(answer.status) && !answer.text.includes(b.folder), path);
  }
  t.equal((await b.visitor().get('/api/nothing')).status, 401);
  const owner = await b.administrator();
  t.equal((await owner.get('/api/nothing')).status, 404);
  t.equal((await owner.post('/index.html')).status, 404);
});

t.test(
  '50 half-open requests from one place keep the owner, there and elsewhere, in',
  async (t) => {
    const b = await box(t);
    const owner = await b.administrator();
    const crowd: Socket[] = [];
    t.teardown(() => crowd.map((socket) => socket.destroy()));
    for (let i = 0; i < 50; i++) {
      const socket = tlsConnect({ host: '127.0.0.1', port: b.port, ca: b.ca });
      socket.on('error', () => {});
      crowd.push(socket);
      await once(socket, 'secureConnect');
      // Half a head, or a whole one with half a body, which is read only for who is logged in.
      socket.write(
        i % 2 === 0
          ? 'POST /api/login HTTP/1.1\r\nHost: localhost\r\nX-Slow: '
          : `POST /api/get HTTP/1.1\r\nHost: ${b.host}\r\nOrigin: https://${b.host}\r\nCookie: ${owner.cookie}\r\n` +
              `X-Gatehouse-Token: ${owner.csrf}\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{`,
      );
    }
    t.equal((await owner.post('/api/get', { paths: [] })).status, 200);
    t.equal((await b.visitor('127.0.0.7').get('/api/session')).status, 200);
    t.ok(b.listeners.counters.evicted > 0);
  },
);

t.test('stored markup stays text', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const markup = '</script><img src=x onerror=alert(1)>';
  t.equal((await owner.post('/api/set', { changes: [{ path: CODE, value: markup }] })).status, 200);
  const answer = await owner.post('/api/get', { paths: [CODE] });
  t.equal(answer.headers['content-type'], 'application/json');
  t.equal(answer.headers['x-content-type-options'], 'nosniff');
  t.equal(JSON.parse(answer.text).values[0].value, markup);
  const missing = await owner.get(`/${encodeURIComponent(markup)}.html`);
  t.match(missing.headers['content-type'], /^text\/plain/);
  t.notMatch(missing.text, '<img');
  const unknown = await owner.post('/api/get', { paths: [`Device.${markup}`] });
  t.equal(unknown.headers['content-type'], 'application/json');
});

t.test('headers that hold for every answer', async (t) => {
  const b = await box(t);
  b.web.set('index.html', { bytes: Buffer.from('x'), br: undefined, gzip: undefined, etag: '"1"' });
  for (const [path, headers] of [
    ['/', {}],
    ['/api/session', {}],
    ['/nothing', {}],
    ['/', { host: 'evil' }],
  ] as const) {
    const answer = await b.visitor().get(path, headers);
    const csp = String(answer.headers['content-security-policy']);
    t.match(csp, /default-src 'none'.*frame-ancestors 'none'/);
    t.notMatch(csp, /unsafe|\*|http:/);
    t.equal(answer.headers['referrer-policy'], 'same-origin');
    t.equal(answer.headers['strict-transport-security'], undefined);
    t.equal(answer.headers['access-control-allow-origin'], undefined);
    t.equal(answer.headers['x-powered-by'], undefined);
  }
});

t.test('plain HTTP leads to HTTPS and serves nothing', async (t) => {
  const b = await box(t);
  const plain = (path: string, host: string, method = 'GET') =>
    ask({ host: '127.0.0.2', port: b.redirectPort, path, method, headers: { host } });
  const answer = await plain('/a?b=c', 'gatehouse');
  t.equal(answer.status, 308);
  t.match(answer.headers.location, /^https:\/\/gatehouse:\d+\/a\?b=c$/);
  t.equal((await plain('/', 'evil.example')).status, 421);
  t.equal((await plain('/api/session', 'localhost')).status, 308);
  t.equal((await plain('/api/login', 'localhost', 'POST')).status, 308);
  t.match((await plain('/%0d%0aSet-Cookie:x', 'localhost')).headers['set-cookie'], undefined);
  const socket = connect({ host: '127.0.0.1', port: b.port });
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let said = '';
  socket.on('data', (chunk) => (said += String(chunk)));
  socket.on('error', () => {});
  await once(socket, 'close');
  t.notMatch(said, /HTTP\/1.1 200/, 'nothing in clear where TLS is spoken');
});
