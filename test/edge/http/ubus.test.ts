/** `/ubus` against the shapes that uhttpd-mod-ubus answers. */
import t from 'tap';
import { method, refuse, reply, type UbusObject } from '../../../src/edge/ubus/objects.ts';
import { array, bool, field, int32, string, table } from '../../../src/wire/blobmsg.ts';
import { UBUS_STATUS } from '../../../src/wire/ubus.ts';
import { type Box, box, PASSWORD } from './box.ts';

const NOBODY = '0'.repeat(32);

const echo: UbusObject = {
  path: 'test.echo',
  methods: {
    echo: method(
      { text: 'string', list: 'array', deep: 'table', yes: 'int8', n: 'int32', big: 'int64' },
      (_args, request) => reply(request.data),
    ),
    empty: method({}, () => reply([])),
    denied: method({}, () => refuse(UBUS_STATUS.permissionDenied)),
    types: method({}, () =>
      reply([
        field('whole', int32(5)),
        field('half', { type: 'double', value: 1.5 }),
        field('big', { type: 'int64', value: 9_007_199_254_740_993n }),
        field('yes', bool(true)),
        field('nothing', { type: 'unspec' }),
        field('list', array([string('a'), table([field('b', int32(-1))])])),
      ]),
    ),
  },
};

async function bus(t: { teardown(run: () => unknown): void }) {
  const b = await box(t);
  const object = b.bus.serve(echo);
  await b.bus.ready();
  await b.administrator();
  const raw = (body: unknown, path = '/ubus', headers: Record<string, string> = {}) =>
    b.ask({
      ...{ path, method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) },
      headers: { host: b.host, 'content-type': 'application/json', ...headers },
    });
  const rpc = async (method: string, params?: unknown, id: unknown = 1) =>
    JSON.parse((await raw({ jsonrpc: '2.0', id, method, params })).text);
  const call = (sid: string, ...rest: unknown[]) => rpc('call', [sid, ...rest]);
  const login = async (username = 'admin', more = {}): Promise<string> =>
    (await call(NOBODY, 'session', 'login', { username, password: PASSWORD, ...more })).result[1]
      .ubus_rpc_session;
  return { ...b, box: b, object, raw, rpc, call, login };
}

t.test('call: result is [status] or [status, data]; the session goes along', async (t) => {
  const b = await bus(t);
  const sid = await b.login();
  const headers = await b.raw({});
  t.equal(headers.status, 200);
  t.equal(headers.headers['content-type'], 'application/json');
  t.same(
    await b.call(sid, 'test.echo', 'echo', { text: 'a', deep: { list: [1, 2.5, null, false] } }),
    {
      jsonrpc: '2.0',
      id: 1,
      result: [0, { text: 'a', deep: { list: [1, 2.5, null, false] }, ubus_rpc_session: sid }],
    },
  );
  t.same(await b.call(sid, 'test.echo', 'empty', {}), { jsonrpc: '2.0', id: 1, result: [0] });
  t.same((await b.call(sid, 'test.echo', 'denied', {})).result, [6]);
  t.same((await b.call(sid, 'test.echo', 'nothing', {})).result, [3]);
  const types = await b.raw({
    jsonrpc: '2.0',
    id: 'x',
    method: 'call',
    params: [sid, 'test.echo', 'types', {}],
  });
  t.equal(
    types.text,
    '{"jsonrpc":"2.0","id":"x","result":[0,{"whole":5,"half":1.500000,"big":9007199254740993,' +
      '"yes":true,"nothing":null,"list":["a",{"b":-1}]}]}',
  );
  const big = `{"jsonrpc":"2.0","id":9007199254740993,"method":"call","params":["${sid}","test.echo","echo",{"big":9007199254740993}]}`;
  t.match((await b.raw(big)).text, /"id":9007199254740993.*"big":9007199254740993/);
  b.calls.splice(0);
  await b.call(sid, 'bbfdm', 'set', { path: 'Device.DeviceInfo.ProvisioningCode', value: 'x' });
  t.same(b.calls, [{ user: 'admin', address: '127.0.0.1', path: 'ubus call bbfdm set' }]);
  const got = await b.call(sid, 'bbfdm', 'get', { path: 'Device.DeviceInfo.ProvisioningCode' });
  t.equal(got.result[0], 0);
  t.equal(b.calls.length, 1, 'who only looks is not in the trail');
});

