/** The query log and its statistics: what is kept at which privacy, bounds, and what the approximations promise. */
import t from 'tap';
import { ipv4 } from '../../../src/base/ip.ts';
import { ipv6 } from '../../../src/base/ip6.ts';
import {
  type AnsweredQuery,
  type LogQuery,
  QueryLog,
} from '../../../src/services/dns/query-log.ts';
import { Statistics } from '../../../src/services/dns/statistics.ts';
import { Top } from '../../../src/services/dns/top.ts';
import { type DnsName, encodeName } from '../../../src/wire/dns-name.ts';
import { FakeClock } from '../../lib/clock.ts';

const CLIENT = ipv4(0xc0a8_0107);
const ALL = { after: undefined, limit: 100, text: '', blocked: false };

const query = (name: string, values: Partial<AnsweredQuery> = {}): AnsweredQuery => ({
  ...{ client: CLIENT, name: name as DnsName, type: 1, rcode: 0, by: 'cache' },
  ...{ rule: undefined, upstream: undefined, tookMs: undefined },
  ...values,
});

t.test('privacy: off, counts, anonymous, full', async (t) => {
  const log = new QueryLog(new FakeClock());
  log.add(query('a.example'));
  t.equal(log.statistics.queries, 0, 'off until told otherwise');
  t.notOk(log.wanted);

  log.apply({ privacy: 'counts', entries: 10 });
  log.add(query('a.example', { by: 'block', rule: 'Adverts' }));
  t.equal(log.statistics.by.block, 1);
  t.same(log.entries(ALL), []);
  t.same(log.statistics.topBlocked, [], 'no names');
  t.same(log.statistics.topClients, []);

  log.apply({ privacy: 'anonymous', entries: 10 });
  log.add(query('b.example'));
  log.add(query('c.example', { client: ipv6(0x2001_0db8_0001_0002n << 64n) }));
  t.same(
    log.entries(ALL).map(({ client }) => client),
    ['2001:db8:1::/48', '192.168.1.0/24'],
  );

  log.apply({ privacy: 'full', entries: 10 });
  log.add(query('d.example'));
  t.match(log.entries(ALL)[0], { name: 'd.example', client: '192.168.1.7' });

  log.apply({ privacy: 'anonymous', entries: 10 });
  t.same(log.entries(ALL), [], 'who wants less to be known has what was known forgotten');
  t.equal(log.statistics.queries, 0);
});

t.test('the ring keeps the newest, in order, however its size changes', async (t) => {
  const log = new QueryLog(new FakeClock());
  log.apply({ privacy: 'full', entries: 5 });
  for (let i = 1; i <= 12; i++) log.add(query(`n${i}.example`));
  const ids = (): number[] => log.entries(ALL).map(({ id }) => id);
  t.same(ids(), [12, 11, 10, 9, 8]);
  log.apply({ privacy: 'full', entries: 3 });
  t.same(ids(), [12, 11, 10]);
  log.add(query('n13.example'));
  t.same(ids(), [13, 12, 11]);
  log.apply({ privacy: 'full', entries: 6 });
  for (let i = 14; i <= 18; i++) log.add(query(`n${i}.example`));
  t.same(ids(), [18, 17, 16, 15, 14, 13]);
  log.apply({ privacy: 'full', entries: 0 });
  log.add(query('n19.example'));
  t.same(ids(), []);
});

t.test('looking for some: by text, blocked ones, and those after one that is known', async (t) => {
  const log = new QueryLog(new FakeClock());
  log.apply({ privacy: 'full', entries: 100 });
  for (let i = 1; i <= 10; i++) {
    log.add(query(`n${i}.example`, i % 2 === 0 ? { by: 'block' } : {}));
  }
  const names = (wanted: Partial<LogQuery>): string[] =>
    log.entries({ ...ALL, ...wanted }).map(({ name }) => name);
  t.same(names({ text: 'N1' }), ['n10.example', 'n1.example']);
  t.equal(names({ text: '192.168.1.7' }).length, 10);
  t.same(names({ blocked: true, limit: 2 }), ['n10.example', 'n8.example']);
  t.same(names({ after: 7, limit: 2 }), ['n8.example', 'n9.example'], 'oldest first');
});

