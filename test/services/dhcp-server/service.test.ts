import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { formatIpv4, type Ipv4, type Mac } from '../../../src/base/ip.ts';
import { err } from '../../../src/base/result.ts';
import type { RuleConfig } from '../../../src/services/dhcp-server/config.ts';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import { address, Client, ip, Lan, link, mac, SERVER, text } from './lan.ts';

const RULE: RuleConfig = {
  id: 'rule',
  action: 'allow',
  chaddr: undefined,
  vendorClass: undefined,
  hostName: undefined,
  randomised: undefined,
  segment: undefined,
  untilMs: Infinity,
};
const ALL_ONES = 'ff:ff:ff:ff:ff:ff' as Mac;
const shown = (a: Ipv4 | undefined): string => (a === undefined ? 'none' : formatIpv4(a));

t.test('a client gets an address, an ACK only when its lease is on disk', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const client = new Client(mac(1), {
    12: text('Laptop'),
    60: text('MSFT 5.0'),
    55: Uint8Array.of(1, 3, 6, 15),
  });
  const [offer, ...more] = lan.send(client.discover());
  if (offer === undefined) return t.fail('no offer');
  t.equal(more.length, 0);
  t.equal(offer.type, DHCP.OFFER);
  t.equal(lan.store.records.length, 0, 'an offer is not written');

  lan.hear(client.select(offer.message));
  t.equal(lan.drain().length, 0, 'nothing is said before the disk');
  t.equal(lan.store.records.length, 1);
  lan.store.flush();
  const [ack] = lan.drain();
  if (ack === undefined) return t.fail('no ACK');
  t.equal(ack.type, DHCP.ACK);
  t.equal(ack.message.yiaddr, offer.message.yiaddr);
  t.same([...ack.message.options.keys()], [53, 54, 51, 58, 59, 1, 3, 6, 15]);
  t.equal(ack.udp.source, SERVER);
  t.equal(ack.udp.destination, ack.message.yiaddr);

  const [view] = [...lan.service.leases()];
  t.match(view, { state: 'bound', hostName: 'laptop', vendorClass: 'MSFT 5.0', pool: 'pool1' });
  t.equal(lan.service.leaseNamed('laptop')?.address, ack.message.yiaddr);
  t.equal(lan.service.leaseAt(ack.message.yiaddr), view);
  lan.clock.advance(300);
  t.match(lan.reports.at(-1)?.counts, { discover: 1, offer: 1, request: 1, ack: 1 });
});

t.test('the same client gets the same address for ever, another one another', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const [a, b] = [new Client(mac(1)), new Client(mac(2))];
  const first = lan.lease(a);
  t.not(shown(lan.lease(b)), shown(first));
  lan.clock.advance(2 * 3600_000);
  t.equal(lan.service.leaseAt(first ?? SERVER)?.state, 'free', 'it ran out');
  t.equal(shown(lan.lease(a)), shown(first));
  lan.send(a.release(first ?? SERVER));
  t.equal(lan.service.leaseAt(first ?? SERVER)?.state, 'free');
  t.equal(shown(lan.lease(a)), shown(first));
});

t.test('a wish is granted where the address is free', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const wish = { options: { 50: address(ip('192.168.1.150')) } };
  t.equal(shown(lan.lease(new Client(mac(1)), wish)), '192.168.1.150');
  t.not(shown(lan.lease(new Client(mac(2)), wish)), '192.168.1.150');
  t.match(
    shown(lan.lease(new Client(mac(3)), { options: { 50: address(SERVER) } })),
    /^192\.168\.1\.1\d\d$/,
  );
});

t.test(
  'static addresses: by MAC, also with a client id; by client id; never anyone else',
  async (t) => {
    await using lan = new Lan();
    const row = {
      id: 's',
      enable: true,
      chaddr: undefined,
      clientId: undefined,
      hostName: undefined,
    };
    await lan.apply({
      pools: [
        {
          max: ip('192.168.1.102'),
          statics: [
            { ...row, chaddr: mac(9), address: ip('192.168.1.101'), hostName: 'printer' },
            { ...row, clientId: text('\0box'), address: ip('192.168.1.20') },
          ],
        },
      ],
    });
    const others = [1, 2].map((n) => shown(lan.lease(new Client(mac(n)))));
    t.same(others.sort(), ['192.168.1.100', '192.168.1.102']);
    t.equal(lan.lease(new Client(mac(3))), undefined, 'the third is the printer’s');
    t.equal(lan.service.observed.counts.exhausted, 1);
    t.equal(shown(lan.lease(new Client(mac(9), { 12: text('liar') }))), '192.168.1.101');
    t.equal(
      lan.service.leaseNamed('printer')?.address,
      ip('192.168.1.101'),
      'the owner’s name holds',
    );
    const dual = new Client(mac(9), { 61: text('\x01other system') });
    t.equal(shown(lan.lease(dual)), '192.168.1.101', 'the same machine under another identifier');
    t.equal(
      shown(lan.lease(new Client(mac(4), { 61: text('\0box') }))),
      '192.168.1.20',
      'outside the range',
    );
  },
);

