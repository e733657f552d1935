/** What the engine tells: notifications, audit, commands, schema, names, instances. */
import t from 'tap';
import { err, ok } from '../../src/base/result.ts';
import type { ObjectGroup } from '../../src/tr181/table.ts';
import { bench, client, link, network, ORIGIN, record, router, settled } from './fixture.ts';

t.test('a subscriber hears of values, rows and counts, and of nothing volatile', async (t) => {
  const b = await router();
  await settled();
  const all = record(b.model, 'Device.DHCPv4.');
  const one = record(b.model, 'Device.DHCPv4.Client.1.Enable');
  const rows = record(b.model, 'Device.DHCPv4.Client.*.SentOption.');
  const named = record(b.model, 'Device.DHCPv4.Client.[Alias=="wan"].Enable');
  const other = record(b.model, 'Device.DHCPv4.Client.2.');
  await b.set('Device.DHCPv4.Client.1.Enable', 'false');
  await b.set('Device.DHCPv4.Client.1.Enable', 'false');
  await b.model.add('Device.DHCPv4.Client.1.SentOption.', { Tag: '60' }, ORIGIN);
  await b.set('Device.DHCPv4.Client.1.SentOption.1.Tag', '61');
  await b.model.del(['Device.DHCPv4.Client.1.SentOption.1.'], ORIGIN);
  await settled();
  t.same(all, [
    'Device.DHCPv4.Client.1.Enable=false',
    'added Device.DHCPv4.Client.1.SentOption.1.',
    'Device.DHCPv4.Client.1.SentOptionNumberOfEntries=1',
    'Device.DHCPv4.Client.1.SentOption.1.Tag=61',
    'removed Device.DHCPv4.Client.1.SentOption.1.',
    'Device.DHCPv4.Client.1.SentOptionNumberOfEntries=0',
  ]);
  t.same(one, ['Device.DHCPv4.Client.1.Enable=false']);
  t.same(named, one);
  t.same(rows, [
    'added Device.DHCPv4.Client.1.SentOption.1.',
    'Device.DHCPv4.Client.1.SentOption.1.Tag=61',
    'removed Device.DHCPv4.Client.1.SentOption.1.',
  ]);
  t.same(other, []);
  all.length = 0;
  b.observed.publish('dhcpClient', { clients: [client()], refusedMessages: 0 });
  await settled();
  t.ok(all.includes('Device.DHCPv4.Client.1.IPAddress=198.51.100.7'));
  t.ok(all.includes('Device.DHCPv4.Client.1.LeaseTimeRemaining=3600'), 'a time that begins');
  t.notOk(all.some((text) => text.includes('Stats')));
  all.length = 0;
  b.observed.publish('dhcpClient', {
    clients: [client({ counts: { ...client().counts, ack: 6 } })],
    refusedMessages: 1,
  });
  await settled();
  t.same(all, [], 'counters and times move on in silence');
  t.equal(b.get('Device.DHCPv4.Client.1.Stats.ACK'), '6');
  const { lease } = client();
  const renewed = lease && { ...lease, expiresAtMs: lease.expiresAtMs + 60_000 };
  b.observed.publish('dhcpClient', { clients: [client({ lease: renewed })], refusedMessages: 1 });
  await settled();
  t.same(
    all,
    ['Device.DHCPv4.Client.1.LeaseTimeRemaining=3660'],
    'a renewal is told, even where nothing else is another',
  );
});

t.test('a burst ends in the last state, and disposal in silence', async (t) => {
  const b = await router();
  const seen: string[] = [];
  const subscribed = b.model.subscribe(
    'Device.DHCPv4.Client.1.X_GATEHOUSE_Restarts',
    ({ notices }) => {
      for (const notice of notices) if (notice.kind === 'value') seen.push(notice.value);
    },
  );
  if (!subscribed.ok) return t.fail(subscribed.error.message);
  for (let restarts = 1; restarts <= 50; restarts++) {
    b.observed.publish('dhcpClient', { clients: [client({ restarts })], refusedMessages: 0 });
  }
  await settled();
  t.equal(seen.at(-1), '50');
  subscribed.value[Symbol.dispose]();
  b.observed.publish('dhcpClient', { clients: [], refusedMessages: 0 });
  await settled();
  t.equal(seen.at(-1), '50');
});

