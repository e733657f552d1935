/** Who is on the LAN, by real clients: a lease that appears, words about devices, rules, pools. */
import type { Locator } from 'playwright-core';
import t from 'tap';
import { dnsmasq } from '../lib/isp.ts';
import {
  askForAddress,
  complaints,
  HOME,
  house,
  macOf,
  noBrowser,
  PASSWORD,
  setUp,
} from './page-house.ts';

t.setTimeout(290_000);

const SERVER = 'Device.DHCPv4.Server.';
const STATICS = `${SERVER}Pool.1.StaticAddress.`;
const RULES = `${SERVER}X_GATEHOUSE_Rule.`;
const MARKUP = '<img src=x onerror=alert(1)>';
const [PHONE, TV] = [macOf(0), macOf(1)];

t.test('devices', { skip: noBrowser() }, async (t) => {
  await using there = await house('devices', { devices: ['phone', 'tv', 'odd'] });
  const { router } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  const asked: string[] = [];
  page.on('request', (request) =>
    asked.push(`${new URL(request.url()).pathname} ${request.postData() ?? ''}`),
  );
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
  const at = (hash: string) => page.goto(`${HOME}/#/devices/${hash}`);
  const row = (text: string): Locator => page.getByRole('row').filter({ hasText: text });
  const toast = (text: string) => page.locator('.toast', { hasText: text });
  const undo = (text: string) => toast(text).getByRole('button', { name: 'Undo' }).click();
  const below = async (table: string, name: string): Promise<readonly string[]> => {
    const all = await router.get(table);
    return Object.keys(all).flatMap((path) => (path.endsWith(`.${name}`) ? (all[path] ?? []) : []));
  };
  const said = async (part: Locator): Promise<string> => (await part.textContent()) ?? '';
  await setUp(page);
  await at('list');

  await t.test('a lease appears by itself, with name, maker, state and what is left', async (t) => {
    await page.getByRole('columnheader', { name: 'Hardware address' }).waitFor();
    t.equal(await row('pixel-9').count(), 0);
    const address = await askForAddress(there, 'phone', 'pixel-9');
    t.match(address, /^192\.168\.1\./);
    // The lease is told first; that the device is there, and who made it, a moment later.
    await row('pixel-9')
      .filter({ hasText: address })
      .filter({ hasText: /Here|Away/ })
      .waitFor();
    const text = await said(row('pixel-9'));
    t.match(text, /dc:a6:32:00:00:01/);
    t.match(text, /Raspberry Pi/);
    t.match(text, /Here|Away/);
    t.match(text, /2[34] hrs? .*left|1 day.* left/);
  });

  await t.test('one click: always this address; one more: back', async (t) => {
    const address = /192\.168\.1\.\d+/.exec(await said(row('pixel-9')))?.[0] ?? '';
    await row('pixel-9').getByRole('button', { name: 'Always this address' }).click();
    await row('pixel-9').getByText('always this address', { exact: true }).waitFor();
    t.same(await below(STATICS, 'Yiaddr'), [address]);
    t.same(await below(STATICS, 'Chaddr'), [PHONE]);
    await undo(`pixel-9 always gets ${address}`);
    await row('pixel-9').getByRole('button', { name: 'Always this address' }).waitFor();
    t.same(await below(STATICS, 'Chaddr'), []);
  });

  await t.test('deny, by keyboard; undo; a lease is ended', async (t) => {
    await row('pixel-9').getByRole('button', { name: 'More' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'pixel-9' });
    await dialog.getByRole('button', { name: 'Deny' }).focus();
    await page.keyboard.press('Enter');
    await row('pixel-9').getByText('denied').waitFor();
    t.same(await below(RULES, 'Action'), ['Deny']);
    await undo('pixel-9 is denied');
    await row('pixel-9').getByText('denied').waitFor({ state: 'detached' });
    t.same(await below(RULES, 'Action'), []);
    await press('More … pixel-9');
    await dialog.getByRole('button', { name: 'End the lease' }).click();
    await toast('The lease of pixel-9 is over.').waitFor();
    const leases = await router.call('gatehouse.dhcp-server', 'leases');
    t.notMatch(JSON.stringify(leases), PHONE);
    await row('pixel-9').getByText(/left/).waitFor({ state: 'detached' });
  });

  await t.test('the list is filtered, walked by arrow keys, and saved as CSV', async (t) => {
    await askForAddress(there, 'phone', 'pixel-9');
    await askForAddress(there, 'tv', 'living-room');
    await row('living-room').getByText('left').waitFor();
    await row('pixel-9').getByText('left').waitFor();
    await page.getByLabel('Filter').fill('living');
    t.equal(await row('pixel-9').count(), 0);
    t.equal(await row('living-room').count(), 1);
    await page.getByLabel('Filter').fill('');
    await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
    const more = page.getByRole('button', { name: /^More/ });
    const last = (await more.count()) - 1;
    await more.nth(last - 1).focus();
    await page.keyboard.press('ArrowDown');
    t.ok(await more.nth(last).evaluate((button) => button.matches(':focus')));
    const [download] = await Promise.all([page.waitForEvent('download'), press('Save as CSV')]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(Buffer.from(chunk));
    t.equal(download.suggestedFilename(), 'devices.csv');
    t.match(Buffer.concat(chunks).toString(), /living-room,192\.168\.1\.\d+,dc:a6:32:00:00:02,/);
  });

  await t.test('selective: a stranger waits, is seen at once, and is approved', async (t) => {
    await at('others');
    await press('Choose a mode');
    const dialog = page.getByRole('dialog', { name: 'Choose a mode' });
    await dialog.getByLabel('Interface').selectOption({ index: 2 });
    await dialog.getByLabel('Mode', { exact: true }).selectOption('Selective');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await row('Selective: those allowed').waitFor();
    await page.goto(`${HOME}/#/overview`);
    await page.getByText('Nothing. All is well.').waitFor();
    const getting = askForAddress(there, 'odd', 'stranger', '-V', MARKUP);
    await toast('stranger asks for an address').getByRole('link', { name: 'Look' }).waitFor();
    await page.getByText('1 device waits for your approval.').waitFor();
    await page.getByRole('link', { name: 'Devices 1 waiting' }).waitFor();
    await toast('stranger asks').getByRole('link', { name: 'Look' }).click();
    await row('stranger').getByText(MARKUP).waitFor();
    t.equal(await page.locator('main img').count(), 0, 'markup stays text');
    await row('stranger').getByRole('button', { name: 'Approve' }).click();
    t.match(await getting, /^192\.168\.1\./, 'it is served');
    await page.getByText('Nobody waits.').waitFor();
    await at('list');
    await row('stranger').getByText('allowed: Without end').waitFor();
  });

  await t.test('a temporary exception counts down', async (t) => {
    await press('More … living-room');
    const dialog = page.getByRole('dialog', { name: 'living-room' });
    await dialog.getByLabel('Allow for').fill('2,5');
    await dialog.getByRole('button', { name: 'Allow', exact: true }).click();
    await toast('living-room is allowed for 2 hours 30 minutes.').waitFor();
    await row('living-room')
      .getByText(/allowed: 2 hrs? \d+ mins? left/)
      .waitFor();
    const [until = ''] = (await below(RULES, 'Until')).filter((text) => !text.startsWith('0001'));
    const minutes = (Date.parse(until) - Date.now()) / 60_000;
    t.ok(minutes > 145 && minutes <= 150, `${minutes} minutes`);
    await at('rules');
    await row(`MAC ${TV}`)
      .getByText(/2 hrs? \d+ mins? left/)
      .waitFor();
  });

  await t.test(
    'rules: added in plain words, edited, moved, deleted and brought back',
    async (t) => {
      await press('Add a rule');
      const dialog = page.getByRole('dialog', { name: 'Add a rule' });
      await dialog.getByLabel('Decision').selectOption('Deny');
      await dialog.getByLabel('MAC address').fill('b8:27:eb:00:00:00');
      await dialog.getByLabel('Bits of it that count').fill('ff:ff:ff:00:00:00');
      await dialog.getByLabel('Host name').fill(MARKUP);
      await dialog.getByLabel('The name').selectOption('Substring');
      await dialog.getByRole('button', { name: 'Add', exact: true }).click();
      const words = `MACs that begin with b8:27:eb, name contains “${MARKUP}”`;
      await row(words).waitFor();
      t.equal(await page.locator('main img').count(), 0);
      const order = async (): Promise<number> => {
        const texts = await page.locator('main tbody tr').allTextContents();
        return texts.findIndex((text) => text.includes('b8:27:eb'));
      };
      const before = await order();
      t.ok(before > 0, 'a new rule is the last');
      await press(`${words}: earlier`);
      await router.until('it moved up', async () => (await order()) === before - 1);
      await press(`${words}: later`);
      await router.until('and down again', async () => (await order()) === before);
      await press(`Edit ${words}`);
      const form = page.getByRole('region', { name: words });
      await form.getByLabel('Host name').fill('');
      await form.getByLabel('Ends').fill('2035-05-01T12:00');
      await press('Save 2 changes');
      await row('MACs that begin with b8:27:eb').getByText(/left/).waitFor();
      t.ok((await below(RULES, 'Until')).includes('2035-05-01T10:00:00Z'), 'in the time zone here');
      await press('Delete MACs that begin with b8:27:eb');
      await row('b8:27:eb').waitFor({ state: 'detached' });
      await undo('MACs that begin with b8:27:eb is deleted.');
      await row('b8:27:eb').waitFor();
    },
  );

  await t.test('pools: how full, settings by the form, options', async (t) => {
    await at('pools');
    const pool = page.locator('main tbody tr').first();
    await pool.getByText(/^3 of \d+$/).waitFor();
    t.equal(await pool.getByRole('meter').getAttribute('value'), '3');
    await pool.getByRole('link').click();
    await page.getByLabel('Lent for').fill('30');
    await press('Save 1 change');
    await page.locator('.fault').waitFor();
    await page.getByLabel('Lent for').fill('7200');
    await press('Save 1 change');
    await router.waitFor(`${SERVER}Pool.1.LeaseTime`, '7200');
    await press('Add an option');
    const dialog = page.getByRole('dialog', { name: 'Add an option' });
    await dialog.getByLabel('Option number').fill('42');
    await dialog.getByLabel('Value').fill('c0a80101');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await row('42 NTP servers').waitFor();
  });

  await t.test('a renewal, which tells nobody, is seen all the same', async (t) => {
    await at('list');
    await row('living-room')
      .getByText(/^23 hrs .* left$/)
      .waitFor();
    t.match(await askForAddress(there, 'tv', 'living-room'), /^192/);
    await row('living-room')
      .getByText(/^(?:1 hr 59 mins|2 hrs) left$/)
      .waitFor();
  });

  await t.test('another server is told of wherever the reader is', async (t) => {
    await page.goto(`${HOME}/#/overview`);
    const rogue = '192.168.1.66';
    there.spaces.exec('odd', 'ip', 'address', 'flush', 'dev', 'eth0');
    there.spaces.exec('odd', 'ip', 'address', 'add', `${rogue}/24`, 'dev', 'eth0');
    await using _server = await dnsmasq(
      there.spaces,
      'odd',
      '--interface=eth0',
      '--dhcp-range=192.168.1.200,192.168.1.210,1h',
    );
    await askForAddress(there, 'phone', 'pixel-9', '-B');
    await toast(`Another DHCP server answers in your network: ${rogue}`).waitFor();
    const need = page.getByRole('region', { name: 'What needs you' }).getByRole('link');
    await need.filter({ hasText: rogue }).click();
    await page.getByRole('alert').filter({ hasText: 'wrong addresses' }).waitFor();
    t.match(await said(row(macOf(2))), rogue);
    t.match(await said(row('pixel-9')), /192\.168\.1\.2\d\d/, 'and what it lent');
  });

  await t.test('the overview counts who is here', async (t) => {
    await page.goto(`${HOME}/#/overview`);
    const card = page.getByRole('region', { name: 'Home network' });
    await card.getByText(/^[34] new since yesterday$/).waitFor();
    await card.getByRole('link', { name: /^\d devices?$/ }).click();
    await row('living-room').waitFor();
    t.match(page.url(), /#\/devices$/);
  });

  await t.test('nothing is asked again and again', async (t) => {
    await at('list');
    await row('living-room').waitFor();
    const start = asked.length;
    const seen = await said(page.locator('.contact'));
    const newest = Number(await page.evaluate('Date.now()'));
    await router.until(
      'three seconds pass',
      async () => Number(await page.evaluate('Date.now()')) - newest > 3000,
    );
    t.equal(seen, 'Live');
    // A device that is found meanwhile is a row that is fetched, once; the WAN's lease may be
    // renewed, which is told, and its times are read again.
    const since = asked
      .slice(start)
      .filter((text) => !/^\/api\/look |"Device\.DHCPv4\.Client\./.test(text));
    t.same(since, [...new Set(since)]);
  });

  await t.test('a viewer looks', async (t) => {
    const users = await router.rows('add', {
      path: 'Device.Users.User.',
      obj_path: { Username: 'guest', Password: PASSWORD, X_GATEHOUSE_Role: 'Viewer', Enable: '1' },
    });
    t.ok(users.length > 0);
    const other = await (await there.person()).newPage();
    await other.goto(`${HOME}/`);
    await other.getByLabel('User').fill('guest');
    await other.getByLabel('Password').fill(PASSWORD);
    await other.getByRole('button', { name: 'Log in' }).click();
    await other.getByRole('navigation', { name: 'Places' }).waitFor();
    await other.goto(`${HOME}/#/devices/list`);
    await other.getByRole('row').filter({ hasText: 'living-room' }).waitFor();
    t.equal(await other.getByRole('button', { name: /Always|More|Deny/ }).count(), 0);
    const status = await other.evaluate(`(async () => {
      const { csrf } = await (await fetch('/api/session')).json();
      const answer = await fetch('/api/device', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-gatehouse-token': csrf },
        body: JSON.stringify({ word: 'deny', mac: '${TV}' }),
      });
      return answer.status;
    })()`);
    t.equal(status, 403);
    await other.context().close();
  });

  t.same(heard, []);
});
