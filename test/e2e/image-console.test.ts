/**
 * The image at its serial console, in QEMU: settings on its card, the menu, failsafe, factory reset.
 * Runs by `make test-image`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ENTRIES } from '../../src/edge/console/menu.ts';
import { EmulatedBox, imagesAsked, noImage } from '../lib/emulated-box.ts';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, type Namespaces } from '../lib/netns.ts';

t.setTimeout(2_400_000);

const wanted = imagesAsked('minutes');

const FIRST = 'three words here';
/** FIRST by yescrypt, as the newer Imagers hash it. */
const HASH = '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$esEizOTWKaXElM/6vhy7tPBZyqAa8EAxc8ifADYYdY1';
const CARD = `config_version = 1
[system]
hostname = "tower"
[user]
name = "pi"
password = "${HASH}"
[ssh]
authorized_keys = ["@KEY@"]
[locale]
timezone = "Europe/Berlin"
colour = "red"
`;

/** Somebody at the serial line. */
class Person {
  readonly #box: EmulatedBox;
  #seen = 0;

  constructor(box: EmulatedBox) {
    this.#box = box;
  }

  /** What came up to `text`. */
  async until(text: string): Promise<string> {
    const pattern = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    await this.#box.consoleSays(pattern, this.#seen);
    const end = this.#box.console.indexOf(text, this.#seen) + text.length;
    const part = this.#box.console.slice(this.#seen, end);
    this.#seen = end;
    return part.replaceAll('\r', '');
  }

  async answer(text: string, until: string): Promise<string> {
    this.#box.type(`${text}\r`);
    return this.until(until);
  }

  async choose(title: string, until: string): Promise<string> {
    await this.until('Choice: ');
    return this.answer(String(ENTRIES.findIndex((one) => one.title === title) + 1), until);
  }
}

const BACK = 'back to the menu. ';

async function firstStart(t: Test, box: EmulatedBox, person: Person): Promise<void> {
  await person.until('custom.toml of the card was applied');
  await person.until('Press Enter for the menu.');
  await box.eventually('gatehouse status >/dev/null 2>&1');
  await box.eventually('[ "$(hostname)" = tower ]');
  t.match(await box.run('gatehouse get Device.Users.User.1.Username'), /pi/);
  const files = await box.run('ls /boot');
  t.match(files, 'custom.toml.applied');
  t.notMatch(await box.run('cat /boot/custom.toml.applied'), HASH);
  t.match(await box.run('cat /boot/gatehouse-errors.txt'), '[locale] colour is not known');
  t.match(await box.run('grep " /boot " /proc/mounts'), ' ro,', 'and it is read-only again');
}

/** By the key of the card, from the LAN, as who may do everything by the bus and is not root. */
async function bySsh(t: Test, box: EmulatedBox, spaces: Namespaces): Promise<void> {
  await using _isp = await dnsmasq(spaces, 'isp', ...ISP_RANGE, '--dhcp-option=3,198.51.100.1');
  spaces.exec('lan', 'ip', 'address', 'replace', '192.168.1.100/24', 'dev', 'eth0');
  const known = join(box.folder, 'known');
  const ssh = (user: string, options: readonly string[], ...command: string[]) => {
    const how = ['-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=accept-new'];
    const patience = ['-o', 'ConnectTimeout=60', '-o', 'BatchMode=yes', '-F', '/dev/null'];
    const words = [...how, ...patience, ...options, `${user}@192.168.1.1`, ...command];
    const ran = spawnSync('ip', spaces.argv('lan', 'ssh', ...words), { encoding: 'utf8' });
    return { code: ran.status, output: `${ran.stdout}${ran.stderr}` };
  };
  const key = ['-i', join(box.folder, 'key')];
  const can = 'id -u; gatehouse get Device.DeviceInfo.HostName; id -un; grep Cap /proc/self/status';
  const { code, output } = ssh('admin', key, can);
  t.equal(code, 0, output);
  t.match(output, /^101$[\s\S]*tower[\s\S]*^admin$/m);
  t.match(output, /CapEff:\t0{13}400/, 'a port below 1024 and nothing else');
  t.match(ssh('admin', key, 'gatehouse set Device.DeviceInfo.ProvisioningCode=ssh'), { code: 0 });
  t.match(ssh('admin', key, 'cat /data/gatehouse/tls/ca.pem; ls /boot'), {
    code: 1,
    output: /denied/,
  });
  t.match(ssh('root', key, 'id'), { code: 255, output: /denied|closed/ });
  t.match(ssh('gatehouse', key, 'id'), { code: 255, output: /denied|closed/ });
  const word = ['-o', 'PubkeyAuthentication=no', '-o', 'PreferredAuthentications=password'];
  t.match(ssh('admin', word, 'id'), { code: 255, output: /Permission denied \(publickey\)/ });
  t.match(await box.run('ps -o user,args | grep "[d]ropbear"'), /^admin/);
  t.match(await box.run('dmesg'), /dropbear|Pubkey auth succeeded for 'admin'/);
  await box.eventually('gatehouse leases --json 2>/dev/null | grep -q Bound');
  const { wan } = JSON.parse(await box.run('gatehouse leases --json')) as {
    readonly wan: readonly { readonly IPAddress: string }[];
  };
  const knock = ['--connect-timeout', '2', `telnet://${wan[0]?.IPAddress}:22`];
  const fromWan = spawnSync('ip', spaces.argv('isp', 'curl', '-s', ...knock), { input: '' });
  t.equal(fromWan.status, 28, 'no answer on the WAN');
}

