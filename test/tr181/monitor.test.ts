/** `Device.X_GATEHOUSE_Monitor.`: what rows compile to, what is refused, what is reported. */
import t from 'tap';
import { ok } from '../../src/base/result.ts';
import type { MonitorObserved } from '../../src/services/monitor/config.ts';
import { bench, ORIGIN } from './fixture.ts';

const ROOT = 'Device.X_GATEHOUSE_Monitor.';
const TARGETS = `${ROOT}Target.`;

const seen = (more: Partial<MonitorObserved> = {}): MonitorObserved => ({
  ...{ running: true, ipv4: 'raw', ipv6: 'ping socket', reason: undefined, targets: [] },
  ...{ slowdown: 1, slowdownReason: undefined },
  ...more,
});

async function one() {
  const b = bench();
  const added = await b.model.add(TARGETS, { Host: 'gate.example' }, ORIGIN);
  if (!added.ok) throw new Error(JSON.stringify(added.error));
  return b;
}

t.test('a target is watched with sensible defaults', async (t) => {
  const b = await one();
  t.same(b.model.compileAll().monitor, {
    ...{ enable: true, maxCpuPercent: 5, maxMemoryMb: 100, known: [`${TARGETS}1`] },
    targets: [
      {
        ...{ id: `${TARGETS}1`, name: 'gate.example', intervalMs: 60_000, burst: 10 },
        ...{ spacingMs: 100, backOff: true },
        check: {
          ...{ kind: 'ICMP', host: 'gate.example', family: 'Any', timeoutMs: 2000 },
          payloadBytes: 56,
        },
      },
    ],
  });
  t.equal(await b.set(`${TARGETS}1.Enable`, 'false'), 'done');
  t.same(b.model.compileAll().monitor.targets, []);
});

t.test('a burst fits into its interval', async (t) => {
  const b = await one();
  t.equal(await b.set(`${TARGETS}1.Interval`, '2'), 'conflict');
  t.equal(await b.set(`${TARGETS}1.Burst`, '1'), 'done');
  t.equal(await b.set(`${TARGETS}1.Interval`, '2'), 'done');
  t.equal(await b.set(`${TARGETS}1.Burst`, '21'), 'outOfRange');
  t.equal(await b.set(`${TARGETS}1.Host`, 'a host'), 'outOfRange');
  t.equal(await b.set(`${TARGETS}1.Host`, 'fe80::1%lan0'), 'done');
});

t.test('what it sees is in the model', async (t) => {
  const b = await one();
  t.equal(b.get(`${ROOT}Status`), 'Disabled');
  t.equal(b.get(`${TARGETS}1.Status`), 'Waiting');
  b.observed.publish(
    'monitor',
    seen({
      slowdown: 4,
      slowdownReason: 'the daemon takes 30 % of a core',
      targets: [
        {
          ...{ id: `${TARGETS}1`, status: 'Down', address: '192.0.2.1', backedOff: true },
          ...{ cause: 'Unreachable', detail: 'filtered' },
        },
      ],
    }),
  );
  await Promise.resolve();
  t.equal(b.get(`${ROOT}Status`), 'Enabled');
  t.equal(b.get(`${ROOT}IPv6Method`), 'ping socket');
  t.equal(b.get(`${ROOT}Slowdown`), '4');
  t.equal(b.get(`${ROOT}Reason`), 'the daemon takes 30 % of a core');
  for (const [name, value] of Object.entries({
    ...{ Status: 'Down', Address: '192.0.2.1', Cause: 'Unreachable', Reason: 'filtered' },
    BackedOff: 'true',
    ...{ 'Stats.Sent': '0', 'Stats.LossPattern': 'None' },
  })) {
    t.equal(b.get(`${TARGETS}1.${name}`), value, name);
  }
  b.observed.publish('monitor', seen({ unstored: 'no space left', slowdownReason: 'x' }));
  await Promise.resolve();
  t.equal(b.get(`${ROOT}Reason`), 'what is measured waits in memory: no space left');
  t.equal(b.get(`${ROOT}Status`), 'Enabled', 'it goes on');
  b.observed.publish('monitor', seen({ reason: 'no ICMP sockets' }));
  await Promise.resolve();
  t.equal(b.get(`${ROOT}Status`), 'Error');
  t.equal(await b.set(`${ROOT}Enable`, 'false'), 'done');
  t.equal(b.get(`${ROOT}Status`), 'Disabled');
});

t.test('a test tells its round trips, or why there are none', async (t) => {
  const b = await one();
  const test = `${TARGETS}1.Test()`;
  const asked = () =>
    b.model.operate(test, {}, { origin: ORIGIN, signal: new AbortController().signal });
  t.match(await asked(), { ok: false });
  Object.assign(b.calls, {
    monitorTest: async () =>
      ok({
        ...{ target: `${TARGETS}1`, atSec: 0, sent: 3, received: 2, duplicates: 0, reordered: 0 },
        ...{ rttsUs: [1000, undefined, 3000], ttl: 64, cause: 'Timeout', detail: '' },
      }),
  });
  const tested = await asked();
  const output = tested.ok ? tested.value.output : [];
  t.match(Object.fromEntries(output.map(({ name, value }) => [name, value])), {
    ...{ Sent: '3', Received: '2', MinTime: '1000', MeanTime: '2000', MaxTime: '3000' },
    Cause: 'Timeout',
  });
});