t.test('what cannot be subscribed to is refused with advice', async (t) => {
  const b = await router();
  for (const [pattern, message] of [
    ['Device.DHCPv4.Client.1.Enabled', /did you mean Enable\?/],
    ['Device.DHCPv4.Client.1.Renew()', /commands do not change/],
    ['Device.Nothing.', /no such object/],
    ['Device.IP.1.', /no table/],
    ['x', /must start with Device/],
  ] as const) {
    const refused = b.model.subscribe(pattern, () => {});
    t.match(refused.ok ? '' : refused.error.message, message);
  }
  t.ok(b.model.subscribe('Device.DHCPv4.Client.99.Status', () => {}).ok, 'it may come to exist');
});

t.test('a subscriber that throws is logged and harms nobody', async (t) => {
  const b = await router();
  b.model.subscribe('Device.', () => {
    throw new RangeError('broken');
  });
  const seen = record(b.model, 'Device.DHCPv4.Client.1.Enable');
  await b.set('Device.DHCPv4.Client.1.Enable', 'false');
  await settled();
  t.equal(seen.length, 1);
  t.ok(b.log.messages('error').includes('a subscriber to the data model failed'));
});

t.test('the audit trail has who, what, before and after', async (t) => {
  const b = await router();
  b.audit.length = 0;
  await b.set('Device.DHCPv4.Client.1.Enable', 'false');
  await b.set('Device.DHCPv4.Client.1.Enable', 'nonsense');
  await b.model.add('Device.DHCPv4.Client.1.SentOption.', { Tag: '60' }, ORIGIN);
  await b.model.del(['Device.IP.Interface.1.'], ORIGIN);
  await b.model.operate(
    'Device.DHCPv4.Client.1.Renew()',
    {},
    { origin: ORIGIN, signal: AbortSignal.timeout(1000) },
  );
  t.ok(b.audit.every(({ origin }) => origin === ORIGIN));
  t.same(
    b.audit.map((entry) => [entry.op, entry.path, entry.old, entry.new, entry.outcome]),
    [
      ['set', 'Device.DHCPv4.Client.1.Enable', 'true', 'false', 'done'],
      ['add', 'Device.DHCPv4.Client.1.SentOption.1.', undefined, undefined, 'done'],
      ['add', 'Device.DHCPv4.Client.1.SentOption.1.Tag', undefined, '60', 'done'],
      ['add', 'Device.DHCPv4.Client.1.SentOption.1.Alias', undefined, 'cpe-1', 'done'],
      ['del', 'Device.IP.Interface.1.', undefined, undefined, 'done'],
      ['set', 'Device.NAT.InterfaceSetting.1.Interface', 'Device.IP.Interface.1', '', 'done'],
      ['set', 'Device.DHCPv4.Client.1.Interface', 'Device.IP.Interface.1', '', 'done'],
      ['set', 'Device.DHCPv6.Client.1.Interface', 'Device.IP.Interface.1', '', 'done'],
      ['operate', 'Device.DHCPv4.Client.1.Renew()', undefined, undefined, 'failed'],
    ],
  );
});

const SECRET: ObjectGroup = {
  name: 'Test',
  inputs: [],
  objects: [
    {
      path: 'Device.X_TEST_Account.',
      about: 'For this test.',
      params: {
        Password: {
          type: 'string',
          access: 'readWrite',
          size: [0, 8],
          secret: true,
          about: 'Secret.',
        },
        PIN: { type: 'unsignedInt', access: 'readWrite', secret: true, about: 'Secret.' },
      },
      commands: {
        Check: {
          about: 'For this test.',
          async: true,
          input: {
            Password: { type: 'string', mandatory: true },
            Times: { type: 'unsignedInt', range: [[1, 3]], default: '2' },
            Flag: { type: 'boolean' },
          },
          output: { Text: { type: 'string' }, Count: { type: 'unsignedInt' } },
          run: async ({ args, rows, signal }) => {
            if (args['Password'] === 'throw') throw new RangeError('broken');
            if (args['Password'] === 'wait') {
              await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
              return err('stopped');
            }
            const right = rows.at('Device.X_TEST_Account.')?.text('Password') === args['Password'];
            return right ? ok({ Text: `${args['Times']} ${args['Flag']}` }) : err('wrong password');
          },
        },
      },
      events: { Locked: { about: 'For this test.', args: { Reason: { type: 'string' } } } },
    },
  ],
};

