// needs root: network namespaces
import { spawnSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { type Ipv4, OWN_PROTOCOL, type PrefixLen, parseIpv4 } from '#src/base/ip.ts';
import { formatIpv6, type Ipv6, type PrefixLen6, parseIpv6 } from '#src/base/ip6.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxNet } from '#src/os/linux/net.ts';
import type { Address, Address6, NetChange, NetEvent, Route, Route6 } from '#src/os/ports.ts';
import { runAlone, sh } from '../../lib/netns.ts';

runAlone(t, 'rtnetlink', import.meta.url, run);

function ip(text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}
function ip6(text: string): Ipv6 {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}
const len = (n: number): PrefixLen => n as PrefixLen;

async function open(t: Test, monitorBytes?: number): Promise<LinuxNet> {
  const reactor = new Reactor(loadNative());
  const net = LinuxNet.open(reactor, monitorBytes === undefined ? {} : { monitorBytes });
  if (!net.ok) throw net.error;
  t.teardown(async () => {
    await net.value[Symbol.asyncDispose]();
    await net.value[Symbol.asyncDispose]();
    if (reactor.open !== 0) throw new Error('descriptors are left open');
    await reactor[Symbol.asyncDispose]();
  });
  return net.value;
}

/** What `ip` says, so that the copy is measured by somebody else's reading. */
const ipJson = (...args: string[]): Record<string, unknown>[] =>
  JSON.parse(sh('ip', '-j', ...args) || '[]');

function indexOf(net: LinuxNet, name: string): number {
  const link = net.links().find((l) => l.name === name);
  if (link === undefined) throw new Error(`no ${name}`);
  return link.ifIndex;
}

const addressOf = (ifIndex: number, text: string, length: number): Address => ({
  ifIndex,
  address: ip(text),
  prefixLen: len(length),
  broadcast: undefined,
  protocol: OWN_PROTOCOL,
});

const routeOf = (ifIndex: number | undefined, over: Partial<Route>): Route => ({
  type: 'unicast',
  destination: ip('0.0.0.0'),
  prefixLen: len(0),
  gateway: undefined,
  ifIndex,
  metric: 0,
  source: undefined,
  table: 254,
  protocol: OWN_PROTOCOL,
  scope: 'universe',
  onLink: false,
  ...over,
});

/** The next event that `want` accepts. */
function heard(net: LinuxNet, want: (event: NetEvent) => boolean): Promise<NetEvent> {
  const { promise, resolve } = Promise.withResolvers<NetEvent>();
  const subscription = net.subscribe((events) => {
    const event = events.find(want);
    if (event === undefined) return;
    subscription[Symbol.dispose]();
    resolve(event);
  });
  return promise;
}

/** The copy says what `ip` says. The kernel sets operational states in its own time: the tests of the codec look at them. */
function agrees(t: Test, net: LinuxNet): void {
  const links = ipJson('link').map(
    (l) => `${l['ifname']} ${l['mtu']} ${(l['flags'] as string[]).includes('UP')}`,
  );
  t.same(
    net
      .links()
      .map((l) => `${l.name} ${l.mtu} ${l.adminUp}`)
      .sort(),
    links.sort(),
  );
  const addresses = ipJson('-4', 'addr').flatMap((l) =>
    (l['addr_info'] as { local: string; prefixlen: number }[]).map(
      (a) => `${ip(a.local)}/${a.prefixlen}`,
    ),
  );
  t.same(
    net
      .addresses()
      .map((a) => `${a.address}/${a.prefixLen}`)
      .sort(),
    addresses.sort(),
  );
  const routes = ipJson('-4', 'route').map((r) => {
    const [dst = '', length = '32'] =
      r['dst'] === 'default' ? ['0.0.0.0', '0'] : String(r['dst']).split('/');
    return `${ip(dst)}/${length} ${r['gateway'] === undefined ? '' : ip(String(r['gateway']))} ${r['metric'] ?? 0}`;
  });
  t.same(
    net
      .routes()
      .map((r) => `${r.destination}/${r.prefixLen} ${r.gateway ?? ''} ${r.metric}`)
      .sort(),
    routes.sort(),
  );
}

/** Likewise for IPv6, but for what the kernel keeps to itself. */
function agrees6(t: Test, net: LinuxNet): void {
  // Its own link-local addresses, which pass detection in their own time.
  const kernels = (text: string): boolean => text.startsWith('fe80:');
  const addresses = ipJson('-6', 'addr').flatMap((l) =>
    (l['addr_info'] as { local: string; prefixlen: number; tentative?: boolean }[]).flatMap((a) =>
      a.tentative || kernels(a.local) ? [] : [`${a.local}/${a.prefixlen}`],
    ),
  );
  const copied = net
    .addresses6()
    .filter((a) => a.dad === 'done' && !kernels(formatIpv6(a.address)))
    .map((a) => `${formatIpv6(a.address)}/${a.prefixLen}`);
  t.same(copied.sort(), addresses.sort());
  const routes = ipJson('-6', 'route').map(
    (r) => `${String(r['dst']).replace(/^default$/, '::/0')} ${r['gateway'] ?? ''} ${r['metric']}`,
  );
  const held = net.routes6().map((r) => {
    const length = r.prefixLen === 128 ? '' : `/${r.prefixLen}`;
    const gateway = r.gateway === undefined ? '' : formatIpv6(r.gateway);
    return `${formatIpv6(r.destination)}${length} ${gateway} ${r.metric}`;
  });
  t.same(held.sort(), routes.sort());
}

function run(): void {
  sh('ip', 'link', 'set', 'lo', 'up');

  t.test('IPv6: addresses with lifetimes, routes, duplicates, a cable', async (t) => {
    sh('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
    t.teardown(() => sh('ip', 'link', 'del', 'a0'));
    const net = await open(t);
    const a0 = indexOf(net, 'a0');
    const apply = (...changes: NetChange[]): void => {
      const done = changes.map(() => undefined);
      t.same(net.apply(changes), done);
    };
    apply(
      { op: 'link.set', ifIndex: a0, adminUp: true },
      { op: 'link.set', ifIndex: indexOf(net, 'a1'), adminUp: true },
    );
    const address: Address6 = {
      ...{ ifIndex: a0, address: ip6('fd00::1'), prefixLen: 64 as PrefixLen6, dad: 'done' },
      ...{ preferredSec: 600, validSec: 1200, protocol: OWN_PROTOCOL },
    };
    const route: Route6 = {
      ...{ type: 'unicast', destination: ip6('fd00:0:0:100::'), prefixLen: 60 as PrefixLen6 },
      ...{ gateway: ip6('fe80::9'), ifIndex: a0, metric: 1024, table: 254 },
      protocol: OWN_PROTOCOL,
    };
    const mine = () => net.addresses6().find((a) => a.address === address.address);
    apply({ op: 'address6.set', address }, { op: 'route6.replace', route });
    t.match(mine(), { preferredSec: 600, validSec: 1200, protocol: OWN_PROTOCOL });
    const passed = heard(net, () => mine()?.dad === 'done');
    if (mine()?.dad !== 'done') await passed;
    agrees6(t, net);
    apply({ op: 'address6.set', address: { ...address, preferredSec: 0, validSec: Infinity } });
    t.match(mine(), { preferredSec: 0, validSec: Infinity }, 'deprecated');
    apply({ op: 'route6.replace', route: { ...route, gateway: ip6('fe80::8') } });
    agrees6(t, net);
    apply({ op: 'route6.del', route: { ...route, gateway: ip6('fe80::8') } });
    apply({ op: 'route6.del', route });
    agrees6(t, net);

    // a1 takes the same address: whoever comes second does not get it.
    sh('ip', '-6', 'address', 'add', 'fd00::2/64', 'dev', 'a1', 'nodad');
    // One with an end would simply be taken away by the kernel.
    const forever = { preferredSec: Infinity, validSec: Infinity };
    const second: Address6 = { ...address, ...forever, address: ip6('fd00::2') };
    const theirs = () =>
      net.addresses6().find((a) => a.address === second.address && a.ifIndex === a0);
    const failed = heard(net, () => theirs()?.dad === 'failed');
    apply({ op: 'address6.set', address: second });
    await failed;
    apply({ op: 'address6.del', address: second }, { op: 'address6.del', address });
    apply({ op: 'address6.del', address });
    t.equal(mine(), undefined);
    apply({ op: 'address6.set', address });
    const lost = heard(net, () => mine() === undefined);
    sh('ip', 'link', 'set', 'a0', 'down');
    await lost;
    agrees6(t, net);
  });

  t.test('addresses and routes are set in one go, and the copy holds them at once', async (t) => {
    sh('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
    t.teardown(() => sh('ip', 'link', 'del', 'a0'));
    const net = await open(t);
    const a0 = indexOf(net, 'a0');
    const address = addressOf(a0, '192.0.2.7', 24);
    const metric = routeOf(a0, { gateway: ip('192.0.2.1'), metric: 300, source: ip('192.0.2.7') });
    const far = routeOf(a0, {
      destination: ip('198.51.100.0'),
      prefixLen: len(25),
      gateway: ip('203.0.113.9'),
      onLink: true,
      metric: 300,
    });
    const link = routeOf(a0, { destination: ip('203.0.113.0'), prefixLen: len(24), scope: 'link' });
    const hole = routeOf(undefined, {
      type: 'blackhole',
      destination: ip('10.0.0.0'),
      prefixLen: len(8),
    });
    const add: NetChange[] = [
      { op: 'link.set', ifIndex: a0, adminUp: true, mtu: 1400 },
      { op: 'link.set', ifIndex: indexOf(net, 'a1'), adminUp: true },
      { op: 'address.add', address },
      { op: 'route.replace', route: metric },
      { op: 'route.replace', route: far },
      { op: 'route.replace', route: link },
      { op: 'route.replace', route: hole },
    ];
    t.same(
      net.apply(add),
      add.map(() => undefined),
    );
    t.match(
      net.links().find((l) => l.ifIndex === a0),
      { mtu: 1400, adminUp: true, kind: 'veth' },
    );
    const own = (): readonly Route[] => net.routes().filter((r) => r.protocol === OWN_PROTOCOL);
    t.match(
      net.addresses().find((a) => a.ifIndex === a0),
      { address: ip('192.0.2.7'), protocol: OWN_PROTOCOL },
    );
    t.match(own(), [metric, far, link, { ...hole, ifIndex: undefined }]);
    agrees(t, net);

    t.same(
      net.apply([
        { op: 'address.add', address },
        { op: 'route.replace', route: metric },
      ]),
      [undefined, undefined],
      'again: nothing to do',
    );
    const moved = { ...metric, gateway: ip('192.0.2.2') };
    t.same(net.apply([{ op: 'route.replace', route: moved }]), [undefined]);
    t.match(
      own().filter((r) => r.prefixLen === 0),
      [moved],
      'replaced, not added',
    );
    agrees(t, net);

    const remove: NetChange[] = [
      { op: 'route.del', route: moved },
      { op: 'route.del', route: metric },
      { op: 'route.del', route: far },
      { op: 'route.del', route: hole },
      { op: 'address.del', address },
      { op: 'address.del', address },
    ];
    t.same(
      net.apply(remove),
      remove.map(() => undefined),
      'gone already counts as done',
    );
    t.same(own(), [], 'the kernel drops the last route with the last address, without a word');
    agrees(t, net);
  });

  t.test('each change fails on its own, with the kernel’s reason', async (t) => {
    sh('ip', 'link', 'add', 'b0', 'type', 'veth', 'peer', 'name', 'b1');
    sh('ip', 'link', 'set', 'b0', 'up');
    t.teardown(() => sh('ip', 'link', 'del', 'b0'));
    const net = await open(t);
    const b0 = indexOf(net, 'b0');
    const outcomes = net.apply([
      { op: 'address.add', address: addressOf(b0, '192.0.2.7', 24) },
      { op: 'route.replace', route: routeOf(b0, { gateway: ip('203.0.113.1') }) },
      { op: 'address.add', address: addressOf(99_999, '192.0.2.8', 24) },
      { op: 'link.set', ifIndex: b0, mtu: 10 },
      { op: 'link.set', ifIndex: b0, mtu: 1300 },
    ]);
    t.equal(outcomes[0], undefined);
    t.match(outcomes[1], { code: 'ENETUNREACH', message: /Nexthop has invalid gateway/ });
    t.match(outcomes[2], { code: 'ENODEV' });
    t.match(outcomes[3], { code: 'EINVAL', message: /mtu/i });
    t.equal(outcomes[4], undefined);
    agrees(t, net);
  });

  t.test('hundreds of changes in one call', async (t) => {
    sh('ip', 'link', 'add', 'c0', 'type', 'bridge');
    sh('ip', 'link', 'set', 'c0', 'up');
    t.teardown(() => sh('ip', 'link', 'del', 'c0'));
    const net = await open(t);
    const c0 = indexOf(net, 'c0');
    const routes = Array.from({ length: 700 }, (_, i) =>
      routeOf(c0, {
        destination: ip(`10.${i >> 8}.${i & 255}.0`),
        prefixLen: len(24),
        scope: 'link',
      }),
    );
    const outcomes = net.apply(routes.map((route) => ({ op: 'route.replace', route })));
    t.equal(outcomes.filter((o) => o !== undefined).length, 0);
    t.equal(outcomes.length, 700);
    t.equal(net.routes().filter((r) => r.protocol === OWN_PROTOCOL).length, 700);
    t.equal(net.resyncs, 0);
    agrees(t, net);
  });

  t.test('bridges', async (t) => {
    sh('ip', 'link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'd1');
    t.teardown(() => sh('ip', 'link', 'del', 'd0'));
    const net = await open(t);
    t.same(net.apply([{ op: 'bridge.add', name: 'br-t' }]), [undefined]);
    t.same(net.apply([{ op: 'bridge.add', name: 'br-t' }]), [undefined], 'there already');
    const bridge = indexOf(net, 'br-t');
    const d0 = indexOf(net, 'd0');
    t.equal(net.links().find((l) => l.ifIndex === bridge)?.kind, 'bridge');
    t.same(net.apply([{ op: 'link.set', ifIndex: d0, master: bridge }]), [undefined]);
    t.equal(net.links().find((l) => l.ifIndex === d0)?.master, bridge);
    t.same(net.apply([{ op: 'link.set', ifIndex: d0, master: 0 }]), [undefined]);
    t.equal(net.links().find((l) => l.ifIndex === d0)?.master, undefined, 'out again, still there');
    t.same(
      net.apply([
        { op: 'link.del', ifIndex: bridge },
        { op: 'link.del', ifIndex: bridge },
      ]),
      [undefined, undefined],
    );
    agrees(t, net);
  });

  t.test('what others do is heard', async (t) => {
    sh('ip', 'link', 'add', 'e0', 'type', 'veth', 'peer', 'name', 'e1');
    const net = await open(t);
    const e0 = indexOf(net, 'e0');
    const up = heard(net, (e) => e.what === 'link' && e.ifIndex === e0);
    sh('ip', 'link', 'set', 'e0', 'up');
    await up;
    const address = heard(net, (e) => e.what === 'address' && e.ifIndex === e0);
    sh('ip', 'addr', 'add', '192.0.2.9/24', 'dev', 'e0');
    await address;
    const route = heard(net, (e) => e.what === 'route');
    sh('ip', 'route', 'add', '198.51.100.0/24', 'via', '192.0.2.1');
    await route;
    agrees(t, net);

    // The kernel tells of no route when it drops those of a link that goes down.
    const down = heard(net, (e) => e.what === 'link' && e.ifIndex === e0);
    sh('ip', 'link', 'set', 'e0', 'down');
    await down;
    t.same(
      net.routes().filter((r) => r.ifIndex === e0),
      [],
    );
    agrees(t, net);

    const gone = heard(net, (e) => e.what === 'link' && e.ifIndex === e0);
    sh('ip', 'link', 'del', 'e0');
    await gone;
    t.equal(
      net.links().find((l) => l.ifIndex === e0),
      undefined,
    );
    t.equal(
      net.addresses().find((a) => a.ifIndex === e0),
      undefined,
    );
    agrees(t, net);
  });

  t.test('a foreign removal that waits unread does not undo a later change of ours', async (t) => {
    sh('ip', 'link', 'add', 'f0', 'type', 'bridge');
    sh('ip', 'link', 'set', 'f0', 'up');
    t.teardown(() => sh('ip', 'link', 'del', 'f0'));
    const net = await open(t);
    const address = addressOf(indexOf(net, 'f0'), '192.0.2.7', 24);
    net.apply([{ op: 'address.add', address }]);
    sh('ip', 'addr', 'del', '192.0.2.7/24', 'dev', 'f0'); // heard only when this function yields
    net.apply([{ op: 'address.add', address }]);
    agrees(t, net);
    const heardAll = heard(net, (e) => e.what === 'address');
    await heardAll;
    await new Promise(setImmediate);
    agrees(t, net);
  });

  t.test('counters are fresh when asked for', async (t) => {
    const net = await open(t);
    const lo = (): bigint => net.links().find((l) => l.name === 'lo')?.stats.txBytes ?? 0n;
    net.refreshStats();
    const before = lo();
    sh('bash', '-c', 'echo hello >/dev/udp/127.0.0.1/9 || true');
    net.refreshStats();
    t.ok(lo() > before);
  });

  t.test('lost notifications: everything is read again', async (t) => {
    sh('ip', 'link', 'add', 'g0', 'type', 'bridge');
    sh('ip', 'link', 'set', 'g0', 'up');
    t.teardown(() => sh('ip', 'link', 'del', 'g0'));
    const net = await open(t, 1);
    const resync = heard(net, (e) => e.what === 'resync');
    const lines = Array.from(
      { length: 500 },
      (_, i) => `addr add 10.9.${i >> 8}.${i & 255}/32 dev g0`,
    );
    const { status } = spawnSync('ip', ['-batch', '-'], { input: lines.join('\n') });
    t.equal(status, 0);
    await resync;
    t.ok(net.resyncs >= 1);
    t.equal(net.addresses().filter((a) => a.prefixLen === 32).length, 500);
    agrees(t, net);
  });
}
