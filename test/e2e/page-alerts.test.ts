/** Alerts as the owner sees them: a rule and a channel by forms, what is bad, what was told, and why it could not be. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { TunHosts } from '../lib/tun-hosts.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, PASSWORD, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const ALERTS = 'Device.X_GATEHOUSE_Alerts.';
const TARGETS = 'Device.X_GATEHOUSE_Monitor.Target.';
/** Its Host says no to everything. */
const HOSTS = { '10.77.0.4': { unreachable: 1 } };
/** Nobody listens there. */
const HOOK = 'http://192.168.1.100:9/';

t.test('alerts on the page', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('palert');
  const { router, spaces } = there;
  const inside = ['ip', ...spaces.argv('r', 'env')];
  await using _hosts = await TunHosts.start(HOSTS, inside);
  const target = { Host: '10.77.0.4', Name: '<b>tv</b>', Interval: '1', Burst: '2' };
  await router.rows('add', {
    path: TARGETS,
    obj_path: { ...target, Spacing: '20', Timeout: '300', BackOff: 'false' },
  });
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/monitor/alerts`);
  const main = page.locator('main');
  await main.getByText('without a rule nobody is told anything').waitFor();
  await main.getByText('Nothing is bad.').waitFor();
  await main.getByText('Nothing was told.').waitFor();
  await main.getByText('Nobody is told.').waitFor();

  const form = page.getByRole('dialog');
  await main.getByRole('button', { name: 'Tell somebody' }).click();
  await form.getByLabel(/^Address/).fill('nowhere');
  await form.getByRole('button', { name: /Add|Tell/ }).click();
  await form
    .getByText(/begins with https/)
    .first()
    .waitFor();
  await form.getByLabel(/^Address/).fill(HOOK);
  await form.getByRole('button', { name: /Add|Tell/ }).click();
  await main.getByText('192.168.1.100:9').first().waitFor();
  t.equal(await router.value(`${ALERTS}Channel.1.URL`), HOOK);

  await main.getByRole('button', { name: 'Watch for something' }).click();
  await form.getByLabel(/^How bad/).selectOption('Critical');
  await form.getByLabel(/^Bad for so long/).fill('1');
  await form.getByRole('button', { name: /Add|Watch/ }).click();
  t.equal(await router.waitFor(`${ALERTS}Rule.1.Severity`, 'Critical'), 'Critical');

  const card = (name: string) => main.getByRole('region', { name, exact: true }).first();
  await card('Bad now').getByText('<b>tv</b>').waitFor();
  await card('Bad now').getByText('told', { exact: true }).waitFor();
  await card('What was told since the box started').getByText('bad', { exact: true }).waitFor();
  const found = card('What was told since the box started').locator('details');
  await found.waitFor();
  await found.locator('summary').click();
  await card('Who is told').getByText('not taken', { exact: true }).waitFor();
  await card('Who is told')
    .getByText(/connection refused/)
    .waitFor();
  await main.getByRole('button', { name: 'Test 192.168.1.100:9' }).click();
  await page
    .locator('.toast')
    .getByText(/connection refused/)
    .waitFor();

  // They go by themselves, too: perhaps between a look and a click.
  await page.evaluate(
    `for (const close of document.querySelectorAll('.toast .icon-button')) close.click()`,
  );
  await router.until(
    'no message is left',
    async () => (await page.locator('.toast').count()) === 0,
  );
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], `${look.name} does not scroll sideways`);
    t.same(await badText(page), [], `${look.name}: text`);
    await page.screenshot({ path: `${PICTURES}alerts-${look.name}.png`, fullPage: true });
  }
  const silence = card('Silence');
  await silence.getByRole('button', { name: 'For 8 hours' }).click();
  await silence.getByText(/^Nobody is told anything until /).waitFor();
  await card('Who is told').getByText('silenced', { exact: true }).waitFor();
  await silence.scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${PICTURES}alerts-silence.png` });
  await router.waitFor(`${ALERTS}Channel.1.Status`, 'Silenced');
  await silence.getByRole('button', { name: 'Tell again now' }).click();
  await card('Who is told').getByText('not taken', { exact: true }).waitFor();

  // As many rules for the same thing, each of which tells it.
  const many = { Watch: 'Target', Severity: 'Info', RaiseAfter: '0', Evidence: 'false' };
  for (let i = 0; i < 55; i++) {
    await router.rows('add', { path: `${ALERTS}Rule.`, obj_path: many });
  }
  const told = card('What was told since the box started');
  await told.getByText('50 rows', { exact: true }).waitFor();
  const earlier = told.getByRole('button', { name: 'Show earlier ones' });
  await earlier.scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${PICTURES}alerts-earlier.png` });
  await earlier.click();
  await told.getByText('56 rows', { exact: true }).waitFor();
  t.equal(await earlier.count(), 0);
  t.same(heard, []);

  const person = await there.person({ locale: 'de-DE' });
  const german = await person.newPage();
  await german.goto(`${HOME}/`);
  await german.getByLabel('Kennwort').fill(PASSWORD);
  await german.getByRole('button', { name: 'Anmelden' }).click();
  await german.getByRole('button', { name: 'Abmelden' }).waitFor();
  await german.goto(`${HOME}/#/monitor/alerts`);
  await german.getByText('nicht angenommen', { exact: true }).waitFor();
  t.same(await sticksOut(german), [], 'nor does the German one');
  await german.screenshot({ path: `${PICTURES}alerts-german.png`, fullPage: true });
});