t.test('a static address that comes later moves its client at the next renewal', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const client = new Client(mac(1));
  const before = lan.lease(client) ?? SERVER;
  const row = { id: 's', enable: true, clientId: undefined, hostName: undefined, chaddr: mac(1) };
  await lan.apply({ pools: [{ statics: [{ ...row, address: ip('192.168.1.20') }] }] });
  const [nak] = lan.send(client.renew(before));
  t.equal(nak?.type, DHCP.NAK);
  t.equal(shown(lan.lease(client)), '192.168.1.20');
});

t.test('selective: strangers wait, the allowed are served, exceptions end', async (t) => {
  await using lan = new Lan();
  const untilMs = lan.clock.wallMs() + 600_000;
  const rules: RuleConfig[] = [
    { ...RULE, action: 'deny', chaddr: { value: mac(3), mask: ALL_ONES } },
    { ...RULE, chaddr: { value: mac(1), mask: ALL_ONES }, untilMs },
  ];
  const selective = { segment: { mode: 'selective' as const } };
  await lan.apply({ ...selective, config: { rules } });
  const guest = new Client(mac(1));
  const got = lan.lease(guest);
  t.not(got, undefined);
  t.equal(
    lan.service.leaseAt(got ?? SERVER)?.expiresAtMs,
    lan.clock.boottimeMs() + 600_000,
    'no longer than the exception',
  );
  t.equal(lan.lease(new Client(mac(2), { 12: text('phone') })), undefined);
  t.equal(lan.lease(new Client(mac(3))), undefined);
  t.match(
    lan.service.observed.pending,
    [{ mac: mac(2), hostName: 'phone', requests: 1 }],
    'the denied do not wait',
  );
  t.equal(lan.service.observed.counts.refused, 2);

  await lan.apply({
    ...selective,
    config: { rules: [...rules, { ...RULE, chaddr: { value: mac(2), mask: ALL_ONES } }] },
  });
  t.same(lan.service.observed.pending, [], 'decided');
  t.not(lan.lease(new Client(mac(2))), undefined);

  lan.clock.advance(601_000);
  t.equal(lan.service.leaseAt(got ?? SERVER)?.state, 'free');
  t.equal(lan.lease(guest), undefined);
});

t.test('a lease that ends before others are looked at is told of in time', async (t) => {
  await using lan = new Lan();
  const soon = { id: 'short', min: ip('192.168.1.50'), max: ip('192.168.1.59'), leaseSec: 60 };
  const chaddr = { value: mac(2), mask: mac(0xffff), exclude: false };
  await lan.apply({ pools: [{ ...soon, chaddr }, {}] });
  for (const client of [new Client(mac(1)), new Client(mac(2))]) {
    const [offer] = lan.send(client.discover());
    if (offer !== undefined) lan.send(client.select(offer.message));
    lan.clock.advance(5000);
  }
  const bound = () => lan.reports.at(-1)?.pools.map((pool) => pool.bound);
  t.same(bound(), [1, 1]);
  lan.clock.advance(62_000);
  t.same(bound(), [0, 1]);
});

t.test('a rule that denies ends the lease at its next word', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const client = new Client(mac(1));
  const got = lan.lease(client) ?? SERVER;
  await lan.apply({ config: { rules: [{ ...RULE, action: 'deny', randomised: false }] } });
  t.equal(lan.send(client.renew(got))[0]?.type, DHCP.NAK);
  t.equal(lan.service.leaseAt(got)?.state, 'free');
  t.same(lan.send(client.discover()), []);
});

