import t from 'tap';
import { contact, retryMs } from '../../src/web/lib/contact.ts';
import { cutsOff, deletesOwnAddress, movesTo } from '../../src/web/lib/danger.ts';
import { optionName } from '../../src/web/lib/option-names.ts';
import type { Values } from '../../src/web/lib/patch.ts';
import { problemsOf, requestOf } from '../../src/web/lib/setup.ts';
import { addressesOf, countdownSec, needs, verdict } from '../../src/web/lib/status.ts';

const WAN = 'Device.IP.Interface.1.';
const LAN = 'Device.IP.Interface.2.';
const CLIENT = 'Device.DHCPv4.Client.1.';

const HOME: Readonly<Record<string, string>> = {
  [`${WAN}Enable`]: 'true',
  [`${WAN}Status`]: 'Up',
  [`${WAN}Alias`]: 'wan',
  [`${WAN}X_GATEHOUSE_Zone`]: 'Wan',
  [`${WAN}LowerLayers`]: 'Device.Ethernet.Interface.1',
  [`${WAN}IPv4Address.1.IPAddress`]: '203.0.113.7',
  [`${WAN}IPv4Address.1.SubnetMask`]: '255.255.255.0',
  [`${WAN}IPv4Address.1.Enable`]: 'true',
  [`${LAN}Enable`]: 'true',
  [`${LAN}Status`]: 'Up',
  [`${LAN}Alias`]: 'lan',
  [`${LAN}X_GATEHOUSE_Zone`]: 'Lan',
  [`${LAN}LowerLayers`]: 'Device.Ethernet.Interface.2',
  [`${LAN}IPv4Address.1.IPAddress`]: '192.168.1.1',
  [`${LAN}IPv4Address.1.SubnetMask`]: '255.255.255.0',
  [`${LAN}IPv4Address.1.Enable`]: 'true',
  [`${CLIENT}Enable`]: 'true',
  [`${CLIENT}Status`]: 'Enabled',
  [`${CLIENT}DHCPStatus`]: 'Bound',
  [`${CLIENT}Interface`]: 'Device.IP.Interface.1',
  [`${CLIENT}IPAddress`]: '203.0.113.7',
  [`${CLIENT}LeaseTimeRemaining`]: '100',
  [`${CLIENT}X_GATEHOUSE_Reason`]: '',
  'Device.X_GATEHOUSE_Firewall.Status': 'Enabled',
  'Device.X_GATEHOUSE_Firewall.Restored': '0',
};

const home = (change: Readonly<Record<string, string>> = {}, without = /^$/): Values =>
  new Map(
    Object.entries({ ...HOME, ...change })
      .filter(([path]) => !without.test(path))
      .map(([path, value]) => [path, { path, value, type: 'string', writable: true, atMs: 1000 }]),
  );

t.test('one sentence for each way to be up or down', async (t) => {
  const key = (values: Values) => `${verdict(values).state} ${verdict(values).key}`;
  t.equal(key(home()), 'up verdict.up');
  t.equal(verdict(home()).args['address'], '203.0.113.7');
  t.equal(key(home({ [`${WAN}Status`]: 'LowerLayerDown' })), 'down verdict.link');
  t.equal(key(home({ [`${WAN}Enable`]: 'false' })), 'off verdict.off');
  t.equal(key(home({ [`${WAN}Status`]: 'Unknown' })), 'unknown verdict.unknown');
  const bare = /IPv4Address\.1\.IPAddress$/;
  t.equal(key(home({}, bare)), 'down verdict.waiting');
  t.equal(key(home({ [`${CLIENT}Enable`]: 'false' }, bare)), 'down verdict.noAddress');
  t.equal(key(home({ [`${CLIENT}Enable`]: 'false' })), 'up verdict.up', 'a fixed address will do');
  t.equal(key(home({ [`${CLIENT}DHCPStatus`]: 'Rebinding' })), 'degraded verdict.rebinding');
  t.equal(key(home({ [`${CLIENT}Status`]: 'Error' })), 'down verdict.clientError');
  t.equal(key(home({ [`${WAN}X_GATEHOUSE_Zone`]: '' })), 'unknown verdict.noWan');
});

t.test('what needs the owner comes worst first', async (t) => {
  t.same(needs(home()), []);
  const found = needs(
    home({
      [`${LAN}Status`]: 'Down',
      'Device.X_GATEHOUSE_Firewall.Restored': '2',
      [`${CLIENT}X_GATEHOUSE_Reason`]: 'clamped',
    }),
  );
  t.same(
    found.map(({ key }) => key),
    ['need.link', 'need.client', 'need.restored'],
  );
  t.same(
    found.map(({ href }) => href),
    ['#/network/interfaces/2', '#/network/dhcp/1', '#/network/firewall'],
  );
});

