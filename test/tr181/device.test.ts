/** The box as a whole: its name, its reboot, and the helper that they take. */
import t from 'tap';
import { messages, ORIGIN, record, router, settled } from './fixture.ts';

const NAME = 'Device.DeviceInfo.HostName';
const NONE = 'no root helper runs here: connect to /run/gatehouse/root.sock: ENOENT';
const UP = { kernelName: 'factory', helperMissing: undefined, hostNameFault: undefined };
const signal = new AbortController().signal;

t.test('the host name: the kernel’s until one is given', async (t) => {
  const { model, observed, get, set, restart } = await router();
  observed.publish('system', { ...UP, kernelName: 'factory' });
  t.equal(get(NAME), 'factory');
  t.same(model.compileAll().system, { hostName: undefined });
  await settled();
  const seen = record(model, 'Device.DeviceInfo.');
  t.equal(await set(NAME, 'Gate-1'), 'done');
  await settled();
  t.same(seen, [`${NAME}=Gate-1`]);
  t.equal(get(NAME), 'Gate-1');
  t.same(model.compileAll().system, { hostName: 'Gate-1' });
  t.same(restart().model.compileAll().system, { hostName: 'Gate-1' });
});

t.test('what is no name is refused in words', async (t) => {
  const { model, get } = await router();
  for (const name of [
    '',
    '-a',
    'a-',
    'a.b',
    'a b',
    'a\n',
    '<b>',
    'x'.repeat(64),
    'x'.repeat(256),
  ]) {
    const done = await model.set([{ path: NAME, value: name }], ORIGIN);
    if (done.ok) t.fail(`${JSON.stringify(name)} was taken`);
    else t.match(messages(done.error), /1 to 63 letters and digits|at most 255/);
  }
  t.equal(get(NAME), '');
});

t.test('what the system says of helper and name', async (t) => {
  const { observed, get } = await router();
  const at = (name: string): string => get(`Device.${name}`);
  t.equal(at('X_GATEHOUSE_RootHelper.Status'), 'Down', 'before it is known');
  observed.publish('system', UP);
  t.equal(at('X_GATEHOUSE_RootHelper.Status'), 'Up');
  t.equal(at('X_GATEHOUSE_RootHelper.Reason'), '');
  t.equal(at('DeviceInfo.X_GATEHOUSE_HostNameStatus'), 'System');
  observed.publish('system', { ...UP, helperMissing: NONE, hostNameFault: NONE });
  t.equal(at('X_GATEHOUSE_RootHelper.Status'), 'Down');
  t.equal(at('X_GATEHOUSE_RootHelper.Reason'), NONE);
  t.equal(at('DeviceInfo.X_GATEHOUSE_HostNameStatus'), 'GatehouseOnly');
  t.equal(at('DeviceInfo.X_GATEHOUSE_HostNameReason'), NONE);
});

t.test('Reboot() goes to the helper; who, why and what came of it are recorded', async (t) => {
  const { model, observed, audit, down } = await router();
  const run = (command: string, args: Record<string, string>) =>
    model.operate(`Device.${command}()`, args, { origin: ORIGIN, signal });
  audit.length = 0;
  t.match(await run('Reboot', { Cause: 'LocalReboot', Reason: 'a, b' }), { ok: true });
  t.match(await run('Reboot', {}), { ok: true });
  t.match(await run('X_GATEHOUSE_PowerOff', {}), { ok: true });
  t.match(await run('FactoryReset', {}), { ok: true });
  t.same(down, ['reboot', 'reboot', 'power off', 'factory reset']);
  observed.publish('system', { ...UP, helperMissing: NONE });
  t.match(await run('Reboot', {}), {
    ok: false,
    error: {
      kind: 'commandFailed',
      message: /^Device\.Reboot\(\) failed: no root helper runs here/,
    },
  });
  t.match(await run('Reboot', { Cause: 'Fun' }), { error: { kind: 'badArguments' } });
  t.match(await run('Reboot', { Reason: 'x'.repeat(257) }), { error: { kind: 'badArguments' } });
  t.same(
    audit.map(({ op, path, new: given, outcome }) => [op, path, given, outcome]),
    [
      ['operate', 'Device.Reboot()', 'Cause=LocalReboot, Reason=a, b', 'done'],
      ['operate', 'Device.Reboot()', undefined, 'done'],
      ['operate', 'Device.X_GATEHOUSE_PowerOff()', undefined, 'done'],
      ['operate', 'Device.FactoryReset()', undefined, 'done'],
      ['operate', 'Device.Reboot()', undefined, 'failed'],
    ],
  );
});

t.test('the commands of the root are in the schema', async (t) => {
  const { model } = await router();
  const rows = model.schema('Device.', { firstLevel: true });
  if (!rows.ok) return t.fail(rows.error.message);
  const commands = rows.value.filter(({ kind }) => kind === 'command').map(({ path }) => path);
  t.same(commands, ['Device.Reboot()', 'Device.FactoryReset()', 'Device.X_GATEHOUSE_PowerOff()']);
});
