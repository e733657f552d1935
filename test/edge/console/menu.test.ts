/** Every entry of the menu, at a terminal of 80 × 24. */
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import { ENTRIES } from '../../../src/edge/console/menu.ts';
import { widthOf } from '../../../src/edge/console/pages.ts';
import { refused, rowsOf, sitDown, success } from './fake.ts';

const HEADER = rowsOf({
  'Device.DeviceInfo.HostName': 'gate',
  'Device.DeviceInfo.ModelName': 'Raspberry Pi 4 Model B Rev 1.5',
  'Device.DeviceInfo.SoftwareVersion': '1.2.3',
  'Device.DeviceInfo.UpTime': '3723',
  'Device.IP.Interface.1.Alias': 'wan',
  'Device.IP.Interface.1.Status': 'Up',
  'Device.IP.Interface.1.IPv4Address.1.IPAddress': '198.51.100.7',
  'Device.IP.Interface.2.Alias': 'lan',
  'Device.IP.Interface.2.Status': 'Up',
  'Device.IP.Interface.2.IPv4Address.1.IPAddress': '192.168.1.1',
  'Device.IP.Interface.3.Alias': 'loopback',
  'Device.IP.Interface.3.Loopback': 'true',
});

const LAN = rowsOf({
  'Device.IP.Interface.1.X_GATEHOUSE_Zone': 'Wan',
  'Device.IP.Interface.2.X_GATEHOUSE_Zone': 'Lan',
  'Device.IP.Interface.2.IPv4Address.1.AddressingType': 'Static',
  'Device.IP.Interface.2.IPv4Address.1.IPAddress': '192.168.1.1',
  'Device.IP.Interface.2.IPv4Address.1.SubnetMask': '255.255.255.0',
});

const LEASES = rowsOf({
  'Device.DHCPv4.Client.1.Alias': 'wan',
  'Device.DHCPv4.Client.1.Status': 'Enabled',
  'Device.DHCPv4.Client.1.DHCPStatus': 'Bound',
  'Device.DHCPv4.Client.1.IPAddress': '198.51.100.7',
  'Device.DHCPv4.Client.1.LeaseTimeRemaining': '3600',
});

const USERS = rowsOf({
  'Device.Users.User.1.Username': 'admin',
  'Device.Users.User.1.X_GATEHOUSE_Role': 'Administrator',
});

const NETWORK = success({
  links: [
    { name: 'lo', operState: 'unknown', mtu: 65_536, loopback: true, mac: '00:00:00:00:00:00' },
    { name: 'eth0', operState: 'up', mtu: 1500, loopback: false, mac: '02:00:00:00:00:01' },
  ],
  addresses: [{ ifName: 'eth0', address: '198.51.100.7', prefixLen: 24, owner: 'dhcp4.1' }],
  routes: Array.from({ length: 40 }, (_, i) => ({
    ...{ type: 'unicast', destination: `10.${i}.0.0`, prefixLen: 16, ifName: 'eth0', metric: 10 },
    gateway: '198.51.100.1',
  })),
});

type Handlers = Exclude<Parameters<typeof sitDown>[0], { message: string }>;

const ROUTER: Handlers = {
  'bbfdm get': ({ paths }) => {
    const asked = JSON.stringify(paths);
    if (asked.includes('DeviceInfo')) return HEADER;
    if (asked.includes('Zone')) return LAN;
    return asked.includes('Users') ? USERS : LEASES;
  },
  'gatehouse status': () => ({ version: '1.2.3', revision: 17 }),
};

/** A router whose service commands answer by `service command`. */
const router = (commands: Readonly<Record<string, object>> = {}): Handlers => ({
  ...ROUTER,
  'gatehouse call': ({ service, command }) =>
    (commands[`${service} ${command}`] as never) ?? refused(`no ${service} ${command}`),
});

const entry = (title: string): number => ENTRIES.findIndex((one) => one.title === title) + 1;
const commandsSaid = (bus: { calls: readonly { method: string; args: object }[] }) =>
  bus.calls.filter(({ method }) => method === 'call').map(({ args }) => args);

