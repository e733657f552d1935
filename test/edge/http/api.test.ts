/** What the page asks for, once it is logged in. */
import t from 'tap';
import { settled } from '../../tr181/fixture.ts';
import { box, PASSWORD } from './box.ts';

const CODE = 'Device.DeviceInfo.ProvisioningCode';
const USERS = 'Device.Users.User.';

t.test('the model: get, set, add, del, operate, schema, instances', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const json = async (path: string, body: unknown) =>
    JSON.parse((await owner.post(path, body)).text);
  const set = await json('/api/set', { changes: [{ path: CODE, value: 'a' }] });
  t.same(set, { revision: b.model.revision });
  t.match(b.audit.at(-1), {
    origin: { user: 'admin', via: 'http', address: '127.0.0.1' },
    path: CODE,
  });
  t.match(await json('/api/get', { paths: [CODE] }), {
    revision: b.model.revision,
    changes: Number,
    values: [
      { path: CODE, value: 'a', type: 'string', writable: true, list: false, reference: false },
    ],
    faults: [],
  });
  const refused = await owner.post('/api/set', {
    changes: [
      { path: `${CODE}x`, value: 'a' },
      { path: 'Device.IP.Interface.2.Enable', value: 'perhaps' },
    ],
  });
  t.equal(refused.status, 422);
  t.match(JSON.parse(refused.text).faults, [{ kind: 'unknownPath' }, { kind: 'wrongType' }]);
  const added = await json('/api/add', { path: 'Device.IP.Interface.2.IPv4Address.', values: {} });
  t.match(added, { instance: 2, path: 'Device.IP.Interface.2.IPv4Address.2.' });
  t.match(await json('/api/del', { paths: [added.path] }), { deleted: [added.path] });
  t.match((await owner.post('/api/del', { paths: [added.path] })).status, 422);
  const [first] = await json('/api/schema', { path: `${USERS}{i}.Username` });
  t.match(first, { kind: 'parameter', path: `${USERS}{i}.Username`, type: 'string' });
  t.ok((await json('/api/schema', {})).length > 100);
  t.match(await json('/api/instances', { path: USERS }), [{ path: `${USERS}1.` }]);
  const run = await owner.post('/api/operate', { path: 'Device.DHCPv4.Client.1.Renew()' });
  t.equal(run.status, 200, run.text);
  t.match(JSON.parse(run.text), { output: [] });
  t.equal((await owner.post('/api/operate', { path: 'Device.Nothing()' })).status, 422);
});

t.test('a change returns unless confirmed; history, and back to any of it', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const value = async () =>
    JSON.parse((await owner.post('/api/get', { paths: [CODE] })).text).values[0].value;
  const set = async (text: string, confirmSec?: number) =>
    JSON.parse(
      (await owner.post('/api/set', { changes: [{ path: CODE, value: text }], confirmSec })).text,
    );
  const { revision } = await set('first');
  const pending = await set('second', 60);
  t.match(pending, { confirm: { token: String, deadlineMs: b.clock.wallMs() + 60_000 } });
  t.match(JSON.parse((await owner.get('/api/config/history')).text).pending, {
    token: pending.confirm.token,
  });
  t.equal((await owner.post('/api/config/confirm', { token: 'another' })).status, 422);
  t.equal((await owner.post('/api/config/confirm', { token: pending.confirm.token })).status, 200);
  t.equal((await owner.post('/api/config/confirm', {})).status, 422, 'nothing waits any more');
  t.equal(await value(), 'second');

  await set('third', 60);
  t.equal((await owner.post('/api/config/rollback')).status, 200);
  t.equal(await value(), 'second');
  const { entries, pending: none } = JSON.parse((await owner.get('/api/config/history')).text);
  t.equal(none, undefined);
  t.match(entries[0], {
    user: 'admin',
    via: 'http',
    changes: [{ path: CODE, old: 'third', new: 'second' }],
  });
  t.equal((await owner.post('/api/config/restore', { revision })).status, 200);
  t.equal(await value(), 'first');
  t.equal((await owner.post('/api/config/restore', { revision: 99_999 })).status, 422);
  t.equal((await owner.post('/api/config/restore', { revision: 'x' })).status, 400);
});

