import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { ALL_NODES, formatIpv6, ipv6, parseIpv6 } from '../../src/base/ip6.ts';
import {
  decodeNeighbour,
  encodeNeighbour,
  groupMac,
  type NeighbourBody,
  type NeighbourPacket,
  solicitedNode,
} from '../../src/wire/icmp6-neighbour.ts';

const six = (text: string) => {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};
const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) ?? new Uint8Array();

/** Taken from a kernel: fe80::1 asks for fe80::2, which answers. */
const ASKED = hex(`3333ff000002 020000000001 86dd 60000000 0020 3a ff
  fe800000000000000000000000000001 ff0200000000000000000001ff000002
  8700 7a97 00000000 fe800000000000000000000000000002 0101020000000001`);

/** Its answer. */
const ANSWERED = hex(`020000000001 020000000002 86dd 60000000 0020 3a ff
  fe800000000000000000000000000002 fe800000000000000000000000000001
  8800 181a 60000000 fe800000000000000000000000000002 0201020000000002`);

t.test('golden: an advertisement', async (t) => {
  const read = decodeNeighbour(ANSWERED);
  if (!read.ok) throw read.error;
  t.match(read.value.body, {
    ...{ kind: 'advertisement', target: six('fe80::2') },
    ...{ router: false, solicited: true, override: true },
  });
  t.equal(toHex(encodeNeighbour(read.value)), toHex(ANSWERED));
});

t.test('golden: a solicitation', async (t) => {
  const read = decodeNeighbour(ASKED);
  if (!read.ok) throw read.error;
  const { body, destination } = read.value;
  t.equal(formatIpv6(destination), 'ff02::1:ff00:2');
  t.equal(solicitedNode(six('fe80::2')), destination);
  t.equal(toHex(groupMac(destination)), '3333ff000002');
  t.match(body, { kind: 'solicitation', target: six('fe80::2') });
  t.equal(body.kind === 'solicitation' && body.mac && toHex(body.mac), '020000000001');
  t.equal(toHex(encodeNeighbour(read.value)), toHex(ASKED));
});

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const address = fc.bigInt(0n, (1n << 120n) - 1n).map(ipv6);
const body: fc.Arbitrary<NeighbourBody> = fc.oneof(
  fc.record({ kind: fc.constant('solicitation' as const), target: address, mac }),
  fc.record({
    ...{ kind: fc.constant('advertisement' as const), target: address },
    mac: fc.option(mac, { nil: undefined }),
    ...{ router: fc.boolean(), solicited: fc.boolean(), override: fc.boolean() },
  }),
  fc.record({
    kind: fc.constantFrom('echoRequest' as const, 'echoReply' as const),
    ...{ id: fc.nat(65_535), sequence: fc.nat(65_535) },
    data: fc.uint8Array({ maxLength: 64 }),
  }),
);
const packet: fc.Arbitrary<NeighbourPacket> = fc.record({
  ...{ sourceMac: mac, destinationMac: mac, body },
  source: address.map((value) => ipv6(value | 1n)),
  destination: address,
});
const plain = (value: NeighbourPacket): string =>
  JSON.stringify(value, (_, v) =>
    typeof v === 'bigint' ? `${v}` : v instanceof Uint8Array ? toHex(v) : v,
  );

t.test('every message survives the round trip, padded or not', async (t) => {
  fc.assert(
    fc.property(packet, fc.nat(20), (sent, padding) => {
      const frame = encodeNeighbour(sent);
      const back = decodeNeighbour(Uint8Array.from([...frame, ...new Uint8Array(padding)]));
      if (!back.ok) throw back.error;
      const sorted = (p: NeighbourPacket) =>
        plain({ ...p, body: Object.fromEntries(Object.entries(p.body).sort()) as never });
      const order = ({ sourceMac, destinationMac, source, destination, body }: NeighbourPacket) =>
        sorted({ sourceMac, destinationMac, source, destination, body });
      if (order(back.value) !== order(sent)) throw new Error('differs');
    }),
    { seed: 2 },
  );
  t.pass('as it was');
});

t.test('cut anywhere it is refused', async (t) => {
  for (let length = 0; length < ASKED.length; length++) {
    t.notOk(decodeNeighbour(ASKED.subarray(0, length)).ok, `${length} bytes`);
  }
});

t.test('what a node has to discard (RFC 4861 §7.1) is refused by its field', async (t) => {
  const refused = (sent: Partial<NeighbourPacket>, spoil?: (frame: Uint8Array) => void) => {
    const frame = encodeNeighbour({
      ...{ sourceMac: new Uint8Array(6), destinationMac: new Uint8Array(6) },
      ...{ source: six('fe80::1'), destination: six('fe80::2') },
      body: { kind: 'solicitation', target: six('fe80::2'), mac: undefined },
      ...sent,
    });
    spoil?.(frame);
    const read = decodeNeighbour(frame);
    return read.ok ? 'read' : read.error.field;
  };
  t.equal(refused({}), 'read');
  t.equal(
    refused({}, (frame) => frame.set([254], 21)),
    'ip.hopLimit',
  );
  t.equal(
    refused({}, (frame) => frame.set([1], 57)),
    'icmp.checksum',
  );
  t.equal(
    refused({}, (frame) => frame.set([134], 54)),
    'icmp.checksum',
  );
  t.equal(
    refused({}, (frame) => frame.set([17], 20)),
    'ip.nextHeader',
  );
  t.equal(
    refused({ body: { kind: 'solicitation', target: ALL_NODES, mac: undefined } }),
    'nd.target',
  );
  const own = new Uint8Array(6);
  t.equal(
    refused({
      source: six('::'),
      body: { kind: 'solicitation', target: six('fe80::2'), mac: own },
    }),
    'nd.option',
  );
  t.equal(
    refused({
      destination: ALL_NODES,
      body: {
        ...{ kind: 'advertisement', target: six('fe80::2'), mac: own },
        ...{ router: false, solicited: true, override: true },
      },
    }),
    'na.flags',
  );
});
