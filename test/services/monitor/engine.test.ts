/** The engine in a network and a time of the test's own. */
import t from 'tap';
import { backOffMs } from '../../../src/services/monitor/runner.ts';
import { answers, FakeNetwork, silent, target } from './fake-network.ts';

t.test('each target is asked at its own beat, in bursts', async (t) => {
  const net = new FakeNetwork();
  net.hosts.set('192.0.2.1', answers(10));
  net.hosts.set('192.0.2.2', answers(20));
  t.same(
    net.apply([
      target(1, '192.0.2.1'),
      target(2, '192.0.2.2', { intervalMs: 5000, burst: 3, spacingMs: 200 }),
    ]),
    [],
  );
  await net.pass(60_500);
  const of = (n: number) => net.bursts.filter((burst) => burst.target.endsWith(`.${n}`));
  t.equal(of(1).length, 61);
  t.equal(of(2).length, 13);
  t.match(of(2)[0], { sent: 3, received: 3, rttsUs: [20_000, 20_000, 20_000], ttl: 60 });
  t.equal(of(2)[0]?.cause, undefined);
  const seconds = of(1).map(({ atSec }) => atSec);
  t.same(
    seconds,
    seconds.map((_, i) => (seconds[0] ?? 0) + i),
    'one a second, none lost',
  );
  const { atMs: first = 0 } = net.sent.find(({ address }) => address === '192.0.2.2') ?? {};
  const places = net.sent.filter(({ address }) => address === '192.0.2.2').slice(0, 3);
  t.ok(
    places.every(({ atMs }, i) => Math.abs(atMs - first - 200 * i) <= 5),
    'the probes of a burst are apart as wanted',
  );
  t.match(net.reports.at(-1), {
    running: true,
    ipv4: 'raw',
    targets: [{ status: 'Up' }, { status: 'Up' }],
  });
});

t.test('targets come, change and go while it runs; the others go on', async (t) => {
  const net = new FakeNetwork();
  for (const host of ['192.0.2.1', '192.0.2.2']) net.hosts.set(host, answers(5));
  net.apply([target(1, '192.0.2.1')]);
  await net.pass(5010);
  net.apply([target(1, '192.0.2.1'), target(2, '192.0.2.2')]);
  await net.pass(5000);
  t.equal(net.engine.statistics(target(1, '').id)?.bursts, 11, 'the first one was not disturbed');
  net.apply([target(1, '192.0.2.1'), target(2, '192.0.2.2', { intervalMs: 2000 })]);
  await net.pass(4100);
  t.equal(net.engine.statistics(target(2, '').id)?.bursts, 3, 'the changed one begins anew');
  net.apply([target(2, '192.0.2.2', { intervalMs: 2000 })]);
  net.bursts.length = 0;
  await net.pass(3000);
  t.ok(net.bursts.length > 0 && net.bursts.every(({ target: id }) => id.endsWith('.2')));
  t.equal(net.opened, 1);
  net.apply([]);
  await net.pass(2000);
  t.equal(net.opened, 0, 'nothing is open');
  t.equal(net.clock.pending, 0);
  t.match(net.reports.at(-1), { running: false, ipv4: 'none', targets: [] });
});

t.test('who does not answer is asked less often, and often again when it does', async (t) => {
  t.same(
    [0, 1, 3, 4, 5, 8, 9, 40].map(backOffMs),
    [0, 0, 0, 16_000, 32_000, 256_000, 300_000, 300_000],
  );
  const net = new FakeNetwork();
  let up = false;
  net.hosts.set('192.0.2.1', (n) => (up ? answers(5)(n) : []));
  net.apply([target(1, '192.0.2.1')]);
  await net.pass(20 * 60_000);
  const times = net.sent.map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((at, i) => Math.round((at - (times[i] ?? 0)) / 1000));
  t.same(gaps.slice(0, 9), [1, 1, 1, 16, 32, 64, 128, 256, 300]);
  t.match(net.reports.at(-1)?.targets[0], { status: 'Down', cause: 'Timeout', backedOff: true });
  up = true;
  await net.pass(300_000);
  const count = net.sent.length;
  await net.pass(10_000);
  t.equal(net.sent.length, count + 10);
  t.match(net.reports.at(-1)?.targets[0], { status: 'Up', backedOff: false });

  net.apply([target(2, '192.0.2.9', { backOff: false })]);
  net.sent.length = 0;
  await net.pass(59_990);
  t.equal(net.sent.length, 60, 'unless that is not wanted');
});

