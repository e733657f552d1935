import t from 'tap';
import { Observed } from '../../src/state/observed.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';

interface Services {
  one: { n: number };
  two: { text: string };
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

t.test('a burst is told once, with the last state', async (t) => {
  const observed = new Observed<Services>(new MemoryLog());
  const told: unknown[] = [];
  const subscription = observed.subscribe(({ revision, services }) =>
    told.push([revision, [...services].sort(), observed.get('one')?.n, observed.values.two?.text]),
  );
  t.equal(observed.get('one'), undefined);
  for (let n = 1; n <= 100; n++) observed.publish('one', { n });
  observed.publish('two', { text: 'x' });
  t.equal(observed.get('one')?.n, 100, 'readable at once');
  t.same(told, []);
  await turn();
  t.same(told, [[101, ['one', 'two'], 100, 'x']]);
  const same = { n: 5 };
  observed.publish('one', same);
  observed.publish('one', same);
  await turn();
  t.same(told.at(-1), [102, ['one'], 5, 'x'], 'the same value is no change');
  subscription[Symbol.dispose]();
  observed.publish('one', { n: 6 });
  await turn();
  t.equal(told.length, 2);
});

t.test('by the clock, bursts that follow each other closely are told together', async (t) => {
  const clock = new FakeClock();
  const observed = new Observed<Services>(new MemoryLog(), clock);
  const told: unknown[] = [];
  observed.subscribe(() => told.push(observed.get('one')?.n));
  observed.publish('one', { n: 1 });
  await turn();
  t.same(told, [1], 'the first at once');
  for (let n = 2; n <= 9; n++) {
    observed.publish('one', { n });
    await turn();
  }
  t.same(told, [1]);
  clock.advance(20);
  await turn();
  t.same(told, [1, 9], 'then the last state');
  clock.advance(20);
  await turn();
  t.equal(clock.pending, 0, 'no timer runs when nothing happens');
  observed.publish('one', { n: 10 });
  await turn();
  t.same(told, [1, 9, 10]);
});

t.test('what a listener publishes comes next; a broken one harms nobody', async (t) => {
  const log = new MemoryLog();
  const observed = new Observed<Services>(log);
  const told: string[] = [];
  observed.subscribe(() => {
    throw new RangeError('broken');
  });
  observed.subscribe(({ services }) => {
    told.push([...services].join());
    if (observed.get('two') === undefined) observed.publish('two', { text: 'from a listener' });
  });
  observed.publish('one', { n: 1 });
  await turn();
  t.same(told, ['one', 'two']);
  t.same(log.messages('error'), [
    'a listener of observed state failed',
    'a listener of observed state failed',
  ]);
});
