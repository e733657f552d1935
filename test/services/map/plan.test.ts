import { spawnSync } from 'node:child_process';
import t from 'tap';
import { fromHex } from '../../../src/base/bytes.ts';
import { formatIpv4, type PrefixLen, parseIpv4 } from '../../../src/base/ip.ts';
import { formatIpv6, type Ipv6Prefix, parseIpv6Prefix } from '../../../src/base/ip6.ts';
import type { MapConfig, MapDomainConfig, MapOffer } from '../../../src/services/map/config.ts';
import { type MapEndpoint, planMap } from '../../../src/services/map/plan.ts';
import { nat46Commands, renderMap, renderTayga } from '../../../src/services/map/render.ts';
import { usageOf } from '../../../src/services/map/usage.ts';
import { Namespaces, noNamespaces } from '../../lib/netns.ts';

const KEA = fromHex('00590015011018c00002002820010db800005d000406083400005b00094020010db8ffff0000');
const BAD = fromHex('00590015013118c00002002820010db800005d000406083400005b00094020010db8ffff0000');
if (KEA === undefined || BAD === undefined) throw new Error('hex');

const prefix6 = (text: string): Ipv6Prefix => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};
const prefix4 = (text: string, length: number) => {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new Error(text);
  return { address: parsed.value, prefixLen: length as PrefixLen };
};
const offer = (more: Partial<MapOffer> = {}): MapOffer => ({
  ...{ client: 'dhcp6.1', wan: 'wan0', mapT: [KEA], mapE: [], answer: '1' },
  delegated: [prefix6('2001:db8:12:3400::/56')],
  ...more,
});
const NONE: MapConfig = { enable: true, domains: [] };
const domain = (more: Partial<MapDomainConfig> = {}): MapDomainConfig => ({
  ...{ id: 'Device.MAP.Domain.3', instance: 3, enable: true, wan: 'wan0', dscp: undefined },
  ...{ delegated: prefix6('2001:db8:12:3400::/56'), dmr: prefix6('64:ff9b:1::/96') },
  rules: [
    {
      ...{ id: 'rule', enable: true, prefix6: prefix6('2001:db8::/40'), eaLen: 16, fmr: false },
      ...{ prefix4: prefix4('192.0.2.0', 24), psidOffset: 6, psidLen: 0, psid: 0 },
      systemPorts: false,
    },
  ],
  ...more,
});
const only = (config: MapConfig, ...offers: MapOffer[]) => {
  const { domains, refused } = planMap(config, offers);
  const [first] = domains;
  return { first, count: domains.length, refused };
};

t.test('what DHCPv6 tells becomes a domain by itself', async (t) => {
  const { first, count } = only(NONE, offer());
  t.equal(count, 1);
  t.match(first, { id: 'dhcp6.1', origin: 'DHCPv6', status: 'Enabled', wan: 'wan0' });
  t.match(first?.endpoint, { link: 'gh-mapd1', addressing: { psid: 0x34, shared: true } });
  t.equal(first?.endpoint && formatIpv4(first.endpoint.addressing.address), '192.0.2.18');
  t.equal(first?.endpoint?.forwarding.length, 1);
  t.equal(only({ ...NONE, enable: false }, offer()).first?.status, 'Disabled');
  t.equal(only(NONE, offer({ mapT: [] })).count, 0, 'native or nothing');
});

t.test('malformed options are refused and the rest is used', async (t) => {
  const bad = only(NONE, offer({ mapT: [BAD, KEA] }));
  t.match(bad.refused, [{ client: 'dhcp6.1', reason: 'option 95.rule.eaLen, byte 5: over 48' }]);
  t.equal(bad.first?.status, 'Enabled', 'by the other container');
  t.equal(only(NONE, offer({ mapT: [BAD] })).count, 0);
  t.equal(only(NONE, offer({ mapE: [BAD] })).refused.length, 1, 'MAP-E too');
  for (let n = 1; n < KEA.length; n++) {
    const cut = only(NONE, offer({ mapT: [KEA.subarray(0, n)] }));
    // Cut behind the rule it is whole, and lacks the border relay.
    const whole = n === 25;
    t.equal(cut.refused.length, whole ? 0 : 1, `${n} bytes`);
    if (whole) t.match(cut.first?.reason, /no prefix of a border relay/);
  }
});

