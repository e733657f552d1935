/** What the owner clicks besides: certificates, the authority, configuration history, CSV, users. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Download, Locator, Page } from 'playwright-core';
import t from 'tap';
import { NodeCertificates } from '../../src/os/linux/tls-x509.ts';
import { complaints, HOME, house, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const CODE = 'Device.DeviceInfo.ProvisioningCode';
const DAY_MS = 86_400_000;

t.test('the owner clicks', { skip: noBrowser() }, async (t) => {
  await using there = await house('clicks');
  const { router } = there;
  const page = await (await there.person({ acceptDownloads: true })).newPage();
  const heard = complaints(page);
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
  await setUp(page);

  await t.test('certificates: refused, imported, and back to the own', async (t) => {
    const maker = new NodeCertificates();
    const names = { hosts: ['router.example'], addresses: ['192.168.1.1'] };
    const ca = await maker.makeCa('elsewhere', Date.now());
    const good = await maker.makeLeaf(ca, names, Date.now());
    const other = await maker.makeLeaf(ca, names, Date.now());
    const old = await maker.makeLeaf(ca, names, Date.now() - 400 * DAY_MS);
    /** Who a browser that comes anew is shown to talk to. */
    const shownTo = async (): Promise<string | undefined> => {
      const one = await (await there.person()).newPage();
      const answer = await one.goto(`${HOME}/`);
      const details = await answer?.securityDetails();
      await one.context().close();
      return details?.issuer;
    };
    const own = await shownTo();
    await page.goto(`${HOME}/#/system/certificate`);
    await page.getByText('This router; it renews it by itself').waitFor();
    const bring = async (certificatePem: string, keyPem: string): Promise<void> => {
      await page.getByLabel('Certificate', { exact: true }).fill(certificatePem);
      await page.getByLabel('Private key').fill(keyPem);
      await press('Import');
    };
    const alert = page.getByRole('alert');
    await bring(good.certificatePem, other.keyPem);
    await alert.filter({ hasText: /key/ }).waitFor();
    t.comment(await alert.textContent());
    await bring(old.certificatePem, old.keyPem);
    await alert.filter({ hasText: /expired/ }).waitFor();
    t.comment(await alert.textContent());
    await bring('not a certificate', good.keyPem);
    await alert.filter({ hasNotText: /expired/ }).waitFor();
    t.comment(await alert.textContent());
    t.equal(await shownTo(), own, 'nothing of that is in use');
    await bring(good.certificatePem, good.keyPem);
    await page.getByText('Someone else; you imported it').waitFor();
    t.equal(await alert.count(), 0);
    t.equal(
      await page.getByLabel('Private key').inputValue(),
      '',
      'the key is not left lying about',
    );
    t.match(await shownTo(), /elsewhere/);
    await press("Back to the router's own");
    await page.getByText('This router; it renews it by itself').waitFor();
    t.equal(await shownTo(), own);
  });

  await t.test('the authority is downloaded', async (t) => {
    const text = await downloaded(page, page.getByRole('link', { name: 'Download the authority' }));
    const certificate = new X509Certificate(text.body);
    t.equal(text.name, 'gatehouse-ca.pem');
    t.ok(certificate.ca && certificate.verify(certificate.publicKey));
    t.notMatch(text.body, /PRIVATE/);
  });

  await t.test('an older configuration is looked at and returned to', async (t) => {
    for (const mark of ['9', '10', '11', '12']) await router.set({ [`${CLIENT}DSCPMark`]: mark });
    await page.goto(`${HOME}/#/system/history`);
    const entry = (index: number): Locator => page.locator('.entry').nth(index);
    await entry(0).getByText('current').waitFor();
    const revision = /\d+/.exec((await entry(2).locator('strong').textContent()) ?? '')?.[0] ?? '';
    await entry(2).locator('summary').click();
    t.match(await entry(2).locator('.diff').textContent(), /DSCPMarkbefore 9after 10/);
    await press(`Return to this ${revision}`);
    const dialog = page.getByRole('dialog', { name: `Return to revision ${revision}?` });
    await dialog.getByText('This takes back 2 revisions:').waitFor();
    const diff = (await dialog.locator('.diff').allTextContents()).join(' ');
    t.match(diff, /before 12after 11.*before 11after 10/);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    t.equal(await router.value(`${CLIENT}DSCPMark`), '12', 'a look changes nothing');
    await press(`Return to this ${revision}`);
    await dialog.getByRole('button', { name: 'Return to this' }).click();
    await page.getByText(`The configuration is again as at revision ${revision}.`).waitFor();
    await router.waitFor(`${CLIENT}DSCPMark`, '10');
    await page.getByRole('button', { name: 'Confirm', exact: true }).click();
    await page.getByText('A change is on trial').first().waitFor({ state: 'detached' });
    await entry(0).getByText('current').waitFor();
    await page
      .getByText(/^Revision/)
      .nth(3)
      .waitFor();
    t.match(await entry(0).locator('.diff').textContent(), /before 12after 10/);
  });

  await t.test('a table as CSV is what is seen, and no spreadsheet runs it', async (t) => {
    const hostile = ['=1+1', '+1+cmd', '-2+3', '@SUM(A1)', 'say "hi", you', '-5'];
    for (const text of hostile) t.same(await router.set({ [CODE]: text }), []);
    const places = ['network/interfaces', 'network/dhcp', 'network/routes', 'monitor/audit'];
    for (const place of places) {
      await page.goto(`${HOME}/#/${place}`);
      const tools = page.locator('.table-tools').filter({ hasText: 'CSV' }).first();
      await tools.waitFor();
      const table = page.locator('.table-tools:has-text("CSV") + section table').first();
      if (place === 'monitor/audit') {
        await page.getByLabel('Filter').fill('provisioningcode');
        await table.getByRole('button', { name: 'After' }).click();
        await tools.getByText(/^6 of/).waitFor();
      }
      // What counts down may step between the two looks.
      const rows = await router.until('what is seen and the file are the same', async () => {
        const seen = await cells(table);
        const file = await downloaded(page, tools.getByRole('button', { name: 'CSV' }));
        const rows = parseCsv(file.body);
        const plain = rows.map((row) => row.map((cell) => cell.replace(/^'(?=[=+\-@])/, '')));
        return JSON.stringify(plain) === JSON.stringify(seen) ? rows : undefined;
      });
      t.ok(rows.length > 1, place);
      if (place !== 'monitor/audit') continue;
      const after = rows.slice(1).map((row) => row.at(-1) ?? '');
      t.same(
        [...after].sort(),
        hostile.map((text) => (/^[=+@]|^-2/.test(text) ? `'${text}` : text)).sort(),
        'what begins like a formula is text; a plain number stays one',
      );
    }
  });

  await t.test('an undo that would take more back with it leads to the history', async (t) => {
    await router.call('bbfdm', 'add', { path: `${CLIENT}SentOption.`, values: {} });
    await page.goto(`${HOME}/#/network/dhcp/1`);
    const card = page.getByRole('region', { name: 'Options it sends', exact: true }).first();
    await card.getByRole('button', { name: /^Delete/ }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    await router.set({ [`${CLIENT}DSCPMark`]: '21' });
    await press('Undo');
    await page.getByText('More was changed since then.').waitFor();
    await page.getByText('The last configurations, newest first.').waitFor();
    t.equal(await router.value(`${CLIENT}DSCPMark`), '21');
  });

  await t.test('a user comes, gets another role, and goes for good', async (t) => {
    const words = 'nothing but words';
    await page.goto(`${HOME}/#/system/users`);
    await press('Add a user');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('User name').fill('guest');
    await dialog.getByLabel('Password').fill('short');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await dialog.getByText(/10 to 128 characters/).waitFor();
    await dialog.getByLabel('Password').fill(words);
    await dialog.getByLabel('Role').selectOption('Viewer');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    const card = page.getByRole('region', { name: 'guest' });
    await card.waitFor();
    const guest = await (await there.person()).newPage();
    const enter = async (): Promise<void> => {
      await guest.getByLabel('User').fill('guest');
      await guest.getByLabel('Password').fill(words);
      await guest.getByRole('button', { name: 'Log in' }).click();
    };
    await guest.goto(`${HOME}/#/network/dhcp/1`);
    await enter();
    await guest.getByText('You may look').first().waitFor();
    await card.getByLabel('Role').selectOption('Administrator');
    await card.getByRole('button', { name: 'Save 1 change' }).click();
    await page.getByText('Saved. It is in effect.').waitFor();
    await guest.reload();
    await guest.getByRole('button', { name: 'Renew now' }).waitFor();
    t.ok(await guest.getByLabel('Traffic mark').isEnabled());
    await card.getByRole('button', { name: 'Delete guest' }).click();
    const sure = dialog.getByRole('button', { name: 'Delete' });
    await dialog.getByText('Accounts cannot be brought back').waitFor();
    t.ok(await sure.isDisabled());
    await dialog.getByLabel('Type “guest” to go on').fill('guest');
    await sure.click();
    await page.getByText('guest is deleted.').waitFor();
    await guest.getByRole('button', { name: 'Log in' }).waitFor();
    await enter();
    await guest.getByText('User or password is wrong.').waitFor();
    t.equal(await page.getByRole('button', { name: 'Undo' }).count(), 0, 'no promise is made');
    t.equal(
      await page
        .getByRole('region', { name: 'admin' })
        .getByRole('button', { name: /Delete/ })
        .count(),
      0,
      'nobody deletes himself',
    );
  });

  t.same(heard, []);
});

async function downloaded(page: Page, by: Locator): Promise<{ name: string; body: string }> {
  const [file] = (await Promise.all([page.waitForEvent('download'), by.click()])) as [
    Download,
    unknown,
  ];
  return { name: file.suggestedFilename(), body: readFileSync(await file.path(), 'utf8') };
}

/** Texts of a table as a reader has them; the dash stands for nothing, and so does an arrow. */
const cells = (table: Locator): Promise<string[][]> =>
  table.evaluate((element) => {
    const { rows } = element as unknown as {
      rows: Iterable<{ cells: Iterable<{ innerText: string }> }>;
    };
    const text = (cell: { innerText: string }): string =>
      cell.innerText.replace(/[↑↓]/g, '').replace(/\s+/g, ' ').trim().replace(/^—$/, '');
    return [...rows].map((row) => [...row.cells].map(text));
  });

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const lines = text.split('\r\n');
  if (lines.pop() !== '') throw new Error('the last line does not end');
  return lines.map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
      ([, quoted, bare = '']) => quoted?.replaceAll('""', '"') ?? bare,
    ),
  );
}
