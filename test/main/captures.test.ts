import t from 'tap';
import { captureCommands, LazyCaptures } from '#src/main/captures.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { Net } from '#src/os/ports.ts';
import { Observed } from '#src/state/observed.ts';
import type { Observations } from '#src/tr181/table.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';

t.test('a filter is checked without a service', async (t) => {
  const log = new MemoryLog();
  const captures = new LazyCaptures({
    ...{ native: loadNative(), clock: new FakeClock(), log, stateDir: t.testdir() },
    observed: new Observed<Observations>(log),
    net: new Proxy({} as Net, { get: () => t.fail('links are looked at') }),
  });
  const { check } = captureCommands(captures, async () => {}).commands;
  const context = { origin: { user: 'test', via: 'cli', address: '' } } as never;
  t.match(await check?.run({ interface: 'a b', ports: ['x'] }, context), {
    status: 'error',
    message: /no name of an interface\n.*is no port/,
  });
  const good = await check?.run({ interface: 'wan', ports: ['53'] }, context);
  // Where there is no libpcap it says that.
  t.match(
    good,
    good?.status === 'success' ? { data: { filter: 'port 53' } } : { message: /libpcap/ },
  );
  t.equal(captures.service, undefined);
  await captures[Symbol.asyncDispose]();
});