t.test('a secret is stored and never told', async (t) => {
  const b = bench({ groups: [SECRET] });
  const seen = record(b.model, 'Device.');
  const done = await b.model.set(
    [{ path: 'Device.X_TEST_Account.Password', value: 'hunter2' }],
    ORIGIN,
  );
  t.match(done, { ok: true, value: { changes: [{ value: '' }] } });
  const bad = await b.model.set(
    [
      { path: 'Device.X_TEST_Account.Password', value: 'hunter2hunter2' },
      { path: 'Device.X_TEST_Account.PIN', value: 'hunter2' },
    ],
    ORIGIN,
  );
  await settled();
  t.equal(b.get('Device.X_TEST_Account.Password'), '');
  t.equal(b.rows.values('Device.X_TEST_Account.')?.get('Password'), 'hunter2');
  const told = JSON.stringify([done, bad, seen, b.audit, b.log.lines, b.model.get(['Device.'])]);
  t.notMatch(told, /hunter2/);
  t.equal(b.audit.length, 1, 'that it was changed is told');
});

t.test('commands: arguments, output, failure, abort', async (t) => {
  const b = bench({ groups: [SECRET] });
  await b.set('Device.X_TEST_Account.Password', 'hunter2');
  const run = (
    args: Record<string, string>,
    signal = new AbortController().signal,
    path = 'Device.X_TEST_Account.Check()',
  ) => b.model.operate(path, args, { origin: ORIGIN, signal });
  t.same(await run({ Password: 'hunter2', Times: '03', Flag: '1' }), {
    ok: true,
    value: {
      output: [
        { name: 'Text', value: '3 true', type: 'string' },
        { name: 'Count', value: '0', type: 'unsignedInt' },
      ],
    },
  });
  t.match(await run({ Password: 'hunter2' }), {
    ok: true,
    value: { output: [{ value: '2 false' }, {}] },
  });
  for (const [args, kind, message] of [
    [{}, 'badArguments', /argument Password is needed/],
    [{ Pasword: 'x' }, 'badArguments', /no argument Pasword; did you mean Password\?/],
    [{ Password: 'x', Times: '4' }, 'badArguments', /Times: 4 is not 1 to 3/],
    [{ Password: 'x' }, 'commandFailed', /wrong password/],
    [{ Password: 'throw' }, 'commandFailed', /broken/],
    [{ Password: 'x', toString: 'y' }, 'badArguments', /no argument toString/],
  ] as const) {
    t.match(await run(args), { ok: false, error: { kind, message } });
  }
  t.ok(b.log.messages('error').includes('a command of the data model threw'));
  const abort = new AbortController();
  const waiting = run({ Password: 'wait' }, abort.signal);
  abort.abort();
  t.match(await waiting, { ok: false, error: { kind: 'aborted' } });
  t.match(await run({ Password: 'hunter2' }, abort.signal), {
    ok: false,
    error: { kind: 'aborted' },
  });
  for (const [path, kind] of [
    ['Device.X_TEST_Account.Chek()', 'unknownPath'],
    ['Device.X_TEST_Account.toString()', 'unknownPath'],
    ['Device.X_TEST_Account.Check', 'badPath'],
    ['Device.X_TEST_Nothing.Check()', 'unknownPath'],
  ] as const) {
    t.match(await run({}, undefined, path), { ok: false, error: { kind } });
  }
});

