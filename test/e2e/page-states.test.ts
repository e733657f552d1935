/** WCAG 2.2 AA where the page is not at rest: dialogs, faults, trials, a lost box, the wizard; in every look, in both languages. */
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { type Language, type Translate, translator } from '../../src/web/i18n/catalogue.ts';
import { badText, dress, LOOKS, sticksOut, violations } from './page-axe.ts';
import {
  askForAddress,
  complaints,
  HOME,
  type House,
  house,
  noBrowser,
  PASSWORD,
} from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/states/', import.meta.url));

const CLIENT = 'Device.DHCPv4.Client.1.';

/** One reader with a language: how the page says things, and how a state of it is looked at. */
interface Reader {
  readonly page: Page;
  readonly say: Translate;
  readonly there: House;
  readonly at: (hash: string) => Promise<unknown>;
  readonly press: (name: string | RegExp) => Promise<void>;
  readonly look: (name: string) => Promise<void>;
}

t.test('every state, every look, both languages', { skip: noBrowser() }, async (t) => {
  await using there = await house('states', { devices: ['phone'] });
  const places: string[] = [];
  const heard: string[][] = [];
  const readers: Reader[] = [];
  for (const [language, locale] of [
    ['de', 'de-DE'],
    ['en', 'en-GB'],
  ] as const) {
    const page = await (await there.person({ locale })).newPage();
    heard.push(complaints(page));
    readers.push(reader(t, there, page, language, places));
  }
  const [german, english] = readers;
  if (german === undefined || english === undefined) throw new Error('two readers are wanted');
  await Promise.all([wizard(german), wizard(english)]);
  await english.press(english.say('wizard.finish'));
  await english.page.getByText('Online through wan').waitFor();
  await door(german);
  await askForAddress(there, 'phone', 'pixel-9');
  const tour = async (one: Reader, option: string): Promise<void> => {
    await forms(one);
    await devices(one);
    await dialogs(one, option);
  };
  await Promise.all([tour(english, '60'), tour(german, '61')]);
  await onTrial(english);
  await onTrial(german);
  await there.router.stop('SIGKILL');
  for (const one of [english, german]) {
    await one.page.getByText(one.say('contact.lostSpoken')).first().waitFor();
    await one.look('the box is lost');
  }
  t.same(heard, [[], []]);
  t.comment(`0 violations wanted in ${places.length} looks: ${[...new Set(places)].join(', ')}`);
});

function reader(t: Test, there: House, page: Page, language: Language, places: string[]): Reader {
  const say = translator(language);
  return {
    ...{ page, say, there },
    at: (hash) => page.goto(`${HOME}/#/${hash}`),
    press: (name) =>
      page
        .getByRole('button', { name, exact: typeof name === 'string' })
        .first()
        .click(),
    look: async (name) => {
      for (const look of LOOKS) {
        await dress(page, look);
        const place = `${name} (${language})`;
        const colours = look.name !== 'light' && look.name !== 'phone';
        t.same(await violations(page, look.contrast, colours), [], `${place} in ${look.name}`);
        places.push(place);
        const path = `${PICTURES}${name.replace(/[^a-z]+/g, '-')}-${language}.png`;
        if (look.name === 'phone') await page.screenshot({ path });
      }
      await page.setViewportSize({ width: 320, height: 860 });
      t.same(await sticksOut(page), [], `${name} (${language}) at 320 px`);
      t.same(await badText(page), [], `${name} (${language}): text at 320 px`);
      const [first] = LOOKS;
      await dress(page, first);
    },
  };
}

