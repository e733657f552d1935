import t from 'tap';
import { readCustomToml, readFirstRun, readUserConf } from '../../src/control/card-settings.ts';

const HASH = '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6';
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKzY me@here';
const PSK = 'a'.repeat(64);

t.test('custom.toml with all that it may hold', async (t) => {
  const { settings, faults } = readCustomToml(`
config_version = 1
[system]
hostname = "gate"
[user]
name = "pi"
password = "${HASH}"
password_encrypted = true
[ssh]
enabled = true
password_authentication = false
authorized_keys = [ "${KEY}" ]
[wlan]
ssid = "my net"
password = "${PSK}"
password_encrypted = true
hidden = true
country = "DE"
[locale]
keymap = "de"
timezone = "Europe/Berlin"
`);
  t.same(faults, []);
  t.same(settings, {
    hostName: 'gate',
    user: { name: 'pi', hash: HASH },
    sshKeys: [KEY],
    wifi: { ssid: 'my net', key: PSK, hidden: true },
    country: 'DE',
    timeZone: 'Europe/Berlin',
  });
});

t.test('each item of custom.toml counts by itself', async (t) => {
  const { settings, faults } = readCustomToml(`
config_version = 1
colour = "red"
[system]
hostname = "gate way"
[user]
name = "pi"
password = "plain words"
password_encrypted = false
[ssh]
authorized_keys = [ "${KEY}", "rsa AAAA", "ssh-ed25519 AAAA x\\u0007" ]
ssh_import_id = "gh:me"
[wlan]
ssid = "open"
country = "Germany"
[locale]
timezone = "$(reboot)"
[custom]
x = 1
`);
  t.same(settings, {
    user: { name: 'pi', password: 'plain words' },
    sshKeys: [KEY],
    wifi: { ssid: 'open', key: undefined, hidden: false },
  });
  for (const says of [
    /colour is not known/,
    /\[custom\] is not known/,
    /" ?[^"]+" is no host name/,
    /2 of the SSH keys/,
    /ssh_import_id is not taken/,
    /"Germany" is no country .*two letters/,
    /"\$\(reboot\)" is no time zone/,
  ]) {
    t.ok(
      faults.some((fault) => says.test(fault)),
      String(says),
    );
  }
});

t.test('custom.toml that cannot be read, or is of another version', async (t) => {
  t.match(readCustomToml('[system\n'), { settings: {}, faults: [/^line 1: a table ends/] });
  t.match(readCustomToml('[system]\nhostname = "x"'), { settings: {}, faults: [/config_version/] });
  const types = 'config_version = 1\n[system]\nhostname = 7\n[ssh]\nauthorized_keys = true';
  t.match(readCustomToml(types), {
    settings: {},
    faults: ['[system] hostname is not a string', '[ssh] authorized_keys is not a list'],
  });
});

t.test('users', async (t) => {
  const user = (lines: string) => readCustomToml(`config_version = 1\n[user]\n${lines}`);
  t.match(user('name = "pi"\npassword = "$1$x$y"').faults, [/user pi: the password is not hashed/]);
  t.match(user('name = "Pi"\npassword = "x"').faults, [/"Pi" is no user name/]);
  t.match(user('name = "pi"').faults, [/user pi has no password/]);
  t.match(user(`name = "${'\\u001b'.repeat(200)}"\npassword = "x"`).faults, [
    /^.{1,460} is no user/,
  ]);
  t.same(readCustomToml('config_version = 1\n[wlan]\ncountry = "de"'), {
    settings: { country: 'DE' },
    faults: [],
  });
  t.match(user('password = "x"').faults, [/without a user name/]);
});

/** As Raspberry Pi Imager 1.8 and 2.0 write it. */
const FIRST_RUN = `#!/bin/sh

set +e

CURRENT_HOSTNAME=\`cat /etc/hostname | tr -d " \\t\\n\\r"\`
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom set_hostname gate
else
   echo gate >/etc/hostname
   sed -i "s/127.0.1.1.*$CURRENT_HOSTNAME/127.0.1.1\\tgate/g" /etc/hosts
fi
FIRSTUSER=\`getent passwd 1000 | cut -d: -f1\`
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom enable_ssh -k '${KEY}'
else
   echo 'PasswordAuthentication no' >>/etc/ssh/sshd_config
fi
if [ -f /usr/lib/userconf-pi/userconf ]; then
   /usr/lib/userconf-pi/userconf 'pi' '${HASH}'
else
   echo "$FIRSTUSER:"'${HASH}' | chpasswd -e
fi
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan  -h 'it'"'"'s mine' '${PSK}' 'DE'
else
cat >/etc/wpa_supplicant/wpa_supplicant.conf <<'WPAEOF'
country=DE
network={
	ssid="it's mine"
	psk=${PSK}
}
WPAEOF
fi
   /usr/lib/raspberrypi-sys-mods/imager_custom set_keymap 'de'
   /usr/lib/raspberrypi-sys-mods/imager_custom set_timezone 'Europe/Berlin'
rm -f /boot/firstrun.sh
exit 0
`;

t.test('firstrun.sh, which is read and never run', async (t) => {
  t.same(readFirstRun(FIRST_RUN), {
    settings: {
      hostName: 'gate',
      sshKeys: [KEY],
      user: { name: 'pi', hash: HASH },
      wifi: { ssid: "it's mine", key: PSK, hidden: true },
      country: 'DE',
      timeZone: 'Europe/Berlin',
    },
    faults: [],
  });
  t.match(readFirstRun('#!/bin/sh\nreboot\n'), {
    settings: {},
    faults: [/a program, which is not run/],
  });
  const odd = '/usr/lib/raspberrypi-sys-mods/imager_custom format_disk now';
  t.match(readFirstRun(odd).faults, [/line 1: format_disk is not known/]);
});

t.test('userconf.txt', async (t) => {
  t.same(readUserConf(`pi:${HASH}\r\n`), {
    settings: { user: { name: 'pi', hash: HASH } },
    faults: [],
  });
  for (const bad of ['', 'pi', 'pi:', `pi:${HASH}\npi:${HASH}\n`]) {
    t.match(readUserConf(bad), { settings: {}, faults: [/one line NAME:HASH/] }, bad);
  }
  t.match(readUserConf('pi:raspberry\n').faults, [/not hashed in a way/]);
});