t.test('events reach their subscribers with checked arguments', async (t) => {
  const b = bench({ groups: [SECRET] });
  const seen: unknown[] = [];
  for (const pattern of ['Device.X_TEST_Account.Locked!', 'Device.X_TEST_Account.']) {
    b.model.subscribe(pattern, ({ notices }) => seen.push(...notices));
  }
  t.ok(b.model.emit('Device.X_TEST_Account.Locked!', { Reason: 'three tries' }).ok);
  await settled();
  const notice = {
    kind: 'event',
    path: 'Device.X_TEST_Account.Locked!',
    args: { Reason: 'three tries' },
  };
  t.same(seen, [notice, notice]);
  for (const [path, args, kind] of [
    ['Device.X_TEST_Account.Unlocked!', {}, 'unknownPath'],
    ['Device.X_TEST_Account.Locked', {}, 'badPath'],
    ['Device.X_TEST_Account.Locked!', { Reason: 'a\0b' }, 'badArguments'],
    ['Device.X_TEST_Account.Locked!', { Cause: 'x' }, 'badArguments'],
  ] as const) {
    t.match(b.model.emit(path, args), { ok: false, error: { kind } });
  }
});

t.test('Renew() and Reset()', async (t) => {
  const b = await router();
  const options = { origin: ORIGIN, signal: new AbortController().signal };
  t.ok((await b.model.operate('Device.DHCPv4.Client.[wan].Renew()', {}, options)).ok);
  t.same(b.renewed, ['dhcp4.1']);
  await b.set('Device.DHCPv4.Client.1.Enable', 'false');
  t.match(await b.model.operate('Device.DHCPv4.Client.1.Renew()', {}, options), {
    ok: false,
    error: { kind: 'commandFailed', message: /disabled/ },
  });
  b.observed.publish('network', network());
  b.observed.publish('dhcpClient', { clients: [client()], refusedMessages: 0 });
  b.stats.set('eth0', 1000n);
  t.equal(b.get('Device.IP.Interface.1.Stats.BytesReceived'), '1000');
  t.equal(b.get('Device.Ethernet.Interface.1.Stats.Collisions'), '1009');
  await b.model.operate('Device.IP.Interface.1.Stats.Reset()', {}, options);
  await b.model.operate('Device.DHCPv4.Client.1.Stats.Reset()', {}, options);
  b.stats.set('eth0', 1600n);
  t.equal(b.get('Device.IP.Interface.1.Stats.BytesReceived'), '600');
  t.equal(
    b.get('Device.Ethernet.Interface.1.Stats.BytesReceived'),
    '1600',
    'each object by itself',
  );
  t.equal(b.get('Device.DHCPv4.Client.1.Stats.ACK'), '0');
  b.observed.publish('dhcpClient', {
    clients: [client({ counts: { ...client().counts, ack: 9 } })],
    refusedMessages: 0,
  });
  t.equal(b.get('Device.DHCPv4.Client.1.Stats.ACK'), '4');
  b.stats.set('eth0', 10n);
  t.equal(b.get('Device.IP.Interface.1.Stats.BytesReceived'), '10', 'the interface was made anew');
  b.stats.set('eth0', 2n ** 32n + 5n);
  t.equal(b.get('Device.Ethernet.Interface.1.Stats.ErrorsReceived'), '9', 'a 32-bit counter wraps');
});

