import t from 'tap';
import { box, PASSWORD, SETUP } from './box.ts';

const USERS = 'Device.Users.User.';

t.test('the wizard comes first, makes the account in one write, and comes once', async (t) => {
  const b = await box(t);
  const first = b.visitor();
  t.match(JSON.parse((await first.get('/api/session')).text), {
    ...{ setupNeeded: true, user: null, csrf: null, hostName: 'gatehouse', version: '0.1.0' },
  });
  t.equal((await first.post('/api/get', { paths: ['Device.'] })).status, 401);
  const weak = await first.post('/api/setup', {
    ...SETUP,
    password: 'password123',
    lanAddress: 'here',
  });
  t.equal(weak.status, 422);
  const paths = JSON.parse(weak.text).faults.map((f: { path: string }) => f.path);
  t.ok(paths.length >= 2, 'all faults come together');
  t.equal(JSON.parse((await first.get('/api/session')).text).setupNeeded, true);

  const revision = b.model.revision;
  const [one, two] = await Promise.all([
    first.post('/api/setup', SETUP),
    b.visitor().post('/api/setup', { ...SETUP, username: 'mallory' }),
  ]);
  t.same([one.status, two.status], [200, 403]);
  t.equal(b.model.revision, revision + 1);
  first.enter(one);
  const answer = await first.post('/api/get', {
    paths: ['Device.Time.LocalTimeZone', 'Device.Users.', 'Device.Nothing.'],
  });
  const { values, faults } = JSON.parse(answer.text);
  t.match(
    values.find((v: { path: string }) => v.path.endsWith('Username')),
    { value: 'admin' },
  );
  t.match(
    values.find((v: { path: string }) => v.path.endsWith('Password')),
    { value: '' },
  );
  t.match(faults, [{ kind: 'unknownPath' }]);
  t.equal((await first.post('/api/setup', SETUP)).status, 403);
});

t.test('a static WAN is laid down with its route and resolvers', async (t) => {
  const b = await box(t);
  const wan = {
    type: 'static',
    address: '203.0.113.9',
    mask: '255.255.255.0',
    gateway: '203.0.113.1',
    dns: ['9.9.9.9', '149.112.112.112'],
  };
  const done = await b.visitor().post('/api/setup', {
    ...{ ...SETUP, lanAddress: '10.0.0.1', hostName: 'gate-1', wan },
  });
  t.equal(done.status, 200, done.text);
  const value = (path: string): string => {
    const [answer] = b.model.get([path]);
    return answer?.result.ok === true ? (answer.result.value[0]?.value ?? '') : 'fault';
  };
  t.equal(value('Device.IP.Interface.2.IPv4Address.1.IPAddress'), '10.0.0.1');
  t.equal(value('Device.IP.Interface.1.IPv4Address.1.IPAddress'), '203.0.113.9');
  t.equal(value('Device.Routing.Router.1.IPv4Forwarding.1.GatewayIPAddress'), '203.0.113.1');
  t.equal(value('Device.DNS.Client.Server.2.DNSServer'), '149.112.112.112');
  t.equal(value('Device.DHCPv4.Client.1.Enable'), 'false');
  t.equal(value('Device.DeviceInfo.HostName'), 'gate-1');
  for (const odd of [{ type: 'pppoe' }, 'x', { type: 'static', address: 1 }, null]) {
    t.equal(
      (await (await box(t)).visitor().post('/api/setup', { ...SETUP, wan: odd })).status,
      422,
    );
  }
});

t.test('log-in: cookie, token, trail; a new id each time; log-out ends it', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const before = owner.cookie;
  const done = await owner.post('/api/login', { username: 'admin', password: PASSWORD });
  const cookie = done.headers['set-cookie']?.[0] ?? '';
  t.match(cookie, /^gatehouse=[0-9a-f]{64}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  t.not(cookie.split(';')[0], before);
  t.match(b.logins, [{ user: 'admin', address: '127.0.0.1', outcome: 'done', path: '/api/login' }]);
  const old = b.visitor();
  old.cookie = before;
  t.equal((await old.post('/api/get', { paths: [] })).status, 401, 'the id of before is void');
  owner.enter(done);
  t.equal((await owner.post('/api/get', { paths: [] })).status, 200);
  const out = await owner.post('/api/logout');
  t.match(out.headers['set-cookie']?.[0], /Max-Age=0/);
  t.equal((await owner.post('/api/get', { paths: [] })).status, 401, 'a replayed session is over');
});

t.test('a session ends by idleness and by age', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const alive = async () => (await owner.post('/api/get', { paths: [] })).status;
  b.clock.advance(29 * 60_000);
  t.equal(await alive(), 200);
  b.clock.advance(30 * 60_000);
  t.equal(await alive(), 401);
  owner.enter(await owner.post('/api/login', { username: 'admin', password: PASSWORD }));
  for (let i = 0; i < 47; i++) {
    b.clock.advance(15 * 60_000);
    t.equal(await alive(), 200);
  }
  b.clock.advance(15 * 60_000);
  t.equal(await alive(), 401, '12 hours are over, whatever was done');
});

