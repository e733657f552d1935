/** `gatehouse interfaces`: what could be captured, asked of the kernel itself, and what stands in the way. */
import t from 'tap';
import { ok } from '../../../src/base/result.ts';
import { captureLinks } from '../../../src/os/linux/capture-links.ts';
import { loadNative } from '../../../src/os/linux/native.ts';
import { cli, fakeEnvironment } from './fake.ts';

t.test('the links of this machine', async (t) => {
  const links = await captureLinks(loadNative());
  t.ok(links.ok);
  const lo = links.ok ? links.value.find(({ name }) => name === 'lo') : undefined;
  t.match(lo, { linkType: 'loopback', kind: null });
  const isRoot = process.getuid?.() === 0;
  t.match(lo, isRoot ? { permitted: true, reason: null } : { reason: 'no CAP_NET_RAW' });
});

t.test('as a table, and what helps where it is not permitted', async (t) => {
  const link = {
    ...{ name: 'eth0', linkType: 'ethernet', kind: null, state: 'no carrier' as const, mac: null },
    ...{ mtu: 1500, permitted: false, reason: 'no CAP_NET_RAW' },
  };
  const { capture } = fakeEnvironment({ message: 'no bus', status: undefined });
  const given = { capture: async () => ({ ...(await capture()), links: async () => ok([link]) }) };
  const { code, out, err } = await cli(['interfaces'], undefined, given);
  t.equal(code, 0);
  t.match(out, /eth0 +ethernet +no carrier +1500 +no: no CAP_NET_RAW/);
  t.match(err, /for root, or with CAP_NET_RAW.*captures start/);
  const json = await cli(['--json', 'interfaces'], undefined, given);
  t.same(JSON.parse(json.out), [link]);
  t.match(await cli(['interfaces']), { code: 1, err: /no links here/ });
});
