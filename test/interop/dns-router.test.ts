/**
 * The DNS server of the router, as a house has it: clients are told of it by DHCP and advertisements,
 * it asks the provider's resolver, knows the hosts by their leases, and serves nobody on the WAN.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import { Serving } from '../lib/signed-zones.ts';

t.setTimeout(290_000);

const SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "$dns" >"$OUT"
`;

t.test('names of a house', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('dnsr'));
  const router = stack.use(new Router(spaces, 'r'));
  const lease = '--dhcp-option=option:dns-server,198.51.100.1';
  stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE, lease));
  const resolver = [
    ...[
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
    ],
    ...['--pid-file=', '--interface=isp0', '--bind-interfaces'],
  ];
  const names = ['--address=/www.example/203.0.113.80'];
  stack.use(new Serving('ip', ...spaces.argv('isp', 'dnsmasq', ...resolver, ...names)));
  const script = join(router.folder, 'lan.sh');
  const out = join(router.folder, 'lan.dns');
  writeFileSync(script, SCRIPT);
  chmodSync(script, 0o755);
  await router.start();
  await router.waitFor('Device.DHCPv4.Client.1.Status', 'Enabled');
  await router.waitFor('Device.DNS.Relay.Status', 'Enabled');
  await router.until('it listens on the LAN', () =>
    spaces.exec('r', 'ss', '-Hlun').includes('192.168.1.1:53'),
  );
  const listening = spaces.exec('r', 'ss', '-Hlntu', 'sport = :53 or sport = :853');
  t.notMatch(
    listening,
    /198\.51\.100|0\.0\.0\.0:(53|853)|\*:(53|853)|\[::\]:(53|853)/,
    'nothing on the WAN, no wildcard',
  );

  spaces.exec(
    'lan',
    'env',
    `OUT=${out}`,
    'busybox',
    'udhcpc',
    '-i',
    'eth0',
    '-n',
    '-q',
    '-t',
    '20',
    '-x',
    'hostname:laptop',
    '-s',
    script,
  );
  t.equal(readFileSync(out, 'utf8').trim(), '192.168.1.1', 'DHCP names the box itself');
  const dig = (...args: string[]): string =>
    spaces.exec('lan', 'dig', '@192.168.1.1', '+time=30', '+tries=2', ...args).trim();
  await router.until('the provider’s resolver answers', () =>
    dig('+short', 'www.example') === '203.0.113.80' ? true : undefined,
  );
  t.match(
    router.log,
    /keeps signatures back/,
    'which knows nothing of DNSSEC, and the owner is told',
  );
  t.match(dig('www.example', '+tcp'), /203\.0\.113\.80/);
  await router.until('it has a certificate', () =>
    spaces.exec('r', 'ss', '-Hlnt').includes('192.168.1.1:853'),
  );
  t.equal(dig('+tls', '+short', 'www.example'), '203.0.113.80', 'by TLS, too');
  await router.until('the laptop has its name', () => dig('+short', 'laptop.lan') !== '');
  const address = dig('+short', 'laptop.lan');
  t.match(address, /^192\.168\.1\.\d+$/);
  t.equal(dig('+short', '-x', address), 'laptop.lan.');
  t.match(dig('+short', '-x', '192.168.1.1'), /^[^.]+\.lan\.$/, 'and so has the box');

  const refused = (() => {
    try {
      return spaces.exec('isp', 'dig', '@198.51.100.100', '+time=1', '+tries=1', 'www.example');
    } catch (error) {
      return String((error as { stdout?: unknown }).stdout);
    }
  })();
  t.notMatch(refused, /203\.0\.113\.80/, 'and from the WAN nobody is answered');

  t.same(await router.set({ 'Device.DNS.Relay.Enable': 'false' }), []);
  await router.until('it listens no longer', () =>
    spaces.exec('r', 'ss', '-Hlun').includes('192.168.1.1:53') ? undefined : true,
  );
  writeFileSync(out, '');
  spaces.exec(
    'lan',
    'env',
    `OUT=${out}`,
    'busybox',
    'udhcpc',
    '-i',
    'eth0',
    '-n',
    '-q',
    '-t',
    '20',
    '-s',
    script,
  );
  t.equal(readFileSync(out, 'utf8').trim(), '198.51.100.1', 'then DHCP names the provider’s');
});

t.test('the DNS server alone', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('dnsalone'));
  spaces.exec('r', 'ip', 'address', 'add', '192.168.50.1/24', 'dev', 'lan0');
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.50.2/24', 'dev', 'eth0');
  spaces.exec('r', 'ip', 'address', 'add', '198.51.100.2/24', 'dev', 'wan0');
  const upstream = ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'];
  const names = ['--address=/www.example/203.0.113.80', '--address=/ads.example/203.0.113.66'];
  const where = ['--user=root', '--pid-file=', '--interface=isp0', '--bind-interfaces'];
  stack.use(new Serving('ip', ...spaces.argv('isp', 'dnsmasq', ...upstream, ...where, ...names)));
  const forwarding = 'Device.DNS.Relay.Forwarding.1.';
  const dns = 'Device.X_GATEHOUSE_DNS.';
  const rows = {
    'Device.DNS.Relay.Enable': 'true',
    [`${forwarding}Enable`]: 'true',
    [`${forwarding}DNSServer`]: '198.51.100.1',
    [`${dns}Addresses`]: '192.168.50.1',
    [`${dns}Port`]: '5353',
    [`${dns}Allow`]: '192.168.50.0/24',
    [`${dns}DNSSEC.Enable`]: 'false',
    [`${dns}Record.1.Enable`]: 'true',
    [`${dns}Record.1.Name`]: 'nas.lan',
    [`${dns}Record.1.Type`]: 'A',
    [`${dns}Record.1.Value`]: '192.168.50.7',
    [`${dns}List.1.Text`]: 'ads.example',
  };
  const router = stack.use(new Router(spaces, 'r', { rows }));
  await router.start('--only', 'dns');
  const dig = (...args: string[]): string =>
    spaces
      .exec('lan', 'dig', '@192.168.50.1', '-p', '5353', '+time=30', '+tries=2', ...args)
      .trim();
  await router.until('it listens', () => spaces.exec('r', 'ss', '-Hlun').includes(':5353'));
  await router.until('the upstream answers', () =>
    dig('+short', 'www.example') === '203.0.113.80' ? true : undefined,
  );
  t.equal(dig('+short', 'nas.lan'), '192.168.50.7');
  t.equal(dig('+short', '-x', '192.168.50.7'), 'nas.lan.');
  await router.until('the list is in use', () => dig('+short', 'ads.example') === '0.0.0.0');
  t.match(dig('ads.example'), /EDE: 15 \(Blocked\)/);
  t.notOk(
    spaces.exec('r', 'ip', '-br', 'address').includes('192.168.1.1'),
    'and nothing else runs',
  );
});
