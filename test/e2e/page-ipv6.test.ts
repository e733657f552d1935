/** IPv6 at the WAN as the owner sees it: what was delegated, where it went, what the provider told. */
import t from 'tap';
import { TalkingServer6 } from '../lib/isp.ts';
import { dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv6.Client.1.';

t.test('the page of IPv6', { skip: noBrowser() }, async (t) => {
  await using there = await house('page6');
  const { router, spaces } = there;
  await using server = new TalkingServer6(spaces, 'isp');
  await server.mood({
    ...{ mode: 'answer', addresses: ['2001:db8:f::50'], prefixes: ['2001:db8:1100::/56'] },
    options: { 64: '04616674720369737003636f6d00', 95: '005900150110' },
  });
  await router.waitFor(`${CLIENT}X_GATEHOUSE_State`, 'Bound', 60_000);

  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/network/ipv6`);
  await page.getByRole('heading', { name: 'IPv6 on wan' }).waitFor();
  await page.getByText('2001:db8:1100::/56').first().waitFor();
  await page.getByText('2001:db8:f::50').first().waitFor();
  const part = page.getByRole('row').filter({ hasText: '2001:db8:1100:2::/64' });
  await part.getByText('lan', { exact: true }).waitFor();
  await part.getByText('In use').waitFor();
  await page.getByText('aftr.isp.com').waitFor();
  await page.getByText('95 MAP-T').first().waitFor();
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], look.name);
  }

  const asked = server.all.length;
  await page.getByRole('button', { name: 'Renew now' }).click();
  await router.until('the server is asked', () => server.all.length > asked);
  await page.getByRole('button', { name: 'Add an option' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Option number').fill('15');
  await dialog.getByLabel('Value').fill('0004ABCD1234');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('0004ABCD1234').first().waitFor();
  await router.until('it is sent', () => server.all.at(-1)?.sent['15'] === '0004abcd1234');
  t.same(heard, []);
});
