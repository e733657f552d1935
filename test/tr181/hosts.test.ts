/** `Device.Hosts.`: what its rows compile to, and what the report of hosts looks like. */
import t from 'tap';
import { type Mac, macBytes, macOf } from '../../src/base/ip.ts';
import { ipv6 } from '../../src/base/ip6.ts';
import type { LeaseView } from '../../src/services/dhcp-server/config.ts';
import type { HostView, NeighborsObserved } from '../../src/services/neighbors/config.ts';
import { address, network, ORIGIN, record, router, settled } from './fixture.ts';

const HOSTS = 'Device.Hosts.';
const POOL = 'Device.DHCPv4.Server.Pool.1';
const MAC = macOf(0x02005e005377);

const host = (values: Partial<HostView> = {}): HostView => ({
  ...{ mac: MAC, name: 'laptop', vendor: 'Somebody', randomised: true, active: true },
  ...{ activeChangedMs: 3_000, firstSeenMs: 1_000, lastSeenMs: 4_000 },
  ...{ ifName: 'eth1', port: undefined, leases: [], calls: undefined, presence: [] },
  ...{ device: MAC, joined: undefined },
  addresses: [
    { address: ipv6(1n), ifName: 'eth1', leased: false },
    { address: address('192.168.1.120'), ifName: 'eth1', leased: true },
  ],
  mainAddress: address('192.168.1.120'),
  ...values,
});
/** As it is delivered: a light search now and then. */
const WATCHED = {
  listen: true,
  scan: { enable: true, intervalSec: 900, passes: 1, waitMs: 1000, ratePerSec: 100 },
  apart: [],
};
const observation = (hosts: readonly HostView[]): NeighborsObserved => ({
  revision: 1,
  hosts,
  full: false,
});
const lease = (mac: Mac, clientId?: Uint8Array): LeaseView => ({
  ...{ address: address('192.168.1.120'), state: 'bound', chaddr: macBytes(mac), clientId },
  ...{ hostName: 'laptop', vendorClass: undefined, pool: POOL, expiresAtMs: 9e9 },
  ...{ firstWallMs: 0, lastWallMs: 0 },
});
t.test('whose hosts are watched, and what the owner calls them', async (t) => {
  const b = await router({ lan: ['eth1', 'eth2'] });
  t.same(b.model.compileAll().neighbors, {
    interfaces: ['br-lan'],
    names: [],
    ownName: undefined,
    checkSec: 60,
    ...WATCHED,
  });
  t.equal(await b.set(`${HOSTS}X_GATEHOUSE_CheckInterval`, '0'), 'done');
  t.equal(await b.set(`${HOSTS}X_GATEHOUSE_CheckInterval`, '4'), 'outOfRange');
  t.equal(await b.set('Device.DeviceInfo.HostName', 'box'), 'done');
  for (const [i, Enable] of ['true', 'false'].entries()) {
    const added = await b.model.add(
      `${POOL}.StaticAddress.`,
      {
        ...{ Enable, Chaddr: `02:00:5e:00:53:0${i}`, Yiaddr: `192.168.1.2${i}` },
        X_GATEHOUSE_HostName: 'NAS',
      },
      ORIGIN,
    );
    t.ok(added.ok);
  }
  t.same(b.model.compileAll().neighbors, {
    interfaces: ['br-lan'],
    names: [{ mac: '02:00:5e:00:53:00', name: 'nas' }],
    ownName: 'box',
    checkSec: 0,
    ...WATCHED,
  });
  t.equal(await b.set('Device.IP.Interface.2.Enable', 'false'), 'done');
  t.same(b.model.compileAll().neighbors.interfaces, []);
});

