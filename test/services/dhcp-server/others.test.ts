/** Other servers on the segment: heard, reported, looked for, relayed to. */
import t from 'tap';
import { toHex } from '../../../src/base/bytes.ts';
import { type Ipv4, ipv4, type Mac, macBytes, type PrefixLen } from '../../../src/base/ip.ts';
import { decodeArp, encodeArp } from '../../../src/wire/arp.ts';
import { DHCP, encodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { encodeUdp4 } from '../../../src/wire/udp4.ts';
import { address, answerOf, Client, ip, Lan, link, mac, OWN_MAC, SERVER, text } from './lan.ts';

const OTHER = ip('192.168.1.2');
const OTHER_MAC = '00:aa:00:00:00:02' as Mac;

const reply = (
  type: number,
  yiaddr: Ipv4,
  more: {
    client?: Mac;
    source?: Ipv4;
    giaddr?: Ipv4;
    destination?: Ipv4;
    port?: number;
    xid?: number;
    broadcast?: boolean;
  } = {},
): Uint8Array => {
  const none = ipv4(0);
  const source = more.source ?? OTHER;
  return encodeUdp4({
    destinationMac: new Uint8Array(6).fill(255),
    sourceMac: macBytes(OTHER_MAC),
    source,
    destination: more.destination ?? ipv4(0xffffffff),
    sourcePort: 67,
    destinationPort: more.port ?? 68,
    payload: encodeDhcp4({
      op: 2,
      xid: more.xid ?? 1,
      secs: 0,
      broadcast: more.broadcast ?? true,
      ciaddr: none,
      yiaddr,
      siaddr: none,
      giaddr: more.giaddr ?? none,
      chaddr: macBytes(more.client ?? mac(5)),
      sname: new Uint8Array(0),
      file: new Uint8Array(0),
      options: new Map([
        [53, Uint8Array.of(type)],
        [54, address(source)],
        [51, Uint8Array.of(0, 0, 14, 16)],
      ]),
    }),
  });
};

t.test('open: another server is a rogue, told once', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  for (let i = 0; i < 3; i++) lan.hear(reply(DHCP.OFFER, ip('192.168.1.66')));
  lan.hear(reply(DHCP.ACK, ip('192.168.1.66')));
  t.match(lan.service.observed, {
    rogues: [{ segment: 'lan', server: OTHER, mac: OTHER_MAC, offers: 3 }],
    foreign: [{ mac: mac(5), address: ip('192.168.1.66'), server: OTHER }],
    counts: { secondServer: 1, discarded: 0 },
  });
  t.same(lan.log.messages('warn'), ['another DHCP server is on the LAN']);
  await lan.apply({ segment: { mode: 'hybrid' } });
  t.same(lan.service.observed.rogues, [], 'now it may be there');
  t.equal(lan.service.observed.foreign.length, 1);
});

t.test(
  'leases of others: with their end from an ACK, by hearsay from a REQUEST, gone with a RELEASE',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({ segment: { mode: 'passThrough', authoritative: false } });
    const client = new Client(mac(5), { 12: text('Camera') });
    const chosen = { options: { 50: address(ip('192.168.1.66')), 54: address(OTHER) } };
    t.same(lan.send(client.discover(), client.message(DHCP.REQUEST, chosen)), [], 'never answered');
    t.match(lan.service.observed.foreign, [{ hostName: 'camera', expiresAtMs: undefined }]);
    lan.hear(reply(DHCP.ACK, ip('192.168.1.66')));
    const [lease] = lan.service.observed.foreign;
    t.match(lease, { hostName: 'camera', expiresAtMs: lan.clock.boottimeMs() + 3_600_000 });
    lan.clock.advance(3_600_001);
    t.same(lan.service.observed.foreign, [], 'it ran out');
    lan.hear(
      reply(DHCP.ACK, ip('192.168.1.66')),
      client.release(ip('192.168.1.66'), { destination: OTHER, options: { 54: address(OTHER) } }),
    );
    t.same(lan.service.observed.foreign, []);
    for (let i = 0; i < 5000; i++)
      lan.hear(reply(DHCP.ACK, ipv4(0xc0a80000 + i), { client: mac(i) }));
    t.equal(lan.service.observed.foreign.length, 4096, 'bounded');
    t.same(lan.service.observed.rogues, []);
  },
);

t.test(
  'servers are looked for at the start and every ten minutes, by a client that does not exist',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({});
    lan.clock.advance(600_000);
    const [probe, ...more] = lan.port().sent.map(answerOf);
    t.equal(more.length, 0);
    t.equal(probe?.type, DHCP.DISCOVER);
    t.match(probe?.message, { op: 1, broadcast: true, yiaddr: 0 });
    const [first = 0] = probe?.message.chaddr ?? [];
    t.equal(first & 3, 2, 'locally administered, of one host');
    t.not(toHex(probe?.message.chaddr ?? new Uint8Array(0)), toHex(macBytes(OWN_MAC)));
    await lan.apply({ segment: { mode: 'hybrid' } });
    lan.clock.advance(1_200_000);
    t.equal(lan.port().sent.length, 0, 'not where others may serve');
  },
);

