/** `gatehouse.config` over the real configuration: what each command takes, does and refuses. */
import t from 'tap';
import { configCommands } from '../../src/main/config-commands.ts';
import { type Box, router } from '../lib/box.ts';
import { ORIGIN, settled } from '../tr181/fixture.ts';

const LAN = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';
const PASSPHRASE = 'three words here';

interface Answer {
  readonly status: string;
  readonly message: string | null;
  readonly data: Record<string, unknown> | null;
}

/** Runs commands as the bus does. */
function commands({ config, model }: Box) {
  const service = configCommands(config, model, () => ['lo', 'eth0']);
  return async (name: string, args: Record<string, unknown> = {}): Promise<Answer> => {
    const command = service.commands[name];
    if (command === undefined) throw new Error(`no command ${name}`);
    const signal = new AbortController().signal;
    return (await command.run(args, { origin: ORIGIN, peer: undefined, signal })) as Answer;
  };
}

t.test('set, status, confirm', async (t) => {
  const box = await router();
  const run = commands(box);
  t.same(await run('status'), {
    status: 'success',
    message: null,
    data: { revision: 1, pending: null },
  });
  const set = await run('set', {
    values: { [LAN]: '10.0.0.1', 'Device.DNS.Client.Enable': false },
  });
  t.match(set, {
    status: 'success',
    data: { revision: 2, pending: null, changes: [{ path: LAN, value: '10.0.0.1' }] },
  });
  t.equal(box.get('Device.DNS.Client.Enable'), 'false', 'switches and numbers are taken as such');
  const waits = await run('set', { values: { [LAN]: '10.0.0.2' }, confirm: 60 });
  const pending = waits.data?.['pending'] as { token: string };
  t.match(waits.data, { revision: 3, pending: { revision: 3, remainingMs: 60_000 } });
  t.match(await run('confirm', { token: 'another' }), {
    status: 'error',
    message: /another change/,
  });
  t.match(await run('confirm', { token: pending.token }), { status: 'success' });
  t.match(await run('confirm'), { status: 'error', message: 'no change waits to be confirmed' });
  await run('set', { values: { [LAN]: '10.0.0.3' }, confirm: 60 });
  t.match(await run('rollback'), { status: 'success', data: { revision: 5, pending: null } });
  t.equal(box.get(LAN), '10.0.0.2');
  await run('set', { values: { [LAN]: '10.0.0.4' }, confirm: 60 });
  t.match(await run('confirm'), { status: 'success' }, 'the token may be left out');
  box.clock.advance(60_000);
  await settled();
  t.equal(box.get(LAN), '10.0.0.4');
});

t.test('history, diff, restore', async (t) => {
  const box = await router();
  const run = commands(box);
  await run('set', { values: { [LAN]: '10.0.0.1' } });
  t.match(await run('history'), {
    status: 'success',
    data: { revision: 2, entries: [{ revision: 2, user: 'test' }, { revision: 1 }] },
  });
  const changes = [{ path: LAN, old: '192.168.1.1', new: '10.0.0.1' }];
  t.match(await run('diff', { from: 1 }), { data: { from: 1, to: 2, changes } }, 'to now');
  t.match(await run('diff', { from: 2, to: 2 }), { data: { changes: [] } });
  t.match(await run('restore', { revision: 1 }), { status: 'success', data: { revision: 3 } });
  t.equal(box.get(LAN), '192.168.1.1');
});

t.test('backup and restore', async (t) => {
  const box = await router();
  const run = commands(box);
  const file = (await run('backup', { passphrase: PASSPHRASE })).data?.['file'];
  await run('set', { values: { [LAN]: '10.0.0.1' } });
  t.match(await run('restore_backup', { passphrase: PASSPHRASE, file }), {
    data: { revision: 3, absentPorts: ['eth1'] },
  });
  t.equal(box.get(LAN), '192.168.1.1');
  t.match(await run('restore_backup', { passphrase: 'not this one', file }), {
    status: 'error',
    message: /wrong passphrase/,
  });
});

