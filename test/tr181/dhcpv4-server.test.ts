/** `Device.DHCPv4.Server.`: what its rows compile to, and what the server's report looks like. */
import t from 'tap';
import { formatIpv4, type Mac } from '../../src/base/ip.ts';
import type { DhcpServerObserved, LeaseView } from '../../src/services/dhcp-server/config.ts';
import { address, type Bench, bench, ORIGIN, record, router, settled } from './fixture.ts';

const { signal } = new AbortController();
const SERVER = 'Device.DHCPv4.Server.';
const POOL = `${SERVER}Pool.1.`;
const NO_COUNTS = {
  ...{ discover: 0, offer: 0, request: 0, ack: 0, nack: 0, decline: 0, release: 0, inform: 0 },
  ...{ discarded: 0, transmitFailure: 0, relayOptionDropped: 0, secondServer: 0, refused: 0 },
  ...{ limited: 0, exhausted: 0, notDurable: 0 },
};

const observation = (values: Partial<DhcpServerObserved> = {}): DhcpServerObserved => ({
  ...{ pools: [], leaseRevision: 0, leases: [], foreign: [], pending: [], rogues: [] },
  ...{ counts: NO_COUNTS, storeFault: undefined },
  ...values,
});

const lease = (values: Partial<LeaseView> = {}): LeaseView => ({
  address: address('192.168.1.120'),
  state: 'bound',
  chaddr: Uint8Array.of(2, 0, 0x5e, 0, 0x53, 0x77),
  clientId: undefined,
  hostName: 'laptop',
  vendorClass: 'MSFT 5.0',
  pool: 'Device.DHCPv4.Server.Pool.1',
  expiresAtMs: 3_600_000,
  firstWallMs: 0,
  lastWallMs: 0,
  ...values,
});

const tell = (b: Bench, leases: readonly LeaseView[]): void =>
  void b.observed.publish('dhcpLeases', { revision: b.observed.revision + 1, leases });

const ranges = (b: Bench): string[] =>
  b.model
    .compileAll()
    .dhcpServer.pools.map(({ min, max }) => `${formatIpv4(min)}-${formatIpv4(max)}`);

t.test('a first start serves the LAN', async (t) => {
  const b = await router();
  const { dhcpServer } = b.model.compileAll();
  t.match(dhcpServer, {
    enable: true,
    segments: [
      { id: 'Device.IP.Interface.2', ifName: 'eth1', ports: [], mode: 'open', authoritative: true },
    ],
    pools: [
      {
        id: 'Device.DHCPv4.Server.Pool.1',
        enable: true,
        segment: 'Device.IP.Interface.2',
        fault: undefined,
        min: address('192.168.1.100'),
        max: address('192.168.1.249'),
        prefixLen: 24,
        leaseSec: 86_400,
        domain: 'lan',
        allowed: 'All',
      },
    ],
    guard: { newClientsPerSec: 50, answersPerClient: 20, headroomPercent: 10 },
  });
});

t.test('several ports: the segment names them, so that limits count by port', async (t) => {
  const b = await router({ lan: ['eth1', 'eth2'] });
  t.match(b.model.compileAll().dhcpServer.segments, [
    { ifName: 'br-lan', ports: ['eth1', 'eth2'] },
  ]);
});

