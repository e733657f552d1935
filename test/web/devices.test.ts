import t from 'tap';
import { translator } from '../../src/web/i18n/catalogue.ts';
import {
  addressNeeds,
  devicesOf,
  fillOf,
  fixedRow,
  hostCounts,
  leaseEnd,
  whom,
} from '../../src/web/lib/devices.ts';
import { localTime, modelTime } from '../../src/web/lib/format.ts';
import type { Values } from '../../src/web/lib/patch.ts';

const SERVER = 'Device.DHCPv4.Server.';
const POOL = `${SERVER}Pool.1.`;
const [PHONE, TV, PRINTER] = ['02:00:5e:00:53:01', '02:00:5e:00:53:02', '02:00:5e:00:53:03'];
const NEVER = '0001-01-01T00:00:00Z';

const values = (all: Readonly<Record<string, string>>): Values =>
  new Map(
    Object.entries(all).map(([path, value]) => [
      path,
      { path, value, type: 'string', writable: true, atMs: 0 },
    ]),
  );

const client = (n: number, mac: string, more: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries({ Chaddr: mac, Active: 'true', X_GATEHOUSE_Static: 'false', ...more }).map(
      ([name, value]) => [`${POOL}Client.${n}.${name}`, value],
    ),
  );

const host = (n: number, mac: string, more: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries({ PhysAddress: mac, Active: 'true', ...more }).map(([name, value]) => [
      `Device.Hosts.Host.${n}.${name}`,
      value,
    ]),
  );

const rule = (n: number, more: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries({ Enable: 'true', Action: 'Deny', Until: NEVER, ...more }).map(
      ([name, value]) => [`${SERVER}X_GATEHOUSE_Rule.${n}.${name}`, value],
    ),
  );

t.test('a device is a lease with its host, or a host alone', async (t) => {
  const all = values({
    ...client(1, PHONE, {
      X_GATEHOUSE_HostName: 'pixel',
      'IPv4Address.1.IPAddress': '192.168.1.100',
      'IPv4Address.1.LeaseTimeRemaining': '2030-01-01T00:00:00Z',
      'Option.1.Tag': '12',
    }),
    ...client(2, TV, {
      Active: 'false',
      X_GATEHOUSE_Static: 'true',
      'IPv4Address.1.IPAddress': '192.168.1.101',
      'IPv4Address.1.LeaseTimeRemaining': '2020-01-01T00:00:00Z',
    }),
    ...host(1, PHONE, { HostName: 'pixel-2', X_GATEHOUSE_Vendor: 'Google', IPAddress: '' }),
    ...host(2, PRINTER, { Active: 'false', HostName: '', IPAddress: '192.168.1.9' }),
    ...rule(1, { Alias: 'device-02005e005301', Chaddr: PHONE, Until: '2030-02-01T00:00:00Z' }),
    ...rule(2, { Alias: 'cpe-2', Chaddr: TV }),
    [`${POOL}StaticAddress.4.Chaddr`]: TV,
  });
  const [phone, tv, printer, ...more] = devicesOf(all);
  t.match(phone, {
    ...{ row: `${POOL}Client.1.`, mac: PHONE, name: 'pixel-2', address: '192.168.1.100' },
    ...{ vendor: 'Google', state: 'here', lease: `${POOL}Client.1.`, isFixed: false },
    ...{ endMs: Date.parse('2030-01-01T00:00:00Z'), word: 'Deny' },
    untilMs: Date.parse('2030-02-01T00:00:00Z'),
  });
  t.match(tv, { name: TV, state: 'none', lease: undefined, endMs: undefined, isFixed: true });
  t.equal(tv?.word, undefined, 'a rule of the owner is no word about one device');
  t.match(printer, {
    row: 'Device.Hosts.Host.2.',
    name: PRINTER,
    address: '192.168.1.9',
    state: 'away',
  });
  t.same(more, []);
  t.equal(fixedRow(all, TV), `${POOL}StaticAddress.4.`);
  t.equal(fixedRow(all, PHONE), undefined);
  const bare = devicesOf(values(client(1, PHONE, {})));
  t.match(bare, [{ name: PHONE, address: '', state: 'lent', endMs: undefined }]);
});

