/** Two customers with one IPv4 address, each with ports of its own, at the same time. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Server } from '../lib/isp.ts';
import { DOMAIN_ROWS, MapNet, NEIGHBOUR, WEB, within } from '../lib/map-net.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import type { Crowd } from './map-crowd.ts';

t.setTimeout(290_000);

const CROWD = join(import.meta.dirname, 'map-crowd.ts');
const DOMAIN = 'Device.MAP.Domain.1.';
const skip =
  noNamespaces() ?? (existsSync('/usr/sbin/tayga') ? false : 'needs tayga, which is not installed');

t.test('neighbours share an address', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(new Namespaces('map2'));
  const net = stack.use(new MapNet(spaces));
  await net.relay();
  await net.neighbour();
  const places = [0, 1].map((i) => `203.0.113.${10 + i}:80`);
  const web = stack.use(new Server(spaces, 'web', process.execPath, [CROWD, 'serve', ...places]));
  await web.said(/serving/);
  const one = stack.use(new Router(spaces, 'r', { rows: DOMAIN_ROWS, tun: true }));
  const rows = {
    ...DOMAIN_ROWS,
    'Device.IP.Interface.1.IPv6Prefix.1.Prefix': NEIGHBOUR.delegated,
  };
  const two = stack.use(new Router(spaces, 'r2', { rows, tun: true }));
  await Promise.all([one.start(), two.start()]);
  for (const router of [one, two]) await router.waitFor(`${DOMAIN}Interface.Status`, 'Up');
  net.routed();
  spaces.exec('r2', 'ip', '-6', 'route', 'replace', 'default', 'via', 'fe80::1', 'dev', 'wan0');

  const both = [one, two].map((router) => router.get(DOMAIN));
  const [first = {}, second = {}] = await Promise.all(both);
  t.equal(first[`${DOMAIN}X_GATEHOUSE_IPv4Address`], '192.0.2.18');
  t.equal(second[`${DOMAIN}X_GATEHOUSE_IPv4Address`], '192.0.2.18');
  t.same(
    [first, second].map((values) => values[`${DOMAIN}X_GATEHOUSE_PSID`]),
    ['52', '53'],
  );
  for (const node of ['lan', 'lan2'])
    await one.until(`${node} reaches the web`, () =>
      within(spaces, node, 'ping', '-c', '1', '-W', '1', WEB).then(
        () => true,
        () => false,
      ),
    );
  const crowd = async (node: string): Promise<Crowd> =>
    JSON.parse(
      await within(spaces, node, process.execPath, CROWD, 'connect', '400', '60000', ...places),
    );
  // 800 connections to two destinations: more than the 504 that one customer's ports could carry.
  const [mine, theirs] = await Promise.all([crowd('lan'), crowd('lan2')]);
  t.match(mine, { worked: 400, failed: {} });
  t.match(theirs, { worked: 400, failed: {} });
  t.ok(mine.ports + theirs.ports > 252, `${mine.ports} and ${theirs.ports} ports`);
  t.equal(net.foreign, 0, 'neither used a port of the other');
});