t.test('a pool moves along with its interface, and says where it is', async (t) => {
  const b = await router();
  await b.model.add(
    `${POOL}StaticAddress.`,
    { Enable: 'true', Chaddr: '02:00:5e:00:53:77', Yiaddr: '192.168.1.20' },
    ORIGIN,
  );
  const ip = 'Device.IP.Interface.2.IPv4Address.1.';
  await b.set(`${ip}IPAddress`, '10.9.8.1');
  t.same(ranges(b), ['10.9.8.100-10.9.8.249']);
  t.match(b.model.compileAll().dhcpServer.pools[0], {
    fault: undefined,
    statics: [{ address: address('10.9.8.20') }],
  });
  t.equal(b.get(`${POOL}X_GATEHOUSE_Range`), '10.9.8.100-10.9.8.249');

  await b.set(`${POOL}X_GATEHOUSE_FollowInterface`, 'false');
  t.match(b.model.compileAll().dhcpServer.pools[0]?.fault, /is in no subnet of/);
  t.equal(b.get(`${POOL}Status`), 'Error_Misconfigured');
  t.match(b.get(`${POOL}X_GATEHOUSE_Reason`), /X_GATEHOUSE_FollowInterface/);

  await b.set(`${POOL}X_GATEHOUSE_FollowInterface`, 'true');
  await b.set(`${ip}SubnetMask`, '255.255.255.240');
  t.match(b.model.compileAll().dhcpServer.pools[0]?.fault, /does not fit the subnet/);
});

t.test('what no pool can hold is refused or said', async (t) => {
  const b = await router();
  t.equal(await b.set(`${POOL}MinAddress`, '192.168.1.250'), 'conflict', 'above MaxAddress');
  t.equal(await b.set(`${POOL}SubnetMask`, '255.0.255.0'), 'conflict');
  t.equal(await b.set(`${POOL}LeaseTime`, '5'), 'outOfRange');
  t.equal(await b.set(`${POOL}LeaseTime`, '-1'), 'done');
  t.equal(b.model.compileAll().dhcpServer.pools[0]?.leaseSec, Number.POSITIVE_INFINITY);
  const option = await b.model.add(`${POOL}Option.`, { Enable: 'true', Tag: '54' }, ORIGIN);
  t.notOk(option.ok, 'the server identifier is the server’s own');
  await b.set('Device.IP.Interface.2.Enable', 'false');
  t.match(b.model.compileAll().dhcpServer, { segments: [], pools: [{ fault: /is disabled/ }] });
});

t.test('modes and rules', async (t) => {
  const b = await router();
  const give = (table: string, values: Readonly<Record<string, string>>) =>
    b.model.add(table, values, ORIGIN);
  await give(`${SERVER}X_GATEHOUSE_Segment.`, {
    Interface: 'Device.IP.Interface.2',
    Mode: 'Hybrid',
  });
  t.match(b.model.compileAll().dhcpServer.segments, [{ mode: 'hybrid', authoritative: false }]);
  await give(`${SERVER}X_GATEHOUSE_Rule.`, {
    Enable: 'true',
    Action: 'Deny',
    Chaddr: '02:00:5e:00:00:00',
    ChaddrMask: 'ff:ff:ff:00:00:00',
  });
  await give(`${SERVER}X_GATEHOUSE_Rule.`, {
    Enable: 'true',
    Order: '1',
    RandomisedMAC: 'Never',
    VendorClassID: 'android',
    VendorClassIDMode: 'Prefix',
    Until: new Date(b.clock.wallMs() + 60_000).toISOString(),
  });
  await give(`${SERVER}X_GATEHOUSE_Rule.`, { Enable: 'false', Chaddr: '02:00:5e:00:53:01' });
  t.match(b.model.compileAll().dhcpServer.rules, [
    {
      action: 'allow',
      randomised: false,
      vendorClass: { value: 'android', mode: 'Prefix' },
      untilMs: b.clock.wallMs() + 60_000,
    },
    { action: 'deny', chaddr: { mask: 'ff:ff:ff:00:00:00' }, untilMs: Number.POSITIVE_INFINITY },
  ]);
  t.equal(b.get(`${SERVER}X_GATEHOUSE_Rule.*.Status`), 'Enabled|Enabled|Disabled');
  b.clock.advance(61_000);
  b.observed.publish('dhcpServer', observation());
  t.equal(b.get(`${SERVER}X_GATEHOUSE_Rule.*.Status`), 'Enabled|Expired|Disabled');
});