t.test('who a client speaks of is looked for at once, but not again and again', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const searches = () => lan.port().sent.splice(0).length;
  lan.clock.advance(5000);
  searches();
  const client = new Client(mac(5));
  const chosen = { options: { 50: address(ip('192.168.1.66')), 54: address(OTHER) } };
  const choose = () => lan.hear(client.message(DHCP.REQUEST, chosen));
  choose();
  choose();
  t.equal(searches(), 1);
  lan.clock.advance(2000);
  choose();
  t.equal(searches(), 1);
  lan.hear(reply(DHCP.OFFER, ip('192.168.1.66')));
  lan.clock.advance(2000);
  choose();
  t.equal(searches(), 0, 'it is known now');
  t.equal(lan.service.observed.rogues.length, 1);
});

t.test('pass-through relays to the server it is told, and back (RFC 1542 §4)', async (t) => {
  await using lan = new Lan();
  const wanMac = '02:00:00:00:00:aa' as Mac;
  lan.links = [link(1, 'br-lan'), link(7, 'wan', { mac: wanMac })];
  const [far, gateway] = [ip('198.51.100.9'), ip('203.0.113.1')];
  const route = {
    type: 'unicast',
    metric: 0,
    source: undefined,
    table: 254,
    protocol: 3,
    scope: 'universe',
    onLink: false,
  } as const;
  lan.routes = [
    {
      ...route,
      destination: ip('203.0.113.0'),
      prefixLen: 24 as PrefixLen,
      gateway: undefined,
      ifIndex: 7,
    },
    { ...route, destination: ipv4(0), prefixLen: 0 as PrefixLen, gateway, ifIndex: 7 },
  ];
  await lan.apply({ segment: { mode: 'passThrough', authoritative: false, relayTo: far } });
  const client = new Client(mac(5));
  t.same(lan.send(client.discover({ broadcast: true })), []);
  const [wan, arp] = [lan.port(7), lan.port(7, 'arp')];
  t.equal(wan.sent.length, 0, 'the way must be known first');
  const question = decodeArp(arp.sent[0] ?? new Uint8Array(0));
  if (!question.ok) return t.fail('no ARP');
  t.equal(question.value.targetIp, gateway);
  const nextHop = Uint8Array.of(2, 1, 1, 1, 1, 1);
  const told = encodeArp({
    op: 2,
    senderMac: nextHop,
    senderIp: gateway,
    targetMac: macBytes(wanMac),
    targetIp: SERVER,
  });
  arp.handlers.frame(told, 0, told.length);

  const relayed = wan.sent.splice(0).map(answerOf)[0];
  t.match(relayed?.message, { op: 1, giaddr: SERVER, broadcast: true });
  t.equal(relayed?.udp.payload[3], 1, 'one hop');
  t.match(
    [relayed?.udp.source, relayed?.udp.destination, relayed?.udp.sourcePort],
    [SERVER, far, 67],
  );
  t.equal(toHex(relayed?.udp.destinationMac ?? new Uint8Array(0)), toHex(nextHop));
  lan.send(
    client.message(DHCP.REQUEST, {
      options: { 50: address(ip('192.168.1.77')), 54: address(far) },
    }),
  );
  t.equal(wan.sent.length, 1, 'the next at once');

  const answered = { source: far, giaddr: SERVER, destination: SERVER, port: 67, client: mac(5) };
  lan.hearOn(7, reply(DHCP.ACK, ip('192.168.1.77'), { ...answered, broadcast: false }));
  const [ack] = lan.drain();
  t.match(ack?.message, { op: 2, yiaddr: ip('192.168.1.77') });
  t.match([ack?.udp.destination, ack?.udp.destinationPort], [ip('192.168.1.77'), 68]);
  t.equal(toHex(ack?.udp.destinationMac ?? new Uint8Array(0)), toHex(macBytes(mac(5))));
  t.match(lan.service.observed.foreign, [
    { mac: mac(5), address: ip('192.168.1.77'), server: far },
  ]);
  lan.hearOn(7, reply(DHCP.ACK, ip('192.168.1.78'), answered));
  t.equal(lan.drain()[0]?.udp.destination, 0xffffffff, 'to all, where the client asks for it');
  lan.hearOn(7, reply(DHCP.ACK, ip('192.168.1.79'), { ...answered, source: OTHER }));
  lan.hearOn(7, reply(DHCP.ACK, ip('192.168.1.79'), { ...answered, giaddr: OTHER }));
  t.same(lan.drain(), [], 'nobody else’s');

  const looping = client.discover();
  looping[42 + 3] = 16;
  wan.sent.length = 0;
  lan.hear(looping);
  t.equal(wan.sent.length, 0, 'sixteen hops are enough');

  lan.routes = [];
  lan.service.linksChanged();
  t.notOk(wan.open);
  t.match(lan.log.messages('warn'), ['requests are not relayed']);
});
