/** IPv6 at the WAN with a real client and servers: kept through crashes, and right on the LAN after every change. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { DHCP6 } from '../../src/wire/dhcp6.ts';
import { advertiser, dnsmasq, ISP_RANGE, Kea6, Server, TalkingServer6 } from '../lib/isp.ts';
import { home, type Namespaces, noNamespaces, signalIfThere } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import type { Isp6Mood } from './dhcp6-isp.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv6.Client.1.';
const skip = noNamespaces() ?? false;
const { SOLICIT, REQUEST, RENEW, RELEASE } = DHCP6;
const TIMES = { preferred: 300, valid: 600, t1: 150, t2: 240 };

/** Addresses that a host of the LAN uses for new connections, and those that it uses no more. */
function hostOf(spaces: Namespaces): {
  readonly preferred: string[];
  readonly deprecated: string[];
} {
  const shown = spaces.exec(
    'lan',
    'ip',
    '-6',
    '-o',
    'address',
    'show',
    'dev',
    'eth0',
    'scope',
    'global',
  );
  const lines = shown.split('\n').filter((line) => line.includes('inet6 2001:'));
  const address = (line: string) => /inet6 (\S+)/.exec(line)?.[1] ?? '';
  const old = (line: string) => line.includes('deprecated') || /preferred_lft 0sec/.test(line);
  return {
    preferred: lines.filter((line) => !old(line)).map(address),
    deprecated: lines.filter(old).map(address),
  };
}

/** Waits until the host uses addresses of just these prefixes; gives the milliseconds that it took. */
async function settles(
  router: Router,
  spaces: Namespaces,
  wanted: readonly string[],
  timeoutMs = 60_000,
): Promise<number> {
  const from = performance.now();
  await router.until(
    `the host uses ${wanted.join()}: ${JSON.stringify(hostOf(spaces))}`,
    () => {
      const { preferred } = hostOf(spaces);
      return (
        preferred.length === wanted.length &&
        wanted.every((prefix) => preferred.some((address) => address.startsWith(prefix)))
      );
    },
    timeoutMs,
  );
  return performance.now() - from;
}

/** What the firewall lets through, and what not. */
async function passes(t: Checks, router: Router, spaces: Namespaces): Promise<void> {
  const linkLocal = /fe80\S+(?=\/)/.exec(
    spaces.exec('r', 'ip', '-6', 'address', 'show', 'dev', 'wan0'),
  );
  const route = ['2001:db8:1000::/40', 'via', linkLocal?.[0] ?? '', 'dev', 'isp0'];
  spaces.exec('isp', 'ip', '-6', 'route', 'add', ...route);
  const [host = ''] = hostOf(spaces).preferred;
  const [inside] = host.split('/');
  const runs = (node: string, command: string): number =>
    spawnSync('ip', spaces.argv(node, 'sh', '-c', command), { timeout: 60_000 }).status ?? 1;
  await router.until(
    'the host reaches the ISP',
    () => runs('lan', 'ping -6 -c 1 -W 1 2001:db8:f::1 >/dev/null') === 0,
  );
  t.equal(runs('isp', `ping -6 -c 1 -W 30 ${inside} >/dev/null`), 0, 'echo comes in (RFC 4890)');
  const knock = (node: string, to: string, sec = 2) =>
    runs(node, `timeout ${sec} bash -c 'exec 3<>/dev/tcp/${to}/9' 2>/dev/null`);
  t.equal(knock('lan', '2001:db8:f::1', 30), 1, 'out: an answer comes back');
  t.equal(knock('isp', inside ?? ''), 124, 'in: silence');
  t.equal(knock('isp', '2001:db8:1000:2::1'), 124, 'nor to the box itself');
  const ula = /fd\S+(?=\/64)/.exec(
    spaces.exec('lan', 'ip', '-6', '-o', 'address', 'show', 'dev', 'eth0'),
  );
  t.not(
    runs('lan', `ping -6 -I ${ula?.[0]} -c 1 -W 1 2001:db8:f::1 >/dev/null`),
    0,
    'RFC 4193 §4.3',
  );
}

type Checks = Pick<typeof t, 'equal' | 'not'>;

const nothingWritten = (): (() => string) => {
  const files = ['/etc/resolv.conf', '/etc/ntp.conf', '/etc/localtime'];
  const read = () =>
    files
      .map((file) => {
        try {
          return readFileSync(file, 'latin1');
        } catch {
          return '';
        }
      })
      .join('\0');
  return read;
};

