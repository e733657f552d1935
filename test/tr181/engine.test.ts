/** The engine on the product's own tables: get, set, add, delete and what they refuse. */
import t from 'tap';
import type { GetAnswer } from '../../src/tr181/model.ts';
import { bench, kinds, messages, network, ORIGIN, router, settled } from './fixture.ts';

const paths = (answer: GetAnswer | undefined): string[] =>
  answer?.result.ok === true ? answer.result.value.map(({ path }) => path) : ['fault'];

t.test('get: full, partial, wildcard, alias and search', async (t) => {
  const b = await router();
  const { model } = b;
  t.equal(b.get('Device.DHCPv4.Client.1.DSCPMark'), '48', 'a default');
  t.equal(b.get('Device.DHCPv4.Client.1.Interface'), 'Device.IP.Interface.1');
  t.equal(b.get('Device.DHCPv4.ClientNumberOfEntries'), '1');
  t.equal(b.get('Device.IP.Interface.*.Alias'), 'wan|lan|loopback');
  t.equal(b.get('Device.IP.Interface.[lan].Name'), 'eth1');
  t.equal(b.get('Device.IP.Interface.[Alias=="lan"].Name'), 'eth1');
  t.equal(b.get('Device.IP.Interface.[Enable==1&&X_GATEHOUSE_Zone!=""].Alias'), 'wan|lan');
  t.equal(b.get('Device.IP.Interface.[Stats.BytesSent>=0&&Alias=="wan"].Name'), 'eth0');
  t.equal(b.get('Device.IP.Interface.[IPv4AddressNumberOfEntries>0].Alias'), 'lan');
  t.equal(b.get('Device.NAT.InterfaceSetting.[Interface=="Device.IP.Interface.1."].Alias'), 'wan');
  t.equal(
    b.get('Device.IP.Interface.[Alias=="none"].Name'),
    '',
    'a search that finds none is no fault',
  );
  t.equal(b.get('Device.IP.Interface.*.IPv4Address.*.IPAddress'), '192.168.1.1');
  const [object, table, bare] = model.get([
    'Device.NAT.InterfaceSetting.1.',
    'Device.NAT.InterfaceSetting.',
    'Device.NAT.InterfaceSetting.1',
  ]);
  t.same(paths(object), [
    'Device.NAT.InterfaceSetting.1.Enable',
    'Device.NAT.InterfaceSetting.1.Status',
    'Device.NAT.InterfaceSetting.1.Alias',
    'Device.NAT.InterfaceSetting.1.Interface',
  ]);
  t.same(paths(table), paths(object));
  t.same(paths(bare), paths(object), 'the final dot may be missing');
  const depth = (maxDepth: number): string[] =>
    paths(model.get(['Device.DHCPv4.Client.'], { maxDepth })[0]);
  t.ok(depth(1).every((path) => path.split('.').length === 5));
  t.ok(depth(2).some((path) => path.includes('ReqOption.3.Tag')));
  t.same(depth(0), depth(9));
  const [value] = model.get(['Device.DHCPv4.Client.1.Interface']);
  t.same(value?.result, {
    ok: true,
    value: [
      {
        path: 'Device.DHCPv4.Client.1.Interface',
        value: 'Device.IP.Interface.1',
        type: 'string',
        writable: true,
        list: false,
        reference: true,
        unique: true,
        secret: false,
      },
    ],
  });
});

