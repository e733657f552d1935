/** The product's tables: what rows compile to, and what services' reports look like in TR-181. */
import t from 'tap';
import { layDownInitial } from '../../src/tr181/initial.ts';
import { objectGroups } from '../../src/tr181/objects/index.ts';
import { Schema } from '../../src/tr181/schema.ts';
import {
  address,
  bench,
  client,
  kinds,
  length,
  link,
  messages,
  network,
  ORIGIN,
  record,
  router,
  settled,
} from './fixture.ts';

t.test('first start: one write, one WAN, one LAN', async (t) => {
  const b = await router();
  t.equal(b.model.revision, 1);
  t.equal(b.store.commits, 1);
  t.equal(
    b.get('Device.Ethernet.Interface.*.Name'),
    'eth0|eth1',
    'known before the kernel was asked',
  );
  const compiled = b.model.compileAll();
  t.match(compiled.network, {
    interfaces: [
      {
        id: 'Device.IP.Interface.1',
        enable: true,
        ipv4Enable: true,
        ifName: 'eth0',
        bridgePorts: [],
        mtu: undefined,
        addresses: [],
      },
      {
        id: 'Device.IP.Interface.2',
        ifName: 'eth1',
        addresses: [
          {
            id: 'Device.IP.Interface.2.IPv4Address.1',
            enable: true,
            address: address('192.168.1.1'),
            prefixLen: 24,
          },
        ],
      },
      { id: 'Device.IP.Interface.3', ifName: 'lo' },
    ],
    routes: [],
    resolvers: [],
    resolverEnable: true,
    forwarding: true,
    ports: [
      { ifName: 'eth0', enable: true },
      { ifName: 'eth1', enable: true },
    ],
  });
  t.same(compiled.dhcpClient, {
    clients: [
      {
        id: 'dhcp4.1',
        enable: true,
        ifName: 'eth0',
        requestOptions: [1, 3, 6, 12, 15, 26, 28, 33, 42, 51, 54, 58, 59, 119, 121, 249],
        sentOptions: [],
        routeMetric: 10,
        discoverIntervalSec: 2,
        discoverPauseSec: 2,
        useResolvers: true,
      },
    ],
  });
  t.same(compiled.firewall, {
    wan: ['eth0'],
    lan: ['eth1'],
    masquerade: ['eth0'],
    openings: [],
    dhcpDscp: [
      { ifName: 'eth0', dscp: 48, family: 4 },
      { ifName: 'eth0', dscp: 48, family: 6 },
    ],
  });
  t.same(b.restart().model.compileAll(), compiled);
});

t.test('rows of the configuration file win and may add rows', async (t) => {
  const b = await router({
    overrides: {
      'Device.IP.Interface.2.IPv4Address.1.IPAddress': '10.0.0.1',
      'Device.DHCPv4.Client.1.SentOption.1.Tag': '60',
      'Device.DHCPv4.Client.1.SentOption.1.Value': '67617465',
      'Device.DHCPv4.Client.1.SentOption.1.Enable': 'true',
      'Device.DNS.Client.Server.5.DNSServer': '9.9.9.9',
      'Device.Ethernet.Interface.1.Enable': 'false',
    },
  });
  t.equal(b.get('Device.IP.Interface.2.IPv4Address.1.IPAddress'), '10.0.0.1');
  t.equal(b.get('Device.DNS.Client.Server.5.Alias'), 'cpe-5');
  const { dhcpClient, network: net } = b.model.compileAll();
  t.same(dhcpClient.clients[0]?.sentOptions, [{ code: 60, hex: '67617465' }]);
  t.same(net.ports[0], { ifName: 'eth0', enable: false });
  t.same(net.resolvers, [{ id: 'Device.DNS.Client.Server.5', enable: false, address: '9.9.9.9' }]);
  t.equal(b.audit[0]?.origin.via, 'config');
});