t.test('the menu fits 80 × 24', async (t) => {
  const at = sitDown(router());
  const menu = await at.terminal.until('Choice: ');
  const lines = menu.replace(/^\n/, '').split('\n');
  t.ok(lines.length <= 24, `${lines.length} lines`);
  t.ok(lines.every((line) => widthOf(line) <= 80));
  t.match(menu, /Gatehouse 1\.2\.3 {2}gate {2}Raspberry Pi 4 .* up 1 h 2 min/);
  t.match(menu, /wan +Up +198\.51\.100\.7/);
  t.match(menu, /lan +Up +192\.168\.1\.1/);
  t.notMatch(menu, /loopback/);
  t.notOk(menu.includes('\u001b'));
  for (const { title } of ENTRIES) t.match(menu, title);
  at.terminal.type('nonsense\r');
  await at.terminal.until('is wanted');
  at.terminal.type('15\r');
  await at.terminal.until('is wanted');
  at.terminal.type('\u00030\r');
  await at.ended;
});

t.test('colour where the terminal has it', async (t) => {
  const at = sitDown(router(), {}, { colour: true });
  t.match(await at.terminal.until('Choice: '), '\u001b[1m');
  at.terminal.type(undefined);
  await at.ended;
});

t.test('status, leases, links, routes', async (t) => {
  const lent = { address: '192.168.1.120', mac: '02:00:00:00:00:09', state: 'bound' };
  const at = sitDown(
    router({
      'network status': NETWORK,
      'dhcp-server leases': success({ leases: [{ ...lent, hostName: 'tv', remainingSec: 60 }] }),
    }),
  );
  t.match(await at.choose(entry('Status'), 'menu. '), /revision +17/);
  at.terminal.type('\r');
  t.match(
    await at.choose(entry('Leases'), 'menu. '),
    /address +198\.51\.100\.7[\s\S]*1 h 0 min[\s\S]*192\.168\.1\.120 .* tv/,
  );
  at.terminal.type('\r');
  const links = await at.choose(entry('Links and addresses'), 'menu. ');
  t.match(links, /eth0 +up +02:00:00:00:00:01 +1500/);
  t.match(links, /eth0 +198\.51\.100\.7\/24 +dhcp4\.1/);
  at.terminal.type('\r');
  const first = await at.choose(entry('Routes'), 'q ends -- ');
  t.match(first, /10\.0\.0\.0\/16/);
  t.equal(first.slice(first.indexOf('TO ')).split('\n').length, 24, 'a page is a screen');
  t.match(await at.answer('', 'menu. '), /10\.39\.0\.0\/16/);
  await at.leave();
});

t.test('q leaves out the rest of a long list', async (t) => {
  const at = sitDown(router({ 'network status': NETWORK }));
  await at.choose(entry('Routes'), 'q ends -- ');
  t.notMatch(await at.answer('q', 'menu. '), /10\.39/);
  await at.leave();
});

t.test('what the network says cannot steer the terminal', async (t) => {
  const evil = { links: [{ name: 'e\u001b[2J\u009b\nX', mac: '02:00:00:00:00:01' }] };
  const at = sitDown(router({ 'network status': success(evil) }), {
    ping: async (_host, said) => {
      said('64 bytes from \u001b]0;x\u0007');
      return ok(undefined);
    },
  });
  t.match(await at.choose(entry('Links and addresses'), 'menu. '), 'e\\x1b[2J\\x9b\\nX');
  at.terminal.type('\r');
  await at.choose(entry('Ping'), 'host name: ');
  t.match(await at.answer('192.0.2.1', 'menu. '), 'from \\x1b]0;x\\x07');
  await at.leave();
  t.notMatch(at.terminal.shown.replaceAll('\n', ''), /\p{Cc}/u);
});

t.test('ping: the host is checked, Ctrl-C ends it', async (t) => {
  const hosts: string[] = [];
  const at = sitDown(router(), {
    ping: async (host, said, signal) => {
      hosts.push(host);
      said('PING');
      await new Promise<void>((ended) => signal.addEventListener('abort', () => ended()));
      return err(new SystemError('ended', 'EINTR'));
    },
  });
  await at.choose(entry('Ping'), 'host name: ');
  t.match(await at.answer('-f 192.0.2.1', 'menu. '), 'neither an address nor a host name');
  t.same(hosts, []);
  at.terminal.type('\r');
  await at.choose(entry('Ping'), 'host name: ');
  await at.answer('example.org', 'PING');
  at.terminal.type('x\u0003');
  t.notMatch(await at.terminal.until('menu. '), 'ended');
  t.same(hosts, ['example.org']);
  await at.leave();
});

