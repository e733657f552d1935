/**
 * The DHT's port is flooded with 50,000 datagrams a second, from the WAN and from the LAN: how quickly
 * names are answered and leases given meanwhile, beside the same without a flood, and what it takes.
 * As long as it is to be: DHT_FLOOD_SEC=60; another rate: DHT_FLOOD_RATE.
 */
import { spawnSync } from 'node:child_process';
import { BUDGET, type Flooded, FloodedHome } from '../lib/dht-flood.ts';
import { noNamespaces } from '../lib/netns.ts';
import { cpuSec, ownMb } from '../lib/usage.ts';
import type { Bench, Comparison } from './run.ts';

const SEC = Number(process.env['DHT_FLOOD_SEC'] ?? 10);
const PER_SEC = Number(process.env['DHT_FLOOD_RATE'] ?? 50_000);
const NAMES_PER_SEC = 1_000;

async function run(): Promise<Comparison[]> {
  await using house = new FloodedHome('dhtfloodb');
  // Without the firewall, to see what it is worth: DHT_FLOOD_ONLY=network,dns,dhcp-server,dht.
  await house.start(process.env['DHT_FLOOD_ONLY']);
  const { pid } = house.router;
  const measured = async (from: 'wan' | 'lan' | undefined) => {
    const cpu = cpuSec(pid);
    const [flood, names, leases] = await Promise.all([
      from === undefined ? undefined : house.flood(from, PER_SEC, SEC),
      house.ask(NAMES_PER_SEC, SEC),
      house.leases(SEC),
    ]);
    const flows = house.flows();
    return { flood, names, leases, cpuSec: cpuSec(pid) - cpu, mb: ownMb(pid), flows };
  };
  const quiet = await measured(undefined);
  const rows: Comparison[] = [];
  for (const from of ['wan', 'lan'] as const) {
    const one = await measured(from);
    const { names, leases } = one;
    const [asked, gave] = [names.asked - names.answered, leases.silent];
    const rowOf = (name: string, unit: string, ours: number, peer: number, note: string): void => {
      rows.push({
        ...{ name: `${from}, ${name}`, ours, peer, unit, higherIsBetter: false, note },
        ...{ peerName: 'without a flood', oursCpuSec: one.cpuSec, peerCpuSec: quiet.cpuSec },
      });
    };
    const lost = `${asked} of ${names.asked} names unanswered`;
    rowOf('DNS median', 'µs', names.p50us, quiet.names.p50us, lost);
    rowOf('DNS p99', 'µs', names.p99us, quiet.names.p99us, lost);
    const none = `${gave} of ${leases.acked + gave} without a lease`;
    rowOf('DHCP median', 'ms', leases.p50ms, quiet.leases.p50ms, none);
    rowOf('DHCP p99', 'ms', leases.p99ms, quiet.leases.p99ms, none);
    const kept = `${one.flows} flows tracked, ${quiet.flows} without`;
    rowOf('memory written', 'MB', one.mb, quiet.mb, kept);
    if (one.flood === undefined) continue;
    rows.push(...spent(from, one.flood));
  }
  return rows;
}

function spent(from: string, flood: Flooded): Comparison[] {
  const { sent, packets, bytes, mostPackets, mostBytes, sec, uncounted } = flood;
  const note = `of ${Math.round(sent / sec).toLocaleString('en')} datagrams a second in; ${uncounted} not counted`;
  const rowOf = (name: string, unit: string, ours: number, peer: number): Comparison => ({
    ...{ name: `${from}, ${name}`, ours, peer, unit, higherIsBetter: false, note },
    ...{ peerName: 'budget', oursCpuSec: 0, peerCpuSec: 0 },
  });
  return [
    rowOf('packets out', 'a second', packets / sec, BUDGET.packetsOutPerSec),
    rowOf('bytes out', 'a second', bytes / sec, BUDGET.bytesOutPerSec),
    rowOf('most packets out', 'within a second', mostPackets, 2 * BUDGET.packetsOutPerSec),
    rowOf('most bytes out', 'within a second', mostBytes, 2 * BUDGET.bytesOutPerSec),
  ];
}

export const bench: Bench = {
  name: 'dht-flood',
  skip: () =>
    noNamespaces() ?? (spawnSync('which', ['gcc']).status === 0 ? undefined : 'needs gcc'),
  run,
};
