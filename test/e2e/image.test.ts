/**
 * The images as they are delivered, in QEMU. It takes minutes, so it runs by `make test-image`, which
 * builds them first; in `make test` it is passed over.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Arch, BUILD, ROOT } from '../../scripts/image/layout.ts';
import { EmulatedBox, imageOf, imagesAsked, noImage } from '../lib/emulated-box.ts';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, type Namespaces } from '../lib/netns.ts';

// For both; tap would give a file 30 s.
/** The ISP goes before the box is done with its lease, however slowly that is emulated. */
const LONG_LEASES = ISP_RANGE.map((word) => word.replace(/,120$/, ',1h'));

t.setTimeout(1_450_000);

const wanted = imagesAsked();

const megabytes = (path: string): string => `${(statSync(path).size / 1e6).toFixed(1)} MB`;

/** The exit code of a program of `node`; 0 is success. */
const tried = (spaces: Namespaces, node: string, ...command: [string, ...string[]]): number =>
  spawnSync('ip', spaces.argv(node, ...command), { stdio: 'ignore' }).status ?? -1;

function sizes(t: Test, arch: Arch): void {
  for (const part of ['kernel', 'initramfs', 'rootfs']) {
    t.comment(`${arch} ${part}: ${megabytes(join(BUILD, arch, part))}`);
  }
  const packed = `${imageOf(arch)}.xz`;
  t.comment(`${arch} image, compressed: ${megabytes(packed)}`);
  t.ok(statSync(packed).size <= 110e6, 'at most 110 MB');
}

async function firstBoot(t: Test, spaces: Namespaces, box: EmulatedBox, arch: Arch): Promise<void> {
  const startedMs = Date.now();
  await using isp = await dnsmasq(spaces, 'isp', ...LONG_LEASES, '--dhcp-option=3,198.51.100.1');
  await box.start();
  const acknowledged = isp.said(/DHCPACK\(isp0\)/).then(() => Date.now() - startedMs);
  await box.eventually('gatehouse leases --json 2>/dev/null | grep -q Bound');
  t.comment(
    `${arch} power-on to lease, as the ISP sees it: ${((await acknowledged) / 1000).toFixed(1)} s`,
  );
  await box.eventually('grep -q \'"msg":"ready"\' /data/gatehouse/log/gatehouse.log');
  const log = await box.run('cat /data/gatehouse/log/gatehouse.log');
  const [uptime = '', now = ''] = (await box.run('cut -d" " -f1 /proc/uptime; date +%s')).split(
    '\n',
  );
  const since = (message: string): string => {
    const line = log.split('\n').find((one) => one.includes(`"msg":"${message}"`)) ?? '{}';
    const { time = '' } = JSON.parse(line) as { time?: string };
    return (Date.parse(time) / 1000 - (Number(now) - Number(uptime))).toFixed(1);
  };
  t.comment(`${arch} kernel to firewall and network: ${since('firewall and network stand')} s`);
  t.comment(`${arch} kernel to lease: ${since('lease applied')} s`);
  t.comment(`${arch} kernel to daemon ready with page: ${since('ready')} s`);
  const memory = await box.run(
    'for p in $(pidof gatehouse); do grep VmRSS /proc/$p/status; done; free -m | sed -n 2p; df -m /data | tail -1',
  );
  t.comment(`${arch} memory and data partition: ${memory.replace(/\s+/g, ' ')}`);
  t.match(memory, /VmRSS/);
}

