/** MAP-T as the owner sees it: the address with its ports in every look, rules changed, and what is wrong with them. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DOMAIN_ROWS } from '../lib/map-net.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
// Native IPv4 is what the browser's home has besides.
const ROWS = Object.fromEntries(
  Object.entries(DOMAIN_ROWS).filter(([path]) => !path.startsWith('Device.DHCPv4.')),
);

t.test('the shared address on the page', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('pmap', { rows: ROWS, tun: true });
  const { router } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/network/map`);
  const main = page.locator('main');
  await main.getByText('192.0.2.18').first().waitFor();
  await main.getByText('52 (8 bits)').waitFor();
  await main.getByText('0 of 252').waitFor();
  t.equal(await main.locator('.port-sets li').count(), 63);
  t.match(await main.locator('.port-sets li').last().textContent(), /64720-64723\s+0 of 4/);
  await main.getByText('2001:db8::/40').first().waitFor();
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], `${look.name} does not scroll sideways`);
    t.same(await badText(page), [], `${look.name}: text`);
    await page.screenshot({ path: `${PICTURES}map-${look.name}.png`, fullPage: true });
  }

  // A rule that cannot be says so where it stands; put right, it works again.
  const rule = 'Device.MAP.Domain.1.Rule.1.';
  t.same(await router.set({ [`${rule}EABitsLength`]: '30' }), []);
  await main
    .getByText(/too long: a prefix of 40 and 30 EA bits/)
    .first()
    .waitFor();
  t.same(await router.set({ [`${rule}EABitsLength`]: '16' }), []);
  await main.getByText('192.0.2.18').first().waitFor();
  await main.getByRole('button', { name: 'Edit 2001:db8::/40' }).click();
  const form = main.getByRole('region', { name: '2001:db8::/40' });
  await form.getByLabel(/PSID ?Offset/i).fill('4');
  await form.getByRole('button', { name: 'Save' }).click();
  await main.getByText('4928-4943').waitFor();
  t.equal(await main.locator('.port-sets li').count(), 15);
  t.same(heard, []);
});
