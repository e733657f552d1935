import t from 'tap';
import { formatIpv4, ipv4, networkOf, type PrefixLen, parseIpv4 } from '../../../src/base/ip.ts';
import {
  formatIpv6,
  formatPrefix6,
  type Ipv6Prefix,
  ipv6,
  networkOf6,
  type PrefixLen6,
  parseIpv6Prefix,
} from '../../../src/base/ip6.ts';
import {
  addressing,
  basicRule,
  customerOf,
  type MapRule,
  type PortRange,
  portCount,
  ruleFault,
  ruleFaults,
} from '../../../src/services/map/addressing.ts';
import { decodeS46Container, encodeS46Container } from '../../../src/wire/s46.ts';
import { randomFrom } from '../../fuzz/run.ts';

const prefix6 = (text: string): Ipv6Prefix => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};
const prefix4 = (text: string) => {
  const [address = '', length] = text.split('/');
  const parsed = parseIpv4(address);
  if (!parsed.ok) throw new Error(text);
  return { address: parsed.value, prefixLen: Number(length) as PrefixLen };
};
const rule = (more: Partial<MapRule> = {}): MapRule => ({
  ...{ prefix6: prefix6('2001:db8::/40'), prefix4: prefix4('192.0.2.0/24'), eaLen: 16, fmr: false },
  ...{ psidOffset: 6, psidLen: 0, psid: 0, systemPorts: false },
  ...more,
});
const DELEGATED = prefix6('2001:db8:12:3400::/56');
const text = (ports: readonly PortRange[]) => ports.map(({ first, last }) => `${first}-${last}`);
const own = { prefix6: DELEGATED, prefix4: prefix4('192.0.2.18/32'), eaLen: 0 };

t.test('vectors', async (t) => {
  for (const [name, given, sets, count, first, last, address6] of [
    ['offset 6', rule(), 63, 252, '1232-1235', '64720-64723', '2001:db8:12:3400:0:c000:212:34'],
    ['offset 4', rule({ psidOffset: 4 }), 15, 240, '4928-4943', '62272-62287', undefined],
    ['offset 0', rule({ psidOffset: 0 }), 1, 256, '13312-13567', '13312-13567', undefined],
    ['whole address', rule(own), 1, 65535, '0-65535', '0-65535', '2001:db8:12:3400:0:c000:212:0'],
    [
      'PSID of its own',
      rule({ ...own, psidLen: 8, psid: 0x20 }),
      ...[63, 252, '1152-1155', '64640-64643', '2001:db8:12:3400:0:c000:212:20'],
    ],
  ] as [string, MapRule, number, number, string, string, string | undefined][]) {
    t.equal(ruleFault(given), undefined, name);
    const has = addressing(given, DELEGATED);
    if (!has.ok) return t.fail(`${name}: ${has.error}`);
    const { ports, address, address6: at, shared } = has.value;
    t.equal(formatIpv4(address), '192.0.2.18', name);
    t.same([ports.length, portCount(ports)], [sets, count], name);
    t.same([text(ports)[0], text(ports).at(-1)], [first, last], name);
    if (address6 !== undefined) t.equal(formatIpv6(at), address6, name);
    t.equal(shared, count !== 65535, name);
  }
  const second = addressing(rule(), DELEGATED);
  t.equal(second.ok && text(second.value.ports)[1], '2256-2259');
  t.equal(second.ok && second.value.psid, 0x34);
});

t.test('the example of RFC 7597, appendix A', async (t) => {
  // Example 1: end-user prefix 2001:db8:12:3400::/56, rule 2001:db8::/40, 192.0.2.0/24, EA 16, a = 4.
  const given = rule({ psidOffset: 4 });
  const has = addressing(given, DELEGATED);
  t.equal(has.ok && formatIpv4(has.value.address), '192.0.2.18');
  t.equal(has.ok && has.value.psid, 0x34);
  // Example 2: 192.0.2.18 port 1232 by a = 6, seen from another customer with the rule.
  const customer = customerOf(rule(), ipv4(0xc0000212), 1232);
  t.equal(customer && formatPrefix6(customer), '2001:db8:12:3400::/56');
  // Example 4: no EA bits, a whole address.
  const whole = addressing(rule(own), DELEGATED);
  t.equal(whole.ok && formatIpv6(whole.value.address6), '2001:db8:12:3400:0:c000:212:0');
});

