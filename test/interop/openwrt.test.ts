/** The package for OpenWrt where there is only busybox: no glibc, an ubusd that is there before, uci. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { fetchPackages, unpacked } from '../../scripts/image/packages.ts';
import { UbusClient } from '../../src/edge/ubus/client.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { LinuxFiles } from '../../src/os/linux/files.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { readPrivileges } from '../../src/os/linux/privileges.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { tableFromPlain, tableToPlain } from '../../src/wire/blobmsg-json.ts';
import { calls, instances } from '../lib/init-script.ts';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { MemoryLog } from '../lib/log.ts';
import { home, type Namespaces, noNamespaces, sh, signalIfThere } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const ROOT = join(import.meta.dirname, '../..');
const [PACKAGE] = globSync('build/openwrt/gatehouse_*_x86_64.ipk', { cwd: ROOT });
const skip =
  noNamespaces() ??
  (process.arch !== 'x64' ? 'the package is for x86_64' : undefined) ??
  (PACKAGE === undefined ? 'make openwrt was not run' : false);
const CLIENT = 'Device.DHCPv4.Client.1.';

/** A root file system as OpenWrt's: busybox and little else. */
class Box implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'gh-openwrt-'));
  readonly #spaces: Namespaces;
  readonly #running: ChildProcess[] = [];

  constructor(spaces: Namespaces) {
    this.#spaces = spaces;
    for (const path of ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'dev', 'proc', 'sys', 'etc/config']) {
      mkdirSync(join(this.root, path), { recursive: true });
    }
    for (const path of ['tmp/run/ubus', 'tmp/log', 'lib']) {
      mkdirSync(join(this.root, path), { recursive: true });
    }
    symlinkSync('tmp', join(this.root, 'var'));
    fetchPackages('x86_64', ['busybox-static']);
    copyFileSync(
      join(unpacked('x86_64', 'busybox-static'), 'usr/bin/busybox'),
      join(this.root, 'bin/busybox'),
    );
    for (const name of ['sh', 'tar', 'gzip', 'cat']) {
      symlinkSync('busybox', join(this.root, 'bin', name));
    }
    symlinkSync('../bin/busybox', join(this.root, 'sbin/udhcpc'));
    writeFileSync(join(this.root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(this.root, 'etc/group'), 'root:x:0:\n');
    this.#installNft();
  }

  /** OpenWrt's nft is linked against musl. This one is Debian's, with what it needs in its own folder. */
  #installNft(): void {
    const folder = join(this.root, 'opt/nft');
    mkdirSync(folder, { recursive: true });
    const nft = realpathSync('/usr/sbin/nft');
    const needed = sh('ldd', nft).match(/\/\S+/g) ?? [];
    for (const path of [nft, ...needed]) copyFileSync(path, join(folder, basename(path)));
    const starter =
      '#!/bin/sh\nexec /opt/nft/ld-linux-x86-64.so.2 --library-path /opt/nft /opt/nft/nft "$@"\n';
    writeFileSync(join(this.root, 'usr/sbin/nft'), starter, { mode: 0o755 });
  }

  /** Words that run a program inside, in the router's network and with mounts of its own. */
  #argv(words: readonly string[]): string[] {
    const script =
      'mount -t proc proc "$0/proc" && mount -t sysfs sys "$0/sys" && ' +
      'mount --rbind /dev "$0/dev" && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$0" "$@"';
    return this.#spaces.argv('r', 'unshare', '--mount', 'sh', '-c', script, this.root, ...words);
  }

  run(...words: string[]): string {
    return sh('ip', ...this.#argv(words));
  }

  fails(...words: string[]): string {
    const ran = spawnSync('ip', this.#argv(words), { encoding: 'utf8' });
    return ran.status === 0 ? '' : `${ran.status} ${ran.stderr}`;
  }

  start(words: readonly string[]): ChildProcess {
    const child = spawn('ip', this.#argv(words), { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#running.push(child);
    return child;
  }

  /** As opkg does: unpacks, adds the user that `control` asks for, runs `postinst`. */
  install(path: string): void {
    const inside = join(this.root, 'tmp/pkg');
    mkdirSync(inside);
    copyFileSync(path, join(inside, 'x.ipk'));
    this.run('tar', '-xzf', '/tmp/pkg/x.ipk', '-C', '/tmp/pkg');
    this.run('tar', '-xzf', '/tmp/pkg/data.tar.gz', '-C', '/');
    this.run('tar', '-xzf', '/tmp/pkg/control.tar.gz', '-C', '/tmp/pkg');
    const control = readFileSync(join(inside, 'control'), 'utf8');
    const [, user, id] = /^Require-User: (\w+)=(\d+):\w+=\d+$/m.exec(control) ?? [];
    appendFileSync(join(this.root, 'etc/passwd'), `${user}:x:${id}:${id}::/var:/bin/false\n`);
    appendFileSync(join(this.root, 'etc/group'), `${user}:x:${id}:\n`);
    this.run('/tmp/pkg/postinst', 'configure');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#spaces.pids('r')) signalIfThere(pid, 'SIGKILL');
    for (const child of this.#running) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The box's bus, seen by root. */
class Bus implements AsyncDisposable {
  readonly #reactor = new Reactor(loadNative());
  readonly #client: UbusClient;

  constructor(box: Box) {
    const sockets = new LinuxUnixSockets(this.#reactor);
    const path = join(box.root, 'var/run/ubus/ubus.sock');
    this.#client = new UbusClient({
      connect: (opened) => sockets.connect(path, 1 << 20, opened),
      clock: new LinuxClock(loadNative()),
      log: new MemoryLog(),
    });
    this.#client.start();
  }

  async call(object: string, method: string, args: object = {}): Promise<Record<string, unknown>> {
    const answer = await this.#client.call(object, method, tableFromPlain(args), {
      timeoutMs: 5_000,
    });
    return answer.ok ? tableToPlain(answer.value) : {};
  }

  /** `bbfdm get`: the parameters of one object, by name; empty while nobody answers. */
  async get(path: string): Promise<Record<string, string>> {
    const { results } = await this.call('bbfdm', 'get', { path, optional: { format: 'raw' } });
    const rows = (results ?? []) as { path: string; data?: string }[];
    return Object.fromEntries(rows.map((row) => [row.path.slice(path.length), row.data ?? '']));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#reactor[Symbol.asyncDispose]();
  }
}

t.test(
  'from the package to a lease, on busybox and an ubusd that is there',
  { skip },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('openwrt'));
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const box = stack.use(new Box(spaces));
    box.install(join(ROOT, PACKAGE ?? ''));
    t.notOk(existsSync(join(box.root, 'lib64')), 'there is no glibc');
    t.match(box.fails('/usr/lib/gatehouse/gatehouse', '--version'), /not found|No such file/);
    t.match(box.run('gatehouse', '--version'), /^\d+\.\d+\.\d+ \([0-9a-f]+\)\n$/);
    writeFileSync(
      join(box.root, 'etc/config/gatehouse'),
      `config gatehouse 'main'
	option enabled '1'
	option wan 'wan0'
	list lan 'lan0'
	option state_dir '/etc/gatehouse/state'
	list https 'lan:8443'
	list http 'none'
	list set 'Device.IP.Interface.2.IPv4Address.1.IPAddress=192.168.7.1'
`,
    );

    const ubusd = spawn(process.execPath, [join(ROOT, 'test/openwrt/ubusd-child.ts'), box.root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    stack.defer(async () => {
      ubusd.kill();
      await once(ubusd, 'exit');
    });
    t.match(String((await once(ubusd.stdout, 'data'))[0]), 'serving');

    // What the init script does to the file, and what it has procd start.
    const byName = (owner: string) => owner.replace('root', '0').replace('gatehouse', '6767');
    for (const [call = '', how = '', path = ''] of calls('start_service', true)) {
      if (call === 'chown' || call === 'chmod') sh(call, byName(how), join(box.root, path));
    }
    const started = instances(true).map(({ name, params }) => ({
      name,
      words: params.get('command') ?? [],
      process: box.start(params.get('command') ?? []),
    }));
    await using bus = new Bus(box);
    await until('there is a lease', async () => (await bus.get(CLIENT))['DHCPStatus'] === 'Bound');
    t.match(await bus.get(CLIENT), {
      IPAddress: /^198\.51\.100\.1\d\d$/,
      DHCPServer: '198.51.100.1',
    });
    t.match(spaces.exec('r', 'ip', 'route'), /default via 198\.51\.100\.1 dev wan0/);
    t.match(spaces.exec('r', 'ip', '-br', 'address', 'show', 'lan0'), '192.168.7.1/24');
    t.match(box.run('gatehouse', 'leases'), /^wan +Bound +198\.51\.100\.1/m, 'by the command line');
    for (const { name, process } of started) t.equal(process.exitCode, null, `${name} runs`);

    await t.test('it runs by the loader, as its user, on the bus that was there', async (t) => {
      const { pid, bus: kind } = await bus.call('gatehouse', 'status');
      t.equal(kind, 'ubusd');
      t.equal(statSync(join(box.root, 'tmp/run/ubus')).uid, 0, 'whose folder is as it was');
      t.match(readPrivileges(new LinuxFiles(), Number(pid)), {
        ok: true,
        value: { uid: 6767, noNewPrivileges: true, bounding: { length: 3 } },
      });
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      t.equal(basename(words[0] ?? ''), 'ld-linux-x86-64.so.2');
      const mapped = readFileSync(`/proc/${pid}/maps`, 'utf8').match(/\/\S+\.so\.\d+/g) ?? [];
      t.same(
        [...new Set(mapped.map((path) => dirname(path)))],
        [join(box.root, 'usr/lib/gatehouse/glibc')],
      );
    });

    await t.test('the page is served to the LAN', async (t) => {
      spaces.exec('lan', 'ip', 'address', 'add', '192.168.7.100/24', 'dev', 'eth0');
      const curl = ['curl', '-sk', 'https://192.168.7.1:8443/api/session'];
      const page = await until('it is', () => {
        const got = spawnSync('ip', spaces.argv('lan', ...(curl as [string, string, string])), {
          encoding: 'utf8',
        });
        return got.status === 0 && got.stdout;
      });
      t.match(page, /"setupNeeded":true/);
    });

    await t.test('what uci changes is set, what others changed stays', async (t) => {
      const lan = 'Device.IP.Interface.2.IPv4Address.1.';
      box.run('gatehouse', 'set', 'Device.DeviceInfo.HostName=of-the-page');
      const config = join(box.root, 'etc/config/gatehouse');
      const text = readFileSync(config, 'utf8');
      writeFileSync(config, text.replace('192.168.7.1', '192.168.8.1'));
      const daemon = started.find(({ name }) => name === 'daemon');
      const { pid } = await bus.call('gatehouse', 'status');
      process.kill(Number(pid), 'SIGTERM');
      if (daemon !== undefined) await once(daemon.process, 'exit');
      box.start(daemon?.words ?? []);
      await until('the address is another', async () => {
        return (await bus.get(lan))['IPAddress'] === '192.168.8.1';
      });
      // The model tells what is wanted, which the kernel has a moment later.
      await until('the kernel has it', () =>
        spaces.exec('r', 'ip', '-br', 'address', 'show', 'lan0').includes('192.168.8.1/24'),
      );
      t.match(await bus.get('Device.DeviceInfo.'), { HostName: 'of-the-page' });
      await until('there is a lease again', async () => {
        return (await bus.get(CLIENT))['DHCPStatus'] === 'Bound';
      });
    });
  },
);
