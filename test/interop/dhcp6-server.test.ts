/** IPv6 on the LAN with real clients: the kernel's SLAAC, rdisc6, ISC dhclient, dibbler. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openStore } from '../../src/os/linux/store.ts';
import { BINDING_PREFIX } from '../../src/services/dhcp6-server/record.ts';
import { Server } from '../lib/isp.ts';
import { home, type Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const POOL = 'Device.DHCPv6.Server.Pool.1.';
const RA = 'Device.RouterAdvertisement.InterfaceSetting.1.';
const LAN = 'Device.IP.Interface.2.';
const ROWS = {
  [`${RA}X_GATEHOUSE_DNSServers`]: 'fd53::1',
  [`${RA}MinRtrAdvInterval`]: '3',
  [`${RA}MaxRtrAdvInterval`]: '4',
  [`${POOL}X_GATEHOUSE_DNSServers`]: 'fd53::1',
  [`${POOL}IANAEnable`]: 'true',
  [`${POOL}IAPDEnable`]: 'true',
  // T1 after ten seconds, T2 after sixteen: a restart in between goes unnoticed.
  [`${POOL}X_GATEHOUSE_PreferredLifetime`]: '20',
  [`${POOL}X_GATEHOUSE_ValidLifetime`]: '60',
};

/** A client whose hook writes what it was told; each event is a file of its environment. */
class Client {
  readonly folder: string;
  readonly #spaces: Namespaces;

  constructor(spaces: Namespaces, folder: string) {
    this.#spaces = spaces;
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    const hook = join(folder, 'hook');
    // `mv` last, so that nobody reads half of it.
    writeFileSync(
      hook,
      `#!/bin/sh\nenv > ${folder}/next\nmv ${folder}/next ${folder}/\${reason:-$1}\nexit 0\n`,
    );
    chmodSync(hook, 0o755);
  }

  dhclient(...args: string[]): Server {
    const files = ['-lf', join(this.folder, 'leases'), '-pf', join(this.folder, 'pid')];
    const config = join(this.folder, 'conf');
    writeFileSync(config, 'request dhcp6.name-servers, dhcp6.domain-search;\n');
    const fixed = ['-6', '-d', '-v', '-cf', config, '-sf', join(this.folder, 'hook'), ...files];
    return new Server(this.#spaces, 'lan', '/sbin/dhclient', [...fixed, ...args, 'eth0']);
  }

  /** What the hook was told last at an event of that name. */
  told(reason: string): Readonly<Record<string, string>> | undefined {
    const file = join(this.folder, reason);
    if (!existsSync(file)) return undefined;
    return Object.fromEntries(
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]),
    );
  }

  forget(): void {
    for (const reason of [
      'BOUND6',
      'RENEW6',
      'REBIND6',
      'RELEASE6',
      'DEPREF6',
      'EXPIRE6',
      'add',
      'update',
    ])
      rmSync(join(this.folder, reason), { force: true });
  }
}