t.test('a wrong configuration file is refused whole, with every fault', async (t) => {
  const b = bench();
  const done = await layDownInitial(b.model, {
    wan: 'eth0',
    lan: [],
    overrides: {
      'Device.DHCPv4.Client.1.Enabled': 'true',
      'Device.DHCPv4.Client.1.DSCPMark': '99',
      'Device.Ethernet.Interface.7.Enable': 'true',
      'Device.IP.Interface.*.Enable': 'true',
      'Device.DHCPv4.Client.1.Status': 'Enabled',
      'Device.DHCPv4.Client.': 'x',
    },
  });
  if (done.ok) return t.fail('taken');
  t.equal(kinds(done.error), 'unknownPath outOfRange notCreatable badPath notWritable badPath');
  t.match(messages(done.error), /did you mean Enable\?/);
  t.ok(b.rows.empty);
  t.equal(b.store.data.size, 0);
});

t.test('several LAN ports make a bridge', async (t) => {
  const b = await router({ lan: ['eth1', 'eth2', 'eth3'] });
  const compiled = b.model.compileAll();
  t.match(compiled.network.interfaces[1], {
    ifName: 'br-lan',
    bridgePorts: ['eth1', 'eth2', 'eth3'],
  });
  t.same(compiled.firewall.lan, ['br-lan']);
  t.equal(b.get('Device.IP.Interface.2.Name'), 'br-lan');
  const added = await b.model.add(
    'Device.IP.Interface.',
    {
      X_GATEHOUSE_Zone: 'Lan',
      LowerLayers: 'Device.Ethernet.Interface.3,Device.Ethernet.Interface.4',
    },
    ORIGIN,
  );
  t.ok(added.ok, 'a disabled interface may share ports');
  t.match(b.model.compileAll().network.interfaces[3], { ifName: 'br-ip4', enable: false });
  t.equal(
    await b.set('Device.IP.Interface.4.Enable', 'true'),
    'conflict conflict',
    'an enabled one may not',
  );
  t.equal(await b.set('Device.IP.Interface.2.Loopback', 'true'), 'conflict');
});

t.test('a lease in TR-181', async (t) => {
  const b = await router();
  const { clock, observed } = b;
  observed.publish('dhcpClient', {
    clients: [client({ reason: 'MTU 10 was raised to 576' })],
    refusedMessages: 7,
  });
  const c = 'Device.DHCPv4.Client.1.';
  const get = (name: string): string => b.get(c + name);
  t.equal(get('Status'), 'Enabled');
  t.equal(get('DHCPStatus'), 'Bound');
  t.equal(get('SubnetMask'), '255.255.255.0');
  t.equal(get('IPRouters'), '198.51.100.1');
  t.equal(get('DNSServers'), '198.51.100.53,9.9.9.9');
  t.equal(get('X_GATEHOUSE_Reason'), 'MTU 10 was raised to 576');
  t.equal(get('X_GATEHOUSE_LeaseOptions'), '1=FFFFFF00,3=C6336401,43=0104DEADBEEF');
  t.equal(get('X_GATEHOUSE_Restarts'), '2');
  t.equal(get('ReqOption.[Tag==3].Value'), 'C6336401');
  t.equal(get('ReqOption.[Tag==42].Value'), '', 'not answered');
  t.equal(b.get('Device.X_GATEHOUSE_LeaseMonitor.RefusedMessages'), '7');
  t.equal(get('LeaseTimeRemaining'), '3600');
  clock.advance(3_599_500);
  t.equal(get('LeaseTimeRemaining'), '1');
  clock.advance(10_000);
  t.equal(get('LeaseTimeRemaining'), '0');
  const { lease } = client();
  if (lease === undefined) return t.fail('no lease');
  const forever = {
    ...lease,
    expiresAtMs: Number.POSITIVE_INFINITY,
    leaseSec: Number.POSITIVE_INFINITY,
  };
  observed.publish('dhcpClient', { clients: [client({ lease: forever })], refusedMessages: 7 });
  t.equal(get('LeaseTimeRemaining'), '-1');
  const long = {
    ...lease,
    expiresAtMs: 1e15,
    dnsServers: Array.from({ length: 60 }, () => address('192.168.100.100')),
  };
  observed.publish('dhcpClient', { clients: [client({ lease: long })], refusedMessages: 7 });
  t.equal(get('LeaseTimeRemaining'), '2147483647', 'an int');
  t.equal(get('DNSServers').length, 255, 'as many as TR-181 has room for');
  observed.publish('dhcpClient', {
    clients: [client({ lease: undefined, dhcpStatus: 'Init' })],
    refusedMessages: 7,
  });
  t.equal(get('IPAddress'), '');
  t.equal(get('LeaseTimeRemaining'), '0');
});

