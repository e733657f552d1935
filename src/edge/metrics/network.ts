/** Links, by the kernel's own counters. */
import type { Link } from '../../os/ports-net.ts';
import type { Family } from '../../wire/openmetrics.ts';
import { counters, gauges } from './make.ts';

export type LinkFigures = Pick<Link, 'name' | 'operState' | 'stats'>;

export function linkFamilies(links: readonly LinkFigures[]): readonly Family[] {
  const both = (
    name: string,
    help: string,
    of: (stats: LinkFigures['stats']) => readonly [bigint, bigint],
  ): Family =>
    counters(
      name,
      help,
      links.flatMap(({ name: device, stats }) => {
        const [receive, transmit] = of(stats);
        return [
          [{ device, direction: 'receive' }, receive],
          [{ device, direction: 'transmit' }, transmit],
        ] as const;
      }),
    );
  return [
    gauges(
      'interface_up',
      'Whether the link is up.',
      links.map(({ name: device, operState }) => [{ device }, operState === 'up' ? 1 : 0]),
    ),
    both('interface_bytes', 'Bytes of the link.', (s) => [s.rxBytes, s.txBytes]),
    both('interface_packets', 'Packets of the link.', (s) => [s.rxPackets, s.txPackets]),
    both('interface_errors', 'Packets that were broken.', (s) => [s.rxErrors, s.txErrors]),
    both('interface_dropped', 'Packets without room.', (s) => [s.rxDropped, s.txDropped]),
  ];
}
