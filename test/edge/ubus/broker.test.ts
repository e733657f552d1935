import t from 'tap';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { parseAcl } from '../../../src/edge/ubus/acl.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import type { PeerCredentials } from '../../../src/os/ports.ts';
import { type BlobmsgTable, field, int32, string, table } from '../../../src/wire/blobmsg.ts';
import { UBUS_ATTR, UBUS_TYPE, type UbusAttribute } from '../../../src/wire/ubus.ts';
import {
  counting,
  FakeClient,
  FakeConnection,
  GROUP,
  PASSWD,
  ROOT,
  statusOf,
  text,
  u32,
} from './fakes.ts';

const accounts = parseAccounts(PASSWD, GROUP);
const GUEST: PeerCredentials = { pid: 2, uid: 1000, gid: 1000 };
const SIGNATURE: BlobmsgTable = [
  field('get', table([field('path', int32(3))])),
  field('set', table([])),
];

function broker(rules: readonly object[] = []): Broker {
  const made = new Broker({
    randomU32: counting(),
    accounts,
    ownUid: 1,
    groupsOf: ({ uid }) => (uid === 1000 ? [2000] : []),
  });
  const files = rules.map((rule, i) => ({ name: `${i}.json`, text: JSON.stringify(rule) }));
  made.setAcl(parseAcl(files, accounts).acl);
  return made;
}

const objId = (value: number): UbusAttribute => ({ id: UBUS_ATTR.objId, kind: 'u32', value });
const target = (value: number): UbusAttribute => ({ id: UBUS_ATTR.target, kind: 'u32', value });
const subscribe = (client: FakeClient, own: number, other: number) =>
  client.request(UBUS_TYPE.subscribe, [objId(own), target(other)]);
const lookup = (client: FakeClient, path?: string) =>
  client.request(
    UBUS_TYPE.lookup,
    path === undefined ? [] : [{ id: UBUS_ATTR.objPath, kind: 'string', value: path }],
  );
const paths = (client: FakeClient, path?: string) =>
  lookup(client, path).flatMap((m) => text(m, UBUS_ATTR.objPath) ?? []);

t.test('lookup: order, prefixes, and what is not listed', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  for (const path of ['b', 'a.c', 'a', 'é', 'a.b', '\u{1f680}', '\uffee']) {
    server.addObject(path, SIGNATURE);
  }
  server.addObject();
  server.addObject('untyped');
  const client = new FakeClient(b);
  t.same(paths(client), ['a', 'a.b', 'a.c', 'b', 'é', '\uffee', '\u{1f680}'], 'by bytes of UTF-8');
  t.same(paths(client, 'a.*'), ['a.b', 'a.c']);
  t.same(paths(client, '*').length, 7);
  t.equal(statusOf(lookup(client, 'a*b')), 4, 'only a final * is a wildcard');
  t.equal(statusOf(lookup(client, 'x*')), 4);
  t.equal(statusOf(lookup(client, '')), 2);
  t.equal(statusOf(lookup(client, 'untyped')), 0);
  t.equal(server.addObject('untyped', SIGNATURE), 0, 'its path is taken all the same');
  t.end();
});

t.test('types are shared and vanish with their last object', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  server.addObject('a', SIGNATURE);
  const type = u32(lookup(server, 'a')[0], UBUS_ATTR.objType);
  const second = server.request(UBUS_TYPE.addObject, [
    { id: UBUS_ATTR.objPath, kind: 'string', value: 'b' },
    { id: UBUS_ATTR.objType, kind: 'u32', value: type },
  ]);
  t.equal(u32(second[0], UBUS_ATTR.objType), -1, 'OBJTYPE is told only for a new signature');
  t.equal(u32(lookup(server, 'b')[0], UBUS_ATTR.objType), type);
  const a = u32(lookup(server, 'a')[0], UBUS_ATTR.objId);
  const removed = server.request(UBUS_TYPE.removeObject, [objId(a)]);
  t.equal(u32(removed[0], UBUS_ATTR.objType), -1);
  const last = server.request(UBUS_TYPE.removeObject, [objId(u32(second[0], UBUS_ATTR.objId))]);
  t.equal(u32(last[0], UBUS_ATTR.objType), type);
  t.equal(b.stats.types, 0);
  t.equal(b.stats.objects, 0);
  t.end();
});

