/** The first set-up: everything at once, once, and with every fault together. */
import t from 'tap';
import { RowAccounts } from '../../src/control/accounts.ts';
import { LinuxSecrets } from '../../src/os/linux/secrets.ts';
import { checkSetup, layDownSetup, type SetupAnswers } from '../../src/tr181/setup.ts';
import { bench, ORIGIN, record, router, settled } from './fixture.ts';

const ANSWERS: SetupAnswers = {
  password: 'three words here',
  timeZone: 'Europe/Berlin',
  lanAddress: '192.168.7.1',
  lanMask: '255.255.255.0',
  wan: { type: 'dhcp' },
};
const STATIC = {
  type: 'static',
  address: '203.0.113.6',
  mask: '255.255.255.248',
  gateway: '203.0.113.1',
  dns: ['9.9.9.9', '149.112.112.112'],
} as const;

const LAN = 'Device.IP.Interface.2.IPv4Address.1.';
const fields = (answers: Partial<SetupAnswers>): string[] =>
  checkSetup({ ...ANSWERS, ...answers }).map(({ field }) => field ?? '');

t.test('with DHCP: one write, and the owner can log in', async (t) => {
  const b = await router();
  const before = b.model.revision;
  const seen = record(b.model, 'Device.');
  const done = await layDownSetup(b.model, ANSWERS, ORIGIN);
  t.ok(done.ok);
  await settled();
  t.equal(b.model.revision, before + 1);
  t.equal(b.get(`${LAN}IPAddress`), '192.168.7.1');
  t.equal(b.get('Device.Time.X_GATEHOUSE_TimeZoneName'), 'Europe/Berlin');
  t.equal(b.get('Device.DHCPv4.Client.1.Enable'), 'true');
  t.ok(seen.includes(`${LAN}IPAddress=192.168.7.1`), 'what was there is announced as changed');
  t.ok(seen.includes('added Device.Users.User.1.'));
  t.match(
    b.audit.find(({ path }) => path === `${LAN}IPAddress`),
    { op: 'add', new: '192.168.1.1' },
    'of the first start',
  );
  t.match(
    b.audit.findLast(({ path }) => path === `${LAN}IPAddress`),
    { op: 'set', old: '192.168.1.1', new: '192.168.7.1', origin: ORIGIN },
  );
  const accounts = new RowAccounts({ rows: b.rows, model: b.model, secrets: new LinuxSecrets() });
  t.same(await accounts.verify('admin', ANSWERS.password), {
    name: 'admin',
    role: 'Administrator',
  });
});

t.test('with a fixed address', async (t) => {
  const b = await router();
  // Numbers that were used once are not taken again, and rows there are stay.
  const server = await b.model.add('Device.DNS.Client.Server.', { DNSServer: '1.1.1.1' }, ORIGIN);
  t.ok(server.ok && (await b.model.del([server.value.path], ORIGIN)).ok);
  const done = await layDownSetup(b.model, { ...ANSWERS, wan: STATIC }, ORIGIN);
  t.same(done.ok || done.error, true);
  t.equal(b.get('Device.DHCPv4.Client.1.Enable'), 'false');
  t.equal(b.get('Device.IP.Interface.1.IPv4Address.*.IPAddress'), '203.0.113.6');
  t.equal(b.get('Device.DNS.Client.Server.*.DNSServer'), '9.9.9.9|149.112.112.112');
  const { network } = b.model.compileAll();
  t.match(network.routes, [{ enable: true, ifName: 'eth0' }]);
});

t.test('once only, and two at once are one', async (t) => {
  const b = await router();
  const both = await Promise.all([
    layDownSetup(b.model, ANSWERS, ORIGIN),
    layDownSetup(b.model, { ...ANSWERS, username: 'mallory' }, ORIGIN),
  ]);
  t.equal(both.filter(({ ok }) => ok).length, 1);
  const winner = both[0].ok ? 'admin' : 'mallory';
  t.equal(b.get('Device.Users.User.*.Username'), winner, 'the other one changed nothing');
  const again = await layDownSetup(
    b.model,
    { ...ANSWERS, password: 'not the one of before' },
    ORIGIN,
  );
  t.match(again, { ok: false, error: [{ kind: 'conflict', field: undefined }] });
});

t.test('all faults at once, each with its field, and nothing is written', async (t) => {
  const b = await router();
  const before = b.model.revision;
  const done = await layDownSetup(
    b.model,
    {
      username: 'Root',
      password: 'short',
      timeZone: 'Mars/Olympus',
      lanAddress: '192.168.1',
      lanMask: '255.0.255.0',
      wan: { type: 'static', address: 'x', mask: 'y', gateway: '127.0.0.1', dns: [] },
    },
    ORIGIN,
  );
  t.same(done.ok || done.error.map(({ field }) => field), [
    'username',
    'password',
    'timeZone',
    'lanAddress',
    'lanMask',
    'wan.address',
    'wan.mask',
    'wan.gateway',
    'wan.dns',
  ]);
  t.equal(b.model.revision, before);
});

t.test('addresses that cannot be', async (t) => {
  t.same(fields({}), []);
  t.same(fields({ wan: STATIC }), []);
  t.same(fields({ lanAddress: '192.168.1.0' }), ['lanAddress'], 'of the network');
  t.same(fields({ lanAddress: '192.168.1.255' }), ['lanAddress'], 'of everybody');
  t.same(fields({ lanAddress: '224.0.0.1' }), ['lanAddress'], 'of a group');
  t.same(fields({ lanMask: '255.255.255.254' }), ['lanMask'], 'too small');
  t.same(fields({ lanMask: '254.0.0.0' }), ['lanMask'], 'too large');
  t.same(fields({ wan: { ...STATIC, gateway: '198.51.100.1' } }), ['wan.gateway'], 'elsewhere');
  t.same(fields({ wan: { ...STATIC, gateway: STATIC.address } }), ['wan.gateway'], 'itself');
  t.same(fields({ wan: { ...STATIC, dns: ['9.9.9.9', '9.9.9.9'] } }), ['wan.dns'], 'twice');
  t.same(fields({ wan: { ...STATIC, dns: ['<b>'] } }), ['wan.dns']);
  const same = { ...STATIC, address: '192.168.7.9', gateway: '192.168.7.14' };
  t.same(fields({ wan: same }), ['lanAddress'], 'the LAN within the WAN');
  t.same(fields({ timeZone: 'CET-1CEST,M3.5.0,M10.5.0/3' }), [], 'zones as POSIX writes them');
});

t.test('a box without a port for it', async (t) => {
  const b = bench();
  const done = await layDownSetup(b.model, ANSWERS, ORIGIN);
  t.match(done, { ok: false, error: [{ field: 'lanAddress', kind: 'conflict' }] });
});

t.test('a name for the box, when one is given', async (t) => {
  for (const hostName of ['', 'a.b', '-x', 'x'.repeat(64)])
    t.same(fields({ hostName }), ['hostName']);
  const named = await router();
  t.ok((await layDownSetup(named.model, { ...ANSWERS, hostName: 'gate-1' }, ORIGIN)).ok);
  t.equal(named.get('Device.DeviceInfo.HostName'), 'gate-1');
  const unnamed = await router();
  t.ok((await layDownSetup(unnamed.model, ANSWERS, ORIGIN)).ok);
  t.same(unnamed.model.compileAll().system, { hostName: undefined });
});
