import t from 'tap';
import type { AlertsObserved } from '../../src/services/alerts/config.ts';
import { bench, ORIGIN, settled } from './fixture.ts';

const ALERTS = 'Device.X_GATEHOUSE_Alerts.';
const CHANNEL = `${ALERTS}Channel.1.`;

t.test('channels: what is set, and what is told of them', async (t) => {
  const b = bench();
  const url = { URL: 'https://example.test/x' };
  for (const [values, at] of [
    [{}, 'URL'],
    [{ URL: 'ftp://example.test' }, 'URL'],
    [{ URL: 'https://u:p@example.test' }, 'URL'],
    [{ Type: 'Email', URL: 'smtp://example.test' }, 'To'],
    [{ Type: 'MQTT', URL: 'mqtt://example.test', Topic: 'a/#' }, 'Topic'],
    [{ ...url, Authority: 'no certificate' }, 'Authority'],
  ] as const) {
    const added = await b.model.add(`${ALERTS}Channel.`, values, ORIGIN);
    t.match(added, { ok: false, error: [{ path: `${CHANNEL}${at}` }] }, JSON.stringify(values));
  }
  const Authority = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';
  t.ok((await b.model.add(`${ALERTS}Channel.`, { ...url, Authority }, ORIGIN)).ok);
  const [channel] = b.model.compileAll().alerts.channels;
  t.match(channel, { kind: 'Webhook', url: url.URL, authority: Authority, least: 'Info' });
  t.equal(b.get(`${CHANNEL}Status`), 'Disabled');
  const seen: AlertsObserved = {
    alerts: [
      {
        ...{ key: 'k', rule: `${ALERTS}Rule.1`, watch: 'Target', name: 'tv', state: 'clearing' },
        ...{ severity: 'Critical', reason: 'Down', sinceMs: 60_000, silenced: true },
        flapping: false,
      },
    ],
    channels: [
      {
        ...{ id: channel?.id ?? '', state: 'retrying', reason: 'HTTP 503', queued: 4 },
        ...{ delivered: 3, failed: 2, dropped: 1, muted: 5 },
        silencedUntilMs: 0,
      },
    ],
    ...{ raised: 9, refused: 8, historyChanges: 7 },
  };
  b.observed.publish('alerts', seen);
  await settled();
  const at = (path: string, ...names: readonly string[]) =>
    names.map((name) => b.get(`${path}${name}`));
  t.same(at(CHANNEL, 'Status', 'Reason', 'Queued', 'Delivered', 'Failed', 'Dropped', 'Muted'), [
    ...['Retrying', 'HTTP 503', '4', '3', '2', '1', '5'],
  ]);
  t.same(at(ALERTS, 'Raised', 'Refused', 'HistoryChanges'), ['9', '8', '7']);
  t.same(at(`${ALERTS}Alert.1.`, 'Status', 'Name', 'Silenced', 'Flapping', 'Since'), [
    ...['Clearing', 'tv', 'true', 'false', '1970-01-01T00:01:00Z'],
  ]);
});

t.test('a silence of all channels, or of one: the later of the two counts', async (t) => {
  const b = bench();
  const url = { URL: 'https://example.test/x' };
  t.ok((await b.model.add(`${ALERTS}Channel.`, url, ORIGIN)).ok);
  t.ok((await b.model.add(`${ALERTS}Channel.`, url, ORIGIN)).ok);
  const until = () =>
    b.model.compileAll().alerts.channels.map(({ silencedUntilMs }) => silencedUntilMs / 1000);
  const set = async (path: string, value: string) => {
    const changes = [{ path: `${ALERTS}${path}SilencedUntil`, value }];
    return (await b.model.set(changes, ORIGIN)).ok;
  };
  t.same(until(), [0, 0]);
  t.ok(await set('Channel.2.', '1970-01-01T00:01:00Z'));
  t.same(until(), [0, 60]);
  t.ok(await set('', '1970-01-01T00:00:30Z'));
  t.same(until(), [30, 60]);
  t.ok(await set('Channel.2.', '0001-01-01T00:00:00Z'));
  t.same(until(), [30, 30]);
  t.notOk(await set('', 'tomorrow'));
});

t.test('rules that lie behind each other would never be told: they are refused', async (t) => {
  const b = bench();
  const rule = (n: number) => `${ALERTS}Rule.${n}.`;
  for (let n = 1; n <= 3; n++) t.ok((await b.model.add(`${ALERTS}Rule.`, {}, ORIGIN)).ok);
  const behind = (n: number, other: number) =>
    b.model.set([{ path: `${rule(n)}Behind`, value: rule(other) }], ORIGIN);
  t.match(await behind(1, 1), { ok: false, error: [{ path: `${rule(1)}Behind` }] }, 'itself');
  t.ok((await behind(2, 1)).ok);
  t.ok((await behind(3, 2)).ok);
  t.match(await behind(1, 3), { ok: false, error: { length: 3 } }, 'a ring of three');
  t.ok((await b.model.set([{ path: `${rule(2)}Enable`, value: 'false' }], ORIGIN)).ok);
  t.ok((await behind(1, 3)).ok, 'a rule that is off silences nobody');
  t.same(
    b.model.compileAll().alerts.rules.map(({ behind }) => behind),
    [`${ALERTS}Rule.3`, `${ALERTS}Rule.2`],
  );
});
