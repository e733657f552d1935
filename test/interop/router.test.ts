/** The router as a whole, with the real udhcpc and dnsmasq: lease, NAT, firewall, model, plugs pulled. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { LinuxFiles } from '../../src/os/linux/files.ts';
import { readPrivileges } from '../../src/os/linux/privileges.ts';
import { dnsmasq } from '../lib/isp.ts';
import { home, noNamespaces, sh } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const RANGE = [
  '--interface=isp0',
  '--dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,120',
  '--dhcp-option=option:domain-name,isp.example',
  '--dhcp-option=option:dns-server,198.51.100.1',
];

t.test(
  'from power-on to traffic, and what is pulled comes back',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('router'));
    spaces.link(['isp', 'web0'], ['web', 'eth0']);
    spaces.exec('isp', 'ip', 'address', 'add', '203.0.113.1/24', 'dev', 'web0');
    spaces.exec('isp', 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
    spaces.exec('web', 'ip', 'address', 'add', '203.0.113.10/24', 'dev', 'eth0');
    spaces.exec('web', 'ip', 'route', 'add', 'default', 'via', '203.0.113.1');
    spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.100/24', 'dev', 'eth0');
    spaces.exec('lan', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    spaces.exec('r', 'ip', 'link', 'set', 'wan0', 'down');
    spaces.exec('r', 'ip', 'link', 'set', 'lan0', 'down');
    stack.use(await dnsmasq(spaces, 'isp', ...RANGE));
    const router = stack.use(new Router(spaces, 'r'));
    await router.start();
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    const client = await router.get(CLIENT);
    const address = client[`${CLIENT}IPAddress`] ?? '';
    t.match(address, /^198\.51\.100\.1\d\d$/);
    t.match(client, {
      [`${CLIENT}Status`]: 'Enabled',
      [`${CLIENT}SubnetMask`]: '255.255.255.0',
      [`${CLIENT}IPRouters`]: '198.51.100.1',
      [`${CLIENT}DHCPServer`]: '198.51.100.1',
      [`${CLIENT}Stats.ACK`]: /^[1-9]/,
    });
    const remaining = Number(client[`${CLIENT}LeaseTimeRemaining`]);
    t.ok(remaining > 100 && remaining <= 120, `${remaining} s remain`);
    const addresses = () => spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'wan0');
    const routes = () => spaces.exec('r', 'ip', 'route');
    t.match(addresses(), `${address}/24`);
    t.match(routes(), /default via 198\.51\.100\.1 dev wan0/);
    t.match(
      readFileSync(`${router.runDir}/resolv.conf`, 'utf8'),
      /search isp\.example\nnameserver 198\.51\.100\.1/,
    );

    await t.test('a LAN client reaches the web through NAT; the WAN reaches nothing', async (t) => {
      await router.until('the LAN address is set', () =>
        spaces.exec('r', 'ip', '-br', 'address').includes('192.168.1.1/24'),
      );
      spaces.exec('lan', 'ping', '-c', '2', '-i', '0.2', '-W', '20', '203.0.113.10');
      t.pass('ping through NAT');
      t.throws(
        () => spaces.exec('web', 'ping', '-c', '1', '-W', '1', address),
        'no ping from outside',
      );
      spaces.exec('isp', 'ip', 'route', 'add', '192.168.1.0/24', 'via', address);
      t.throws(
        () => spaces.exec('web', 'ping', '-c', '1', '-W', '1', '192.168.1.100'),
        'nor into the LAN',
      );
      spaces.exec('isp', 'ip', 'route', 'del', '192.168.1.0/24');
      const stats = await router.get('Device.IP.Interface.1.Stats.');
      t.ok(Number(stats['Device.IP.Interface.1.Stats.PacketsSent']) >= 2);
    });

    await t.test('the daemon and its child have three capabilities and nothing else', async (t) => {
      const files = new LinuxFiles();
      const three = ['CAP_NET_BIND_SERVICE', 'CAP_NET_ADMIN', 'CAP_NET_RAW'];
      const [udhcpc] = router.processes('udhcpc');
      const daemon = router.pid;
      t.ok(udhcpc && daemon);
      for (const pid of [udhcpc, daemon]) {
        const is = readPrivileges(files, pid ?? 0);
        t.ok(is.ok);
        if (!is.ok) continue;
        t.equal(is.value.uid, 6767);
        for (const set of ['effective', 'permitted', 'ambient', 'bounding'] as const) {
          t.same([...is.value[set]].sort(), [...three].sort(), set);
        }
        t.ok(is.value.noNewPrivileges);
      }
      t.equal(
        readFileSync(`/proc/${udhcpc}/environ`, 'latin1'),
        '',
        'the client has an empty environment',
      );
    });

    await t.test('what someone else removes is put back', async (t) => {
      spaces.exec('r', 'ip', 'address', 'flush', 'dev', 'wan0');
      await router.until('the address is back', () => addresses().includes(address));
      await router.until('the default route is back', () =>
        routes().includes('default via 198.51.100.1'),
      );
      spaces.exec('r', 'ip', 'route', 'del', 'default');
      await router.until('the default route is back', () =>
        routes().includes('default via 198.51.100.1'),
      );
      spaces.exec('r', 'ip', 'link', 'set', 'wan0', 'down');
      await router.until('the link is up again', () =>
        sh('ip', '-n', spaces.make('r'), 'link', 'show', 'wan0').includes('UP'),
      );
      await router.until('with its route', () => routes().includes('default via 198.51.100.1'));
      spaces.exec('r', 'nft', 'flush', 'ruleset');
      await router.until('the firewall is back', () =>
        spaces.exec('r', 'nft', 'list', 'ruleset').includes('policy drop'),
      );
      spaces.exec('lan', 'ping', '-c', '1', '-W', '20', '203.0.113.10');
      t.pass('and traffic flows');
    });

    await t.test(
      'kill -9 of the client, twenty times: back in a second, the address never leaves',
      async (t) => {
        let gone = 0;
        const watch = setInterval(() => {
          if (!addresses().includes(address)) gone++;
        }, 10);
        let slowest = 0;
        for (let i = 0; i < 20; i++) {
          // The client's fork looks like it until it has become the hook.
          const before = await router.until('there is exactly one client', () => {
            const all = router.processes('udhcpc');
            return all.length === 1 ? all : undefined;
          });
          const acks = Number(await router.value(`${CLIENT}Stats.ACK`));
          process.kill(before[0] ?? 0, 'SIGKILL');
          const from = performance.now();
          await router.until(
            'a new client has a lease',
            async () => Number(await router.value(`${CLIENT}Stats.ACK`)) > acks,
          );
          slowest = Math.max(slowest, performance.now() - from);
        }
        clearInterval(watch);
        t.equal(gone, 0, 'the address was there all the time');
        t.comment(`slowest return ${Math.round(slowest)} ms`);
        t.equal(router.processes('udhcpc').length, 1);
        t.equal(await router.value(`${CLIENT}X_GATEHOUSE_Restarts`), '20');
      },
    );

    await t.test('disable gives the lease back, enable takes it again, Renew() asks', async (t) => {
      t.same(await router.set({ [`${CLIENT}Enable`]: 'false' }), []);
      await router.waitFor(`${CLIENT}Status`, 'Disabled');
      await router.until('the address is gone', () => !addresses().includes(address));
      t.equal(await router.value(`${CLIENT}Stats.Release`), '1');
      await router.until('the client is gone', () => router.processes('udhcpc').length === 0);
      t.same(await router.set({ [`${CLIENT}Enable`]: 'true' }), []);
      await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
      t.match(addresses(), address, 'the same address, since it was asked for');
      const acks = Number(await router.value(`${CLIENT}Stats.ACK`));
      const [operated] = await router.rows('operate', { command: `${CLIENT}Renew()` });
      t.equal(operated?.fault, undefined);
      await router.until(
        'the renewal is acknowledged',
        async () => Number(await router.value(`${CLIENT}Stats.ACK`)) > acks,
      );
      t.same(await router.set({ [`${CLIENT}Enabled`]: 'true' }), [
        `${CLIENT}Enabled: no such parameter ${CLIENT}Enabled; did you mean Enable?`,
      ]);
    });

    await t.test('options asked and sent are exactly those of the model', async (t) => {
      t.same(
        await router
          .rows('add', {
            path: `${CLIENT}SentOption.`,
            obj_path: { Enable: 'true', Tag: '60', Value: '4748' },
          })
          .then((rows) => rows.map((row) => row.fault)),
        [undefined],
      );
      const line = await router.until('the client runs with the option', () => {
        const [pid] = router.processes('udhcpc');
        const args = pid === undefined ? '' : readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return args.includes('0x3c:4748') ? args : undefined;
      });
      t.match(line.split('\0').join(' '), /-o -O 1 -O 3 -O 6 .* -V {2}-x 0x3c:4748/);
      await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    });
  },
);
