import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '#src/base/bytes.ts';
import { formatIpv4, ipv4, OWN_PROTOCOL, type PrefixLen } from '#src/base/ip.ts';
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  RTM,
  type RtAddress,
  type RtRoute,
} from '#src/wire/rtnetlink.ts';
import {
  decodeAcknowledgement,
  decodeAttributes,
  decodeMessages,
  type NetlinkMessage,
  NetlinkWriter,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '#src/wire/rtnetlink-frame.ts';
import {
  writeAddAddress,
  writeAddBridge,
  writeDeleteAddress,
  writeDeleteRoute,
  writeReplaceRoute,
  writeSetLink,
} from '#src/wire/rtnetlink-requests.ts';

const golden: Record<string, string> = JSON.parse(
  readFileSync(new URL('../golden/rtnetlink.json', import.meta.url), 'utf8'),
);

function bytesOf(name: string): Uint8Array {
  const bytes = fromHex(golden[name] ?? '');
  if (bytes === undefined || bytes.length === 0) throw new Error(name);
  return bytes;
}

function messagesOf(bytes: Uint8Array): readonly NetlinkMessage[] {
  const messages = decodeMessages(bytes);
  if (!messages.ok) throw new Error(messages.error.message);
  return messages.value;
}

const rowsOf = (name: string): readonly Uint8Array[] =>
  messagesOf(bytesOf(name))
    .filter((m) => m.type !== NLMSG_DONE)
    .map((m) => m.body);

function value<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

t.test('links', async (t) => {
  const links = rowsOf('links').map((body) => value(decodeLink(body)));
  const byName = new Map(links.map((l) => [l.name, l]));
  t.match(byName.get('lo'), {
    ifIndex: 1,
    loopback: true,
    adminUp: true,
    mtu: 65536,
    kind: undefined,
  });
  const bridge = byName.get('br-lan');
  t.match(bridge, {
    kind: 'bridge',
    adminUp: false,
    carrier: false,
    operState: 'down',
    mac: '02:00:00:00:00:01',
    master: undefined,
  });
  t.match(byName.get('v0'), {
    kind: 'veth',
    master: bridge?.ifIndex,
    carrier: true,
    adminUp: true,
    family: 0,
  });
  t.match(byName.get('v1'), {
    operState: 'up',
    mac: '02:00:00:00:00:03',
    mtu: 1500,
    minMtu: 68,
    maxMtu: 65535,
  });
  for (const link of links) t.equal(typeof link.stats?.rxBytes, 'bigint', link.name);
});

t.test('addresses', async (t) => {
  const addresses = rowsOf('addresses').map((body) => value(decodeAddress(body)));
  t.same(
    addresses.map(
      (a) => a && `${formatIpv4(a.address)}/${a.prefixLen} ${a.protocol} ${a.broadcast ?? ''}`,
    ),
    ['127.0.0.1/8 0 ', `192.0.2.7/24 0 ${ipv4(0xc00002ff)}`, `192.0.2.8/24 ${OWN_PROTOCOL} `],
  );
});

t.test('routes', async (t) => {
  const routes = rowsOf('routes').map((body) => value(decodeRoute(body)));
  const of = (length: number, type = 'unicast'): RtRoute | undefined =>
    routes.find((r) => r?.prefixLen === length && r.type === type);
  t.match(of(0), {
    gateway: ipv4(0xc0000201),
    metric: 300,
    source: ipv4(0xc0000207),
    protocol: 71,
    table: 254,
    onLink: false,
    scope: 'universe',
  });
  t.match(of(25), { destination: ipv4(0xc6336400), gateway: ipv4(0xcb007109), onLink: true });
  t.match(of(8, 'blackhole'), {
    destination: ipv4(0x0a000000),
    gateway: undefined,
    ifIndex: undefined,
  });
  const several = routes.find((r) => r?.destination === 0xcb007100);
  t.equal(several?.gateway, ipv4(0xc0000202), 'the first of two next hops');
  t.equal(several?.ifIndex, of(0)?.ifIndex);
  const connected = routes.find((r) => r?.destination === 0xc0000200);
  t.match(connected, { scope: 'link', protocol: 2, gateway: undefined });
});

t.test('acknowledgements', async (t) => {
  const [refused] = messagesOf(bytesOf('refused'));
  const [done] = messagesOf(bytesOf('done'));
  if (refused === undefined || done === undefined) throw new Error('empty');
  t.equal(refused.type, NLMSG_ERROR);
  t.same(value(decodeAcknowledgement(refused)), {
    errno: 101,
    reason: 'Nexthop has invalid gateway',
  });
  t.same(value(decodeAcknowledgement(done)), { errno: 0, reason: undefined });
  t.equal(done.sequence, 5);
});

t.test('cut at every length it is refused or shorter, never a throw', async (t) => {
  let refused = 0;
  for (const name of ['links', 'addresses', 'routes', 'refused', 'done']) {
    const whole = bytesOf(name);
    for (let length = 0; length < whole.length; length++) {
      const messages = decodeMessages(whole.subarray(0, length));
      if (!messages.ok) refused++;
    }
    for (const message of messagesOf(whole)) {
      for (let length = 0; length < message.body.length; length++) {
        const body = message.body.subarray(0, length);
        for (const decode of [decodeLink, decodeAddress, decodeRoute]) {
          const decoded = decode(body);
          if (!decoded.ok) {
            refused++;
            if (decoded.error.offset > length) t.fail(`offset of ${decoded.error.field}`);
          }
        }
        decodeAcknowledgement({ ...message, body });
      }
    }
  }
  t.ok(refused > 10_000, `${refused} refused`);
});

const prefix = fc.integer({ min: 0, max: 32 }).map((n) => n as PrefixLen);
const address4 = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4);
const address: fc.Arbitrary<RtAddress> = fc.record({
  ifIndex: fc.integer({ min: 1, max: 0x7fffffff }),
  address: address4,
  prefixLen: prefix,
  broadcast: fc.option(address4, { nil: undefined }),
  protocol: fc.integer({ min: 0, max: 255 }),
});
const route: fc.Arbitrary<RtRoute> = fc.record({
  type: fc.constantFrom('unicast', 'blackhole', 'unreachable', 'prohibit'),
  destination: address4,
  prefixLen: prefix,
  gateway: fc.option(address4, { nil: undefined }),
  ifIndex: fc.option(fc.integer({ min: 1, max: 0x7fffffff }), { nil: undefined }),
  metric: fc.integer({ min: 0, max: 0xffffffff }),
  source: fc.option(address4, { nil: undefined }),
  table: fc.integer({ min: 1, max: 0xffffffff }),
  protocol: fc.integer({ min: 0, max: 255 }),
  scope: fc.constantFrom('universe', 'link', 'host'),
  onLink: fc.boolean(),
});