t.test(
  'bound, routed, and kept through twenty kills of clients and daemon',
  { skip },
  async (t) => {
    const etc = nothingWritten();
    const before = etc();
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('v6kill'));
    stack.use(await Kea6.start(spaces, 'isp', { ...TIMES, delegates: ['2001:db8:1000::/40-56'] }));
    stack.use(await advertiser(spaces, 'isp'));
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const router = stack.use(new Router(spaces, 'r'));
    await router.start();
    await router.waitFor(`${CLIENT}X_GATEHOUSE_State`, 'Bound');
    await settles(router, spaces, ['2001:db8:1000:2:']);
    const address = (await router.value(`${CLIENT}X_GATEHOUSE_Addresses`)) ?? '';
    t.match(address, /^2001:db8:f::1/);
    t.match(spaces.exec('r', 'ip', '-6', 'route'), /unreachable 2001:db8:1000::\/56/);
    await router.until('a router was heard', () =>
      /default via fe80\S+ dev wan0 proto ra/.test(spaces.exec('r', 'ip', '-6', 'route')),
    );
    t.match(spaces.exec('lan', 'ip', '-6', 'route'), /default via fe80\S+ dev eth0 proto ra/);

    await passes(t, router, spaces);
    await router.waitFor('Device.DHCPv4.Client.1.DHCPStatus', 'Bound');
    const address4 = await router.value('Device.DHCPv4.Client.1.IPAddress');
    const duid = await router.value(`${CLIENT}DUID`);
    const monitor = stack.use(new Server(spaces, 'r', 'ip', ['monitor', 'address']));
    const deleted = () =>
      monitor.lines.filter((line) => /Deleted/.test(line) && /2001:db8|198\.51/.test(line));
    const pids = new Set<number>();
    for (let round = 0; round < 20; round++) {
      const [pid] = await router.until('a client runs', () => {
        const running = router.processes('dibbler-client').filter((one) => !pids.has(one));
        return running.length > 0 ? running : undefined;
      });
      if (pid === undefined) return t.fail('no client');
      pids.add(pid);
      const both = round % 2 === 0;
      if (both) await router.stop('SIGKILL');
      for (const one of [pid, ...router.processes('udhcpc')]) signalIfThere(one, 'SIGKILL');
      if (both) await router.start();
      if (round % 5 !== 4) continue;
      await router.waitFor(`${CLIENT}X_GATEHOUSE_State`, 'Bound', 70_000);
    }
    await router.waitFor(`${CLIENT}X_GATEHOUSE_State`, 'Bound', 70_000);
    t.equal(pids.size, 20, 'twenty clients were killed');
    t.equal(await router.value(`${CLIENT}DUID`), duid, 'the same DUID');
    t.equal(await router.value(`${CLIENT}X_GATEHOUSE_Prefixes`), '2001:db8:1000::/56');
    t.equal(await router.value(`${CLIENT}X_GATEHOUSE_Addresses`), address);
    t.equal(await router.value('Device.DHCPv4.Client.1.IPAddress'), address4);
    t.same(deleted(), [], 'no address was removed');
    t.same(hostOf(spaces).deprecated, [], 'the LAN noticed nothing');
    t.equal(etc(), before, 'nothing of /etc was touched');
  },
);

const LEASE: Partial<Isp6Mood> = {
  mode: 'answer',
  addresses: ['2001:db8:f::50'],
  validSec: 1200,
  preferredSec: 600,
};

