import t from 'tap';
import { DhtJobs } from '#src/main/dht-jobs.ts';
import type { Watch } from '#src/services/dht/operations.ts';
import { FakeClock } from '../lib/clock.ts';

const never = new AbortController().signal;

/** Work that tells a step, and goes on until it is stopped. */
const untilStopped = ({ signal, progress }: Watch): Promise<string> =>
  new Promise((resolve) => {
    progress?.({ asked: 3, answered: 2, sharedBits: 9, peers: 1 });
    signal?.addEventListener('abort', () => resolve('what it has'));
  });

t.test('a job is told of, stopped, and then no more', async (t) => {
  const clock = new FakeClock();
  const jobs = new DhtJobs(clock);
  const running = jobs.run('one', never, untilStopped);
  t.match(jobs.step('one'), { asked: 3, answered: 2, sharedBits: 9, peers: 1 });
  t.match(await jobs.run('one', never, untilStopped), { ok: false, error: /already/ });
  t.match(await jobs.run('x'.repeat(65), never, untilStopped), { ok: false, error: /name/ });
  t.equal(jobs.step('two'), undefined);
  t.notOk(jobs.stop('two'));
  t.ok(jobs.stop('one'));
  t.same(await running, { ok: true, value: 'what it has' });
  t.equal(jobs.step('one'), undefined);
  t.equal(clock.pending, 0);
});

t.test('it ends when nobody asks for it, or whoever would is lost', async (t) => {
  const clock = new FakeClock();
  const jobs = new DhtJobs(clock);
  const forgotten = jobs.run('one', never, untilStopped);
  clock.advance(14_000);
  jobs.step('one');
  clock.advance(14_000);
  t.ok(jobs.step('one'), 'somebody asked');
  clock.advance(15_000);
  t.match(await forgotten, { ok: true });
  const lost = new AbortController();
  const running = jobs.run('', lost.signal, untilStopped);
  clock.advance(60_000);
  lost.abort();
  t.match(await running, { ok: true }, 'one without a name ends with its caller alone');
  t.equal(clock.pending, 0);
});

t.test('there is a bound', async (t) => {
  const jobs = new DhtJobs(new FakeClock());
  const all = Array.from({ length: 16 }, (_, i) => jobs.run(`${i}`, never, untilStopped));
  t.match(await jobs.run('more', never, untilStopped), { ok: false, error: /16/ });
  for (let i = 0; i < 16; i++) jobs.stop(`${i}`);
  t.equal((await Promise.all(all)).length, 16);
  const fails = () => Promise.reject(new RangeError('broken'));
  await t.rejects(jobs.run('bad', never, fails), /broken/);
  t.equal(jobs.step('bad'), undefined);
});

t.test('those without a name have a bound of their own', async (t) => {
  const jobs = new DhtJobs(new FakeClock());
  const lost = new AbortController();
  const all = Array.from({ length: 16 }, () => jobs.run('', lost.signal, untilStopped));
  t.match(await jobs.run('', never, untilStopped), { ok: false, error: /16 commands/ });
  const named = jobs.run('one', never, untilStopped);
  t.ok(jobs.step('one'), 'a job has room');
  jobs.stop('one');
  await named;
  lost.abort();
  t.ok((await Promise.all(all)).every(({ ok }) => ok));
  await t.rejects(
    jobs.run('', never, () => Promise.reject(new RangeError('broken'))),
    /broken/,
  );
  const after = Array.from({ length: 16 }, () => jobs.run('', never, async () => 'done'));
  t.ok(
    (await Promise.all(after)).every(({ ok }) => ok),
    'what is over leaves room',
  );
});
