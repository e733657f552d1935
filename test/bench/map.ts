/**
 * MAP-T beside what it stands on, in one network of namespaces with the same border relay: one TCP
 * flow from the LAN through port sets and TAYGA, beside TAYGA alone (the host of the LAN has the
 * public address itself, no nftables); and 1,000 connections at once through 252 ports, beside a
 * table that maps each connection to a set by `snat … map`, which nft takes for its first port.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Crowd } from '../interop/map-crowd.ts';
import { Server } from '../lib/isp.ts';
import { CUSTOMER, DOMAIN_ROWS, MapNet, WEB, within } from '../lib/map-net.ts';
import { median } from '../lib/median.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import { cpuSec } from '../lib/usage.ts';
import type { Bench, Comparison } from './run.ts';

const CROWD = join(import.meta.dirname, '../interop/map-crowd.ts');
const ROUNDS = 5;
const SECONDS = 2;

class Rig implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly spaces = this.#stack.use(new Namespaces('mapb'));
  readonly net = this.#stack.use(new MapNet(this.spaces));
  readonly router = this.#stack.use(new Router(this.spaces, 'r', { rows: DOMAIN_ROWS, tun: true }));
  /** The table of a Gatehouse that runs, to put back after each turn of the peer. */
  #table = '';

  async up(places: readonly string[]): Promise<void> {
    await this.net.relay();
    const { spaces, router } = this;
    const web = this.#stack.use(
      new Server(spaces, 'web', process.execPath, [CROWD, 'serve', ...places]),
    );
    await web.said(/serving/);
    const iperf = this.#stack.use(
      new Server(spaces, 'web', 'iperf3', ['-s', '-B', WEB, '--forceflush']),
    );
    await iperf.said(/listening/);
    await router.start();
    await router.waitFor('Device.MAP.Domain.1.Interface.Status', 'Up');
    this.net.routed();
    await router.until('traffic flows', async () =>
      within(spaces, 'lan', 'ping', '-c', '1', '-W', '1', WEB).then(
        () => true,
        () => false,
      ),
    );
    // What it set in the kernel stays; it would put back what the peer's turns change.
    await router.stop();
    this.#table = spaces.exec('r', 'nft', 'list', 'ruleset');
  }

  get tayga(): number {
    return this.router.processes('gh-map1.conf')[0] ?? 0;
  }

  nft(text: string): void {
    const argv = this.spaces.argv('r', 'nft', '-f', '-');
    const done = spawnSync('ip', argv, { input: `flush ruleset\n${text}`, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
  }

  /** Port sets as Gatehouse set them up. */
  ours(): void {
    const { exec } = { exec: this.spaces.exec.bind(this.spaces) };
    exec('lan', 'sh', '-c', `ip address del ${CUSTOMER.address}/32 dev eth0 2>/dev/null || true`);
    exec('r', 'sh', '-c', `ip route del ${CUSTOMER.address} 2>/dev/null || true`);
    exec('r', 'ip', 'address', 'replace', `${CUSTOMER.address}/32`, 'dev', 'gh-map1');
    exec('r', 'ip', 'route', 'replace', 'default', 'dev', 'gh-map1', 'metric', '4096');
    this.nft(this.#table);
  }

  /** TAYGA alone: the host has the address, the box only forwards. */
  alone(): void {
    const { exec } = { exec: this.spaces.exec.bind(this.spaces) };
    this.nft('');
    exec('r', 'sh', '-c', `ip address del ${CUSTOMER.address}/32 dev gh-map1 2>/dev/null || true`);
    exec('r', 'ip', 'route', 'replace', 'default', 'dev', 'gh-map1', 'metric', '4096');
    exec('r', 'ip', 'route', 'replace', CUSTOMER.address, 'dev', 'lan0');
    exec('lan', 'ip', 'address', 'replace', `${CUSTOMER.address}/32`, 'dev', 'eth0');
    // The relay lets the customer's ports through alone; this flow has others.
    exec('br', 'nft', 'flush', 'chain', 'ip', 'relay', 'forward');
  }

  async flow(...bind: string[]): Promise<{ mbits: number; cpu: number }> {
    const before = cpuSec(this.tayga);
    const args = ['-c', WEB, '-t', `${SECONDS}`, '-J', ...bind];
    const out = JSON.parse(await within(this.spaces, 'lan', 'iperf3', ...args));
    return {
      mbits: out.end.sum_received.bits_per_second / 1e6,
      cpu: cpuSec(this.tayga) - before,
    };
  }

  async crowd(places: readonly string[]): Promise<{ crowd: Crowd; cpu: number }> {
    const before = cpuSec(this.tayga);
    const argv = [CROWD, 'connect', '1000', '8000', ...places];
    const crowd: Crowd = JSON.parse(await within(this.spaces, 'lan', process.execPath, ...argv));
    return { crowd, cpu: cpuSec(this.tayga) - before };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** The first port of each set, as a map gives it. */
const trap = (): string => `table ip trap {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "gh-map1" meta l4proto tcp snat to ${CUSTOMER.address} : numgen inc mod ${CUSTOMER.ports.length} map { ${CUSTOMER.ports.map(({ first, last }, i) => `${i} : ${first}-${last}`).join(', ')} }
  }
}`;

const reasons = ({ failed }: Crowd): string =>
  Object.entries(failed)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ') || 'none failed';

async function run(): Promise<Comparison[]> {
  const hosts = Array.from({ length: 8 }, (_, i) => `203.0.113.${11 + i}:80`);
  await using rig = new Rig();
  await rig.up(hosts);
  const first = await rig.crowd(hosts.slice(0, 4));
  rig.nft(trap());
  const trapped = await rig.crowd(hosts.slice(4));
  const ours: { mbits: number; cpu: number }[] = [];
  const alone: typeof ours = [];
  // In turns, so that a drift of the machine meets both.
  for (let i = 0; i < ROUNDS; i++) {
    rig.alone();
    alone.push(await rig.flow('-B', CUSTOMER.address));
    rig.ours();
    ours.push(await rig.flow());
  }
  const sum = (rounds: typeof ours): number => rounds.reduce((total, { cpu }) => total + cpu, 0);
  return [
    {
      name: 'one flow',
      ours: median(ours.map(({ mbits }) => mbits)),
      peer: median(alone.map(({ mbits }) => mbits)),
      ...{ unit: 'Mbit/s', peerName: 'TAYGA alone', higherIsBetter: true },
      oursCpuSec: sum(ours),
      peerCpuSec: sum(alone),
      note: `CPU of TAYGA, ${ROUNDS} × ${SECONDS} s each in turns, through a border relay that is TAYGA too`,
    },
    {
      name: '1,000 connections at once, 252 ports, 4 destinations',
      ours: first.crowd.worked,
      peer: trapped.crowd.worked,
      ...{ unit: 'work', peerName: 'nft snat by a map of sets', higherIsBetter: true },
      ...{ oursCpuSec: first.cpu, peerCpuSec: trapped.cpu },
      note: `${first.crowd.atOnce} at the first attempt, ${first.crowd.ports} ports used, ${reasons(first.crowd)}; the peer: ${trapped.crowd.ports} ports used, ${reasons(trapped.crowd)}`,
    },
  ];
}

export const bench: Bench = {
  name: 'map',
  skip: () =>
    noNamespaces() ??
    ['/usr/sbin/tayga', '/usr/bin/iperf3']
      .filter((path) => !existsSync(path))
      .map((path) => `needs ${path}`)[0],
  run,
};
