/** RFC 2131 §4.3.2: DHCPREQUEST message, with table 3 for ACK and NAK. */
import t from 'tap';
import type { Ipv4 } from '../../../src/base/ip.ts';
import type { SegmentConfig } from '../../../src/services/dhcp-server/config.ts';
import { ACTIONS } from '../../../src/services/dhcp-server/request-table.ts';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import {
  type Answer,
  address,
  Client,
  ip,
  ips,
  Lan,
  mac,
  SERVER,
} from '../../services/dhcp-server/lan.ts';

const OTHER_NET = ip('10.1.2.3');

const said = (answers: readonly Answer[]): string => {
  const [answer] = answers;
  if (answer === undefined) return 'silence';
  return answer.type === DHCP.ACK
    ? 'ACK'
    : answer.type === DHCP.NAK
      ? 'NAK'
      : `type ${answer.type}`;
};

/** A lease of client 1, and who else asks how. */
async function each(
  segment: Partial<SegmentConfig>,
  run: (lan: Lan, client: Client, has: Ipv4) => Promise<void> | void,
): Promise<void> {
  await using lan = new Lan();
  await lan.apply({ segment });
  const client = new Client(mac(1));
  await run(lan, client, lan.lease(client) ?? SERVER);
}

t.test('every cell of the table', async (t) => {
  const free = ip('192.168.1.177');
  for (const authoritative of [true, false]) {
    const strict = authoritative ? 'NAK' : 'silence';
    await each({ authoritative }, (lan, client, has) => {
      const stranger = new Client(mac(2));
      const select = (who: Client, wanted: Ipv4): string =>
        said(
          lan.send(
            who.message(DHCP.REQUEST, { options: { 50: address(wanted), 54: address(SERVER) } }),
          ),
        );
      t.equal(said(lan.send(client.reboot(has))), 'ACK', 'INIT-REBOOT, own');
      t.equal(said(lan.send(client.reboot(free))), 'NAK', 'INIT-REBOOT, other');
      t.equal(said(lan.send(stranger.reboot(free))), strict, 'INIT-REBOOT, none');
      t.equal(said(lan.send(stranger.reboot(OTHER_NET))), strict, 'INIT-REBOOT, wrong net');
      t.equal(said(lan.send(client.renew(has))), 'ACK', 'RENEWING, own');
      t.equal(said(lan.send(client.renew(free))), 'NAK', 'RENEWING, other');
      t.equal(said(lan.send(stranger.renew(free))), strict, 'RENEWING, none');
      t.equal(said(lan.send(stranger.renew(OTHER_NET))), strict, 'RENEWING, wrong net');
      t.equal(said(lan.send(client.rebind(has))), 'ACK', 'REBINDING, own');
      t.equal(said(lan.send(client.rebind(free))), 'NAK', 'REBINDING, other');
      t.equal(said(lan.send(stranger.rebind(free))), strict, 'REBINDING, none');
      t.equal(said(lan.send(stranger.rebind(OTHER_NET))), strict, 'REBINDING, wrong net');
      t.equal(select(client, has), 'ACK', 'SELECTING, own');
      t.equal(select(stranger, has), 'NAK', 'SELECTING, none, taken');
      t.equal(select(stranger, OTHER_NET), 'NAK', 'SELECTING, wrong net');
      t.equal(
        select(stranger, free),
        'ACK',
        'SELECTING, none: the offer is forgotten, the address is free',
      );
      t.equal(select(client, ip('192.168.1.178')), 'ACK', 'SELECTING, other: it moves');
      t.equal(lan.service.leaseAt(has), undefined, 'and leaves the old address');
    });
  }
  t.equal(Object.values(ACTIONS).flatMap((row) => Object.values(row)).length, 16);
});

t.test(
  '"If the DHCPREQUEST message contains a \'server identifier\' option, the message is in response to a DHCPOFFER": one that names another server is none of ours',
  async (t) => {
    await each({}, (lan) => {
      const client = new Client(mac(2));
      const [offer] = lan.send(client.discover());
      const options = { 50: address(offer?.message.yiaddr ?? SERVER), 54: ips('192.168.1.2') };
      t.equal(said(lan.send(client.message(DHCP.REQUEST, { options }))), 'silence');
      t.equal(
        lan.lease(new Client(mac(3)), { options: { 50: options[50] } }),
        offer?.message.yiaddr,
        'the offered address is free again',
      );
    });
  },
);

t.test('a REQUEST that is of no row of table 4 is discarded', async (t) => {
  await each({}, (lan, client, has) => {
    const before = lan.service.observed.counts.discarded;
    t.equal(said(lan.send(client.message(DHCP.REQUEST))), 'silence', 'nothing is asked for');
    const both = { ciaddr: has, options: { 50: address(has), 54: address(SERVER) } };
    t.equal(
      said(lan.send(client.message(DHCP.REQUEST, both))),
      'silence',
      'SELECTING with an address',
    );
    t.equal(
      said(lan.send(client.message(DHCP.REQUEST, { options: { 54: address(SERVER) } }))),
      'silence',
    );
    t.equal(lan.service.observed.counts.discarded, before + 3);
  });
});

t.test('an expired lease is its client’s as long as nobody else has the address', async (t) => {
  await each({}, (lan, client, has) => {
    lan.clock.advance(3 * 3600_000);
    t.equal(said(lan.send(client.reboot(has))), 'ACK');
    lan.clock.advance(3 * 3600_000);
    t.equal(said(lan.send(client.renew(has))), 'ACK');
  });
});

t.test('table 3: the fields of an ACK and of a NAK', async (t) => {
  await each({}, (lan, client, has) => {
    const [ack] = lan.send(client.renew(has));
    t.match(ack?.message, { op: 2, ciaddr: has, yiaddr: has, giaddr: 0 });
    t.equal(ack?.udp.destination, has, 'unicast to ciaddr');
    t.same([...(ack?.message.options.keys() ?? [])].slice(0, 5), [53, 54, 51, 58, 59]);
    const [nak] = lan.send(client.reboot(ip('192.168.1.190')));
    t.match(nak?.message, { op: 2, ciaddr: 0, yiaddr: 0, siaddr: 0 });
    t.same([...(nak?.message.options.keys() ?? [])], [53, 54, 56]);
    t.equal(nak?.udp.destination, 0xffffffff, '"broadcast to 0xffffffff"');
    const [relayed] = lan.send(
      client.reboot(ip('192.168.1.190'), { giaddr: ip('192.168.1.9'), destination: SERVER }),
    );
    t.equal(relayed?.udp.destination, ip('192.168.1.9'));
    t.ok(relayed?.message.broadcast, '"the server MUST set the broadcast bit in the DHCPNAK"');
  });
});

t.test('another server’s unicast that a bridge shows us is not ours to answer', async (t) => {
  await each({}, (lan, client, has) => {
    t.equal(said(lan.send(client.renew(has, { destination: ip('192.168.1.2') }))), 'silence');
    t.equal(
      said(lan.send(client.rebind(has, { destination: ip('192.168.1.255') }))),
      'ACK',
      'the subnet’s broadcast is',
    );
  });
});