t.test('a user’s domain holds instead, and may take the rules of the network', async (t) => {
  const mine = only({ enable: true, domains: [domain()] }, offer());
  t.equal(mine.count, 1);
  t.match(mine.first, { origin: 'Static', endpoint: { link: 'gh-map3' } });
  const bare = domain({ rules: [], dmr: undefined, delegated: undefined });
  t.match(only({ enable: true, domains: [bare] }, offer()).first, {
    ...{ origin: 'Static', status: 'Enabled', rules: [{ basic: true, status: 'Enabled' }] },
  });
  const reasons = (more: Partial<MapDomainConfig>, ...offers: MapOffer[]) => {
    const { first } = only({ enable: true, domains: [domain(more)] }, ...offers);
    return `${first?.status}: ${first?.reason}`;
  };
  t.equal(reasons({ rules: [] }), 'Error: no rules, and the network gives none');
  t.equal(reasons({ delegated: undefined }), 'Error: no prefix is delegated');
  t.equal(reasons({ wan: undefined }), 'Error_Misconfigured: WANInterface names no interface');
  t.equal(
    reasons({ dmr: prefix6('2001:db8::/36') }),
    'Error_Misconfigured: 2001:db8::/36: IPv4 cannot be embedded behind 36 bits',
  );
  t.match(reasons({ delegated: prefix6('2001:db9::/56') }), /no usable rule is for 2001:db9::\/56/);
  const [rule] = domain().rules;
  if (rule === undefined) return t.fail();
  t.match(reasons({ rules: [{ ...rule, enable: false }] }), /no rule is enabled/);
  t.match(reasons({ rules: [{ ...rule, eaLen: 30 }] }), /too long/);
  t.match(reasons({ rules: [rule, { ...rule, id: 'again' }] }), /no usable rule/);
  const wide = { ...rule, psidOffset: 13, eaLen: 8, psidLen: 0 };
  const tiny = { ...wide, eaLen: 0, prefix4: prefix4('192.0.2.18', 32), psidLen: 2, psid: 1 };
  const own = { delegated: prefix6('2001:db8::/40'), rules: [tiny] };
  t.match(reasons(own), /8191 port sets; at most 4096/);
});

const endpoint = (more: Partial<MapDomainConfig> = {}): MapEndpoint => {
  const { first } = only({ enable: true, domains: [domain(more)] });
  if (first?.endpoint === undefined) throw new Error(first?.reason);
  return first.endpoint;
};
const mtu = () => 1500;

t.test(
  'the kernel takes the table, of one set as of 4,095',
  { skip: noNamespaces() ?? false },
  (t) => {
    using spaces = new Namespaces('mapn');
    const nft = (input: string) =>
      spawnSync('ip', spaces.argv('r', 'nft', '-f', '-'), { input, encoding: 'utf8' });
    const [rule] = domain().rules;
    if (rule === undefined) return t.fail();
    const whole = {
      prefix6: prefix6('2001:db8:12:3400::/56'),
      eaLen: 0,
      prefix4: prefix4('192.0.2.18', 32),
    };
    for (const [name, rules] of [
      ['63 sets', [rule]],
      ['one set', [{ ...rule, psidOffset: 0 }]],
      ['a whole address', [{ ...rule, ...whole }]],
      ['4,095 sets', [{ ...rule, ...whole, psidOffset: 12, psidLen: 4, psid: 3 }]],
    ] as const) {
      const done = nft(renderMap([endpoint({ rules, dscp: 46 })], mtu));
      t.equal(done.stderr, '', name);
    }
    t.equal(nft(renderMap([], mtu)).stderr, '');
    t.notMatch(spaces.exec('r', 'nft', 'list', 'tables'), /gatehouse_map/);
    t.end();
  },
);

