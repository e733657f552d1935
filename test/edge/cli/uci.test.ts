/** What `/etc/config/gatehouse` means for the daemon. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import { parseProcessConfig } from '../../../src/control/process-config.ts';
import { parseDaemonOptions } from '../../../src/edge/cli/daemon-options.ts';
import { readUciConfig } from '../../../src/edge/cli/uci.ts';

const FILE = `
config gatehouse 'main'
	option enabled '1'
	option wan 'eth1'
	list lan 'br-lan'
	list lan 'wlan0'
	option log_level 'debug'
	option state_dir '/srv/gatehouse'
	list https 'lan:8443'
	list https '127.0.0.1:8443'
	list http 'none'
	list name 'router.example'
	list set 'Device.DHCPv4.Client.1.Enable=true'
	list set 'Device.DeviceInfo.HostName=a=b'
`;

const options = (text: string, ...args: string[]) =>
  parseDaemonOptions(['--uci', '/etc/config/gatehouse', ...args], () => ok(text));

t.test('interfaces, log level, names and rows; ports and folder', async (t) => {
  const read = options(FILE);
  if (!read.ok) return t.fail(read.error.join());
  t.match(read.value, {
    config: '/etc/config/gatehouse',
    stateDir: '/srv/gatehouse',
    runDir: '/run/gatehouse',
    https: [
      { host: 'lan', port: 8443 },
      { host: '127.0.0.1', port: 8443 },
    ],
    http: [],
  });
  t.same(parseProcessConfig(JSON.stringify(read.value.uci)), {
    ok: true,
    value: {
      interfaces: { wan: 'eth1', lan: ['br-lan', 'wlan0'] },
      logLevel: 'debug',
      http: { names: ['router.example'] },
      rows: { 'Device.DHCPv4.Client.1.Enable': 'true', 'Device.DeviceInfo.HostName': 'a=b' },
    },
  });
});

t.test('arguments that are given come before the file', async (t) => {
  t.match(options(FILE, '--state-dir', '/s', '--http=lan:8080'), {
    ok: true,
    value: { stateDir: '/s', http: [{ host: 'lan', port: 8080 }], https: [{ port: 8443 }, {}] },
  });
});

t.test('an empty file leaves everything as it is by default', async (t) => {
  for (const text of ['', "config gatehouse 'main'\n\toption enabled '0'\n\toption wan ''\n"]) {
    const read = options(text);
    t.match(read, {
      ok: true,
      value: { stateDir: '/var/lib/gatehouse', http: [{ port: 80 }, {}] },
    });
    t.match(read.ok && parseProcessConfig(JSON.stringify(read.value.uci)), {
      ok: true,
      value: { interfaces: { wan: undefined, lan: [] }, logLevel: 'info', rows: {} },
    });
  }
});

t.test('faults tell where, all at once', async (t) => {
  const text =
    'config gatehouse\n\toption colour red\n\tlist wan a\n\tlist wan b\n\tlist set Device.X\nconfig dns\n';
  t.match(readUciConfig(text), {
    ok: false,
    error: [
      'config dns: unknown; known is gatehouse',
      /^option colour: unknown; known are enabled, wan/,
      'option wan: given more than once',
      'list set: "Device.X" is not PATH=VALUE',
    ],
  });
  t.match(options("config gatehouse 'main'\n\toption wan 'eth0\n"), {
    ok: false,
    error: ["/etc/config/gatehouse: line 2: ' is not closed"],
  });
  t.match(options("config gatehouse\n\tlist https '443'\n"), { ok: false, error: [/HOST:PORT/] });
  const gone = () => err(new SystemError('no such file', 'ENOENT'));
  t.match(parseDaemonOptions(['--uci', '/x'], gone), { ok: false, error: ['/x: no such file'] });
});

t.test('the file that the package brings is taken', async (t) => {
  const path = join(import.meta.dirname, '../../../openwrt/gatehouse/files/gatehouse.config');
  const read = options(readFileSync(path, 'utf8'));
  t.match(read, {
    ok: true,
    value: { stateDir: '/etc/gatehouse/state', https: [{ host: 'lan', port: 8443 }], http: [] },
  });
});
