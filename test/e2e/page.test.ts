/** A reader at the page of a real router: set-up, changes, a lease renewed, contact lost, a LAN address that breaks, backups. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t from 'tap';
import { median } from '../lib/median.ts';
import { complaints, HOME, house, logIn, noBrowser, PASSWORD } from './page-house.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const LAN = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';
const LOADS = 7;

/** What has the focus, as a screen reader would begin: its name or its text. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(
    `(() => { const at = document.activeElement; return at.name || at.labels?.[0]?.innerText || at.innerText || at.tagName; })()`,
  ) as Promise<string>;

/** Presses Tab until the focus is there; fails when it comes round without. */
async function tabTo(page: Page, wanted: string | RegExp): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const at = await focused(page);
    if (wanted instanceof RegExp ? wanted.test(at) : at === wanted) return;
    seen.push(at);
  }
  throw new Error(`Tab never reaches ${wanted}; it goes by ${seen.join(' | ')}`);
}

t.test('a reader and the router', { skip: noBrowser() }, async (t) => {
  await using there = await house('page');
  const { router } = there;
  const context = await there.person({ acceptDownloads: true });
  const page = await context.newPage();
  const heard = complaints(page);
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click();

  await t.test('the wizard by keyboard alone; it cannot be skipped', async (t) => {
    await page.goto(`${HOME}/#/system/users`);
    await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
    await tabTo(page, 'password');
    await page.keyboard.type('short');
    await page.keyboard.press('Enter');
    await page.getByText('The two are not the same.').waitFor();
    t.equal(await focused(page), 'password', 'the first fault has the focus');
    await page.keyboard.press('Control+A');
    await page.keyboard.type(PASSWORD);
    await tabTo(page, 'again');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Where are you?' }).waitFor();
    for (const heading of ['Your home network', 'Your internet connection', 'Is this right?']) {
      await tabTo(page, /^(Next)$/);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: heading }).waitFor();
    }
    await tabTo(page, 'Set up');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'System' }).waitFor();
    t.equal(await router.value('Device.Users.User.1.Username'), 'admin');
    t.match(await router.value('Device.Time.LocalTimeZone'), /CET/, 'the zone of the browser');
  });

  await t.test('log out, log in, a wrong password', async (t) => {
    const said = (text: string | RegExp) => page.getByRole('alert').getByText(text).waitFor();
    // Until the answer is there the users' page stands, whose password fields are no log-in.
    const answered = Promise.withResolvers<void>();
    await page.route('**/api/logout', async (route) => {
      await answered.promise;
      await route.continue();
    });
    await press('Log out');
    t.equal(await page.getByRole('heading', { name: 'Log in to' }).count(), 0);
    answered.resolve();
    await page.getByRole('heading', { name: 'Log in to' }).waitFor();
    await press('Log in');
    await said('User and password are both needed.');
    await page.getByLabel('Password').fill('wrong');
    await press('Log in');
    await said('User or password is wrong.');
    for (const [answer, words] of [
      [{ abort: 'connectionreset' }, 'The router did not answer.'],
      [{ status: 429, body: '{"error":"x","retryAfterSec":7}' }, /7 seconds/],
      [{ status: 403, body: '{"error":"that page is of another origin"}' }, 'another origin'],
      [{ status: 200, body: '<html>' }, 'The router did not answer.'],
      [{ status: 500, body: 'oops' }, 'HTTP 500'],
    ] as const) {
      await page.route('**/api/login', (route) =>
        'abort' in answer ? route.abort(answer.abort) : route.fulfill(answer),
      );
      await press('Log in');
      await said(words);
      await page.unroute('**/api/login');
    }
    await page.getByLabel('Password').fill(PASSWORD);
    await press('Log in');
    await page.getByRole('navigation', { name: 'Places' }).waitFor();
  });

  await t.test('one edit by keyboard alone: the DHCP client', async (t) => {
    await page.goto(`${HOME}/#/network/dhcp`);
    await page.getByRole('link', { name: 'wan', exact: true }).waitFor();
    await tabTo(page, 'wan');
    await page.keyboard.press('Enter');
    await page.getByLabel('Rank of its routes').waitFor();
    await tabTo(page, /^Rank of its routes/);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('-7');
    await page.getByText('Allowed is 0–2000000000.').waitFor();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('77');
    await tabTo(page, 'Save 1 change');
    await page.keyboard.press('Enter');
    await page.getByText('Saved. It is in effect.').waitFor();
    t.equal(await router.value(`${CLIENT}X_GATEHOUSE_RouteMetric`), '77');
    await router.until('the kernel has the metric', () =>
      there.spaces.exec('r', 'ip', 'route').includes('metric 77'),
    );
  });

  await t.test('an option comes, is edited, goes, and comes back', async (t) => {
    const card = page.getByRole('region', { name: 'Options it sends', exact: true }).first();
    await card.getByRole('button', { name: 'Add an option' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Option number').fill('60');
    await dialog.getByLabel('Value').fill('3c623e6869');
    await dialog.getByText('Reads “<b>hi”').waitFor();
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('60 Vendor class').first().waitFor();
    t.equal(await page.locator('b').count(), 0, 'markup in a value is text');
    t.equal(await router.value(`${CLIENT}SentOption.1.Value`), '3C623E6869');
    await page.getByRole('button', { name: 'Delete 60 Vendor class' }).click();
    await page.getByText('60 Vendor class is deleted.').waitFor();
    t.match(await router.value(`${CLIENT}SentOption.1.Value`), /no such row/);
    await press('Undo');
    await router.until(
      'the option is back',
      async () => (await router.value(`${CLIENT}SentOption.1.Value`)) === '3C623E6869',
    );
    await page.getByRole('button', { name: 'Delete 60 Vendor class' }).waitFor();
  });

  await t.test('a lease that is renewed is seen live', async (t) => {
    const left = async (): Promise<number> => {
      const text =
        (await page
          .getByText(/ left$/)
          .first()
          .textContent()) ?? '';
      const [, minutes = '0', seconds = '0'] =
        /(?:(\d+) mins? ?)?(?:(\d+) secs?)? left/.exec(text) ?? [];
      return Number(minutes) * 60 + Number(seconds);
    };
    const shorter = () => router.until('it counts down', async () => (await left()) < 112);
    // It counts down by itself, so that the renewal shows as a step up; what is read meanwhile is none yet.
    const longer = (what: string) => router.until(what, async () => (await left()) > 115);
    await shorter();
    await press('Renew now');
    await page.getByText('The provider was asked to extend the lease.').waitFor();
    await longer('the time left went up');
    await shorter();
    // From elsewhere: nothing is pressed on the page.
    await router.call('bbfdm', 'operate', { command: `${CLIENT}Renew()` });
    await longer('a renewal from outside shows, too');
    t.pass('renewed twice');
  });

  await t.test('a change on the command line is on the screen', async (t) => {
    await page.goto(`${HOME}/#/model/${encodeURIComponent(CLIENT)}`);
    const row = page.getByRole('row', { name: /^DSCPMark/ });
    await row.getByText('48', { exact: true }).waitFor();
    await page.evaluate(`
      window.shownAt = new Map();
      new MutationObserver(() => {
        const shown = [...document.querySelectorAll('tr')].find((tr) => tr.innerText.startsWith('DSCPMark'));
        const value = shown?.querySelector('td .mono')?.textContent;
        if (value && !window.shownAt.has(value)) window.shownAt.set(value, Date.now());
      }).observe(document.body, { subtree: true, childList: true, characterData: true });`);
    const took: number[] = [];
    for (let mark = 10; mark < 10 + LOADS; mark++) {
      const asked = Date.now();
      await router.set({ [`${CLIENT}DSCPMark`]: String(mark) });
      const shown = await router.until(
        'it shows',
        () => page.evaluate(`window.shownAt.get('${mark}')`) as Promise<number | undefined>,
      );
      took.push(shown - asked);
    }
    t.comment(`change on ubus to screen: median ${median(took)} ms of ${took.join(', ')}`);
    t.equal(took.length, LOADS);
  });

  await t.test('contact lost and found; what was typed is still there', async () => {
    await page.goto(`${HOME}/#/network/dhcp/1`);
    await page.getByLabel('Traffic mark').fill('33');
    await router.stop('SIGKILL');
    await page.getByText(/No contact; last .* ago/).waitFor();
    await page.getByText('Save 1 change').click();
    await page.getByText('The router did not answer.').waitFor();
    await router.start();
    // Sessions end with the daemon that kept them: what was typed outlives the log-in, too.
    await page.getByLabel('Password').fill(PASSWORD);
    await press('Log in');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByLabel('Traffic mark').waitFor();
    const kept = await page.getByLabel('Traffic mark').inputValue();
    if (kept !== '33') throw new Error(`the draft became ${kept}`);
    await press('Save 1 change');
    await router.waitFor(`${CLIENT}DSCPMark`, '33');
  });

  await t.test('backup, a change, and back', async (t) => {
    await page.goto(`${HOME}/#/system/backup`);
    await page.locator('[name=make-passphrase]').fill('four little words here');
    const [file] = await Promise.all([page.waitForEvent('download'), press('Download the backup')]);
    const path = join(there.folder, 'backup.gatehouse');
    await file.saveAs(path);
    t.notMatch(readFileSync(path, 'latin1'), /DSCPMark|argon2id/, 'nothing of it can be read');
    await router.set({ [`${CLIENT}DSCPMark`]: '5' });
    const restore = async (passphrase: string): Promise<void> => {
      await page.locator('[name=restore-file]').setInputFiles(path);
      await page.locator('[name=restore-passphrase]').fill(passphrase);
      await press('Restore');
      await page.getByRole('dialog').getByRole('button', { name: 'Restore' }).click();
    };
    await restore('not the passphrase');
    await page.getByRole('alert').waitFor();
    t.equal(await router.value(`${CLIENT}DSCPMark`), '5', 'a wrong passphrase changes nothing');
    await restore('four little words here');
    await page.getByText(/Restored as revision/).waitFor();
    await router.waitFor(`${CLIENT}DSCPMark`, '33');
    await page.getByText('A change is on trial').first().waitFor();
    await press('Confirm');
    await page.getByText('A change is on trial').first().waitFor({ state: 'detached' });
    t.equal(await router.value(`${CLIENT}DSCPMark`), '33');
  });

  await t.test('an address that cuts the reader off comes back by itself', async (t) => {
    await change(page, '192.168.77.1');
    await router.waitFor(LAN, '192.168.77.1');
    await page
      .getByText(/No contact/)
      .first()
      .waitFor();
    await page.getByText('A change is on trial').first().waitFor();
    await router.waitFor(LAN, '192.168.1.1', 80_000);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('A change is on trial').first().waitFor({ state: 'detached' });
    // What was typed is an unsaved edit again, for the answer to it was never heard.
    const field = page.getByRole('textbox', { name: /^Address/ });
    if ((await field.inputValue()) !== '192.168.1.1') await press('Discard');
    t.equal(await field.inputValue(), '192.168.1.1');
  });

  await t.test('an address that moves is confirmed from the other side', async (t) => {
    await change(page, '192.168.5.1');
    await router.waitFor(LAN, '192.168.5.1');
    await page.getByRole('link', { name: 'https://192.168.5.1/' }).waitFor();
    await logIn(page, 'https://192.168.5.1');
    await page.getByText('A change is on trial').first().waitFor();
    await press('Confirm');
    await page.getByText('Confirmed. The change stays.').waitFor();
    t.equal(await router.value(LAN), '192.168.5.1');
  });

  await t.test('first load, with nothing cached', async (t) => {
    const cookies = await context.storageState();
    const took: number[] = [];
    for (let load = 0; load < LOADS; load++) {
      const fresh = await there.person({ storageState: cookies });
      const one = await fresh.newPage();
      await one.addInitScript(`
        const seen = new MutationObserver(() => {
          if (!document.querySelector('.hero-text')) return;
          seen.disconnect();
          requestAnimationFrame(() => { window.usableMs = performance.now(); });
        });
        seen.observe(document, { subtree: true, childList: true });`);
      await one.goto('https://192.168.5.1/');
      const usable = await router.until(
        'it is usable',
        () => one.evaluate('window.usableMs') as Promise<number | undefined>,
      );
      took.push(Math.round(usable));
      await fresh.close();
    }
    t.comment(
      `first load to the overview's sentence: median ${median(took)} ms of ${took.join(', ')}`,
    );
    t.equal(took.length, LOADS);
  });

  t.same(heard, [], 'no script failed and no policy was breached');
});

/** Changes the LAN's address on its page and says yes to the trial. */
async function change(page: Page, address: string): Promise<void> {
  const { origin } = new URL(page.url());
  await page.goto(`${origin}/#/network/interfaces/2`);
  const field = page.getByRole('textbox', { name: /^Address/ });
  await field.fill(address);
  await page.getByText('It will be tried for 60 seconds').waitFor();
  await page.getByRole('button', { name: 'Save 1 change' }).click();
  await page.getByRole('button', { name: 'Try it' }).click();
  await page.getByText('A change is on trial').first().waitFor();
}
