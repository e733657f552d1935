/**
 * Our image beside plain Debian with systemd, dnsmasq and dhcpcd (image/debian.ts), in turns, in the same
 * QEMU with the same cards, memory and processors: size, start to lease, memory. The first start of each is
 * not counted. QEMU starts Debian's kernel directly, ours is started by its boot loader, so times are
 * counted from the kernel's start. GATEHOUSE_BENCH_STARTS is how many of each are counted (3).
 */
import { statSync } from 'node:fs';
import { EmulatedBox, imageOf, noImage, type OtherDisk } from '../lib/emulated-box.ts';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home } from '../lib/netns.ts';
import { noDebian, plainImage } from './image/debian.ts';
import type { Bench, Comparison } from './run.ts';

const ARCH = 'x86_64';
const STARTS = Number(process.env['GATEHOUSE_BENCH_STARTS'] ?? 3);
const DEBIAN = 'Debian trixie with systemd, dnsmasq and dhcpcd';

interface Start {
  /** Seconds from the kernel's start to the address being in effect. */
  readonly leaseSec: number;
  /** Of memory: not available any more, and what belongs to processes, shared pages in parts; MB. */
  readonly usedMb: number;
  readonly processesMb: number;
  /** Of the emulator, up to then. */
  readonly cpuSec: number;
}

interface Kind {
  readonly other?: OtherDisk;
  /** Seconds from the kernel's start to the address, which is waited for. */
  lease(box: EmulatedBox): Promise<number>;
  /** Succeeds when everything is up. */
  readonly settled: string;
}

const ours: Kind = {
  async lease(box) {
    await box.eventually('gatehouse leases --json 2>/dev/null | grep -q Bound');
    const line = await box.run('grep "lease applied" /data/gatehouse/log/gatehouse.log | tail -1');
    // Its shell knows whole seconds: one is waited for that just begins.
    const second =
      's=$(date +%s); until [ $s != $(date +%s) ]; do :; done; cut -d" " -f1 /proc/uptime; date +%s';
    const [uptime = '', now = ''] = (await box.run(second)).split('\n');
    const { time } = JSON.parse(line) as { time: string };
    return Date.parse(time) / 1000 - (Number(now) - Number(uptime));
  },
  // The page is the last that comes up: who listens on port 443.
  settled: 'grep -qE ":01BB 0+:0000 0A" /proc/net/tcp',
};

const debian = (other: OtherDisk): Kind => ({
  other,
  async lease(box) {
    const leased = "journalctl -b -o short-monotonic -u dhcpcd | grep ' eth0: leased'";
    const line = await box.eventually(leased);
    return Number(/^\[ *([\d.]+)\]/.exec(line)?.[1]);
  },
  settled:
    'systemctl is-system-running | grep -qE "running|degraded" && systemctl -q is-active dnsmasq',
});

/** kB: all, available, and of all processes but the shell of the test. */
const MEMORY = `grep -E '^Mem(Total|Available)' /proc/meminfo | tr -dc '0-9\n'
  for process in /proc/[0-9]*; do
    [ $process = /proc/$$ ] || grep ^Pss: $process/smaps_rollup 2>/dev/null
  done | awk '{ sum += $2 } END { print sum }'`;

async function start(box: EmulatedBox, kind: Kind): Promise<Start> {
  await box.start();
  const leaseSec = await kind.lease(box);
  await box.eventually(kind.settled);
  const { cpuSec } = box;
  const [all = 0, available = 0, processes = 0] = (await box.run(MEMORY)).split('\n').map(Number);
  await box.run('sync');
  await box.kill();
  return { leaseSec, usedMb: (all - available) / 1024, processesMb: processes / 1024, cpuSec };
}

const middle = (starts: readonly Start[], of: keyof Start): number =>
  starts.map((one) => one[of]).sort((a, b) => a - b)[starts.length >> 1] ?? Number.NaN;

async function run(): Promise<Comparison[]> {
  const image = plainImage();
  await using stack = new AsyncDisposableStack();
  /** Each in a home of its own, with an ISP. */
  const installed = async (name: string, other?: OtherDisk): Promise<EmulatedBox> => {
    const spaces = stack.use(home(name));
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE, '--dhcp-option=3,198.51.100.1'));
    return stack.use(new EmulatedBox(spaces, ARCH, other));
  };
  const [box, peer] = [await installed('bench-gh'), await installed('bench-deb', image)];
  const mine: Start[] = [];
  const theirs: Start[] = [];
  for (let turn = 0; turn <= STARTS; turn++) {
    const [a, b] = [await start(box, ours), await start(peer, debian(image))];
    if (turn === 0) continue;
    mine.push(a);
    theirs.push(b);
  }
  const [oursCpuSec, peerCpuSec] = [middle(mine, 'cpuSec'), middle(theirs, 'cpuSec')];
  const row = (
    name: string,
    unit: string,
    values: readonly [number, number],
    note: string,
  ): Comparison => ({
    ...{ name, unit, ours: values[0], peer: values[1], note, oursCpuSec, peerCpuSec },
    ...{ peerName: DEBIAN, higherIsBetter: false },
  });
  const both = (of: keyof Start) => [middle(mine, of), middle(theirs, of)] as const;
  const megabytes = (path: string) => statSync(path).size / 1e6;
  const sizes = [megabytes(`${imageOf(ARCH)}.xz`), megabytes(image.packed)] as const;
  return [
    row('size', 'MB', sizes, 'by xz'),
    row(
      'start',
      's',
      both('leaseSec'),
      `kernel to lease, middle of ${STARTS} starts; CPU of the emulator`,
    ),
    row('memory', 'MB', both('usedMb'), 'of 512, not available any more'),
    row('processes', 'MB', both('processesMb'), 'resident, shared pages in parts'),
  ];
}

export const bench: Bench = { name: 'image', skip: () => noImage(ARCH) ?? noDebian(), run };