t.test('errors as uhttpd numbers them', async (t) => {
  const b = await bus(t);
  const sid = await b.login();
  const code = async (body: unknown) => JSON.parse((await b.raw(body)).text).error;
  const call = (params: unknown) => code({ jsonrpc: '2.0', id: 1, method: 'call', params });
  t.same(await code('{'), { code: -32700, message: 'Parse error' });
  t.same(await b.raw('1').then(({ text }) => JSON.parse(text)), {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32700, message: 'Parse error' },
  });
  t.match(await code(`[]}, "x": {`), { code: -32700 });
  t.match(await code({ jsonrpc: '1.0', id: 1, method: 'list' }), { code: -32700 });
  t.match(await code({ id: 1, method: 'list' }), { code: -32700 });
  t.match(await code({ jsonrpc: '2.0', id: 1 }), { code: -32700 });
  t.match(await call([sid, 'test.echo', 'echo']), { code: -32700 });
  t.match(await call([sid, 'test.echo', 'echo', []]), { code: -32700 });
  t.match(await call({ sid }), { code: -32700 });
  t.same(await code({ jsonrpc: '2.0', id: 1, method: 'login', params: [] }), {
    ...{ code: -32601, message: 'Method not found' },
  });
  t.same(await call([sid, 'test.echo', 'echo', { ubus_rpc_session: 'x' }]), {
    ...{ code: -32602, message: 'Invalid parameters' },
  });
  t.same(await call([sid, 'no.such', 'echo', {}]), { code: -32000, message: 'Object not found' });
  t.match(await call([sid, 'test.*', 'echo', {}]), { code: -32000 });
  t.same(await call([NOBODY, 'test.echo', 'echo', {}]), { code: -32002, message: 'Access denied' });
  t.match(await call(['f'.repeat(32), 'test.echo', 'echo', {}]), { code: -32002 });
  const large = await b.raw({
    jsonrpc: '2.0',
    id: 1,
    method: 'list',
    params: ['x'.repeat(70_000)],
  });
  t.match(JSON.parse(large.text), { error: { code: -32700 } });
  t.equal(large.headers.connection, 'close');
});

t.test(
  'as LuCI asks: a slash behind the prefix, the time as query, ids missing and odd',
  async (t) => {
    const b = await bus(t);
    const at = '/ubus/?1795197486635';
    const post = async (body: unknown) => JSON.parse((await b.raw(body, at)).text);
    const probe = await post({ jsonrpc: '2.0', id: 'init', method: 'list' });
    t.equal(probe.id, 'init');
    t.ok(probe.result.includes('session'));
    const access = { scope: 'uci', object: 'luci', function: 'read' };
    const ask = (sid: string) =>
      post([{ jsonrpc: '2.0', id: 1, method: 'call', params: [sid, 'session', 'access', access] }]);
    const sid = await b.login();
    t.same(await ask(sid), [{ jsonrpc: '2.0', id: 1, result: [0, { access: false }] }]);
    await b.call(sid, 'session', 'destroy', {});
    // This is how it learns that its session is over.
    for (const gone of [sid, '', 'x'])
      t.match(await ask(gone), [{ error: { code: -32002 } }], gone);
    for (const params of [{}, 'bbfdm', null, 5]) {
      t.ok(
        (await b.rpc('list', params)).result.includes('bbfdm'),
        'what is no array is no pattern',
      );
    }
    t.same((await b.rpc('list', [5, null, 'none'])).result, {});
    t.same(await b.call(NOBODY, 'session', 'nothing', {}).then(({ error }) => error.code), -32002);
    const more = await post({
      ...{ jsonrpc: '2.0', method: 'call' },
      params: [NOBODY, 'session', 'access', {}, 'more'],
    });
    t.match(more, { id: null, result: [0, { ubus: { session: ['access', 'login'] } }] });
  },
);

