import t from 'tap';
import { hostOf, lanAddressOf } from '../../../src/edge/console/checks.ts';
import { hasColour } from '../../../src/edge/console/terminal.ts';

t.test('what may be given to ping', async (t) => {
  for (const good of [
    '192.0.2.1',
    'example.org',
    'a-b.example.',
    'fe80::1%eth0',
    '::1',
    '2001:db8::192.0.2.1',
  ]) {
    t.same(hostOf(good), { ok: true, value: good });
  }
  const bad = [
    '',
    '-f',
    '--help',
    '192.0.2',
    '192.0.2.256',
    'a b',
    'a;reboot',
    '$(x)',
    '-::1',
    'a..b',
    ':',
    'x'.repeat(64),
    `${'a.'.repeat(130)}a`,
    'é.example',
    'a\nb',
    'fe80::1%eth0;x',
  ];
  for (const text of bad) t.equal(hostOf(text).ok, false, JSON.stringify(text));
});

t.test('the address of the LAN', async (t) => {
  const mask = '255.255.255.0';
  t.same(lanAddressOf('192.168.7.1'), { ok: true, value: { address: '192.168.7.1', mask } });
  t.same(lanAddressOf('10.0.0.1/8'), {
    ok: true,
    value: { address: '10.0.0.1', mask: '255.0.0.0' },
  });
  t.same(lanAddressOf('192.168.7.1 255.255.255.0'), {
    ok: true,
    value: { address: '192.168.7.1', mask },
  });
  for (const bad of [
    '',
    '192.168.7',
    '192.168.7.1/33',
    '192.168.7.1/255.0.255.0',
    '1.2.3.4/24/8',
    'x/24',
  ]) {
    t.equal(lanAddressOf(bad).ok, false, bad);
  }
});

t.test('colour', async (t) => {
  t.equal(hasColour({ TERM: 'linux' }), true);
  t.equal(hasColour({ TERM: 'xterm', NO_COLOR: '' }), true);
  for (const env of [
    { TERM: 'linux', NO_COLOR: '1' },
    { TERM: 'dumb' },
    { TERM: 'vt100' },
    { TERM: 'vt220' },
    {},
  ]) {
    t.equal(hasColour(env), false, JSON.stringify(env));
  }
});