t.test('the ISP changes its mind', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('v6moods'));
  const server = stack.use(new TalkingServer6(spaces, 'isp'));
  await server.mood({ ...LEASE, prefixes: ['2001:db8:1100::/56'], t1Sec: 2 });
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  await settles(router, spaces, ['2001:db8:1100:2:']);
  const addresses = () => spaces.exec('r', 'ip', '-6', 'address', 'show', 'dev', 'wan0');
  /** The moment of the answer that brings the change, to when the host is right. */
  const after = async (
    what: string,
    mood: Parameters<TalkingServer6['mood']>[0],
    wanted: readonly string[],
    type: number | 'any' = RENEW,
  ): Promise<void> => {
    const asked = (): number => (type === 'any' ? server.all : server.seen(type)).length;
    const seen = asked();
    await server.mood(mood);
    await router.until('the server was asked', () => asked() > seen);
    const tookMs = await settles(router, spaces, wanted);
    t.comment(`${what}: ${Math.round(tookMs)} ms`);
    const { deprecated } = hostOf(spaces);
    t.ok(
      deprecated.every((address) => !wanted.some((prefix) => address.startsWith(prefix))),
      'what the host has besides is deprecated',
    );
  };
  await after(
    'another prefix, the old one with lifetimes of zero',
    { prefixes: ['2001:db8:1200::/56'], gone: ['2001:db8:1100::/56'] },
    ['2001:db8:1200:2:'],
  );
  t.ok(hostOf(spaces).deprecated.some((address) => address.startsWith('2001:db8:1100:2:')));
  t.notMatch(spaces.exec('r', 'ip', '-6', 'route'), /2001:db8:1100:/);
  await after(
    'a /60 in place of a /56',
    { prefixes: ['2001:db8:1300::/60'], gone: ['2001:db8:1200::/56'] },
    ['2001:db8:1300:2:'],
  );
  await after(
    'NoBinding, and another prefix for who asks anew',
    {
      prefixes: ['2001:db8:1400::/56'],
      gone: [],
      renewStatus: 3,
    },
    ['2001:db8:1400:2:'],
  );
  await server.mood({ renewStatus: 0 });
  await after('two prefixes', { prefixes: ['2001:db8:1400::/56', '2001:db8:1500::/56'] }, [
    '2001:db8:1400:2:',
    '2001:db8:1500:2:',
  ]);
  await after(
    'one of them is no more',
    { prefixes: ['2001:db8:1500::/56'], gone: ['2001:db8:1400::/56'] },
    ['2001:db8:1500:2:'],
  );
  t.match(addresses(), /2001:db8:f::50\/128/);
  await after(
    'NoAddrsAvail and NoPrefixAvail',
    { addresses: [], prefixes: [], gone: [] },
    [],
    'any',
  );
  await router.until('the address is gone', () => !addresses().includes('2001:db8:f::50'));
  await server.mood({ ...LEASE, prefixes: ['2001:db8:1600::/56'] });
  await router.rows('operate', { command: `${CLIENT}Renew()` });
  await settles(router, spaces, ['2001:db8:1600:2:']);
  await after('withdrawn', { prefixes: [], gone: ['2001:db8:1600::/56'] }, []);
  t.match(hostOf(spaces).deprecated.join(), '2001:db8:1600:2:');
  t.notMatch(spaces.exec('lan', 'ip', '-6', 'route'), /default/, 'nor is it a default router now');
});

t.test('the daemon dies while the ISP renumbers', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('v6dead'));
  const server = stack.use(new TalkingServer6(spaces, 'isp'));
  await server.mood({ ...LEASE, prefixes: ['2001:db8:2100::/56'], t1Sec: 3 });
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  await settles(router, spaces, ['2001:db8:2100:2:']);
  for (const [i, next] of ['2200', '2300', '2400'].entries()) {
    const last = `2001:db8:2${i + 1}00::/56`;
    const seen = server.seen(RENEW).length;
    await server.mood({ prefixes: [`2001:db8:${next}::/56`], gone: [last] });
    // Before the answer, in the middle of what it brings, and right after.
    if (i === 0) await router.stop('SIGKILL');
    await router.until('it was told', () => server.seen(RENEW).length > seen);
    if (i === 1) await router.stop('SIGKILL');
    if (i === 2) {
      await router.until('it is held', async () =>
        (await router.value(`${CLIENT}X_GATEHOUSE_Prefixes`))?.includes(next),
      );
      await router.stop('SIGKILL');
    }
    await router.start();
    await settles(router, spaces, [`2001:db8:${next}:2:`]);
    t.ok(
      hostOf(spaces).deprecated.some((address) => address.startsWith(last.slice(0, 13))),
      last,
    );
    t.equal(await router.value(`${CLIENT}X_GATEHOUSE_Prefixes`), `2001:db8:${next}::/56`);
  }
});

