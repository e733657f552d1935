/** Watched paths as the owner sees them: added by a form, tested, and drawn from an hour to a year. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { TunHosts } from '../lib/tun-hosts.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const TARGETS = 'Device.X_GATEHOUSE_Monitor.Target.';
const FIT = { Interval: '1', Burst: '10', Spacing: '20', Timeout: '800' };
const HOSTS = {
  '10.77.0.1': { delays: [20, 30, 25, 60, 22, 21, 35, 28, 24, 23, 27] },
  '10.77.0.2': { delays: [12, 14, 13], pattern: '1110111111' },
};

t.test('watched paths on the page', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('ppath');
  const { router, spaces } = there;
  const inside = ['ip', ...spaces.argv('r', 'env')];
  await using _hosts = await TunHosts.start(HOSTS, inside);
  for (const Host of Object.keys(HOSTS)) {
    const added = await router.rows('add', { path: TARGETS, obj_path: { Host, ...FIT } });
    t.notOk(added[0]?.fault, JSON.stringify(added));
  }
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/monitor/paths`);
  const main = page.locator('main');
  await main.getByText('loses answers').waitFor();

  await main.getByRole('button', { name: 'Watch something' }).click();
  const form = page.getByRole('dialog');
  await form.getByLabel(/^Name/).fill('<b>gate</b>');
  await form.getByLabel(/Address or name/).fill('10.77.0.1');
  await form.getByRole('button', { name: /Add|Watch/ }).click();
  await main.getByText('<b>gate</b>').first().waitFor();
  t.match(await router.value(`${TARGETS}3.Host`), '10.77.0.1');

  await main.getByRole('button', { name: 'Test 10.77.0.2' }).click();
  await page.getByText(/10\.77\.0\.2: ([1-9]|10) of 10 answered/).waitFor();

  await main.getByRole('link', { name: '10.77.0.2' }).click();
  const picture = main.getByRole('img', { name: /Round trips and losses of 10\.77\.0\.2/ });
  const drawn = () =>
    picture.evaluate((image) => 'naturalWidth' in image && Number(image.naturalWidth) > 0);
  await router.until('it is drawn', drawn);
  await router.until('losses have a pattern', async () => {
    return (await main.getByText('periodically').count()) > 0;
  });
  for (const span of ['Day', 'Week', 'Month', 'Year']) {
    await main.getByRole('button', { name: span, exact: true }).click();
    await router.until(`the ${span} is drawn`, drawn);
  }
  const from = async () => new URL((await picture.getAttribute('src')) ?? '', HOME).searchParams;
  const wide = await from();
  await picture.click();
  const close = await from();
  t.equal(
    Number(close.get('to')) - Number(close.get('from')),
    (365 * 86_400) / 4,
    'closer by a click',
  );
  t.ok(Number(close.get('to')) < Number(wide.get('to')), 'around the place');
  await main.getByRole('button', { name: 'Hour' }).click();
  for (const look of LOOKS) {
    await dress(page, look);
    await router.until('it is drawn', drawn);
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], `${look.name} does not scroll sideways`);
    t.same(await badText(page), [], `${look.name}: text`);
    await page.screenshot({ path: `${PICTURES}paths-${look.name}.png`, fullPage: true });
  }
  t.same(heard, []);
});
