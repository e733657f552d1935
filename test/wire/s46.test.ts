import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatPrefix } from '../../src/base/ip.ts';
import { formatIpv6, formatPrefix6 } from '../../src/base/ip6.ts';
import type { Result } from '../../src/base/result.ts';
import { checkOption6 } from '../../src/wire/dhcp6-options.ts';
import {
  decodeAftrName,
  decodeS46Container,
  decodeS46PortParams,
  encodeS46Container,
  S46,
} from '../../src/wire/s46.ts';
import { anyContainer } from '../lib/s46.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text.replaceAll(/\s/g, ''));
  if (bytes === undefined) throw new Error(text);
  return bytes;
};

/** What Kea 2.2 sends as option 95 for a rule with port parameters and a default mapping rule. */
const KEA = hex(`0059 0015 01 10 18 c0000200 28 20010db800 005d 0004 06 08 3400
  005b 0009 40 20010db8ffff0000`);

t.test('option 95 as Kea sends it', async (t) => {
  const container = decodeS46Container(KEA);
  if (!container.ok) return t.fail(container.error.message);
  const { rules, relays, dmr, bind, others } = container.value;
  const [rule] = rules;
  t.equal(rules.length, 1);
  t.match(rule, {
    ...{ fmr: true, eaLen: 16, others: [] },
    portParams: { offset: 6, psidLen: 8, psid: 0x34 },
  });
  t.equal(rule && formatPrefix(rule.prefix4), '192.0.2.0/24');
  t.equal(rule && formatPrefix6(rule.prefix6), '2001:db8::/40');
  t.equal(dmr && formatPrefix6(dmr), '2001:db8:ffff::/64');
  t.same([relays, others, bind], [[], [], undefined]);
  t.equal(toHex(encodeS46Container(container.value)), toHex(KEA));
  t.ok(checkOption6({ code: S46.CONT_MAPT, value: KEA }).ok, 'the registry knows its shape');
});

t.test('MAP-E has its relays, lightweight 4over6 its binding', async (t) => {
  const mape =
    hex(`0059 000d 00 10 18 c0000200 28 20010db800 005a 0010 20010db8000000000000000000000001
    005a 0010 20010db8000000000000000000000002`);
  const e = decodeS46Container(mape);
  t.same(e.ok && e.value.relays.map(formatIpv6), ['2001:db8::1', '2001:db8::2']);
  t.notOk(e.ok && e.value.rules[0]?.fmr);
  t.equal(e.ok && toHex(encodeS46Container(e.value)), toHex(mape));
  const lw = hex(`005c 001a c0000212 38 20010db8001234 005d 0004 04 08 3400 00ff 0002 abcd`);
  const bound = decodeS46Container(lw);
  t.match(bound.ok && bound.value.bind, { portParams: { offset: 4, psidLen: 8, psid: 0x34 } });
  t.equal(bound.ok && bound.value.bind?.others.length, 1, 'what nobody knows stays');
  t.equal(bound.ok && toHex(encodeS46Container(bound.value)), toHex(lw));
});

const refusal = (result: Result<unknown>): string =>
  result.ok ? 'taken' : `${result.error.field}@${result.error.offset}: ${result.error.message}`;

t.test('cut anywhere it is refused, but between two options', async (t) => {
  const whole = new Set([0, 4 + 0x15]);
  for (let n = 0; n < KEA.length; n++) {
    const cut = decodeS46Container(KEA.subarray(0, n));
    t.equal(cut.ok, whole.has(n), `${n} bytes: ${refusal(cut)}`);
    if (!cut.ok) t.ok(cut.error.offset <= n, `offset ${cut.error.offset} of ${n}`);
  }
});

