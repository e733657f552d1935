/**
 * A device of the LAN asks for names at random, far more than resolvers answer: the names that are
 * known still have their answers, memory stays where it was, and when it is over, all is as before.
 * For longer: DNS_FLOOD_SEC=60 DNS_FLOOD_RATE=50000.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { folderFor } from '../lib/dns-engine.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import { ownMb } from '../lib/usage.ts';

t.setTimeout(300_000);

const BENCH = fileURLToPath(new URL('../bench/dns/', import.meta.url));
const FLOOD_SEC = Number(process.env['DNS_FLOOD_SEC'] ?? 4);
const FLOOD_RATE = Number(process.env['DNS_FLOOD_RATE'] ?? 20_000);
const KNOWN = 500;
const KNOWN_RATE = 500;
const MOST_GROWTH_MB = 61;

const DNS = 'Device.X_GATEHOUSE_DNS.';
const ROWS = {
  'Device.DNS.Relay.Enable': 'true',
  'Device.DNS.Relay.Forwarding.1.Enable': 'true',
  'Device.DNS.Relay.Forwarding.1.DNSServer': '198.51.100.1',
  [`${DNS}Addresses`]: '192.168.1.1',
  [`${DNS}Allow`]: '192.168.1.0/24',
  // Nothing holds the device back but what the server can do.
  [`${DNS}ClientRate`]: '0',
  [`${DNS}TLSPort`]: '0',
  [`${DNS}DNSSEC.Enable`]: 'false',
};

t.test('a flood of random names', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const folder = folderFor(t);
  for (const name of ['load', 'responder']) {
    execFileSync('gcc', ['-O2', '-Wall', join(BENCH, `${name}.c`), '-o', join(folder, name)]);
  }
  const spaces = stack.use(home('dnsflood'));
  spaces.exec('r', 'ip', 'address', 'add', '198.51.100.2/24', 'dev', 'wan0');
  spaces.exec('r', 'ip', 'address', 'add', '192.168.1.1/24', 'dev', 'lan0');
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.50/24', 'dev', 'eth0');
  const responder = spawn(
    'ip',
    spaces.argv('isp', join(folder, 'responder'), '198.51.100.1', '53'),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  stack.defer(() => void responder.kill());
  await once(responder.stdout, 'data');
  const router = stack.use(new Router(spaces, 'r', { rows: ROWS }));
  await router.start('--only', 'dns');

  const names = join(folder, 'names');
  writeFileSync(names, Array.from({ length: KNOWN }, (_, i) => `known${i}.example\n`).join(''));
  const load = async (file: string, mode: string, how: number, sec: number) => {
    const args = ['192.168.1.1', '53', file, mode, String(how), String(sec)];
    const child = spawn('ip', spaces.argv('lan', join(folder, 'load'), ...args), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    const [asked = 0, answered = 0, good = 0] = out.trim().split(' ').map(Number);
    return { asked, answered, good };
  };
  const first = await router.until('it knows all names', async () => {
    const one = await load(names, 'once', 8, 0);
    return one.good === KNOWN ? one : undefined;
  });
  t.equal(first?.good, KNOWN);
  const before = ownMb(router.pid);
  const flood = load('-', 'random', FLOOD_RATE, FLOOD_SEC);
  const known = await load(names, 'paced', KNOWN_RATE, FLOOD_SEC);
  const { asked, answered } = await flood;
  t.comment(
    `${asked} random names, ${answered} of them answered; ${known.good} of ${known.asked} known`,
  );
  t.ok(known.good >= 0.99 * known.asked, `${known.good} of ${known.asked} known names`);
  t.ok(asked >= (FLOOD_RATE * FLOOD_SEC) / 20, `${asked} random names`);
  const growth = ownMb(router.pid) - before;
  t.comment(`written: ${before.toFixed(1)} MB and ${growth.toFixed(1)} MB more`);
  t.ok(growth <= MOST_GROWTH_MB, `${growth.toFixed(1)} MB more`);
  const fresh = join(folder, 'fresh');
  writeFileSync(fresh, 'after-the-flood.example\n');
  await router.until(
    'names are looked up again',
    async () => (await load(fresh, 'once', 1, 0)).good === 1,
  );
});