async function wizard({ page, say, press, look }: Reader): Promise<void> {
  const heading = (step: 'account' | 'time' | 'lan' | 'wan' | 'summary') =>
    page.getByRole('heading', { name: say(`wizard.head.${step}`) }).waitFor();
  await page.goto(`${HOME}/`);
  await heading('account');
  await look('wizard: password');
  await page.getByLabel(say('wizard.username')).fill('Ö');
  await press(say('wizard.next'));
  await page.locator('.fault').first().waitFor();
  await look('wizard: password with faults');
  await page.getByLabel(say('wizard.username')).fill('admin');
  await page.locator('[name=password]').fill(PASSWORD);
  await page.locator('[name=again]').fill(PASSWORD);
  await press(say('wizard.next'));
  await heading('time');
  await look('wizard: time');
  await press(say('wizard.next'));
  await heading('lan');
  await page.locator('[name=lanAddress]').fill('192.168.1.255');
  await press(say('wizard.next'));
  await page.locator('.fault').first().waitFor();
  await look('wizard: home network with a fault');
  await page.locator('[name=lanAddress]').fill('192.168.1.1');
  await press(say('wizard.next'));
  await heading('wan');
  await look('wizard: internet');
  await page.getByLabel(say('wizard.wan.static')).check();
  await press(say('wizard.next'));
  await page.locator('.fault').first().waitFor();
  await look('wizard: internet, fixed, with faults');
  await page.getByLabel(say('wizard.wan.dhcp')).check();
  await press(say('wizard.next'));
  await heading('summary');
  await look('wizard: summary');
}