t.test(
  'what the engine answered: names in lower case, lists by name, times of the clock',
  async (t) => {
    const clock = new FakeClock();
    const log = new QueryLog(clock);
    log.apply({ privacy: 'full', entries: 10 });
    const name = encodeName('Ads.Example' as DnsName);
    const entry = { client: CLIENT, group: 0, type: 28, rcode: 0, name } as const;
    const timeMs = clock.boottimeMs() - 250;
    log.addBatch(
      [
        { ...entry, timeMs, by: 'block', list: 2 },
        { ...entry, timeMs, by: 'cache', list: undefined },
        { ...entry, timeMs, by: 'cache', list: undefined, name: Uint8Array.of(9, 1) },
      ],
      (place) => ['own', 'x', 'Adverts'][place],
    );
    t.match(log.entries(ALL), [
      { by: 'cache', rule: undefined },
      {
        by: 'block',
        rule: 'Adverts',
        name: 'ads.example',
        wallMs: Math.round(clock.wallMs() - 250),
      },
    ]);
    t.equal(log.entries(ALL).length, 2);
  },
);

t.test(
  'top: what is frequent is found, and no count is too low or too high by more than it says',
  async (t) => {
    const top = new Top(50);
    const truth = new Map<string, number>();
    let seed = 7;
    for (let i = 0; i < 20_000; i++) {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      // One name in three is one of ten; the others are all over.
      const key = seed % 3 === 0 ? `often${(seed >> 8) % 10}` : `rare${(seed >> 8) % 5000}`;
      truth.set(key, (truth.get(key) ?? 0) + 1);
      top.add(key);
    }
    const list = top.list(50);
    t.equal(list.length, 50);
    t.same(
      list
        .slice(0, 10)
        .map(({ key }) => key)
        .sort(),
      Array.from({ length: 10 }, (_, i) => `often${i}`),
    );
    const most = Math.ceil(20_000 / 50);
    for (const { key, count, over } of list) {
      const real = truth.get(key) ?? 0;
      if (real > count || real < count - over || over > most) {
        t.fail(`${key}: ${real} is not in ${count - over}..${count}`);
      }
    }
  },
);

t.test('hours: 24 of them, those without a query too', async (t) => {
  const hour = 3_600_000;
  const statistics = new Statistics(0);
  const counted = { name: undefined, client: undefined, rule: undefined } as const;
  const bare = { ...counted, upstream: undefined, tookMs: undefined };
  for (let i = 0; i < 30; i++) {
    statistics.add({ ...bare, wallMs: i * hour + 5, by: i % 2 === 0 ? 'block' : 'upstream' });
  }
  statistics.add({ ...bare, wallMs: 5, by: 'cache' });
  const { hours, queries } = statistics.get(31 * hour + 1);
  t.equal(queries, 31);
  t.equal(hours.length, 24);
  t.match(hours[0], { fromMs: 8 * hour, queries: 1, blocked: 1 });
  t.match(hours.at(-1), { fromMs: 31 * hour, queries: 0 });
  t.equal(
    hours.reduce((sum, one) => sum + one.queries, 0),
    22,
  );
});

t.test('latency: within a fifth of the truth', async (t) => {
  const statistics = new Statistics(0);
  for (let i = 1; i <= 1000; i++) {
    statistics.add({
      ...{ wallMs: 0, by: 'upstream', name: undefined, client: undefined, rule: undefined },
      ...{ upstream: 'one', tookMs: i / 10 },
    });
  }
  const [one] = statistics.get(0).latency;
  t.equal(one?.count, 1000);
  for (const [got, real] of [
    [one?.p50Ms, 50],
    [one?.p90Ms, 90],
    [one?.p99Ms, 99],
  ] as const) {
    t.ok(got !== undefined && got >= real && got <= real * 1.2, `${got} for ${real}`);
  }
});