t.test('get: faults are per path and help', async (t) => {
  const b = await router();
  const answers = b.model.get([
    'Device.DHCPv4.Client.1.Enabled',
    'Device.DHCPv4.Client.7.Enable',
    'Device.DHCPv4.Client.[home].Enable',
    'Device.DHCPv4.Clients.',
    'Device.DHCPv4.Client.Enable',
    'Device.DHCPv4.Client.1.Enable.X',
    'Device.DHCPv4.1.',
    'Device.IP.Interface.[Enabled==true].Name',
    'Device.IP.Interface.[Name>"a"].Name',
    'Device.IP.Interface.[LastChange=="abc"].Name',
    'Device.IP.Interface.[Nothing.Here==1].Name',
    'Device.DHCPv4.Client.{i}.Enable',
    'Device.DHCPv4.Client.1.Renew()',
    'nonsense',
    'Device.DHCPv4.Client.1.Enable',
  ]);
  t.same(
    answers.map(({ result }) =>
      result.ok ? 'ok' : `${result.error.kind}: ${result.error.message}`,
    ),
    [
      'unknownPath: no such parameter Device.DHCPv4.Client.1.Enabled; did you mean Enable?',
      'unknownPath: no such row Device.DHCPv4.Client.7 (rows: 1)',
      'unknownPath: no such row Device.DHCPv4.Client.[home] (rows: 1)',
      'unknownPath: no such object Device.DHCPv4.Clients.; did you mean Client.?',
      'badPath: Device.DHCPv4.Client.Enable: Device.DHCPv4.Client. is a table: choose a row, such as Device.DHCPv4.Client.1.Enable or Device.DHCPv4.Client.*.Enable',
      'unknownPath: no such object Device.DHCPv4.Client.1.Enable.',
      'badPath: Device.DHCPv4.1.: Device.DHCPv4. is no table and has no rows to choose',
      'unknownPath: no such parameter Device.IP.Interface.1.Enabled; did you mean Enable?',
      'badPath: Device.IP.Interface.[Name>"a"].Name: Name cannot be compared by > with "a"',
      'badPath: Device.IP.Interface.[LastChange=="abc"].Name: LastChange cannot be compared by == with "abc"',
      'unknownPath: no such object Device.IP.Interface.1.Nothing.',
      'badPath: Device.DHCPv4.Client.{i}.Enable: {i} stands in schemas only; use a number, * or a search',
      'badPath: Device.DHCPv4.Client.1.Renew(): commands and events have no value',
      'badPath: nonsense: it must start with Device.',
      'ok',
    ],
  );
});

t.test('set: atomic, durable, canonical', async (t) => {
  const b = await router();
  const before = b.model.revision;
  const done = await b.model.set(
    [
      { path: 'Device.DHCPv4.Client.1.Enable', value: '0' },
      { path: 'Device.IP.Interface.[lan].LowerLayers', value: 'Device.Ethernet.Interface.2.' },
      { path: 'Device.DHCPv4.Client.1.ReqOption.*.Enable', value: 'false' },
    ],
    ORIGIN,
  );
  if (!done.ok) return t.fail(messages(done.error));
  t.equal(done.value.revision, before + 1);
  t.same(done.value.changes.slice(0, 2), [
    { path: 'Device.DHCPv4.Client.1.Enable', value: 'false' },
    { path: 'Device.IP.Interface.2.LowerLayers', value: 'Device.Ethernet.Interface.2' },
  ]);
  t.equal(done.value.changes.length, 18);
  t.equal(b.restart().get('Device.DHCPv4.Client.1.Enable'), 'false', 'after a restart as well');
  const same = await b.model.set(
    [{ path: 'Device.DHCPv4.Client.1.Enable', value: 'false' }],
    ORIGIN,
  );
  t.equal(same.ok ? same.value.revision : -1, before + 1, 'no change, no revision');
});

t.test('set: all faults together, and nothing written', async (t) => {
  const b = await router();
  const before = [...b.store.data].length;
  const { revision } = b.model;
  const done = await b.model.set(
    [
      { path: 'Device.DHCPv4.Client.1.Enable', value: 'false' },
      { path: 'Device.DHCPv4.Client.1.Enabled', value: 'true' },
      { path: 'Device.DHCPv4.Client.1.Status', value: 'Enabled' },
      { path: 'Device.DHCPv4.Client.1.Enable', value: 'maybe' },
      { path: 'Device.DHCPv4.Client.1.DSCPMark', value: '64' },
      { path: 'Device.DHCPv4.Client.1.Alias', value: 'other' },
      { path: 'Device.DHCPv4.Client.1.Interface', value: 'Device.IP.Interface.9' },
      { path: 'Device.NAT.InterfaceSetting.1.Interface', value: 'Device.Ethernet.Interface.1' },
      { path: 'Device.IP.Interface.1.MaxMTUSize', value: '1400' },
      { path: 'Device.IP.Interface.1.MaxMTUSize', value: '1300' },
      { path: 'Device.IP.Interface.1.', value: 'x' },
    ],
    ORIGIN,
  );
  if (done.ok) return t.fail('taken');
  t.same(done.error.map(({ kind, path }) => `${kind} ${path}`).sort(), [
    'badPath Device.IP.Interface.1.',
    'badReference Device.DHCPv4.Client.1.Interface',
    'badReference Device.NAT.InterfaceSetting.1.Interface',
    'conflict Device.IP.Interface.1.MaxMTUSize',
    'notWritable Device.DHCPv4.Client.1.Alias',
    'notWritable Device.DHCPv4.Client.1.Status',
    'outOfRange Device.DHCPv4.Client.1.DSCPMark',
    'unknownPath Device.DHCPv4.Client.1.Enabled',
    'wrongType Device.DHCPv4.Client.1.Enable',
  ]);
  t.equal(b.get('Device.DHCPv4.Client.1.Enable'), 'true');
  t.equal(b.model.revision, revision);
  t.equal([...b.store.data].length, before);
});