/** The log-in: refused, then done. */
async function door({ page, say, press, look }: Reader): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${HOME}/`);
  await page.getByLabel(say('login.password')).fill('wrong');
  await press(say('login.enter'));
  await page.getByText(say('login.wrong')).waitFor();
  await look('log-in refused');
  await page.getByLabel(say('login.password')).fill(PASSWORD);
  await press(say('login.enter'));
  await page.getByRole('navigation', { name: say('rail') }).waitFor();
}

async function forms({ page, say, at, press, look, there }: Reader): Promise<void> {
  await at('overview');
  await page.getByText(say('traffic.asTable')).click();
  await look('overview with the table of its chart');
  await at('network/dhcp/1');
  await page.getByLabel(say('param.X_GATEHOUSE_RouteMetric')).fill('-7');
  await page.getByLabel(say('param.DSCPMark')).fill('99');
  await page.locator('.fault').nth(1).waitFor();
  await look('form with faults');
  await press(say('form.discard'));
  await at('system/backup');
  await press(say('backup.download'));
  await press(say('backup.restoreAction'));
  await page.getByRole('alert').nth(1).waitFor();
  await look('backup with faults');
  await at('system/certificate');
  await page.getByRole('textbox', { name: say('certificate.pem') }).fill('x');
  await page.getByLabel(say('certificate.key')).fill('x');
  await press(say('certificate.importAction'));
  await page.getByRole('alert').waitFor();
  await look('certificate with a fault');
  await at(`model/${encodeURIComponent(CLIENT)}`);
  await page.getByRole('button', { name: say('model.watchOne', { name: 'DHCPStatus' }) }).click();
  await press(`${say('command.run')} Renew()`);
  await page.getByText(say('command.done')).waitFor();
  await look('model: a command was run, a parameter is watched');
  await press(say('edit'));
  await page.getByLabel('DSCPMark').fill('99');
  await page.locator('.fault').first().waitFor();
  await look('model: edit with a fault');
  await press(say('form.discard'));
  await page.getByRole('searchbox').first().fill('lease');
  await page.locator('.hits').waitFor();
  await look('model: search');
  await at('monitor/logs');
  await page.getByLabel(say('table.filter')).fill('no such words');
  await page.getByText(say('logs.none')).waitFor();
  await look('log: nothing fits');
  t.ok(there.router.alive);
}

async function devices({ page, say, at, press, look }: Reader): Promise<void> {
  const dialog = page.getByRole('dialog');
  await at('devices/list');
  await press(`${say('devices.more')} pixel-9`);
  await dialog.waitFor();
  await look('dialog: one device');
  await page.keyboard.press('Escape');
  await at('devices/rules');
  await press(say('rules.add'));
  await dialog.getByLabel(say('param.Chaddr'), { exact: true }).fill('no MAC');
  await dialog.getByRole('button', { name: say('add'), exact: true }).click();
  await dialog.locator('.fault, .note-bad').first().waitFor();
  await look('dialog: add a rule, refused');
  await page.keyboard.press('Escape');
  await at('devices/others');
  await press(say('others.add'));
  await dialog.waitFor();
  await look('dialog: choose a mode');
  await page.keyboard.press('Escape');
}

/** `option`: number of the DHCP option that comes and goes. */
async function dialogs({ page, say, at, press, look }: Reader, option: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  const close = async (): Promise<void> => {
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  };
  await at('network/dhcp/1');
  await press(say('client.addOption'));
  await dialog.getByLabel(say('param.Tag')).fill('999');
  await dialog.getByLabel(say('param.Value')).fill('xyz');
  await dialog.locator('.fault').nth(1).waitFor();
  await look('dialog: add an option, with faults');
  await dialog.getByLabel(say('param.Tag')).fill(option);
  await dialog.getByLabel(say('param.Value')).fill('3c62');
  await dialog.getByRole('button', { name: say('add'), exact: true }).click();
  await page.getByText(say('row.added')).waitFor();
  await press(new RegExp(`^${say('edit')} ${option}`));
  await look('option edited in its place, with a message');
  await press(new RegExp(`^${say('delete')} ${option}`));
  await page.getByRole('button', { name: say('undo') }).waitFor();
  await look('message with undo');
  await at('network/interfaces/2');
  await press(say('interface.addAddress'));
  await dialog.getByRole('button', { name: say('add'), exact: true }).click();
  await dialog.locator('.fault, .note-bad').first().waitFor();
  await look('dialog: add an address, refused');
  await close();
  await press(new RegExp(`^${say('delete')} 192`));
  await dialog.waitFor();
  await look('dialog: delete the own address');
  await close();
  await page
    .getByRole('textbox', { name: new RegExp(`^${say('param.IPAddress')}`) })
    .fill('192.168.7.1');
  await press(say('form.save', { n: 1 }));
  await dialog.waitFor();
  await look('dialog: a change on trial');
  await close();
  await look('form that warns of a trial');
  await press(say('form.discard'));
  await at('system/users');
  await press(say('users.add'));
  await dialog.getByLabel(say('param.Username')).fill('Gast');
  await dialog.getByRole('button', { name: say('add'), exact: true }).click();
  await dialog.locator('.fault, .note-bad').first().waitFor();
  await look('dialog: add a user, refused');
  await close();
  await at('system/history');
  await press(new RegExp(`^${say('history.return')}`));
  await dialog.waitFor();
  await look('dialog: return to a revision');
  await close();
  await at('system/backup');
  const file = {
    name: 'x.gatehouse',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('x'),
  };
  await page.locator('[name=restore-file]').setInputFiles(file);
  await press(say('backup.restoreAction'));
  await dialog.waitFor();
  await look('dialog: restore a backup');
  await dialog.getByRole('button', { name: say('backup.restoreAction') }).click();
  await page.getByRole('alert').first().waitFor();
  await look('a backup that is none');
  await at(`model/${encodeURIComponent('Device.DHCPv4.Client.')}`);
  await press(say('model.add'));
  await dialog.waitFor();
  await look('dialog: add a row of the model');
  await close();
}

async function onTrial({ page, say, at, press, look }: Reader): Promise<void> {
  await at('system/history');
  await page.evaluate(`(async () => {
    const { csrf } = await (await fetch('/api/session')).json();
    const changes = [{ path: '${CLIENT}DSCPMark', value: '11' }];
    const headers = { 'content-type': 'application/json', 'x-gatehouse-token': csrf };
    await fetch('/api/set', { method: 'POST', headers, body: JSON.stringify({ changes, confirmSec: 600 }) });
  })()`);
  await page.locator('.trial').waitFor();
  await look('a change on trial');
  await press(say('pending.undo'));
  await page.getByText(say('pending.undone')).waitFor();
}
