import t from 'tap';
import { formatIpv6, formatPrefix6 } from '../../src/base/ip6.ts';
import { NOTHING_DELEGATED, withDelegated } from '../../src/control/lan-prefixes.ts';
import type { LanPrefix6 } from '../../src/services/dhcp6-client/config.ts';
import type { Dhcp6ServerConfig } from '../../src/services/dhcp6-server/config.ts';
import { advertise, at, pool, prefix, segment } from '../services/dhcp6-server/house.ts';

const CONFIG: Dhcp6ServerConfig = {
  enable: true,
  segments: [
    segment({ advertise: advertise({ lifetimeSec: 1800, dnsServers: [] }) }),
    segment({ id: 'Device.IP.Interface.5', ifName: 'lan5', advertise: undefined }),
  ],
  pools: [pool({ wholeLink: true, dnsServers: [] }), pool({ id: 'named', wholeLink: false })],
  statics: [],
  guard: { newClientsPerSec: 0, answersPerClient: 0, bindingsPerClient: 0 },
};
const part: LanPrefix6 = {
  ...{ lan: 'Device.IP.Interface.2', ifName: 'lan0', client: 'dhcp6.1' },
  ...{ delegated: prefix('2001:db8:1::/56'), subnet: prefix('2001:db8:1:2::/64') },
  ...{ preferredUntilMs: 7, validUntilMs: 9 },
};

t.test('hosts are told of their network’s part, for as long as it lasts', async (t) => {
  const { segments, pools } = withDelegated(CONFIG, {
    prefixes: [part],
    resolvers: [at('2001:db8::1')],
  });
  const [mine, other] = segments;
  t.match(mine?.prefixes[1], {
    onLink: true,
    autonomous: true,
    preferredUntilMs: 7,
    validUntilMs: 9,
  });
  t.equal(mine?.prefixes[1] && formatPrefix6(mine.prefixes[1].prefix), '2001:db8:1:2::/64');
  t.equal(mine?.advertise?.lifetimeSec, 1800, 'this box is their default router');
  t.same(mine?.advertise?.dnsServers.map(formatIpv6), ['2001:db8::1']);
  t.equal(other?.prefixes.length, 1);
  t.equal(pools[0]?.addresses?.length, 2);
  t.same(pools[0]?.dnsServers.map(formatIpv6), ['2001:db8::1']);
  t.equal(pools[1]?.addresses?.length, 1, 'prefixes that were named are all there is');
  t.same(pools[1]?.dnsServers.map(formatIpv6), ['fd00::1'], 'resolvers that were given stay');
});

t.test('with nothing but a ULA there is no way out', async (t) => {
  const { segments } = withDelegated(CONFIG, NOTHING_DELEGATED);
  t.equal(segments[0]?.advertise?.lifetimeSec, 0);
  t.same(segments[0]?.prefixes, CONFIG.segments[0]?.prefixes);
});