/** Gives the host's address. */
async function fromLan(t: Test, spaces: Namespaces, box: EmulatedBox): Promise<string> {
  const asks = 'busybox udhcpc -f -q -i eth0 -t 20 -T 2 -x hostname:desk -s'.split(' ');
  spaces.exec('lan', asks[0] ?? '', ...asks.slice(1), join(ROOT, 'scripts/lab-client'));
  const [, address = ''] =
    /inet (192\.168\.1\.\d+)\/24/.exec(spaces.exec('lan', 'ip', 'address', 'show', 'eth0')) ?? [];
  t.ok(address, `a host of the LAN has ${address} of the box`);
  const lent = JSON.parse(await box.run('gatehouse dhcp leases --json')) as object[];
  t.match(lent, [{ address, hostName: 'desk', state: 'bound' }]);
  const page = spaces.exec(
    'lan',
    'curl',
    '-sk',
    '--retry',
    '5',
    '--max-time',
    '20',
    'https://192.168.1.1/',
  );
  t.match(page, /<!doctype html>/i, 'the page');
  t.match(
    spaces.exec('lan', 'curl', '-sk', '--max-time', '20', 'https://192.168.1.1/api/session'),
    /\{/,
  );
  t.equal(tried(spaces, 'lan', 'ping', '-c', '3', '-W', '3', '198.51.100.1'), 0, 'out by NAT');
  return address;
}

async function fromWan(t: Test, spaces: Namespaces, box: EmulatedBox, host: string): Promise<void> {
  const { wan } = JSON.parse(await box.run('gatehouse leases --json')) as {
    wan: { IPAddress: string }[];
  };
  const address = wan[0]?.IPAddress ?? '';
  t.match(address, /^198\.51\.100\.1\d\d$/);
  for (const port of [22, 53, 80, 443, 8080]) {
    const code = tried(
      spaces,
      'isp',
      'curl',
      '-sk',
      '--connect-timeout',
      '2',
      `http://${address}:${port}/`,
    );
    t.equal(code, 28, `TCP ${port}: no answer, not even a refusal`);
  }
  t.not(tried(spaces, 'isp', 'ping', '-c', '1', '-W', '2', address), 0, 'no echo');
  t.match(spaces.exec('isp', 'ip', 'neigh', 'show', address), /lladdr/, 'although it is there');
  // The LAN's address, asked for from the WAN.
  tried(spaces, 'isp', 'ip', 'route', 'add', '192.168.1.0/24', 'via', address);
  t.equal(
    tried(spaces, 'isp', 'curl', '-sk', '--connect-timeout', '2', 'https://192.168.1.1/'),
    28,
  );
  t.not(tried(spaces, 'isp', 'ping', '-c', '1', '-W', '2', host), 0, 'nor a host of the LAN');
}

const daemonPid = async (box: EmulatedBox): Promise<number> =>
  (JSON.parse(await box.run('gatehouse status --json')) as { pid: number }).pid;

async function privileges(t: Test, box: EmulatedBox): Promise<void> {
  const pid = await daemonPid(box);
  const status = await box.run(`cat /proc/${pid}/status`);
  t.match(status, /Uid:\t100\t100\t100\t100/);
  for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) {
    t.match(status, new RegExp(`Cap${set}:\t0000000000003400`), `three capabilities: ${set}`);
  }
  t.match(status, /NoNewPrivs:\t1/);
  t.equal(await box.run(`cat /proc/${pid}/oom_score_adj`), '-900');
  t.match(
    await box.run('ps -o user,args | grep "[w]atchdog$"'),
    /^gatehou/,
    'the feeder is not root',
  );
  const roots = await box.run('ps -o user,args | grep "^root" | grep -v "\\["');
  const known = /init|root-helper|uevent|sleep 2147483647|console|diag|sh |sh$|-sh|ps |grep/;
  t.same(
    roots.split('\n').filter((line) => !known.test(line)),
    [],
    'nothing else is root',
  );
  const mounts = await box.run('cat /proc/mounts');
  t.match(mounts, / \/ squashfs ro/);
  t.match(mounts, / \/data ext4 rw,nosuid,nodev/);
  const size = Number((await box.run('df -m /data | tail -1')).split(/\s+/)[1]);
  t.ok(size > 1000, `the data partition has grown: ${size} MB`);
}

async function respawns(t: Test, box: EmulatedBox): Promise<void> {
  const before = await daemonPid(box);
  await box.run(`kill -9 ${before}`);
  await box.eventually(
    `gatehouse status --json 2>/dev/null | grep '"pid"' | grep -qv ': ${before},'`,
  );
  t.match(await box.run('ip address show eth0'), /inet 198\.51\.100\./, 'the address stays');
  // It may be due for renewal by now, or be looked for again, and nobody on the WAN answers at this point.
  t.match(
    await box.run('gatehouse leases --json'),
    /"DHCPStatus": "\w+"[^{}]*"IPAddress": "198\.51\.100\.[^{}]*"LeaseTimeRemaining": "[1-9]/s,
    'and so does the lease',
  );
}

async function reboots(t: Test, spaces: Namespaces, box: EmulatedBox): Promise<void> {
  await using _isp = await dnsmasq(spaces, 'isp', ...ISP_RANGE, '--dhcp-option=3,198.51.100.1');
  await box.run('gatehouse set Device.DeviceInfo.HostName=tower');
  const boot = await box.run('cat /proc/sys/kernel/random/boot_id');
  await box.run('gatehouse reboot --yes');
  box.forgetShell();
  t.not(await box.run('cat /proc/sys/kernel/random/boot_id'), boot);
  await box.eventually('gatehouse leases --json 2>/dev/null | grep -q Bound');
  t.equal(await box.run('hostname'), 'tower', 'what was set before is there');
  t.match(
    await box.run('cat /var/log/gatehouse-root.log'),
    /reboot done/,
    'and the record of the reboot',
  );
}

for (const arch of ['x86_64', 'arm64'] as const) {
  const skip = wanted.includes(arch) ? noImage(arch) : 'runs by make test-image';
  t.test(
    `${arch}: boots to a router`,
    { timeout: 700_000, ...(skip ? { skip } : {}) },
    async (t) => {
      sizes(t, arch);
      using spaces = home(`img-${arch}`);
      await using box = new EmulatedBox(spaces, arch);
      await firstBoot(t, spaces, box, arch);
      let host = '';
      await t.test('the LAN: an address, the page, the Internet behind', async (t) => {
        host = await fromLan(t, spaces, box);
      });
      await t.test('nothing on the WAN', (t) => fromWan(t, spaces, box, host));
      await t.test('who runs as what', (t) => privileges(t, box));
      await t.test('a daemon that is killed comes back', (t) => respawns(t, box));
      await t.test('a reboot', (t) => reboots(t, spaces, box));
    },
  );
}
