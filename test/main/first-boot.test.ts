/** A card with settings, and what is on the box and on the card after the first start. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const HASH = '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6';
const skip = process.getuid?.() === 0 ? false : 'the box does it as root';

function box(t: Test, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'gh-first-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const card = join(folder, 'card');
  mkdirSync(card);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(card, name), text);
  const config = join(folder, 'first.json');
  const ssh = join(folder, 'ssh');
  const run = () => {
    const args = ['--card', card, '--config', config, '--ssh', ssh];
    const ports = ['--wan', 'eth0', '--lan', 'eth1,eth2', '--user', 'nobody'];
    return spawnSync(process.execPath, [MAIN, 'first-boot', ...args, ...ports], {
      encoding: 'utf8',
    });
  };
  const read = () => JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>;
  const onCard = (name: string) => readFileSync(join(card, name), 'utf8');
  return { card, config, ssh, run, read, onCard };
}

t.test('an empty card', { skip }, async (t) => {
  const { card, config, ssh, run, read } = box(t, {});
  const { status, stdout } = run();
  t.equal(status, 0);
  t.equal(stdout, '');
  t.match(read(), { interfaces: { wan: 'eth0', lan: ['eth1', 'eth2'] }, rows: {} });
  const { mode, uid } = statSync(config);
  t.equal(mode & 0o777, 0o640);
  t.equal(uid, 0);
  t.notOk(existsSync(ssh));
  t.same(readdirSync(card), []);
});

t.test('settings are applied once, and their secrets leave the card', { skip }, async (t) => {
  const { card, config, ssh, run, read, onCard } = box(t, {
    'custom.toml': `config_version = 1
[system]
hostname = "gate"
[user]
name = "pi"
password = "${HASH}"
[ssh]
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKzY me"]
[wlan]
ssid = "IEEE"
password = "password"
password_encrypted = false
country = "DE"
`,
    'gatehouse.json': JSON.stringify({
      rows: { 'Device.IP.Interface.2.IPv4Address.1.IPAddress': '192.168.7.1' },
    }),
  });
  const { status, stdout } = run();
  t.equal(status, 0);
  t.match(stdout, /custom\.toml of the card was applied/);
  t.match(stdout, /SSH is on for one key, from the LAN, as user admin/);
  t.match(read(), {
    rows: {
      'Device.DeviceInfo.HostName': 'gate',
      'Device.IP.Interface.2.IPv4Address.1.IPAddress': '192.168.7.1',
    },
    account: { username: 'pi', passwordHash: HASH },
  });
  const later = readFileSync(`${config}.later`, 'utf8');
  t.match(JSON.parse(later), { interfaces: { wan: 'eth0' }, rows: {} });
  t.notOk(later.includes(HASH));
  t.same(readdirSync(card).sort(), ['custom.toml.applied', 'gatehouse.json.applied']);
  t.notMatch(onCard('custom.toml.applied'), /\$5\$|"password"/);
  t.match(stdout, /the Wi-Fi "IEEE" is joined/);
  t.match(read(), {
    interfaces: { wan: 'eth0', wifi: 'wlan0' },
    rows: {
      'Device.WiFi.EndPoint.1.Profile.1.SSID': 'IEEE',
      'Device.WiFi.EndPoint.1.Profile.1.Security.KeyPassphrase': 'password',
      'Device.WiFi.Radio.1.RegulatoryDomain': 'DE',
    },
  });
  t.match(statSync(config), { uid: 0, mode: 0o100640 }, 'it holds the password of the Wi-Fi');
  const keys = join(ssh, '.ssh/authorized_keys');
  t.match(readFileSync(keys, 'utf8'), /^ssh-ed25519 .* me\n$/);
  t.match(statSync(keys), { uid: 0, mode: 0o100644 });

  t.equal(run().status, 0);
  t.match(read(), { rows: {}, account: undefined }, 'what was applied is not applied again');
});

t.test('faults are on the console and on the card, and the box starts', { skip }, async (t) => {
  const { card, run, read, onCard } = box(t, {
    'gatehouse.json': JSON.stringify({ rows: { 'Device.DHCPv4.Client.1.Enabel': 'true' } }),
    'custom.toml': 'config_version = 1\n[system]\nhostname = "gate"\ncolour = "red"\n',
    'userconf.txt': 'pi:$1$abcdefgh$Z7nyb/jh94SyZijx.oYpp0\n',
  });
  const { status, stdout } = run();
  t.equal(status, 0);
  t.match(stdout, /gatehouse\.json of the card: .*Enabel/);
  t.match(read(), { rows: { 'Device.DeviceInfo.HostName': 'gate' } });
  const errors = onCard('gatehouse-errors.txt');
  for (const says of [/Enabel/, /colour is not known/, /userconf\.txt: user pi: .*not hashed/]) {
    t.match(errors, says);
  }
  t.same(
    readdirSync(card).sort(),
    ['custom.toml.applied', 'gatehouse-errors.txt', 'gatehouse.json', 'userconf.txt'],
    'what was not applied stays as it is',
  );
});

t.test('what is no file, or too large, is told', { skip }, async (t) => {
  const { card, run } = box(t, { 'userconf.txt': 'x'.repeat(300_000) });
  symlinkSync('/etc/passwd', join(card, 'custom.toml'));
  mkdirSync(join(card, 'gatehouse.json'));
  const { status, stdout } = run();
  t.equal(status, 0);
  for (const file of ['userconf.txt', 'custom.toml', 'gatehouse.json']) {
    t.match(stdout, `${file} of the card: `);
  }
});

t.test('wrong usage', async (t) => {
  const ran = spawnSync(process.execPath, [MAIN, 'first-boot', '--card'], { encoding: 'utf8' });
  t.equal(ran.status, 2);
  t.match(ran.stdout, 'usage:');
});
