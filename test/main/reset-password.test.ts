/** A new password for a box on which no daemon runs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { RowAccounts } from '../../src/control/accounts.ts';
import { offlineModel, silent } from '../../src/main/offline-model.ts';
import { AuditTrail, auditFiles } from '../../src/os/linux/audit.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import { LinuxSecrets } from '../../src/os/linux/secrets.ts';
import { openStore } from '../../src/os/linux/store.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const USERS = 'Device.Users.User.';
const OLD = 'three words here';
const NEW = 'quite another one';

/** A state directory with these administrators. */
async function stateWith(t: Test, ...names: string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'gh-reset-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const trail = await AuditTrail.open({
    directory: `${directory}/audit`,
    clock: new LinuxClock(loadNative()),
    log: silent,
  });
  if (trail.ok) await trail.value[Symbol.asyncDispose]();
  const store = await openStore(directory);
  if (!store.ok) throw store.error;
  const { model } = offlineModel(store.value, new LinuxSecrets(), { audit: async () => {} });
  for (const name of names) {
    const values = { Enable: 'true', Username: name, Password: OLD };
    const role = { X_GATEHOUSE_Role: 'Administrator' };
    const added = await model.add(USERS, { ...values, ...role }, { user: 'root', via: 'test' });
    if (!added.ok) throw new Error(added.error[0]?.message);
  }
  model[Symbol.dispose]();
  await store.value[Symbol.asyncDispose]();
  return directory;
}

function reset(directory: string, password: string, ...args: string[]) {
  const all = ['--ubus-socket', join(directory, 'none'), 'reset-password', ...args];
  return spawnSync(process.execPath, [MAIN, ...all, '--state-dir', directory], {
    input: `${password}\n`,
    encoding: 'utf8',
  });
}

async function logsIn(directory: string, name: string, password: string): Promise<boolean> {
  const store = await openStore(directory);
  if (!store.ok) throw store.error;
  await using opened = store.value;
  const secrets = new LinuxSecrets();
  const { rows, model } = offlineModel(opened, secrets, { audit: async () => {} });
  using _model = model;
  return (await new RowAccounts({ rows, model, secrets }).verify(name, password)) !== undefined;
}

t.test('the only administrator, without a name', async (t) => {
  const directory = await stateWith(t, 'admin');
  const { status, stderr } = reset(directory, NEW);
  t.equal(status, 0, stderr);
  t.match(stderr, 'admin has a new password');
  t.equal(await logsIn(directory, 'admin', NEW), true);
  t.equal(await logsIn(directory, 'admin', OLD), false);
  const lines = [...auditFiles(`${directory}/audit`)].flatMap(({ lines: all }) => [...all]);
  const [entry = '{}'] = lines.filter((line) => line.includes('Password'));
  t.match(JSON.parse(entry), { action: 'set', user: 'root', via: 'console' });
  t.notOk(lines.join().includes(NEW));
});

t.test('one of several, by name', async (t) => {
  const directory = await stateWith(t, 'anna', 'bert');
  t.match(reset(directory, NEW).stderr, /say which: anna, bert/);
  t.match(reset(directory, NEW, 'carl').stderr, /no account carl; there are anna, bert/);
  t.match(reset(directory, 'short', 'bert').stderr, /10 to 128 characters/);
  t.equal(reset(directory, NEW, 'bert').status, 0);
  t.equal(await logsIn(directory, 'bert', NEW), true);
  t.equal(await logsIn(directory, 'anna', NEW), false);
});

t.test('where there is nothing to reset', async (t) => {
  const directory = await stateWith(t);
  t.match(reset(directory, NEW).stderr, /no accounts yet/);
  const empty = mkdtempSync(join(tmpdir(), 'gh-reset-'));
  t.teardown(() => rmSync(empty, { recursive: true }));
  t.match(reset(empty, NEW), { status: 1, stderr: /holds no state of Gatehouse/ });
});
