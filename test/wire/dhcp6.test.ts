import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatIpv6, ipv6, type PrefixLen6 } from '../../src/base/ip6.ts';
import {
  DHCP6,
  type Dhcp6Option,
  type Dhcp6Packet,
  decodeDhcp6,
  encodeDhcp6,
} from '../../src/wire/dhcp6.ts';
import {
  CODEC6,
  checkOption6,
  DHCP6_OPTIONS,
  OPTION6,
  option6,
  option6Row,
  type Shape6,
} from '../../src/wire/dhcp6-options.ts';
import { isDomainName } from '../../src/wire/dns-names.ts';
import { decodeUdp6, encodeUdp6 } from '../../src/wire/udp6.ts';
import { captured } from '../lib/pcap.ts';
import { anyContainer } from '../lib/s46.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text.replaceAll(/\s/g, ''));
  if (bytes === undefined) throw new Error(text);
  return bytes;
};

/** A SOLICIT with DUID-LL, ORO, elapsed time, IA_NA and IA_PD with a hint, byte by byte from RFC 8415 §8, §21. */
const SOLICIT = hex(`
  01 10 08 74
  0001 000a 0003 0001 020000000001
  0006 0004 0017 0018
  0008 0002 0064
  000e 0000
  0003 000c 00000001 00000e10 00001518
  0019 0029 00000002 00000000 ffffffff
       001a 0019 00000e10 00001c20 38 20010db8000100000000000000000000
`);

t.test('a SOLICIT', async (t) => {
  const solicit = decodeDhcp6(SOLICIT);
  if (!solicit.ok) return t.fail(solicit.error.message);
  const { relays, message } = solicit.value;
  t.equal(relays.length, 0);
  t.equal(message.type, DHCP6.SOLICIT);
  t.equal(message.transactionId, 0x100874);
  t.same(option6(message.options, OPTION6.ORO, 'codes'), [23, 24]);
  t.equal(option6(message.options, OPTION6.ELAPSED_TIME, 'u16'), 100);
  t.match(option6(message.options, OPTION6.IA_NA, 'ia'), { iaid: 1, t1Sec: 3600, t2Sec: 5400 });
  const pd = option6(message.options, OPTION6.IA_PD, 'ia');
  t.match(pd, { iaid: 2, t1Sec: 0, t2Sec: Infinity });
  const hint = option6(pd?.options ?? [], OPTION6.IAPREFIX, 'iaPrefix');
  t.match(hint, { prefixLen: 56, preferredSec: 3600, validSec: 7200 });
  t.equal(hint && formatIpv6(hint.address), '2001:db8:1::');
  t.equal(toHex(encodeDhcp6(solicit.value)), toHex(SOLICIT));
  // Cut anywhere but between two options it is refused.
  const whole = new Set([4]);
  for (let at = 4; at < SOLICIT.length; whole.add(at))
    at += 4 + new DataView(SOLICIT.buffer).getUint16(at + 2);
  for (let n = 0; n < SOLICIT.length; n++)
    t.equal(decodeDhcp6(SOLICIT.subarray(0, n)).ok, whole.has(n), `${n} bytes`);
});

