/** `gatehouse alerts`: what was told is read in parts until there is no more. */
import t from 'tap';
import { cli, FakeBus } from './fake.ts';

const MOST = 50;

const bus = (all: number) =>
  new FakeBus({
    'gatehouse call': ({ args }) => {
      const from = Number((args as { before?: number }).before ?? all + 1);
      const numbers = Array.from({ length: Math.min(MOST, from - 1) }, (_, i) => from - 1 - i);
      const history = numbers.map((number) => ({ number, kind: 'event', name: `n${number}` }));
      return { status: 'success', message: null, data: { history, more: from - 1 > MOST } };
    },
  });

t.test('the whole history', async (t) => {
  const asked = bus(120);
  const { code, out } = await cli(['alerts', 'history', '--json'], asked);
  t.equal(code, 0);
  const numbers = JSON.parse(out).map(({ number }: { number: number }) => number);
  t.same(
    numbers,
    Array.from({ length: 120 }, (_, i) => 120 - i),
  );
  t.equal(asked.calls.length, 3);
  t.match((await cli(['alerts', 'history'], bus(51))).out, / n51\s(.*\n)*.* n1\s/);
});

t.test('none', async (t) => {
  const { code, err } = await cli(['alerts', 'history'], bus(0));
  t.equal(code, 0);
  t.match(err, /nothing was told/);
});
