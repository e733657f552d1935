/** Fetching and giving metadata from the command line: over a reactor of its own, which ends with it. */
import { randomBytes } from 'node:crypto';
import type { Log } from '../base/log.ts';
import type { PeerTools } from '../edge/cli/dht-fetch.ts';
import { LinuxClock } from '../os/linux/clock.ts';
import { digests } from '../os/linux/digests.ts';
import { type Native, Reactor } from '../os/linux/native.ts';
import { ownNetworks } from '../os/linux/own-networks.ts';
import { LinuxTcpSockets } from '../os/linux/tcp.ts';
import { MetadataFetcher } from '../services/dht/metadata.ts';
import { METADATA_LIMITS } from '../services/dht/metadata-config.ts';
import { MetadataSeeder, SEEDER_LIMITS } from '../services/dht/metadata-seeder.ts';
import { reachablePeers } from '../services/dht/peer-addresses.ts';

/** Azureus style (BEP 20): the program, its version, and what nobody else has. */
const newPeerId = (): Uint8Array => Buffer.concat([Buffer.from('-GH0001-'), randomBytes(12)]);

export function peerTools(native: Native, log: Log): PeerTools {
  const reactor = new Reactor(native);
  const [tcp, clock, peerId] = [new LinuxTcpSockets(reactor), new LinuxClock(native), newPeerId()];
  const own = ownNetworks();
  const fetcher = new MetadataFetcher({
    ...{ tcp, clock, log, digests, peerId, limits: METADATA_LIMITS },
    mayReach: reachablePeers(() => own),
  });
  return {
    fetcher,
    seeder: (limits) =>
      new MetadataSeeder({ tcp, clock, peerId, limits: { ...SEEDER_LIMITS, ...limits } }),
    async [Symbol.asyncDispose]() {
      await fetcher[Symbol.asyncDispose]();
      await reactor[Symbol.asyncDispose]();
    },
  };
}
