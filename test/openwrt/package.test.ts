/** The package for OpenWrt: its files, its scripts run by busybox, and what procd is asked for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writeIpk } from '../../scripts/openwrt/ipk.ts';
import { dependencies, readFeed } from '../../scripts/openwrt/makefile.ts';
import { parseAccounts } from '../../src/edge/ubus/accounts.ts';
import { parseAcl } from '../../src/edge/ubus/acl.ts';
import { calls, FILES, instances } from '../lib/init-script.ts';

const FEED = join(import.meta.dirname, '../../openwrt/gatehouse');
const read = (name: string): string => readFileSync(join(FILES, name), 'utf8');

t.test('every script is one for busybox', async (t) => {
  for (const name of ['init', 'defaults', 'postinst', 'prerm', 'sh']) {
    const path = join(FILES, `gatehouse.${name}`);
    const checked = spawnSync('busybox', ['sh', '-n', path], { encoding: 'utf8' });
    t.same([checked.status, checked.stderr], [0, ''], name);
    t.match(read(`gatehouse.${name}`), /^#!\/bin\/sh/, name);
  }
});

t.test('procd runs nothing until it is enabled', async (t) => {
  t.same(instances(false), []);
  t.same(
    calls('start_service', false).filter(([name]) => name !== 'config_load'),
    [],
    'and touches nothing',
  );
});

t.test(
  'procd runs helper and daemon for ever, and starts the daemon anew for a new file',
  async (t) => {
    const [helper, daemon, ...more] = instances(true);
    t.same(more, []);
    t.equal(helper?.name, 'helper');
    t.same(helper?.params.get('command'), [
      ...['/usr/lib/gatehouse/root-helper', '--run-dir', '/var/run/gatehouse'],
      ...['--audit', '/var/log/gatehouse-root.log'],
    ]);
    t.equal(daemon?.name, 'daemon');
    t.same(daemon?.params.get('command'), [
      ...['/usr/sbin/gatehouse', 'daemon', '--uci', '/etc/config/gatehouse'],
      ...['--run-dir', '/var/run/gatehouse', '--ubus-socket', '/var/run/ubus/ubus.sock'],
    ]);
    t.same(daemon?.params.get('file'), ['/etc/config/gatehouse']);
    for (const instance of [helper, daemon]) {
      // Threshold and delay in seconds, and no end of tries.
      t.same(instance?.params.get('respawn'), ['3600', '1', '0']);
    }
    const secrets = calls('start_service', true).filter(([name]) => name?.startsWith('ch'));
    t.same(secrets, [
      ['chown', 'root:gatehouse', '/etc/config/gatehouse'],
      ['chmod', '0640', '/etc/config/gatehouse'],
    ]);
    t.same(calls('service_triggers', true), [['add_reload_trigger', 'gatehouse']]);
    t.match(read('gatehouse.init'), /^#!\/bin\/sh \/etc\/rc\.common\n[\s\S]*^USE_PROCD=1$/m);
  },
);

t.test("the network's interfaces are taken over once", async (t) => {
  const folder = t.testdir();
  const fake = (answers: string): readonly string[] => {
    const log = join(folder, 'log');
    writeFileSync(log, '');
    writeFileSync(
      join(folder, 'uci'),
      `#!/bin/sh\necho "$*" >>${log}\n[ "$1" != -q ] || shift\ncase "$1 $2" in\n${answers}\n"get "*) exit 1;;\nesac\n`,
    );
    chmodSync(join(folder, 'uci'), 0o755);
    execFileSync('busybox', ['sh', join(FILES, 'gatehouse.defaults')], {
      env: { PATH: `${folder}:/usr/bin:/bin` },
    });
    return readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('-q get'));
  };
  t.same(
    fake('"get network.wan.device") echo eth1;;\n"get network.lan.ifname") echo eth0 eth2;;'),
    [
      'set gatehouse.main.wan=eth1',
      '-q delete gatehouse.main.lan',
      'add_list gatehouse.main.lan=eth0',
      'add_list gatehouse.main.lan=eth2',
      'commit gatehouse',
    ],
  );
  t.same(fake(''), ['-q delete gatehouse.main.lan', 'commit gatehouse']);
  t.same(fake('"get gatehouse.main.wan") echo eth5;;'), [], 'but not over what is there');
});

t.test('ubusd lets the user offer what Gatehouse offers, and nothing else', async (t) => {
  const accounts = parseAccounts('gatehouse:x:6767:6767::/:/bin/false\n', '');
  const { acl, problems } = parseAcl([{ name: 'a', text: read('gatehouse.acl.json') }], accounts);
  t.same(problems, []);
  const caller = { uid: 6767, gid: 6767, groups: [] };
  for (const name of ['bbfdm', 'gatehouse', 'gatehouse.network']) {
    t.ok(acl.allows(caller, 'publish', name) && acl.allowsCall(caller, name, 'get'), name);
  }
  t.ok(acl.allows(caller, 'send', 'gatehouse.change') && acl.allows(caller, 'send', 'bbfdm.event'));
  t.notOk(acl.allows(caller, 'publish', 'system'));
  t.notOk(acl.allowsCall(caller, 'uci', 'set'));
  t.notOk(acl.allows({ ...caller, uid: 1 }, 'publish', 'bbfdm'));
});

t.test("the feed's Makefile is the one place of name, user and dependencies", async (t) => {
  const { values, description, conffiles } = readFeed(FEED, 'gatehouse');
  t.equal(values.get('PKG_NAME'), 'gatehouse');
  t.equal(values.get('USERID'), 'gatehouse=6767:gatehouse=6767');
  t.equal(dependencies(values.get('DEPENDS') ?? ''), 'nftables, kmod-nft-core, kmod-nft-nat');
  t.match(description, /TR-181/);
  t.same(conffiles, ['/etc/config/gatehouse']);
});

t.test('an .ipk is three files that busybox unpacks, the same each time', async (t) => {
  const folder = t.testdir({
    root: { etc: { config: { x: 'y\n' } }, bin: { run: '#!/bin/sh\n' } },
  });
  chmodSync(join(folder, 'root/bin/run'), 0o755);
  const made = {
    ...{ name: 'x', version: '1-2', arch: 'all', root: join(folder, 'root') },
    fields: { Depends: '', Section: 'net', Description: 'One\ntwo' },
    conffiles: ['/etc/config/x'],
    scripts: { postinst: '#!/bin/sh\nexit 0\n' },
  };
  const path = writeIpk(made, folder);
  const bytes = readFileSync(path);
  t.match(path, /\/x_1-2_all\.ipk$/);
  t.ok(bytes.equals(readFileSync(writeIpk(made, folder))), 'made again it is the same');
  const out = join(folder, 'out');
  mkdirSync(out);
  const untar = (archive: string): string =>
    execFileSync('busybox', ['tar', '-xzvf', archive], { cwd: out, encoding: 'utf8' });
  t.same(untar(path).split('\n').sort().filter(Boolean), [
    ...['./', './control.tar.gz', './data.tar.gz', './debian-binary'],
  ]);
  t.equal(readFileSync(join(out, 'debian-binary'), 'utf8'), '2.0\n');
  untar('control.tar.gz');
  t.equal(
    readFileSync(join(out, 'control'), 'utf8'),
    'Package: x\nVersion: 1-2\nArchitecture: all\nSection: net\nInstalled-Size: 12\nDescription: One\n two\n',
  );
  t.equal(readFileSync(join(out, 'conffiles'), 'utf8'), '/etc/config/x\n');
  untar('data.tar.gz');
  const listed = execFileSync('tar', ['-tvzf', 'data.tar.gz'], { cwd: out, encoding: 'utf8' });
  t.match(listed, /^-rwxr-xr-x 0\/0 .* \.\/bin\/run$/m);
  t.notMatch(listed, /[1-9]\d*\/[1-9]/, 'all is of root');
});