t.test('whatever changes can be tried, and is answered before it is put into effect', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const server = 'Device.DNS.Client.Server.';
  const set = async (value: string) =>
    JSON.parse((await owner.post('/api/set', { changes: [{ path: CODE, value }] })).text).revision;
  const first = await set('first');
  const passphrase = 'three words here';
  const file = (await owner.post('/api/backup', { passphrase })).bytes;
  await set('second');
  const { path: row } = JSON.parse((await owner.post('/api/add', { path: server })).text);
  const state = async () => {
    const answer = await owner.post('/api/get', { paths: [CODE, server] });
    return JSON.stringify(JSON.parse(answer.text).values);
  };
  const before = await state();
  const raw = {
    'content-type': 'application/octet-stream',
    'x-gatehouse-passphrase': encodeURIComponent(passphrase),
  };
  const form = new FormData();
  form.set('passphrase', passphrase);
  form.set('confirmSec', '60');
  form.set('file', new Blob([new Uint8Array(file)]), 'x.gatehouse');
  const encoded = new Response(form);
  const type = encoded.headers.get('content-type') ?? '';
  const formBytes = new Uint8Array(await encoded.arrayBuffer());
  const confirmSec = 60;
  const ways = {
    set: () => owner.post('/api/set', { changes: [{ path: CODE, value: 'x' }], confirmSec }),
    add: () => owner.post('/api/add', { path: server, confirmSec }),
    del: () => owner.post('/api/del', { paths: [row], confirmSec }),
    'return to a revision': () =>
      owner.post('/api/config/restore', { revision: first, confirmSec }),
    'backup as a body': () =>
      owner.post('/api/restore', file, { ...raw, 'x-gatehouse-confirm-sec': '60' }),
    'backup as a form': () => owner.post('/api/restore', formBytes, { 'content-type': type }),
  };
  for (const [name, way] of Object.entries(ways)) {
    b.held.length = 0;
    const made = await way();
    t.equal(made.status, 200, made.text);
    const confirm = { token: String, deadlineMs: b.clock.wallMs() + 60_000 };
    t.match(JSON.parse(made.text), { revision: Number, confirm }, name);
    t.equal(b.held.length, 1, `${name} waits for its answer`);
    await b.held[0];
    t.not(await state(), before, `${name} is made`);
    t.equal((await owner.post('/api/del', { paths: [row] })).status, 422, 'and nothing else');
    b.clock.advance(60_000);
    await settled();
    t.equal(await state(), before, `${name} is undone`);
  }
  b.held.length = 0;
  await owner.post('/api/get', { paths: [CODE] });
  t.equal(b.held.length, 0, 'who looks holds nothing up');
  for (const [path, body] of [
    ['/api/set', { changes: [], confirmSec: '60' }],
    ['/api/del', { paths: [row], confirmSec: true }],
    ['/api/config/restore', { revision: first, confirmSec: {} }],
  ] as const) {
    t.equal((await owner.post(path, body)).status, 400, path);
  }
  const odd = await owner.post('/api/restore', file, { ...raw, 'x-gatehouse-confirm-sec': 'soon' });
  t.equal(odd.status, 400);
  t.equal((await owner.post('/api/del', { paths: [row], confirmSec: 0 })).status, 422);
  t.equal(await state(), before);
});

t.test('a backup goes out and comes back, as a body and as a form', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const set = (value: string) => owner.post('/api/set', { changes: [{ path: CODE, value }] });
  const value = async () =>
    JSON.parse((await owner.post('/api/get', { paths: [CODE] })).text).values[0].value;
  await set('kept');
  const passphrase = 'drei Wörter hier';
  t.equal((await owner.post('/api/backup', { passphrase: 'x' })).status, 422);
  const file = await owner.post('/api/backup', { passphrase });
  t.equal(file.status, 200);
  t.equal(file.headers['content-type'], 'application/octet-stream');
  t.match(
    file.headers['content-disposition'],
    /^attachment; filename="gatehouse-[\d-]{10}\.gatehouse"$/,
  );
  t.notMatch(file.bytes.toString('latin1'), /kept|argon2id/);

  await set('changed');
  const headers = { 'content-type': 'application/octet-stream' };
  const put = (bytes: Uint8Array, words: string) =>
    owner.post('/api/restore', bytes, {
      ...headers,
      'x-gatehouse-passphrase': encodeURIComponent(words),
    });
  t.equal((await put(file.bytes, 'three other words')).status, 422);
  const forged = Uint8Array.from(file.bytes);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  t.equal((await put(forged, passphrase)).status, 422);
  t.equal(await value(), 'changed');
  t.equal((await put(file.bytes, passphrase)).status, 200);
  t.equal(await value(), 'kept');

  await set('changed');
  const form = new FormData();
  form.set('passphrase', passphrase);
  form.set('file', new Blob([new Uint8Array(file.bytes)]), 'x.gatehouse');
  const encoded = new Response(form);
  const type = encoded.headers.get('content-type') ?? '';
  const body = new Uint8Array(await encoded.arrayBuffer());
  t.equal((await owner.post('/api/restore', body, { 'content-type': type })).status, 200);
  t.equal(await value(), 'kept');
  t.equal((await owner.post('/api/restore', 'x', { 'content-type': type })).status, 400);
  t.equal((await owner.post('/api/restore', new Uint8Array(9 << 20), headers)).status, 413);
});