t.test('the log, until any key', async () => {
  const at = sitDown(router(), {
    followLog: async (heard, signal) => {
      heard('12:00:00.000 INFO  ready\n');
      await new Promise<void>((ended) => signal.addEventListener('abort', () => ended()));
      return ok(undefined);
    },
  });
  await at.choose(entry('Follow the log'), 'ready\n');
  at.terminal.type(' ');
  await at.terminal.until('menu. ');
  await at.leave();
});

t.test('frames into a file', async (t) => {
  const asked: unknown[] = [];
  const at = sitDown(router({ 'network status': NETWORK }), {
    capture: async (ifName, limits) => {
      asked.push([ifName, limits]);
      return ok({ path: '/tmp/a.pcap', frames: 3, sizeBytes: 300, dropped: 1 });
    },
  });
  await at.choose(entry('Capture frames to a file'), 'Link (eth0): ');
  t.match(await at.answer('eth9', 'menu. '), 'there is no link eth9');
  at.terminal.type('\r');
  await at.choose(entry('Capture frames to a file'), 'Link (eth0): ');
  t.match(await at.answer('eth0', 'menu. '), '/tmp/a.pcap: 3 frames, 300 bytes, 1 dropped');
  t.same(asked, [['eth0', { maxBytes: 8 << 20, maxMs: 60_000 }]]);
  await at.leave();
});

t.test('the address of the LAN is on trial until it is kept', async (t) => {
  const commands = {
    'config set': success({ pending: { revision: 4 } }),
    'config confirm': success(),
    'config rollback': success(),
  };
  const at = sitDown(router(commands));
  await at.choose(entry('Change the LAN address'), '/24: ');
  t.match(await at.answer('192.168.7.1/25', '[y/N] '), 'undone in 2 minutes');
  t.match(await at.answer('y', 'menu. '), 'It stays.');
  at.terminal.type('\r');
  await at.choose(entry('Change the LAN address'), '/24: ');
  await at.answer('192.168.8.1', '[y/N] ');
  t.match(await at.answer('', 'menu. '), 'It is undone.');
  at.terminal.type('\r');
  await at.choose(entry('Change the LAN address'), '/24: ');
  t.match(await at.answer('192.168.8', 'menu. '), 'looks like');
  await at.leave();
  const row = 'Device.IP.Interface.2.IPv4Address.1.';
  t.match(commandsSaid(at.bus), [
    {
      command: 'set',
      args: {
        values: { [`${row}IPAddress`]: '192.168.7.1', [`${row}SubnetMask`]: '255.255.255.128' },
        confirm: 120,
      },
    },
    { command: 'confirm' },
    { command: 'set' },
    { command: 'rollback' },
  ]);
});

t.test('a password is reset on a physical line, typed twice, and never shown', async (t) => {
  const at = sitDown(router({ 'console reset_password': success() }));
  t.match(await at.choose(entry('Reset a password'), 'Account: '), 'admin (Administrator)');
  await at.answer('admin', 'New password: ');
  await at.answer('correct horse', 'Once more: ');
  t.match(await at.answer('correct horsf', 'menu. '), 'two different');
  t.same(commandsSaid(at.bus), []);
  at.terminal.type('\r');
  await at.choose(entry('Reset a password'), 'Account: ');
  await at.answer('admin', 'New password: ');
  await at.answer('correct horse', 'Once more: ');
  t.match(await at.answer('correct horse', 'menu. '), 'has a new password');
  t.match(commandsSaid(at.bus), [
    { command: 'reset_password', args: { username: 'admin', password: 'correct horse' } },
  ]);
  t.notMatch(at.terminal.shown, 'correct');
  await at.leave();
});

t.test('why a password is refused', async (t) => {
  const at = sitDown(router({ 'console reset_password': refused('only at the box itself') }));
  await at.choose(entry('Reset a password'), 'Account: ');
  await at.answer('admin', 'New password: ');
  await at.answer('correct horse', 'Once more: ');
  const said = await at.answer('correct horse', 'menu. ');
  t.match(said, 'only at the box itself');
  t.notMatch(said, 'has a new password');
  await at.leave();
});

