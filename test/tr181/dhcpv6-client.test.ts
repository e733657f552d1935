/** `Device.DHCPv6.Client.`: from rows to what the service is given, and from what it observed to rows. */
import t from 'tap';
import { formatPrefix6, parseIpv6, parseIpv6Prefix } from '../../src/base/ip6.ts';
import type { Dhcp6ClientObserved } from '../../src/services/dhcp6-client/config.ts';
import { messages, network, ORIGIN, router } from './fixture.ts';

const at = (text: string) => {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
const net = (text: string) => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

const CLIENT = 'Device.DHCPv6.Client.1.';
const until = { preferredUntilMs: 4e12, validUntilMs: Infinity };
const OBSERVED: Dhcp6ClientObserved = {
  duid: Uint8Array.of(0, 4, 1),
  program: { name: 'dibbler-client', limits: ['it is slow'] },
  unplaced: [],
  lanPrefixes: [
    {
      ...{ lan: 'Device.IP.Interface.2', ifName: 'eth1', client: 'dhcp6.1', ...until },
      ...{ delegated: net('2001:db8:1::/56'), subnet: net('2001:db8:1:2::/64') },
    },
  ],
  clients: [
    {
      ...{ id: 'dhcp6.1', ifName: 'eth0', status: 'Enabled', reason: undefined, state: 'Bound' },
      lease: {
        addresses: [{ iaid: 256, address: at('2001:db8::5'), ...until }],
        prefixes: [{ iaid: 257, prefix: net('2001:db8:1::/56'), ...until }],
        ...{ serverDuid: Uint8Array.of(0, 3), serverAddress: at('fe80::9'), t1AtMs: 1, t2AtMs: 2 },
        ...{ dnsServers: [at('2001:db8::53')], domains: ['isp.example'] },
        options: [
          { code: 95, data: Uint8Array.of(1, 2) },
          { code: 95, data: Uint8Array.of(3) },
        ],
      },
      facts: {
        ...{ aftr: 'aftr.example', ntpServers: ['2001:db8::123'], sipServers: [] },
        vendors: [{ enterprise: 4491, options: [{ code: 7, hex: 'dead' }] }],
      },
      counts: {
        ...{ solicit: 1, advertise: 1, request: 1, confirm: 0, renew: 2, rebind: 0, reply: 3 },
        ...{ release: 0, decline: 0, informationRequest: 0, reconfigure: 0, discarded: 4 },
        badOptions: 5,
      },
      ...{ pid: 7, restarts: 2 },
    },
  ],
};

t.test('first start: an address and a prefix are asked for on the WAN', async (t) => {
  const { model } = await router();
  const { dhcp6Client, network } = model.compileAll();
  const [client] = dhcp6Client.clients;
  t.match(client, {
    ...{ id: 'dhcp6.1', instance: 1, enable: true, ifName: 'eth0', requestAddresses: true },
    ...{ rapidCommit: false, suggestedT1Sec: undefined, useResolvers: true },
  });
  t.same(client?.prefixHints.map(formatPrefix6), ['::/0']);
  t.same(client?.requestedOptions, [17, 21, 22, 23, 24, 31, 56, 64, 94, 95]);
  t.same(dhcp6Client.lans, [
    { id: 'Device.IP.Interface.2', ifName: 'eth1', subnet: 2, chosen: false },
  ]);
  t.equal(network.interfaces.find(({ ifName }) => ifName === 'eth0')?.acceptAdvertisements, 1024);
  t.equal(
    network.interfaces.find(({ ifName }) => ifName === 'eth1')?.acceptAdvertisements,
    undefined,
  );
});

t.test('settings', async (t) => {
  const b = await router();
  for (const [path, value] of [
    [`${CLIENT}X_GATEHOUSE_PrefixHints`, '::/56,2001:db8:7::/48'],
    [`${CLIENT}RequestedOptions`, '23,23,95'],
    [`${CLIENT}SuggestedT1`, '100'],
    [`${CLIENT}SuggestedT2`, '200'],
    ['Device.IP.Interface.2.X_GATEHOUSE_SubnetNumber', '7'],
  ] as const) {
    await b.set(path, value);
  }
  const added = await b.model.add(
    `${CLIENT}SentOption.`,
    { Enable: 'true', Tag: '15', Value: 'ABCD' },
    ORIGIN,
  );
  t.ok(added.ok);
  const { dhcp6Client } = b.model.compileAll();
  const [client] = dhcp6Client.clients;
  t.same(client?.prefixHints.map(formatPrefix6), ['::/56', '2001:db8:7::/48']);
  t.same(client?.requestedOptions, [23, 95]);
  t.match(client, { suggestedT1Sec: 100, suggestedT2Sec: 200, sentOptions: [{ code: 15 }] });
  t.match(dhcp6Client.lans, [{ subnet: 7, chosen: true }]);
  for (const [path, value, why] of [
    [`${CLIENT}RequestedOptions`, '3', /none to be asked for/],
    [`${CLIENT}SuggestedT1`, '300', /must not be after/],
    [`${CLIENT}X_GATEHOUSE_PrefixHints`, '2001:db8::/65', /at most 64 bits/],
    [`${CLIENT}SentOption.1.Tag`, '1', /by itself/],
  ] as const) {
    const done = await b.model.set([{ path, value }], ORIGIN);
    t.match(done.ok ? '' : messages(done.error), why);
  }
  await b.set('Device.IP.Interface.1.IPv6Enable', 'false');
  t.equal(b.model.compileAll().dhcp6Client.clients[0]?.enable, false);
  await b.set('Device.IP.Interface.2.X_GATEHOUSE_DelegatedPrefix', 'false');
  t.same(b.model.compileAll().dhcp6Client.lans, []);
});

t.test('what was observed is told', async (t) => {
  const b = await router();
  b.observed.publish('dhcp6Client', OBSERVED);
  const router9 = { gateway: at('fe80::1:9'), metric: 1024, protocol: 9 };
  b.observed.publish(
    'network',
    network({
      defaultRoutes6: [
        { ...router9, ifName: 'eth0' },
        { ...router9, ifName: 'eth7' },
      ],
    }),
  );
  for (const [name, value] of Object.entries({
    ...{ Status: 'Enabled', DUID: '000401', X_GATEHOUSE_State: 'Bound', X_GATEHOUSE_Reason: '' },
    ...{ X_GATEHOUSE_Addresses: '2001:db8::5', X_GATEHOUSE_Prefixes: '2001:db8:1::/56' },
    ...{ X_GATEHOUSE_IPRouters: 'fe80::1:9', X_GATEHOUSE_AFTR: 'aftr.example' },
    ...{ X_GATEHOUSE_VendorOptions: '4491:7=dead' },
    ...{ X_GATEHOUSE_LeaseTimeRemaining: '-1', X_GATEHOUSE_ProgramLimits: 'it is slow' },
    ...{ 'Server.1.SourceAddress': 'fe80::9', ReceivedOptionNumberOfEntries: '2' },
    ...{ 'ReceivedOption.1.Value': '0102', 'ReceivedOption.2.Value': '03' },
    ...{ 'ReceivedOption.2.Server': 'Device.DHCPv6.Client.1.Server.1' },
    ...{ 'X_GATEHOUSE_Stats.Renew': '2', 'X_GATEHOUSE_Stats.MalformedOptions': '5' },
  })) {
    t.equal(b.get(`${CLIENT}${name}`), value, name);
  }
  const [wan, lan] = ['Device.IP.Interface.1.IPv6Prefix.', 'Device.IP.Interface.2.IPv6Prefix.'];
  t.equal(b.get(`${wan}1.Origin`), 'PrefixDelegation');
  t.equal(b.get(`${wan}1.Prefix`), '2001:db8:1::/56');
  t.equal(b.get(`${wan}1.ValidLifetime`), '9999-12-31T23:59:59Z');
  const prefixes = b.get(`${lan}*.Prefix`).split('|');
  const row = `${lan}${prefixes.indexOf('2001:db8:1:2::/64') + 1}.`;
  t.equal(b.get(`${row}Origin`), 'Child');
  t.equal(b.get(`${row}ParentPrefix`), 'Device.IP.Interface.1.IPv6Prefix.1', 'told at once');
  t.equal(b.get(`${row}PrefixStatus`), 'Preferred');
  b.observed.publish('dhcp6Client', { ...OBSERVED, clients: [], lanPrefixes: [] });
  t.equal(b.get(`${wan}1.Prefix`), 'unknownPath', 'and gone with it');
});