t.test('certificates: the root to trust, one of the owner, and back', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  t.equal((await b.visitor().get('/api/ca.pem')).text, b.ca);
  const status = async () => JSON.parse((await owner.get('/api/certificate')).text);
  t.match(await status(), {
    own: true,
    subject: 'CN=gatehouse',
    fingerprint: /^([0-9A-F]{2}:){31}/,
  });
  const { NodeCertificates } = await import('../../../src/os/linux/tls-x509.ts');
  const certificates = new NodeCertificates();
  const names = { hosts: ['router.example'], addresses: ['127.0.0.1'] };
  const nowMs = b.clock.wallMs();
  const other = await certificates.makeCa('other', nowMs);
  const mine = await certificates.makeLeaf(other, names, nowMs);
  const old = await certificates.makeLeaf(other, names, nowMs - 100 * 86_400_000);
  const put = (certificatePem: string, keyPem: string) =>
    owner.post('/api/certificate', { certificatePem, keyPem });
  t.match(JSON.parse((await put(mine.certificatePem, old.keyPem)).text).faults, [
    { message: /does not fit/ },
  ]);
  t.match(JSON.parse((await put(old.certificatePem, old.keyPem)).text).faults, [
    { message: /expired/ },
  ]);
  t.match(JSON.parse((await put('', '')).text).faults, [{ message: /no certificate/ }]);
  t.equal((await status()).own, true);
  t.equal((await put(`Bag attributes\n${mine.certificatePem}`, mine.keyPem)).status, 200);
  await t.rejects(owner.get('/api/certificate'), 'the old root vouches for it no more');
  const { ask } = await import('./client.ts');
  const from = { port: b.port, ca: other.certificatePem };
  const headers = { host: b.host, cookie: owner.cookie, origin: `https://${b.host}` };
  const seen = await ask({ ...from, path: '/api/certificate', headers });
  t.match(JSON.parse(seen.text), { own: false, subject: 'CN=router.example' });
  const back = await ask({
    ...{ ...from, path: '/api/certificate', method: 'POST', body: '{"own":true}' },
    headers: { ...headers, 'x-gatehouse-token': owner.csrf, 'content-type': 'application/json' },
  });
  t.match(JSON.parse(back.text), { own: true });
  t.equal((await status()).own, true, 'and the session went through all of it');
  t.equal(
    b.calls.filter(({ user, path }) => user === 'admin' && path === '/api/certificate').length,
    5,
  );
});

t.test('logs and trail', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const { entries } = JSON.parse((await owner.get('/api/logs?limit=5')).text);
  t.match(entries[0], { level: 'info', msg: 'the box was set up' });
  t.ok(JSON.parse((await owner.get('/api/audit?limit=x')).text).entries.length > 0);
  t.equal((await b.visitor().get('/api/logs')).status, 401);
  t.equal((await owner.post('/api/login', { username: 'admin', password: PASSWORD })).status, 200);
});

t.test('the page: encodings, caching, and what is not there', async (t) => {
  const b = await box(t);
  t.equal((await b.visitor().get('/')).status, 503);
  const file = (text: string) => ({
    ...{
      bytes: Buffer.from(text),
      br: Buffer.from('br'),
      gzip: Buffer.from('gz'),
      etag: `"${text}"`,
    },
  });
  b.web.set('index.html', file('<html>'));
  b.web.set('assets/index-4f1cAB_9.js', file('code'));
  const get = (path: string, headers = {}) => b.visitor().get(path, headers);
  const index = await get('/');
  t.match(index, {
    status: 200,
    text: '<html>',
    headers: { 'content-type': /^text\/html/, etag: '"<html>"' },
  });
  t.equal(index.headers['cache-control'], 'no-cache');
  t.equal((await get('/', { 'if-none-match': 'W/"<html>"' })).status, 304);
  const code = await get('/assets/index-4f1cAB_9.js', { 'accept-encoding': 'gzip, br' });
  t.match(code, {
    text: 'br',
    headers: { 'content-encoding': 'br', 'content-type': /javascript/ },
  });
  t.match(code.headers['cache-control'], /immutable/);
  t.equal(
    (await get('/assets/index-4f1cAB_9.js', { 'accept-encoding': 'br;q=0, gzip' })).text,
    'gz',
  );
  t.equal((await get('/assets/index-4f1cAB_9.js')).text, 'code');
  t.equal((await get('/assets/nothing.js')).status, 404);
});