t.test('elsewhere than on a physical line', async (t) => {
  const at = sitDown(router(), { line: undefined });
  t.match(await at.choose(entry('Reset a password'), 'menu. '), 'at the box itself');
  at.terminal.type('\r');
  t.match(await at.choose(entry('Shell'), 'menu. '), 'for the box itself');
  await at.leave();
  t.same(commandsSaid(at.bus), []);
});

t.test('factory reset wants its word', async (t) => {
  const at = sitDown({ ...router(), 'bbfdm operate': () => ({ results: [] }) });
  await at.choose(entry('Factory reset'), 'go on: ');
  t.match(await at.answer('erase', 'menu. '), 'Nothing was done.');
  t.notOk(at.bus.calls.some(({ method }) => method === 'operate'));
  at.terminal.type('\r');
  await at.choose(entry('Factory reset'), 'go on: ');
  t.match(await at.answer('ERASE', 'menu. '), 'as it was delivered');
  t.match(
    at.bus.calls.filter(({ method }) => method === 'operate'),
    [{ args: { command: 'Device.FactoryReset()' } }],
  );
  await at.leave();
});

t.test('reboot and power off are asked for once more', async (t) => {
  const at = sitDown({ ...router(), 'bbfdm operate': () => ({ results: [] }) });
  const operated = () =>
    at.bus.calls.filter(({ method }) => method === 'operate').map(({ args }) => args['command']);
  await at.choose(entry('Reboot'), '[y/N] ');
  t.match(await at.answer('n', 'menu. '), 'Nothing was done.');
  t.same(operated(), []);
  at.terminal.type('\r');
  await at.choose(entry('Reboot'), '[y/N] ');
  t.match(await at.answer('y', 'menu. '), 'reboots now');
  at.terminal.type('\r');
  await at.choose(entry('Power off'), '[y/N] ');
  t.match(await at.answer('yes', 'menu. '), 'powers off now');
  t.same(operated(), ['Device.Reboot()', 'Device.X_GATEHOUSE_PowerOff()']);
  await at.leave();
});

t.test('a shell for an administrator alone', async (t) => {
  let shells = 0;
  const roles: Record<string, object> = {
    admin: success({ role: 'Administrator' }),
    guest: success({ role: 'Viewer' }),
  };
  const at = sitDown(
    {
      ...ROUTER,
      'gatehouse call': ({ args }) =>
        (roles[(args as { username: string }).username] as never) ?? refused('wrong'),
    },
    {
      shell: async () => {
        shells++;
        return ok(undefined);
      },
    },
  );
  for (const [name, says] of [
    ['nobody', 'wrong'],
    ['guest', 'Only an administrator'],
  ] as const) {
    await at.choose(entry('Shell'), 'Administrator: ');
    await at.answer(name, 'Password: ');
    t.match(await at.answer('secret', 'menu. '), says);
    at.terminal.type('\r');
  }
  t.equal(shells, 0);
  await at.choose(entry('Shell'), 'Administrator: ');
  await at.answer('admin', 'Password: ');
  await at.answer('secret', 'menu. ');
  t.equal(shells, 1);
  await at.leave();
});

t.test('about failsafe', async (t) => {
  const at = sitDown(router());
  t.match(await at.choose(entry('About failsafe'), 'menu. '), /press f/);
  await at.leave();
});

t.test('Ctrl-C goes back to the menu, the end of input leaves', async (t) => {
  const at = sitDown(router());
  await at.choose(entry('Change the LAN address'), '/24: ');
  at.terminal.type('192\u0003');
  await at.terminal.until('Choice: ');
  at.terminal.type(`${entry('Ping')}\r`);
  await at.terminal.until('host name: ');
  at.terminal.type(undefined);
  await at.ended;
  t.ok(at.terminal.shown.endsWith('\n'));
});

t.test('without a daemon there is still a menu, and it says why', async (t) => {
  const at = sitDown({ message: 'cannot reach the daemon', status: undefined });
  t.match(await at.terminal.until('Choice: '), 'cannot reach the daemon');
  for (const [i, { title }] of ENTRIES.entries()) {
    if (/Ping|log|failsafe|Reboot|Power|Factory/.test(title)) continue;
    at.terminal.type(`${i + 1}\r`);
    t.match(await at.terminal.until('menu. '), 'cannot reach the daemon', title);
    at.terminal.type('\r');
    await at.terminal.until('Choice: ');
  }
  at.terminal.type('q\r');
  await at.ended;
});
