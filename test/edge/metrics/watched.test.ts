/** What is up now, and what is bad now: what a dashboard shows first. */
import t from 'tap';
import { type ServiceFigures, serviceFamilies } from '#src/edge/metrics/services.ts';
import type { AlertObserved } from '#src/services/alerts/config.ts';
import type { TargetStatus } from '#src/services/monitor/config.ts';

const NOTHING: ServiceFigures = {
  ...{ monoMs: () => 0, boottimeMs: () => 0, statistics: () => undefined },
  ...{ dns: undefined, dht: undefined, probes: undefined, series: undefined },
};

t.test('targets that answer, and alerts by how bad they are', async (t) => {
  const target = (id: string, status: TargetStatus) => ({
    ...{ id, status, address: undefined, cause: undefined, detail: '', backedOff: false },
  });
  const alert = (state: AlertObserved['state'], severity: AlertObserved['severity']) => ({
    ...{ key: 'k', rule: 'r', watch: 'Target' as const, name: 'n', reason: '', sinceMs: 0 },
    ...{ state, severity, silenced: false, flapping: false },
  });
  const families = serviceFamilies(
    {
      monitor: {
        targets: [
          target('a', 'Up'),
          target('b', 'Lossy'),
          target('c', 'Down'),
          target('d', 'Waiting'),
        ],
        ...{
          running: true,
          slowdown: 1,
          ipv4: 'none',
          ipv6: 'none',
          reason: undefined,
          slowdownReason: undefined,
        },
      },
      alerts: {
        alerts: [
          alert('pending', 'Critical'),
          alert('raised', 'Warning'),
          alert('clearing', 'Warning'),
        ],
        ...{ channels: [], raised: 2, refused: 0, historyChanges: 2 },
      },
    },
    NOTHING,
  );
  const samples = (name: string) =>
    families.find((family) => family.name === `gatehouse_${name}`)?.samples;
  t.same(samples('target_up'), [
    { labels: { target: 'a' }, value: 1 },
    { labels: { target: 'b' }, value: 1 },
    { labels: { target: 'c' }, value: 0 },
  ]);
  t.same(samples('alerts_bad'), [
    { labels: { severity: 'Info' }, value: 0 },
    { labels: { severity: 'Warning' }, value: 2 },
    { labels: { severity: 'Critical' }, value: 0 },
  ]);
  const off = serviceFamilies({}, NOTHING).find(({ name }) => name === 'gatehouse_alerts_bad');
  t.same(off?.samples, []);
});