t.test('every port of every set is in the table, once', async (t) => {
  const text = renderMap([endpoint()], mtu);
  const ranges = [...text.matchAll(/meta l4proto tcp masquerade to :(\d+)-(\d+)/g)];
  const ports = ranges.flatMap(([, first, last]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  );
  t.equal(ports.length, 252);
  t.equal(new Set(ports).size, 252);
  t.same([ports[0], ports.at(-1)], [1232, 64723]);
  // Each turn leads to each set.
  for (const turn of text.matchAll(/chain turn0_\d+ \{\n.*\n/g)) {
    t.equal(new Set(turn[0].match(/set0_\d+/g)).size, 63);
  }
  t.match(text, /maxseg size set 1440/);
});

t.test('TAYGA and nat46 are told the same', async (t) => {
  t.equal(
    renderTayga(endpoint()),
    `tun-device gh-map3
ipv4-addr 192.0.0.1
ipv6-addr 2001:db8:12:3400:0:c000:1:0
prefix 64:ff9b:1::/96
map 192.0.2.18 2001:db8:12:3400:0:c000:212:34
`,
  );
  t.same(nat46Commands(endpoint()), [
    'add gh-map3',
    'config gh-map3 local.style MAP local.v4 192.0.2.0/24 local.v6 2001:db8::/40 local.ea-len 16 local.psid-offset 6 local.fmr-flag 0 remote.style RFC6052 remote.v4 0.0.0.0/0 remote.v6 64:ff9b:1::/96',
  ]);
  const [rule] = domain().rules;
  if (rule === undefined) return t.fail();
  const other = {
    ...{ ...rule, id: 'other', fmr: true, prefix6: prefix6('2001:db8:100::/40') },
    prefix4: prefix4('192.0.3.0', 24),
  };
  const own = {
    ...{ ...rule, eaLen: 0, psidLen: 8, psid: 0x20, prefix6: prefix6('2001:db8:12:3400::/56') },
    prefix4: prefix4('192.0.2.18', 32),
  };
  const commands = nat46Commands(endpoint({ rules: [own, other] }));
  t.match(
    commands[1],
    /local\.style NONE local\.v4 192\.0\.2\.18\/32 local\.v6 2001:db8:12:3400:0:c000:212:20\/128 /,
  );
  t.match(commands[2], /^insert gh-map3 local\.style MAP local\.v4 192\.0\.3\.0\/24 .*fmr-flag 1/);
});

t.test('a router without IPv4 speaks from 192.0.0.8, behind any prefix of RFC 6052', async (t) => {
  for (const [dmr, address] of [
    ['2001:db8::/32', '2001:db8:c000:8::'],
    ['2001:db8:100::/40', '2001:db8:1c0:0:8::'],
    ['2001:db8:122::/48', '2001:db8:122:c000:0:800::'],
    ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:8::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:c0:0:800:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::c000:8'],
  ] as const) {
    const text = renderMap([endpoint({ dmr: prefix6(dmr) })], mtu);
    t.equal(/ip6 saddr set (\S+)/.exec(text)?.[1], address, dmr);
  }
});

t.test('flows are counted by set', async (t) => {
  const { addressing } = endpoint();
  const flow = (protocol: number, port: number) => ({
    protocol,
    port,
    address: addressing.address,
  });
  const flows = [
    flow(6, 1232),
    flow(6, 1232),
    flow(6, 1235),
    flow(17, 2256),
    flow(1, 64723),
    flow(6, 80),
  ];
  const usage = usageOf(addressing.ports, flows);
  t.match(usage, { ports: 4, tcp: 4, udp: 1, icmp: 1 });
  t.same([usage.perSet[0], usage.perSet[1], usage.perSet.at(-1)], [2, 1, 1]);
  t.equal(formatIpv6(addressing.address6), '2001:db8:12:3400:0:c000:212:34');
});