t.test('losses, duplicates, order and errors are told from each other', async (t) => {
  const net = new FakeNetwork();
  net.hosts.set('192.0.2.1', (n) => (n % 4 === 1 ? [] : answers(10)(n)));
  net.hosts.set('192.0.2.2', () => [
    { outcome: 'reply', afterMs: 10 },
    { outcome: 'duplicate', afterMs: 12 },
  ]);
  net.hosts.set('192.0.2.3', (n) => answers(n % 2 === 0 ? 150 : 10)(n));
  net.hosts.set('192.0.2.4', () => [{ outcome: 'unreachable', afterMs: 3, type: 3, code: 1 }]);
  net.hosts.set('192.0.2.5', () => [{ outcome: 'unsent', afterMs: 0, information: 101 }]);
  const four = { intervalMs: 10_000, burst: 4 };
  net.apply([1, 2, 3, 4, 5].map((n) => target(n, `192.0.2.${n}`, four)));
  await net.pass(9000);
  const of = (n: number) => net.bursts.find((burst) => burst.target.endsWith(`.${n}`));
  t.match(of(1), {
    sent: 4,
    received: 3,
    cause: 'Timeout',
    rttsUs: [10_000, undefined, 10_000, 10_000],
  });
  t.equal(of(2)?.duplicates, 3);
  t.equal(
    net.engine.statistics(target(2, '').id)?.duplicates,
    4,
    'one came after the burst was over',
  );
  t.match(of(3), { received: 4, reordered: 2 });
  t.match(of(4), { received: 0, cause: 'Unreachable', detail: 'host unreachable' });
  t.match(of(5), { received: 0, cause: 'NotSent', detail: 'no route to it' });
});

t.test('names are looked up, and again', async (t) => {
  const net = new FakeNetwork();
  net.hosts.set('192.0.2.1', answers(5));
  net.hosts.set('192.0.2.2', answers(5));
  net.apply([target(1, 'far.example')]);
  await net.pass(2500);
  t.match(net.bursts[0], {
    received: 0,
    cause: 'Unresolved',
    detail: 'no address of far.example',
  });
  net.names.set('far.example', '192.0.2.1');
  await net.pass(60_000);
  t.match(net.reports.at(-1)?.targets[0], { status: 'Up', address: '192.0.2.1' });
  net.names.set('far.example', '192.0.2.2');
  await net.pass(310_000);
  t.match(net.reports.at(-1)?.targets[0], { status: 'Up', address: '192.0.2.2' });
  net.names.clear();
  await net.pass(310_000);
  t.match(net.reports.at(-1)?.targets[0], { address: '192.0.2.2' }, 'what was found before holds');
});

t.test('the wall clock may jump: the beat goes on, and no time is negative', async (t) => {
  const net = new FakeNetwork();
  net.hosts.set('192.0.2.1', answers(5));
  net.apply([target(1, '192.0.2.1')]);
  await net.pass(5000);
  net.clock.setWall(0);
  await net.pass(5000);
  net.clock.setWall(Date.UTC(2040, 0, 1));
  await net.pass(5000);
  t.equal(net.bursts.length, 15);
  t.ok(net.bursts.every(({ rttsUs }) => rttsUs.every((rtt) => rtt === 5000)));
});