t.test('whatever changes can be tried', async (t) => {
  const box = await router();
  const run = commands(box);
  const server = 'Device.DNS.Client.Server.';
  await run('set', { values: { [LAN]: '10.0.0.1' } });
  const file = (await run('backup', { passphrase: PASSPHRASE })).data?.['file'];
  await run('set', { values: { [LAN]: '10.0.0.2' } });
  const row = (await run('add', { path: server, values: { DNSServer: '9.9.9.9', Enable: true } }))
    .data;
  t.match(row, { path: /^Device\.DNS\.Client\.Server\.\d+\.$/, pending: null });
  const rows = () => box.get('Device.DNS.Client.ServerNumberOfEntries');
  const before = { lan: box.get(LAN), rows: rows() };
  for (const [name, args] of [
    ['set', { values: { [LAN]: '10.0.0.9' } }],
    ['add', { path: server }],
    ['del', { paths: [row?.['path']] }],
    ['restore', { revision: 1 }],
    ['restore_backup', { passphrase: PASSPHRASE, file }],
  ] as const) {
    const { revision } = (await run('status')).data as { revision: number };
    const made = await run(name, { ...args, confirm: 60 });
    const waits = { revision: revision + 1, remainingMs: 60_000, user: 'test' };
    t.match(made, { status: 'success', data: { revision: revision + 1, pending: waits } }, name);
    t.notSame({ lan: box.get(LAN), rows: rows() }, before, `${name} is made`);
    t.match(await run('del', { paths: [row?.['path']] }), { message: /waits to be confirmed/ });
    box.clock.advance(60_000);
    await settled();
    t.same({ lan: box.get(LAN), rows: rows() }, before, `${name} is undone`);
  }
  await run('del', { paths: [row?.['path']], confirm: 60 });
  t.match(await run('confirm'), { status: 'success' });
  t.match(await run('del', { paths: [row?.['path']] }), { status: 'error' }, 'it is gone for good');
});

t.test('arguments that are missing, or of another kind', async (t) => {
  const run = commands(await router());
  for (const [name, args, message] of [
    ['diff', {}, /from is missing/],
    ['diff', { from: '1' }, /from is missing/],
    ['diff', { from: 1, to: 99 }, /no configuration 99/],
    ['restore', {}, /revision is missing/],
    ['restore', { revision: 1, confirm: 'soon' }, /number of seconds/],
    ['restore', { revision: 1, confirm: 3601 }, /1 to 3600 seconds/],
    ['add', {}, /path is missing/],
    ['add', { path: 'Device.DNS.Client.Server.', values: 1 }, /values is no table/],
    ['add', { path: LAN }, /exactly one table/],
    ['del', {}, /paths is missing/],
    ['del', { paths: [1] }, /paths is missing/],
    ['del', { paths: [LAN], confirm: 60 }, /must name rows/],
    ['restore_backup', { passphrase: PASSPHRASE, file: 'AAAA', confirm: '' }, /number of seconds/],
    ['restore', { revision: 0 }, /no configuration 0/],
    ['set', {}, /values is missing/],
    ['set', { values: [] }, /values is missing/],
    ['set', { values: { [LAN]: ['10.0.0.1'] } }, /values is missing/],
    ['set', { values: { [LAN]: '10.0.0.1' }, confirm: 'soon' }, /number of seconds/],
    ['set', { values: { [LAN]: '10.0.0.1' }, confirm: 0 }, /1 to 3600 seconds/],
    ['set', { values: { [LAN]: 'x', 'Device.X': '1' } }, /not an IPv4 address.*\n.*Device\.X/s],
    ['rollback', {}, /no change waits/],
    ['backup', {}, /passphrase is missing/],
    ['backup', { passphrase: 'short' }, /10 to 128 characters/],
    ['restore_backup', { file: '' }, /passphrase is missing/],
    ['restore_backup', { passphrase: PASSPHRASE }, /file is missing/],
    ['restore_backup', { passphrase: PASSPHRASE, file: '%' }, /file is missing/],
    ['restore_backup', { passphrase: PASSPHRASE, file: 'AAAA' }, /cut off/],
  ] as const) {
    t.match(await run(name, args), { status: 'error', message }, `${name} ${JSON.stringify(args)}`);
  }
});