async function menu(t: Test, person: Person): Promise<void> {
  t.match(await person.answer('', 'Log out'), /lan +Up +192\.168\.1\.1/);
  t.match(await person.choose('Status', BACK), /revision/);
  await person.answer('', 'Log out');
  t.match(await person.choose('Links and addresses', BACK), /eth1[\s\S]*192\.168\.1\.1\/24/);
  await person.answer('', 'Log out');
  await person.choose('Ping', 'name: ');
  t.match(await person.answer('192.168.1.1', BACK), /64 bytes from 192\.168\.1\.1/);
  await person.answer('', 'Log out');

  await person.choose('Shell', 'Administrator: ');
  await person.answer('pi', 'Password: ');
  await person.answer(FIRST, '# ');
  t.match(await person.answer('id -u; tty', '# '), /\n0\n\/dev\/tty(S|AMA)0\n/);
  await person.answer('exit', BACK);
  await person.answer('', 'Log out');

  await person.choose('Reset a password', 'Account: ');
  await person.answer('pi', 'New password: ');
  await person.answer('quite another one', 'Once more: ');
  t.match(await person.answer('quite another one', BACK), 'pi has a new password');
  await person.answer('', 'Log out');
  await person.choose('Shell', 'Administrator: ');
  await person.answer('pi', 'Password: ');
  t.match(await person.answer(FIRST, BACK), 'wrong name or password');
  await person.answer('', 'Log out');
}

async function failsafe(
  t: Test,
  box: EmulatedBox,
  person: Person,
  spaces: Namespaces,
): Promise<void> {
  await person.choose('Reboot', '[y/N] ');
  box.forgetShell();
  await person.answer('y', 'Press f within 3 seconds');
  box.type('f');
  t.match(await person.until('Choice: '), 'FAILSAFE');
  // The shell of the test is laid into the settings, which are not used.
  await person.answer('3', '# ');
  t.match(await person.answer('grep -c "^/dev/.* /data " /proc/mounts', '# '), /\n0\n/);
  t.match(await person.answer('pidof gatehouse || echo none', '# '), /\nnone\n/, 'no daemon');
  await person.answer('exit', 'Choice: ');
  spaces.exec('lan', 'ip', 'address', 'replace', '192.168.1.100/24', 'dev', 'eth0');
  t.match(spaces.exec('lan', 'ping', '-c', '1', '-w', '20', '192.168.1.1'), /1 received/);
  await person.answer('1', 'administrator): ');
  await person.answer('', 'New password: ');
  await person.answer('one for the failsafe', 'Once more: ');
  t.match(await person.answer('one for the failsafe', 'Choice: '), 'It holds from the next start');
  box.forgetShell();
  await person.answer('5', 'Press Enter for the menu.');
  await box.eventually('gatehouse status >/dev/null 2>&1');
  await person.answer('', 'Log out');
  await person.choose('Shell', 'Administrator: ');
  await person.answer('pi', 'Password: ');
  await person.answer('one for the failsafe', '# ');
  await person.answer('exit', BACK);
  await person.answer('', 'Log out');
}

async function factoryReset(t: Test, box: EmulatedBox, person: Person): Promise<void> {
  await person.choose('Factory reset', 'go on: ');
  await person.answer('ERASE', 'as it was delivered');
  box.forgetShell();
  await person.until('Press Enter for the menu.');
  // The shell of the test was laid into the settings, too.
  await person.answer('', 'Choice: ');
  const since = await person.answer(
    String(ENTRIES.findIndex(({ title }) => title === 'Reset a password') + 1),
    BACK,
  );
  t.match(since, /no accounts yet|cannot reach the daemon/);
  t.notMatch(since, 'pi (');
}

for (const arch of ['x86_64', 'arm64'] as const) {
  const skip = wanted.includes(arch) ? noImage(arch) : 'runs by make test-image';
  t.test(
    `${arch}: at the serial console`,
    { timeout: 1_200_000, ...(skip ? { skip } : {}) },
    async (t) => {
      using spaces = home(`con-${arch}`);
      await using box = new EmulatedBox(spaces, arch);
      const key = join(box.folder, 'key');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      const card = CARD.replace('@KEY@', readFileSync(`${key}.pub`, 'utf8').trim());
      box.putOnCard('custom.toml', card);
      await box.start();
      const person = new Person(box);
      await t.test('settings on the card', (t) => firstStart(t, box, person));
      await t.test('SSH', (t) => bySsh(t, box, spaces));
      await t.test('the menu', (t) => menu(t, person));
      await t.test('failsafe', (t) => failsafe(t, box, person, spaces));
      await t.test('factory reset', (t) => factoryReset(t, box, person));
    },
  );
}
