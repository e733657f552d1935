/** Who is let to the checking of passwords, and who is told to wait. */
import t from 'tap';
import type { LoginRecord } from '../../../src/edge/http/faces.ts';
import { Logins } from '../../../src/edge/http/logins.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

function door() {
  const clock = new FakeClock();
  const trail: LoginRecord[] = [];
  const checking: { name: string; answer: () => void }[] = [];
  const logins = new Logins({
    ...{ clock, log: new MemoryLog() },
    accounts: {
      verify: (name, password) =>
        new Promise((resolve) => {
          const role = 'Administrator';
          checking.push({
            name,
            answer: () => resolve(password === 'right' ? { name, role } : undefined),
          });
        }),
    },
    audit: async (record) => void trail.push(record),
  });
  /** Answers what is being checked until nothing is left; gives how many were checked together. */
  const drain = async (): Promise<number> => {
    let most = 0;
    for (;;) {
      await new Promise(setImmediate);
      most = Math.max(most, checking.length);
      const next = checking.shift();
      if (next === undefined) return most;
      next.answer();
    }
  };
  const kinds = (all: Awaited<ReturnType<Logins['attempt']>>[]) =>
    all.map((one) => (one.ok ? 'in' : one.error.kind));
  return { logins, clock, trail, checking, drain, kinds };
}

t.test('one after another, few wait, and a crowd does not keep the owner out', async (t) => {
  const d = door();
  const first = d.logins.attempt('admin', 'right', 'home', '/api/login');
  await d.drain();
  t.ok((await first).ok);

  const crowd = Array.from({ length: 20 }, (_, i) =>
    d.logins.attempt(i % 2 === 0 ? 'admin' : `user${i}`, 'wrong', `far ${i}`, '/api/login'),
  );
  await new Promise(setImmediate);
  const owner = d.logins.attempt('admin', 'right', 'home', '/api/login');
  t.equal(await d.drain(), 1, 'one at a time');
  t.ok((await owner).ok);
  const kinds = d.kinds(await Promise.all(crowd));
  // admin has five attempts a minute from strange places; the rest is full.
  t.same(kinds.slice(0, 7), Array(7).fill('wrong'));
  t.same(kinds.slice(7), Array(13).fill('wait'));
  t.same(d.logins.counters, { succeeded: 2, failed: 7, refused: 13 });
  t.equal(d.trail.filter(({ outcome }) => outcome === 'failed').length, 7);
  const [told] = (await Promise.all(crowd)).slice(-1);
  t.match(told, { error: { retryAfterSec: 2 } });
});

t.test('when the crowd is gone, others get in', async (t) => {
  const d = door();
  const crowd = Array.from({ length: 9 }, (_, i) =>
    d.logins.attempt(`user${i}`, 'wrong', `far ${i}`, '/api/login'),
  );
  await d.drain();
  t.same(d.kinds(await Promise.all(crowd)), [...Array(7).fill('wrong'), 'wait', 'wait']);
  const late = d.logins.attempt('admin', 'right', 'home', '/ubus');
  await d.drain();
  t.ok((await late).ok);
});

t.test('too long a name or password costs the same, and is wrong', async (t) => {
  const d = door();
  const long = d.logins.attempt('x'.repeat(65), 'right', 'a', '/api/login');
  const also = d.logins.attempt('admin', 'x'.repeat(513), 'b', '/api/login');
  await new Promise(setImmediate);
  t.same(
    d.checking.map(({ name }) => name),
    [''],
  );
  await d.drain();
  t.same(d.kinds(await Promise.all([long, also])), ['wrong', 'wrong']);
  t.equal(d.trail[0]?.user.length, 64);
});
