/** What a torrent is called, by our node of the DHT and the torrent's peers; with less than the command line may take. */
import { randomBytes } from 'node:crypto';
import { fromHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { digests } from '../os/linux/digests.ts';
import type { Reactor } from '../os/linux/native.ts';
import { ownNetworks } from '../os/linux/own-networks.ts';
import { LinuxTcpSockets } from '../os/linux/tcp.ts';
import { MetadataFetcher } from '../services/dht/metadata.ts';
import { METADATA_LIMITS } from '../services/dht/metadata-config.ts';
import { reachablePeers } from '../services/dht/peer-addresses.ts';
import type { LazyDht } from './dht-lazy.ts';

const LIMITS = {
  ...METADATA_LIMITS,
  ...{ connectsPerSec: 5, maxHalfOpen: 8, maxOpen: 16, peersAtOnce: 8, maxFetches: 1 },
  memoryBytes: 16 << 20,
};
const TIMEOUT_MS = 60_000;
const OFF = 'names need the DHT node, which is off (X_GATEHOUSE_DHT.Enable)';
const ALONE = 'names wait until the DHT node knows others';

export interface TorrentNamer {
  resolve(infoHash: string, signal: AbortSignal): Promise<string | undefined>;
  whyNoNames(): string;
}

export function torrentNamer(
  stack: AsyncDisposableStack,
  parts: {
    readonly reactor: Reactor;
    readonly clock: Clock;
    readonly log: Log;
    readonly dht: Pick<LazyDht, 'running' | 'observed' | 'isPrivate'>;
  },
): TorrentNamer {
  const { reactor, clock, log, dht } = parts;
  const fetcher = stack.use(
    new MetadataFetcher({
      ...{ clock, log, digests, limits: LIMITS, tcp: new LinuxTcpSockets(reactor) },
      peerId: Buffer.concat([Buffer.from('-GH0001-'), randomBytes(12)]),
      mayReach: reachablePeers(ownNetworks),
    }),
  );
  return {
    whyNoNames: () => {
      const { running, observed } = dht;
      if (running === undefined) return OFF;
      return observed?.status === 'Enabled' ? '' : ALONE;
    },
    resolve: async (infoHash, signal) => {
      const { running } = dht;
      const v1 = fromHex(infoHash);
      if (running === undefined || v1 === undefined) return undefined;
      const fetch = fetcher.fetch({
        id: { v1 },
        timeoutMs: TIMEOUT_MS,
        private: dht.isPrivate,
      });
      const cancel = (): void => fetcher.cancel(fetch);
      signal.addEventListener('abort', cancel);
      try {
        const search = running.operations.getPeers(v1, { signal });
        const found = await Promise.race([search, fetch.result]);
        if ('peers' in found) fetch.add(found.peers);
        fetch.noMorePeers();
        const fetched = await fetch.result;
        if (!fetched.ok) {
          const { reason } = fetched.error;
          log.debug({ reason, ...fetch.progress() }, 'a torrent has no name');
          return undefined;
        }
        return fetched.value.info?.name;
      } finally {
        signal.removeEventListener('abort', cancel);
        cancel();
      }
    },
  };
}