t.test('only the owner answers for an object, and only living callers hear it', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  const stranger = new FakeClient(b);
  const caller = new FakeClient(b);
  const id = server.addObject('a', SIGNATURE);
  caller.invoke(id, 'get', []);
  const [call] = server.take();
  t.equal(call?.peer, caller.id);
  t.equal(text(call, UBUS_ATTR.user), 'root');
  const seq = call?.seq ?? 0;
  const status = (code: number): UbusAttribute[] => [
    { id: UBUS_ATTR.status, kind: 'u32', value: code },
    objId(id),
  ];
  stranger.send({ type: UBUS_TYPE.status, seq, peer: caller.id, attributes: status(0) });
  t.same(caller.take(), [], 'not the owner');
  server.send({ type: UBUS_TYPE.status, seq, peer: 12, attributes: status(0) });
  server.send({
    type: UBUS_TYPE.status,
    seq,
    peer: caller.id,
    attributes: [{ id: UBUS_ATTR.status, kind: 'u32', value: 0 }],
  });
  t.same(caller.take(), [], 'STATUS without OBJID is dropped');
  server.send({ type: UBUS_TYPE.status, seq, peer: caller.id, attributes: status(77) });
  const [answer] = caller.take();
  t.equal(answer?.peer, id);
  t.equal(u32(answer, UBUS_ATTR.status), 77, 'any code may travel');
  caller.leave();
  server.send({ type: UBUS_TYPE.status, seq, peer: caller.id, attributes: status(0) });
  t.same(server.take(), [], 'a server is never answered');
  t.end();
});

t.test('a large call is forwarded whole, with and without room in front of it', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  const id = server.addObject('a', SIGNATURE);
  const caller = new FakeClient(b);
  const data = [field('text', string('x'.repeat(70_000)))];
  for (const pings of [0, 40]) {
    for (let i = 0; i < pings; i++) caller.request(UBUS_TYPE.ping, []);
    caller.invoke(id, 'get', data);
    const [call] = server.take();
    t.same(
      call?.attributes.map((a) => [a.id, a.kind === 'table' ? a.value : undefined]),
      [
        [UBUS_ATTR.objId, undefined],
        [UBUS_ATTR.method, undefined],
        [UBUS_ATTR.user, undefined],
        [UBUS_ATTR.group, undefined],
        [UBUS_ATTR.data, data],
      ],
    );
    t.equal(text(call, UBUS_ATTR.method), 'get');
  }
  // In pieces, behind another message in the same chunk, and with DATA in front of METHOD.
  const id8 = id.toString(16).padStart(8, '0');
  const frame = fromHex(
    `00050007000000000000002803000008${id8}070000148700000d00026f6e00000000010000000400000867657400`,
  );
  t.ok(frame);
  if (frame === undefined) return t.end();
  for (let cut = 1; cut < frame.length; cut++) {
    caller.handlers.data(frame.slice(0, cut));
    caller.handlers.data(frame.slice(cut));
    const [call] = server.take();
    t.equal(text(call, UBUS_ATTR.method), 'get');
    t.equal(call?.seq, 7);
  }
  t.end();
});

t.test('subscriptions: who may, who is told, and in which order', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  const id = server.addObject('a', SIGNATURE);
  const anonymous = server.addObject();
  const one = new FakeClient(b);
  const two = new FakeClient(b);
  const ownOne = one.addObject();
  const ownTwo = two.addObject();
  t.equal(statusOf(subscribe(one, 99, id)), 4, 'own object missing');
  t.equal(statusOf(subscribe(one, ownTwo, id)), 2, 'not my object');
  t.equal(statusOf(subscribe(one, ownOne, 99)), 4);
  t.equal(statusOf(subscribe(one, ownOne, 1)), 4, "ubusd's own");
  t.equal(statusOf(subscribe(server, anonymous, id)), 2, 'the same client');
  const guest = new FakeClient(b, GUEST);
  t.equal(statusOf(subscribe(guest, guest.addObject(), anonymous)), 4, 'unnamed: other user');
  t.equal(statusOf(subscribe(guest, guest.addObject(), id)), 4, 'denied is not found');

  t.equal(statusOf(subscribe(one, ownOne, id)), 0);
  t.match(server.take(), [{ type: UBUS_TYPE.notify, seq: 1, peer: 0 }]);
  t.equal(statusOf(subscribe(two, ownTwo, id)), 0);
  t.equal(statusOf(subscribe(two, ownTwo, id)), 0, 'duplicates are not looked for');
  t.same(server.take(), [], 'only the first is told');

  const sent = server.request(
    UBUS_TYPE.notify,
    [objId(id), { id: UBUS_ATTR.method, kind: 'string', value: 'changed' }],
    id,
  );
  t.match(sent, [
    {
      type: UBUS_TYPE.status,
      peer: id,
      attributes: [{}, { kind: 'ids', value: [ownTwo, ownTwo, ownOne] }, { value: 0 }],
    },
  ]);
  t.equal(two.take().length, 2);
  const [heard] = one.take();
  t.equal(heard?.peer, server.id);
  t.equal(text(heard, UBUS_ATTR.method), 'changed');
  // A subscriber's answer reaches the notifier under the subscriber's id.
  one.send({
    type: UBUS_TYPE.status,
    seq: heard?.seq ?? 0,
    peer: server.id,
    attributes: [{ id: UBUS_ATTR.status, kind: 'u32', value: 0 }, objId(ownOne)],
  });
  t.match(server.take(), [{ type: UBUS_TYPE.status, peer: ownOne }]);

  t.equal(statusOf(two.request(UBUS_TYPE.unsubscribe, [objId(ownTwo), target(id)])), 0);
  t.equal(statusOf(two.request(UBUS_TYPE.unsubscribe, [objId(ownTwo), target(99)])), 4);
  server.send({ type: UBUS_TYPE.removeObject, attributes: [objId(id)] });
  t.match(one.take(), [{ type: UBUS_TYPE.unsubscribe, peer: 0 }]);
  t.match(
    server.take().map((m) => m.type),
    [UBUS_TYPE.data, UBUS_TYPE.notify, UBUS_TYPE.status],
  );
  t.end();
});

