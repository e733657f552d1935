/** RFC 2131 §4.3.1: DHCPDISCOVER message, and table 3 for what an OFFER holds. */
import t from 'tap';
import type { Ipv4 } from '../../../src/base/ip.ts';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import { address, Client, ip, ips, Lan, mac, SERVER } from '../../services/dhcp-server/lan.ts';

const relay = ip('192.168.1.9');

t.test(
  '"The client\'s current address as recorded in the client\'s current binding, ELSE"',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({});
    const client = new Client(mac(1));
    const has = lan.lease(client);
    const wish = { options: { 50: address(ip('192.168.1.155')) } };
    t.equal(lan.send(client.discover(wish))[0]?.message.yiaddr, has, 'whatever it wishes');
  },
);

t.test(
  '"The client\'s previous address … (now expired or released) binding, if that address is in the server\'s pool … and not already allocated, ELSE"',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({ pools: [{ max: ip('192.168.1.101') }] });
    const client = new Client(mac(1));
    const had = lan.lease(client) ?? SERVER;
    lan.send(client.release(had));
    t.equal(lan.send(client.discover())[0]?.message.yiaddr, had);
    lan.clock.advance(60_000);
    t.not(lan.lease(new Client(mac(2))), had, 'kept for its client while others are free');
    t.equal(lan.lease(new Client(mac(3))), had, 'and no longer');
    t.same(lan.send(client.discover()), [], 'now it is allocated');
  },
);

t.test(
  '"The address requested in the \'Requested IP Address\' option, if that address is valid and not already allocated, ELSE"',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({ pools: [{ reserved: [ip('192.168.1.160')] }] });
    const offered = (wish: Ipv4, n: number): Ipv4 | undefined =>
      lan.send(new Client(mac(n)).discover({ options: { 50: address(wish) } }))[0]?.message.yiaddr;
    t.equal(offered(ip('192.168.1.155'), 1), ip('192.168.1.155'));
    t.not(offered(ip('192.168.1.155'), 2), ip('192.168.1.155'), 'offered to another');
    t.not(offered(ip('192.168.1.160'), 3), ip('192.168.1.160'), 'reserved');
    t.not(offered(ip('10.0.0.1'), 4), ip('10.0.0.1'), 'not on this net');
  },
);

t.test(
  "\"A new address allocated from the server's pool … selected based on the subnet from which the message was received (if 'giaddr' is 0) or on the address of the relay agent\"",
  async (t) => {
    await using lan = new Lan();
    const far = { id: 'far', min: ip('10.9.0.10'), max: ip('10.9.0.99') };
    await lan.apply({ pools: [far, {}] });
    const subnet = (more: object): number =>
      (lan.send(new Client(mac(1)).discover(more))[0]?.message.yiaddr ?? 0) >>> 8;
    t.equal(subnet({}), ip('192.168.1.0') >>> 8, 'here');
    t.equal(
      subnet({ giaddr: ip('10.9.0.1'), destination: SERVER }),
      ip('10.9.0.0') >>> 8,
      'behind the relay',
    );
    t.same(
      lan.send(new Client(mac(2)).discover({ giaddr: ip('10.8.0.1'), destination: SERVER })),
      [],
      'a net that has no pool',
    );
    t.equal(
      subnet({ options: { 118: address(ip('10.9.0.0')) } }),
      ip('10.9.0.0') >>> 8,
      'RFC 3011',
    );
    const link = Uint8Array.of(5, 4, ...address(ip('10.9.0.0')));
    t.equal(
      subnet({ giaddr: relay, destination: SERVER, options: { 82: link } }),
      ip('10.9.0.0') >>> 8,
      'RFC 3527',
    );
  },
);

t.test('table 3: the fields of an OFFER', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const agent = Uint8Array.of(1, 2, 97, 98);
  const options = { 82: agent, 61: Uint8Array.of(1, 2, 3), 55: Uint8Array.of(6, 1, 3, 28) };
  const frame = new Client(mac(1)).discover({
    giaddr: relay,
    destination: SERVER,
    broadcast: true,
    options,
  });
  const [offer] = lan.send(frame);
  if (offer === undefined) return t.fail('no OFFER');
  const { message, udp } = offer;
  t.match(message, {
    op: 2,
    xid: 0x1000,
    secs: 0,
    ciaddr: 0,
    siaddr: 0,
    giaddr: relay,
    broadcast: true,
  });
  t.same([...message.chaddr], [0, 0x16, 0x3e, 0, 0, 1]);
  t.same(
    [...message.options.keys()],
    [53, 54, 51, 58, 59, 1, 6, 3, 28, 61, 82],
    'the subnet mask before the routers (RFC 2132 §3.5), the identifier said back (RFC 6842), the agent’s option last (RFC 3046)',
  );
  t.same(message.options.get(54), ips('192.168.1.1'));
  t.same(message.options.get(51), Uint8Array.of(0, 0, 14, 16));
  t.same(message.options.get(82), agent);
  t.equal(`${udp.destination}:${udp.destinationPort}`, `${relay}:67`);
  for (const never of [50, 55, 57, 60]) t.notOk(message.options.has(never), `no option ${never}`);
});

t.test('no address is offered where the pool can do without IPv4 (RFC 8925 §3.3)', async (t) => {
  await using lan = new Lan();
  const wait = {
    code: 108,
    value: Uint8Array.of(0, 0, 7, 8),
    force: false,
    vendorClassPrefix: '',
  };
  await lan.apply({ pools: [{ options: [wait] }] });
  const [phone] = lan.send(new Client(mac(1), { 55: Uint8Array.of(1, 108) }).discover());
  t.equal(phone?.message.yiaddr, 0);
  t.same(phone?.message.options.get(108), wait.value);
  const [laptop] = lan.send(new Client(mac(2), { 55: Uint8Array.of(1, 3) }).discover());
  t.not(laptop?.message.yiaddr, 0);
  t.notOk(laptop?.message.options.has(108), 'nobody is told who did not ask');
});

t.test('plain BOOTP is refused, counted and told', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  t.same(lan.send(new Client(mac(1)).message(0)), []);
  t.equal(lan.service.observed.counts.discarded, 1);
  t.match(lan.log.messages('warn'), [/plain BOOTP/]);
  t.same(lan.send(new Client(mac(1)).message(DHCP.FORCERENEW)), []);
  t.equal(lan.service.observed.counts.discarded, 2);
});
