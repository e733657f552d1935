import t from 'tap';
import { bench, ORIGIN } from './fixture.ts';

const METRICS = 'Device.X_GATEHOUSE_Metrics.';

t.test('metrics answer with a token of their own, which is never read', async (t) => {
  const b = bench();
  t.same(b.model.compileAll().metrics, { token: undefined, otlp: undefined });
  t.not(await b.set(`${METRICS}Enable`, 'true'), 'done', 'not without a token');
  const short = await b.model.set([{ path: `${METRICS}Token`, value: 'short' }], ORIGIN);
  const [fault] = short.ok ? [] : short.error;
  t.match(fault?.message, /does not match .*\{16,128\}/, 'what is wanted');
  t.notMatch(fault?.message, /short/, 'never what was given');
  t.not(await b.set(`${METRICS}Token`, 'with a blank in its middle'), 'done');
  t.equal(await b.set(`${METRICS}Token`, 'sixteen-letters-'), 'done');
  t.same(b.model.compileAll().metrics, { token: undefined, otlp: undefined }, 'still off');
  t.equal(await b.set(`${METRICS}Enable`, 'true'), 'done');
  t.same(b.model.compileAll().metrics, { token: 'sixteen-letters-', otlp: undefined });
  t.equal(b.get(`${METRICS}Token`), '');
  t.notMatch(JSON.stringify(b.audit), /sixteen/, 'nor is it in the trail');
});

t.test('a collector is told where it says, with headers that are never read', async (t) => {
  const b = bench();
  const set = (name: string, value: string) => b.set(`${METRICS}OTLP${name}`, value);
  const otlp = () => b.model.compileAll().metrics.otlp;
  t.not(await set('Enable', 'true'), 'done', 'not without an endpoint');
  for (const wrong of ['collector', 'ftp://a/', 'http://', 'http://me:secret@a/v1/metrics'])
    t.not(await set('Endpoint', wrong), 'done', wrong);
  t.equal(await set('Endpoint', 'https://a.example:4318/v1/metrics'), 'done');
  t.equal(otlp(), undefined, 'still off');
  t.equal(await set('Enable', 'true'), 'done');
  const endpoint = 'https://a.example:4318/v1/metrics';
  t.same(otlp(), { endpoint, headers: {}, authority: '', intervalMs: 60_000 });
  t.not(await set('Interval', '4'), 'done');
  t.equal(await set('Interval', '10'), 'done');
  t.not(await set('Headers', 'host=a'), 'done');
  t.equal(await set('Headers', 'Authorization=Bearer%20sesame'), 'done');
  const headers = { authorization: 'Bearer sesame' };
  t.not(await set('Authority', 'anybody'), 'done');
  const authority = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';
  t.equal(await set('Authority', authority), 'done');
  t.same(otlp(), { endpoint, headers, authority, intervalMs: 10_000 });
  t.equal(b.get(`${METRICS}OTLPHeaders`), '');
  t.notMatch(JSON.stringify(b.audit), /sesame/, 'nor are they in the trail');
  t.equal(b.get(`${METRICS}OTLPStatus`), 'Disabled');
  const seen = { state: 'Error', reason: 'HTTP 503', sent: 3, failed: 1, rejected: 7 } as const;
  b.observed.publish('otlp', seen);
  t.equal(b.get(`${METRICS}OTLPStatus`), 'Error');
  t.equal(b.get(`${METRICS}OTLPReason`), 'HTTP 503');
  t.same(
    ['Sent', 'Failed', 'Rejected'].map((name) => b.get(`${METRICS}OTLP${name}`)),
    ['3', '1', '7'],
  );
});
