/** Every place in every look and in German: kept as pictures in build/screenshots, and without a violation of WCAG 2.2 AA. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import t from 'tap';
import { type Translate, translator } from '../../src/web/i18n/catalogue.ts';
import { texts as captureTexts } from '../../src/web/parts/capture/texts.ts';
import { texts } from '../../src/web/parts/dns/texts.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import {
  askForAddress,
  complaints,
  HOME,
  type House,
  house,
  macOf,
  noBrowser,
  PASSWORD,
  setUp,
} from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const CLIENT = encodeURIComponent('Device.DHCPv4.Client.1.');

/** Places by the name of their picture: address, and what shows that it is there. */
const placesOf = (
  say: Translate,
  dns: Translate<keyof typeof texts.en>,
  capture: Translate<keyof typeof captureTexts.en>,
): Readonly<Record<string, readonly [hash: string, text: string]>> => ({
  overview: ['overview', say('needs.title')],
  devices: ['devices', 'pixel-9'],
  waiting: ['devices/waiting', 'guest-phone'],
  rules: ['devices/rules', say('rule.HostName', { how: say('choice.Prefix'), text: 'work-' })],
  pools: ['devices/pools', say('pools.lent')],
  pool: ['devices/pools/1', say('about.X_GATEHOUSE_FollowInterface')],
  'other-servers': ['devices/others', say('choice.Selective')],
  dns: ['dns', dns('why.look')],
  'dns-settings': ['dns/settings', dns('settings.logText')],
  interfaces: ['network/interfaces', say('column.mac')],
  interface: ['network/interfaces/2', say('param.MaxMTUSize')],
  'dhcp-clients': ['network/dhcp', say('clients.intro')],
  'dhcp-client': ['network/dhcp/1', say('client.asks')],
  firewall: ['network/firewall', say('firewall.zones')],
  routes: ['network/routes', say('routes.default')],
  log: ['monitor/logs', 'the box was set up'],
  audit: ['monitor/audit', 'Device.Users.User.1.Username'],
  capture: ['capture', capture('capture.all')],
  model: [`model/${CLIENT}`, 'LeaseTimeRemaining'],
  history: ['system/history', say('history.revision', { revision: 1 })],
  backup: ['system/backup', say('backup.restoreText')],
  users: ['system/users', say('param.X_GATEHOUSE_Role')],
  certificate: ['system/certificate', say('certificate.fingerprint')],
  box: ['system/box', say('box.rebootText')],
  firmware: ['system/firmware', say('system.firmware')],
  appearance: ['system/appearance', say('appearance.intro')],
});

const [LIGHT, , , , PHONE] = LOOKS;
const SHOWN = [
  ...LOOKS.map((look) => ({ ...look, language: 'en' as const })),
  { ...LIGHT, name: 'german', language: 'de' as const },
  { ...PHONE, name: 'german-phone', language: 'de' as const },
];

t.test('every place, every look', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('looks', { devices: ['phone', 'guest'] });
  const first = await (await there.person()).newPage();
  const heard = complaints(first);
  await first.goto(`${HOME}/`);
  await first.getByRole('heading', { name: 'Choose a password' }).waitFor();
  for (const look of LOOKS) {
    await dress(first, look);
    await first.screenshot({ path: `${PICTURES}wizard-${look.name}.png`, fullPage: true });
  }
  await dress(first, LIGHT);
  await setUp(first);
  await first.context().close();
  const [asking] = await peopled(there);

  const places: string[] = [];
  const walk = async (look: (typeof SHOWN)[number]): Promise<void> => {
    const { name, contrast, width, language } = look;
    // What stands there is the same in every theme.
    const coloursOnly = look.theme === 'dark' || contrast === 'more';
    const say = translator(language);
    const locale = language === 'de' ? 'de-DE' : 'en-GB';
    const page = await (await there.person({ locale, viewport: { width, height: 860 } })).newPage();
    const said = complaints(page);
    const looked = async (place: string): Promise<void> => {
      t.same(await violations(page, contrast, coloursOnly), [], `${place} in ${name}`);
      t.same(await sticksOut(page), [], `${place} in ${name} does not scroll sideways`);
      t.same(await badText(page), [], `${place} in ${name}: text`);
      await page.screenshot({ path: `${PICTURES}${place}-${name}.png`, fullPage: true });
      places.push(`${place} in ${name}`);
      if (width !== PHONE.width) return;
      await page.setViewportSize({ width: 320, height: 860 });
      await settled(page);
      t.same(await sticksOut(page), [], `${place} in ${name} at 320 px (WCAG 1.4.10)`);
      t.same(await badText(page), [], `${place} in ${name} at 320 px: text`);
      await page.setViewportSize({ width, height: 860 });
    };
    await page.goto(`${HOME}/`);
    await page.evaluate(
      `localStorage.setItem('gatehouse.theme', '${look.theme}'); localStorage.setItem('gatehouse.contrast', '${contrast}')`,
    );
    await page.reload();
    await page.getByRole('button', { name: say('login.enter') }).waitFor();
    await looked('login');
    await page.getByLabel(say('login.password')).fill(PASSWORD);
    await page.getByRole('button', { name: say('login.enter') }).click();
    await page.locator('.legend-out').waitFor();
    for (const [place, [hash, text]] of Object.entries(
      placesOf(say, translator(language, texts), translator(language, captureTexts)),
    )) {
      await page.goto(`${HOME}/#/${hash}`);
      await page.locator('main').getByText(text).first().waitFor();
      if (place === 'overview') await page.locator('.u-over').waitFor();
      await looked(place);
    }
    t.same(said, [], `no script failed, no policy was breached, in ${name}`);
    await page.context().close();
  };
  // Two at once: most of the time goes into the browser's own processes.
  const queue = [...SHOWN];
  const lane = async (): Promise<void> => {
    for (let look = queue.shift(); look !== undefined; look = queue.shift()) await walk(look);
  };
  await Promise.all([lane(), lane()]);
  t.equal(await asking, '', 'who waits gets nothing');
  t.same(heard, []);
  t.comment(`0 violations wanted in ${places.length} looks: ${places.join(', ')}`);
});

/** Devices of every kind: one with an address, one that waits, and rules. Gives what the last one gets. */
async function peopled(there: House): Promise<Promise<string>[]> {
  const { router } = there;
  await askForAddress(there, 'phone', 'pixel-9');
  const add = (path: string, obj_path: Readonly<Record<string, string>>) =>
    router.rows('add', { path: `Device.DHCPv4.Server.${path}.`, obj_path });
  const lan = { Interface: 'Device.IP.Interface.2' };
  await add('X_GATEHOUSE_Segment', { ...lan, Mode: 'Selective' });
  await add('X_GATEHOUSE_Rule', { Enable: '1', HostName: 'work-', HostNameMode: 'Prefix' });
  const until = `${new Date(Date.now() + 9_000_000).toISOString().slice(0, 19)}Z`;
  await add('X_GATEHOUSE_Rule', { Enable: '1', ...lan, RandomisedMAC: 'Only', Until: until });
  await add('X_GATEHOUSE_Rule', { Enable: '1', Action: 'Deny', Chaddr: macOf(0) });
  const asking = askForAddress(there, 'guest', 'guest-phone', '-V', 'android-dhcp-15');
  await router.until('one waits', async () =>
    Object.values(await router.get('Device.DHCPv4.Server.X_GATEHOUSE_Pending.')).includes(
      'guest-phone',
    ),
  );
  return [asking];
}

/** What follows the size of the window has done so. */
const settled = (page: Page): Promise<unknown> =>
  page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
