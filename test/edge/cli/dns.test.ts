/** `gatehouse dns`: what is asked of the service, and how it is shown. */
import t from 'tap';
import type { JsonObject } from '../../../src/edge/cli/bus.ts';
import { cli, FakeBus } from './fake.ts';

/** Answers by command; the calls are in `bus.calls`. */
const busOf = (
  answers: Readonly<Record<string, JsonObject | ((args: JsonObject) => JsonObject)>>,
) =>
  new FakeBus({
    'gatehouse call': ({ command, args }) => {
      const answer = answers[String(command)];
      if (answer === undefined) return { status: 'error', message: `no ${command}`, data: null };
      const data = typeof answer === 'function' ? answer(args as JsonObject) : answer;
      return { status: 'success', message: null, data };
    },
  });

const asked = (bus: FakeBus) => bus.calls.map(({ args }) => [args['command'], args['args']]);

t.test('query: records, how long it took, and why there is none', async (t) => {
  const bus = busOf({
    query: {
      ...{ rcode: 'NOERROR', authenticData: true, tookMs: 1.5, authorities: [] },
      answers: [{ name: 'a.example.', type: 'A', ttl: 60, data: '192.0.2.1' }],
      errors: [{ code: 15, text: 'Adverts' }],
    },
  });
  const { out, err, code } = await cli(
    ['dns', 'query', 'a.example', 'AAAA', '--client', 'tv'],
    bus,
  );
  t.equal(code, 0);
  t.match(out, /a\.example\. +60 +A +192\.0\.2\.1/);
  t.match(err, 'NOERROR in 1.5 ms, proven by DNSSEC');
  t.match(err, 'reason 15: Adverts');
  t.same(asked(bus), [['query', { name: 'a.example', type: 'AAAA', client: 'tv' }]]);
});

t.test('why: the line that decides, and all that speak of the name', async (t) => {
  const rule = { effect: 'block', list: 'Adverts', counts: true, line: 7, text: '||a.example^' };
  const bus = busOf({
    why: {
      ...{ name: 'news.example', verdict: 'block', by: 'Adverts, line 7', group: 'home' },
      ...{ alias: 'x.a.example', decides: rule, rules: [rule], unread: ['Old: gone'] },
    },
  });
  const { out, err, code } = await cli(['dns', 'why', 'news.example'], bus);
  t.equal(code, 0);
  t.match(out, /Verdict +block\n/);
  t.match(out, /Decided by +Adverts, line 7\n/);
  t.match(out, /Rule +\|\|a\.example\^\n/);
  t.match(out, /Through +x\.a\.example\n/);
  t.match(out, /block +Adverts +7 +\|\|a\.example\^/);
  t.match(err, /not read: Old: gone/);
});

t.test('block, allow, forget, pause, cancel, flush', async (t) => {
  const bus = busOf({
    ...{ block: {}, allow: {}, forget: {}, pause: {}, cancel: {} },
    flush: { forgotten: 3 },
  });
  const run = (...args: string[]) => cli(['dns', ...args], bus);
  t.match(await run('block', 'x.example'), { code: 0, err: 'x.example: block\n' });
  t.match(await run('allow', 'x.example', '--for', '10m', '--client', 'tv'), { code: 0 });
  t.match(await run('forget', 'x.example'), { code: 0 });
  t.match(await run('pause', '--for', '1h'), { err: /everybody: nothing is blocked for 3600 s/ });
  t.match(await run('pause', '192.168.1.7', '--for', '90s'), { code: 0 });
  t.match(await run('cancel', '4'), { code: 0 });
  t.match(await run('flush', 'x.example'), { err: /3 answers forgotten/ });
  t.same(asked(bus), [
    ['block', { name: 'x.example' }],
    ['allow', { name: 'x.example', seconds: 600, client: 'tv' }],
    ['forget', { name: 'x.example' }],
    ['pause', { seconds: 3600 }],
    ['pause', { seconds: 90, client: '192.168.1.7' }],
    ['cancel', { id: 4 }],
    ['flush', { name: 'x.example' }],
  ]);
  t.match(await run('pause', 'tv'), { code: 2 }, 'for how long?');
  t.match(await run('cancel', 'x'), { code: 2 });
  t.match(await run('block', 'x', '--for', 'soon'), { code: 2 });
  t.match(await run('why', 'x'), { code: 1, err: /no why/ });
});

