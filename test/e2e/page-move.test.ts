/** A wizard that moves the router to another address, in German: the reader is led there. */
import t from 'tap';
import { complaints, HOME, house, noBrowser, PASSWORD } from './page-house.ts';

t.setTimeout(290_000);

t.test('the wizard moves the LAN; a viewer looks on', { skip: noBrowser() }, async (t) => {
  await using there = await house('move');
  const page = await (await there.person({ locale: 'de-DE' })).newPage();
  const heard = complaints(page);
  await page.goto(`${HOME}/`);
  await page.getByLabel('Kennwort', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Kennwort noch einmal').fill(PASSWORD);
  const next = () => page.getByRole('button', { name: 'Weiter' }).click();
  await next();
  await page.getByRole('heading', { name: 'Wo sind Sie?' }).waitFor();
  await next();
  await page.getByLabel('Adresse des Routers').fill('192.168.5.255');
  await next();
  await page.getByText('Diese Adresse kann in dem Netz kein Gerät haben.').waitFor();
  await page.getByLabel('Adresse des Routers').fill('192.168.5.1');
  await next();
  await page.getByRole('heading', { name: 'Ihr Internetanschluss' }).waitFor();
  await next();
  await page.getByRole('button', { name: 'Einrichten' }).click();
  await page.getByRole('link', { name: 'https://192.168.5.1/' }).click();
  await page.getByLabel('Kennwort').fill(PASSWORD);
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await page.getByText(/^Online über wan, 198\.51\.100\.\d+\.$/).waitFor();
  t.equal(await page.evaluate('document.documentElement.lang'), 'de');

  await page.goto('https://192.168.5.1/#/system/users');
  await page.getByRole('button', { name: 'Benutzer hinzufügen' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Benutzername').fill('gast');
  await dialog.getByLabel('Kennwort').fill('nur zum ansehen');
  await dialog.getByLabel('Rolle').selectOption('Viewer');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Benutzer hinzufügen' }).click();
  await dialog.getByLabel('Benutzername').fill('gast');
  await dialog.getByLabel('Kennwort').fill('kurz');
  await dialog.getByRole('button', { name: 'Hinzufügen' }).click();
  await dialog.locator('.fault, .note-bad').first().waitFor();
  await dialog.getByLabel('Kennwort').fill('nur zum ansehen');
  await dialog.getByLabel('Rolle').selectOption('Viewer');
  await dialog.getByRole('button', { name: 'Hinzufügen' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'gast' }).waitFor();

  const guest = await (await there.person({ locale: 'de-DE' })).newPage();
  await guest.goto('https://192.168.5.1/#/network/dhcp/1');
  await guest.getByLabel('Benutzer').fill('gast');
  await guest.getByLabel('Kennwort').fill('nur zum ansehen');
  await guest.getByRole('button', { name: 'Anmelden' }).click();
  await guest.getByText('Sie dürfen ansehen, aber nichts ändern.').waitFor();
  t.ok(await guest.getByLabel('Verkehrskennzeichen').isDisabled());
  t.equal(await guest.getByRole('button', { name: 'Jetzt verlängern' }).count(), 0);
  t.same(heard, []);
});
