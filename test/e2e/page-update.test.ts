/**
 * An update as the owner sees it: the real root helper and slot writer in namespaces of their own,
 * with files as slots.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildSlotWriter, compile, SlotBox } from '../lib/slots.ts';
import { ROOT, UID } from '../lib/small-box.ts';
import { dress, LOOKS, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

t.test('an update, from the file to the restart', { skip: noBrowser() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-page-update-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const writer = join(folder, 'slot-writer');
  const helper = join(folder, 'root-helper');
  using slots = new SlotBox(writer);
  buildSlotWriter(writer, { defines: [`CONFIG="${slots.at('config')}"`] });
  compile(join(ROOT, 'native/root-helper.c'), helper, { defines: [`SLOT_WRITER="${writer}"`] });
  await slots.settle();
  const good = await slots.bundle('1.1', 11);
  writeFileSync(join(folder, 'good.gup'), good);
  writeFileSync(join(folder, 'damaged.gup'), good.with(good.length - 9, 7));
  for (const path of [folder, slots.folder]) chmodSync(path, 0o755);
  mkdirSync(join(folder, 'library/gatehouse'), { recursive: true });
  writeFileSync(join(folder, 'library/gatehouse/update.conf'), slots.config());
  chownSync(slots.at('update'), UID, UID);

  await using there = await house('update', { library: join(folder, 'library') });
  const { router } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/system/firmware`);
  await page.getByText(/There are no updates here: .*no root helper/).waitFor();

  const audit = join(folder, 'log/root.log');
  mkdirSync(join(folder, 'log'), { mode: 0o755 });
  const passwd = `root:x:0:0::/:/bin/sh\ngatehouse:x:${UID}:${UID}::/:/bin/false\n`;
  writeFileSync(join(folder, 'passwd'), passwd);
  const script = `mount --bind ${folder}/passwd /etc/passwd && hostname apart &&
    { ${helper} --run-dir ${router.runDir} --audit ${audit} & while :; do wait; sleep 1; done; }`;
  const apart = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--uts'];
  const box = spawn('unshare', [...apart, 'sh', '-c', script], { stdio: 'ignore' });
  t.teardown(() => box.kill('SIGKILL'));
  const gone = once(box, 'exit');

  await page.getByText('1.0, running').waitFor();
  await page.getByText('empty').waitFor();
  const send = page.getByRole('button', { name: 'Send and install' });
  await send.click();
  await page.getByText('Choose a file first.').waitFor();
  await page.getByLabel('Update file').setInputFiles(join(folder, 'damaged.gup'));
  await send.click();
  await page.getByText(/update failed: part rootfs is not what the manifest says/).waitFor();
  await page.getByLabel('Update file').setInputFiles(join(folder, 'passwd'));
  await send.click();
  await page.getByText(/too short/).waitFor();
  await page.getByLabel('Update file').setInputFiles(join(folder, 'good.gup'));
  await send.click();
  await page.getByText('The update is installed. It takes effect when it is started.').waitFor();
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], look.name);
  }
  t.equal(slots.variables()['order'], 'a');
  await page.getByRole('button', { name: 'Start version 1.1' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/comes back to the present one by itself/).waitFor();
  await dialog.getByRole('button', { name: 'Restart the router' }).click();
  await page.getByText('This page comes back by itself.', { exact: false }).first().waitFor();
  t.equal((await gone)[1], 'SIGHUP', 'the box went to start again');
  t.match(slots.variables(), { order: 'b a', left: '3' });
  const verbs = readFileSync(audit, 'utf8').match(/\w[\w-]*(?= done$)/gm);
  t.match(verbs?.slice(-3), ['install', 'activate', 'reboot']);
  t.same(heard, []);
});
