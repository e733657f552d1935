/**
 * The restart as the owner sees it. The real root helper listens in namespaces of its own, so that
 * what it asks of init ends those alone; the daemon then goes and comes as it would with the box.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { complaints, HOME, house, logIn, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const HELPER = fileURLToPath(new URL('../../build/native/root-helper', import.meta.url));

t.test('the name of the box, and its restart', { skip: noBrowser() }, async (t) => {
  await using there = await house('restart');
  const { router, folder } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  const button = page.getByRole('button', { name: 'Restart the router' });
  await setUp(page);
  await page.goto(`${HOME}/#/system/box`);

  await t.test(
    'without a helper: the reason in words, and a name for the page alone',
    async (t) => {
      await page.getByText(/cannot be restarted from here: no root helper runs here/).waitFor();
      t.ok(await button.isDisabled());
      await page.getByLabel('Host name').fill('-gate');
      await page.getByRole('button', { name: 'Save 1 change' }).click();
      await page.getByText(/1 to 63 letters and digits/).waitFor();
      await page.getByLabel('Host name').fill('gate-9');
      await page.getByRole('button', { name: 'Save 1 change' }).click();
      await page.getByText(/the rest of the system does not/).waitFor();
      t.equal(await router.value('Device.DeviceInfo.HostName'), 'gate-9');
      await page.getByRole('banner').getByText('gate-9').waitFor();
    },
  );

  const audit = join(folder, 'log/root.log');
  mkdirSync(join(folder, 'log'), { mode: 0o755 });
  chmodSync(folder, 0o755);
  writeFileSync(
    join(folder, 'passwd'),
    'root:x:0:0::/:/bin/sh\ngatehouse:x:6767:6767::/:/bin/false\n',
  );
  const script = `mount --bind ${folder}/passwd /etc/passwd && hostname apart &&
    { ${HELPER} --run-dir ${router.runDir} --audit ${audit} & while :; do wait; sleep 1; done; }`;
  const apart = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--uts'];
  const box = spawn('unshare', [...apart, 'sh', '-c', script], { stdio: 'ignore' });
  t.teardown(() => box.kill('SIGKILL'));
  const gone = once(box, 'exit');

  await t.test('a helper comes: the name is set, the button can be pressed', async () => {
    await page.getByText(/the rest of the system does not/).waitFor({ state: 'detached' });
    await router.until('the helper set the name', () =>
      readFileSync(audit, 'utf8').includes('hostname gate-9 done'),
    );
    await page.locator('button:enabled', { hasText: 'Restart the router' }).waitFor();
  });

  await t.test('it is asked, told, and comes back by itself', async (t) => {
    await button.click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/about a minute/).waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    t.notMatch(readFileSync(audit, 'utf8'), /reboot/);
    await button.click();
    await dialog.getByRole('button', { name: 'Restart the router' }).click();
    await page.getByText('This page comes back by itself.', { exact: false }).first().waitFor();
    t.equal((await gone)[1], 'SIGHUP', 'the box went to start again');
    t.match(readFileSync(audit, 'utf8'), /uid=6767 reboot done/);
    rmSync(join(router.runDir, 'root.sock'));
    await router.stop();
    await page
      .getByText(/No contact|does not answer/)
      .first()
      .waitFor();
    await router.start();
    await page.getByText('The router has restarted.').waitFor();
    t.ok(existsSync(audit));
    await logIn(page);
    const trail = await router.until('the record', () => {
      const text = readFileSync(join(router.stateDir, 'audit/audit.log'), 'utf8');
      return /"user":"admin"[^\n]*Device\.Reboot\(\)[^\n]*Cause=LocalReboot/.exec(text)?.[0];
    });
    t.match(trail, /"via":"http"/);
  });
  t.same(heard, []);
});