t.test('schema: what is supported, with {i}', async (t) => {
  const b = await router();
  const rows = (path: string, firstLevel = false): string[] => {
    const found = b.model.schema(path, { firstLevel });
    return found.ok ? found.value.map((row) => row.path) : [found.error.message];
  };
  t.same(rows('Device.DHCPv4.Client.{i}.Retransmission.'), [
    'Device.DHCPv4.Client.{i}.Retransmission.',
    'Device.DHCPv4.Client.{i}.Retransmission.DiscoverInitialTimeout',
    'Device.DHCPv4.Client.{i}.Retransmission.DiscoverMaxTimeout',
  ]);
  t.same(
    rows('Device.DHCPv4.Client.7.Retransmission.'),
    rows('Device.DHCPv4.Client.{i}.Retransmission.'),
  );
  t.same(rows('Device.DHCPv4.Client.'), rows('Device.DHCPv4.Client.{i}.'));
  t.same(rows('Device.DHCPv4.', true), [
    'Device.DHCPv4.',
    'Device.DHCPv4.ClientNumberOfEntries',
    'Device.DHCPv4.Server.',
    'Device.DHCPv4.Client.{i}.',
  ]);
  t.same(rows('Device.DHCPv4.Client.1.Renew()'), ['Device.DHCPv4.Client.{i}.Renew()']);
  t.match(rows('Device.DHCPv4.Client.1.Renews()')[0], /no such command .*did you mean Renew\(\)\?/);
  t.match(rows('Device.DHCPv4.Client.1.Enabl')[0], /did you mean Enable\?/);
  const param = b.model.schema('Device.DHCPv4.Client.{i}.DSCPMark');
  t.match(param, {
    ok: true,
    value: [
      {
        kind: 'parameter',
        writable: true,
        type: 'unsignedInt',
        range: [['0', '63']],
        default: '48',
      },
    ],
  });
  const all = rows('Device.');
  t.equal(new Set(all).size, all.length, 'nothing twice');
  const secret = bench({ groups: [SECRET] }).model.schema('Device.X_TEST_Account.');
  t.match(secret.ok ? secret.value.slice(-2) : [], [
    {
      kind: 'command',
      async: true,
      input: [{ name: 'Password', mandatory: true }, {}, {}],
      output: [{}, {}],
    },
    {
      kind: 'event',
      path: 'Device.X_TEST_Account.Locked!',
      args: [{ name: 'Reason', type: 'string' }],
    },
  ]);
});

t.test('names and instances: what exists', async (t) => {
  const b = await router();
  b.observed.publish('network', network());
  const names = b.model.names('Device.NAT.', { firstLevel: true });
  t.same(names.ok && names.value.map((row) => `${row.path} ${row.writable} ${row.type}`), [
    'Device.NAT.InterfaceSettingNumberOfEntries false unsignedInt',
    'Device.NAT.InterfaceSetting. true object',
  ]);
  const all = b.model.names('Device.Ethernet.');
  t.same(all.ok && all.value.slice(0, 4).map((row) => `${row.path} ${row.writable}`), [
    'Device.Ethernet. false',
    'Device.Ethernet.InterfaceNumberOfEntries false',
    'Device.Ethernet.Interface. false',
    'Device.Ethernet.Interface.1. false',
  ]);
  const one = b.model.names('Device.DHCPv4.Client.1.Alias');
  t.same(one.ok && one.value.map((row) => row.path), ['Device.DHCPv4.Client.1.Alias']);
  const instances = b.model.instances('Device.IP.');
  t.same(instances.ok && instances.value.map((row) => [row.path, row.keys]), [
    ['Device.IP.Interface.1.', { Alias: 'wan', Name: 'eth0' }],
    ['Device.IP.Interface.2.', { Alias: 'lan', Name: 'eth1' }],
    [
      'Device.IP.Interface.2.IPv4Address.1.',
      { Alias: 'lan', IPAddress: '192.168.1.1', SubnetMask: '255.255.255.0' },
    ],
    ['Device.IP.Interface.3.', { Alias: 'loopback', Name: 'lo' }],
  ]);
  const first = b.model.instances('Device.IP.', { firstLevel: true });
  t.equal(first.ok && first.value.length, 3);
  t.notOk(b.model.instances('Device.DHCPv4.Client.1.Enable').ok);
});

t.test('control hears of each durable write, and disposal ends everything', async (t) => {
  const b = await router();
  const revisions: number[] = [];
  b.model.rowsChanged((revision) => revisions.push(revision));
  await b.set('Device.DHCPv4.Client.1.Enable', 'false');
  t.same(revisions, [b.model.revision]);
  t.equal(b.model.compileAll().dhcpClient.clients[0]?.enable, false);
  b.model[Symbol.dispose]();
  b.observed.publish('network', network({ links: [link('eth9')] }));
  await settled();
  t.equal(b.rows.systemInstance('Device.Ethernet.Interface.', 'eth9'), undefined);
});
