import t from 'tap';
import { DEFAULT_CONFIG, parseProcessConfig } from '../../src/control/process-config.ts';

t.test('a whole file, and an empty one', async (t) => {
  t.same(parseProcessConfig('{}'), { ok: true, value: DEFAULT_CONFIG });
  const text = JSON.stringify({
    interfaces: { wan: 'wan0', lan: ['lan0', 'lan1'] },
    log: { level: 'debug' },
    http: { names: ['router.example', 'box'] },
    rows: { 'Device.DHCPv4.Client.1.Enable': true, 'Device.DHCPv4.Client.1.X': 5 },
  });
  t.same(parseProcessConfig(text), {
    ok: true,
    value: {
      interfaces: { wan: 'wan0', lan: ['lan0', 'lan1'] },
      logLevel: 'debug',
      http: { names: ['router.example', 'box'] },
      rows: { 'Device.DHCPv4.Client.1.Enable': 'true', 'Device.DHCPv4.Client.1.X': '5' },
    },
  });
});

t.test('all faults at once, each with its place', async (t) => {
  const text = JSON.stringify({
    interfaces: { wan: 'a b', lan: ['x', 'x'] },
    log: { level: 'loud' },
    http: { names: ['a b', '-x'] },
    rows: { a: null },
    colour: 1,
  });
  const parsed = parseProcessConfig(text);
  t.equal(parsed.ok, false);
  if (parsed.ok) return;
  for (const says of [
    /unknown key "colour"/,
    /interfaces\.wan/,
    /named twice/,
    /log\.level/,
    /http\.names/,
    /rows\.a/,
  ]) {
    t.ok(
      parsed.error.some((fault) => says.test(fault)),
      String(says),
    );
  }
  t.match(parseProcessConfig('{'), { ok: false, error: [/not JSON/] });
  for (const wan of ['..', '.', 'eth0:1', 'a/b', 'sixteen-letters-', '', ['wan0']]) {
    const file = JSON.stringify({ interfaces: { wan } });
    t.match(parseProcessConfig(file), { ok: false, error: [/interfaces\.wan/] }, file);
  }
  t.match(
    parseProcessConfig('{"log":{"level":["info"]}}'),
    { ok: false, error: [/log\.level/] },
    'a list of one level is no level',
  );
  t.match(parseProcessConfig('[]'), { ok: false, error: [/not an object/] });
});

t.test('the first account', async (t) => {
  const passwordHash = '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6';
  const parsed = parseProcessConfig(JSON.stringify({ account: { username: 'pi', passwordHash } }));
  t.match(parsed, { ok: true, value: { account: { username: 'pi', passwordHash } } });
  for (const [account, says] of [
    [7, /not an object/],
    [{ username: 'Pi', passwordHash }, /username: a name begins/],
    [{ username: 'pi' }, /passwordHash: missing/],
    [{ username: 'pi', passwordHash: 'secret' }, /not hashed in a way/],
    [{ username: 'pi', passwordHash, password: 'x' }, /unknown key "password"/],
  ] as const) {
    const refused = parseProcessConfig(JSON.stringify({ account }));
    t.ok(!refused.ok && refused.error.some((fault) => says.test(fault)), String(says));
    t.notOk(JSON.stringify(refused).includes('secret'), 'what was given is not repeated');
  }
});
