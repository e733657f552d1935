/** A capture as the owner makes one: put together by the form, seen live, ended; in every look and in German. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LinuxCaptureEngine } from '../../src/os/linux/capture-engine.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));

t.test('captures on the page', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('pcapt');
  const { spaces } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/capture`);
  const main = page.locator('main');
  await main.getByText('It hears everything.').waitFor();
  await main.getByText('There is no capture yet.').waitFor();

  // What is wrong is said at the step where it is, and cannot be started.
  await main.getByLabel('icmp', { exact: true }).check();
  await main.getByLabel('Ports').fill('80');
  await main.getByText('icmp has no ports').waitFor();
  t.ok(await main.getByRole('button', { name: 'Start', exact: true }).isDisabled());
  await main.getByLabel('Ports').fill('');
  await main.getByLabel('Devices, addresses or networks').fill('192.168.1.100');
  await main.getByText('icmp and host 192.168.1.100').waitFor();
  await main.getByLabel('On which side').selectOption('from there');
  await main.getByText('icmp and src host 192.168.1.100').waitFor();
  await main.getByLabel('On which side').selectOption('either side');
  await main.getByLabel('Write the packets into a file').check();
  await main.getByRole('button', { name: 'Start', exact: true }).click();
  const list = main.getByRole('region', { name: 'Captures' }).first();
  await list.getByText('running').waitFor();

  spaces.exec('lan', 'ping', '-c', '10', '-i', '0.02', '192.168.1.1');
  await list.getByText(/2.0 kB|1.96 kB/).waitFor();
  await list.getByRole('link').first().click();
  const talkers = main.getByRole('region', { name: 'Who talks most' }).first();
  await talkers.getByText('192.168.1.100').waitFor();
  const protocols = main.getByRole('region', { name: 'Protocols' }).first();
  t.match(await protocols.getByRole('row', { name: /^icmp/ }).textContent(), /20.*100/);
  // It goes on while it is looked at.
  spaces.exec('lan', 'ping', '-c', '5', '-i', '0.02', '192.168.1.1');
  await protocols.getByRole('row', { name: /^icmp.*30/ }).waitFor();
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], `${look.name} does not scroll sideways`);
    t.same(await badText(page), [], `${look.name}: text`);
    await page.screenshot({ path: `${PICTURES}capture-one-${look.name}.png`, fullPage: true });
  }
  await main.getByRole('button', { name: /^Stop/ }).click();
  await main.getByText('stopped').first().waitFor();
  const fetched = page.waitForEvent('download');
  await main.getByRole('link', { name: /^capture-1-.*pcapng$/ }).click();
  const path = await (await fetched).path();
  const read = await new LinuxCaptureEngine(loadNative()).analyze(path, {
    rows: { endpoints: 9, conversations: 9, flows: 9, names: 9 },
  });
  t.match(read, { value: { packets: 30, format: 'pcapng', error: null } });
  await main.getByRole('button', { name: /^Start again/ }).click();
  await main.getByText('running').first().waitFor();
  await main.getByRole('link', { name: 'All captures' }).click();
  await list.getByText('running').waitFor();
  const files = main.getByRole('region', { name: 'Files' }).first();
  await files
    .getByRole('link', { name: /^capture-1-/ })
    .first()
    .waitFor();
  // A trigger is set up by its form, and armed.
  await main.getByRole('button', { name: 'Add a trigger' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Interface', { exact: true }).selectOption('Device.IP.Interface.2');
  await dialog.getByRole('button', { name: /^(Add|Save)/ }).click();
  await main.getByText('armed', { exact: true }).waitFor();
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], `list in ${look.name}`);
    t.same(await sticksOut(page), [], `list in ${look.name} does not scroll sideways`);
    await page.screenshot({ path: `${PICTURES}capture-list-${look.name}.png`, fullPage: true });
  }
  await list.getByRole('button', { name: /^Delete/ }).click();
  await main.getByText('There is no capture yet.').waitFor();
  // Where packets come all the time, such as those of this page, its figures are shown all the same.
  for (const count of [1, 2]) {
    await main.getByRole('button', { name: 'Start', exact: true }).click();
    await list
      .getByText('running')
      .nth(count - 1)
      .waitFor();
  }
  await list.getByRole('link').first().click();
  await talkers.getByText('192.168.1.100').waitFor();
  spaces.exec('lan', 'ping', '-c', '1', '192.168.1.1');
  await protocols.getByRole('row', { name: /^icmp/ }).waitFor();
  t.same(heard, []);
});