t.test('list: paths without a session, signatures by pattern', async (t) => {
  const b = await bus(t);
  const { result: paths } = await b.rpc('list');
  t.ok(paths.includes('test.echo') && paths.includes('bbfdm') && paths.includes('session'));
  const { result } = await b.rpc('list', ['test.*', 'session', 'none']);
  t.same(Object.keys(result), ['test.echo', 'session']);
  t.same(result['test.echo'].echo, {
    ...{
      text: 'string',
      list: 'array',
      deep: 'object',
      yes: 'boolean',
      n: 'number',
      big: 'unknown',
    },
  });
  t.match(result.session.login, { username: 'string', timeout: 'number' });
  t.same((await b.rpc('list', [])).result, {});
  const all = await b.ask({ path: '/ubus/list', headers: { host: b.host } });
  t.same(JSON.parse(all.text)['test.echo'].empty, {});
  const one = await b.ask({ path: '/ubus/list/test.echo', headers: { host: b.host } });
  t.same(JSON.parse(one.text).empty, {});
  const none = await b.ask({ path: '/ubus/list/nope', headers: { host: b.host } });
  t.equal(none.status, 500);
  t.same(JSON.parse(none.text), { code: 4, message: 'Not found' });
});

t.test('a batch is answered in order, whatever is wrong with one', async (t) => {
  const b = await bus(t);
  const sid = await b.login();
  const one = (id: number, ...params: unknown[]) => ({
    jsonrpc: '2.0',
    id,
    method: 'call',
    params,
  });
  const answer = await b.raw([
    one(1, sid, 'test.echo', 'empty', {}),
    one(2, NOBODY, 'test.echo', 'empty', {}),
    'x',
    one(3, sid, 'session', 'destroy', {}),
    one(4, sid, 'test.echo', 'empty', {}),
  ]);
  t.match(JSON.parse(answer.text), [
    { id: 1, result: [0] },
    { id: 2, error: { code: -32002 } },
    { id: null, error: { code: -32700 } },
    { id: 3, result: [0] },
    { id: 4, error: { code: -32002 } },
  ]);
  t.equal((await b.raw('[]')).text, '[]');
});

t.test('calls by path, with a bearer', async (t) => {
  const b = await bus(t);
  const sid = await b.login();
  const rest = async (object: string, method: string, params: unknown, bearer = sid) =>
    JSON.parse(
      (
        await b.raw({ jsonrpc: '2.0', id: 7, method, params }, `/ubus/call/${object}`, {
          authorization: `Bearer ${bearer}`,
        })
      ).text,
    );
  t.same(await rest('test.echo', 'echo', { text: 'x' }), {
    jsonrpc: '2.0',
    id: 7,
    result: { text: 'x', ubus_rpc_session: sid },
  });
  t.same((await rest('test.echo', 'empty', undefined)).result, null);
  t.same((await rest('test.echo', 'denied', {})).error, { code: 6, message: 'Permission denied' });
  t.match(await rest('none', 'x', {}), { error: { code: -32000 } });
  t.match(await rest('test.echo', 'echo', {}, 'x'), { error: { code: -32002 } });
  const named = b.bus.serve({ ...echo, path: 'test/a.b' });
  await b.bus.ready();
  t.same((await rest('test/a.b', 'empty', {})).result, null, 'a name may have a slash');
  named[Symbol.dispose]();
  t.match(JSON.parse((await b.raw('x', '/ubus/call/test.echo')).text), { error: { code: -32700 } });
});

t.test('session: log-in, access, values, time-out, end', async (t) => {
  const b = await bus(t);
  const bad = await b.call(NOBODY, 'session', 'login', { username: 'admin', password: 'x' });
  t.same(bad.result, [6]);
  const { result } = await b.call(NOBODY, 'session', 'login', {
    username: 'admin',
    password: PASSWORD,
  });
  t.match(result, [
    0,
    {
      ubus_rpc_session: /^[0-9a-f]{32}$/,
      ...{
        timeout: 300,
        expires: 300,
        acls: { ubus: { '*': ['*'] } },
        data: { username: 'admin' },
      },
    },
  ]);
  const sid = result[1].ubus_rpc_session;
  const ask = (method: string, args = {}) => b.call(sid, 'session', method, args);
  const access = { scope: 'ubus', object: 'test.echo', function: 'echo' };
  t.same((await ask('access', access)).result, [0, { access: true }]);
  t.same((await b.call(NOBODY, 'session', 'access', access)).result, [0, { access: false }]);
  t.same((await ask('access')).result[1].ubus, { '*': ['*'] });
  t.same((await ask('set', { values: { token: 'abc' } })).result, [0]);
  t.same((await ask('get', { keys: ['token'] })).result, [0, { values: { token: 'abc' } }]);
  t.match((await ask('list')).result[1].data, { username: 'admin', token: 'abc' });
  t.same((await ask('set', {})).result, [2]);
  t.same((await ask('set', { values: { more: 1 } })).result, [0]);
  t.same((await ask('unset', { keys: ['token', 'none', 5] })).result, [0]);
  t.same((await ask('get')).result, [0, { values: { username: 'admin', more: 1 } }]);
  t.same((await ask('unset')).result, [0]);
  t.same((await ask('get')).result, [0, { values: {} }]);
  t.same((await ask('grant', {})).result, [3]);
  b.clock.advance(299_000);
  t.same((await ask('get', { keys: [] })).result, [0, { values: {} }]);
  b.clock.advance(299_000);
  t.same((await ask('destroy')).result, [0], 'it slides');
  t.match(await ask('list'), { error: { code: -32002 } });
  const short = await b.login('admin', { timeout: 10 });
  b.clock.advance(11_000);
  t.match(await b.call(short, 'test.echo', 'empty', {}), { error: { code: -32002 } });
  const long = await b.login('admin', { timeout: 0 });
  b.clock.advance(3_600_000);
  t.same((await b.call(long, 'test.echo', 'empty', {})).result, [0], '0 is for never');
  t.ok(b.logins.some(({ path, outcome }) => path === '/ubus' && outcome === 'failed'));
});

