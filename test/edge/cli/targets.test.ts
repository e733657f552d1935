/** `gatehouse targets`: which are listed, and what is refused before the router is asked. */
import t from 'tap';
import { err } from '#src/base/result.ts';
import { cli, FakeBus } from './fake.ts';

const TABLE = 'Device.X_GATEHOUSE_Monitor.Target.';
const row = (path: string, data: string) => ({ path: `${TABLE}${path}`, data, type: 'xsd:string' });

t.test('those that are off are listed, too: else nobody could name them', async (t) => {
  const on = { target: `${TABLE}10`, name: 'gate', status: 'Up', statistics: { lossPercent: 0 } };
  const bus = new FakeBus({
    'gatehouse call': () => ({
      ...{ status: 'success', message: null },
      data: { targets: [on], more: false },
    }),
    'bbfdm get': () => ({
      results: [
        ...[row('10.Name', 'gate'), row('10.Host', '192.0.2.1')],
        ...[row('2.Name', ''), row('2.Host', '192.0.2.2'), row('3.Name', 'new'), row('3.Host', '')],
      ],
    }),
  });
  const { code, out } = await cli(['targets'], bus);
  t.equal(code, 0);
  t.match(out, /^2 +192\.0\.2\.2 +Disabled.*\n3 +new +Disabled.*\n10 +gate +Up/m);
  const listed = JSON.parse((await cli(['targets', '--json'], bus)).out);
  t.match(listed, [
    { target: `${TABLE}2`, name: '192.0.2.2', status: 'Disabled', statistics: null },
    { target: `${TABLE}3`, name: 'new' },
    on,
  ]);
});

t.test('a target without a host is none', async (t) => {
  const bus = new FakeBus({});
  t.match(await cli(['targets', 'add', ''], bus), { code: 2, err: /address or a name is wanted/ });
  t.same(bus.calls, []);
});

t.test('a page by its URL, and every other parameter', async (t) => {
  const bus = new FakeBus({ 'bbfdm add': () => ({ results: [{ path: TABLE, data: '7' }] }) });
  const added = async (...args: readonly string[]) => {
    t.match(await cli(['targets', 'add', ...args], bus), { code: 0, out: `${TABLE}7.\n` });
    return bus.calls.at(-1)?.args['obj_path'];
  };
  t.same(await added('https://example.org/up?x=1', '--interval', '30'), {
    ...{ Type: 'HTTP', Host: 'example.org', Port: '443', Path: '/up?x=1', Secure: 'true' },
    Interval: '30',
  });
  t.same(await added('http://[2001:db8::1]:8080'), {
    ...{ Type: 'HTTP', Host: '2001:db8::1', Port: '8080', Path: '/', Secure: 'false' },
  });
  t.same(await added('192.0.2.1', 'Type=TCP', 'Port=22'), {
    ...{ Host: '192.0.2.1', Type: 'TCP', Port: '22' },
  });
  t.same(await added('fe80::1%lan0'), { Host: 'fe80::1%lan0' });
});

t.test('Ctrl-C ends what is waited for', async (t) => {
  const run = async (...args: readonly string[]) => {
    const ending = new AbortController();
    const silent = (): Promise<never> => {
      ending.abort();
      return new Promise(() => undefined);
    };
    const bus = new FakeBus({ 'gatehouse call': silent, 'bbfdm operate': silent });
    const checks = async () => ({
      run: async (_spec: unknown, _timeoutMs: number, signal: AbortSignal) => {
        ending.abort();
        t.ok(signal.aborted);
        return err({ cause: 'Timeout' as const, detail: 'no answer' });
      },
      [Symbol.asyncDispose]: async () => undefined,
    });
    return cli(args, bus, { signal: ending.signal, checks });
  };
  const interrupted = { code: 1, out: '', err: 'gatehouse: interrupted\n' };
  t.match(await run('targets', 'test', '1'), interrupted);
  t.match(await run('alerts', 'test', '1'), interrupted);
  t.match(await run('operate', 'Device.IP.Diagnostics.IPPing()', 'Host=x'), interrupted);
  t.match(await run('check', 'tcp', 'x', '1', '--json'), interrupted);
});