t.test('a client that leaves takes its objects, subscriptions and patterns along', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  const id = server.addObject('a', SIGNATURE);
  const client = new FakeClient(b);
  const own = client.addObject();
  subscribe(client, own, id);
  client.invoke(1, 'register', [field('object', int32(own)), field('pattern', string('*'))]);
  server.take();
  client.leave();
  t.match(server.take(), [
    { type: UBUS_TYPE.notify, attributes: [{}, { id: UBUS_ATTR.active, value: 0 }] },
  ]);
  server.leave();
  t.match(b.stats, { clients: 0, objects: 0, types: 0, patterns: 0 });
  t.end();
});

t.test('events: patterns, once per object, never back to the sender', (t) => {
  const b = broker();
  const client = new FakeClient(b);
  const own = client.addObject();
  const register = (pattern: string, object = own) =>
    statusOf(
      client.invoke(1, 'register', [
        field('object', int32(object | 0)),
        field('pattern', string(pattern)),
      ]),
    );
  t.equal(register('x.*'), 0);
  t.equal(register('x.y*'), 0);
  t.equal(register('exact'), 0);
  t.equal(register(''), 6);
  t.equal(register('x', 3), 6);
  t.equal(register('x', 77_777), 4);
  t.equal(register('x', new FakeClient(b).addObject()), 6);
  t.equal(statusOf(client.invoke(1, 'register', [field('pattern', string('x'))])), 2);
  t.equal(statusOf(client.invoke(1, 'register')), 2);
  t.equal(statusOf(client.invoke(1, 'nonsense', [])), 1);
  t.equal(statusOf(client.invoke(2, 'nonsense', [])), 1);
  t.equal(statusOf(client.invoke(3, 'nonsense', [])), 3);

  const sender = new FakeClient(b);
  const send = (id: string, data: BlobmsgTable = []) =>
    statusOf(sender.invoke(1, 'send', [field('id', string(id)), field('data', table(data))]));
  for (const id of ['x.yz', 'x.', 'x', 'exact', 'exactly', 'other']) t.equal(send(id), 0);
  t.same(
    client.take().map((m) => [text(m, UBUS_ATTR.method), m.seq, m.peer]),
    [
      ['x.yz', 1, 0],
      ['x.', 2, 0],
      ['exact', 3, 0],
    ],
  );
  t.equal(send('ubus.fake'), 6);
  t.equal(statusOf(sender.invoke(1, 'send', [field('id', string('x.a'))])), 2, 'data is a must');
  client.invoke(1, 'send', [field('id', string('x.y')), field('data', table([]))]);
  t.same(client.take(), [], 'not back to the sender');
  t.end();
});