t.test(
  'a viewer reads the model and nothing else; another password ends the session',
  async (t) => {
    const b = await bus(t);
    const owner = await b.visitor();
    owner.enter(await owner.post('/api/login', { username: 'admin', password: PASSWORD }));
    await b.viewer(owner);
    const sid = await b.login('guest');
    const may = async (object: string, method: string) =>
      (await b.call(sid, object, method, { path: 'Device.Time.' })).error?.code !== -32002;
    t.ok(await may('bbfdm', 'get'));
    for (const [object, name] of [
      ['bbfdm', 'set'],
      ['bbfdm', 'operate'],
      ['test.echo', 'empty'],
    ] as const) {
      t.notOk(await may(object, name), `${object} ${name}`);
    }
    await owner.post('/api/set', {
      changes: [{ path: 'Device.Users.User.2.Password', value: 'another long one here' }],
    });
    t.notOk(await may('bbfdm', 'get'));
  },
);

t.test('a storm of log-ins is bounded here, too', async (t) => {
  const b = await bus(t);
  for (let i = 0; i < 8; i++) {
    await b.call(NOBODY, 'session', 'login', { username: 'admin', password: `wrong ${i}` });
  }
  t.equal(b.logins.filter(({ outcome }) => outcome === 'failed').length, 5);
  t.same(
    (await b.call(NOBODY, 'session', 'login', { username: 'admin', password: PASSWORD })).result,
    [6],
  );
});

t.test('subscribe: notifications as events, until the object goes', async (t) => {
  const b = await bus(t);
  const sid = await b.login();
  const open = (object: string, bearer: string) =>
    b.ask({
      path: `/ubus/subscribe/${object}`,
      headers: { host: b.host, authorization: `Bearer ${bearer}` },
    });
  t.same(JSON.parse((await open('test.echo', NOBODY)).text), {
    code: -13,
    message: 'Permission denied',
  });
  t.same(JSON.parse((await open('nope', sid)).text), { code: 4, message: 'Not found' });
  const stream = open('test.echo', sid);
  while (!b.object.watched) await new Promise(setImmediate);
  b.object.notify('ping', [field('n', int32(1)), field('text', string('line\nbreak'))]);
  b.object[Symbol.dispose]();
  const answer = await stream;
  t.equal(answer.headers['content-type'], 'text/event-stream');
  t.equal(answer.text, 'event: ping\ndata: {"n":1,"text":"line\\nbreak"}\n\n');
});

t.test('other methods and paths', async (t) => {
  const b: Box = await box(t);
  const at = async (path: string, method: string) =>
    (await b.ask({ path, method, headers: { host: b.host } })).status;
  t.equal(await at('/ubus', 'OPTIONS'), 200);
  t.equal(await at('/ubus/nothing', 'GET'), 404);
  t.equal(await at('/ubus/nothing', 'POST'), 404);
  t.equal(await at('/ubus', 'GET'), 404);
  for (const method of ['PUT', 'DELETE', 'PATCH']) t.equal(await at('/ubus', method), 400, method);
});