t.test('what needs the owner, and who is here', async (t) => {
  const said = (all: Readonly<Record<string, string>>) =>
    addressNeeds(values(all)).map(({ key, href }) => `${key} ${href}`);
  const pool = (bound: number, reason = '') => ({
    [`${POOL}Alias`]: 'lan',
    [`${POOL}X_GATEHOUSE_Reason`]: reason,
    [`${POOL}X_GATEHOUSE_Size`]: '100',
    [`${POOL}X_GATEHOUSE_Bound`]: String(bound),
  });
  t.same(said(pool(89)), []);
  t.same(said(pool(90)), ['need.full #/devices/pools/1']);
  t.same(said(pool(95, 'no interface')), ['need.pool #/devices/pools/1']);
  t.same(said({ [`${SERVER}X_GATEHOUSE_Reason`]: 'disk full' }), ['need.leases #/devices/pools']);
  t.same(
    said({
      [`${SERVER}X_GATEHOUSE_OtherServer.3.IPAddress`]: '192.168.1.9',
      [`${SERVER}X_GATEHOUSE_Pending.1.Chaddr`]: PHONE,
      [`${SERVER}X_GATEHOUSE_Pending.2.Chaddr`]: TV,
    }),
    ['need.other #/devices/others', 'need.waiting #/devices/waiting'],
  );
  t.same(fillOf(values({}), POOL), { bound: 0, size: 0, nearlyFull: false });
  const now = Date.parse('2030-01-02T00:00:00Z');
  const seen = (at: string) => ({ X_GATEHOUSE_FirstSeen: at });
  const hosts = values({
    ...host(1, PHONE, seen('2030-01-01T12:00:00Z')),
    ...host(2, TV, { Active: 'false', ...seen('2030-01-01T23:59:00Z') }),
    ...host(3, PRINTER, seen('2029-12-31T00:00:00Z')),
  });
  t.same(hostCounts(hosts, now), { here: 2, fresh: 2 });
});

t.test('a rule in words', async (t) => {
  const said = (more: Readonly<Record<string, string>>, language: 'en' | 'de' = 'en') =>
    whom(
      values({ ...rule(1, more), 'Device.IP.Interface.2.Alias': 'lan' }),
      `${SERVER}X_GATEHOUSE_Rule.1.`,
      translator(language),
    );
  t.equal(said({}), 'Everyone');
  t.equal(said({}, 'de'), 'Alle');
  t.equal(said({ Chaddr: PHONE }), `MAC ${PHONE}`);
  t.equal(said({ Chaddr: PHONE, ChaddrMask: 'ff:ff:ff:ff:ff:ff' }), `MAC ${PHONE}`);
  t.equal(
    said({ Chaddr: PHONE, ChaddrMask: 'ff:ff:ff:00:00:00' }),
    'MACs that begin with 02:00:5e',
  );
  t.equal(
    said({ Chaddr: PHONE, ChaddrMask: 'ff:f0:00:00:00:00' }),
    `MACs as ${PHONE}, mask ff:f0:00:00:00:00`,
  );
  t.equal(
    said({
      ...{ RandomisedMAC: 'Only', HostName: 'guest', HostNameMode: 'Prefix' },
      ...{ VendorClassID: '<b>', VendorClassIDMode: 'Exact', Interface: 'Device.IP.Interface.2' },
    }),
    'only made-up MACs, vendor class is “<b>”, name begins with “guest”, on lan',
  );
});

t.test('times of the model in a field of the browser, and back', async (t) => {
  t.equal(modelTime(''), NEVER);
  const text = '2035-05-01T10:00:00Z';
  t.equal(modelTime(localTime(Date.parse(text))), text);
  const path = `${SERVER}X_GATEHOUSE_OtherLease.1.LeaseTimeRemaining`;
  t.equal(leaseEnd(values({ [path]: '9999-12-31T23:59:59Z' }), path), Number.POSITIVE_INFINITY);
  t.equal(leaseEnd(values({ [path]: NEVER }), path), undefined);
});
