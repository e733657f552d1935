/** Every place in every theme: kept as pictures in build/screenshots, and without a violation of WCAG 2.2 AA. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import t from 'tap';
import { complaints, HOME, house, noBrowser, PASSWORD, setUp } from './page-house.ts';

t.setTimeout(280_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Places by the name of their picture: address, and what shows that it is there. */
const PLACES: Readonly<Record<string, readonly [hash: string, shown: string]>> = {
  overview: ['overview', 'css=.legend-out'],
  devices: ['devices', 'text=does not list the devices'],
  dns: ['dns', 'text=does not answer DNS'],
  interfaces: ['network/interfaces', 'text=Hardware address'],
  interface: ['network/interfaces/2', 'label=Largest packet'],
  'dhcp-clients': ['network/dhcp', 'role=link[name="wan"]'],
  'dhcp-client': ['network/dhcp/1', 'text=Options it asks for'],
  firewall: ['network/firewall', 'text=What the zones mean'],
  routes: ['network/routes', 'text=Everything else'],
  log: ['monitor/logs', 'text=the box was set up'],
  audit: ['monitor/audit', 'text=Device.Users.User.1.Username'],
  capture: ['capture', 'text=cannot record'],
  model: [`model/${encodeURIComponent('Device.DHCPv4.Client.1.')}`, 'text=LeaseTimeRemaining'],
  history: ['system/history', 'text=Revision 1'],
  backup: ['system/backup', 'text=Restore a backup'],
  users: ['system/users', 'label=Role'],
  certificate: ['system/certificate', 'text=Fingerprint'],
  appearance: ['system/appearance', 'text=Kept in this browser'],
};

const THEMES = [
  { name: 'light', theme: 'light', contrast: 'auto', width: 1280 },
  { name: 'dark', theme: 'dark', contrast: 'auto', width: 1280 },
  { name: 'contrast-light', theme: 'light', contrast: 'more', width: 1280 },
  { name: 'contrast-dark', theme: 'dark', contrast: 'more', width: 1280 },
  { name: 'phone', theme: 'light', contrast: 'auto', width: 390 },
] as const;

interface Violation {
  readonly id: string;
  readonly nodes: readonly {
    readonly target: readonly string[];
    readonly failureSummary?: string;
  }[];
}

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const options = JSON.stringify({
    runOnly: { type: 'tag', values: TAGS },
    resultTypes: ['violations'],
  });
  const found = (await page.evaluate(`axe.run(document, ${options})`)) as {
    readonly violations: readonly Violation[];
  };
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}

const wide = (page: Page): Promise<unknown> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

t.test('every place, every theme', { skip: noBrowser() }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  await using there = await house('looks');
  const first = await (await there.person()).newPage();
  const heard = complaints(first);
  await first.goto(`${HOME}/`);
  await first.getByRole('heading', { name: 'Choose a password' }).waitFor();
  for (const { name, theme, contrast, width } of THEMES) {
    await dress(first, theme, contrast);
    await first.setViewportSize({ width, height: 860 });
    await first.getByRole('heading', { name: 'Choose a password' }).waitFor();
    t.same(await violations(first), [], `wizard in ${name}`);
    await first.screenshot({ path: `${PICTURES}wizard-${name}.png`, fullPage: true });
  }
  await setUp(first);
  await first.context().close();

  for (const { name, theme, contrast, width } of THEMES) {
    const page = await (await there.person({ viewport: { width, height: 860 } })).newPage();
    const said = complaints(page);
    await page.goto(`${HOME}/`);
    await dress(page, theme, contrast);
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    t.same(await violations(page), [], `log-in in ${name}`);
    await page.screenshot({ path: `${PICTURES}login-${name}.png`, fullPage: true });
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Online through wan').waitFor();
    for (const [place, [hash, shown]] of Object.entries(PLACES)) {
      await page.goto(`${HOME}/#/${hash}`);
      const [how = '', ...what] = shown.split('=');
      const mark =
        how === 'label'
          ? page.getByLabel(what.join('='))
          : how === 'role' || how === 'css'
            ? page.locator(shown)
            : page.getByText(what.join('='));
      await mark.first().waitFor();
      t.same(await violations(page), [], `${place} in ${name}`);
      t.equal(await wide(page), 0, `${place} in ${name} does not scroll sideways`);
      await page.screenshot({ path: `${PICTURES}${place}-${name}.png`, fullPage: true });
    }
    t.same(said, [], `no script failed, no policy was breached, in ${name}`);
    await page.context().close();
  }
  t.same(heard, []);
});

/** As the reader's choice on the page would. */
async function dress(page: Page, theme: string, contrast: string): Promise<void> {
  await page.evaluate(
    `localStorage.setItem('gatehouse.theme', '${theme}'); localStorage.setItem('gatehouse.contrast', '${contrast}')`,
  );
  await page.reload();
}
