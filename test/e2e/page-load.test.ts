/** The line under load as the owner sees it: a URL is named, a test is agreed to, called off, and told. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const SERVER = fileURLToPath(new URL('../interop/load-server.ts', import.meta.url));
const LOAD = 'Device.X_GATEHOUSE_Monitor.LoadTest.';
const ISP = '198.51.100.1';

t.test('the line under load on the page', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('pload');
  const { router, spaces } = there;
  const argv = spaces.argv('isp', process.execPath, SERVER, ISP);
  const server = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  await using _server = { [Symbol.asyncDispose]: async () => void server.stdin.end() };
  await once(server.stdout, 'data');
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/monitor/paths`);
  const main = page.locator('main');
  const run = main.getByRole('button', { name: 'Test now' });
  await main.getByText('Name what is to be fetched or sent first.').waitFor();
  t.ok(await run.isDisabled());

  await main.getByLabel('Fetched for the download').fill('ftp://host/file');
  await main.getByRole('button', { name: /^Save/ }).click();
  await main.getByText('ftp://host/file is neither http').waitFor();
  await main.getByLabel('Fetched for the download').fill(`http://${ISP}/file`);
  await main.getByLabel('Takes the upload').fill(`http://${ISP}/up`);
  await main.getByLabel('Time of each direction').fill('20');
  await main.getByLabel('Limit of one test').fill('2000000');
  await main.getByRole('button', { name: /^Save/ }).click();
  await router.waitFor(`${LOAD}RunCap`, '2000000');

  // Nothing is begun before it is said what it takes, and agreed to.
  await run.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('It takes up to 2.00 MB').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  t.equal(await router.value(`${LOAD}Last`), '');
  t.equal(await router.value(`${LOAD}Status`), 'Disabled');
  await run.click();
  await dialog.getByRole('button', { name: 'Test now' }).click();
  await main.getByRole('button', { name: 'Call it off' }).click();
  await main.getByText('called off').first().waitFor();

  await run.click();
  await dialog.getByRole('button', { name: 'Test now' }).click();
  await main.getByText('limit of data', { exact: true }).first().waitFor();
  t.match(await router.value(`${LOAD}History.2.Cause`), 'Owner');
  const bytes = Number(await router.value(`${LOAD}History.2.Bytes`));
  t.ok(bytes > 1_800_000 && bytes <= 2_000_000, `${bytes}`);
  for (const look of LOOKS) {
    await dress(page, look);
    await run.waitFor();
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], `${look.name} does not scroll sideways`);
    t.same(await badText(page), [], `${look.name}: text`);
    await page.screenshot({ path: `${PICTURES}load-${look.name}.png`, fullPage: true });
  }
  t.same(heard, []);
});