t.test(
  'the first lease dates the first use, once, and not by a clock that was never set',
  async (t) => {
    const b = await router();
    const date = 'Device.DeviceInfo.FirstUseDate';
    b.clock.setWall(0);
    b.observed.publish('dhcpClient', { clients: [client()], refusedMessages: 0 });
    await settled();
    t.equal(b.get(date), '0001-01-01T00:00:00Z', 'Unknown Time');
    b.clock.setWall(Date.UTC(2026, 5, 1));
    b.observed.publish('dhcpClient', { clients: [client()], refusedMessages: 0 });
    await settled();
    t.equal(b.get(date), '2026-06-01T00:00:00Z');
    b.clock.setWall(Date.UTC(2027, 5, 1));
    const again = b.restart();
    again.observed.publish('dhcpClient', { clients: [client()], refusedMessages: 0 });
    await settled();
    t.equal(again.get(date), '2026-06-01T00:00:00Z');
  },
);

t.test('what DHCP brought stands beside what users added, and cannot be changed', async (t) => {
  const b = await router();
  const seen = record(b.model, 'Device.IP.Interface.1.IPv4Address.');
  const learned = network({
    addresses: [
      { ifName: 'eth0', address: address('198.51.100.7'), prefixLen: length(24), owner: 'dhcp4.1' },
      { ifName: 'eth0', address: address('203.0.113.9'), prefixLen: length(24), owner: undefined },
      { ifName: 'eth7', address: address('203.0.113.10'), prefixLen: length(24), owner: 'dhcp4.1' },
    ],
    routes: [
      {
        type: 'unicast',
        destination: address('0.0.0.0'),
        prefixLen: length(0),
        gateway: address('198.51.100.1'),
        ifName: 'eth0',
        metric: 10,
        protocol: 71,
        owner: 'dhcp4.1',
      },
      {
        type: 'unicast',
        destination: address('198.51.100.0'),
        prefixLen: length(24),
        gateway: undefined,
        ifName: 'eth0',
        metric: 0,
        protocol: 2,
        owner: undefined,
      },
    ],
    resolvers: [
      { address: '198.51.100.53', owner: 'dhcp4.1' },
      { address: '9.9.9.9', owner: 'Device.DNS.Client.Server.1' },
    ],
    items: [
      { id: 'Device.IP.Interface.1', status: 'Enabled', reason: undefined },
      { id: 'Device.IP.Interface.2', status: 'Error', reason: 'no such device' },
      { id: 'Device.IP.Interface.2.IPv4Address.1', status: 'Enabled', reason: undefined },
    ],
  });
  t.ok(
    (
      await b.model.add(
        'Device.DNS.Client.Server.',
        { DNSServer: '9.9.9.9', Enable: 'true' },
        ORIGIN,
      )
    ).ok,
  );
  b.observed.publish('network', learned);
  await settled();
  const a = 'Device.IP.Interface.1.IPv4Address.1.';
  t.equal(b.get(a), 'true|Enabled|cpe-1|198.51.100.7|255.255.255.0|DHCP|');
  t.equal(
    b.get('Device.IP.Interface.1.IPv4AddressNumberOfEntries'),
    '1',
    'strangers are not shown',
  );
  t.same(seen, [`added ${a}`]);
  t.equal(await b.set(`${a}IPAddress`, '198.51.100.8'), 'notWritable');
  t.equal(await b.set(`${a}Enable`, 'false'), 'notWritable');
  const deleted = await b.model.del([a], ORIGIN);
  t.equal(deleted.ok ? '' : kinds(deleted.error), 'notCreatable');
  t.equal(
    b.get('Device.Routing.Router.1.IPv4Forwarding.1.'),
    'true|Enabled|cpe-1|Normal|false|0.0.0.0|0.0.0.0|198.51.100.1|Device.IP.Interface.1|DHCPv4|10|',
  );
  t.equal(b.get('Device.Routing.Router.1.IPv4ForwardingNumberOfEntries'), '1');
  t.equal(b.get('Device.DNS.Client.Server.*.DNSServer'), '9.9.9.9|198.51.100.53');
  t.equal(b.get('Device.DNS.Client.Server.*.Type'), 'Static|DHCPv4');
  t.equal(b.get('Device.DNS.Client.Server.*.Status'), 'Enabled|Enabled');
  t.equal(b.get('Device.DNS.Client.Status'), 'Enabled');
  t.equal(b.get('Device.IP.Interface.*.Status'), 'Up|Error|NotPresent');
  t.equal(b.get('Device.IP.Interface.2.X_GATEHOUSE_Reason'), 'no such device');
  t.equal(b.get('Device.IP.Interface.2.IPv4Address.1.Status'), 'Enabled');
  // A new address of the same client is the same row; a new daemon gives it the same number.
  seen.length = 0;
  const moved = {
    ...learned,
    addresses: [
      { ifName: 'eth0', address: address('198.51.100.9'), prefixLen: length(24), owner: 'dhcp4.1' },
    ],
  };
  b.observed.publish('network', moved);
  await settled();
  t.same(seen, [`${a}IPAddress=198.51.100.9`]);
  const again = b.restart();
  again.observed.publish('network', moved);
  t.equal(again.get(`${a}IPAddress`), '198.51.100.9');
  seen.length = 0;
  b.observed.publish('network', network());
  await settled();
  t.same(seen, [`removed ${a}`]);
  const added = await b.model.add('Device.IP.Interface.1.IPv4Address.', {}, ORIGIN);
  t.equal(added.ok ? added.value.instance : 0, 2, 'the number stays taken');
});

