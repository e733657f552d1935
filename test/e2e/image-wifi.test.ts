/**
 * The x86_64 image in QEMU with simulated radios: it joins the network that its card names, over the
 * air as far as the kernel is concerned, and gets a lease there. Runs by `make test-image`.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { EmulatedBox, imagesAsked, noImage } from '../lib/emulated-box.ts';
import { home } from '../lib/netns.ts';
import { noRadios, RADIOS_UP, radioDisk } from '../lib/radio-disk.ts';

const PASSWORD = 'correct horse';
const CARD = `config_version = 1
[wlan]
ssid = "gate test"
password = "${PASSWORD}"
hidden = true
country = "DE"
`;

const asked = imagesAsked('long').includes('x86_64');
const skip = asked ? (noImage('x86_64') ?? noRadios()) : 'runs by make test-image';

t.setTimeout(1_500_000);

t.test(
  'the Wi-Fi of the card is joined',
  { timeout: 1_400_000, ...(skip ? { skip } : {}) },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-radios-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const disk = radioDisk(folder, { ssid: 'gate test', password: PASSWORD, hidden: true });
    using spaces = home('img-wifi');
    await using box = new EmulatedBox(spaces, 'x86_64', undefined, disk);
    box.putOnCard('custom.toml', CARD);
    await box.start();
    await box.eventually('grep -q \'"msg":"ready"\' /data/gatehouse/log/gatehouse.log');
    t.match(await box.run('cat /boot/custom.toml.applied'), /ssid = "gate test"/);
    t.notMatch(
      await box.run(
        'cat /boot/custom.toml.applied /etc/gatehouse/config.json.later 2>/dev/null; true',
      ),
      PASSWORD,
      'the password is off the card',
    );
    t.match(await box.run('gatehouse wifi status 2>&1'), /no Wi-Fi/, 'no radio yet');

    // The radios come as those on USB do: after the start.
    await box.run(RADIOS_UP);
    await box.eventually(
      'gatehouse wifi status --json 2>/dev/null | grep -q \'"state": "joined"\'',
    );
    const { interfaces } = JSON.parse(await box.run('gatehouse wifi status --json')) as {
      interfaces: object[];
    };
    t.match(interfaces, [{ interface: 'wlan0', ssid: 'gate test', channel: 1, security: /PSK/ }]);
    t.match(
      interfaces,
      [{ country: 'DE', blocked: null, reason: null }],
      'under the rules of its country',
    );
    await box.eventually("ip -4 address show wlan0 | grep -q 'inet 10\\.9\\.9\\.'");
    t.match(
      await box.run('gatehouse leases --json'),
      /"IPAddress": "10\.9\.9\.1\d\d"/,
      'a lease over the air',
    );
    await box.eventually("ip route show default | grep -q 'via 10\\.9\\.9\\.1 dev wlan0'");
    await box.run('ping -c 2 -W 5 -I wlan0 10.9.9.1');

    await t.test('who runs it, and what it may', async (t) => {
      const pid = (await box.run('pidof wpa_supplicant')).trim();
      const status = await box.run(`cat /proc/${pid}/status`);
      t.match(status, /Uid:\t100\t100\t100\t100/);
      t.match(status, /CapBnd:\t0000000000003400/);
      t.match(await box.run('ls -ln /run/gatehouse/wifi/wlan0.conf'), /^-rw------- +1 100 /);
      t.notMatch(await box.run(`tr '\\0' ' ' </proc/${pid}/cmdline`), PASSWORD);
      t.notMatch(await box.run('gatehouse get Device.WiFi.'), PASSWORD, 'nor is it read back');
    });

    await t.test('the model', async (t) => {
      const read = async (path: string): Promise<string> => box.run(`gatehouse get ${path}`);
      t.match(await read('Device.WiFi.EndPoint.1.Status'), /Enabled/);
      t.match(await read('Device.WiFi.EndPoint.1.Profile.1.Status'), /Active/);
      t.match(await read('Device.WiFi.SSID.1.SSID'), /gate test/);
      t.match(await read('Device.WiFi.Radio.1.OperatingFrequencyBand'), /2\.4GHz/);
      t.match(await read('Device.IP.Interface.4.LowerLayers'), /Device\.WiFi\.SSID\.1/);
      t.notMatch(await read('Device.Ethernet.Interface.*.Name'), /wlan/);
    });

    await t.test('a daemon that comes back takes the station over', async (t) => {
      const pid = await box.run('pidof wpa_supplicant');
      const daemon = (JSON.parse(await box.run('gatehouse status --json')) as { pid: number }).pid;
      await box.run(`kill -9 ${daemon}`);
      await box.eventually(
        'gatehouse wifi status --json 2>/dev/null | grep -q \'"state": "joined"\'',
      );
      t.equal(await box.run('pidof wpa_supplicant'), pid);
    });

    await t.test('a search, a password that is wrong, and the radio off', async (t) => {
      // A hidden network is found by its address alone.
      await box.eventually(
        'gatehouse wifi scan --json 2>/dev/null | grep -q \'"security": "WPA2"\'',
      );
      await box.run("echo 'not the password' | gatehouse wifi join 'gate test' --hidden");
      await box.eventually('gatehouse wifi status 2>&1 | grep -q "password is not the right one"');
      t.match(await box.run('gatehouse get Device.WiFi.EndPoint.1.Status'), /Error/);
      await box.run('gatehouse set Device.WiFi.Radio.1.Enable=false');
      await box.eventually('! pidof wpa_supplicant');
      await box.eventually('grep -q 1 /sys/class/rfkill/rfkill0/soft');
      await box.run(
        `echo '${PASSWORD}' >/tmp/password && gatehouse wifi join 'gate test' --hidden --password-file /tmp/password && gatehouse set Device.WiFi.Radio.1.Enable=true`,
      );
      await box.eventually(
        'gatehouse wifi status --json 2>/dev/null | grep -q \'"state": "joined"\'',
      );
      await box.run("gatehouse wifi leave 'gate test'");
      await box.eventually('! pidof wpa_supplicant');
      t.match(await box.run('ls /run/gatehouse/wifi'), /^$/, 'the key is gone');
    });
  },
);