t.test('what is asked reads back as it was', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(address, route), { maxLength: 20 }), (rows) => {
      const w = new NetlinkWriter();
      for (const [i, row] of rows.entries()) {
        if ('metric' in row) writeReplaceRoute(w, i, row);
        else writeAddAddress(w, i, row);
      }
      const messages = messagesOf(w.bytes());
      for (const [i, row] of rows.entries()) {
        const message = messages[i];
        if (message === undefined) throw new Error('lost');
        const decode = 'metric' in row ? decodeRoute : decodeAddress;
        const back = value<RtRoute | RtAddress | undefined>(decode(message.body));
        const wanted = 'metric' in row && row.prefixLen === 0 ? { ...row, destination: 0 } : row;
        const sorted = (o: object) =>
          JSON.stringify(
            Object.entries(o)
              .filter((e) => e[1] !== undefined)
              .sort(),
          );
        if (message.sequence !== i || sorted(back ?? {}) !== sorted(wanted)) {
          throw new Error(`${sorted(back ?? {})} is not ${sorted(wanted)}`);
        }
      }
      return messages.length === rows.length;
    }),
    { seed: 3549 },
  );
  t.pass();
});

t.test('requests, byte for byte', async (t) => {
  const w = new NetlinkWriter();
  writeSetLink(w, 1, { ifIndex: 3, adminUp: false, mtu: 1400, master: 0 });
  t.equal(
    toHex(w.bytes()),
    `30000000${'1300'}0500${'01000000'}00000000` + // SETLINK, REQUEST | ACK
      '00000000030000000000000001000000' + // change IFF_UP to down
      '0800040078050000' +
      '08000a0000000000',
  );
  const bridge = new NetlinkWriter();
  writeAddBridge(bridge, 2, 'br-lan');
  t.equal(
    toHex(bridge.bytes()),
    '3c000000100005060200000000000000' +
      '00000000000000000000000000000000' +
      `0b000300${Buffer.from('br-lan\0').toString('hex')}00` +
      `10001200${`0b000100${Buffer.from('bridge\0').toString('hex')}`}00`,
  );
  const del = new NetlinkWriter();
  const row: RtRoute = {
    type: 'blackhole',
    destination: ipv4(0x0a000000),
    prefixLen: 8 as PrefixLen,
    gateway: undefined,
    ifIndex: undefined,
    metric: 0,
    source: undefined,
    table: 254,
    protocol: 71,
    scope: 'universe',
    onLink: false,
  };
  writeDeleteRoute(del, 3, row);
  writeDeleteAddress(del, 4, {
    ifIndex: 2,
    address: ipv4(0xc0000207),
    prefixLen: 24 as PrefixLen,
    broadcast: undefined,
    protocol: 0,
  });
  t.same(
    messagesOf(del.bytes()).map((m) => m.type),
    [RTM.delRoute, RTM.delAddress],
  );
  t.match(toHex(del.bytes()), '02080000fe47ff0600000000', 'any scope');
});

t.test('attributes that nobody knows are skipped; padding may be missing at the end', async (t) => {
  const w = new NetlinkWriter().begin(RTM.newLink, 0, 1);
  w.u32(0).u32(7).u32(1).u32(0);
  w.attribute(0x8000 | 999, () => w.u32(1).u32(2))
    .attribute(3, () => w.text('x'))
    .end();
  const [message] = messagesOf(w.bytes());
  t.match(value(decodeLink(message?.body ?? new Uint8Array(0))), {
    ifIndex: 7,
    name: 'x',
    adminUp: true,
    mtu: undefined,
  });
  t.equal(value(decodeAttributes(Uint8Array.of(5, 0, 1, 0, 9), 0)).get(1)?.[0], 9);
  t.notOk(decodeAttributes(Uint8Array.of(3, 0, 1, 0), 0).ok, 'shorter than its head');
  t.notOk(decodeMessages(Uint8Array.of(15, 0, 0, 0, ...new Uint8Array(12))).ok);
});
