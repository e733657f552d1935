import fc from 'fast-check';
import t from 'tap';
import type { Mac } from '../../src/base/ip.ts';
import {
  contains6,
  eui64,
  formatIpv6,
  formatPrefix6,
  getIpv6,
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  ipv6Bytes,
  isHostAddress6,
  lastOf6,
  linkLocalOf,
  networkOf6,
  overlaps6,
  type PrefixLen6,
  parseIpv6,
  parseIpv6Prefix,
  subPrefix,
  ulaPrefix,
} from '../../src/base/ip6.ts';

const canonical = (text: string): string | undefined => {
  const parsed = parseIpv6(text);
  return parsed.ok ? formatIpv6(parsed.value) : undefined;
};
const at = (text: string): Ipv6 => {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
const prefix = (text: string): Ipv6Prefix => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

t.test('IPv6: RFC 5952', async (t) => {
  const cases: Record<string, string | undefined> = {
    '2001:0db8:0000:0000:0001:0000:0000:0001': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '::ffff:192.0.2.1': '::ffff:192.0.2.1',
    '::FFFF:c000:0201': '::ffff:192.0.2.1',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    '::': '::',
    '1::': '1::',
    '::1': '::1',
    '1:2:3:4:5:6:7::': '1:2:3:4:5:6:7:0',
    '1:2:3:4:5:6:7:8::': undefined,
    '1::2::3': undefined,
    '1:2:3': undefined,
    ':::': undefined,
    ':1:2:3:4:5:6:7': undefined,
    '12345::': undefined,
    '::192.0.2.1:1': undefined,
    '::192.0.2.256': undefined,
    '::192.0.02.1': undefined,
    '': undefined,
    'fe80::1%eth0': undefined,
  };
  for (const [text, expected] of Object.entries(cases)) t.equal(canonical(text), expected, text);
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const ours = canonical(text);
      // The platform's own serialiser as the judge; it never writes dotted decimal.
      const theirs = new URL(`http://[${text}]/`).hostname.slice(1, -1);
      return ours?.startsWith('::ffff:') === true || ours === theirs;
    }),
    { seed: 12, numRuns: 2000 },
  );
});

t.test('prefixes', async (t) => {
  for (const bad of [
    '2001:db8::1/64',
    '2001:db8::/129',
    '2001:db8::',
    '2001:db8::/064',
    '::/',
    '1/2/3',
  ])
    t.notOk(parseIpv6Prefix(bad).ok, bad);
  const home = prefix('2001:db8:1::/48');
  t.ok(contains6(home, at('2001:db8:1:ffff::9')));
  t.notOk(contains6(home, at('2001:db8:2::')));
  t.ok(overlaps6(home, prefix('2001:db8:1:2::/64')));
  t.ok(overlaps6(prefix('2001:db8:1:2::/64'), home));
  t.notOk(overlaps6(prefix('2001:db8:1:2::/64'), prefix('2001:db8:1:3::/64')));
  t.ok(contains6(prefix('::/0'), at('ff02::1')));
  t.equal(formatIpv6(lastOf6(prefix('2001:db8::/125'))), '2001:db8::7');
  t.equal(formatIpv6(lastOf6(prefix('::/0'))), 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
  const third = subPrefix(home, 64 as PrefixLen6, 3n);
  t.equal(third && formatPrefix6(third), '2001:db8:1:3::/64');
  t.equal(subPrefix(home, 64 as PrefixLen6, 65536n), undefined);
  t.equal(subPrefix(home, 47 as PrefixLen6, 0n), undefined);
});

t.test('interface identifiers and unique local prefixes', async (t) => {
  // RFC 4291 appendix A; RFC 2464 §4.
  t.equal(eui64('34:56:78:9a:bc:de' as Mac), 0x365678fffe9abcden);
  t.equal(formatIpv6(linkLocalOf('34:56:78:9a:bc:de' as Mac)), 'fe80::3656:78ff:fe9a:bcde');
  t.equal(formatIpv6(linkLocalOf('02:00:00:00:00:01' as Mac)), 'fe80::ff:fe00:1');
  const ula = ulaPrefix(Uint8Array.of(1, 2, 3, 4, 5, 6));
  t.equal(formatPrefix6(ula), 'fd01:203:405::/48');
  for (const [text, host] of [
    ['2001:db8::1', true],
    ['fd00::1', true],
    ['::', false],
    ['::1', false],
    ['fe80::1', false],
    ['ff02::1', false],
    ['::ffff:192.0.2.1', false],
  ] as const)
    t.equal(isHostAddress6(at(text)), host, text);
});

t.test('bytes there and back; a prefix holds what it spans', async (t) => {
  const any = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6);
  fc.assert(
    fc.property(any, any, fc.integer({ min: 0, max: 128 }), (a, b, length) => {
      const bytes = ipv6Bytes(a);
      const p = { address: a, prefixLen: length as PrefixLen6 };
      const inside = b >= networkOf6(p) && b <= lastOf6(p);
      return (
        getIpv6(new DataView(bytes.buffer), 0) === a &&
        contains6(p, b) === inside &&
        at(formatIpv6(a)) === a
      );
    }),
    { seed: 13, numRuns: 2000 },
  );
  t.pass('2,000 addresses');
});
