/** Who is on the LAN, as the daemon sees it: by ARP, by lease, gone, and known again after a restart. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const HOSTS = 'Device.Hosts.';
/** A Raspberry Pi, by its first three bytes. */
const STATIC = 'dc:a6:32:00:00:01';
const LEASED = '02:00:00:00:00:77';

/** As /usr/share/udhcpc/default.script, without a resolver. */
const SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
`;

t.test(
  'hosts come, have names, go, and are known again',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('hosts'));
    spaces.link(['r', 'lan1'], ['lan2', 'eth0']);
    spaces.exec('lan', 'ip', 'link', 'set', 'eth0', 'address', STATIC);
    spaces.exec('lan2', 'ip', 'link', 'set', 'eth0', 'address', LEASED);
    const rows = { [`${HOSTS}X_GATEHOUSE_CheckInterval`]: '5' };
    const router = stack.use(new Router(spaces, 'r', { lan: ['lan0', 'lan1'], rows }));
    const script = join(router.folder, 'udhcpc.sh');
    writeFileSync(script, SCRIPT);
    chmodSync(script, 0o755);
    await router.start();
    await router.until('the LAN has its address', () =>
      spaces.exec('r', 'ip', '-br', 'address').includes('192.168.1.1/24'),
    );

    // The kernel's half minutes, in fractions of a second.
    for (const family of ['ipv4', 'ipv6']) {
      const folder = `/proc/sys/net/${family}/neigh/br-lan`;
      const set = (name: string, value: number) =>
        spaces.exec('r', 'sh', '-c', `echo ${value} >${folder}/${name}`);
      set('base_reachable_time_ms', 1000);
      set('delay_first_probe_time', 1);
      set('retrans_time_ms', 200);
    }

    /** All values of the host with this MAC address, by their names below its row. */
    const host = async (mac: string): Promise<Record<string, string> | undefined> => {
      const all = await router.get(`${HOSTS}Host.`);
      const key = Object.keys(all).find(
        (path) => path.endsWith('.PhysAddress') && all[path] === mac,
      );
      if (key === undefined) return undefined;
      const row = key.slice(0, -'PhysAddress'.length);
      const own = Object.entries(all).filter(([path]) => path.startsWith(row));
      return Object.fromEntries(own.map(([path, value]) => [path.slice(row.length), value]));
    };
    const until = (mac: string, what: string, values: Record<string, string | RegExp>) =>
      router.until(what, async () => {
        const now = await host(mac);
        const fits = Object.entries(values).every(([name, value]) => {
          const is = now?.[name] ?? '';
          return value instanceof RegExp ? value.test(is) : value === is;
        });
        return fits ? now : undefined;
      });

    await t.test('one that only has an address of its own appears by ARP', async (t) => {
      spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.20/24', 'dev', 'eth0');
      spaces.exec('lan', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
      const now = await until(STATIC, 'the host is active', {
        Active: '1',
        IPAddress: '192.168.1.20',
      });
      t.match(now, {
        'IPv4Address.1.IPAddress': '192.168.1.20',
        HostName: '',
        DHCPClient: '',
        X_GATEHOUSE_Vendor: /^Raspberry Pi/,
        X_GATEHOUSE_RandomisedMAC: '0',
        InterfaceType: 'Ethernet',
      });
      const ethernet = await router.get('Device.Ethernet.Interface.');
      t.equal(ethernet[`${now['Layer1Interface']}.Name`], 'lan0');
      const ip = await router.get(`${now['Layer3Interface']}.`);
      t.equal(ip[`${now['Layer3Interface']}.X_GATEHOUSE_Zone`], 'Lan');
    });

    await t.test('one with a lease has its name, and a row of the DHCP server', async (t) => {
      const options = ['-i', 'eth0', '-n', '-q', '-f', '-t', '60', '-T', '1', '-s', script];
      spaces.exec('lan2', 'udhcpc', ...options, '-x', 'hostname:Printer');
      spaces.exec('lan2', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
      const now = await until(LEASED, 'it has its name', {
        ...{ Active: '1', HostName: 'printer', IPAddress: /^192\.168\.1\.1\d\d$/ },
        DHCPClient: /^Device\.DHCPv4\.Server\.Pool\.1\.Client\.\d+$/,
      });
      t.equal(now['X_GATEHOUSE_RandomisedMAC'], '1');
      t.equal(await router.value(`${now['DHCPClient']}.Chaddr`), LEASED);
    });

    await t.test('on the bus', async (t) => {
      const { data } = (await router.call('gatehouse.neighbors', 'hosts')) as {
        data: { hosts: Record<string, unknown>[]; more: boolean };
      };
      t.equal(data.more, false);
      t.match(
        data.hosts.find(({ mac }) => mac === LEASED),
        { name: 'printer', active: true, interface: 'br-lan', port: 'lan1' },
      );
      const answer = await router.call('gatehouse.neighbors', 'get_devices');
      t.equal(answer['status'], 'success');
      const { devices } = answer['data'] as { devices: Record<string, unknown>[] };
      const device = devices.find(({ mac }) => mac === STATIC);
      t.same(Object.keys(device ?? {}), ['mac', 'ip', 'last_seen']);
      t.equal(device?.['ip'], '192.168.1.20');
      t.match(String(device?.['last_seen']), /^\d{10}(\.\d+)?$/, 'Unix time in seconds');
    });

    const before = await until(LEASED, 'it is there', { Active: '1' });
    await t.test(
      'one that leaves is inactive, and keeps its name; who stays is active',
      async (t) => {
        spaces.exec('lan2', 'ip', 'address', 'flush', 'dev', 'eth0');
        const now = await until(LEASED, 'it is found to be gone', { Active: '0' });
        t.equal(now['HostName'], 'printer');
        t.ok(await until(STATIC, 'it answers when it is asked', { Active: '1' }));
      },
    );

    await t.test('a cable that is pulled is known at once', async (t) => {
      spaces.exec('lan', 'ip', 'link', 'set', 'eth0', 'down');
      await until(STATIC, 'it is away', { Active: '0' });
      spaces.exec('lan', 'ip', 'link', 'set', 'eth0', 'up');
      spaces.exec('lan', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
      t.ok(await until(STATIC, 'it is back', { Active: '1' }));
    });

    await t.test('a restart knows them', async (t) => {
      await router.stop();
      await router.start();
      const now = await until(LEASED, 'it is known', { HostName: 'printer' });
      t.equal(now['X_GATEHOUSE_FirstSeen'], before['X_GATEHOUSE_FirstSeen']);
      t.equal(now['Active'], '0', 'its lease makes nobody active');
      await until(STATIC, 'who is there is found by being asked', { Active: '1' });
    });
  },
);
