/** Pure: the ports of each set that tracked flows use. */
import type { TrackedFlow } from '../../os/ports.ts';
import type { PortRange } from './addressing.ts';
import type { MapUsage } from './config.ts';

const ICMP = 1;
const TCP = 6;
const UDP = 17;

export function usageOf(ports: readonly PortRange[], flows: readonly TrackedFlow[]): MapUsage {
  const used = new Set(flows.filter(({ protocol }) => protocol !== 0).map(({ port }) => port));
  const perSet = ports.map(() => 0);
  let inSets = 0;
  for (const port of used) {
    const at = ports.findIndex(({ first, last }) => port >= first && port <= last);
    if (at < 0) continue;
    perSet[at] = (perSet[at] ?? 0) + 1;
    inSets += 1;
  }
  const count = (protocol: number): number =>
    flows.filter((flow) => flow.protocol === protocol).length;
  return { perSet, ports: inSets, tcp: count(TCP), udp: count(UDP), icmp: count(ICMP) };
}
