import t from 'tap';
import { bench, ORIGIN, settled } from './fixture.ts';

const COLLECTORS = 'Device.X_GATEHOUSE_Syslog.Collector.';

t.test('collectors of the log', async (t) => {
  const b = bench();
  t.same(b.model.compileAll().syslog, { collectors: [] });
  const nobody = await b.model.add(COLLECTORS, { Enable: 'true' }, ORIGIN);
  t.match(nobody, { ok: false, error: [{ path: `${COLLECTORS}1.Host` }] });
  const added = await b.model.add(COLLECTORS, { Enable: 'true', Host: 'log.example' }, ORIGIN);
  t.ok(added.ok);
  const id = b.model.compileAll().syslog.collectors[0]?.id ?? '';
  t.same(b.model.compileAll().syslog.collectors, [
    {
      ...{ id, host: 'log.example', port: 514, protocol: 'UDP', authority: '', facility: 3 },
      severity: 6,
    },
  ]);
  const row = `${id.replace(/\.?$/, '.')}`;
  t.equal(await b.set(`${row}Protocol`, 'TLS'), 'done');
  t.equal(await b.set(`${row}Facility`, 'local7'), 'done');
  t.equal(await b.set(`${row}Level`, 'Error'), 'done');
  t.equal(await b.set(`${row}Authority`, 'no certificate'), 'conflict');
  t.match(b.model.compileAll().syslog.collectors, [
    { port: 6514, protocol: 'TLS', facility: 23, severity: 3 },
  ]);
  t.equal(b.get(`${row}Status`), 'Disabled');
  b.observed.publish('syslog', { collectors: [{ id, up: false, reason: 'it is gone' }] });
  await settled();
  t.equal(b.get(`${row}Status`), 'Error');
  t.equal(b.get(`${row}Reason`), 'it is gone');
  b.observed.publish('syslog', { collectors: [{ id, up: true, reason: undefined }] });
  await settled();
  t.equal(b.get(`${row}Status`), 'Up');
  t.same(
    ['Sent', 'Dropped', 'Queued'].map((name) => b.get(`${row}${name}`)),
    ['3', '2', '1'],
  );
});
