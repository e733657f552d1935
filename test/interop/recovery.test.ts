/** kill -9 of the daemon, again and again, while parameters are set and leases are renewed. */
import t from 'tap';
import { LinuxFiles } from '../../src/os/linux/files.ts';
import { readPrivileges } from '../../src/os/linux/privileges.ts';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const ROUNDS = 50;

t.test(
  'no acknowledged change and no lease is lost',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('recov'));
    const server = stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const router = stack.use(new Router(spaces, 'r'));
    await router.start();
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    const address = (await router.value(`${CLIENT}IPAddress`)) ?? '';
    const [pid] = router.processes('udhcpc');
    const discovers = server.lines.filter((line) => line.includes('DHCPDISCOVER')).length;
    const shown = () => spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'wan0');

    let acknowledged = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // Changes and a renewal are under way when the blow falls, at another moment each time: one
      // change at least was acknowledged by then in every second round.
      const { promise: first, resolve: acknowledgedOne } = Promise.withResolvers<void>();
      let stop = false;
      const writing = (async () => {
        while (!stop) {
          const next = acknowledged + 1;
          const faults = await router
            .set({ 'Device.DeviceInfo.ProvisioningCode': `v${next}` })
            .catch(() => ['gone']);
          if (faults.length > 0) return;
          acknowledged = next;
          acknowledgedOne();
        }
      })().finally(acknowledgedOne);
      void router.rows('operate', { command: `${CLIENT}Renew()` }).catch(() => undefined);
      if (round % 2 === 0) await first;
      await new Promise((resolve) => setTimeout(resolve, (round * 7) % 50));
      await router.stop('SIGKILL');
      stop = true;
      await writing;
      if (!shown().includes(address))
        t.fail(`round ${round}: the address left\n${router.log.slice(-1500)}`);
      await router.start();
      const code = (await router.value('Device.DeviceInfo.ProvisioningCode')) ?? '';
      const kept = Number(code.slice(1) || 0);
      if (kept < acknowledged) t.fail(`change ${acknowledged} was acknowledged, ${kept} is there`);
      acknowledged = kept;
      const told = await router.value(`${CLIENT}IPAddress`);
      if (told !== address) t.fail(`round ${round}: the first answers say ${told}`);
    }
    t.ok(acknowledged >= ROUNDS / 2, `${acknowledged} changes were acknowledged`);
    t.same(router.processes('udhcpc'), [pid], 'the same client all the time');
    t.equal(
      server.lines.filter((line) => line.includes('DHCPDISCOVER')).length,
      discovers,
      'no DISCOVER',
    );
    t.equal(server.lines.filter((line) => line.includes('DHCPRELEASE')).length, 0, 'no RELEASE');
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    const remaining = Number(await router.value(`${CLIENT}LeaseTimeRemaining`));
    t.ok(remaining > 90, `the last renewal counts: ${remaining} s remain`);
  },
);

t.test(
  'started as root it drops by itself, and works',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('asroot'));
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const router = stack.use(new Router(spaces, 'r', { asRoot: true }));
    await router.start();
    const now = readPrivileges(new LinuxFiles(), router.pid);
    t.ok(now.ok);
    if (!now.ok) return;
    t.equal(now.value.uid, 6767);
    t.equal(now.value.permitted.length, 3);
    t.equal(now.value.bounding.length, 3);
    t.ok(now.value.noNewPrivileges);
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
  },
);

t.test(
  'without a firewall no interface is brought up',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('closed'));
    for (const name of ['wan0', 'lan0']) spaces.exec('r', 'ip', 'link', 'set', name, 'down');
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const router = stack.use(new Router(spaces, 'r', { broken: '/usr/sbin/nft' }));
    await router.start();
    await router.until('it is said', () => /before the firewall stands/.test(router.log));
    const links = spaces.exec('r', 'ip', '-br', 'link');
    t.match(links, /wan0\S*\s+DOWN/);
    t.match(links, /lan0\S*\s+DOWN/);
    t.equal(router.processes('udhcpc').length, 0);
    const status = await router.call('gatehouse', 'status');
    t.match(status['failing'], { firewall: [/nft/], network: [/firewall/] });
  },
);