t.test('leases are clients of their pool, and their changes are told', async (t) => {
  const b = await router();
  const seen = record(b.model, POOL);
  tell(b, [lease()]);
  await settled();
  t.ok(seen.includes(`added ${POOL}Client.1.`));
  t.equal(b.get(`${POOL}Client.1.Chaddr`), '02:00:5e:00:53:77');
  t.equal(b.get(`${POOL}Client.1.Active`), 'true');
  t.equal(b.get(`${POOL}Client.1.IPv4Address.1.IPAddress`), '192.168.1.120');
  const remainingMs =
    Date.parse(b.get(`${POOL}Client.1.IPv4Address.1.LeaseTimeRemaining`)) - b.clock.wallMs();
  t.ok(Math.abs(remainingMs - (3_600_000 - b.clock.boottimeMs())) <= 1000);
  t.equal(b.get(`${POOL}Client.1.Option.*.Tag`), '12|60');
  t.equal(b.get(`${POOL}Client.1.Option.2.Value`), '4D53465420352E30');

  tell(b, [lease({ state: 'free' })]);
  await settled();
  t.ok(seen.includes(`${POOL}Client.1.Active=false`));
  tell(b, [lease({ expiresAtMs: Number.POSITIVE_INFINITY })]);
  t.equal(b.get(`${POOL}Client.1.IPv4Address.1.LeaseTimeRemaining`), '9999-12-31T23:59:59Z');
  tell(b, []);
  await settled();
  t.ok(seen.includes(`removed ${POOL}Client.1.`));
});

t.test(
  'a lease that changes in place is shown anew, one that does not costs nothing',
  async (t) => {
    const b = await router();
    const changing = { ...lease() };
    const seen = record(b.model, POOL);
    tell(b, [changing]);
    await settled();
    seen.length = 0;
    tell(b, [changing]);
    await settled();
    t.same(seen, [], 'nothing is told twice');
    changing.hostName = 'desk';
    tell(b, [changing]);
    await settled();
    t.ok(seen.includes(`${POOL}Client.1.X_GATEHOUSE_HostName=desk`));
  },
);

t.test('who waits, other servers, and counters from zero', async (t) => {
  const b = await router();
  const mac = '02:00:5e:00:53:99' as Mac;
  b.observed.publish(
    'dhcpServer',
    observation({
      pools: [{ id: POOL.slice(0, -1), status: 'Enabled', reason: undefined, size: 150, bound: 3 }],
      pending: [
        {
          mac,
          segment: 'Device.IP.Interface.2',
          hostName: 'tv',
          vendorClass: undefined,
          randomised: true,
          ...{ firstWallMs: 0, lastWallMs: 1000, requests: 4 },
        },
      ],
      rogues: [
        {
          segment: 'Device.IP.Interface.2',
          server: address('192.168.1.66'),
          mac,
          ...{ firstWallMs: 0, lastWallMs: 1000, offers: 2 },
        },
      ],
      counts: { ...NO_COUNTS, ack: 7 },
      storeFault: 'the disk is full',
    }),
  );
  t.equal(b.get(`${POOL}Status`), 'Enabled');
  t.equal(b.get(`${POOL}X_GATEHOUSE_Bound`), '3');
  t.equal(b.get(`${SERVER}X_GATEHOUSE_Pending.1.Requests`), '4');
  t.equal(b.get(`${SERVER}X_GATEHOUSE_OtherServer.1.IPAddress`), '192.168.1.66');
  t.equal(b.get(`${SERVER}X_GATEHOUSE_Reason`), 'the disk is full');
  t.equal(b.get(`${SERVER}Stats.ACK`), '7');
  const asked = await b.model.operate(
    `${SERVER}X_GATEHOUSE_Pending.1.Approve()`,
    {},
    { origin: ORIGIN, signal },
  );
  t.ok(asked.ok);
  t.same(b.decided, [`Allow ${mac} 0`]);
  await b.model.operate(`${SERVER}Stats.Reset()`, {}, { origin: ORIGIN, signal });
  t.equal(b.get(`${SERVER}Stats.ACK`), '0');
});

t.test('the tables work without any row', async (t) => {
  const b = bench();
  t.same(b.model.compileAll().dhcpServer.pools, []);
});
