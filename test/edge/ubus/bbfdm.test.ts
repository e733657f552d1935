import t from 'tap';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { bbfdmObject } from '../../../src/edge/ubus/bbfdm.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import { UbusClient } from '../../../src/edge/ubus/client.ts';
import { announceChanges, gatehouseObjects } from '../../../src/edge/ubus/gatehouse.ts';
import { tableFromPlain, tableToPlain } from '../../../src/wire/blobmsg-json.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { router } from '../../tr181/fixture.ts';
import { counting, GROUP, PASSWD, ROOT } from './fakes.ts';

/** A router with its objects on an embedded broker, and a caller. */
async function served() {
  const made = await router();
  const broker = new Broker({
    randomU32: counting(),
    accounts: parseAccounts(PASSWD, GROUP),
    ownUid: 0,
  });
  const client = (pid: number): UbusClient => {
    const c = new UbusClient({
      connect: (opened) => ({ ok: true, value: broker.attach({ ...ROOT, pid }, opened) }),
      peerOf: (id) => broker.peerOf(id),
      clock: new FakeClock(),
      log: new MemoryLog(),
    });
    c.start();
    return c;
  };
  const daemon = client(1);
  daemon.serve(bbfdmObject(made.model));
  for (const object of gatehouseObjects({
    status: () => ({ version: '0.1.0', revision: made.model.revision, nested: { big: 2 ** 40 } }),
    services: [
      {
        name: 'echo',
        about: 'answers',
        commands: {
          say: {
            about: 'says it back',
            args: { text: 'string' },
            run: async (args, { origin }) => ({
              status: 'success',
              message: null,
              data: { said: args['text'], by: origin },
            }),
          },
        },
      },
    ],
  })) {
    daemon.serve(object);
  }
  announceChanges(made.model, daemon);
  await daemon.ready();
  const caller = client(4711);
  const call = async (method: string, args: object, object = 'bbfdm'): Promise<unknown> => {
    const answer = await caller.call(object, method, tableFromPlain(args));
    return answer.ok ? JSON.parse(JSON.stringify(tableToPlain(answer.value))) : answer.error.status;
  };
  return { ...made, broker, caller, call };
}

const RAW_USP = { format: 'raw', proto: 'usp' };
const CLIENT = 'Device.DHCPv4.Client.1.';

t.test('get raw and pretty', async (t) => {
  const { call } = await served();
  t.same(await call('get', { path: `${CLIENT}Enable`, optional: { format: 'raw' } }), {
    results: [{ path: `${CLIENT}Enable`, data: '1', type: 'xsd:boolean' }],
  });
  t.same(await call('get', { path: `${CLIENT}Enable` }), { Enable: true });
  t.same(
    await call('get', {
      paths: [`${CLIENT}Enable`, 'Device.Nonsense.'],
      optional: RAW_USP,
    }),
    {
      results: [
        { path: `${CLIENT}Enable`, data: '1', type: 'xsd:boolean' },
        {
          path: 'Device.Nonsense.',
          fault: 7026,
          fault_msg: 'no such object Device.Nonsense.',
        },
      ],
    },
  );
  const tree = await call('get', { path: 'Device.DHCPv4.Client.' });
  t.match(tree, { Client: [{ Enable: true, ReqOption: [{ Enable: true }] }] });
  t.match(await call('get', { path: CLIENT }), { Client: [{ Enable: true }] });
  t.match(await call('get', { path: 'Device.DHCPv4.Client.*.Enable' }), {
    Client: [{ Enable: true }],
  });
  t.match(await call('get', { path: 'Device.DHCPv4.' }), {
    DHCPv4: { Client: [{ Enable: true }], ClientNumberOfEntries: 1 },
  });
  t.equal(await call('get', {}), 2, 'a missing path is status 2');
  t.match(await call('get', { path: 'Device.Nonsense.' }), {
    '': { path: 'Device.Nonsense.', fault: 9005 },
  });
  const flagged = await call('get', { path: `${CLIENT}Interface`, optional: { format: 'raw' } });
  t.match(flagged, { results: [{ flags: ['Reference'] }] });
});

t.test('set one, set many, and all faults together', async (t) => {
  const { call, audit } = await served();
  t.same(await call('set', { path: `${CLIENT}Enable`, value: 'false' }), {
    results: [{ path: `${CLIENT}Enable`, data: '1' }],
  });
  t.same(await call('get', { path: `${CLIENT}Enable` }), { Enable: false });
  t.match(audit.at(-1), { origin: { user: 'root', via: 'ubus', address: 'pid 4711' } });
  t.same(await call('set', { path: `${CLIENT}Enable`, value: true }), {
    results: [{ path: `${CLIENT}Enable`, data: '1' }],
  });
  t.same(
    await call('set', {
      path: 'Device.',
      obj_path: { 'DHCPv4.Client.1.Enable': false, 'IP.Interface.1.Enable': true },
    }),
    {
      results: [
        { path: `${CLIENT}Enable`, data: '1' },
        { path: 'Device.IP.Interface.1.Enable', data: '1' },
      ],
    },
  );
  t.match(
    await call('set', {
      path: CLIENT,
      obj_path: { Enable: 'maybe', Enabled: true, Status: 'Enabled' },
      optional: RAW_USP,
    }),
    {
      results: [
        { path: `${CLIENT}Enable`, fault: 7011 },
        { path: `${CLIENT}Enabled`, fault: 7026, fault_msg: /did you mean Enable\?/ },
        { path: `${CLIENT}Status`, fault: 7013 },
      ],
    },
  );
  t.match(await call('set', { path: CLIENT, obj_path: { Enable: [1] } }), {
    results: [{ path: CLIENT, fault: 9003 }],
  });
  t.match(await call('set', { path: CLIENT }), { results: [{ path: CLIENT, fault: 9003 }] });
});