t.test('Ethernet interfaces: found by name, kept while they are configured', async (t) => {
  const b = await router();
  b.files.set('/sys/class/net/eth0/speed', '1000\n').set('/sys/class/net/eth0/duplex', 'full\n');
  b.files.set('/sys/class/net/eth1/speed', '-1\n');
  const kernel = [
    link('lo', { loopback: true }),
    link('eth0', { changedAtMs: 1000 }),
    link('eth1', { operState: 'lowerlayerdown', carrier: false }),
    link('eth5', { operState: 'down', adminUp: false, carrier: false }),
    link('veth0', { kind: 'veth', operState: 'unknown' }),
    link('br-lan', { kind: 'bridge' }),
    link('tun0', { kind: 'tun' }),
  ];
  b.observed.publish('network', network({ links: kernel }));
  await settled();
  const e = 'Device.Ethernet.Interface.';
  t.equal(b.get(`${e}*.Name`), 'eth0|eth1|eth5|veth0');
  t.equal(b.get(`${e}*.Status`), 'Up|LowerLayerDown|Down|Up');
  t.equal(b.get(`${e}*.Upstream`), 'true|false|false|false');
  t.equal(b.get(`${e}*.Enable`), 'true|true|false|true', 'unused ones as they are');
  t.equal(b.get(`${e}*.CurrentBitRate`), '1000|0|0|0');
  t.equal(b.get(`${e}*.CurrentDuplexMode`), 'Full|Unknown|Unknown|Unknown');
  b.clock.advance(5_000);
  t.equal(b.get(`${e}1.LastChange`), '5');
  t.equal(b.model.compileAll().network.ports.length, 2, 'unused interfaces are left alone');
  b.observed.publish('network', network({ links: [] }));
  await settled();
  t.equal(b.get(`${e}*.Name`), 'eth0|eth1');
  t.equal(b.get(`${e}*.Status`), 'NotPresent|NotPresent');
  b.observed.publish(
    'network',
    network({ links: [link('veth0', { kind: 'veth' }), link('eth9')] }),
  );
  await settled();
  t.equal(b.get(`${e}4.Name`), 'veth0', 'it has its old number');
  t.equal(b.get(`${e}5.Name`), 'eth9');
  const again = b.restart();
  again.observed.publish('network', network({ links: [link('eth9')] }));
  t.equal(again.get(`${e}5.Name`), 'eth9', 'after a restart as well');
});

t.test('fifty rounds of fifty new interfaces: memory and store stay bounded', async (t) => {
  const b = await router();
  for (let round = 0; round < 50; round++) {
    const links = Array.from({ length: 50 }, (_, i) => link(`veth${round}x${i}`, { kind: 'veth' }));
    b.observed.publish('network', network({ links }));
    await settled();
  }
  const kept = [...b.store.data.keys()].filter((key) => key.startsWith('tr181/s/')).length;
  t.ok(kept < 400, `${kept} numbers are kept`);
  t.equal(b.get('Device.Ethernet.Interface.1.Name'), 'eth0');
});

