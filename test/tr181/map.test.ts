import t from 'tap';
import { formatPrefix } from '../../src/base/ip.ts';
import { formatPrefix6 } from '../../src/base/ip6.ts';
import type { MapObserved } from '../../src/services/map/config.ts';
import { planMap } from '../../src/services/map/plan.ts';
import { type Bench, router } from './fixture.ts';

const DOMAIN = 'Device.MAP.Domain.1.';
const RULE = `${DOMAIN}Rule.1.`;
const ROWS = {
  'Device.IP.Interface.1.IPv6Prefix.1.Enable': 'true',
  'Device.IP.Interface.1.IPv6Prefix.1.Prefix': '2001:db8:12:3400::/56',
  [`${DOMAIN}Enable`]: 'true',
  [`${DOMAIN}WANInterface`]: 'Device.IP.Interface.1',
  [`${DOMAIN}IPv6Prefix`]: 'Device.IP.Interface.1.IPv6Prefix.1',
  [`${DOMAIN}BRIPv6Prefix`]: '2001:db8:ffff::/64',
  [`${RULE}Enable`]: 'true',
  [`${RULE}IPv6Prefix`]: '2001:db8::/40',
  [`${RULE}IPv4Prefix`]: '192.0.2.0/24',
  [`${RULE}EABitsLength`]: '16',
};

const quiet = { refusedOptions: 0, refusal: undefined, restored: 0 };

/** What the service would observe of the rows, with a data plane in which all works. */
function observed({ model }: Bench): MapObserved {
  const { domains } = planMap(model.compileAll().map, []);
  return {
    ...quiet,
    domains: domains.map(({ endpoint, ...domain }) => ({
      ...domain,
      ...{ addressing: endpoint?.addressing, link: endpoint?.link, restarts: 0 },
      ...{ engine: endpoint && 'tayga', mtu: endpoint && 1480 },
    })),
  };
}

t.test('a domain of users becomes what the service is given', async (t) => {
  const box = await router({ overrides: ROWS });
  const { map } = box.model.compileAll();
  t.equal(map.enable, true);
  const [domain] = map.domains;
  t.match(domain, { id: 'Device.MAP.Domain.1', instance: 1, enable: true, wan: 'eth0' });
  t.equal(domain?.dscp, undefined);
  t.equal(domain?.delegated && formatPrefix6(domain.delegated), '2001:db8:12:3400::/56');
  t.equal(domain?.dmr && formatPrefix6(domain.dmr), '2001:db8:ffff::/64');
  const [rule] = domain?.rules ?? [];
  t.match(rule, { eaLen: 16, psidOffset: 6, psidLen: 0, fmr: false, systemPorts: false });
  t.equal(rule && formatPrefix(rule.prefix4), '192.0.2.0/24');
  t.equal(await box.set(`${DOMAIN}DSCPMarkPolicy`, '46'), 'done');
  t.equal(box.model.compileAll().map.domains[0]?.dscp, 46);
  // A rule without prefixes is none yet.
  t.equal(await box.set(`${RULE}IPv4Prefix`, ''), 'done');
  t.same(box.model.compileAll().map.domains[0]?.rules, []);
});

