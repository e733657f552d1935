// needs root: network namespaces
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { parseMac } from '#src/base/ip.ts';
import { formatIp } from '#src/base/ip6.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxNeighbours } from '#src/os/linux/neighbours.ts';
import type { Neighbour, NeighbourBurst } from '#src/os/ports-neighbours.ts';
import { runAlone, sh } from '../../lib/netns.ts';

runAlone(t, 'neighbour tables', import.meta.url, run);

async function open(t: Test, monitorBytes?: number): Promise<LinuxNeighbours> {
  const reactor = new Reactor(loadNative());
  const opened = LinuxNeighbours.open(reactor, monitorBytes === undefined ? {} : { monitorBytes });
  if (!opened.ok) throw opened.error;
  t.teardown(async () => {
    await opened.value[Symbol.asyncDispose]();
    await opened.value[Symbol.asyncDispose]();
    if (reactor.open !== 0) throw new Error('descriptors are left open');
    await reactor[Symbol.asyncDispose]();
  });
  return opened.value;
}

const mac = (text: string) => {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

const shown = ({ address }: Pick<Neighbour, 'address'>): string => formatIp(address);

/** The first burst that `want` accepts. */
function heard(from: LinuxNeighbours, want: (b: NeighbourBurst) => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = from.subscribe((burst) => {
    if (!want(burst)) return;
    subscription[Symbol.dispose]();
    resolve();
  });
  return promise;
}

const became = (from: LinuxNeighbours, address: string, state: Neighbour['state']) =>
  heard(from, (burst) => burst.changed.some((n) => shown(n) === address && n.state === state));

/** What `ip` says, so that the copy is measured by somebody else's reading. */
function agrees(t: Test, copy: LinuxNeighbours): void {
  const rows: { dst: string; lladdr?: string; state: string[] }[] = JSON.parse(
    sh('ip', '-j', 'neigh') || '[]',
  );
  t.same(
    copy
      .neighbours()
      .map((n) => `${shown(n)} ${n.mac ?? ''} ${n.state.toUpperCase()}`)
      .sort(),
    rows.map(({ dst, lladdr = '', state }) => `${dst} ${lladdr} ${state.join()}`).sort(),
  );
}

function run(): void {
  sh('ip', 'link', 'set', 'lo', 'up');
  sh('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  sh('ip', 'link', 'set', 'a1', 'address', '02:00:00:00:00:a1');
  // Its link-local address is what neighbours are asked from: it must not be tentative by then.
  writeFileSync('/proc/sys/net/ipv6/conf/a0/accept_dad', '0');
  for (const name of ['a0', 'a1']) sh('ip', 'link', 'set', name, 'up');
  sh('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'a0');
  sh('ip', 'address', 'add', '2001:db8::1/64', 'dev', 'a0', 'nodad');

  t.test('what is there at the start, what comes, and what goes', async (t) => {
    const add = (...rest: string[]) => sh('ip', 'neigh', 'replace', ...rest, 'dev', 'a0');
    add('192.0.2.9', 'lladdr', '02:00:00:00:00:09', 'nud', 'permanent');
    const copy = await open(t);
    agrees(t, copy);
    const stale = became(copy, '2001:db8::9', 'stale');
    add('2001:db8::9', 'lladdr', '02:00:00:00:00:09', 'nud', 'stale');
    await stale;
    agrees(t, copy);
    const gone = heard(copy, (burst) => burst.gone.some((n) => shown(n) === '192.0.2.9'));
    sh('ip', 'neigh', 'del', '192.0.2.9', 'dev', 'a0');
    await gone;
    agrees(t, copy);
    t.equal(copy.resyncs, 0);
  });

  t.test('a stale entry that is checked becomes reachable, or failed', async (t) => {
    for (const family of ['ipv4', 'ipv6']) {
      const folder = `/proc/sys/net/${family}/neigh/a0`;
      writeFileSync(`${folder}/delay_first_probe_time`, '0');
      writeFileSync(`${folder}/retrans_time_ms`, '100');
      writeFileSync(`${folder}/ucast_solicit`, '1');
      writeFileSync(`${folder}/mcast_solicit`, '1');
    }
    // The other end of the cable, which answers as another host would.
    using other = space('nb');
    sh('ip', 'link', 'set', 'a1', 'netns', other.name);
    const there = (...args: string[]) => sh('ip', '-n', other.name, ...args);
    sh('ip', 'netns', 'exec', other.name, 'sysctl', '-qw', 'net.ipv6.conf.a1.accept_dad=0');
    there('link', 'set', 'a1', 'up');
    there('address', 'add', '192.0.2.2/24', 'dev', 'a1');
    there('address', 'add', '2001:db8::2/64', 'dev', 'a1', 'nodad');
    const copy = await open(t);
    for (const [here, nobody] of [
      ['192.0.2.2', '192.0.2.77'],
      ['2001:db8::2', '2001:db8::77'],
    ] as const) {
      const stale = [became(copy, here, 'stale'), became(copy, nobody, 'stale')];
      for (const address of [here, nobody]) {
        const lladdr = ['lladdr', '02:00:00:00:00:a1'];
        sh('ip', 'neigh', 'replace', address, ...lladdr, 'nud', 'stale', 'dev', 'a0');
      }
      await Promise.all(stale);
      const ends = [became(copy, here, 'reachable'), became(copy, nobody, 'failed')];
      t.equal(copy.check(copy.neighbours().filter((n) => n.state === 'stale')), undefined);
      await Promise.all(ends);
      t.equal(copy.neighbours().find((n) => shown(n) === nobody)?.mac, undefined);
    }
    agrees(t, copy);
    const [first] = copy.neighbours();
    if (first === undefined) throw new Error('no entry');
    t.equal(copy.check([{ ...first, ifIndex: 9999 }]), undefined, 'an interface that is gone');
    sh('ip', 'neigh', 'flush', 'all');
    t.equal(copy.check([first]), undefined, 'an entry that is gone');
  });

  t.test('behind which port of a bridge somebody is', async (t) => {
    sh('ip', 'link', 'add', 'br0', 'type', 'bridge');
    sh('ip', 'link', 'add', 'b0', 'type', 'veth', 'peer', 'name', 'b1');
    sh('ip', 'link', 'add', 'c0', 'type', 'veth', 'peer', 'name', 'c1');
    t.teardown(() => {
      for (const name of ['br0', 'b0', 'c0']) sh('ip', 'link', 'del', name);
    });
    for (const name of ['b0', 'c0']) sh('ip', 'link', 'set', name, 'master', 'br0');
    for (const name of ['br0', 'b0', 'b1', 'c0', 'c1']) sh('ip', 'link', 'set', name, 'up');
    const indexOf = (name: string): number =>
      JSON.parse(sh('ip', '-j', 'link', 'show', name))[0].ifindex;
    const learned = (name: string) =>
      sh('bridge', 'fdb', 'replace', '02:00:00:00:00:77', 'dev', name, 'master', 'dynamic');
    learned('b0');
    const copy = await open(t);
    const host = mac('02:00:00:00:00:77');
    t.equal(copy.portOf(host), indexOf('b0'));
    const moved = heard(copy, ({ learned }) => learned.includes(host));
    learned('c0');
    await moved;
    t.equal(copy.portOf(host), indexOf('c0'));
    sh('bridge', 'fdb', 'del', '02:00:00:00:00:77', 'dev', 'c0', 'master');
    // What is heard after it tells that it was heard.
    const next = heard(copy, ({ learned }) => learned.includes(mac('02:00:00:00:00:78')));
    sh('bridge', 'fdb', 'add', '02:00:00:00:00:78', 'dev', 'c0', 'master', 'dynamic');
    await next;
    t.equal(copy.portOf(host), undefined);
  });

  t.test('lost notifications: everything is read again', async (t) => {
    sh('ip', 'link', 'add', 'd0', 'type', 'bridge');
    sh('ip', 'link', 'set', 'd0', 'up');
    const copy = await open(t, 1);
    const resync = heard(copy, (burst) => burst.resync);
    const lines = Array.from(
      { length: 400 },
      (_, i) =>
        `neigh replace 10.9.${i >> 8}.${i & 255} lladdr 02:00:00:00:01:01 dev d0 nud permanent`,
    );
    const { status } = spawnSync('ip', ['-batch', '-'], { input: lines.join('\n') });
    t.equal(status, 0);
    await resync;
    t.ok(copy.resyncs >= 1);
    t.equal(copy.neighbours().filter((n) => shown(n).startsWith('10.9.')).length, 400);
  });
}

/** A network namespace of this test's own. */
function space(name: string): Disposable & { readonly name: string } {
  const full = `gh-t-${name}-${process.pid}`;
  sh('ip', 'netns', 'add', full);
  return { name: full, [Symbol.dispose]: () => void sh('ip', 'netns', 'del', full) };
}