t.test('an Alias can be written as it stands, so that a backup can be restored', async (t) => {
  const b = await router();
  t.equal(await b.set('Device.DHCPv4.Client.1.Alias', 'wan'), 'done');
});

t.test('unique keys hold among enabled rows, Alias among all', async (t) => {
  const b = await router();
  const values = { Interface: 'Device.IP.Interface.1' };
  t.ok((await b.model.add('Device.DHCPv4.Client.', values, ORIGIN)).ok, 'disabled: allowed');
  const enabling = await b.model.set(
    [{ path: 'Device.DHCPv4.Client.2.Enable', value: 'true' }],
    ORIGIN,
  );
  t.match(enabling, {
    ok: false,
    error: [
      {
        kind: 'notUnique',
        path: 'Device.DHCPv4.Client.2.Interface',
        message:
          'Device.DHCPv4.Client.2. and Device.DHCPv4.Client.1. would both have Interface "Device.IP.Interface.1"',
      },
    ],
  });
  const both = await b.model.set(
    [
      { path: 'Device.DHCPv4.Client.1.Enable', value: 'false' },
      { path: 'Device.DHCPv4.Client.2.Enable', value: 'true' },
    ],
    ORIGIN,
  );
  t.ok(both.ok, 'the candidate counts as a whole');
  const alias = await b.model.add('Device.DHCPv4.Client.', { Alias: 'wan' }, ORIGIN);
  t.equal(alias.ok ? '' : kinds(alias.error), 'notUnique');
  const empty = await Promise.all(
    [1, 2].map(() => b.model.add('Device.DHCPv4.Client.', { Enable: 'true' }, ORIGIN)),
  );
  t.ok(
    empty.every((done) => done.ok),
    'keys that are not configured yet do not clash',
  );
});

t.test('add: number, Alias, initial values', async (t) => {
  const b = await router();
  const added = await b.model.add(
    'Device.DHCPv4.Client.1.SentOption',
    { Tag: '60', Value: '6d736674', Enable: '1' },
    ORIGIN,
  );
  if (!added.ok) return t.fail(messages(added.error));
  t.match(added.value, {
    instance: 1,
    path: 'Device.DHCPv4.Client.1.SentOption.1.',
    changes: [
      { path: 'Device.DHCPv4.Client.1.SentOption.1.Tag', value: '60' },
      { path: 'Device.DHCPv4.Client.1.SentOption.1.Value', value: '6D736674' },
      { path: 'Device.DHCPv4.Client.1.SentOption.1.Enable', value: 'true' },
      { path: 'Device.DHCPv4.Client.1.SentOption.1.Alias', value: 'cpe-1' },
    ],
  });
  const named = await b.model.add(
    'Device.DHCPv4.Client.[wan].SentOption.',
    { Alias: 'cpe-3' },
    ORIGIN,
  );
  t.equal(named.ok ? named.value.instance : 0, 2);
  const third = await b.model.add('Device.DHCPv4.Client.1.SentOption.', {}, ORIGIN);
  t.equal(third.ok ? third.value.changes.at(-1)?.value : '', 'cpe-3-2', 'a taken Alias is avoided');
  for (const [path, values, kind] of [
    ['Device.DHCPv4.Client.1.SentOptions.', {}, 'unknownPath'],
    ['Device.DHCPv4.Client.1.', {}, 'badPath'],
    ['Device.DHCPv4.Client.*.SentOption.', {}, 'done'],
    ['Device.IP.Interface.*.IPv4Address.', {}, 'badPath'],
    ['Device.Ethernet.Interface.', {}, 'notCreatable'],
    ['Device.DHCPv4.Client.1.SentOption.', { Tags: '1' }, 'unknownPath'],
    ['Device.DHCPv4.Client.1.SentOption.', { Tag: '255', Value: 'xx' }, 'outOfRange wrongType'],
    ['Device.DHCPv4.Client.1.ReqOption.', { Value: '00' }, 'notWritable'],
  ] as const) {
    const done = await b.model.add(path, values, ORIGIN);
    t.equal(done.ok ? 'done' : kinds(done.error), kind, path);
  }
  t.equal(b.get('Device.DHCPv4.Client.1.SentOptionNumberOfEntries'), '4', 'failures left no row');
});

