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

t.test('silence: for how long, and whom', async (t) => {
  const asked = new FakeBus({
    'bbfdm set': () => ({ results: [{ path: 'x', data: '1' }] }),
    'bbfdm get': () => ({ results: [] }),
  });
  const run = (...args: readonly string[]) =>
    cli(['alerts', 'silence', ...args], asked, { wallMs: () => Date.UTC(2026, 2, 1, 12) });
  const all = await run('90m');
  t.equal(all.code, 0);
  t.match(all.err, /nothing is told until 2026-03-01T13:30:00Z/);
  t.equal((await run('2d', 'Device.X_GATEHOUSE_Alerts.Channel.3.')).code, 0);
  t.match((await run('off')).err, /told again/);
  // As every time on the command line: weeks, too, and parts that add up.
  t.equal((await run('1w12h')).code, 0);
  t.same(
    asked.calls
      .filter(({ method }) => method === 'set')
      .map(({ args }) => Object.entries(args['obj_path'] ?? {})[0]),
    [
      ['X_GATEHOUSE_Alerts.SilencedUntil', '2026-03-01T13:30:00Z'],
      ['X_GATEHOUSE_Alerts.Channel.3.SilencedUntil', '2026-03-03T12:00:00Z'],
      ['X_GATEHOUSE_Alerts.SilencedUntil', '0001-01-01T00:00:00Z'],
      ['X_GATEHOUSE_Alerts.SilencedUntil', '2026-03-09T00:00:00Z'],
    ],
  );
  for (const wrong of ['two', 'h', '0h', '2y', '99999d', '-1h']) {
    t.equal((await run(wrong)).code, 2, wrong);
  }
  t.equal(asked.calls.length, 5);
});

const CHANNEL = 'Device.X_GATEHOUSE_Alerts.Channel.';

t.test('the end of one silence is not the end of the other, and that is said', async (t) => {
  const row = (path: string, data: string) => ({ path, data, type: 'xsd:string' });
  const until = { all: '2026-03-01T11:00:00Z', one: '2026-03-01T13:00:00Z' };
  const asked = new FakeBus({
    'bbfdm set': () => ({ results: [{ path: 'x', data: '1' }] }),
    'bbfdm get': ({ paths }) => ({
      results: String(paths).includes('Alias')
        ? [row(`${CHANNEL}4.Alias`, 'mail')]
        : [
            row('Device.X_GATEHOUSE_Alerts.SilencedUntil', until.all),
            row(`${CHANNEL}4.SilencedUntil`, until.one),
            row(`${CHANNEL}5.SilencedUntil`, '0001-01-01T00:00:00Z'),
          ],
    }),
    'gatehouse call': ({ args }) => ({ status: 'success', message: null, data: args ?? null }),
  });
  const run = (...args: readonly string[]) =>
    cli(['alerts', ...args], asked, { wallMs: () => Date.UTC(2026, 2, 1, 12) });
  const off = await run('silence', 'off');
  t.match(off.err, /told again\n.*Channel\.4 is still silenced, until 2026-03-01T13:00:00Z\n$/);
  t.match((await run('silence', 'off', '4')).err, /^it is told again\n$/);
  until.all = until.one;
  t.match((await run('silence', 'off', 'mail')).err, /^all channels are still silenced, until/);
  const wrong = await run('test', 'post');
  t.equal(wrong.code, 1);
  t.match(wrong.err, /there is no channel post/);
  t.equal((await run('test', 'mail')).code, 0);
  t.match(asked.calls.at(-1)?.args, { args: { channel: `${CHANNEL}4.` } });
});

t.test('what is silenced until when', async (t) => {
  const channel = {
    id: `${CHANNEL}1`,
    state: 'silenced',
    silencedUntil: '2026-03-01T13:30:00.000Z',
  };
  const data = { alerts: [], channels: [channel, { id: `${CHANNEL}2`, state: 'idle' }] };
  const asked = new FakeBus({
    'gatehouse call': () => ({ status: 'success', message: null, data }),
  });
  t.match((await cli(['alerts'], asked)).out, /1 +silenced until 2026-03-01T13:30Z.*\n.*2 +idle/);
});

t.test('of what is over it is told how long it was bad', async (t) => {
  const times = { at: '2026-03-01T12:02:05.400Z', since: '2026-03-01T12:00:00.000Z' };
  const history = [
    { number: 2, kind: 'cleared', name: 'gate', reason: '', ...times },
    { number: 1, kind: 'raised', name: 'gate', reason: 'Down', ...times },
  ];
  const data = { history, more: false };
  const asked = new FakeBus({
    'gatehouse call': () => ({ status: 'success', message: null, data }),
  });
  const { out } = await cli(['alerts', 'history'], asked);
  t.match(out, /cleared +gate +after 2 min 5 s\n.*raised +gate +Down\n/);
});
