/** Rows of a file that is edited further: its changes are set, those of others stay. */
import t from 'tap';
import { followRows, noteFollowed } from '../../src/control/followed-rows.ts';
import { ORIGIN, router } from '../tr181/fixture.ts';

const ENABLE = 'Device.DHCPv4.Client.1.Enable';
const RESOLVE = 'Device.DNS.Client.Enable';

t.test('what changed in the file is set, once', async (t) => {
  const bench = await router();
  await noteFollowed(bench.store, { [ENABLE]: 'true' });
  t.same(await followRows(bench, { [ENABLE]: 'true' }), { ok: true, value: [] });
  t.same(await followRows(bench, { [ENABLE]: 'false', [RESOLVE]: 'false' }), {
    ok: true,
    value: [ENABLE, RESOLVE],
  });
  t.equal(bench.get(ENABLE), 'false');
  t.equal(bench.get(RESOLVE), 'false');
  const revision = bench.model.revision;
  t.same(await followRows(bench, { [ENABLE]: 'false', [RESOLVE]: 'false' }), {
    ok: true,
    value: [],
  });
  t.equal(bench.model.revision, revision);
});

t.test('what someone else changed stays, also after a restart', async (t) => {
  const bench = await router();
  await noteFollowed(bench.store, { [ENABLE]: 'true' });
  await bench.model.set([{ path: ENABLE, value: 'false' }], ORIGIN);
  const next = bench.restart();
  t.same(await followRows(next, { [ENABLE]: 'true' }), { ok: true, value: [] });
  t.equal(next.get(ENABLE), 'false');
  // Taken out of the file the value stays; put in again it is a change.
  t.same(await followRows(next, {}), { ok: true, value: [] });
  t.equal(next.get(ENABLE), 'false');
  t.same(await followRows(next, { [ENABLE]: 'true' }), { ok: true, value: [ENABLE] });
  t.equal(next.get(ENABLE), 'true');
});

t.test('rows that the paths name are added', async (t) => {
  const bench = await router();
  const path = 'Device.Routing.Router.1.IPv4Forwarding.7.';
  const rows = {
    [`${path}Alias`]: 'lab',
    [`${path}Enable`]: 'true',
    [`${path}DestIPAddress`]: '10.0.0.0',
    [`${path}DestSubnetMask`]: '255.0.0.0',
    [`${path}GatewayIPAddress`]: '192.168.1.9',
    [`${path}Interface`]: 'Device.IP.Interface.2',
  };
  t.match(await followRows(bench, rows), { ok: true });
  t.equal(bench.get(`${path}DestIPAddress`), '10.0.0.0');
});

t.test('a fault is told, changes nothing, and comes again', async (t) => {
  const bench = await router();
  const bad = { [ENABLE]: 'perhaps', 'Device.Nope': '1' };
  for (let i = 0; i < 2; i++) {
    const set = await followRows(bench, bad);
    t.match(set, { ok: false, error: [{}, {}] });
  }
  t.equal(bench.get(ENABLE), 'true');
});