t.test('another password, no account, another role: felt at once', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const guest = await b.viewer(owner);
  const own = async () => (await guest.post('/api/get', { paths: [] })).status;
  t.equal(await own(), 200);
  const change = (name: string, value: string) =>
    owner.post('/api/set', { changes: [{ path: `${USERS}2.${name}`, value }] });
  t.equal((await change('Password', 'another long one here')).status, 200);
  t.equal(await own(), 401);
  const login = () =>
    guest.post('/api/login', { username: 'guest', password: 'another long one here' });
  guest.enter(await login());
  const save = () =>
    guest.post('/api/set', {
      changes: [{ path: 'Device.DeviceInfo.ProvisioningCode', value: 'x' }],
    });
  t.equal((await save()).status, 403);
  t.equal((await change('X_GATEHOUSE_Role', 'Administrator')).status, 200);
  t.equal((await save()).status, 200);
  t.equal((await change('Enable', 'false')).status, 200);
  t.equal(await own(), 401);
  t.equal((await login()).status, 401);
});

t.test('a viewer looks, and changes nothing', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const guest = await b.viewer(owner);
  const revision = b.model.revision;
  const looks: [string, unknown][] = [
    ['/api/get', { paths: ['Device.DeviceInfo.'] }],
    ['/api/schema', { path: 'Device.DHCPv4.' }],
    ['/api/instances', { path: 'Device.IP.' }],
  ];
  for (const [path, body] of looks) t.equal((await guest.post(path, body)).status, 200, path);
  for (const path of ['/api/config/history', '/api/logs', '/api/audit', '/api/certificate']) {
    t.equal((await guest.get(path)).status, 200, path);
  }
  for (const path of [
    ...['/api/set', '/api/add', '/api/del', '/api/operate', '/api/config/confirm', '/api/backup'],
    ...['/api/config/rollback', '/api/config/restore', '/api/restore', '/api/certificate'],
  ]) {
    const answer = await guest.post(path, {});
    t.equal(answer.status, 403, path);
    t.type(JSON.parse(answer.text).error, 'string');
  }
  t.equal(b.model.revision, revision);
});

t.test('a storm of log-ins is shut out; the owner, at his place, is not', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const login = (password: string, from = '127.0.0.1', username = 'admin') =>
    b.visitor(from).post('/api/login', { username, password });
  t.equal((await login(PASSWORD)).status, 200);
  const storm = await Promise.all(
    Array.from({ length: 40 }, (_, i) => login(`wrong ${i}`, '127.0.0.9')),
  );
  const statuses = storm.map(({ status }) => status);
  t.equal(statuses.filter((status) => status === 401).length, 5);
  t.equal(statuses.filter((status) => status === 429).length, 35);
  const refused = storm.find(({ status }) => status === 429);
  t.ok(JSON.parse(refused?.text ?? '{}').retryAfterSec >= 1);
  t.ok(Number(refused?.headers['retry-after']) >= 1);
  t.equal((await login(PASSWORD, '127.0.0.9')).status, 429, 'right, but from there not now');
  t.equal((await login(PASSWORD, '127.0.0.8')).status, 429, 'nor as this user from somewhere new');
  t.equal((await login(PASSWORD)).status, 200, 'but where he was before');
  t.equal((await owner.post('/api/get', { paths: [] })).status, 200);
  t.equal(
    b.logins.filter(({ outcome }) => outcome === 'failed').length,
    5,
    'the trail is not flooded',
  );
  b.clock.advance(61_000);
  t.equal((await login('wrong again', '127.0.0.9')).status, 401, 'the lock-out ends');
  t.equal((await login(PASSWORD, '127.0.0.9')).status, 429, 'and doubles');
  b.clock.advance(119_000);
  t.equal((await login(PASSWORD, '127.0.0.9')).status, 429);
  b.clock.advance(2_000);
  t.equal((await login(PASSWORD, '127.0.0.9')).status, 200);
});

t.test('what nobody is and what nobody types', async (t) => {
  const b = await box(t);
  await b.administrator();
  const status = async (body: unknown, from: string) =>
    (await b.visitor(from).post('/api/login', body)).status;
  t.equal(await status({ username: 'nobody', password: PASSWORD }, '127.0.1.1'), 401);
  t.equal(await status({ username: '', password: '' }, '127.0.1.2'), 401);
  t.equal(await status({ username: 'x'.repeat(5000), password: PASSWORD }, '127.0.1.3'), 401);
  t.equal(await status({ username: 'admin', password: 'x'.repeat(50_000) }, '127.0.1.4'), 401);
  t.equal(await status({ username: ['admin'], password: {} }, '127.0.1.5'), 400);
  t.ok(b.logins.every(({ user }) => user.length <= 64));
});

t.test('when it ends nothing is left: no timer, connection, session or stream', async (t) => {
  let undo: () => unknown = () => {};
  const b = await box({
    teardown: (run) => {
      undo = run;
    },
  });
  const owner = await b.administrator();
  const stream = owner.get('/api/events').catch(() => undefined);
  while (b.service.events.listeners === 0) await new Promise(setImmediate);
  await undo();
  await stream;
  t.equal(b.clock.pending, 0);
  t.match(b.service.status, { connections: 0, sessions: 0, listeners: 0 });
  await t.rejects(owner.get('/api/session'));
});