t.test('relays around it', async (t) => {
  // RFC 8415 §9: the outer relay has an Interface-Id, the inner one a Client Link-Layer Address.
  const inner = hex(`0c 00 20010db8000000000000000000000001 fe80000000000000000000fffe000001
    004f 0008 0001 020000000001  0009 ${SOLICIT.length.toString(16).padStart(4, '0')} ${toHex(SOLICIT)}`);
  const outer = hex(`0c 01 00000000000000000000000000000000 fe800000000000000000000000000002
    0012 0004 65746830  0009 ${inner.length.toString(16).padStart(4, '0')} ${toHex(inner)}`);
  const packet = decodeDhcp6(outer);
  if (!packet.ok) return t.fail(packet.error.message);
  const [first, second] = packet.value.relays;
  t.equal(first?.hopCount, 1);
  t.equal(second && formatIpv6(second.linkAddress), '2001:db8::1');
  const mac = option6(second?.options ?? [], OPTION6.CLIENT_LINKLAYER_ADDR, 'linkLayer');
  t.equal(mac?.hardwareType, 1);
  t.equal(packet.value.message.type, DHCP6.SOLICIT);
  t.equal(toHex(encodeDhcp6(packet.value)), toHex(outer));
  for (let n = 0; n < outer.length; n++) t.notOk(decodeDhcp6(outer.subarray(0, n)).ok);

  const wrapped = (depth: number): Uint8Array =>
    encodeDhcp6({
      relays: Array.from({ length: depth }, () => ({
        ...{ type: DHCP6.RELAY_FORW, hopCount: 0, options: [] },
        ...{ linkAddress: ipv6(0n), peerAddress: ipv6(0n) },
      })),
      message: { type: 1, transactionId: 1, options: [] },
    });
  t.ok(decodeDhcp6(wrapped(8)).ok);
  t.notOk(decodeDhcp6(wrapped(9)).ok, 'too deep');
  t.notOk(decodeDhcp6(outer.subarray(0, 34)).ok, 'nothing relayed');
});

const long = (max: bigint) => fc.bigInt({ min: 0n, max });
const address = long((1n << 128n) - 1n).map(ipv6);
const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 65535 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const seconds = fc.oneof(fc.integer({ min: 0, max: 0xfffffffe }), fc.constant(Infinity));
const bytes = fc.uint8Array({ maxLength: 40 });
const options: fc.Arbitrary<Dhcp6Option[]> = fc.array(fc.record({ code: u16, value: bytes }), {
  maxLength: 4,
});
const name = fc
  .array(fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?$/), {
    minLength: 1,
    maxLength: 5,
  })
  .map((labels) => labels.join('.'));
const values: { readonly [S in Shape6]: fc.Arbitrary<unknown> } = {
  opaque: bytes,
  empty: fc.constant(undefined),
  u8,
  u16,
  u32,
  codes: fc.array(u16),
  ip: address,
  ips: fc.array(address, { minLength: 1, maxLength: 6 }),
  duid: fc.uint8Array({ minLength: 3, maxLength: 130 }),
  ia: fc.record({ iaid: u32, t1Sec: seconds, t2Sec: seconds, options }),
  iaAddress: fc.record({ address, preferredSec: seconds, validSec: seconds, options }),
  iaPrefix: fc.record({
    ...{ address, preferredSec: seconds, validSec: seconds, options },
    prefixLen: fc.integer({ min: 0, max: 128 }).map((n) => n as PrefixLen6),
  }),
  status: fc.record({ code: u16, text: fc.stringMatching(/^[ -~]{0,40}$/) }),
  classes: fc.array(bytes, { maxLength: 4 }),
  vendorClass: fc.record({ enterprise: u32, data: fc.array(bytes, { maxLength: 4 }) }),
  vendorOptions: fc.record({ enterprise: u32, options }),
  domains: fc.array(name, { maxLength: 4 }),
  fqdn: fc.record({ flags: u8, name: fc.record({ text: name, whole: fc.boolean() }) }),
  options,
  linkLayer: fc.record({ hardwareType: u16, address: bytes }),
  s46: anyContainer,
};

t.test('every shape there and back', async (t) => {
  for (const shape of Object.keys(CODEC6) as Shape6[]) {
    const codec = CODEC6[shape] as {
      encode(value: unknown): Uint8Array;
      decode(bytes: Uint8Array): { ok: boolean; value?: unknown };
    };
    fc.assert(
      fc.property(values[shape], (value) => {
        const again = codec.decode(codec.encode(value));
        return again.ok && isDeepStrictEqual(again.value, structuredClone(value));
      }),
      { seed: 21, numRuns: 300 },
    );
    t.pass(shape);
  }
});