t.test('a host, where it is, and what was lent to it', async (t) => {
  const b = await router();
  b.observed.publish('network', network());
  const leases = [lease(MAC, Uint8Array.of(1, 0xab)), lease(MAC), lease(macOf(7))];
  b.observed.publish('dhcpLeases', { revision: 1, leases });
  b.observed.publish('neighbors', observation([host({ leases: leases.slice(0, 2) })]));
  await settled();
  const row = `${HOSTS}Host.1.`;
  const values = {
    PhysAddress: MAC,
    IPAddress: '192.168.1.120',
    DHCPClient: `${POOL}.Client.1,${POOL}.Client.2`,
    Layer1Interface: 'Device.Ethernet.Interface.2',
    Layer3Interface: 'Device.IP.Interface.2',
    InterfaceType: 'Ethernet',
    HostName: 'laptop',
    Active: 'true',
    ActiveLastChange: '1970-01-01T00:00:03Z',
    X_GATEHOUSE_Vendor: 'Somebody',
    X_GATEHOUSE_RandomisedMAC: 'true',
    X_GATEHOUSE_FirstSeen: '1970-01-01T00:00:01Z',
    X_GATEHOUSE_LastSeen: '1970-01-01T00:00:04Z',
    'IPv4Address.1.IPAddress': '192.168.1.120',
    'IPv6Address.1.IPAddress': '::1',
  };
  for (const [name, value] of Object.entries(values)) t.equal(b.get(row + name), value, name);
  t.equal(b.get(`${POOL}.Client.1.Chaddr`), MAC, 'the reference leads to its client');
  t.equal(b.get(`${HOSTS}HostNumberOfEntries`), '1');
});

t.test('how it is searched, and who is not whom', async (t) => {
  const b = await router();
  const scan = `${HOSTS}X_GATEHOUSE_Scan.`;
  for (const [name, value] of Object.entries({ Interval: '30', Passes: '3', Rate: '7', Wait: '0' }))
    t.equal(await b.set(scan + name, value), 'done');
  t.equal(await b.set(`${scan}Listen`, 'false'), 'done');
  t.equal(await b.set(`${scan}Interval`, '5'), 'outOfRange');
  t.equal(await b.set(`${scan}Rate`, '0'), 'outOfRange');
  const add = (PhysAddress: string, OtherPhysAddress: string) =>
    b.model.add(`${HOSTS}X_GATEHOUSE_Apart.`, { PhysAddress, OtherPhysAddress }, ORIGIN);
  t.ok((await add('02:00:00:00:00:01', '02:00:00:00:00:02')).ok);
  t.notOk(
    (await add('02:00:00:00:00:03', '02:00:00:00:00:03')).ok,
    'nobody is another than himself',
  );
  t.match(b.model.compileAll().neighbors, {
    listen: false,
    scan: { enable: true, intervalSec: 30, passes: 3, waitMs: 0, ratePerSec: 7 },
    apart: [['02:00:00:00:00:01', '02:00:00:00:00:02']],
  });
});

t.test('what a search found, and which addresses are in the wrong hands', async (t) => {
  const b = await router();
  b.observed.publish('network', network());
  b.observed.publish('neighborWatch', {
    scan: {
      ...{ running: false, endedMs: 60_000, tookMs: 1234.5, sent: 254, answered: 3, reason: '' },
    },
    conflicts: [
      {
        ...{ kind: 'Spoof', ifName: 'eth1', address: address('192.168.1.9'), mac: MAC },
        ...{ other: macOf(9), reason: 'because', sinceMs: 1000, lastMs: 2000, count: 2 },
      },
    ],
    counts: () => ({ heard: 1, skipped: 2, dropped: 3, asked: 4, unasked: 5, overlooked: 6 }),
  });
  await settled();
  const scan = (name: string) => b.get(`${HOSTS}X_GATEHOUSE_Scan.${name}`);
  t.equal(scan('LastScan'), '1970-01-01T00:01:00Z');
  t.same(['Duration', 'Sent', 'Answered'].map(scan), ['1235', '254', '3']);
  t.same(['FramesSkipped', 'NotAsked', 'ClaimsOverlooked'].map(scan), ['2', '5', '6']);
  const conflict = (name: string) => b.get(`${HOSTS}X_GATEHOUSE_Conflict.1.${name}`);
  t.same(
    ['Kind', 'IPAddress', 'PhysAddress', 'OtherPhysAddress', 'Interface', 'Count'].map(conflict),
    [...['Spoof', '192.168.1.9', MAC, '00:00:00:00:00:09', 'Device.IP.Interface.2', '2']],
  );
});

