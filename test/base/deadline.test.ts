import t from 'tap';
import { grantEnd } from '../../src/base/deadline.ts';

const HOUR = 3_600_000;
const stamp = { bootId: 'a', bootMs: 10 * HOUR, wallMs: 1000 * HOUR };

t.test('within a boot the wall clock does not matter', async (t) => {
  for (const wallMs of [0, 1000 * HOUR, 1e15])
    t.same(grantEnd(stamp, HOUR, { bootId: 'a', bootMs: 10.5 * HOUR, wallMs }), {
      ...{ endMs: 11 * HOUR, sure: true },
    });
});

t.test('after a reboot', async (t) => {
  const now = { bootId: 'b', bootMs: 60_000, wallMs: 1000 * HOUR + 0.5 * HOUR };
  t.same(grantEnd(stamp, HOUR, now), { endMs: 60_000 + 0.5 * HOUR, sure: true });
  t.same(grantEnd(stamp, HOUR, { ...now, wallMs: 0 }), { endMs: HOUR, sure: true }, 'never longer');
  t.match(grantEnd(stamp, HOUR, { ...now, wallMs: 1e15 }), { sure: false }, 'who knows');
  t.same(grantEnd(stamp, Infinity, { ...now, wallMs: 1e15 }), { endMs: Infinity, sure: true });
});
