/** RFC 2131 §4.3.3 DHCPDECLINE, §4.3.4 DHCPRELEASE, §4.3.5 DHCPINFORM. */
import t from 'tap';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import { address, Client, ip, ips, Lan, mac, SERVER } from '../../services/dhcp-server/lan.ts';

t.test(
  '"The server MUST mark the network address as not available": for ten minutes',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({ pools: [{ max: ip('192.168.1.107') }] });
    const client = new Client(mac(1));
    const bad = lan.lease(client) ?? SERVER;
    t.same(lan.send(client.decline(bad)), []);
    t.equal(lan.service.leaseAt(bad)?.state, 'declined');
    t.not(lan.lease(client), bad);
    t.not(lan.lease(new Client(mac(2)), { options: { 50: address(bad) } }), bad);
    lan.clock.advance(10 * 60_000);
    t.equal(lan.service.leaseAt(bad), undefined);
    t.equal(lan.lease(new Client(mac(3)), { options: { 50: address(bad) } }), bad);
  },
);

t.test(
  'a client cannot empty the pool by declining, nor decline what is not its own',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({ pools: [{ max: ip('192.168.1.107') }] });
    const [client, other] = [new Client(mac(1)), new Client(mac(2))];
    const theirs = lan.lease(other) ?? SERVER;
    lan.send(client.decline(theirs));
    lan.send(other.decline(theirs, { sourceMac: mac(1) }));
    lan.send(other.decline(theirs, { options: { 54: ips('192.168.1.2') } }));
    t.equal(lan.service.leaseAt(theirs)?.state, 'bound');
    t.equal(lan.service.observed.counts.discarded, 2, 'the third was another server’s');
    for (let i = 0; i < 20; i++) lan.send(client.decline(lan.lease(client) ?? SERVER));
    const kept = [...lan.service.leases()].filter(({ state }) => state === 'declined');
    t.equal(kept.length, 2, 'a quarter of eight');
    t.not(lan.lease(client), undefined);
  },
);

t.test(
  '"Upon receipt of a DHCPRELEASE message, the server marks the network address as not allocated": for its holder alone',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({});
    const [client, other] = [new Client(mac(1)), new Client(mac(2))];
    const has = lan.lease(client) ?? SERVER;
    lan.send(other.release(has));
    lan.send(client.release(has, { sourceMac: mac(2) }));
    lan.send(client.release(ip('192.168.1.190')));
    t.equal(lan.service.leaseAt(has)?.state, 'bound');
    t.equal(lan.service.observed.counts.discarded, 3);
    const written = lan.store.records.length;
    t.same(lan.send(client.release(has)), [], 'nothing is answered');
    t.equal(lan.service.leaseAt(has)?.state, 'free');
    t.equal(lan.store.records.length, written + 1);
    t.equal(lan.store.records.at(-1)?.state, 'free');
  },
);

t.test(
  '"The server … sends a DHCPACK … MUST NOT send a lease expiration time … and SHOULD NOT fill in \'yiaddr\'"',
  async (t) => {
    await using lan = new Lan();
    await lan.apply({});
    const self = ip('192.168.1.60');
    const client = new Client(mac(1), { 55: Uint8Array.of(6, 15) });
    const [ack, ...more] = lan.send(client.message(DHCP.INFORM, { ciaddr: self }));
    t.equal(more.length, 0);
    t.equal(ack?.type, DHCP.ACK);
    t.match(ack?.message, { ciaddr: self, yiaddr: 0 });
    t.same([...(ack?.message.options.keys() ?? [])], [53, 54, 1, 6, 15]);
    t.equal(ack?.udp.destination, self, '"unicast to ciaddr"');
    t.equal(
      [...lan.service.leases()].length,
      0,
      '"without: allocating a new address, checking for an existing binding"',
    );
    t.same(lan.send(client.message(DHCP.INFORM, { ciaddr: ip('10.0.0.1') })), [], 'of another net');
  },
);
