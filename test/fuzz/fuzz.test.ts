import t from 'tap';
import { describe, type FuzzTarget, fuzz, mutate, randomFrom, targets } from './run.ts';

const RUNS = 20_000;
const SEED = 1;

for (const target of await targets())
  t.test(target.name, async (t) => {
    t.teardown(() => target.close?.());
    const finding = fuzz(target, RUNS, SEED);
    t.equal(finding === undefined ? '' : describe(target, SEED, finding), '');
  });

t.test('the same seed gives the same inputs', async (t) => {
  const seeds = [new Uint8Array([1, 2, 3, 4]), new Uint8Array(40)];
  const inputs = (): Uint8Array[] => {
    const next = randomFrom(7);
    return Array.from({ length: 200 }, () => mutate(seeds, next));
  };
  t.same(inputs(), inputs());
  t.ok(new Set(inputs().map((bytes) => bytes.length)).size > 20, 'of many lengths');
});

t.test('a failure is found, shrunk and described', async (t) => {
  const target: FuzzTarget = {
    name: 'planted',
    run(bytes) {
      if (bytes.includes(0xff) && bytes.includes(0x7f)) throw new RangeError('both');
    },
    seeds: () => [new Uint8Array(100)],
  };
  const finding = fuzz(target, RUNS, SEED);
  if (finding === undefined) return t.fail('not found');
  t.equal(finding.input.length, 2, 'nothing but the two bytes is left');
  t.match(
    describe(target, SEED, finding),
    /^planted: failed on input \d+ of seed 1\n {2}hex (ff7f|7fff)\n.*RangeError: both/s,
  );
});

t.test('a seed that fails is a finding as well', async (t) => {
  const target: FuzzTarget = {
    name: 'seed',
    run(bytes) {
      if (bytes[0] === 42) throw new RangeError('42');
    },
    seeds: () => [Uint8Array.of(42)],
  };
  t.equal(fuzz(target, 0, SEED)?.run, -1);
});