t.test('a flood of learned rows is bounded', async (t) => {
  const b = await router();
  const routes = Array.from({ length: 3000 }, (_, i) => ({
    type: 'unicast' as const,
    destination: address(`10.${i >> 8}.${i & 255}.0`),
    prefixLen: length(24),
    gateway: undefined,
    ifName: 'eth0',
    metric: 0,
    protocol: 71,
    owner: 'dhcp4.1',
  }));
  b.observed.publish('network', network({ routes }));
  await settled();
  t.equal(b.get('Device.Routing.Router.1.IPv4ForwardingNumberOfEntries'), '1024');
});

t.test('static routes', async (t) => {
  const b = await router();
  const table = 'Device.Routing.Router.1.IPv4Forwarding.';
  const add = async (values: Record<string, string>): Promise<string> => {
    const done = await b.model.add(table, values, ORIGIN);
    return done.ok ? 'done' : messages(done.error);
  };
  t.equal(
    await add({
      Enable: 'true',
      DestIPAddress: '10.0.0.0',
      DestSubnetMask: '255.0.0.0',
      GatewayIPAddress: '192.168.1.2',
      Interface: 'Device.IP.Interface.2',
      ForwardingMetric: '5',
    }),
    'done',
  );
  t.equal(await add({ Enable: 'true', Type: 'Blackhole', DestIPAddress: '192.0.2.1' }), 'done');
  t.equal(await add({ GatewayIPAddress: '192.168.1.2' }), 'done');
  t.match(
    await add({ DestIPAddress: '10.0.0.1', DestSubnetMask: '255.0.0.0' }),
    /did you mean 10\.0\.0\.0\?/,
  );
  t.match(
    await add({ DestIPAddress: '10.0.0.0', DestSubnetMask: '255.0.255.0' }),
    /ones after zeros/,
  );
  t.match(await add({ DestSubnetMask: '255.0.0.0' }), /needs a destination/);
  t.match(await add({ Type: 'Receive' }), /none of/);
  t.same(b.model.compileAll().network.routes, [
    {
      id: `${table}1`,
      enable: true,
      type: 'unicast',
      destination: address('10.0.0.0'),
      prefixLen: 8,
      gateway: address('192.168.1.2'),
      ifName: 'eth1',
      metric: 5,
    },
    {
      id: `${table}2`,
      enable: true,
      type: 'blackhole',
      destination: address('192.0.2.1'),
      prefixLen: 32,
      gateway: undefined,
      ifName: undefined,
      metric: 0,
    },
    {
      id: `${table}3`,
      enable: false,
      type: 'unicast',
      destination: 0,
      prefixLen: 0,
      gateway: address('192.168.1.2'),
      ifName: undefined,
      metric: 0,
    },
  ]);
  await b.set('Device.Routing.Router.1.Enable', 'false');
  t.ok(b.model.compileAll().network.routes.every((route) => !route.enable));
  t.notOk(b.model.compileAll().network.forwarding);
  t.equal(b.get('Device.Routing.Router.1.Status'), 'Disabled');
});

t.test('addresses are checked as a whole', async (t) => {
  const b = await router();
  const row = 'Device.IP.Interface.2.IPv4Address.1.';
  const set = (IPAddress: string, SubnetMask: string): Promise<string> =>
    b.model
      .set(
        [
          { path: `${row}IPAddress`, value: IPAddress },
          { path: `${row}SubnetMask`, value: SubnetMask },
        ],
        ORIGIN,
      )
      .then((done) => (done.ok ? 'done' : messages(done.error)));
  t.match(await set('10.0.0.0', '255.255.255.0'), /network address of its own subnet/);
  t.match(await set('10.0.0.255', '255.255.255.0'), /broadcast address/);
  t.match(await set('10.0.0.1', '255.0.255.0'), /ones after zeros/);
  t.equal(await set('10.0.0.0', '255.255.255.254'), 'done', 'RFC 3021');
  t.equal(await set('10.0.0.1', '255.255.255.255'), 'done');
  t.equal(await set('', ''), 'done');
  t.match(b.model.compileAll().network.interfaces[1]?.addresses, [
    { address: undefined, prefixLen: undefined },
  ]);
});

