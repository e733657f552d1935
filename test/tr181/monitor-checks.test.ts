/** Targets of the monitor that are servers: what rows compile to, and what is refused. */
import t from 'tap';
import { bench, ORIGIN } from './fixture.ts';

const TARGETS = 'Device.X_GATEHOUSE_Monitor.Target.';

const added = async (values: Record<string, string>) => {
  const b = bench();
  const done = await b.model.add(TARGETS, { Host: 'h.example', ...values }, ORIGIN);
  return { b, faults: done.ok ? [] : done.error.map(({ path }) => path.replace(/.*\./, '')) };
};
const compiled = async (values: Record<string, string>) => {
  const { b, faults } = await added(values);
  return faults.length > 0 ? faults : b.model.compileAll().monitor.targets[0]?.check;
};
const refused = async (values: Record<string, string>) => (await added(values)).faults;

t.test('each type with what belongs to it', async (t) => {
  const to = { host: 'h.example', family: undefined };
  t.match(await compiled({ Type: 'TCP', Port: '22', Family: 'IPv6' }), {
    ...{ kind: 'TCP', spec: { ...to, kind: 'TCP', port: 22, family: 6 } },
  });
  const sent = { Type: 'UDP', Port: '9', Payload: '00ff', Expected: 'ok' };
  t.match(await compiled(sent), {
    spec: { ...to, kind: 'UDP', payload: Uint8Array.of(0, 255), expected: Uint8Array.of(111, 107) },
  });
  const page = { path: '/', status: [200, 399], contains: '', certificateDays: 0 };
  t.match(await compiled({ Type: 'HTTP' }), { spec: { ...to, ...page, secure: true, port: 443 } });
  const plain = { Type: 'HTTP', Secure: 'false', ExpectedStatus: '204', CertificateDays: '-1' };
  t.match(await compiled({ ...plain, Path: '/a?b', Expected: 'c' }), {
    spec: {
      ...{ secure: false, port: 80, path: '/a?b', status: [204, 204], contains: 'c' },
      certificateDays: undefined,
    },
  });
  const asked = { Type: 'DNS', QueryName: 'x.example', QueryType: 'AAAA', Expected: 'NXDOMAIN' };
  t.match(await compiled(asked), {
    spec: { ...to, kind: 'DNS', port: 53, name: 'x.example', type: 28, expected: 'NXDOMAIN' },
  });
  t.notOk(JSON.stringify(await compiled({})).includes('spec'), 'echo requests need nothing more');
});

t.test('what could not be asked is refused', async (t) => {
  t.same(await refused({ Type: 'TCP' }), ['Port']);
  t.same(await refused({ Type: 'HTTP', ExpectedStatus: '500-200' }), ['ExpectedStatus']);
  t.same(await refused({ Type: 'DNS' }), ['QueryName']);
  const nonsense = { Type: 'DNS', QueryName: 'a..b', QueryType: 'NONE' };
  t.same(await refused(nonsense), ['QueryName', 'QueryType']);
  t.same(await refused({ Type: 'HTTP', Path: 'x y' }), ['Path']);
  t.same(await refused({ Type: 'HTTP', ExpectedStatus: '200-' }), ['ExpectedStatus']);
});