t.test('hybrid: strangers are another server’s, and never refused', async (t) => {
  await using lan = new Lan();
  const rules: RuleConfig[] = [{ ...RULE, chaddr: { value: mac(1), mask: ALL_ONES } }];
  await lan.apply({ segment: { mode: 'hybrid', authoritative: false }, config: { rules } });
  const [ours, theirs] = [new Client(mac(1)), new Client(mac(2), { 12: text('Tv') })];
  t.not(lan.lease(ours), undefined);
  t.same(
    lan.send(theirs.discover(), theirs.reboot(ip('192.168.1.7')), theirs.rebind(ip('10.0.0.1'))),
    [],
  );
  t.same(lan.send(ours.reboot(ip('192.168.1.7'))), [], 'ours, on an address of the other');
  const theirServer = {
    options: { 50: address(ip('192.168.1.7')), 54: address(ip('192.168.1.2')) },
  };
  t.same(lan.send(theirs.message(DHCP.REQUEST, theirServer)), []);
  t.match(lan.service.observed, {
    pending: [],
    rogues: [],
    foreign: [
      { mac: mac(2), address: ip('192.168.1.7'), server: ip('192.168.1.2'), hostName: 'tv' },
    ],
  });
});

t.test('when the disk fails: renewals up to what it knows, no new leases', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const known = new Client(mac(1));
  const got = lan.lease(known) ?? SERVER;
  const stranger = new Client(mac(2));
  const [offer] = lan.send(stranger.discover());
  lan.clock.advance(1_000_000);
  lan.hear(known.renew(got));
  if (offer !== undefined) lan.hear(stranger.select(offer.message));
  lan.store.fault = 'EIO';
  lan.store.flush(new SystemError('write', 'EIO'));
  const answers = lan.drain();
  t.equal(answers.length, 1, 'the new one is not acknowledged');
  t.equal(answers[0]?.message.yiaddr, got);
  const left = (m: Uint8Array | undefined) =>
    m === undefined ? 0 : new DataView(m.buffer, m.byteOffset).getUint32(0);
  t.equal(left(answers[0]?.message.options.get(51)), 2600, 'what was on disk is promised again');
  t.equal(lan.service.observed.counts.notDurable, 1);
  t.equal(lan.service.observed.storeFault, 'EIO');

  const [again] = lan.send(known.renew(got));
  t.equal(left(again?.message.options.get(51)), 2600, 'without the disk');
  t.equal(lan.lease(stranger), undefined);
  lan.store.fault = undefined;
  t.not(lan.lease(stranger), undefined, 'it works again');
});

t.test('port 67 is taken: the pools say so, and it is tried again', async (t) => {
  await using lan = new Lan();
  lan.held = err(new SystemError('UDP port 67', 'EADDRINUSE', { remedy: 'stop dnsmasq' }));
  await lan.apply({});
  t.match(lan.service.observed.pools, [{ status: 'Error', reason: 'UDP port 67: stop dnsmasq' }]);
  t.equal(lan.ports.length, 0);
  lan.held = { ok: true, value: { async [Symbol.asyncDispose]() {} } };
  lan.clock.advance(10_000);
  t.match(lan.service.observed.pools, [
    { status: 'Enabled', reason: undefined, size: 100, bound: 0 },
  ]);
  t.not(lan.lease(new Client(mac(1))), undefined);
});

t.test('leases that cannot be read: nothing is given, and it is tried again', async (t) => {
  await using lan = new Lan();
  const { opened } = lan;
  lan.opened = err(new SystemError('the journal', 'EIO', { remedy: 'replace the card' }));
  await lan.apply({});
  t.match(lan.service.observed, {
    pools: [{ status: 'Error', reason: 'the journal: replace the card' }],
    storeFault: 'the journal: replace the card',
  });
  t.equal(lan.ports.length, 0);
  lan.opened = opened;
  lan.clock.advance(10_000);
  for (let i = 0; i < 5; i++) await Promise.resolve();
  t.not(lan.lease(new Client(mac(1))), undefined);
});

t.test('ports follow the links of a bridge; each has its own limit', async (t) => {
  await using lan = new Lan();
  lan.links = [link(1, 'br-lan'), link(2, 'lan1'), link(3, 'lan2', { adminUp: false })];
  const guard = { newClientsPerSec: 10, answersPerClient: 0, headroomPercent: 0 };
  await lan.apply({ segment: { ports: ['lan1', 'lan2'] }, config: { guard } });
  const open = (): number[] => lan.ports.filter((p) => p.open).map((p) => p.ifIndex);
  t.same(open(), [2]);
  lan.links = lan.links.map((l) => ({ ...l, adminUp: true }));
  lan.service.linksChanged();
  t.same(open(), [2, 3]);
  lan.drain(2);
  lan.drain(3);
  const flood = Array.from({ length: 30 }, (_, i) => new Client(mac(i)).discover());
  lan.hearOn(2, ...flood);
  t.equal(lan.drain(2).length, 10);
  lan.hearOn(3, new Client(mac(99)).discover());
  t.equal(lan.drain(3).length, 1, 'the other port is not touched by it');
  lan.links = [link(1, 'br-lan')];
  lan.service.linksChanged();
  t.same(open(), []);
  lan.links = [];
  lan.service.linksChanged();
  t.match(lan.service.observed.pools, [
    { status: 'Error', reason: 'there is no interface br-lan' },
  ]);
});