t.test('lies of length', async (t) => {
  // Every length field of the option, with every other value: none reads past its end, and what is
  // taken all the same is encoded as it came.
  const lengths = [
    { name: 'rule option', at: 2, size: 2, right: 0x15 },
    { name: 'EA bits', at: 5, size: 1, right: 16 },
    { name: 'IPv4 prefix', at: 6, size: 1, right: 24 },
    { name: 'IPv6 prefix', at: 11, size: 1, right: 40 },
    { name: 'port parameters option', at: 19, size: 2, right: 4 },
    { name: 'offset', at: 21, size: 1, right: 6 },
    { name: 'PSID', at: 22, size: 1, right: 8 },
    { name: 'DMR option', at: 27, size: 2, right: 9 },
    { name: 'DMR prefix', at: 29, size: 1, right: 64 },
  ];
  const taken: Record<string, number[]> = {};
  for (const { name, at, size, right } of lengths) {
    const view = new DataView(KEA.slice().buffer);
    t.equal(size === 2 ? view.getUint16(at) : view.getUint8(at), right, name);
    const values = [...Array(size === 2 ? 300 : 256).keys(), ...(size === 2 ? [0xffff] : [])];
    taken[name] = values.filter((value) => {
      if (size === 2) view.setUint16(at, value);
      else view.setUint8(at, value);
      const bytes = new Uint8Array(view.buffer);
      const decoded = decodeS46Container(bytes);
      if (!decoded.ok) return false;
      const again = decodeS46Container(encodeS46Container(decoded.value));
      t.ok(again.ok && isDeepStrictEqual(again.value, decoded.value), `${name} ${value}`);
      return true;
    });
  }
  t.same(taken['rule option'], [0x15]);
  t.same(taken['EA bits'], [...Array(49).keys()], 'what they mean is for the algorithm to judge');
  t.same(taken['IPv4 prefix'], [...Array(33).keys()]);
  // The last byte of the prefix is zero. With eight bytes more it takes the port parameters in, which
  // is one prefix like another here, and too long for the algorithm.
  const eight = (from: number): number[] => Array.from({ length: 8 }, (_, i) => from + i);
  t.same(taken['IPv6 prefix'], [...eight(33), ...eight(97)]);
  t.same(taken['port parameters option'], [4]);
  t.same(taken['offset'], [...Array(16).keys()]);
  t.same(taken['PSID'], [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], '0x3400 needs six bits');
  t.same(taken['DMR option'], [9]);
  t.same(taken['DMR prefix'], [57, 58, 59, 60, 61, 62, 63, 64]);
});

t.test('where it is wrong is said', async (t) => {
  const at = (offset: number, byte: number): Uint8Array => KEA.with(offset, byte);
  t.equal(refusal(decodeS46Container(at(5, 49))), 'container.rule.eaLen@5: over 48');
  t.equal(refusal(decodeS46Container(at(6, 33))), 'container.rule.prefix4Len@6: over 32');
  t.equal(refusal(decodeS46Container(at(11, 129))), 'container.rule.prefix6Len@11: over 128');
  t.equal(
    refusal(decodeS46Container(at(11, 33).with(16, 0x40))),
    'container.rule.prefix6@12: bits behind a prefix of 33',
  );
  t.equal(
    refusal(decodeS46Container(at(24, 1))),
    'container.rule.portParams.psid@23: bits behind a PSID of 8 bits',
  );
  t.equal(refusal(decodeS46Container(at(21, 16))), 'container.rule.portParams.offset@21: over 15');
  const twice = hex(`${toHex(KEA)} 005b 0001 00`);
  t.equal(refusal(decodeS46Container(twice)), 'container.dmr@42: more than one');
  const crowd = new Uint8Array(65 * 12).map((_, i) => [0, 89, 0, 8][i % 12] ?? 0);
  t.match(refusal(decodeS46Container(crowd)), /^container\.rule@772: more than 64 rules$/);
  t.equal(refusal(decodeS46PortParams(hex('0608340000'))), 'portParams@4: left-over bytes');
});

t.test('there and back', async (t) => {
  fc.assert(
    fc.property(anyContainer, (value) => {
      const again = decodeS46Container(encodeS46Container(value));
      return again.ok && isDeepStrictEqual(again.value, structuredClone(value));
    }),
    { seed: 46, numRuns: 2000 },
  );
  t.pass('2,000 containers');
});

t.test('AFTR-Name', async (t) => {
  const name = hex('04 61667472 03 697370 07 6578616d706c65 00');
  t.same(decodeAftrName(name), { ok: true, value: 'aftr.isp.example' });
  for (let n = 0; n < name.length; n++) t.notOk(decodeAftrName(name.subarray(0, n)).ok, `${n}`);
  t.equal(
    refusal(decodeAftrName(hex('0161 00 0162 00'))),
    'aftr@0: 2 names instead of one',
    'RFC 6334 §3: one',
  );
  t.notOk(decodeAftrName(hex('03 3c623e 00')).ok, 'no name of a host');
});
