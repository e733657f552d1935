import t from 'tap';
import { matcher } from '../../../src/edge/cli/watch.ts';
import { Captured, cli, FakeBus } from './fake.ts';

const CHANGE = {
  revision: 7,
  changes: [
    { path: 'Device.A.1.Status', value: 'Up' },
    { path: 'Device.B.Count', value: '3' },
  ],
  added: ['Device.A.2.'],
  removed: ['Device.A.1.'],
};
const EVENT = {
  name: 'Device.A.1.Gone!',
  input: [{ path: 'Reason', data: 'cable\nout', type: 'xsd:string' }],
};

async function watched(
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const bus = new FakeBus({ 'bbfdm get': () => ({ results: [] }) });
  const controller = new AbortController();
  const stdout = new Captured();
  const ran = cli(['watch', ...args], bus, { signal: controller.signal, stdout });
  await bus.listening;
  bus.say('gatehouse.change', CHANGE);
  bus.say('bbfdm.event', EVENT);
  controller.abort();
  const { code, err } = await ran;
  t.ok(bus.disposed);
  return { code, err, out: stdout.text };
}

t.test('changes are printed as they come, until Ctrl-C', async (t) => {
  t.same(await watched(['Device.A.']), {
    code: 0,
    err: 'watching; Ctrl-C ends it\n',
    out: [
      '03:04:05.000 - Device.A.1.',
      '03:04:05.000 + Device.A.2.',
      '03:04:05.000 Device.A.1.Status = Up',
      '03:04:05.000 Device.A.1.Gone! Reason=cable\\nout',
      '',
    ].join('\n'),
  });
  t.equal((await watched([])).out.split('\n').length, 6, 'without a path, everything');
});

t.test('--json gives one object a line', async (t) => {
  const { out, err } = await watched(['--json', 'Device.B.', 'Device.A.*.Gone!']);
  t.equal(err, '');
  t.same(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { time: '2026-01-02T03:04:05.000Z', kind: 'value', path: 'Device.B.Count', value: '3' },
      {
        time: '2026-01-02T03:04:05.000Z',
        kind: 'event',
        path: 'Device.A.1.Gone!',
        args: { Reason: 'cable\nout' },
      },
    ],
  );
});

t.test('a path that can never match is told at once', async (t) => {
  const fault = { path: 'Device.X', fault: 7026, fault_msg: 'no such object Device.X' };
  const bus = new FakeBus({ 'bbfdm get': () => ({ results: [fault] }) });
  t.same(await cli(['watch', 'Device.X'], bus), {
    code: 1,
    out: '',
    err: 'gatehouse: no such object Device.X\n',
  });
  t.match(await cli(['watch', 'Device.T.[Alias=="x"].'], bus), { code: 2, err: /no search/ });
});

t.test('patterns', async (t) => {
  const fits = (pattern: string, path: string): boolean => matcher(pattern)(path);
  t.ok(fits('Device.', 'Device.A.B'));
  t.ok(fits('Device.A.', 'Device.A.1.'));
  t.ok(fits('Device.A.1.B', 'Device.A.1.B'));
  t.ok(fits('Device.A.*.B', 'Device.A.12.B'));
  t.ok(fits('Device.A.*.', 'Device.A.12.B.C'));
  t.notOk(fits('Device.A.*.B', 'Device.A.12.C'));
  t.notOk(fits('Device.A.*.B', 'Device.A.X.B'));
  t.notOk(fits('Device.A.1', 'Device.A.10'));
  t.notOk(fits('Device.A.1.', 'Device.A.10.B'));
  t.notOk(fits('Device.A', 'Device.A.B'));
});