t.test('SLAAC, DHCPv6, delegation', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('dhcp6'));
  const router = stack.use(new Router(spaces, 'r', { rows: ROWS }));
  await router.start('--only', 'network,firewall,dhcp-server');
  const addresses = () =>
    spaces.exec('lan', 'ip', '-6', 'address', 'show', 'dev', 'eth0', '-tentative');
  const ula = (await router.value('Device.IP.ULAPrefix')) ?? '';
  const subnet = ula.replace('::/48', ':2:');
  t.match(ula, /^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/48$/);

  await t.test('the box has ::1 of its /64, and says so', async (t) => {
    const path = `${LAN}IPv6Address.`;
    const row = await router.until('the row is there', async () => {
      const rows = await router.get(path);
      const found = Object.entries(rows).find(([, value]) => value === `${subnet}:1`);
      return found?.[0].replace(/IPAddress$/, '');
    });
    await router.waitFor(`${row}IPAddressStatus`, 'Preferred');
    t.equal(await router.value(`${row}Origin`), 'AutoConfigured');
    t.match(await router.value(`${row}Prefix`), /^Device\.IP\.Interface\.2\.IPv6Prefix\.\d+$/);
    t.equal(spaces.exec('r', 'cat', '/proc/sys/net/ipv6/conf/all/forwarding').trim(), '1');
    await router.waitFor(`${RA}Status`, 'Enabled');
    await router.waitFor(`${POOL}Status`, 'Enabled');
  });

  await t.test('the kernel of a host makes its own address', async (t) => {
    await router.until('there is an address', () => addresses().includes(subnet));
    t.notMatch(spaces.exec('lan', 'ip', '-6', 'route'), /default/, 'this box leads nowhere');
    spaces.exec('lan', 'ping', '-6', '-c', '1', '-W', '30', `${subnet}:1`);
  });

  await t.test('rdisc6 sees what is advertised', async (t) => {
    const seen = spaces.exec('lan', 'rdisc6', '-1', '-r', '3', '-w', '20000', 'eth0');
    t.match(seen, /Stateful other conf\.\s+:\s+Yes/);
    t.match(seen, /Router lifetime\s+:\s+0 /);
    t.match(seen, /Recursive DNS server\s+:\s+fd53::1/);
    t.match(seen, new RegExp(`Route\\s+:\\s+${ula}`), 'the way to the other subnets of the box');
    t.match(seen, /DNS search list\s+:\s+lan/);
    t.match(seen, `${subnet}:/64`);
    t.match(seen, /Valid time\s+:\s+5400 /);
    t.match(seen, /Pref\. time\s+:\s+2700 /);
  });

  const client = new Client(spaces, join(router.folder, 'dhclient'));
  await t.test('dhclient: an address, renewed, released', async (t) => {
    {
      await using dhclient = client.dhclient('-nw');
      const bound = await router.until('bound', () => client.told('BOUND6'));
      t.match(bound['new_ip6_address'], new RegExp(`^${subnet}`));
      t.equal(bound['new_dhcp6_name_servers'], 'fd53::1');
      t.equal(bound['new_dhcp6_domain_search']?.replace(/\.$/, ''), 'lan');
      t.equal(bound['new_max_life'], '60');
      const renewed = await router.until('renewed', () => client.told('RENEW6'));
      t.equal(renewed['new_ip6_address'], bound['new_ip6_address']);
      await router.waitFor('Device.DHCPv6.Server.Stats.Renew', /^[1-9]/);
      const rows = await router.get(`${POOL}Client.`);
      t.ok(Object.values(rows).includes(bound['new_ip6_address'] ?? ''), 'seen in the model');
      t.ok(dhclient.lines.length > 0);
    }
    {
      await using release = client.dhclient('-r');
      await release.said(/Release on eth0|RELEASE|XMT: Forming Release/i);
      await router.waitFor('Device.DHCPv6.Server.Stats.Release', /^[1-9]/);
    }
    await router.until('the model says so', async () =>
      Object.entries(await router.get(`${POOL}Client.`)).some(
        ([path, value]) => path.endsWith('Active') && value === '0',
      ),
    );
  });

  await t.test('dhclient: a prefix for a network below, with the way to it', async (t) => {
    const below = new Client(spaces, join(router.folder, 'dhclient-pd'));
    await using dhclient = below.dhclient('-P', '-nw');
    const bound = await router.until('bound', () => below.told('BOUND6'));
    const prefix = bound['new_ip6_prefix'] ?? '';
    t.match(prefix, new RegExp(`^${ula.replace('::/48', ':')}[0-9a-f:]*/56$`));
    t.not(prefix.replace(/\/.*/, ''), `${subnet}:`, "not the LAN's own");
    await router.until('there is a route', () =>
      spaces.exec('r', 'ip', '-6', 'route').includes(`${prefix} via fe80::`),
    );
    // Traffic really goes there: a host in the delegated network answers.
    const host = `${prefix.replace(/\/.*/, '')}1`;
    spaces.exec('lan', 'ip', '-6', 'address', 'add', `${host}/128`, 'dev', 'lo');
    spaces.exec('r', 'ping', '-6', '-c', '1', '-W', '30', host);
    t.ok(dhclient.lines.length > 0);
  });

  await t.test('dhclient: information alone', async (t) => {
    client.forget();
    await using dhclient = client.dhclient('-S', '-nw');
    const told = await router.until('told', () => client.told('RENEW6') ?? client.told('BOUND6'));
    t.equal(told['new_dhcp6_name_servers'], 'fd53::1');
    t.ok(dhclient.lines.length > 0);
  });

  await t.test(
    'dibbler: address and prefix at once; a lost store means NoBinding and a new start',
    async (t) => {
      const dibbler = new Client(spaces, join(router.folder, 'dibbler'));
      const { folder } = dibbler;
      writeFileSync(join(folder, 'client-duid'), '00:03:00:01:02:00:00:00:00:42\n');
      writeFileSync(
        join(folder, 'client.conf'),
        `log-level 7\nscript "${folder}/hook"\ninactive-mode\ndownlink-prefix-ifaces "none"\niface eth0 {\n ia 7\n pd 9\n}\n`,
      );
      // It writes /etc/resolv.conf itself: it gets an /etc of its own.
      mkdirSync(join(folder, 'etc/dibbler'), { recursive: true });
      writeFileSync(
        join(folder, 'etc/dibbler/client.conf'),
        readFileSync(join(folder, 'client.conf')),
      );
      const script = `mount --bind ${folder}/etc /etc && mkdir -p /var/lib/dibbler && exec /usr/sbin/dibbler-client run -w ${folder}`;
      const run = () => new Server(spaces, 'lan', 'unshare', ['-m', 'sh', '-c', script]);
      await using client = run();
      const bound = await router
        .until('bound', () => dibbler.told('add'))
        .catch((error) => {
          throw new Error(`${error.message}\n${client.lines.slice(-30).join('\n')}`);
        });
      t.match(bound['ADDR1'], new RegExp(`^${subnet}`));
      t.equal(bound['PREFIX1LEN'], '56');

      // Killed and started anew it knows its client still.
      await router.stop('SIGKILL');
      await router.start('--only', 'network,firewall,dhcp-server');
      await router.waitFor('Device.DHCPv6.Server.Stats.Renew', /^[1-9]/);
      await router.waitFor('Device.DHCPv6.Server.Stats.Reply', /^[1-9]/);
      t.equal(
        await router.value('Device.DHCPv6.Server.Stats.Request'),
        '0',
        'a renewal was enough',
      );

      // With its bindings lost it says so, and the client asks anew.
      await router.stop('SIGKILL');
      const store = await openStore(router.stateDir);
      if (!store.ok) throw store.error;
      const keys = [...store.value.entries(BINDING_PREFIX)].map(([key]) => key);
      t.ok(keys.length >= 2);
      await store.value.commit(keys.map((key) => ({ key, value: undefined })));
      await store.value[Symbol.asyncDispose]();
      await router.start('--only', 'network,firewall,dhcp-server');
      // Counted from the start: it renewed in vain and began anew.
      await router.waitFor('Device.DHCPv6.Server.Stats.Renew', /^[1-9]/);
      await router.waitFor('Device.DHCPv6.Server.Stats.Solicit', /^[1-9]/);
      await client.said(/Unable to send REQUEST/);
    },
  );
});