t.test('what cannot be is refused, with the reason', async (t) => {
  for (const [given, reason] of [
    [rule({ eaLen: 49 }), /49 EA bits/],
    [rule({ eaLen: 25 }), /too long: a prefix of 40 and 25 EA bits/],
    [rule({ prefix6: prefix6('::/0') }), /IPv6 prefix is empty/],
    [rule({ prefix6: prefix6('2001::/16'), eaLen: 32 }), /impossible EA bits: 24 of 32/],
    [rule({ psidOffset: 9 }), /no room for 9 bits before a PSID of 8/],
    [rule({ psidLen: 8, psid: 256 }), /PSID 256 has more than 8 bits/],
    [rule({ psidLen: 7, psid: 3 }), /PSID of 8 bits, not of 7/],
    [rule({ eaLen: 0 }), /no whole address/],
    [rule({ prefix4: prefix4('224.0.0.0/24') }), /no addresses of customers/],
    [rule({ prefix4: prefix4('0.0.0.0/0'), eaLen: 24 }), /no addresses of customers/],
  ] as const) {
    t.match(ruleFault(given), reason);
  }
  const has = (given: MapRule, delegated: string) => addressing(given, prefix6(delegated));
  const fault = (given: MapRule, delegated: string) => {
    const found = has(given, delegated);
    return found.ok ? 'taken' : found.error;
  };
  t.match(fault(rule(), '2001:db9:12:3400::/56'), /is not in 2001:db8::\/40/);
  t.match(fault(rule(), '2001:db8:12::/48'), /ends before the EA bits do, at 56/);
  t.match(fault(rule(), '2001:db8:12:3400:8000::/65'), /too long/);
  t.match(fault(rule(), '2001:db8:12:3410::/60'), /not the first part/);
  t.match(fault(rule({ psidLen: 8, psid: 0x35 }), '2001:db8:12:3400::/56'), /52 by the delegated/);
  t.equal(fault(rule({ psidLen: 8, psid: 0x34 }), '2001:db8:12:3400::/56'), 'taken');
  t.equal(fault(rule(), '2001:db8:12:3400::/60'), 'taken', 'the first part of it');
  t.match(
    fault(rule({ ...own, psidOffset: 0, psidLen: 8, psid: 1 }), formatPrefix6(DELEGATED)),
    /none but system ports/,
  );
  t.ok(
    has(
      rule({ ...own, psidOffset: 0, psidLen: 8, psid: 1, systemPorts: true }),
      '2001:db8:12:3400::/56',
    ).ok,
  );
});

t.test('rules that leave open who owns an address are refused', async (t) => {
  const other = rule({ prefix6: prefix6('2001:db8:100::/40'), prefix4: prefix4('192.0.3.0/24') });
  t.same(ruleFaults([rule(), other]), [undefined, undefined]);
  const inside6 = { ...other, prefix6: prefix6('2001:db8:80::/41') };
  t.match(ruleFaults([rule(), inside6]), [/overlaps/, /overlaps the rule 2001:db8::\/40/]);
  t.match(ruleFaults([rule(), { ...other, prefix4: prefix4('192.0.2.128/25') }]), [
    /overlaps/,
    /over/,
  ]);
  t.match(ruleFaults([rule(), rule()]), [/overlaps/, /overlaps/], 'one rule twice');
  const one = rule({ ...own, psidLen: 8, psid: 1 });
  const two = { ...one, prefix6: prefix6('2001:db8:12:3500::/56'), psid: 2 };
  t.same(ruleFaults([one, two]), [undefined, undefined], 'two who share an address');
  t.match(ruleFaults([one, { ...two, psid: 1 }]), [/overlaps/, /overlaps/]);
  // A rule that is wrong by itself says so.
  t.match(ruleFaults([rule({ eaLen: 49 }), other]), [/49 EA bits/, undefined]);
  const long = rule({ prefix6: prefix6('2001:db8:12::/48'), eaLen: 8 });
  t.equal(basicRule([rule(), long], DELEGATED), long, 'the longest match');
  t.equal(basicRule([other], DELEGATED), undefined);
});

