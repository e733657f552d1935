import t from 'tap';
import { torrentNamer } from '#src/main/torrent-namer.ts';
import { LinuxClock } from '#src/os/linux/clock.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import type { PeersFound, Watch } from '#src/services/dht/operations.ts';
import { MemoryLog } from '../lib/log.ts';

const HASH = 'ab'.repeat(20);

t.test('who is called off asks nobody in the DHT any more', async (t) => {
  await using stack = new AsyncDisposableStack();
  const reactor = stack.use(new Reactor(loadNative()));
  const asked: AbortSignal[] = [];
  const namer = torrentNamer(stack, {
    ...{ reactor, clock: new LinuxClock(loadNative()), log: new MemoryLog() },
    dht: {
      isPrivate: false,
      observed: undefined,
      running: {
        operations: {
          getPeers: (_hash: Uint8Array, { signal }: Watch) => {
            if (signal !== undefined) asked.push(signal);
            // As a search that goes on for long.
            return Promise.withResolvers<PeersFound>().promise;
          },
        },
      } as never,
    },
  });
  const end = new AbortController();
  const name = namer.resolve(HASH, end.signal);
  end.abort();
  t.equal(await name, undefined);
  t.match(asked, [{ aborted: true }]);
  t.equal(reactor.open, 0);
});