t.test('whole messages there and back', async (t) => {
  const packet: fc.Arbitrary<Dhcp6Packet> = fc.record({
    relays: fc.array(
      fc.record({
        ...{ type: fc.constantFrom(12 as const, 13 as const), hopCount: u8 },
        ...{ linkAddress: address, peerAddress: address },
        options: options.map((list) => list.filter(({ code }) => code !== OPTION6.RELAY_MSG)),
      }),
      { maxLength: 3 },
    ),
    message: fc.record({
      type: fc.integer({ min: 1, max: 11 }),
      transactionId: fc.integer({ min: 0, max: 0xffffff }),
      options,
    }),
  });
  fc.assert(
    fc.property(packet, address, address, (value, source, destination) => {
      const payload = encodeDhcp6(value);
      const again = decodeDhcp6(payload);
      const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
      const ports = { sourcePort: 546, destinationPort: 547 };
      const frame = encodeUdp6({
        ...{ sourceMac: mac, destinationMac: mac, source, destination, payload },
        ...ports,
      });
      const udp = decodeUdp6(frame);
      return (
        again.ok &&
        toHex(encodeDhcp6(again.value)) === toHex(payload) &&
        udp.ok &&
        udp.value.source === source &&
        udp.value.destination === destination &&
        toHex(udp.value.payload) === toHex(payload)
      );
    }),
    { seed: 22, numRuns: 500 },
  );
  t.pass('500 messages');
});

t.test('the registry', async (t) => {
  const codes = DHCP6_OPTIONS.map(({ code }) => code);
  t.equal(new Set(codes).size, codes.length, 'a code twice');
  for (const code of Object.values(OPTION6)) t.not(option6Row(code).source, '', `option ${code}`);
  t.equal(option6Row(65000).shape, 'opaque');
  for (const [code, value, fits] of [
    [23, '20010db8000000000000000000000001', true],
    [23, '20010db80000000000000000000000', false],
    [23, '', false],
    [24, '076578616d706c6500', true],
    [24, '076578616d706c65', false],
    [24, '03203c3e00', false],
    [7, 'ff', true],
    [7, 'ffff', false],
    [1, '0003', false],
    [26, `0000000000000000 81 ${'00'.repeat(16)}`, false],
    [13, '0002 1b5b41', true],
    [39, '01 04686f7374', true],
    [14, '00', false],
    [64, '03777777', false],
  ] as const)
    t.equal(checkOption6({ code, value: hex(value) }).ok, fits, `${code} ${value}`);
  const status = CODEC6.status.decode(hex('0002 1b5b41'));
  t.equal(status.ok && status.value.text, '?[A', 'nothing that steers a terminal');
  t.ok(isDomainName('lan') && isDomainName('_srv.example.org') && !isDomainName('a..b'));
  t.notOk(isDomainName('-a') || isDomainName('a b') || isDomainName(`${'a.'.repeat(127)}a`));
});

for (const file of [
  'dhcpv6-AFTR-Name-RFC6334.pcap',
  'dhcpv6-ia-na.pcap',
  'dhcpv6-ia-ta.pcap',
  'dhcpv6-rfc6355-duid-uuid.pcap',
]) {
  t.test(`capture ${file}`, async (t) => {
    const frames = captured(file);
    if (frames === undefined) return t.comment('skipped: no ../shared/data') ?? undefined;
    for (const [i, frame] of frames.entries()) {
      const udp = decodeUdp6(frame);
      if (!udp.ok) return t.fail(`frame ${i}: ${udp.error.message}`);
      const packet = decodeDhcp6(udp.value.payload);
      if (!packet.ok) return t.fail(`frame ${i}: ${packet.error.message}`);
      t.equal(toHex(encodeDhcp6(packet.value)), toHex(udp.value.payload), `frame ${i}`);
      for (const option of packet.value.message.options) {
        const read = checkOption6(option);
        t.ok(read.ok, `option ${option.code} ${toHex(option.value)}`);
      }
      for (let n = 0; n < frame.length; n++) t.notOk(decodeUdp6(frame.subarray(0, n)).ok);
    }
  });
}