t.test('remaining times count on in the browser', async (t) => {
  const path = `${CLIENT}LeaseTimeRemaining`;
  t.equal(countdownSec(home(), path, 31_000), 70);
  t.equal(countdownSec(home(), path, 999_000), 0);
  t.equal(countdownSec(home({ [path]: '-1' }), path, 5), Number.POSITIVE_INFINITY);
  t.equal(countdownSec(home({ [path]: '0' }), path, 5), undefined);
  t.same(addressesOf(home(), LAN), ['192.168.1.1/24']);
});

t.test('changes that could cut the reader off are known', async (t) => {
  const cuts = (path: string, value: string) => cutsOff(home(), [{ path, value }]);
  t.ok(cuts(`${LAN}IPv4Address.1.IPAddress`, '192.168.2.1'));
  t.ok(cuts(`${LAN}Enable`, 'false'));
  t.ok(cuts('Device.Ethernet.Interface.2.Enable', 'false'), 'the port below the LAN');
  t.ok(cuts(`${WAN}LowerLayers`, 'Device.Ethernet.Interface.2'), 'the port of the LAN given away');
  t.ok(cuts(`${WAN}X_GATEHOUSE_Zone`, 'Lan'));
  t.ok(cuts('Device.IP.IPv4Enable', 'false'));
  t.notOk(cuts(`${LAN}Alias`, 'home'));
  t.notOk(cuts(`${LAN}Enable`, 'true'), 'no change');
  t.notOk(cuts(`${CLIENT}Enable`, 'false'));
  t.notOk(cuts(`${WAN}MaxMTUSize`, '1492'));
  const move = [{ path: `${LAN}IPv4Address.1.IPAddress`, value: '192.168.2.1' }];
  t.equal(movesTo(home(), move, '192.168.1.1'), '192.168.2.1');
  t.equal(movesTo(home(), move, 'router.lan'), undefined);
  t.ok(deletesOwnAddress(home(), `${LAN}IPv4Address.1.`, '192.168.1.1'));
  t.notOk(deletesOwnAddress(home(), `${CLIENT}SentOption.1.`, '192.168.1.1'));
});

t.test('contact is lost only when it was had, and tried again soon', async (t) => {
  const live = contact({ state: 'connecting' }, { kind: 'heard', atMs: 5 });
  t.same(live, { state: 'live', lastMs: 5 });
  const lost = contact(live, { kind: 'broken', atMs: 9 });
  t.same(lost, { state: 'lost', lastMs: 5 });
  t.same(contact(lost, { kind: 'broken', atMs: 99 }), lost);
  t.same(contact({ state: 'connecting' }, { kind: 'broken', atMs: 9 }), { state: 'connecting' });
  t.same([0, 1, 2, 3, 40].map(retryMs), [500, 1000, 2000, 3000, 3000]);
});

t.test('the wizard lets nothing through that cannot be', async (t) => {
  const draft = {
    ...{
      username: 'admin',
      password: 'correct horse',
      again: 'correct horse',
      timeZone: 'Europe/Berlin',
    },
    ...{ hostName: 'gate-1' },
    ...{ lanAddress: '192.168.1.1', lanMask: '255.255.255.0', wanType: 'dhcp' as const },
    ...{ wanAddress: '', wanMask: '', wanGateway: '', wanDns: '' },
  };
  for (const step of ['account', 'time', 'lan', 'wan', 'summary'] as const)
    t.same(problemsOf(step, draft), {}, step);
  t.same(problemsOf('account', { ...draft, password: 'short', again: 'other', username: '' }), {
    username: 'wizard.userName',
    password: 'wizard.short',
    again: 'wizard.differ',
  });
  t.same(problemsOf('lan', { ...draft, lanAddress: '192.168.1.255' }), {
    lanAddress: 'wizard.host',
  });
  for (const hostName of ['', '-a', 'a.b', 'x'.repeat(64)])
    t.same(problemsOf('lan', { ...draft, hostName }), { hostName: 'wizard.hostNameFault' });
  t.same(problemsOf('lan', { ...draft, lanMask: '255.0.255.0' }), { lanMask: 'wizard.mask' });
  const fixed = { ...draft, wanType: 'static' as const };
  t.same(Object.keys(problemsOf('wan', fixed)), ['wanAddress', 'wanGateway', 'wanDns']);
  const whole = {
    ...fixed,
    wanAddress: '203.0.113.7',
    wanMask: '255.255.255.0',
    wanGateway: '203.0.113.1',
    wanDns: '9.9.9.9, 1.1.1.1',
  };
  t.same(problemsOf('wan', whole), {});
  t.equal(requestOf({ ...whole, hostName: ' gate-1 ' }).hostName, 'gate-1');
  t.same(requestOf(whole).wan, {
    type: 'static',
    address: '203.0.113.7',
    mask: '255.255.255.0',
    gateway: '203.0.113.1',
    dns: ['9.9.9.9', '1.1.1.1'],
  });
});

t.test('options by their plain names', async (t) => {
  t.equal(optionName(15, 'en'), '15 Domain name');
  t.equal(optionName(15, 'de'), '15 Domäne');
  t.equal(optionName(200, 'en'), '200');
});