t.test('one device with two MAC addresses says why', async (t) => {
  const b = await router();
  b.observed.publish('network', network());
  const joined = { to: macOf(9), by: 'ClientId' } as const;
  const presence = [
    { fromMs: 5_000, toMs: undefined },
    { fromMs: 1_000, toMs: 2_000 },
  ];
  b.observed.publish('neighbors', observation([host({ device: macOf(9), joined, presence })]));
  await settled();
  const row = (name: string) => b.get(`${HOSTS}Host.1.X_GATEHOUSE_${name}`);
  t.equal(row('Device'), '00:00:00:00:00:09');
  t.equal(row('JoinedTo'), '00:00:00:00:00:09');
  t.equal(row('JoinedBy'), 'ClientId');
  t.equal(row('Presence'), '1970-01-01T00:00:05Z/,1970-01-01T00:00:01Z/1970-01-01T00:00:02Z');
});

t.test('what is not known is empty', async (t) => {
  const b = await router();
  b.observed.publish('network', network());
  const stranger = host({
    ...{ name: undefined, vendor: undefined, ifName: undefined, addresses: [], active: false },
    ...{ mainAddress: undefined, leases: [lease(macOf(9))] },
  });
  b.observed.publish('neighbors', { ...observation([stranger]), full: true });
  await settled();
  const empty = ['IPAddress', 'DHCPClient', 'Layer1Interface', 'Layer3Interface', 'HostName'];
  for (const name of empty) t.equal(b.get(`${HOSTS}Host.1.${name}`), '', name);
  t.equal(b.get(`${HOSTS}Host.1.InterfaceType`), 'Other');
  t.equal(b.get(`${HOSTS}X_GATEHOUSE_Full`), 'true');
});

t.test('behind a bridge it is the port that counts', async (t) => {
  const b = await router({ lan: ['eth1', 'eth2'] });
  b.observed.publish('network', network());
  b.observed.publish('neighbors', observation([host({ ifName: 'br-lan', port: 'eth2' })]));
  await settled();
  t.equal(b.get(`${HOSTS}Host.1.Layer1Interface`), 'Device.Ethernet.Interface.3');
  t.equal(b.get(`${HOSTS}Host.1.Layer3Interface`), 'Device.IP.Interface.2');
});

t.test('changes are told, sight alone is not; who comes back has its old row', async (t) => {
  const b = await router();
  b.observed.publish('network', network());
  b.observed.publish('neighbors', observation([host()]));
  await settled();
  b.get(HOSTS);
  const told = record(b.model, `${HOSTS}Host.`);
  b.observed.publish('neighbors', observation([host({ lastSeenMs: 9_000 })]));
  await settled();
  t.same(told, []);
  b.observed.publish('neighbors', observation([host({ active: false, name: 'pc' })]));
  await settled();
  t.same(told.splice(0).sort(), [`${HOSTS}Host.1.Active=false`, `${HOSTS}Host.1.HostName=pc`]);
  b.observed.publish('neighbors', observation([]));
  await settled();
  t.match(told.splice(0), [`removed ${HOSTS}Host.1.`]);
  b.observed.publish('neighbors', observation([host()]));
  await settled();
  t.ok(told.includes(`added ${HOSTS}Host.1.`));
});

t.test('a host’s change is an event', async (t) => {
  const b = await router();
  const told = record(b.model, HOSTS);
  const args = { Change: 'New', PhysAddress: MAC, HostName: '', IPAddress: '' };
  t.ok(b.model.emit(`${HOSTS}X_GATEHOUSE_HostChange!`, args).ok);
  await settled();
  t.same(told, [`event ${HOSTS}X_GATEHOUSE_HostChange!`]);
});