t.test(
  'what it held is asked for again after a reboot, and options are read',
  { skip },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('v6boot'));
    const server = stack.use(new TalkingServer6(spaces, 'isp'));
    const vendor = '0000118b00070004deadbeef';
    await server.mood({
      ...{ ...LEASE, prefixes: ['2001:db8:3100::/56', '2001:db8:3200::/60'] },
      options: {
        ...{
          17: vendor,
          64: '04616674720369737003636f6d00',
          94: '00',
          95: '005900150110',
          22: 'dead',
        },
        ...{
          31: '20010db8000f00000000000000000123',
          56: '0001001020010db8000f00000000000000000124',
        },
      },
    });
    const rows = {
      [`${CLIENT}RapidCommit`]: 'true',
      [`${CLIENT}X_GATEHOUSE_PrefixHints`]: '::/56,::/60',
      [`${CLIENT}SuggestedT1`]: '500',
      [`${CLIENT}SentOption.1.Enable`]: 'true',
      [`${CLIENT}SentOption.1.Tag`]: '15',
      [`${CLIENT}SentOption.1.Value`]: '0004ABCD1234',
    };
    const router = stack.use(new Router(spaces, 'r', { rows }));
    await router.start();
    await settles(router, spaces, ['2001:db8:3100:2:', '2001:db8:3200:2:']);
    t.equal(server.seen(REQUEST).length, 0, 'a rapid commit, of which the hook says nothing');
    const [asked] = server.seen(SOLICIT);
    t.same(asked?.hints, ['::/56', '::/60'], 'two prefixes of these lengths are asked for');
    t.same(asked?.iaids, [256, 257, 258], 'each IA has a number of its own');
    t.equal(asked?.sent['15'], '0004abcd1234');
    t.match(asked?.sent['6'], /0011.*0040.*005e005f/, 'and the options');
    t.equal(asked?.sent['3']?.slice(0, 16), '00000100000001f4', 'and T1 is suggested');
    const values = await router.get(CLIENT);
    t.equal(values[`${CLIENT}X_GATEHOUSE_AFTR`], 'aftr.isp.com');
    t.equal(values[`${CLIENT}X_GATEHOUSE_NTPServers`], '2001:db8:f::124,2001:db8:f::123');
    t.equal(values[`${CLIENT}X_GATEHOUSE_VendorOptions`], '4491:7=deadbeef');
    t.equal(values[`${CLIENT}X_GATEHOUSE_SIPServers`], '', 'malformed');
    t.equal(values[`${CLIENT}X_GATEHOUSE_Stats.MalformedOptions`], '1', 'and counted');
    t.equal(values[`${CLIENT}X_GATEHOUSE_Reason`], '');
    const received = Object.entries(values).filter(([path]) => path.includes('ReceivedOption'));
    t.match(received.find(([, value]) => value === '95')?.[0], /Tag$/, 'raw for whoever reads it');
    t.match(
      (await router.value('Device.IP.Interface.2.IPv6Prefix.2.Origin')) +
        ((await router.value('Device.IP.Interface.2.IPv6Prefix.3.Origin')) ?? ''),
      'ChildChild',
    );

    const duid = asked?.duid;
    await router.reboot(30);
    spaces.exec('r', 'ip', '-6', 'address', 'flush', 'dev', 'wan0', 'scope', 'global');
    for (const pid of router.processes('dibbler-client')) signalIfThere(pid, 'SIGKILL');
    const before = server.seen(SOLICIT).length;
    await router.start();
    const again = await router.until('it asks again', () => server.seen(SOLICIT)[before]);
    t.same(again.hints, ['2001:db8:3100::/56', '2001:db8:3200::/60'], 'the same are asked for');
    t.equal(again.duid, duid, 'by the same DUID');
    await settles(router, spaces, ['2001:db8:3100:2:', '2001:db8:3200:2:']);
    t.same(await router.set({ [`${CLIENT}Enable`]: 'false' }), []);
    await router.until('it is given back', () => server.seen(RELEASE).length > 0);
    await router.until('and gone', () => router.processes('dibbler-client').length === 0);
    await settles(router, spaces, []);
    t.notMatch(spaces.exec('r', 'ip', '-6', 'address'), /2001:db8/);
  },
);

t.test('Kea renumbers, and withdraws', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('v6kea'));
  const times = { preferred: 300, valid: 600, t1: 3, t2: 240 };
  const kea = stack.use(
    await Kea6.start(spaces, 'isp', { ...times, delegates: ['2001:db8:4000::/40-56'] }),
  );
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  await settles(router, spaces, ['2001:db8:4000:2:']);
  await kea.configure({ ...times, delegates: ['2001:db8:5000::/40-60'] });
  await settles(router, spaces, ['2001:db8:5000:2:']);
  t.match(hostOf(spaces).deprecated.join(), '2001:db8:4000:2:');
  t.equal(await router.value(`${CLIENT}X_GATEHOUSE_Prefixes`), '2001:db8:5000::/60');
  await kea.configure({ ...times, delegates: [] });
  await settles(router, spaces, []);
  t.match(hostOf(spaces).deprecated.join(), '2001:db8:5000:2:');
});
