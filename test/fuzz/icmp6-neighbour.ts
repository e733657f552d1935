import { BugError } from '../../src/base/errors.ts';
import { ALL_NODES, ipv6 } from '../../src/base/ip6.ts';
import { decodeNeighbour, encodeNeighbour } from '../../src/wire/icmp6-neighbour.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const HOST = ipv6((0xfe80n << 112n) | 1n);

/** Whatever comes as a neighbour's message: nothing throws, and what is read can be written. */
export const target = {
  name: 'icmp6-neighbour',
  run(bytes: Uint8Array): void {
    const read = decodeNeighbour(bytes);
    if (!read.ok) {
      if (read.error.offset > bytes.length) throw new BugError('offset behind the end');
      return;
    }
    const again = decodeNeighbour(encodeNeighbour(read.value));
    if (!again.ok) throw new BugError(`not read again: ${again.error.message}`);
  },
  seeds: (): Uint8Array[] =>
    [
      { kind: 'solicitation' as const, target: HOST, mac: MAC },
      {
        ...{ kind: 'advertisement' as const, target: HOST, mac: MAC },
        ...{ router: true, solicited: false, override: true },
      },
      { kind: 'echoReply' as const, id: 1, sequence: 2, data: MAC },
    ].map((body) =>
      encodeNeighbour({
        ...{ sourceMac: MAC, destinationMac: MAC, source: HOST, destination: ALL_NODES, body },
      }),
    ),
};