t.test('a client that never stops is answered so often and no more', async (t) => {
  await using lan = new Lan();
  await lan.apply({
    config: { guard: { newClientsPerSec: 0, answersPerClient: 5, headroomPercent: 0 } },
  });
  const client = new Client(mac(1));
  const burst = Array.from({ length: 20 }, () => client.discover());
  t.equal(lan.send(...burst).length, 5);
  t.equal(lan.send(new Client(mac(2)).discover()).length, 1);
  t.equal(lan.service.observed.counts.limited, 15);
  lan.clock.advance(10_000);
  t.equal(lan.send(client.discover()).length, 1);
});

t.test('starvation: known hosts and static ones are served while strangers flood', async (t) => {
  await using lan = new Lan();
  const row = { id: 's', enable: true, clientId: undefined, hostName: undefined, chaddr: mac(7) };
  await lan.apply({
    pools: [{ statics: [{ ...row, address: ip('192.168.1.50') }] }],
    config: { guard: { newClientsPerSec: 0, answersPerClient: 0, headroomPercent: 20 } },
  });
  const known = new Client(mac(1));
  const got = lan.lease(known) ?? SERVER;
  lan.send(known.release(got));
  let served = 0;
  for (let i = 100; i < 400; i++) if (lan.lease(new Client(mac(i))) !== undefined) served++;
  t.equal(served, 80, 'a fifth of the pool is kept back');
  t.equal(lan.lease(known), got);
  t.equal(shown(lan.lease(new Client(mac(7)))), '192.168.1.50');
});

t.test(
  'told to end: what was taken up is written and answered, nothing is torn down',
  async (t) => {
    const lan = new Lan();
    await lan.apply({});
    const client = new Client(mac(1));
    const [offer] = lan.send(client.discover());
    if (offer === undefined) return t.fail('no offer');
    lan.hear(client.select(offer.message));
    const port = lan.port();
    await lan.service[Symbol.asyncDispose]();
    t.equal(port.sent.length, 1, 'the ACK that waited went out');
    t.notOk(port.open);
    t.ok(lan.store.closed);
    t.equal(lan.clock.pending, 0, 'no timer is left');
    t.equal([...lan.service.leases()].length, 1);
  },
);

t.test('an address in use is found by ARP before it is offered', async (t) => {
  await using lan = new Lan();
  await lan.apply({ segment: { probe: true } });
  const arp = lan.port(1, 'arp');
  const client = new Client(mac(1));
  t.same(lan.send(client.discover()), [], 'it is asked first');
  t.equal(arp.sent.length, 1);
  const probe = arp.sent[0] ?? new Uint8Array(42);
  const target = new DataView(probe.buffer).getUint32(38);
  // Somebody answers from that address.
  const answer = probe.slice();
  answer.set([0, 9, 9, 9, 9, 9], 22);
  new DataView(answer.buffer).setUint16(20, 2);
  new DataView(answer.buffer).setUint32(28, target);
  t.same(
    lan.send(new Client(mac(2)).discover()),
    [],
    'another waits for its own probe, not for this one',
  );
  t.equal(arp.sent.length, 2);
  arp.handlers.frame(answer, 0, answer.length);
  t.equal(lan.service.leaseAt(target as Ipv4)?.state, 'declined');
  t.equal(arp.sent.length, 3, 'the next address is asked for');
  lan.clock.advance(500);
  const offers = lan.drain();
  t.equal(offers.length, 2);
  t.notOk(offers.some((o) => o.message.yiaddr === target));
  const [ack] = lan.send(
    client.select(
      offers.find((o) => o.message.chaddr[5] === 1)?.message ??
        offers[0]?.message ??
        (t.fail() as never),
    ),
  );
  t.equal(ack?.type, DHCP.ACK);
  lan.send(client.release(ack?.message.yiaddr ?? SERVER));
  t.equal(lan.send(client.discover()).length, 1, 'its last holder does not wait');
});
