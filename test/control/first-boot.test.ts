import t from 'tap';
import { configText, errorsText, firstBoot } from '../../src/control/first-boot.ts';
import { parseProcessConfig } from '../../src/control/process-config.ts';

const HASH = '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6';
const PORTS = { wan: 'eth0', lan: ['eth1'] };
const boot = (files: Readonly<Record<string, string>>) =>
  firstBoot(new Map(Object.entries(files)), PORTS);

t.test('a card without settings', async (t) => {
  const { config, faults, kept, ...rest } = boot({});
  t.same(config.interfaces, PORTS);
  t.same(config.rows, {});
  t.same(faults, []);
  t.equal(kept.size, 0);
  t.same(rest, { password: undefined, sshKeys: [], wifi: undefined });
});

t.test('gatehouse.json wins over other tools, and custom.toml over firstrun.sh', async (t) => {
  const own = {
    interfaces: { wan: 'eth1', lan: ['eth0'] },
    rows: { 'Device.DeviceInfo.HostName': 'own' },
  };
  const toml = `config_version = 1\n[system]\nhostname = "toml"\n[user]\nname = "toml"\npassword = "${HASH}"\n[locale]\ntimezone = "Europe/Berlin"`;
  const script = '/usr/lib/raspberrypi-sys-mods/imager_custom set_hostname script';
  const all = boot({
    'gatehouse.json': JSON.stringify(own),
    'custom.toml': toml,
    'firstrun.sh': script,
  });
  t.same(all.faults, []);
  t.same(all.config.interfaces, own.interfaces);
  t.same(all.config.rows, { ...own.rows, 'Device.Time.LocalTimeZone': 'Europe/Berlin' });
  t.same(all.config.account, { username: 'toml', passwordHash: HASH });
  t.same([...all.kept.keys()].sort(), ['custom.toml', 'firstrun.sh', 'gatehouse.json']);
  const two = boot({ 'custom.toml': toml, 'firstrun.sh': script });
  t.equal(two.config.rows['Device.DeviceInfo.HostName'], 'toml');
  const log = boot({ 'gatehouse.json': '{"log":{"level":"debug"}}' });
  t.same(log.config.interfaces, PORTS, 'the ports of the box where the file does not say');
  t.equal(log.config.logLevel, 'debug');
});

t.test('the configuration is one that the daemon reads', async (t) => {
  const { config } = boot({ 'userconf.txt': `pi:${HASH}` });
  t.same(parseProcessConfig(configText(config)), { ok: true, value: config });
});

t.test('what cannot be read is told and stays, what can be counts', async (t) => {
  const { config, faults, kept } = boot({
    'gatehouse.json': '{"rows": []}',
    'custom.toml': '[',
    userconf: `pi:${HASH}`,
  });
  t.match(faults, [{ file: 'custom.toml' }, { file: 'gatehouse.json', message: /rows/ }]);
  t.same([...kept.keys()], ['userconf']);
  t.equal(config.account?.username, 'pi');
});

t.test('a plain password is handed on to be hashed, unless it is too weak', async (t) => {
  const toml = (password: string) =>
    `config_version = 1\n[user]\nname = "pi"\npassword = "${password}"\npassword_encrypted = false`;
  const good = boot({ 'custom.toml': toml('three words here') });
  t.same(good.password, { username: 'pi', password: 'three words here' });
  t.equal(good.config.account, undefined);
  const weak = boot({ 'custom.toml': toml('raspberry') });
  t.equal(weak.password, undefined);
  t.match(weak.faults, [{ file: 'user', message: /10 to 128 characters/ }]);
});

t.test('a time zone that is none', async (t) => {
  const { config, faults } = boot({
    'firstrun.sh': "/usr/lib/raspberrypi-sys-mods/imager_custom set_timezone 'Mars/Olympus'",
  });
  t.same(config.rows, {});
  t.match(faults, [{ message: /no time zone Mars\/Olympus/ }]);
});

t.test('no secret stays on the card', async (t) => {
  const psk = 'b'.repeat(64);
  const { kept } = boot({
    'gatehouse.json': JSON.stringify({
      account: { username: 'pi', passwordHash: HASH },
      rows: { 'Device.Users.User.2.Password': 'three words here', 'Device.X.Name': 'n' },
    }),
    'custom.toml': `config_version = 1\n[user]\nname = "pi"\npassword = "${HASH}"\n[wlan]\nssid = "net"\n "password" = "${psk}"`,
    'firstrun.sh': `/usr/lib/raspberrypi-sys-mods/imager_custom set_hostname gate\n/usr/lib/userconf-pi/userconf 'pi' '${HASH}'\necho "x:${HASH}" | chpasswd -e\n/usr/lib/raspberrypi-sys-mods/imager_custom set_wlan 'net' '${psk}'\n\tpsk=${psk}`,
    'userconf.txt': `pi:${HASH}`,
  });
  t.equal(kept.size, 4);
  const all = [...kept.values()].join('\n');
  for (const secret of [HASH, psk, 'three words']) t.notOk(all.includes(secret), secret);
  for (const stays of ['gate', '[wlan]', 'ssid = "net"', 'Device.X.Name', 'pi: removed']) {
    t.ok(all.includes(stays), stays);
  }
});

t.test('a Wi-Fi: joined as a second WAN, or as the one that was named', async (t) => {
  const wlan =
    'config_version = 1\n[wlan]\nssid = "net"\npassword = "three words"\nhidden = true\ncountry = "DE"';
  const { config, wifi, kept } = boot({ 'custom.toml': wlan });
  t.same(config.interfaces, { ...PORTS, wifi: 'wlan0' });
  t.same(config.rows, {
    'Device.WiFi.EndPoint.1.Enable': 'true',
    'Device.WiFi.EndPoint.1.Profile.1.Enable': 'true',
    'Device.WiFi.EndPoint.1.Profile.1.SSID': 'net',
    'Device.WiFi.EndPoint.1.Profile.1.Priority': '0',
    'Device.WiFi.EndPoint.1.Profile.1.X_GATEHOUSE_Hidden': 'true',
    'Device.WiFi.EndPoint.1.Profile.1.Security.ModeEnabled': 'WPA2-Personal',
    'Device.WiFi.EndPoint.1.Profile.1.Security.PreSharedKey': '',
    'Device.WiFi.EndPoint.1.Profile.1.Security.KeyPassphrase': 'three words',
    'Device.WiFi.Radio.1.RegulatoryDomain': 'DE',
  });
  t.equal(wifi, 'net');
  t.notMatch(kept.get('custom.toml'), 'three words');
  t.ok(parseProcessConfig(configText(config)).ok, 'the daemon reads it');

  const found = firstBoot(new Map([['custom.toml', wlan]]), { ...PORTS, wifi: 'wlan1' });
  t.equal(found.config.interfaces.wifi, 'wlan1', 'the one that was found');
  t.notOk('wifi' in firstBoot(new Map(), { ...PORTS, wifi: 'wlan1' }).config.interfaces);
  const roles = { wan: 'wlan0', lan: ['eth0'] };
  const named = boot({
    'custom.toml': wlan,
    'gatehouse.json': JSON.stringify({ interfaces: roles }),
  });
  t.same(named.config.interfaces, roles, 'it is the WAN already');
});

t.test('the file of errors', async (t) => {
  t.equal(errorsText([]), '');
  const text = errorsText([{ file: 'custom.toml', message: 'line 1: a key is wanted' }]);
  t.match(text, /passwords are removed: put them back, and rename it/);
  t.match(text, '  custom.toml: line 1: a key is wanted\r\n');
  t.notMatch(text.replaceAll('\r\n', ''), '\n');
});
