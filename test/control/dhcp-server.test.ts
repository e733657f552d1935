/** What the DHCP server is told besides its rows, and what of its observations is news. */
import t from 'tap';
import { formatIpv4, type Mac } from '../../src/base/ip.ts';
import {
  newsOf,
  resolversOf,
  servedBy,
  withResolvers,
  withResolvers6,
} from '../../src/control/dhcp-server.ts';
import { advertise, at, config as config6, pool, segment } from '../services/dhcp6-server/house.ts';
import { address, router } from '../tr181/fixture.ts';

const resolver = (text: string) => ({ address: text, owner: 'dhcp4.1' });

t.test('pools without resolvers get those of the box, IPv4 and reachable ones', async (t) => {
  const found = resolversOf({
    resolvers: [
      '127.0.0.1',
      '9.9.9.9',
      '2620:fe::fe',
      '1.1.1.1',
      '8.8.8.8',
      '8.8.4.4',
      '4.4.4.4',
    ].map(resolver),
  });
  t.same(found.map(formatIpv4), ['9.9.9.9', '1.1.1.1', '8.8.8.8', '8.8.4.4'], 'at most four');
  const b = await router();
  const config = b.model.compileAll().dhcpServer;
  t.same(withResolvers(config, found).pools[0]?.dnsServers, found);
  await b.set('Device.DHCPv4.Server.Pool.1.DNSServers', '192.0.2.53');
  const own = withResolvers(b.model.compileAll().dhcpServer, found);
  t.same(own.pools[0]?.dnsServers, [address('192.0.2.53')], 'what the owner says counts');
});

t.test('pools without resolvers name the box where it answers', async (t) => {
  const b = await router();
  const config = b.model.compileAll().dhcpServer;
  const [own] = config.segments[0]?.addresses ?? [];
  if (own === undefined) return t.fail('no segment');
  const listener = { transport: 'udp', port: 53, error: undefined } as const;
  const found = [address('9.9.9.9')];
  const told = (listeners: Parameters<typeof servedBy>[0]) =>
    withResolvers(config, found, servedBy(listeners)).pools[0]?.dnsServers;
  t.same(told({ listeners: [{ ...listener, address: own.address }] }), [own.address]);
  t.same(told({ listeners: [{ ...listener, address: address('192.0.2.1') }] }), found, 'elsewhere');
  t.same(told({ listeners: [{ ...listener, address: own.address, port: 5353 }] }), found);
  t.same(told({ listeners: [{ ...listener, address: own.address, error: 'taken' }] }), found);
  t.same(told(undefined), found);
});

t.test('hosts with IPv6 are told of the address that stays longest', async (t) => {
  const own = [at('fe80::1'), at('2001:db8::1'), at('fd00::53')];
  const house = (dnsGiven: boolean) =>
    config6({
      segments: [segment({ advertise: advertise({ dnsGiven }) })],
      pools: [pool({ dnsGiven })],
    });
  const told = withResolvers6(house(false), () => own);
  t.same(told.segments[0]?.advertise?.dnsServers, [at('fd00::53')]);
  t.same(told.pools[0]?.dnsServers, [at('fd00::53')]);
  t.same(
    withResolvers6(house(false), () => []),
    house(false),
  );
  t.same(
    withResolvers6(house(true), () => own),
    house(true),
    'what the owner says counts',
  );
});

t.test('a device and a server are news once', (t) => {
  const [tv, phone] = ['02:00:5e:00:53:01', '02:00:5e:00:53:02'] as Mac[];
  if (tv === undefined || phone === undefined) return t.end();
  const waiting = (mac: Mac) => ({
    ...{ mac, segment: 'lan', hostName: undefined, vendorClass: undefined, randomised: false },
    ...{ firstWallMs: 0, lastWallMs: 0, requests: 1 },
  });
  const rogue = {
    ...{ segment: 'lan', server: address('192.168.1.66'), mac: tv },
    ...{ firstWallMs: 0, lastWallMs: 0, offers: 1 },
  };
  const first = { pending: [waiting(tv)], rogues: [] };
  const second = { pending: [waiting(phone), waiting(tv)], rogues: [rogue] };
  t.same(newsOf(undefined, first), [
    { event: 'X_GATEHOUSE_NewDevice', args: { Chaddr: tv, HostName: '' } },
  ]);
  t.same(
    newsOf(first, second).map(({ event }) => event),
    ['X_GATEHOUSE_NewDevice', 'X_GATEHOUSE_OtherServer'],
  );
  t.same(newsOf(second, second), []);
  const moved = { ...second, rogues: [rogue, { ...rogue, server: address('192.168.1.67') }] };
  t.equal(newsOf(second, moved).length, 1, 'the same box as another server');
  t.end();
});
