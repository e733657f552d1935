/** `/api/device`: one word about one device becomes rows, with who said it; viewers look. */
import t from 'tap';
import { box } from './box.ts';

const MAC = '02:00:5e:00:53:01';
const RULES = 'Device.DHCPv4.Server.X_GATEHOUSE_Rule.';

t.test('allow, deny, for a while, forget, and back', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const say = async (body: object): Promise<Readonly<Record<string, unknown>>> => {
    const { status, text } = await owner.post('/api/device', { mac: MAC, ...body });
    return { status, ...JSON.parse(text) };
  };
  const rules = () => b.model.compileAll().dhcpServer.rules;
  const denied = await say({ word: 'deny' });
  t.same(denied, { status: 200, path: `${RULES}1.`, revision: b.model.revision });
  t.match(rules(), [{ action: 'deny', chaddr: { value: MAC } }]);
  t.match(b.audit.at(-1), { origin: { user: 'admin', via: 'http', address: '127.0.0.1' } });
  t.ok(b.held.length > 0, 'the answer goes before the effect');
  await say({ word: 'allow', seconds: 3600 });
  t.match(rules(), [
    { action: 'allow', untilMs: Math.floor(b.clock.wallMs() / 1000) * 1000 + 3_600_000 },
  ]);
  const forgotten = await say({ word: 'forget' });
  t.same(rules(), []);
  await owner.post('/api/config/restore', { revision: Number(forgotten['revision']) - 1 });
  t.equal(rules().length, 1, 'the revision is one to return from');
  t.match(await say({ word: 'fix', address: '192.168.1.77' }), { status: 200 });
  t.match(b.model.compileAll().dhcpServer.pools[0]?.statics, [{ chaddr: MAC }]);
});

t.test('what cannot be is refused with its reason; a viewer changes nothing', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const refused = async (body: object) => {
    const { status, text } = await owner.post('/api/device', body);
    return `${status} ${text}`;
  };
  t.match(await refused({ mac: MAC, word: 'hello' }), /^400 .*allow, deny, forget, fix/);
  t.match(await refused({ mac: 'x', word: 'deny' }), /^400 .*mac is missing/);
  for (const seconds of [-1, 1.5, '60', 2 ** 31])
    t.match(await refused({ mac: MAC, word: 'allow', seconds }), /^400 .*seconds/);
  t.match(await refused({ mac: MAC, word: 'fix', address: '1.2.3' }), /^400 .*address/);
  t.match(await refused({ mac: MAC, word: 'fix' }), /^422 .*has no lease/);
  t.match(await refused({ mac: MAC, word: 'forget' }), /^422 .*nothing was said/);
  const viewer = await b.viewer(owner);
  const before = b.model.revision;
  t.equal((await viewer.post('/api/device', { mac: MAC, word: 'deny' })).status, 403);
  const forged = await owner.post(
    '/api/device',
    { mac: MAC, word: 'deny' },
    { 'x-gatehouse-token': undefined },
  );
  t.equal(forged.status, 403, 'without the token of the session');
  t.equal(b.model.revision, before);
});