t.test('DHCP client settings', async (t) => {
  const b = await router();
  const done = await b.model.set(
    [
      { path: 'Device.DHCPv4.Client.1.X_GATEHOUSE_RouteMetric', value: '200' },
      { path: 'Device.DHCPv4.Client.1.X_GATEHOUSE_UseDNS', value: '0' },
      { path: 'Device.DHCPv4.Client.1.DSCPMark', value: '0' },
      { path: 'Device.DHCPv4.Client.1.ReqOption.[Tag==121].Order', value: '1' },
      { path: 'Device.DHCPv4.Client.1.ReqOption.[Tag==249].Enable', value: '0' },
      { path: 'Device.DHCPv4.Client.1.Retransmission.DiscoverMaxTimeout', value: '60' },
    ],
    ORIGIN,
  );
  t.ok(done.ok);
  const { dhcpClient, firewall } = b.model.compileAll();
  t.match(dhcpClient.clients[0], {
    routeMetric: 200,
    useResolvers: false,
    discoverIntervalSec: 2,
    discoverPauseSec: 60,
  });
  t.same(dhcpClient.clients[0]?.requestOptions.slice(0, 3), [121, 1, 3]);
  t.notOk(dhcpClient.clients[0]?.requestOptions.includes(249));
  t.same(firewall.dhcpDscp[0], { ifName: 'eth0', dscp: 0, family: 4 });
  const own = await b.model.add(
    'Device.DHCPv4.Client.1.SentOption.',
    { Enable: '1', Tag: '53', Value: '01' },
    ORIGIN,
  );
  t.match(own, { ok: false, error: [{ kind: 'conflict', message: /sends option 53 by itself/ }] });
  t.equal(
    await b.set('Device.DHCPv4.Client.1.AuthenticationProtocol', 'DelayedAuthentication'),
    'outOfRange',
  );
  t.equal(
    await b.set('Device.DHCPv4.Client.1.Retransmission.DiscoverInitialTimeout', '0'),
    'outOfRange',
  );
  await b.set('Device.DHCPv4.Client.1.Interface', '');
  t.equal(b.model.compileAll().dhcpClient.clients[0]?.ifName, undefined);
});

t.test('a client on a disabled interface does not run, and says why', async (t) => {
  const b = await router();
  const enabled = (): boolean | undefined => b.model.compileAll().dhcpClient.clients[0]?.enable;
  const reason = (): string => b.get('Device.DHCPv4.Client.1.X_GATEHOUSE_Reason');
  t.equal(enabled(), true);
  t.equal(reason(), '');
  await b.set('Device.IP.Interface.1.Enable', 'false');
  t.equal(enabled(), false);
  t.equal(reason(), 'Device.IP.Interface.1 is disabled');
  await b.set('Device.IP.Interface.1.Enable', 'true');
  for (const path of ['Device.IP.IPv4Enable', 'Device.IP.Interface.1.IPv4Enable']) {
    await b.set(path, 'false');
    t.equal(enabled(), false);
    t.equal(reason(), 'IPv4 is disabled on Device.IP.Interface.1');
    await b.set(path, 'true');
  }
  t.equal(enabled(), true);
});

t.test('NAT and firewall', async (t) => {
  const b = await router();
  t.equal(b.get('Device.NAT.InterfaceSetting.1.Status'), 'Error', 'not in the kernel yet');
  b.observed.publish('firewall', {
    status: 'Enabled',
    reason: undefined,
    masquerade: ['eth0'],
    restored: 3,
  });
  t.equal(b.get('Device.NAT.InterfaceSetting.1.Status'), 'Enabled');
  t.equal(b.get('Device.X_GATEHOUSE_Firewall.'), 'Enabled||3');
  await b.set('Device.NAT.InterfaceSetting.1.Interface', '');
  t.equal(b.get('Device.NAT.InterfaceSetting.1.Status'), 'Error_Misconfigured');
  t.same(b.model.compileAll().firewall.masquerade, []);
  await b.set('Device.NAT.InterfaceSetting.1.Enable', 'false');
  t.equal(b.get('Device.NAT.InterfaceSetting.1.Status'), 'Disabled');
  await b.set('Device.IP.Interface.1.Enable', 'false');
  t.same(b.model.compileAll().firewall.wan, ['eth0'], 'a disabled WAN stays closed');
});