t.test(
  'status, lists and stats are tables; a name that would steer the terminal is shown',
  async (t) => {
    const bus = busOf({
      status: {
        ...{ status: 'Error', blockedNames: 12, privacy: 'full' },
        listeners: [
          { transport: 'udp', address: '192.168.1.1', port: 53, error: null },
          { transport: 'tls', address: '192.168.1.1', port: 853, error: 'no certificate' },
        ],
        upstreams: [
          {
            ...{ id: 'x', address: '9.9.9.9', port: 853, protocol: 'tls', state: 'up' },
            ...{ rttMs: 12.345, queries: 5, timeouts: 0, lastError: null },
          },
        ],
        overrides: [{ id: 3, kind: 'pause', name: null, client: '192.168.1.7', leftSec: 60 }],
      },
      lists: {
        lists: [
          {
            ...{
              id: 'x',
              name: 'Ad\u001bs',
              effect: 'block',
              state: 'failed',
              rules: 7,
              rejected: 1,
            },
            ...{ updated: null, fault: 'HTTP 404' },
            rejectedLines: [{ line: 3, reason: 'no name', text: '<b>' }],
          },
        ],
      },
      stats: {
        since: '2026-01-01T00:00:00.000Z',
        counts: { queries: 200, blocked: 50, cacheHits: 100 },
        latency: [{ upstream: 'x', count: 3, p50Ms: 1, p90Ms: 2, p99Ms: 3 }],
        topNames: [{ key: 'a.example', count: 9, over: 0 }],
      },
    });
    const status = await cli(['dns', 'status'], bus);
    t.match(status.out, /9\.9\.9\.9 port 853 +TLS +up +12\.3 ms/);
    t.match(status.out, /3 +pause +all +192\.168\.1\.7 +60 s/);
    t.match(status.err, /tls 192\.168\.1\.1 port 853: no certificate/);
    const lists = await cli(['dns', 'lists', '--rejected'], bus);
    t.match(lists.out, /Ad\\x1bs +block +failed +7 +1 +HTTP 404/);
    t.match(lists.err, /:3: no name: <b>/);
    const stats = await cli(['dns', 'stats'], bus);
    t.match(stats.out, /Blocked +50 \(25\.0 %\)/);
    t.match(stats.out, /a\.example +9/);
  },
);

t.test('log: the newest last; followed until Ctrl-C, as lines', async (t) => {
  const entry = (id: number, name: string) => ({
    ...{ id, time: '2026-01-01T00:00:00.000Z', client: '192.168.1.7', name, type: 'A' },
    ...{ rcode: 'NOERROR', by: 'block', rule: 'Adverts', upstream: null, tookMs: null },
  });
  const bus = busOf({
    log: ({ after }) =>
      after === undefined
        ? { privacy: 'full', last: 2, entries: [entry(2, 'b.example'), entry(1, 'a.example')] }
        : { privacy: 'full', last: 3, entries: after === 2 ? [entry(3, 'c\u001b.example')] : [] },
  });
  const { out } = await cli(['dns', 'log', 'example', '--blocked', '--last', '2'], bus);
  t.match(out, /a\.example[\s\S]*b\.example/);
  t.match(out, /block: Adverts/);
  const ending = new AbortController();
  let paused = 0;
  const followed = await cli(['--json', 'dns', 'log', '--follow'], bus, {
    signal: ending.signal,
    pause: async () => {
      paused += 1;
      if (paused === 3) ending.abort();
    },
  });
  t.same(
    followed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
    [1, 2, 3],
  );
  t.same(asked(bus).at(-1), ['log', { text: '', blocked: false, after: 3 }]);
});

t.test('what is not kept is said', async (t) => {
  const bus = busOf({ log: { privacy: 'counts', last: 0, entries: [] } });
  const { err } = await cli(['dns', 'log'], bus);
  t.match(err, /names are not kept \(counts\)/);
});

t.test('completion knows the words of dns', async (t) => {
  t.equal((await cli(['complete', '--', 'dns', 'fl'])).out, 'flush\n');
  t.match((await cli(['complete', '--', 'dns', ''])).out, /^status\nquery\nwhy\n/);
});
