import t from 'tap';
import { formatIpv6, formatPrefix6, parseIpv6, parseIpv6Prefix } from '../../src/base/ip6.ts';
import type { Dhcp6ServerObserved } from '../../src/services/dhcp6-server/config.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import type { Model } from '../../src/tr181/model.ts';
import { type Bench, bench, messages, network, ORIGIN } from './fixture.ts';

const POOL = 'Device.DHCPv6.Server.Pool.1.';
const RA = 'Device.RouterAdvertisement.InterfaceSetting.1.';
const LAN = 'Device.IP.Interface.2.';

function ip6(text: string) {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}
function prefix6(text: string) {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

async function box(): Promise<Bench> {
  const made = bench();
  const ula = prefix6('fd12:3456:789a::/48');
  const laid = await layDownInitial(made.model, { wan: 'eth0', lan: ['eth1'], ula, overrides: {} });
  if (!laid.ok) throw new Error(messages(laid.error));
  return made;
}

const set = async (model: Model, path: string, value: string): Promise<string> => {
  const done = await model.set([{ path, value }], ORIGIN);
  return done.ok ? 'done' : messages(done.error);
};

const SILENT: Dhcp6ServerObserved = {
  ...{ pools: [], bindings: [], bindingRevision: 0, advertisers: [], rogues: [] },
  counts: {
    ...{ solicit: 3, advertise: 0, request: 0, confirm: 0, renew: 0, rebind: 0, reply: 0 },
    ...{ release: 0, decline: 0, informationRequest: 0, relayForward: 0, relayReply: 0 },
    ...{ discarded: 0, transmitFailure: 0, refused: 0, limited: 0, notDurable: 0 },
  },
  storeFault: undefined,
};

t.test('first start: a /64 of the ULA, advertised, stateless DHCPv6', async (t) => {
  const { model } = await box();
  const { dhcp6Server, network: net } = model.compileAll();
  const [segment] = dhcp6Server.segments.filter(({ id }) => id === 'Device.IP.Interface.2');
  t.equal(
    segment && formatPrefix6(segment.prefixes[0]?.prefix ?? prefix6('::/0')),
    'fd12:3456:789a:2::/64',
  );
  t.match(segment, { ifName: 'eth1', ports: [] });
  t.match(segment?.advertise, { other: true, managed: false, lifetimeSec: 1800, domains: ['lan'] });
  t.equal(segment?.advertise?.routes.map(formatPrefix6).join(), 'fd12:3456:789a::/48');
  const [pool] = dhcp6Server.pools;
  t.match(pool, {
    segment: 'Device.IP.Interface.2',
    enable: true,
    domains: ['lan'],
    preferredSec: 43200,
  });
  t.equal(pool?.fault, undefined);
  t.equal(pool?.addresses, undefined, 'stateless');
  t.equal(pool?.delegation, undefined);
  const lan = net.interfaces.find(({ id }) => id === 'Device.IP.Interface.2');
  t.match(
    lan?.addresses6.map((a) => a.address && `${formatIpv6(a.address)}/${a.prefixLen}`),
    ['fd12:3456:789a:2::1/64'],
  );
  t.equal(net.forwarding6, true);
  t.ok(
    dhcp6Server.segments.every(({ id, advertise }) => id === 'Device.IP.Interface.2' || !advertise),
  );
});

t.test('addresses and prefixes by hand', async (t) => {
  const { model } = await box();
  const added = await model.add(
    `${LAN}IPv6Prefix.`,
    { Enable: 'true', Prefix: '2001:db8:1:2::/64', OnLink: 'true', Autonomous: 'true' },
    ORIGIN,
  );
  if (!added.ok) return t.fail(messages(added.error));
  const path = added.value.path;
  const address = await model.add(
    `${LAN}IPv6Address.`,
    { Enable: 'true', IPAddress: '2001:DB8:1:2::0005' },
    ORIGIN,
  );
  if (!address.ok) return t.fail(messages(address.error));
  const interfaces = () => model.compileAll().network.interfaces;
  const of = (id: string) => interfaces().find((i) => i.id === id)?.addresses6 ?? [];
  t.match(of('Device.IP.Interface.2')[1], { address: ip6('2001:db8:1:2::5'), prefixLen: 64 });
  t.match(await set(model, `${path}Prefix`, '2001:db8:1:2::1/64'), /bits behind the prefix/);
  t.match(await set(model, `${path}Prefix`, '2001:db8:1::/48'), /64 bits/);
  t.match(await set(model, 'Device.IP.ULAPrefix', '2001:db8::/48'), /fc00::\/7/);
  t.equal(await set(model, `${POOL}IANAEnable`, 'true'), 'done');
  t.equal(model.compileAll().dhcp6Server.pools[0]?.addresses?.length, 2, 'one from each');
  t.equal(await set(model, `${POOL}IANAManualPrefixes`, path.replace(/\.$/, '')), 'done');
  t.equal(model.compileAll().dhcp6Server.pools[0]?.addresses?.length, 1);
  t.equal(await set(model, `${POOL}IAPDEnable`, 'true'), 'done');
  const { delegation } = model.compileAll().dhcp6Server.pools[0] ?? {};
  t.equal(delegation?.length, 56);
  t.equal(
    delegation?.prefixes.map(({ prefix }) => formatPrefix6(prefix)).join(),
    'fd12:3456:789a::/48',
  );
  t.equal(await set(model, `${LAN}IPv6Enable`, 'false'), 'done');
  const off = model.compileAll();
  t.match(off.dhcp6Server.pools[0]?.fault, /has IPv6/);
  t.equal(
    off.dhcp6Server.segments.some(({ id }) => id === 'Device.IP.Interface.2'),
    false,
  );
  t.equal(off.network.interfaces.find((i) => i.id === 'Device.IP.Interface.2')?.ipv6Enable, false);
});

t.test('what cannot be is refused with what would do', async (t) => {
  const { model } = await box();
  t.match(await set(model, `${RA}AdvDefaultLifetime`, '100'), /MaxRtrAdvInterval, which is 600/);
  t.equal(await set(model, `${RA}AdvDefaultLifetime`, '1800'), 'done');
  t.equal(
    model.compileAll().dhcp6Server.segments[1]?.advertise?.lifetimeSec ??
      model.compileAll().dhcp6Server.segments[0]?.advertise?.lifetimeSec,
    1800,
  );
  t.match(await set(model, `${RA}MinRtrAdvInterval`, '500'), /three quarters/);
  t.match(await set(model, `${RA}X_GATEHOUSE_PREF64`, '64:ff9b::/95'), /RFC 8781/);
  t.match(await set(model, `${RA}X_GATEHOUSE_Domains`, 'a b'), /no domain name/);
  t.match(await set(model, `${POOL}X_GATEHOUSE_Domains`, '-'), /no domain name/);
  const nobody = await model.add(
    'Device.DHCPv6.Server.X_GATEHOUSE_StaticBinding.',
    { Enable: 'true' },
    ORIGIN,
  );
  t.match(
    nobody.ok ? '' : messages(nobody.error),
    /DUID or a Chaddr[\s\S]*IPv6Address or an IPv6Prefix/,
  );
  const option = await model.add(`${POOL}Option.`, { Enable: 'true', Tag: '2' }, ORIGIN);
  t.match(option.ok ? '' : messages(option.error), /the server's own/);
});

t.test('what the server observed', async (t) => {
  const { model, observed } = await box();
  observed.publish('network', network());
  observed.publish('dhcp6Server', {
    ...SILENT,
    pools: [{ id: 'Device.DHCPv6.Server.Pool.1', status: 'Enabled', reason: undefined }],
    advertisers: [
      {
        ...{ id: 'Device.RouterAdvertisement.InterfaceSetting.1', status: 'Error' },
        ...{ reason: 'eth1 has no carrier', sent: 0, solicitations: 0 },
      },
    ],
    bindings: [
      {
        ...{ kind: 'address', duid: Uint8Array.of(0, 3, 0, 1), iaid: 1, segment: 'eth1' },
        ...{ pool: 'Device.DHCPv6.Server.Pool.1', state: 'bound', source: ip6('fe80::9') },
        ...{ direct: true, mac: undefined, hostName: 'printer', lastWallMs: 0, lastBootMs: 0 },
        leases: [
          {
            ...{ prefix: prefix6('fd00::5/128'), preferredSec: 60, validSec: 120 },
            expiresAtMs: Number.POSITIVE_INFINITY,
          },
        ],
      },
    ],
    rogues: [
      {
        ...{ segment: 'Device.IP.Interface.2', router: ip6('fe80::66'), lifetimeSec: 900 },
        ...{ mac: '02:00:00:00:00:66' as never, prefixes: [prefix6('fd66::/64')] },
        ...{ firstWallMs: 0, lastWallMs: 0 },
      },
    ],
  });
  await new Promise<void>((done) => setImmediate(done));
  const value = (path: string): string => {
    const [answer] = model.get([path]);
    return answer?.result.ok ? (answer.result.value[0]?.value ?? 'none') : 'fault';
  };
  t.equal(value(`${POOL}Status`), 'Enabled');
  t.equal(value(`${POOL}Client.1.SourceAddress`), 'fe80::9');
  t.equal(value(`${POOL}Client.1.Active`), 'true');
  t.equal(value(`${POOL}Client.1.X_GATEHOUSE_HostName`), 'printer');
  t.equal(value(`${POOL}Client.1.IPv6Address.1.IPAddress`), 'fd00::5');
  t.equal(value(`${POOL}Client.1.Option.1.Value`), '00030001');
  t.equal(value('Device.DHCPv6.Server.Stats.Solicit'), '3');
  t.equal(value(`${RA}Status`), 'Error');
  t.equal(value(`${RA}X_GATEHOUSE_Reason`), 'eth1 has no carrier');
  t.match(value(`${RA}Prefixes`), /^Device\.IP\.Interface\.2\.IPv6Prefix\.\d+$/);
  t.equal(value('Device.RouterAdvertisement.X_GATEHOUSE_OtherRouter.1.SourceAddress'), 'fe80::66');
  t.equal(value('Device.IP.IPv6Status'), 'Enabled');
});
