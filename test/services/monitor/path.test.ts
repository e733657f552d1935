/** Trace and path MTU over five routers in a row, against Debian's traceroute and links of known size. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../../src/base/ip.ts';
import { formatIp, parseIpv6 } from '../../../src/base/ip6.ts';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxPathSockets } from '../../../src/os/linux/path.ts';
import type { PathProtocol } from '../../../src/os/ports-path.ts';
import { findMtu, MtuSearch } from '../../../src/services/monitor/mtu.ts';
import { trace } from '../../../src/services/monitor/trace.ts';
import { Namespaces, noNamespaces } from '../../lib/netns.ts';

t.setTimeout(240_000);

const HOPS = 6;
const TARGET = { 4: '10.7.5.2', 6: 'fd07:5::2' } as const;

const PROTOCOLS = { trace: ['icmp', 'udp', 'tcp'], mtu: ['icmp', 'udp'] } as const;

/** Runs inside the first namespace: `trace` or `mtu` by every protocol to both families at once; prints JSON. */
async function child(what: 'trace' | 'mtu'): Promise<void> {
  const native = loadNative();
  await using reactor = new Reactor(native);
  const deps = { sockets: new LinuxPathSockets(reactor), clock: new LinuxClock(native) };
  const { signal } = new AbortController();
  const one = async (family: 4 | 6, protocol: PathProtocol): Promise<readonly unknown[]> => {
    const address = family === 4 ? parseIpv4(TARGET[4]) : parseIpv6(TARGET[6]);
    if (!address.ok) throw new TypeError(address.error.message);
    const to = { protocol, address: address.value, scope: 0, ifName: '', dscp: 0, port: undefined };
    const rounds = {
      fragment: true,
      maxHops: 12,
      rounds: 2,
      timeoutMs: 20_000,
      intervalMs: 100,
      packetBytes: 60,
    };
    const done =
      what === 'trace'
        ? await trace(deps, { ...to, ...rounds }, signal)
        : await findMtu(deps, { ...to, timeoutMs: 3000 }, signal);
    return [`${protocol}${family}`, done];
  };
  const all = ([4, 6] as const).flatMap((family) =>
    PROTOCOLS[what].map((protocol) => one(family, protocol)),
  );
  const plain = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? formatIp(value as never) : value;
  process.stdout.write(JSON.stringify(Object.fromEntries(await Promise.all(all)), plain));
}

const self = fileURLToPath(import.meta.url);

function chain(): Namespaces {
  const net = new Namespaces('path');
  const node = (i: number): string => String(i);
  for (let i = 0; i <= HOPS; i++) {
    const settings = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
    net.exec(node(i), 'sysctl', '-qw', ...settings, 'net.ipv6.conf.default.accept_dad=0');
  }
  for (let i = 0; i < HOPS; i++) {
    net.link([node(i), 'next'], [node(i + 1), 'back']);
    for (const [at, dev, last] of [
      [i, 'next', 1],
      [i + 1, 'back', 2],
    ] as const) {
      net.exec(node(at), 'ip', 'address', 'add', `10.7.${i}.${last}/24`, 'dev', dev);
      net.exec(node(at), 'ip', 'address', 'add', `fd07:${i}::${last}/64`, 'dev', dev, 'nodad');
    }
  }
  for (let i = 0; i <= HOPS; i++) {
    for (let j = 0; j < HOPS; j++) {
      const near = j < i - 1 ? `${i - 1}` : j > i ? `${i}` : undefined;
      if (near === undefined) continue;
      const via = j > i ? 2 : 1;
      net.exec(node(i), 'ip', 'route', 'add', `10.7.${j}.0/24`, 'via', `10.7.${near}.${via}`);
      net.exec(
        node(i),
        'ip',
        '-6',
        'route',
        'add',
        `fd07:${j}::/64`,
        'via',
        `fd07:${near}::${via}`,
      );
    }
  }
  return net;
}

