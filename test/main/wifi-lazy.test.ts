import t from 'tap';
import type { WifiSurroundings } from '#src/main/wifi.ts';
import { LazyWifi } from '#src/main/wifi-lazy.ts';
import type { Link, NetEvent } from '#src/os/ports.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';
import { bench, ORIGIN } from '../tr181/fixture.ts';

const CONTEXT = { origin: ORIGIN, peer: undefined, signal: new AbortController().signal };
const EMPTY = { radios: [], endPoints: [] };

t.test('a box without a radio loads nothing of Wi-Fi until somebody asks', async (t) => {
  const stack = new AsyncDisposableStack();
  const published: unknown[] = [];
  let heard: (events: readonly NetEvent[]) => void = () => {};
  const link = { name: 'gh-no-radio', ifIndex: 99, loopback: false, kind: undefined } as Link;
  const wifi = await LazyWifi.build(stack, {
    ...{ clock: new FakeClock(), log: new MemoryLog(), runDir: '/run/nowhere' },
    net: {
      links: () => [link],
      subscribe: (listener: typeof heard) => {
        heard = listener;
        return { [Symbol.dispose]: () => {} };
      },
    },
    observed: { publish: (_name: string, value: unknown) => void published.push(value) },
  } as unknown as WifiSurroundings);
  t.same(await wifi.apply(EMPTY), []);
  heard([{ what: 'link' } as NetEvent]);
  await new Promise(setImmediate);
  t.same(published, []);

  const { commands } = wifi.commands(bench().model);
  t.match(await commands['status']?.run({}, CONTEXT), {
    status: 'success',
    data: { interfaces: [], networks: [] },
  });
  t.match(published, [{ interfaces: [] }], 'it is loaded now');
  t.match(await commands['scan']?.run({}, CONTEXT), { message: /no Wi-Fi/ });
  t.match(await commands['leave']?.run({}, CONTEXT), { message: 'no network is known' });
  await stack.disposeAsync();
});
