/** Sixteen WANs with IPv4 and IPv6 at once, inside the budget of a small box. */
import t from 'tap';
import { delegatedOn, dnsmasq, Kea6 } from '../lib/isp.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import { cpuSec, residentMb, shareMb } from '../lib/usage.ts';

t.setTimeout(290_000);

const LINKS = 16;

t.test(`${LINKS} links, each with both clients`, { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(new Namespaces('many6'));
  const numbers = Array.from({ length: LINKS }, (_, i) => i + 1);
  for (const i of numbers) {
    spaces.link(['isp', `isp${i}`], ['r', `wan${i}`]);
    spaces.exec('isp', 'ip', 'address', 'add', `198.51.${i}.1/24`, 'dev', `isp${i}`);
  }
  spaces.link(['r', 'lan0'], ['lan', 'eth0']);
  stack.use(
    await dnsmasq(
      spaces,
      'isp',
      ...numbers.map((i) => `--interface=isp${i}`),
      ...numbers.map((i) => `--dhcp-range=198.51.${i}.100,198.51.${i}.199,255.255.255.0,120`),
    ),
  );
  const times = { preferred: 300, valid: 600, t1: 150, t2: 240 };
  stack.use(await Kea6.start(spaces, 'isp', { ...times, delegates: [], links: LINKS }));
  const rows: Record<string, string> = {};
  for (const i of numbers.slice(1)) {
    const at = `Device.IP.Interface.${i + 2}.`;
    rows[`${at}Enable`] = 'true';
    rows[`${at}X_GATEHOUSE_Zone`] = 'Wan';
    for (const client of [`Device.DHCPv4.Client.${i}.`, `Device.DHCPv6.Client.${i}.`]) {
      rows[`${client}Enable`] = 'true';
      rows[`${client}Interface`] = at.slice(0, -1);
    }
    rows[`Device.DHCPv6.Client.${i}.RequestPrefixes`] = 'true';
  }
  const router = stack.use(new Router(spaces, 'r', { wan: 'wan1', rows }));
  await router.start();
  const ports = await router.get('Device.Ethernet.Interface.*.Name');
  const portOf = new Map(
    Object.entries(ports).map(([path, name]) => [name, path.replace(/\.Name$/, '')]),
  );
  const layers = Object.fromEntries(
    numbers
      .slice(1)
      .map((i) => [`Device.IP.Interface.${i + 2}.LowerLayers`, portOf.get(`wan${i}`) ?? '']),
  );
  t.same(await router.set(layers), []);
  const from = performance.now();
  await router.until(
    'all have both',
    async () => {
      const status = await router.get('Device.DHCPv4.Client.*.DHCPStatus');
      const prefixes = await router.get('Device.DHCPv6.Client.*.X_GATEHOUSE_Prefixes');
      return (
        Object.values(status).filter((text) => text === 'Bound').length === LINKS &&
        numbers.every((i) =>
          prefixes[`Device.DHCPv6.Client.${i}.X_GATEHOUSE_Prefixes`]?.startsWith(delegatedOn(i)),
        )
      );
    },
    90_000,
  );
  t.comment(`all bound after ${Math.round(performance.now() - from)} ms`);
  // The LAN has as many as hosts can do with.
  const shown = spaces.exec('r', 'ip', '-6', 'address', 'show', 'dev', 'lan0');
  t.equal(shown.match(/inet6 2001:30/g)?.length, 8);

  const children = [...router.processes('dibbler-client'), ...router.processes('udhcpc')];
  t.equal(children.length, 2 * LINKS);
  const cpu = () => [router.pid, ...children].reduce((sum, pid) => sum + cpuSec(pid), 0);
  // The bursts of the first advertisements are over.
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const [before, start] = [cpu(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const share = ((cpu() - before) / (performance.now() - start)) * 1000;
  const daemonMb = residentMb(router.pid);
  const programsMb = children.reduce((sum, pid) => sum + shareMb(pid), 0);
  t.comment(
    `daemon ${daemonMb.toFixed(1)} MB resident, ${children.length} programs ${programsMb.toFixed(1)} MB, ${(share * 100).toFixed(1)} % of a core when idle`,
  );
  t.ok(daemonMb < 100, 'the daemon is under 100 MB resident');
  t.ok(share < 0.05, 'all together are under 5 % of a core when idle');
});