function tests(): void {
  const skip = noNamespaces();
  if (skip !== undefined) {
    t.test('a path of five routers', { skip }, () => {});
    return;
  }
  t.test('a path of five routers', async (t) => {
    using net = chain();
    const ask = async (what: 'trace' | 'mtu') => {
      const argv = net.argv('0', process.execPath, self, what);
      const run = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [said] = await Promise.all([text(run.stdout), once(run, 'exit')]);
      return JSON.parse(said);
    };
    const rationed = (ms: number): void => {
      for (let i = 1; i <= HOPS; i++) {
        const settings = [`net.ipv4.icmp_ratelimit=${ms}`, `net.ipv6.icmp.ratelimit=${ms}`];
        net.exec(String(i), 'sysctl', '-qw', ...settings);
      }
    };
    const others = (family: 4 | 6, way: string): string[] =>
      net
        .exec('0', 'traceroute', `-${family}`, '-n', '-q', '1', '-w', '20', way, TARGET[family])
        .split('\n')
        .slice(1)
        .flatMap((line) => line.trim().split(/\s+/).slice(1, 2));
    const ways = { icmp: '-I', udp: '-U', tcp: '-T' } as const;
    // Routers ration their errors, and six at once would get them in turns.
    rationed(0);
    const traced = await ask('trace');
    for (const family of [4, 6] as const) {
      for (const protocol of PROTOCOLS.trace) {
        const mine = traced[`${protocol}${family}`];
        t.match(mine, { ok: true, value: { reached: true, rounds: 2 } });
        const { hops } = mine.value;
        const who = hops.map(({ addresses }: { addresses: (number | string)[] }) =>
          addresses
            .map((one) => (typeof one === 'number' ? formatIpv4(one as Ipv4) : one))
            .join(' '),
        );
        t.same(who, others(family, ways[protocol]), `${protocol}, IPv${family}: as traceroute`);
        t.equal(who.length, HOPS);
        for (const hop of hops) t.match(hop, { sent: 2, received: 2, lossPercent: 0 });
        t.ok(hops.every((hop: { bestMs: number }) => hop.bestMs >= 0));
      }
    }
    const sizes = async (bytes: number, more: object) => {
      const found = await ask('mtu');
      for (const [way, one] of Object.entries(found)) {
        const value = { mtuBytes: bytes, linkMtuBytes: 1500, ...more };
        t.match(one, { ok: true, value }, `${bytes} by ${way}`);
      }
      t.equal(Object.keys(found).length, 4);
      return found;
    };
    await sizes(1500, { blackHole: false, said: [] });
    for (const bytes of [1280, 1400, 1492]) {
      net.exec('2', 'ip', 'link', 'set', 'dev', 'next', 'mtu', String(bytes));
      net.exec('3', 'ip', 'link', 'set', 'dev', 'back', 'mtu', String(bytes));
      if (bytes === 1492) rationed(1000);
      await sizes(bytes, { blackHole: false, said: [{ mtuBytes: bytes }] });
    }
    rationed(0);
    net.exec('2', 'nft', 'add', 'table', 'inet', 'hole');
    net.exec('2', 'nft', 'add chain inet hole out { type filter hook output priority 0 ; }');
    const silent = 'add rule inet hole out';
    net.exec('2', 'nft', `${silent} icmp type destination-unreachable icmp code 4 drop`);
    net.exec('2', 'nft', `${silent} icmpv6 type packet-too-big drop`);
    const found = await sizes(1492, { blackHole: true, said: [] });
    const before = { 4: 10 * 2 ** 24 + 7 * 2 ** 16 + 256 + 2, 6: 'fd07:1::2' };
    t.equal(found.icmp4.value.lostBehind, before[4], 'the router before it');
    t.equal(found.icmp6.value.lostBehind, before[6], 'the router before it');
  });

  t.test('the search ends at the right size, whatever router is silent or lies', async (t) => {
    for (const least of [68, 1280]) {
      for (const mtu of [1280, 1281, 1399, 1400, 1401, 1491, 1492, 1499, 1500, 8999, 9000]) {
        for (const says of ['truth', 'nothing', 'zero', 'larger', 'tiny'] as const) {
          const search = new MtuSearch(Math.max(576, least), 9000, least);
          let steps = 0;
          for (let size = search.next; size !== undefined; size = search.next) {
            if (++steps > 40) break;
            const said = { truth: mtu, zero: 0, larger: size + 10, tiny: 40 };
            if (size <= mtu) {
              search.add(size, { kind: 'reached', ms: 1, from: 1 as never, hopLimit: 1 });
            } else if (says === 'nothing') search.add(size, { kind: 'timeout' });
            else search.add(size, { kind: 'tooBig', mtu: said[says], from: 1 as never });
          }
          t.equal(search.mtu, mtu, `${mtu} of ${least} with ${says}`);
          t.ok(steps <= 24, `${steps} steps`);
        }
      }
    }
  });
}

const [what] = process.argv.slice(2);
if (what === 'trace' || what === 'mtu') await child(what);
else tests();
