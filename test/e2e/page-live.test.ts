/** What moves by itself on the page, and what must not: chart, log, counters, drafts. */
import type { Page, Request } from 'playwright-core';
import t from 'tap';
import { complaints, HOME, house, logIn, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const RENEW = `${CLIENT}Renew()`;

t.test('what is live', { skip: noBrowser() }, async (t) => {
  await using there = await house('live');
  const { router, spaces } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
  const asked: Request[] = [];
  page.on('request', (request) => asked.push(request));
  const looks = (): string[][] =>
    asked
      .filter((request) => request.url().endsWith('/api/look'))
      .map((request) => (request.postDataJSON() as { paths: string[] }).paths);
  await setUp(page);

  await t.test('a chart is zoomed by drag, and follows again', async (t) => {
    const plot = page.locator('.u-over');
    const seconds = async (): Promise<number> => {
      const text = (await page.locator('.legend-when').textContent()) ?? '';
      const [, h, m, s] = /(\d+):(\d+):(\d+)/.exec(text) ?? [];
      return Number(h) * 3600 + Number(m) * 60 + Number(s);
    };
    const box = await plot.boundingBox();
    if (box === null) throw new Error('no plot');
    const [left, right, y] = [box.x + 2, box.x + box.width - 2, box.y + box.height / 2];
    const first = await router.until('there are three samples', async () => {
      await page.mouse.move(left, y);
      const oldest = await seconds();
      await page.mouse.move(right, y);
      return (await seconds()) - oldest >= 3 ? oldest : undefined;
    });
    // Two minutes are shown: the last two seconds are the last sixtieth.
    await page.mouse.move(right - box.width / 60, y);
    await page.mouse.down();
    await page.mouse.move(right - 5, y, { steps: 4 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Follow again' }).waitFor();
    await page.mouse.move(left, y);
    const zoomed = await seconds();
    t.ok(zoomed > first, `the left end is ${zoomed - first} s later`);
    const newest = await page.evaluate('Date.now()');
    await router.until(
      'more samples come',
      async () => Number(await page.evaluate('Date.now()')) - Number(newest) > 1500,
    );
    await page.mouse.move(left + 1, y);
    t.equal(await seconds(), zoomed, 'what is looked at does not move away');
    await press('Follow again');
    await page.mouse.move(left, y);
    t.equal(await seconds(), first);
    t.equal(await page.getByRole('button', { name: 'Follow again' }).count(), 0);
    await page.mouse.move(0, 0);
    await page.locator('.legend-when').getByText('Now').waitFor();
  });

  await t.test('its figures are a table, too', async (t) => {
    await page.getByText('The same as a table').click();
    const table = page.getByRole('region', { name: 'The same as a table' }).getByRole('table');
    t.same(await table.getByRole('columnheader').allTextContents(), ['Time', 'Received', 'Sent']);
    const [newest = ''] = await table.getByRole('row').nth(1).allTextContents();
    t.match(newest, /20\d\d.*\d+:\d\d:\d\d.*bit\/s.*bit\/s/);
  });

  await t.test('counters go on while they are shown, and are not asked for', async (t) => {
    await page.goto(`${HOME}/#/network/interfaces`);
    const received = page.locator('tr:has-text("lan0")').first().locator('td').nth(5);
    await received.waitFor();
    const [before, start] = [await received.textContent(), asked.length];
    // The counter is shown with three digits: what moves the last of them must come down the line.
    const load = () => spaces.exec('lan', 'sh', '-c', 'ping -c 1 -W 1 -s 60000 192.168.1.1; true');
    const moved = async (from: string | null): Promise<boolean> => {
      load();
      return (await received.textContent()) !== from;
    };
    await router.until('it went up', () => moved(before));
    const shown = await received.textContent();
    await router.until('it went up again', () => moved(shown));
    // The WAN's lease may be renewed meanwhile, whose times are read again.
    const read = asked
      .slice(start)
      .filter((request) => request.url().endsWith('/api/get'))
      .flatMap((request) => (request.postDataJSON() as { paths: string[] }).paths);
    t.same(
      read.filter((path) => !path.startsWith('Device.DHCPv4.Client.')),
      [],
    );
    t.ok(looks().at(-1)?.includes('Device.IP.Interface.1.Stats.'));
    await page.goto(`${HOME}/#/network/dhcp/1`);
    const requests = page
      .locator('.counts div')
      .filter({ hasText: /^Request/ })
      .locator('dd');
    const sent = Number(await requests.textContent());
    await router.call('bbfdm', 'operate', { command: RENEW });
    await router.until(
      'a message is counted',
      async () => Number(await requests.textContent()) > sent,
    );
    t.same(looks().at(-1), [`${CLIENT}Stats.`]);
    await page.goto(`${HOME}/#/system/appearance`);
    await router.until('nobody looks any more', () => looks().at(-1)?.length === 0);
  });

  await t.test('the log is filtered and followed, and stands still while it is read', async (t) => {
    // So low that a young log is longer than its frame.
    await page.setViewportSize({ width: 1280, height: 400 });
    await page.goto(`${HOME}/#/monitor/logs`);
    const lines = page.locator('.log li');
    await page.getByLabel('Least level').selectOption('debug');
    await router.until('there is much to read', async () => (await lines.count()) > 15);
    await page.getByLabel('Filter').fill('no such words');
    await page.getByText('No lines fit.').waitFor();
    await page.getByLabel('Filter').fill('');
    const top = async (): Promise<string> => (await lines.first().textContent()) ?? '';
    const acks = async (): Promise<number> => Number(await router.value(`${CLIENT}Stats.ACK`));
    // The next is asked for when this one is over: the client takes two at once for one.
    const renew = async (): Promise<void> => {
      const before = await acks();
      await router.call('bbfdm', 'operate', { command: RENEW });
      await router.until('the renewal is over', async () => (await acks()) > before);
    };
    const newest = await top();
    await renew();
    await router.until('a new line is on top', async () => (await top()) !== newest);
    const list = page.getByRole('region', { name: 'Log' }).last();
    await list.hover();
    await page.mouse.wheel(0, 120);
    const back = page.getByRole('button', { name: /^Follow again/ });
    await back.waitFor();
    const seen = await visible(page);
    await renew();
    await page.getByRole('button', { name: /^Follow again \([1-9]/ }).waitFor();
    t.equal(await visible(page), seen, 'what is read stays where it is');
    await back.click();
    await back.waitFor({ state: 'detached' });
    t.equal(await page.evaluate(`document.querySelector('.log').parentElement.scrollTop`), 0);
    const again = await top();
    await renew();
    await router.until('it follows again', async () => (await top()) !== again);
    await page.getByLabel('Follow').uncheck();
    const held = await top();
    await renew();
    t.equal(await top(), held);
    await page.getByLabel('Follow').check();
    await router.until('all is there', async () => (await top()) !== held);
  });

  await t.test(
    'what was typed outlives a reload, but not a log-out; passwords are not kept',
    async (t) => {
      await page.goto(`${HOME}/#/network/dhcp/1`);
      await page.getByLabel('Traffic mark').fill('33');
      await page.reload();
      await page.getByRole('button', { name: 'Save 1 change' }).waitFor();
      t.equal(await page.getByLabel('Traffic mark').inputValue(), '33');
      t.equal(await router.value(`${CLIENT}DSCPMark`), '48', 'nothing was sent');
      await page.goto(`${HOME}/#/system/users`);
      await page.getByLabel('Password').fill('a secret of mine');
      const kept = () => page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })');
      t.match(await kept(), /DSCPMark.*33/);
      t.notMatch(await kept(), /a secret of mine/);
      await press('Log out');
      await page.getByRole('button', { name: 'Log in' }).waitFor();
      t.notMatch(await kept(), /DSCPMark/);
      await logIn(page);
      await page.goto(`${HOME}/#/network/dhcp/1`);
      t.equal(await page.getByLabel('Traffic mark').inputValue(), '48');
    },
  );

  t.same(heard, []);
});

/** The line at the middle of the log, as it stands on the screen. */
const visible = (page: Page): Promise<unknown> =>
  page.evaluate(`(() => {
    const { left, top, height } = document.querySelector('.log').parentElement.getBoundingClientRect();
    return document.elementFromPoint(left + 300, top + height / 2).closest('li').innerText;
  })()`);