t.test('rules: nothing by default, all for root and our own user', (t) => {
  const b = broker([
    {
      group: 'netdev',
      access: { 'net.*': { methods: ['get'] }, all: { methods: ['*'] } },
      publish: ['mine.*'],
      subscribe: ['net.*'],
      listen: ['net.*'],
      send: ['net.up'],
    },
    { user: 'nobody-here', access: { other: { methods: ['*'] } } },
  ]);
  const server = new FakeClient(b);
  const net = server.addObject('net.a', SIGNATURE);
  const all = server.addObject('all', SIGNATURE);
  const other = server.addObject('other', SIGNATURE);
  const nameless = server.addObject();
  const guest = new FakeClient(b, GUEST);
  t.equal(statusOf(guest.invoke(net, 'set', [])), 6);
  t.same(guest.invoke(net, 'get', []), [], 'forwarded');
  t.same(guest.invoke(all, 'set', []), []);
  t.equal(statusOf(guest.invoke(other, 'get', [])), 6);
  t.same(guest.invoke(nameless, 'get', []), [], 'no path, no rule');
  t.equal(text(server.take()[0], UBUS_ATTR.group), 'guest');
  t.same(paths(guest), ['all', 'net.a']);
  const [filtered] = lookup(guest, 'net.a');
  t.match(filtered?.attributes[3], { kind: 'table', value: [{ name: 'get' }] });
  t.equal(guest.addObject('yours', SIGNATURE), 0);
  t.not(guest.addObject('mine.x', SIGNATURE), 0);
  const own = guest.addObject();
  t.equal(statusOf(subscribe(guest, own, net)), 0);
  const register = (pattern: string) =>
    statusOf(
      guest.invoke(1, 'register', [field('object', int32(own)), field('pattern', string(pattern))]),
    );
  t.equal(register('net.*'), 0);
  t.equal(register('*'), 6);
  const send = (id: string) =>
    statusOf(guest.invoke(1, 'send', [field('id', string(id)), field('data', table([]))]));
  t.equal(send('net.up'), 0);
  t.equal(send('net.down'), 6);
  t.equal(statusOf(guest.invoke(3, 'add')), 6);
  const owner = new FakeClient(b, { pid: 3, uid: 1, gid: 1 });
  t.same(owner.invoke(other, 'set', []), [], 'our own user needs no rule');
  t.same(paths(owner), ['all', 'mine.x', 'net.a', 'other']);
  t.equal(statusOf(owner.invoke(3, 'add')), 6, 'but the monitor is for root');
  t.end();
});

t.test('new rules count at once and are told', (t) => {
  const b = broker();
  const listener = new FakeClient(b);
  listener.invoke(1, 'register', [
    field('object', int32(listener.addObject())),
    field('pattern', string('ubus.acl.sequence')),
  ]);
  const server = new FakeClient(b);
  const id = server.addObject('a', SIGNATURE);
  const guest = new FakeClient(b, GUEST);
  t.same(paths(guest), []);
  const rule = { user: 'guest', access: { a: { methods: ['*'], acl: { level: 3 } } } };
  b.setAcl(parseAcl([{ name: 'a', text: JSON.stringify(rule) }], accounts).acl);
  t.same(paths(guest), ['a']);
  t.same(guest.invoke(id, 'get', []), []);
  t.match(listener.take(), [
    { attributes: [{}, { value: 'ubus.acl.sequence' }, { value: [{ value: int32(2) }] }] },
  ]);
  const [query] = server.invoke(2, 'query', []).filter((m) => m.type === UBUS_TYPE.data);
  t.match(query?.attributes[1], {
    kind: 'table',
    value: [
      field('seq', int32(2)),
      {
        name: 'acl',
        value: {
          value: [
            table([
              field('obj', string('a')),
              field('user', string('guest')),
              field('acl', table([field('level', int32(3))])),
            ]),
          ],
        },
      },
    ],
  });
  t.end();
});

t.test('who has no name is refused before HELLO', (t) => {
  const b = broker();
  t.equal(b.accept(new FakeConnection({ pid: 1, uid: 54_321, gid: 0 })), undefined);
  t.equal(b.accept(new FakeConnection({ pid: 1, uid: 0, gid: 54_321 })), undefined);
  t.equal(b.stats.strangers, 2);
  t.end();
});

t.test('a slow reader loses messages, alone and one by one', (t) => {
  const b = broker();
  const slow = new FakeClient(b);
  const quick = new FakeClient(b);
  slow.connection.room = 0;
  const body: UbusAttribute[] = [{ id: 20, kind: 'raw', value: new Uint8Array(60_000) }];
  for (let i = 0; i < 100; i++) slow.send({ type: UBUS_TYPE.ping, attributes: body });
  const got = slow.take();
  t.equal(got.filter((m) => m.type === UBUS_TYPE.data).length, 17, 'a megabyte of large ones');
  t.equal(got.filter((m) => m.type === UBUS_TYPE.status).length, 100, 'small ones still fit');
  t.equal(b.stats.dropped, 83);
  t.ok(b.stats.droppedBytes > 83 * 60_000);
  t.equal(statusOf(quick.request(UBUS_TYPE.ping, [])), 0, 'others do not notice');
  t.end();
});

