import t from 'tap';
import { bench } from './fixture.ts';

const METRICS = 'Device.X_GATEHOUSE_Metrics.';

t.test('metrics answer with a token of their own, which is never read', async (t) => {
  const b = bench();
  t.same(b.model.compileAll().metrics, { token: undefined });
  t.not(await b.set(`${METRICS}Enable`, 'true'), 'done', 'not without a token');
  t.not(await b.set(`${METRICS}Token`, 'short'), 'done');
  t.not(await b.set(`${METRICS}Token`, 'with a blank in its middle'), 'done');
  t.equal(await b.set(`${METRICS}Token`, 'sixteen-letters-'), 'done');
  t.same(b.model.compileAll().metrics, { token: undefined }, 'still off');
  t.equal(await b.set(`${METRICS}Enable`, 'true'), 'done');
  t.same(b.model.compileAll().metrics, { token: 'sixteen-letters-' });
  t.equal(b.get(`${METRICS}Token`), '');
  t.notMatch(JSON.stringify(b.audit), /sixteen/, 'nor is it in the trail');
});