t.test('a table has a limit', async (t) => {
  const b = await router();
  for (let i = 0; i < 254; i++) {
    const done = await b.model.add('Device.DHCPv4.Client.1.SentOption.', {}, ORIGIN);
    if (!done.ok) t.fail(messages(done.error));
  }
  const over = await b.model.add('Device.DHCPv4.Client.1.SentOption.', {}, ORIGIN);
  t.match(over, { ok: false, error: [{ kind: 'resources', message: /has 254 rows already/ }] });
});

t.test('del: rows, what is below them, and references to them', async (t) => {
  const b = await router({ lan: ['eth1', 'eth2'] });
  const deleted = await b.model.del(['Device.IP.Interface.[Alias=="wan"].'], ORIGIN);
  if (!deleted.ok) return t.fail(messages(deleted.error));
  t.same(deleted.value.deleted, ['Device.IP.Interface.1.']);
  t.same(deleted.value.emptied, [
    { path: 'Device.NAT.InterfaceSetting.1.Interface', value: '' },
    { path: 'Device.DHCPv4.Client.1.Interface', value: '' },
    { path: 'Device.DHCPv6.Client.1.Interface', value: '' },
  ]);
  t.equal(b.get('Device.DHCPv4.Client.1.Interface'), '');
  t.equal(b.get('Device.IP.Interface.1.Name'), 'unknownPath');
  t.equal(b.restart().get('Device.IP.Interface.*.Alias'), 'lan|loopback');
  const added = await b.model.add('Device.IP.Interface.', {}, ORIGIN);
  t.equal(added.ok ? added.value.instance : 0, 4, 'the number is not used again');
  const nested = await b.model.del(
    ['Device.DHCPv4.Client.1', 'Device.DHCPv4.Client.1.ReqOption.*.'],
    ORIGIN,
  );
  t.same(nested.ok ? nested.value.deleted : [], ['Device.DHCPv4.Client.1.']);
  t.equal(b.get('Device.DHCPv4.Client.'), '');
  for (const [path, kind] of [
    ['Device.DHCPv4.Client.9.', 'unknownPath'],
    ['Device.DHCPv4.Client.[Alias=="none"].', 'done'],
    ['Device.DHCPv4.Client.', 'badPath'],
    ['Device.IP.Interface.2.Enable', 'badPath'],
    ['Device.DeviceInfo.', 'badPath'],
  ] as const) {
    const done = await b.model.del([path], ORIGIN);
    t.equal(done.ok ? 'done' : kinds(done.error), kind, path);
  }
  const mixed = await b.model.del(['Device.IP.Interface.2.', 'Device.IP.Interface.9.'], ORIGIN);
  t.notOk(mixed.ok);
  t.equal(b.get('Device.IP.Interface.2.Alias'), 'lan', 'all or nothing');
});