t.test('a list waits for a reader and goes on where it stopped', (t) => {
  const b = broker();
  const server = new FakeClient(b);
  for (let i = 0; i < 3000; i++) {
    server.addObject(`o${String(i).padStart(5, '0')}${'x'.repeat(200)}`, SIGNATURE);
  }
  const client = new FakeClient(b);
  client.connection.room = 0;
  client.send({ type: UBUS_TYPE.lookup });
  client.send({ type: UBUS_TYPE.lookup, attributes: [{ id: 2, kind: 'string', value: 'none' }] });
  client.send({ type: UBUS_TYPE.ping });
  const first = client.take();
  t.ok(first.length > 1000 && first.length < 2900);
  t.equal(first.at(-1)?.type, UBUS_TYPE.status, 'the ping is answered meanwhile');
  let listed = first.length - 2;
  let status: number[] = [];
  for (let turn = 0; turn < 10 && status.length < 2; turn++) {
    client.connection.queuedBytes = 0;
    client.handlers.drained?.();
    const more = client.take();
    listed += more.filter((m) => m.type === UBUS_TYPE.data).length;
    status = [...status, ...more.filter((m) => m.type === UBUS_TYPE.status).map((m) => u32(m, 1))];
  }
  t.equal(listed, 3000);
  t.same(status, [0, 4], 'lookups are answered in their order');
  t.equal(b.stats.dropped, 0);
  t.end();
});

t.test('frames of any length follow one another without padding', (t) => {
  const b = broker();
  const client = new FakeClient(b);
  // Top blob of 9 bytes: one attribute word and one byte.
  const odd = '00030001000000000000000914000005ff';
  client.handlers.data(fromHex(odd + odd) ?? new Uint8Array());
  const frames = client.connection.take().map(toHex);
  t.equal(frames.length, 4);
  t.equal(frames[0], odd.replace('0003', '0002'), 'PING comes back as DATA, byte for byte');
  client.handlers.data(fromHex('000300010000000000000003') ?? new Uint8Array());
  t.ok(client.connection.isClosed);
  t.equal(b.stats.malformed, 1);
  t.equal(b.stats.clients, 0);
  t.end();
});

t.test('one client cannot fill the memory with objects or patterns', (t) => {
  const b = broker();
  const client = new FakeClient(b);
  const own = client.addObject();
  for (let i = 1; i < 4096; i++) client.addObject();
  t.equal(statusOf(client.request(UBUS_TYPE.addObject, [])), 11);
  const register = () =>
    statusOf(
      client.invoke(1, 'register', [field('object', int32(own)), field('pattern', string('x'))]),
    );
  for (let i = 0; i < 4096; i++) register();
  t.equal(register(), 11);
  t.end();
});

t.test('a monitor sees calls that are too large for the batch, too', (t) => {
  const b = broker();
  const monitor = new FakeClient(b);
  t.equal(statusOf(monitor.invoke(3, 'add')), 0);
  const server = new FakeClient(b);
  const id = server.addObject('a', SIGNATURE);
  const caller = new FakeClient(b);
  monitor.take();
  const data = [field('text', string('x'.repeat(70_000)))];
  caller.invoke(id, 'get', data);
  const seen = monitor.take();
  t.same(
    seen.map((m) => m.type),
    [UBUS_TYPE.monitor, UBUS_TYPE.monitor],
  );
  t.match(seen[1]?.attributes.at(-1), {
    kind: 'attributes',
    value: [{}, {}, { value: 'root' }, { value: 'root' }, { kind: 'table', value: data }],
  });
  t.match(server.take(), [{}, {}, { attributes: [{}, {}, {}, {}, { value: data }] }].slice(2));
  monitor.leave();
  t.equal(statusOf(caller.request(UBUS_TYPE.ping, [])), 0);
  t.end();
});

t.test('ids are never below 1024 nor in use, even from a poor source', (t) => {
  const drawn = [5, 1023, 2000, 2000, 2000, 2001];
  const b = new Broker({ randomU32: () => drawn.shift() ?? 3000, accounts, ownUid: 0 });
  t.equal(new FakeClient(b, ROOT).id, 2000);
  t.equal(new FakeClient(b, ROOT).id, 2001);
  t.equal(new FakeClient(b, ROOT).id, 3000);
  t.equal(new FakeClient(b, ROOT).id, 1024);
  t.end();
});