t.test('it slows down when the daemon takes too much, says so, and speeds up again', async (t) => {
  const net = new FakeNetwork();
  net.hosts.set('192.0.2.1', answers(5));
  net.apply([target(1, '192.0.2.1')]);
  const spend = async (percent: number) => {
    net.usage = { ...net.usage, cpuMs: net.usage.cpuMs + 100 * percent };
    await net.pass(10_000);
  };
  await spend(3);
  t.match(net.engine.observed, { slowdown: 1, slowdownReason: undefined });
  await spend(30);
  t.match(net.engine.observed, { slowdown: 2, slowdownReason: /takes 30.0 % of a core/ });
  await spend(30);
  t.equal(net.engine.observed.slowdown, 4);
  net.sent.length = 0;
  await spend(4);
  t.ok(net.sent.length >= 2 && net.sent.length <= 3, 'every four seconds instead of every one');
  t.equal(net.engine.observed.slowdown, 4, 'twice as fast would be too much again');
  await spend(1);
  await spend(1);
  t.match(net.engine.observed, { slowdown: 1, slowdownReason: undefined });
  net.usage = { ...net.usage, residentBytes: 200 << 20 };
  await spend(1);
  t.match(net.engine.observed, { slowdown: 2, slowdownReason: /grew by 150 MB/ });
  t.match(
    net.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message),
    [
      'targets are asked less often',
      'targets are asked less often',
      'targets are asked less often',
    ],
  );
});

t.test('a test asks once, watched or not', async (t) => {
  const net = new FakeNetwork();
  net.hosts.set('192.0.2.1', answers(5));
  const running = net.engine.test(
    target(9, '192.0.2.1', { burst: 2 }),
    new AbortController().signal,
  );
  await net.pass(1000);
  t.match(await running, { ok: true, value: { sent: 2, received: 2 } });
  t.equal(net.opened, 0);
  t.equal(net.bursts.length, 0, 'nobody else is told');
  const controller = new AbortController();
  net.hosts.set('192.0.2.2', silent);
  const cut = net.engine.test(target(9, '192.0.2.2'), controller.signal);
  await net.pass(100);
  controller.abort();
  t.match(await cut, { ok: false, error: 'interrupted' });
  t.equal(net.opened, 0);
  await net.pass(2000);
  t.equal(net.clock.pending, 0);
});

t.test('without sockets it says so, and starts when they come', async (t) => {
  const net = new FakeNetwork();
  net.refuse = true;
  t.same(net.apply([target(1, '192.0.2.1')]), ['no ICMP sockets']);
  await net.pass(1500);
  t.match(net.reports.at(-1), { reason: 'no ICMP sockets' });
  t.match(await net.engine.test(target(1, '192.0.2.1'), new AbortController().signal), {
    ok: false,
    error: 'no ICMP sockets',
  });
});

t.test('other checks run through their own interface, bounded by the time-out', async (t) => {
  const net = new FakeNetwork();
  net.checks.set('good', { run: async () => ({ rttUs: 1234 }) });
  net.checks.set('slow', {
    run: (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () =>
          resolve({ rttUs: undefined, cause: 'Timeout', detail: 'no answer' }),
        );
      }),
  });
  net.checks.set('broken', {
    run: async () => {
      throw new TypeError('a bug');
    },
  });
  const tcp = { kind: 'TCP' } as const;
  net.apply(['good', 'slow', 'broken'].map((host, i) => target(i + 1, host, {}, tcp)));
  await net.pass(950);
  const of = (n: number) => net.bursts.find((burst) => burst.target.endsWith(`.${n}`));
  t.match(of(1), { received: 1, rttsUs: [1234] });
  t.match(of(2), { received: 0, cause: 'Timeout', detail: 'no answer' });
  t.match(of(3), { received: 0, cause: 'NotSent', detail: 'a bug' });
  t.match(net.apply([target(4, 'unknown', {}, tcp)]), [/no such check/]);
});

t.test('thousands of targets keep their beat', async (t) => {
  const net = new FakeNetwork();
  const targets = Array.from({ length: 3000 }, (_, i) => {
    const host = `10.0.${i >> 8}.${i & 255}`;
    net.hosts.set(host, answers(1));
    return target(i + 1, host, { intervalMs: 60_000 });
  });
  net.apply(targets);
  await net.pass(60_000);
  t.ok(net.bursts.length > 2990, `${net.bursts.length}`);
  const perSecond = new Map<number, number>();
  for (const { atSec } of net.bursts) perSecond.set(atSec, (perSecond.get(atSec) ?? 0) + 1);
  t.ok(Math.max(...perSecond.values()) < 80, 'and are spread over it');
});