t.test(
  'rows that the system made cannot be deleted, and only some of their values set',
  async (t) => {
    const b = await router();
    b.observed.publish('network', network());
    await settled();
    const done = await b.model.del(['Device.Ethernet.Interface.1.'], ORIGIN);
    t.equal(done.ok ? '' : kinds(done.error), 'notCreatable');
    t.equal(await b.set('Device.Ethernet.Interface.1.Enable', 'false'), 'done');
    t.equal(b.get('Device.Ethernet.Interface.1.Enable'), 'false');
    t.same(b.model.compileAll().network.ports[0], { ifName: 'eth0', enable: false });
    t.equal(await b.set('Device.Ethernet.Interface.1.Name', 'x'), 'notWritable');
    t.equal(await b.set('Device.Ethernet.Interface.1.Alias', 'x'), 'notWritable');
  },
);

t.test('Order: moved rows push others down, gaps close', async (t) => {
  const b = bench();
  await b.model.add('Device.DHCPv4.Client.', {}, ORIGIN);
  const table = 'Device.DHCPv4.Client.1.ReqOption.';
  for (const tag of ['1', '3', '6', '15']) await b.model.add(table, { Tag: tag }, ORIGIN);
  const order = (): string => {
    const tags = b.get(`${table}*.Tag`).split('|');
    const orders = b.get(`${table}*.Order`).split('|').map(Number);
    return tags
      .map((tag, i) => [tag, orders[i]] as const)
      .sort((x, y) => Number(x[1]) - Number(y[1]))
      .map(([tag, n]) => `${n}:${tag}`)
      .join(' ');
  };
  t.equal(order(), '1:1 2:3 3:6 4:15', 'a new row comes last');
  await b.set(`${table}4.Order`, '2');
  t.equal(order(), '1:1 2:15 3:3 4:6');
  await b.set(`${table}1.Order`, '99');
  t.equal(order(), '1:15 2:3 3:6 4:1');
  await b.model.del([`${table}2.`], ORIGIN);
  t.equal(order(), '1:15 2:6 3:1');
  await b.model.add(table, { Tag: '42', Order: '1' }, ORIGIN);
  t.equal(order(), '1:42 2:15 3:6 4:1');
  t.equal(await b.set(`${table}1.Order`, '0'), 'outOfRange');
});

t.test('a full disk: a clear fault, the old state whole, then it works again', async (t) => {
  const b = await router();
  b.store.failing = 'ENOSPC';
  const { revision } = b.model;
  const done = await b.model.set(
    [{ path: 'Device.DHCPv4.Client.1.Enable', value: 'false' }],
    ORIGIN,
  );
  t.match(done, {
    ok: false,
    error: [
      {
        kind: 'resources',
        message: /nothing was changed: .*No space left on device/,
        remedy: 'free some disk space',
      },
    ],
  });
  const added = await b.model.add('Device.DHCPv4.Client.', {}, ORIGIN);
  t.equal(added.ok ? '' : kinds(added.error), 'resources');
  t.equal(b.get('Device.DHCPv4.Client.1.Enable'), 'true');
  t.equal(b.get('Device.DHCPv4.ClientNumberOfEntries'), '1');
  t.equal(b.model.revision, revision);
  b.store.failing = 'EIO';
  t.equal(await b.set('Device.DHCPv4.Client.1.Enable', 'false'), 'internal');
  b.store.failing = undefined;
  t.equal(await b.set('Device.DHCPv4.Client.1.Enable', 'false'), 'done');
  t.equal(b.restart().get('Device.DHCPv4.Client.1.Enable'), 'false');
});

t.test('many writers at once: each checked against what the others did', async (t) => {
  const b = await router();
  const results = await Promise.all(
    Array.from({ length: 20 }, () =>
      b.model.add('Device.DHCPv4.Client.1.SentOption.', { Tag: '77', Enable: 'true' }, ORIGIN),
    ),
  );
  t.equal(results.filter((done) => done.ok).length, 1);
  t.ok(results.every((done) => done.ok || kinds(done.error) === 'notUnique'));
});

t.test('too much in one request', async (t) => {
  const b = await router();
  const changes = Array.from({ length: 10_001 }, () => ({
    path: 'Device.DHCPv4.Client.1.Enable',
    value: 'true',
  }));
  const done = await b.model.set(changes, ORIGIN);
  t.equal(done.ok ? '' : kinds(done.error), 'resources');
});