t.test('what it came to is reported', async (t) => {
  const box = await router({ overrides: ROWS });
  box.observed.publish('map', observed(box));
  t.equal(box.get(`${DOMAIN}Status`), 'Enabled');
  t.equal(box.get(`${DOMAIN}X_GATEHOUSE_IPv4Address`), '192.0.2.18');
  t.equal(box.get(`${DOMAIN}X_GATEHOUSE_IPv6Address`), '2001:db8:12:3400:0:c000:212:34');
  t.match(box.get(`${DOMAIN}X_GATEHOUSE_PortSets`), /^1232-1235,2256-2259,.*,64720-64723$/);
  t.equal(box.get(`${DOMAIN}Interface.Name`), 'gh-map1');
  t.equal(box.get(`${RULE}Status`), 'Enabled');
  t.equal(box.get(`${RULE}Origin`), 'Static');
  t.equal(await box.set(`${RULE}IPv6Prefix`, '2001:db9::/40'), 'done');
  box.observed.publish('map', observed(box));
  t.equal(box.get(`${DOMAIN}Status`), 'Error_Misconfigured');
  t.match(box.get(`${DOMAIN}X_GATEHOUSE_Reason`), /no usable rule is for 2001:db8:12:3400::\/56/);
  t.equal(await box.set(`${RULE}EABitsLength`, '30'), 'done');
  box.observed.publish('map', observed(box));
  t.equal(box.get(`${RULE}Status`), 'Error');
  t.match(box.get(`${RULE}X_GATEHOUSE_Reason`), /too long/);
  t.equal(await box.set(`${RULE}IPv4Prefix`, ''), 'done');
  box.observed.publish('map', observed(box));
  t.match(box.get(`${RULE}X_GATEHOUSE_Reason`), /both needed/);
  t.equal(await box.set(`${DOMAIN}Enable`, 'false'), 'done');
  box.observed.publish('map', observed(box));
  t.equal(box.get(`${DOMAIN}Status`), 'Disabled');
});

t.test('what DHCPv6 told is a domain of the system', async (t) => {
  const box = await router();
  const { domains } = planMap(box.model.compileAll().map, [
    {
      ...{ client: 'dhcp6.1', wan: 'eth0', mapE: [], answer: '1' },
      mapT: [
        Uint8Array.from(
          Buffer.from(
            '00590015011018c00002002820010db800005d000406083400005b00094020010db8ffff0000',
            'hex',
          ),
        ),
      ],
      delegated: [{ address: 0x20010db8001234n << 72n, prefixLen: 56 }] as never,
    },
  ]);
  box.observed.publish('map', {
    ...quiet,
    ...{ refusedOptions: 2, refusal: 'option 95.rule.eaLen, byte 5: over 48' },
    domains: domains.map(({ endpoint, ...domain }) => ({
      ...domain,
      ...{ addressing: endpoint?.addressing, link: endpoint?.link, restarts: 0 },
      ...{ engine: endpoint && 'tayga', mtu: 1480 },
    })),
  });
  t.equal(box.get('Device.MAP.DomainNumberOfEntries'), '1');
  t.equal(box.get(`${DOMAIN}Status`), 'Enabled');
  t.equal(box.get(`${DOMAIN}X_GATEHOUSE_Origin`), 'DHCPv6');
  t.equal(box.get(`${DOMAIN}WANInterface`), 'Device.IP.Interface.1');
  t.equal(box.get(`${DOMAIN}BRIPv6Prefix`), '2001:db8:ffff::/64');
  t.equal(box.get(`${RULE}Origin`), 'DHCPv6');
  t.equal(box.get(`${RULE}IsFMR`), 'true');
  t.equal(box.get(`${RULE}PSID`), '52');
  t.equal(box.get('Device.MAP.X_GATEHOUSE_RefusedOptions'), '2');
  t.not(await box.set(`${RULE}PSID`, '53'), 'done', 'it is not the users’');
  box.observed.publish('map', { ...quiet, domains: [] });
  t.equal(box.get('Device.MAP.DomainNumberOfEntries'), '0');
});

t.test('texts that are no prefixes are refused', async (t) => {
  const { set } = await router({ overrides: ROWS });
  for (const [name, value] of [
    [`${RULE}IPv6Prefix`, '2001:db8::1/40'],
    [`${RULE}IPv4Prefix`, '192.0.2.1/24'],
    [`${DOMAIN}BRIPv6Prefix`, '2001:db8:ffff::1/64'],
    [`${RULE}EABitsLength`, '49'],
    [`${RULE}PSIDOffset`, '16'],
    [`${DOMAIN}TransportMode`, 'Encapsulation'],
    [`${DOMAIN}DSCPMarkPolicy`, '64'],
  ] as const) {
    t.not(await set(name, value), 'done', `${name} ${value}`);
  }
});
