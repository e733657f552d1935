import t from 'tap';
import { perTurn } from '#src/main/per-turn.ts';

t.test('one look for all who read in one go', async (t) => {
  let looks = 0;
  const read = perTurn(() => ++looks);
  t.same([read(), read(), read()], [1, 1, 1]);
  await undefined;
  t.same([read(), read()], [2, 2]);
  await new Promise(setImmediate);
  t.equal(looks, 2, 'nobody looks who was not asked');
});