t.test('DeviceInfo reads the machine', async (t) => {
  const b = bench();
  const { files } = b;
  files.set('/proc/uptime', '12345.67 99.1\n');
  b.observed.publish('system', {
    kernelName: 'gate',
    helperMissing: undefined,
    hostNameFault: undefined,
  });
  files.set(
    '/proc/meminfo',
    'MemTotal:        8000000 kB\nMemFree:  10 kB\nMemAvailable:    6000000 kB\n',
  );
  files.set('/proc/device-tree/model', 'Raspberry Pi 4 Model B Rev 1.4\0');
  files.set('/proc/device-tree/serial-number', '10000000abcdef01\0');
  files.set('/proc/device-tree/compatible', 'raspberrypi,4-model-b\0brcm,bcm2711\0');
  files.set('/proc/stat', 'cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1\n');
  const get = (name: string): string => b.get(`Device.DeviceInfo.${name}`);
  t.equal(get('Manufacturer'), 'Raspberry Pi');
  t.equal(get('ModelName'), 'Raspberry Pi 4 Model B Rev 1.4');
  t.equal(get('SerialNumber'), '10000000abcdef01');
  t.equal(get('HardwareVersion'), 'raspberrypi,4-model-b');
  t.equal(get('SoftwareVersion'), '0.1.0');
  t.equal(get('UpTime'), '12345');
  t.equal(get('HostName'), 'gate');
  t.equal(get('MemoryStatus.Total'), '8000000');
  t.equal(get('MemoryStatus.Free'), '6000000');
  t.equal(get('ProcessStatus.CPUUsage'), '15');
  files.set('/proc/stat', 'cpu  150 0 50 850 50 0 0 0 0 0\n');
  t.equal(get('ProcessStatus.CPUUsage'), '50', 'since the last reading');
  t.equal(get('ProcessStatus.CPUUsage'), '50', 'two readers at once agree');
  t.equal(get('ManufacturerOUI'), '000000');
  b.observed.publish('network', network());
  t.equal(get('ManufacturerOUI'), '02005E');
  t.equal(await b.set('Device.DeviceInfo.ProvisioningCode', 'abc'), 'done');
});

t.test('exactly what is volatile is computed when it is read', async (t) => {
  const b = await router();
  const schema = new Schema(objectGroups());
  let checked = 0;
  const context = {
    observed: {
      network: network({
        addresses: [
          {
            ifName: 'eth0',
            address: address('198.51.100.7'),
            prefixLen: length(24),
            owner: 'dhcp4.1',
          },
        ],
      }),
      dhcpClient: { clients: [client()], refusedMessages: 0 },
      firewall: { status: 'Enabled' as const, reason: undefined, masquerade: [], restored: 0 },
    },
    view: b.rows,
    product: { name: 'Gatehouse', version: '0.1.0' },
    lookups: {
      linkStats: () => undefined,
      mapUsage: () => undefined,
      dns: () => undefined,
      monitor: () => undefined,
      dht: () => undefined,
      lanTorrents: () => undefined,
      dnsLogged: () => 0,
      syslog: () => [],
      readText: () => undefined,
      monoMs: () => 0,
      boottimeMs: () => 0,
      wallMs: () => 0,
    },
  };
  const { RowReader } = await import('../../src/tr181/reader.ts');
  for (const group of schema.groups) {
    const put = (object: string, values: Readonly<Record<string, unknown>>): void => {
      const node = schema.nodeOf(object);
      for (const [name, value] of Object.entries(values)) {
        const param = node?.params.get(name);
        if (param === undefined) t.fail(`${object}${name} is reported, but not declared`);
        else if ((typeof value !== 'string') !== (param.def.volatile === true)) {
          t.fail(`${object}${name} is ${param.def.volatile === true ? '' : 'not '}volatile`);
        }
        checked += 1;
      }
    };
    group.report?.(
      { ...context, rows: new RowReader(schema, b.rows) },
      {
        put,
        row: (table, key, values) => {
          const object = `${table}${b.rows.systemNumber(table, key)}.`;
          put(object, values);
          return object;
        },
        counter: (_object, _name, read) => () => String(read()),
      },
    );
  }
  t.ok(checked > 100, `${checked} reported values`);
});
