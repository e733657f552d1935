/** MAP-T as the provider's DHCPv6 server tells it, in the lab: there, changed, malformed, gone, and native IPv4 beside it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noNamespaces } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const LAB = join(import.meta.dirname, '../../scripts/lab');
const NAME = `m${process.pid}`;
const STATE = `/tmp/gatehouse-lab-${NAME}`;
const env = { ...process.env, GATEHOUSE_LAB: NAME };

function lab(...args: string[]): { code: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(LAB, args, {
    ...{ encoding: 'utf8', env, timeout: 60_000 },
    // The servers live on after `up`: its output must not be a pipe that they would keep open.
    stdio: args[0] === 'up' ? 'ignore' : 'pipe',
  });
  return { code: status, out: `${stdout ?? ''}${stderr ?? ''}` };
}
const router = (...args: string[]): string => lab('exec', 'router', ...args).out;
const lan = (...args: string[]): string => lab('exec', 'lan1', ...args).out;

interface MapStatus {
  readonly refusedOptions: number;
  readonly refusal: string | null;
  readonly domains: readonly { readonly status: string; readonly address: string | null }[];
}
const map = (): MapStatus | undefined => {
  const { code, out } = lab('exec', 'router', 'gatehouse', '--json', 'map');
  return code === 0 ? JSON.parse(out) : undefined;
};

interface KeaOption {
  name?: string;
  code?: number;
  space?: string;
  'csv-format'?: boolean;
  data?: string;
}
/** Gives the DHCPv6 server other options, and has the router ask. */
function serve(change: (options: KeaOption[]) => KeaOption[]): void {
  const path = join(STATE, 'isp/kea6.json');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  const [subnet] = config.Dhcp6.subnet6;
  subnet['option-data'] = change(subnet['option-data']);
  writeFileSync(path, JSON.stringify(config));
  const line = readFileSync(join(STATE, 'processes'), 'utf8').match(/^kea6 (\d+)/m);
  const log = join(STATE, 'log/kea6.log');
  const before = readFileSync(log, 'utf8').length;
  process.kill(Number(line?.[1]), 'SIGHUP');
  const end = performance.now() + 60_000;
  while (!/DHCP6_CONFIG_COMPLETE|CONFIG_LOAD_FAIL/.test(readFileSync(log, 'utf8').slice(before))) {
    if (performance.now() > end) throw new Error('Kea did not read its configuration');
  }
  if (/CONFIG_LOAD_FAIL/.test(readFileSync(log, 'utf8').slice(before))) {
    throw new Error(readFileSync(log, 'utf8').slice(before));
  }
  router('gatehouse', 'operate', 'Device.DHCPv6.Client.1.Renew()');
}
const isMap = ({ name = '', space = '', code }: KeaOption): boolean =>
  `${name}${space}`.includes('s46') || code === 95;

const skip =
  noNamespaces() ??
  (['/usr/sbin/tayga', '/usr/sbin/kea-dhcp6', '/usr/sbin/dibbler-client'].every((path) =>
    existsSync(path),
  )
    ? false
    : 'needs tayga, kea-dhcp6-server and dibbler-client');

t.test('option 95 of a real server', { skip }, async (t) => {
  let daemon: ChildProcess | undefined;
  t.teardown(() => {
    daemon?.kill('SIGKILL');
    lab('down');
  });
  t.equal(lab('up', '--isp', 'v6-mapt').code, 0);
  daemon = spawn(LAB, ['daemon'], { env, stdio: 'ignore' });
  const reaches = (): boolean =>
    lan('curl', '-sm', '2', 'http://203.0.113.10/') === 'hello 192.0.2.18\n';
  let offered: KeaOption[] = [];

  await t.test('a LAN with private addresses reaches IPv4 through the border relay', async (t) => {
    await until('the web server answers', reaches);
    t.match(map(), { domains: [{ status: 'Enabled', address: '192.0.2.18' }], refusedOptions: 0 });
    t.notMatch(router('ip', '-4', 'address', 'show', 'dev', 'wan0'), /inet /, 'no IPv4 at the WAN');
    t.match(lan('ping', '-c', '3', '-i', '0.1', '203.0.113.10'), /3 received/);
    t.match(router('gatehouse', 'map'), /dhcp6\.1 +Enabled +192\.0\.2\.18 +52\/8 +\d+ of 252/);
    t.match(
      lab('exec', 'br', 'nft', 'list', 'counter', 'ip', 'relay', 'foreign').out,
      /packets 0 bytes 0/,
    );
  });

  await t.test('it is taken back: nothing is left of it', async (t) => {
    serve((options) => {
      offered = options.filter(isMap);
      return options.filter((option) => !isMap(option));
    });
    await until('the domain is gone', () => map()?.domains.length === 0);
    await until('its link is gone', () => !router('ip', '-br', 'link').includes('gh-map'));
    await until('its table is gone', () => !router('nft', 'list', 'tables').includes('_map'));
    t.notMatch(router('ip', 'route'), /default/);
    t.notOk(reaches());
  });

  await t.test('native IPv4 comes and goes before it', async (t) => {
    lab('exec', 'isp', 'ip', 'address', 'add', '198.51.100.1/24', 'dev', 'br0');
    const dhcp = spawn(
      LAB,
      [
        ...['exec', 'isp', 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0'],
        ...['--interface=br0', '--dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,120'],
        ...['--dhcp-option=option:router,198.51.100.1', '--dhcp-authoritative', '--no-ping'],
        ...['--user=root', '--pid-file=', `--dhcp-leasefile=${STATE}/isp/native.leases`],
      ],
      { env, stdio: 'ignore' },
    );
    const way = (): string => router('ip', 'route', 'get', '203.0.113.10');
    await until('there is a native lease', () => way().includes('dev wan0'));
    serve((options) => [...options, ...offered]);
    await until('MAP is there as well', () => map()?.domains[0]?.status === 'Enabled');
    t.match(way(), /dev wan0/, 'native IPv4 goes before');
    t.match(lan('ping', '-c', '2', '-i', '0.1', '198.51.100.1'), /2 received/);
    dhcp.kill();
    router('gatehouse', 'set', 'Device.DHCPv4.Client.1.Enable=false');
    await until('it goes through MAP', () => way().includes('dev gh-mapd1'));
    await until('the web server answers', reaches);
    router('gatehouse', 'set', 'Device.DHCPv4.Client.1.Enable=true');
  });

  await t.test('malformed, it is refused and counted; the rest of the lease is used', async (t) => {
    // A rule with 49 EA bits, of which there are 48 at most.
    serve((options) => [
      ...options.filter(({ name }) => name !== 's46-rule'),
      {
        ...{ space: 's46-cont-mapt-options', code: 89, 'csv-format': false },
        data: '003118C00002002820010DB810',
      },
    ]);
    const seen = await until('it is refused', () => {
      const now = map();
      return now !== undefined && now.refusedOptions > 0 ? now : undefined;
    });
    t.match(seen.refusal, /^option 95\.rule\.eaLen, byte 5: over 48$/);
    await until('the domain is gone', () => map()?.domains.length === 0);
    t.match(router('ip', '-6', 'address', 'show', 'dev', 'lan0'), /2001:db8:1012:34/);
    t.match(lan('curl', '-sm', '30', 'http://[2001:db8:cafe::10]/'), /^hello 2001:db8:1012:34/);
    const status = router('gatehouse', 'get', 'Device.DHCPv6.Client.1.Status');
    t.match(status, /Enabled/);
    serve((options) => [...options.filter((option) => !isMap(option)), ...offered]);
    await until('the web server answers', reaches);
  });
});
