/** The box's own scripts, by busybox's shell as on the box, with what they call recorded. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Namespaces, noNamespaces } from '../lib/netns.ts';

const ROOTFS = fileURLToPath(new URL('../../rootfs', import.meta.url));
const script = (name: string): string => join(ROOTFS, 'usr/libexec/gatehouse', name);
const busybox = spawnSync('busybox', ['true']).error === undefined;
const skip = busybox ? false : 'no busybox here';

/** A folder with programs that only record how they were called. */
class Stage {
  readonly folder: string;

  constructor(t: Test) {
    this.folder = mkdtempSync(join(tmpdir(), 'gh-rootfs-'));
    t.teardown(() => rmSync(this.folder, { recursive: true }));
    for (const name of ['bin', 'card', 'etc', 'state', 'run', 'net', 'settings']) {
      mkdirSync(this.path(name));
    }
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, text: string): void {
    mkdirSync(join(this.path(name), '..'), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  program(name: string, body = ''): void {
    this.write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >>${this.path('calls')}\n${body}\n`);
    chmodSync(this.path('bin', name), 0o755);
  }

  get calls(): string[] {
    return existsSync(this.path('calls'))
      ? readFileSync(this.path('calls'), 'utf8').trimEnd().split('\n')
      : [];
  }

  port(name: string, ...with_: string[]): void {
    for (const file of with_) mkdirSync(this.path('net', name, file), { recursive: true });
  }

  run(
    text: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    input = '',
  ) {
    return spawnSync('busybox', ['sh', '-c', text, 'sh', ...args], {
      env: { PATH: `${this.path('bin')}:/usr/sbin:/usr/bin:/sbin:/bin`, ...env },
      encoding: 'utf8',
      input,
    });
  }
}

t.test('all of them are scripts of busybox', { skip }, async (t) => {
  const files = [
    ...globSync(join(ROOTFS, 'usr/libexec/gatehouse/*')),
    ...globSync(join(ROOTFS, 'etc/init.d/*')),
  ];
  t.ok(files.length >= 8);
  for (const file of files) {
    t.match(readFileSync(file, 'utf8'), /^#!\/bin\/sh\n/, file);
    t.equal(spawnSync('busybox', ['sh', '-n', file]).status, 0, file);
  }
});

function firstStart(stage: Stage) {
  const paths = ['etc', 'state', 'card', 'ssh'].map((name) => stage.path(name));
  return stage.run(readFileSync(script('first-start'), 'utf8'), paths, {
    SYS_NET: stage.path('net'),
  });
}

t.test(
  'first start: ports by their hardware, the card writable for as long as it takes',
  { skip },
  async (t) => {
    const stage = new Stage(t);
    stage.program('gatehouse', `echo made >${stage.path('etc/config.json')}`);
    stage.program('mount');
    stage.port('eth0', 'device');
    stage.port('eth1', 'device');
    stage.port('eth2', 'device');
    stage.port('lo', 'statistics');
    stage.port('wlan0', 'device', 'phy80211');
    stage.write('card/custom.toml', '');
    t.equal(firstStart(stage).stderr, '');
    const [card, etc] = [stage.path('card'), stage.path('etc')];
    t.same(stage.calls, [
      `mount -o remount,rw ${card}`,
      `gatehouse first-boot --card ${card} --config ${etc}/config.json --ssh ${stage.path('ssh')} --wan eth0 --lan eth1,eth2 --wifi wlan0`,
      `mount -o remount,ro ${card}`,
    ]);
    firstStart(stage);
    t.equal(stage.calls.length, 3, 'once');
  },
);

t.test('first start: a card without settings stays read-only', { skip }, async (t) => {
  const stage = new Stage(t);
  stage.program('gatehouse', 'exit 1');
  stage.program('mount');
  stage.port('enp1s0', 'device');
  stage.port('enp2s0', 'device');
  firstStart(stage);
  t.equal(stage.calls.length, 1);
  t.same(
    JSON.parse(readFileSync(stage.path('etc/config.json'), 'utf8')),
    { interfaces: { wan: 'enp1s0', lan: ['enp2s0'] } },
    'ports are served even if the program failed',
  );
});

t.test('first start: nothing on a box that has a state', { skip }, async (t) => {
  const stage = new Stage(t);
  stage.program('gatehouse');
  stage.write('state/gatehouse.mdb', '');
  firstStart(stage);
  t.same(stage.calls, []);
});

t.test('first start: secrets go once the rows are laid down', { skip }, async (t) => {
  const stage = new Stage(t);
  stage.program('gatehouse');
  stage.write('etc/config.json', 'secret');
  stage.write('etc/config.json.later', 'plain');
  const config = () => readFileSync(stage.path('etc/config.json'), 'utf8');
  firstStart(stage);
  t.equal(config(), 'secret', 'a start that was cut short begins anew');
  stage.write('state/audit/audit.log', '{"action":"add","path":"Device.Users.User.1."}\n');
  firstStart(stage);
  t.equal(config(), 'plain');
  t.same(stage.calls, []);
});

function failsafe(stage: Stage, typed: string) {
  for (const name of ['mount', 'umount', 'sync']) stage.program(name);
  // A restart ends the script, as it ends the box.
  stage.program('reboot', 'kill -9 $PPID');
  stage.program('setpriv', 'while [ "$2" != reset-password ]; do shift; done; exec "$@"');
  stage.program('gatehouse', 'read -r line; echo "typed $line"; [ "$line" = good ]');
  stage.write('run/gatehouse-disk', 'mmcblk0\n');
  const text = readFileSync(script('failsafe'), 'utf8').replace(/^export PATH=\S+ HOME=\S+$/m, '');
  const env = {
    MOUNT: stage.path('settings'),
    CARD: stage.path('card'),
    RUN: stage.path('run'),
    SETPRIV: 'setpriv',
  };
  return stage.run(text, [], env, typed);
}

t.test('failsafe: the settings are there for one entry alone', { skip }, async (t) => {
  const stage = new Stage(t);
  const { stdout, status } = failsafe(stage, '1\nanna\ngood\n1\n\nbad\n9\n');
  const mounted = `mount -t ext4 -o nosuid,nodev,noexec /dev/mmcblk0p4 ${stage.path('settings')}`;
  const unmounted = `umount ${stage.path('settings')}`;
  const reset = `gatehouse reset-password --state-dir ${stage.path('settings')}/gatehouse`;
  t.same(
    stage.calls.filter((call) => !/^(sync|setpriv)/.test(call)),
    [mounted, `${reset} -- anna`, unmounted, mounted, reset, unmounted],
  );
  t.match(
    stage.calls.find((call) => call.startsWith('setpriv')),
    '--reuid gatehouse',
  );
  t.match(stdout, /typed good[\s\S]*It holds from the next start on/);
  t.match(stdout, /typed bad[\s\S]*Nothing was changed/);
  t.match(stdout, '1 to 5 is wanted');
  t.equal(status, 1, 'the end of the input ends it, and init starts it anew');
});

t.test('failsafe: factory reset wants its word', { skip }, async (t) => {
  const stage = new Stage(t);
  t.match(failsafe(stage, '2\nerase\n').stdout, 'Nothing was done');
  t.same(stage.calls, []);
  t.match(failsafe(stage, '2\nERASE\n').stdout, 'The box restarts now');
  t.ok(existsSync(stage.path('settings/factory-reset')));
  t.match(stage.calls.at(-1), /^reboot/);
});

t.test('failsafe: a reboot leads out of it', { skip }, async (t) => {
  const stage = new Stage(t);
  stage.write('card/failsafe', '');
  failsafe(stage, '5\n');
  t.notOk(existsSync(stage.path('card/failsafe')));
  t.match(stage.calls, [
    `mount -o remount,rw ${stage.path('card')}`,
    `mount -o remount,ro ${stage.path('card')}`,
    'sync ',
    /^reboot/,
  ]);
});

function ssh(stage: Stage) {
  for (const name of ['sleep', 'chown', 'sync']) stage.program(name);
  const key = stage.path('ssh/host/key');
  const made = `*"dropbearkey -t"*) echo key >${key} ;; *"dropbearkey -y"*) [ -s ${key} ] ;;`;
  stage.program('setpriv', `case "$*" in ${made} esac`);
  return stage.run(readFileSync(script('ssh'), 'utf8'), [], {
    ...{ HOME_OF_SSH: stage.path('ssh'), RUN: stage.path('run'), SETPRIV: 'setpriv' },
    LOG: stage.path('log'),
  });
}

t.test('SSH: off without a key, and in failsafe', { skip }, async (t) => {
  const stage = new Stage(t);
  ssh(stage);
  stage.write('ssh/.ssh/authorized_keys', '');
  ssh(stage);
  stage.write('ssh/.ssh/authorized_keys', 'ssh-ed25519 AAAA me\n');
  stage.write('run/failsafe', '');
  ssh(stage);
  t.same(stage.calls, Array(3).fill('sleep 2147483647'));
});

t.test('SSH: never root, by keys alone, with a host key that is made once', { skip }, async (t) => {
  const stage = new Stage(t);
  stage.write('ssh/.ssh/authorized_keys', 'ssh-ed25519 AAAA me\n');
  for (const _ of [1, 2]) t.equal(ssh(stage).stderr, '');
  const calls = stage.calls.filter((call) => call.startsWith('setpriv'));
  t.ok(
    calls.every((call) => call.startsWith('setpriv --reuid admin --regid admin --clear-groups')),
  );
  t.equal(calls.filter((call) => call.includes('dropbearkey -t')).length, 1);
  const [first, second] = calls.filter((call) => call.includes(' dropbear '));
  t.equal(first, second);
  t.match(first, /--bounding-set -all,\+net_bind_service dropbear .*-s .*-j -k .*-p 22/);
});

t.test(
  'failsafe: the LAN answers an echo, and nothing else',
  { skip: skip || (noNamespaces() ?? false) },
  async (t) => {
    for (const ports of [['p0'], ['p0', 'p1', 'p2']]) {
      using spaces = new Namespaces('failsafe');
      const stage = new Stage(t);
      for (const port of ports) {
        spaces.link(['box', port], [port, 'eth0']);
        stage.port(port, 'device');
      }
      const boot = join(ROOTFS, 'etc/nftables/boot.nft');
      spaces.exec('box', 'nft', '-f', boot);
      spaces.exec(
        'box',
        'env',
        `SYS_NET=${stage.path('net')}`,
        'busybox',
        'sh',
        script('failsafe-network'),
      );
      const lan = ports.at(-1) ?? '';
      spaces.exec(lan, 'ip', 'address', 'add', '192.168.1.2/24', 'dev', 'eth0');
      t.match(spaces.exec(lan, 'ping', '-c', '1', '-w', '10', '192.168.1.1'), /1 received/);
      const [file = '', ...args] = spaces.argv(
        lan,
        'curl',
        '-s',
        '--max-time',
        '1',
        'http://192.168.1.1/',
      );
      t.equal(spawnSync('ip', [file, ...args]).status, 28, 'not even a refusal');
      const members = execFileSync(
        'ip',
        ['-n', spaces.make('box'), 'link', 'show', 'master', 'failsafe'],
        { encoding: 'utf8' },
      );
      t.equal(members.includes('p0'), ports.length === 1, 'of several the first is left out');
    }
  },
);
