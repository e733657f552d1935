/** A whole home for the browser tests: provider, router, and Chromium on a machine of the LAN. */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, type Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router, type RouterOptions } from '../lib/router.ts';

const CHROMIUM = '/usr/bin/chromium';
/** How long any one thing may take, on a machine that is busy with others. */
const PATIENCE_MS = 60_000;
export const PASSWORD = 'correct horse battery';
/** Where the page is at first. */
export const HOME = 'https://192.168.1.1';

/** Why the browser tests cannot run here; false when they can. */
export function noBrowser(): string | false {
  const { pathname } = new URL('../../build/web/index.html', import.meta.url);
  if (!existsSync(CHROMIUM)) return 'needs Debian’s chromium';
  if (!existsSync(pathname)) return 'needs the built page: make build';
  return noNamespaces() ?? false;
}

export interface House extends AsyncDisposable {
  readonly spaces: Namespaces;
  readonly router: Router;
  readonly browser: Browser;
  readonly folder: string;
  /** A browser of its own: no cookies, no cache. The certificate is of the box's own authority. */
  person(options?: Parameters<Browser['newContext']>[0]): Promise<BrowserContext>;
}

/** `devices`: further machines of the LAN, each with `eth0` on a port of its own and no address yet. */
export async function house(
  name: string,
  { devices = [], ...options }: RouterOptions & { readonly devices?: readonly string[] } = {},
): Promise<House> {
  const stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'gh-page-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const spaces = stack.use(home(name));
  // An address that appears by itself a second later would make Chromium start its requests over.
  spaces.exec('lan', 'sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6');
  // The machine of the LAN can reach the box at two of its addresses.
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.100/24', 'dev', 'eth0');
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.5.100/24', 'dev', 'eth0');
  spaces.exec('lan', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
  stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
  const ports = devices.map((device, at) => {
    spaces.link(['r', `lan${at + 1}`], [device, 'eth0']);
    spaces.exec(device, 'ip', 'link', 'set', 'eth0', 'address', macOf(at));
    return `lan${at + 1}`;
  });
  const router = stack.use(new Router(spaces, 'r', { ...options, lan: ['lan0', ...ports] }));
  await router.start();
  await router.waitFor('Device.DHCPv4.Client.1.DHCPStatus', 'Bound');
  await router.until('the page is served', () =>
    spaces.exec('r', 'ss', '-Hltn').includes('192.168.1.1:443'),
  );
  const start = join(folder, 'chromium');
  const argv = spaces.argv('lan', CHROMIUM).map((word) => `'${word}'`);
  writeFileSync(start, `#!/bin/sh\nexec ip ${argv.join(' ')} "$@"\n`, { mode: 0o755 });
  const browser = await chromium.launch({
    executablePath: start,
    headless: true,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  stack.defer(() => browser.close());
  return {
    ...{ spaces, router, browser, folder },
    person: async (options = {}) => {
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
        viewport: { width: 1280, height: 860 },
        reducedMotion: 'reduce',
        ...options,
      });
      context.setDefaultTimeout(PATIENCE_MS);
      return context;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** MAC address of the further machine at this place of their list; its maker is Raspberry Pi. */
export const macOf = (at: number): string => `dc:a6:32:00:00:0${at + 1}`;

/** As /usr/share/udhcpc/default.script, without a resolver. */
const SCRIPT = `#!/bin/sh
ip address flush dev "$interface"
[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"
exit 0
`;

/** Has udhcpc ask on a machine of the LAN until it gets an address; gives that, or `` where it gave up. */
export async function askForAddress(
  { spaces, folder }: House,
  device: string,
  hostName: string,
  ...options: string[]
): Promise<string> {
  const script = join(folder, 'udhcpc.sh');
  writeFileSync(script, SCRIPT, { mode: 0o755 });
  const argv = spaces.argv(
    device,
    'udhcpc',
    ...['-i', 'eth0', '-f', '-n', '-q', '-t', '60', '-T', '1', '-s', script],
    ...['-x', `hostname:${hostName}`, ...options],
  );
  const client = spawn('ip', argv, { stdio: 'ignore' });
  await new Promise((resolve) => client.once('exit', resolve));
  const shown = spaces.exec(device, 'ip', '-4', '-br', 'address', 'show', 'dev', 'eth0');
  return /(\d+(?:\.\d+){3})\//.exec(shown)?.[1] ?? '';
}

/** What a page must never do: failures of scripts and breaches of its content policy, as text. */
export function complaints(page: Page): string[] {
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(String(error)));
  page.on('console', (message) => {
    const text = message.text();
    // A box that is away on purpose, and answers that refuse on purpose, are logged by the browser itself.
    if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(text))
      heard.push(text);
  });
  return heard;
}

/** Opens the page at an address that the router may be moving to. */
async function reach(page: Page, at: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await page.goto(`${at}/`);
      return;
    } catch (cause) {
      // The error page of one attempt may come late, in the midst of the next.
      const away = /ERR_CONNECTION|ERR_ADDRESS|interrupted by .*chrome-error:/;
      if (!away.test(String(cause)) || performance.now() > end) throw cause;
      await pause(50);
    }
  }
}

export async function logIn(page: Page, at = HOME): Promise<void> {
  await reach(page, at);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation', { name: 'Places' }).waitFor();
}

/** The wizard with its defaults, by pointer. */
export async function setUp(page: Page): Promise<void> {
  await page.goto(`${HOME}/`);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password again').fill(PASSWORD);
  for (let step = 0; step < 4; step++) await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Set up' }).click();
  await page.getByText('Online through wan').waitFor();
}