/** A rule without fault, and the prefix of one of its customers. */
function anyone(next: () => number): { rule: MapRule; delegated: Ipv6Prefix } {
  const below = (n: number): number => next() % n;
  for (;;) {
    const len4 = 8 + below(25);
    const eaLen = below(4) === 0 ? 0 : below(Math.min(49, 33 - len4 + 17));
    const p = Math.min(eaLen, 32 - len4);
    const q = eaLen === 0 ? below(17) : eaLen - p;
    const explicit = eaLen === 0 || (q > 0 && below(3) === 0);
    const len6 = 1 + below(64);
    const random128 = (): bigint =>
      [0, 0, 0, 0].reduce((value: bigint) => (value << 32n) | BigInt(next()), 0n);
    const network = { address: ipv6(random128()), prefixLen: len6 as PrefixLen6 };
    const network4 = { address: ipv4(next()), prefixLen: len4 as PrefixLen };
    const end = len6 + eaLen;
    if (end > 64 || q > 16) continue;
    const ea = BigInt.asUintN(eaLen, random128());
    const psid = eaLen === 0 ? below(2 ** q) : Number(ea & ((1n << BigInt(q)) - 1n));
    const offset = below(Math.min(16, 17 - q));
    const made: MapRule = {
      prefix6: { ...network, address: networkOf6(network) },
      prefix4: { ...network4, address: networkOf(network4) },
      ...{ eaLen, fmr: below(2) === 0, psidOffset: offset, systemPorts: offset === 0 },
      ...(explicit ? { psidLen: q, psid } : { psidLen: 0, psid: 0 }),
    };
    if (ruleFault(made) !== undefined) continue;
    const address = ipv6(made.prefix6.address | (ea << BigInt(128 - end)));
    return { rule: made, delegated: { address, prefixLen: end as PrefixLen6 } };
  }
}

/** As a DHCPv6 server tells it, and as a customer reads it. */
function overTheWire(sent: MapRule): MapRule | undefined {
  const { psidOffset, psidLen, psid } = sent;
  const bytes = encodeS46Container({
    rules: [{ ...sent, portParams: { offset: psidOffset, psidLen, psid }, others: [] }],
    ...{ relays: [], bind: undefined, others: [], dmr: undefined },
  });
  const container = decodeS46Container(bytes);
  const [heard] = container.ok ? container.value.rules : [];
  if (heard?.portParams === undefined) return undefined;
  const { prefix4: p4, prefix6: p6, eaLen, fmr, portParams } = heard;
  return {
    ...{ prefix4: p4, prefix6: p6, eaLen, fmr, psidOffset: portParams.offset },
    ...{ psidLen: portParams.psidLen, psid: portParams.psid, systemPorts: sent.systemPorts },
  };
}

t.test('100,000 rules: every address and port leads back to its customer', async (t) => {
  const next = randomFrom(7597);
  let shared = 0;
  let exhaustive = 0;
  for (let i = 0; i < 100_000; i++) {
    const { rule: sent, delegated } = anyone(next);
    const heard = overTheWire(sent);
    const has = heard && addressing(heard, delegated);
    if (heard === undefined || has === undefined || !has.ok) {
      return t.fail(`rule ${i}: ${has?.ok === false ? has.error : 'not heard'}`);
    }
    const { address, ports } = has.value;
    const mine = (port: number): boolean => {
      const owner = customerOf(heard, address, port);
      return owner?.address === delegated.address && owner.prefixLen === delegated.prefixLen;
    };
    // The ends of the sets (of many, some), and beside them ports of others.
    let wrong: number | undefined;
    const step = Math.max(1, Math.floor(ports.length / 48));
    for (let at = ports.length - 1; at >= 0; at -= step) {
      const { first, last } = ports[at] ?? { first: 0, last: 0 };
      if (!mine(first) || !mine(last)) wrong = first;
      const [before, after] = [ports[at - 1]?.last, ports[at + 1]?.first];
      if (first > 0 && before !== first - 1 && mine(first - 1)) wrong = first - 1;
      if (last < 65535 && after !== last + 1 && mine(last + 1)) wrong = last + 1;
    }
    if (has.value.shared) shared += 1;
    if (i % 500 === 0) {
      exhaustive += 1;
      const set = new Set(ports.flatMap(({ first, last }) => range(first, last)));
      for (let port = 0; port < 65536; port++) if (mine(port) !== set.has(port)) wrong = port;
    }
    if (wrong !== undefined) {
      return t.fail(`rule ${i}, port ${wrong}: ${formatPrefix6(heard.prefix6)} ${heard.eaLen}`);
    }
  }
  t.ok(shared > 30_000, `${shared} shared addresses`);
  t.equal(exhaustive, 200, 'of 200 every port');
});

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

t.test('the customers of a rule share it without a gap and without a clash', async (t) => {
  // 256 PSIDs of one address: each port from 1024 on is one customer's.
  const owners = new Map<number, number>();
  for (let psid = 0; psid < 256; psid++) {
    const delegated = prefix6(`2001:db8:12:${psid.toString(16).padStart(2, '0')}00::/56`);
    const has = addressing(rule(), delegated);
    if (!has.ok) return t.fail(has.error);
    for (const { first, last } of has.value.ports)
      for (let port = first; port <= last; port++) {
        if (owners.has(port)) return t.fail(`port ${port} twice`);
        owners.set(port, psid);
      }
  }
  t.equal(owners.size, 65536 - 1024);
});
