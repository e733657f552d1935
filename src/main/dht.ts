/** The DHT node with its real adapters. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { digests } from '../os/linux/digests.ts';
import { ed25519 } from '../os/linux/ed25519.ts';
import type { Reactor } from '../os/linux/native.ts';
import { hostNames } from '../os/linux/resolve.ts';
import { LinuxUdpSockets } from '../os/linux/udp.ts';
import type { Net, Store } from '../os/ports.ts';
import type { IpPrefix } from '../services/dht/config.ts';
import { DhtService } from '../services/dht/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';

export interface DhtSurroundings {
  readonly reactor: Reactor;
  readonly net: Net;
  readonly clock: Clock;
  readonly store: Store;
  readonly observed: Observed<Observations>;
  readonly log: Log;
}

export function buildDht(
  stack: AsyncDisposableStack,
  { reactor, net, clock, store, observed, log }: DhtSurroundings,
): DhtService {
  const names = hostNames(clock);
  let own: readonly IpPrefix[] | undefined;
  stack.use(
    net.subscribe(() => {
      own = undefined;
    }),
  );
  return stack.use(
    new DhtService({
      ...{ clock, store, log: log.child({ service: 'dht' }) },
      sockets: new LinuxUdpSockets(reactor),
      random: (count) => randomBytes(count),
      crypto: { sha1: digests.sha1, ...ed25519 },
      resolve: (host, family) => names.resolve(host, family),
      own: () => {
        own ??= ownPrefixes(net);
        return own;
      },
      report: (value) => observed.publish('dht', value),
    }),
  );
}

/** Of every address that the box has, with all of its network. */
const ownPrefixes = (net: Net): readonly IpPrefix[] => [
  ...net.addresses().map(({ address, prefixLen }) => ({ address, prefixLen })),
  ...net.addresses6().map(({ address, prefixLen }) => ({ address, prefixLen })),
];