t.test('add, instances and del', async (t) => {
  const { call } = await served();
  const table = 'Device.DHCPv4.Client.1.SentOption.';
  t.same(await call('add', { path: table, obj_path: { Tag: 60, Enable: false } }), {
    results: [{ path: table, data: '1' }],
  });
  t.match(await call('instances', { path: table }), {
    results: [{ path: `${table}1` }],
  });
  t.match(await call('get', { path: `${table}1.` }), {
    SentOption: [{ Tag: 60, Enable: false }],
  });
  t.same(await call('del', { path: `${table}1.` }), {
    results: [{ path: `${table}1.`, data: '1' }],
  });
  t.match(await call('del', { paths: [`${table}9.`], optional: RAW_USP }), {
    results: [{ fault: 7026 }],
  });
  t.match(await call('add', { path: 'Device.DeviceInfo.' }), { results: [{ fault: 9005 }] });
  t.equal(await call('add', {}), 2);
  t.equal(await call('del', {}), 2);
  t.equal(await call('instances', {}), 2);
});

t.test('schema for USP and names for CWMP', async (t) => {
  const { call } = await served();
  const usp = (await call('schema', {
    path: 'Device.DHCPv4.Client.',
    optional: { proto: 'usp' },
  })) as { results: { path: string }[] };
  const line = (path: string) => usp.results.find((row) => row.path === path);
  t.same(line('Device.DHCPv4.Client.{i}.Enable'), {
    path: 'Device.DHCPv4.Client.{i}.Enable',
    data: '1',
    type: 'xsd:boolean',
  });
  t.same(line('Device.DHCPv4.Client.{i}.'), {
    path: 'Device.DHCPv4.Client.{i}.',
    data: '1',
    type: 'xsd:object',
  });
  t.match(line('Device.DHCPv4.Client.{i}.Renew()'), { type: 'xsd:command', data: /^a?sync$/ });
  const cwmp = (await call('schema', {
    path: 'Device.DHCPv4.',
    first_level: true,
    optional: { proto: 'cwmp' },
  })) as { results: { path: string }[] };
  t.ok(cwmp.results.some(({ path }) => path === 'Device.DHCPv4.ClientNumberOfEntries'));
  t.notOk(cwmp.results.some(({ path }) => path.includes('{i}')));
  t.match(await call('services', {}), {
    registered_services: [{ name: 'gatehouse', unified_daemon: true }],
    registered_service: [{ name: 'gatehouse', parent_dm: 'Device.' }],
  });
});

t.test('operate', async (t) => {
  const { call, renewed } = await served();
  const command = `${CLIENT}Renew()`;
  t.match(await call('operate', { command, command_key: 'k1', optional: RAW_USP }), {
    results: [{ path: command, data: 'k1', output: [] }],
  });
  t.equal(renewed.length, 1);
  t.same(await call('operate', { path: command, command_key: 'k2' }), {
    results: [{ path: command, data: 'k2', output: [{}] }],
  });
  t.match(await call('operate', { command: `${CLIENT}Renewed()`, optional: RAW_USP }), {
    results: [{ path: `${CLIENT}Renewed()`, data: '', fault: 7026 }],
  });
  t.match(await call('operate', { command, input: { x: 'y' }, optional: RAW_USP }), {
    results: [{ fault: 7027 }],
  });
  t.equal(await call('operate', {}), 2);
});

t.test('gatehouse and its services', async (t) => {
  const { call } = await served();
  t.match(await call('status', {}, 'gatehouse'), { version: '0.1.0', nested: { big: 2 ** 40 } });
  t.same(await call('services', {}, 'gatehouse'), {
    services: [
      {
        name: 'echo',
        about: 'answers',
        commands: [{ name: 'say', about: 'says it back', args: { text: 'string' } }],
      },
    ],
  });
  const said = {
    status: 'success',
    message: null,
    data: { said: 'hi', by: { user: 'root', via: 'ubus', address: 'pid 4711' } },
  };
  const args = { text: 'hi' };
  t.same(await call('call', { service: 'echo', command: 'say', args }, 'gatehouse'), said);
  t.same(await call('say', args, 'gatehouse.echo'), said);
  t.match(await call('call', { service: 'echoes', command: 'say' }, 'gatehouse'), {
    status: 'error',
    message: 'no service echoes; there are echo',
    data: null,
  });
  t.match(await call('call', { service: 'echo', command: 'toString' }, 'gatehouse'), {
    status: 'error',
    message: 'echo has no command toString; it has say',
  });
  t.equal(await call('call', { service: 'echo' }, 'gatehouse'), 2);
});

t.test('changes of the model are told on the bus', async (t) => {
  const { call, caller, model } = await served();
  const heard: unknown[] = [];
  caller.listen('gatehouse.*', (name, data) => heard.push([name, tableToPlain(data)]));
  await caller.ready();
  await call('set', { path: `${CLIENT}Enable`, value: 'false' });
  t.match(heard, [
    [
      'gatehouse.change',
      {
        revision: model.revision,
        changes: [{ path: `${CLIENT}Enable`, value: 'false' }],
        added: [],
        removed: [],
      },
    ],
  ]);
});
