/** The place of DNS at work: what dig asks on the LAN stands in the log, one click blocks it, one pauses. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator } from 'playwright-core';
import t from 'tap';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const DNS = 'Device.X_GATEHOUSE_DNS.';
const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const RESOLVER = '198.51.100.9';
const [LIGHT, DARK, , , PHONE] = LOOKS;
const TABS = ['', 'log', 'stats', 'lists', 'groups', 'names', 'upstreams', 'settings'];

t.test('names', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const there = stack.use(
    await house('dns', {
      rows: {
        'Device.DNS.Relay.Forwarding.1.Alias': 'own',
        'Device.DNS.Relay.Forwarding.1.Enable': 'true',
        'Device.DNS.Relay.Forwarding.1.DNSServer': RESOLVER,
        [`${DNS}QueryLog.Privacy`]: 'Full',
        // The resolver of this test is no part of the signed tree.
        [`${DNS}DNSSEC.Enable`]: 'false',
      },
    }),
  );
  const { router, spaces } = there;
  spaces.exec('isp', 'ip', 'address', 'add', `${RESOLVER}/24`, 'dev', 'isp0');
  const resolver = spawn(
    'ip',
    spaces.argv(
      'isp',
      'dnsmasq',
      ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--user=root'],
      ...['--no-resolv', '--no-hosts', `--listen-address=${RESOLVER}`, '--bind-interfaces'],
      ...['www', 'ads', 'cdn'].map((name, i) => `--host-record=${name}.example,203.0.113.${i + 1}`),
    ),
    { stdio: 'ignore' },
  );
  stack.defer(() => void resolver.kill());
  const dig = (name: string): string => {
    try {
      return spaces.exec('lan', 'dig', '@192.168.1.1', '+short', '+time=2', name).trim();
    } catch {
      return '';
    }
  };
  const answers = (name: string, wanted: string) =>
    router.until(`${name} is ${wanted}`, () => dig(name) === wanted);
  await answers('www.example', '203.0.113.1');
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  const main = page.locator('main');
  const press = (name: string | RegExp) => main.getByRole('button', { name }).first().click();
  const at = (tab: string) => page.goto(`${HOME}/#/dns${tab === '' ? '' : `/${tab}`}`);
  const row = (text: string): Locator => page.getByRole('row').filter({ hasText: text });
  await setUp(page);

  await t.test('the log follows; one click blocks, one takes it back', async () => {
    await at('log');
    await row('www.example').first().waitFor();
    dig('ads.example');
    await row('ads.example').first().waitFor();
    await row('ads.example').first().getByRole('button', { name: 'Block' }).click();
    await page.locator('.toast', { hasText: 'ads.example is blocked' }).waitFor();
    await answers('ads.example', '0.0.0.0');
    await row('ads.example').filter({ hasText: 'Blocked' }).first().waitFor();
    await main.getByLabel('Blocked ones only').check();
    await row('www.example').first().waitFor({ state: 'detached' });
    await main.getByLabel('Blocked ones only').uncheck();
  });

  await t.test('why, and a pause that stands there until it is ended', async (t) => {
    await at('');
    await main.getByLabel('Name', { exact: true }).fill('x.ads.example');
    await press('Look it up');
    await main.getByText('x.ads.example: blocked').waitFor();
    t.match(await main.textContent(), /Decided by: blocked/);
    await press('5 minutes');
    await main.getByText('Everybody: nothing is blocked').first().waitFor();
    await answers('ads.example', '203.0.113.2');
    await press(/^End it/);
    await main.getByText('Nothing is paused').waitFor();
    await answers('ads.example', '0.0.0.0');
    await press('Allow for an hour');
    await main.getByText('x.ads.example is allowed (Everybody)').first().waitFor();
  });

  await t.test('a list: added, in use, its fault in words', async () => {
    const file = join(router.folder, 'list.txt');
    writeFileSync(file, 'cdn.example\nno rule <b>at all</b> !!\n');
    await at('lists');
    await press('Add a list');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Adverts');
    await dialog.getByLabel('Address of the list').fill('http://lists.example/x');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByText(/no URL that begins/).waitFor();
    await dialog.getByLabel('Address of the list').fill(`file://${file}`);
    await dialog.getByRole('button', { name: 'Add' }).click();
    await row('Adverts').getByText('In use').waitFor();
    await row('Adverts').getByText('1 line is no rule').click();
    await row('Adverts').getByText('no rule <b>at all</b>').waitFor();
    await answers('cdn.example', '0.0.0.0');
    await row('Adverts').getByRole('button', { name: 'Update now' }).click();
    await page.locator('.toast', { hasText: 'Adverts is up to date' }).waitFor();
    await main.getByText('ads.example').first().waitFor();
  });

  await t.test('names at home, and who is asked', async () => {
    await at('names');
    await press('Add a name');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('nas.lan');
    await dialog.getByLabel('Value').fill('192.168.1.9');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await row('nas.lan').waitFor();
    await answers('nas.lan', '192.168.1.9');
    await at('upstreams');
    await row(RESOLVER).getByText('Answers').waitFor();
    await row(RESOLVER).getByText(/ms$/).waitFor();
  });

  await t.test('every tab, in light, dark and on a phone', async (t) => {
    for (const look of [LIGHT, DARK, PHONE]) {
      await dress(page, look);
      for (const tab of TABS) {
        await at(tab);
        await main.locator('.card').first().waitFor();
        const place = `dns-${tab || 'now'}`;
        t.same(await violations(page, look.contrast), [], `${place} in ${look.name}`);
        t.same(await sticksOut(page), [], `${place} in ${look.name} does not scroll sideways`);
        t.same(await badText(page), [], `${place} in ${look.name}: text`);
        await page.screenshot({ path: `${PICTURES}${place}-${look.name}.png`, fullPage: true });
      }
    }
  });
  t.same(heard, []);
});
