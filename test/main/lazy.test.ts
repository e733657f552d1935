import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { Lazy } from '#src/main/lazy.ts';
import { MemoryLog } from '../lib/log.ts';

/** Fails as often as it is told to; `open` are the things that it opened. */
function bench(failures: number) {
  const log = new MemoryLog();
  const open = new Set<number>();
  let built = 0;
  const lazy = new Lazy({
    ...{ name: 'the mill', log },
    build: async (attempt) => {
      const number = ++built;
      open.add(number);
      attempt.defer(() => void open.delete(number));
      await undefined;
      if (number <= failures) throw Object.assign(new TypeError('no water'), { code: 'EIO' });
      return { number };
    },
  });
  return { lazy, log, open, built: () => built };
}

t.test('built once, for all who want it', async (t) => {
  const { lazy, open, built } = bench(0);
  t.same([lazy.begun, lazy.value], [false, undefined]);
  const [one, other] = [lazy.load(), lazy.load()];
  t.same([lazy.begun, lazy.value], [true, undefined]);
  t.equal(await one, await other);
  t.same([lazy.value, built(), [...open]], [{ number: 1 }, 1, [1]]);
  await lazy[Symbol.asyncDispose]();
  t.same([...open], []);
});

t.test('what failed is logged, closed, told to all who waited, and tried again', async (t) => {
  const { lazy, log, open, built } = bench(2);
  const waiting = await Promise.allSettled([lazy.load(), lazy.load()]);
  const message = 'the mill could not be loaded: no water';
  for (const one of waiting) t.match(one, { reason: { message, code: 'EIO' } });
  t.ok(waiting.every((one) => 'reason' in one && one.reason instanceof SystemError));
  t.same([built(), [...open], lazy.begun, lazy.value], [1, [], false, undefined]);
  // At once, by whoever heard of the failure.
  await lazy.load().catch(() => lazy.load());
  t.same([built(), [...open], lazy.value], [3, [3], { number: 3 }]);
  t.match(
    log.lines.map((line) => line.message),
    [message, message],
  );
  await lazy[Symbol.asyncDispose]();
  t.same([...open], []);
});

t.test('a build that throws at once fails no other way', async (t) => {
  let water = false;
  const lazy = new Lazy({
    ...{ name: 'the mill', log: new MemoryLog() },
    build: () => {
      if (!water) throw new TypeError('no water');
      return 'flour';
    },
  });
  await t.rejects(lazy.load(), { message: 'the mill could not be loaded: no water' });
  water = true;
  t.equal(await lazy.load(), 'flour');
});

t.test('the end waits for what is being built, closes it, and builds nothing more', async (t) => {
  const { lazy, open, built } = bench(0);
  const loading = lazy.load();
  await lazy[Symbol.asyncDispose]();
  t.same([await loading, [...open]], [{ number: 1 }, []]);
  await t.rejects(lazy.load(), { code: 'ECANCELED' });
  t.equal(built(), 1);
});
