import fc from 'fast-check';
import t from 'tap';
import {
  contains6,
  formatPrefix6,
  ipv6,
  networkOf6,
  type PrefixLen6,
} from '../../../src/base/ip6.ts';
import type { Lan6Config } from '../../../src/services/dhcp6-client/config.ts';
import { planLan } from '../../../src/services/dhcp6-client/plan.ts';
import {
  decodeRecord6,
  encodeRecord6,
  stillHeld,
} from '../../../src/services/dhcp6-client/record.ts';
import { at, net, SERVER } from './talk.ts';

const lan = (i: number, chosen?: number): Lan6Config => ({
  ...{ id: `Device.IP.Interface.${i}`, ifName: `lan${i}` },
  ...{ subnet: chosen ?? i, chosen: chosen !== undefined },
});
const times = { iaid: 1, preferredUntilMs: 5, validUntilMs: 9 };
const given = (...texts: string[]) => [
  { id: 'dhcp6.1', prefixes: texts.map((text) => ({ prefix: net(text), ...times })) },
];
const shown = (lans: readonly Lan6Config[], ...texts: string[]): readonly string[] => {
  const { placed, unplaced } = planLan(lans, given(...texts));
  return [
    ...placed.map(({ ifName, subnet }) => `${ifName} ${formatPrefix6(subnet)}`),
    ...unplaced.map(({ lan: id, reason }) => `${id}: ${reason}`),
  ];
};

t.test('each network has its own number of every prefix', async (t) => {
  t.same(shown([lan(2), lan(5)], '2001:db8:1::/56', '2001:db8:2::/48'), [
    'lan2 2001:db8:1:2::/64',
    'lan5 2001:db8:1:5::/64',
    'lan2 2001:db8:2:2::/64',
    'lan5 2001:db8:2:5::/64',
  ]);
  t.same(shown([lan(2), lan(5, 2)], '2001:db8:1::/56'), [
    'lan2 2001:db8:1::/64',
    'lan5 2001:db8:1:2::/64',
  ]);
});

t.test('a prefix that is too small gives what it has', async (t) => {
  t.same(shown([lan(2), lan(5), lan(6)], '2001:db8:1::/63'), [
    'lan2 2001:db8:1::/64',
    'lan5 2001:db8:1:1::/64',
    'Device.IP.Interface.6: 2001:db8:1::/63 has no /64 left for it',
  ]);
  t.same(shown([lan(2)], '2001:db8:1::/64'), ['lan2 2001:db8:1::/64']);
  t.same(
    shown([lan(2, 300)], '2001:db8:1::/56'),
    ['lan2 2001:db8:1::/64'],
    'a number that it has not',
  );
  t.same(
    shown([lan(2)], '2001:db8:1::/56', '2001:db8:1::/56'),
    ['lan2 2001:db8:1:2::/64'],
    'twice the same',
  );
});

t.test('never two networks on one /64, always inside, the same each time', async () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 80 }), { maxLength: 8 }),
      fc.array(fc.option(fc.nat({ max: 300 })), { minLength: 8, maxLength: 8 }),
      fc.nat({ max: 48 }),
      fc.bigInt({ min: 0n, max: (1n << 60n) - 1n }),
      (numbers, chosen, bits, low) => {
        const lans = numbers.map((i, place) => lan(i, chosen[place] ?? undefined));
        const prefixLen = (16 + bits) as PrefixLen6;
        const prefix = { address: ipv6((1n << 125n) | (low << 64n)), prefixLen };
        const delegated = { prefix: { address: networkOf6(prefix), prefixLen }, ...times };
        const plan = () => planLan(lans, [{ id: 'dhcp6.1', prefixes: [delegated] }]);
        const { placed, unplaced } = plan();
        const subnets = placed.map(({ subnet }) => formatPrefix6(subnet));
        return (
          new Set(subnets).size === subnets.length &&
          placed.length + unplaced.length === lans.length &&
          placed.every(({ subnet }) => contains6(delegated.prefix, subnet.address)) &&
          JSON.stringify(plan(), (_k, v) => `${v}`) ===
            JSON.stringify({ placed, unplaced }, (_k, v) => `${v}`)
        );
      },
    ),
  );
});

const RECORD = {
  ...{ bootId: 'boot', ifName: 'wan0', answeredAtMs: 7, process: { pid: 3, startTicks: 4 } },
  held: {
    addresses: [{ ...times, address: at('2001:db8::5'), validUntilMs: Infinity }],
    prefixes: [{ ...times, prefix: net('2001:db8:1::/56') }],
    ...{ serverDuid: SERVER, serverAddress: at('fe80::9'), t1AtMs: 1, t2AtMs: Infinity },
    ...{ dnsServers: [at('2001:db8::1')], domains: ['never', 'n1', 'b0'] },
    options: [{ code: 95, data: Uint8Array.of(1, 2) }],
  },
  lastAddresses: [[256, at('2001:db8::5')]] as const,
  lastPrefixes: [[257, net('2001:db8:1::/56')]] as const,
};

t.test('a record is read back as it was written', async (t) => {
  const bytes = encodeRecord6(RECORD);
  const read = decodeRecord6(bytes);
  t.same(read, { ok: true, value: RECORD });
  if (!read.ok) return;
  t.equal(stillHeld(read.value, 'boot', 8)?.prefixes.length, 1);
  t.equal(stillHeld(read.value, 'boot', 9)?.prefixes.length, 0, 'its time is over');
  t.equal(stillHeld(read.value, 'other boot', 0), undefined);
  for (let length = 0; length < bytes.length; length++) {
    if (decodeRecord6(bytes.subarray(0, length)).ok) return t.fail(`${length} bytes`);
  }
  for (const text of [
    'null',
    '{"v":2}',
    '{"v":1}',
    '{"v":1,"bootId":"sx","ifName":"sy","held":{"addresses":[{}],"prefixes":[]}}',
  ]) {
    t.equal(decodeRecord6(new TextEncoder().encode(text)).ok, false, text);
  }
});
