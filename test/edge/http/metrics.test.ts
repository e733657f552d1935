/** `GET /metrics`: for whoever has its token, and nobody else. */
import t from 'tap';
import { box } from './box.ts';

const TOKEN = 'a-token-of-32-characters-or-more';

t.test('only while it is on, and only with its token', async (t) => {
  const metrics = { token: undefined as string | undefined, asked: 0, text: async () => '' };
  metrics.text = async () => {
    metrics.asked++;
    return '# EOF\n';
  };
  const made = await box(t, undefined, undefined, undefined, metrics);
  const get = (authorization?: string) =>
    made.ask({
      path: '/metrics',
      headers: { host: made.host, ...(authorization === undefined ? {} : { authorization }) },
    });
  t.equal((await get(`Bearer ${TOKEN}`)).status, 404, 'off');
  metrics.token = TOKEN;
  for (const given of [undefined, '', 'Bearer', 'Bearer ', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
    const refused = await get(given);
    t.equal(refused.status, 401, given ?? 'nothing');
    t.match(refused.headers['www-authenticate'], 'Bearer realm="metrics"');
  }
  t.equal(metrics.asked, 0);
  const owner = await made.administrator();
  t.equal((await owner.get('/metrics')).status, 401, 'an account is no token');
  const told = await get(`Bearer ${TOKEN}`);
  t.match(told, { status: 200, text: '# EOF\n' });
  t.match(told.headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/);
  t.equal(told.headers['set-cookie'], undefined);
  const elsewhere = { path: '/metrics', headers: { host: 'evil.example', authorization: TOKEN } };
  t.equal((await made.ask(elsewhere)).status, 421);
});
