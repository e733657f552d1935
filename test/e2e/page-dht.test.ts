/** The node of the DHT as the owner sees it: switched on, in every look, an update that another box announced, and who in the LAN speaks BitTorrent. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { getPeers } from '../lib/torrent-packets.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const DHT = 'Device.X_GATEHOUSE_DHT.';

t.test('the DHT on the page', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('pdht');
  const { router } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  await setUp(page);
  await page.goto(`${HOME}/#/network/dht`);
  const main = page.locator('main');
  await main.getByText('The node is off.').waitFor();
  await main.getByText('No key is set, so no announcements are followed.').waitFor();

  const settings = main.getByRole('region', { name: 'Settings' });
  await settings.getByLabel('First nodes').waitFor();
  await settings.getByRole('checkbox').first().check();
  // The DNS server's.
  await settings.getByLabel('Port').fill('53');
  await settings.getByRole('button', { name: 'Save' }).click();
  await main.getByText('The node could not start.').waitFor();
  await settings.getByLabel('Port').fill('6889');
  await settings.getByRole('button', { name: 'Save' }).click();
  // There is no other node in this house.
  await main.getByText('looks for other nodes').waitFor();
  await main.getByText('IPv4', { exact: true }).waitFor();
  t.equal(await main.getByText('0 ms').count(), 0, 'nobody answered, so it took no time');
  t.same(
    await router.set({ [`${DHT}Announcement.PublicKey`]: 'ab'.repeat(32) }),
    [],
    'a key is set',
  );
  await main.getByText('Nothing was announced yet.').waitFor();
  const view = main.getByRole('region', { name: 'BitTorrent in the LAN' });
  await view.getByText('Off: nothing is heard.').waitFor();
  await view.getByRole('checkbox').first().check();
  await view.getByRole('button', { name: 'Save' }).click();
  await view.getByText('Nothing of BitTorrent was heard yet.').waitFor();
  const query = getPeers(Buffer.from('abcdefghij0123456789')).toString();
  const send = 'printf %s "$1" >/dev/udp/192.168.1.1/6881';
  there.spaces.exec('lan', 'bash', '-c', send, 'send', query);
  const torrent = view.getByText('616263646566…');
  await torrent.waitFor();
  await view.getByText('dht-get').waitFor();
  for (const look of LOOKS) {
    await dress(page, look);
    t.same(await violations(page, look.contrast), [], look.name);
    t.same(await sticksOut(page), [], `${look.name} does not scroll sideways`);
    t.same(await badText(page), [], `${look.name}: text`);
    await page.screenshot({ path: `${PICTURES}dht-${look.name}.png`, fullPage: true });
  }
  await view.getByRole('button', { name: 'Forget all of it' }).click();
  await torrent.waitFor({ state: 'detached' });
  await view.getByText('Nothing of BitTorrent was heard yet.').waitFor();
  t.same(heard, []);
});
