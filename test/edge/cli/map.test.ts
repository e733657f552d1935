/** `gatehouse map`: the address, the ports in use, the rules, and what is wrong. */
import t from 'tap';
import { cli, FakeBus } from './fake.ts';

const DOMAIN = {
  ...{ id: 'dhcp6.1', origin: 'DHCPv6', status: 'Enabled', reason: null, wan: 'wan0' },
  ...{ link: 'gh-mapd1', engine: 'tayga', mtu: 1480, restarts: 0 },
  ...{ delegated: '2001:db8:12:3400::/56', borderRelay: '2001:db8:ffff::/64' },
  ...{ address: '192.0.2.18', address6: '2001:db8:12:3400:0:c000:212:34' },
  ...{ shared: true, psid: 52, psidLength: 8, portsInUse: 5 },
  portSets: [
    { first: 1232, last: 1235, used: 4 },
    { first: 2256, last: 2259, used: 1 },
  ],
  flows: { tcp: 7, udp: 2, icmp: 0 },
  rules: [
    {
      ...{ status: 'Enabled', reason: null, basic: true, fmr: true, eaBits: 16, psidOffset: 6 },
      ...{ ipv6Prefix: '2001:db8::/40', ipv4Prefix: '192.0.2.0/24' },
    },
  ],
};
const busOf = (data: object) =>
  new FakeBus({
    'gatehouse call': () => ({ status: 'success', message: null, data }) as never,
  });
const cells = (out: string): string[][] =>
  out.split('\n').map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));

t.test('address, PSID, ports and rule', async (t) => {
  const bus = busOf({ domains: [DOMAIN], refusedOptions: 0, refusal: null, restored: 0 });
  const { out, err, code } = await cli(['map'], bus);
  t.match({ code, err }, { code: 0, err: '' });
  t.same(cells(out)[1], [
    ...['dhcp6.1', 'Enabled', '192.0.2.18', '52/8', '5 of 8', '7 TCP, 2 UDP, 0 ICMP'],
    ...['gh-mapd1 tayga', 'DHCPv6'],
  ]);
  t.match(out, /2001:db8::\/40 +192\.0\.2\.0\/24 +16 +6 +basic forwarding +Enabled/);
  t.notMatch(out, /1232-1235/);
  const sets = await cli(['map', '--sets'], bus);
  t.match(sets.out, /1232-1235 +4 of 4\n2256-2259 +1 of 4\n/);
  const json = JSON.parse((await cli(['--json', 'map'], bus)).out);
  t.same(json.domains[0].portSets, DOMAIN.portSets);
});

t.test('none, one that is wrong, and options that were refused', async (t) => {
  const none = { domains: [], refusedOptions: 0, refusal: null, restored: 0 };
  t.match(await cli(['map'], busOf(none)), { code: 0, out: '', err: /no MAP domain/ });
  const wrong = {
    ...DOMAIN,
    ...{ status: 'Error_Misconfigured', reason: 'no rule is enabled', address: null },
    ...{ portSets: [], flows: null, portsInUse: null, shared: null, psid: null },
  };
  const said = await cli(
    ['map'],
    busOf({
      ...none,
      domains: [wrong],
      refusedOptions: 3,
      refusal: 'option 95, byte 2: truncated',
    }),
  );
  t.match(said.err, /dhcp6\.1: no rule is enabled\n3 options were refused, the last: option 95/);
  t.match(said.out, /Error_Misconfigured/);
});
