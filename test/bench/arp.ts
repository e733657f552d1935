/**
 * A /16 of which 500 addresses answer, asked by ARP once, answers waited for 100 ms: our scanner, as
 * the daemon and the command line run it, beside arp-scan with the same passes and wait and as much
 * bandwidth as it takes. Rounds in turns; the start of Node is not in it, that of arp-scan takes 10 ms.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { formatIpv4, ipv4 } from '../../src/base/ip.ts';
import { LinuxArpScanner } from '../../src/os/linux/arp-scan.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import { scanInterfaces } from '../../src/os/linux/scan-interfaces.ts';
import { median } from '../lib/median.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import type { Bench, Comparison } from './run.ts';

const ARP_SCAN = '/usr/sbin/arp-scan';
const ROUNDS = 7;
const LIVE = 500;
const WAIT_MS = 100;

interface Round {
  readonly sec: number;
  readonly cpuSec: number;
  /** Addresses, sorted, one a line. */
  readonly found: string;
}

/** Spread over the whole network, none of them ours. */
const addresses = Array.from({ length: LIVE }, (_, i) => {
  const n = (i + 1) * 131;
  return `10.20.${n >> 8}.${n & 255}`;
});

const listOf = (found: readonly string[]): string => [...found].sort().join('\n');

function ours(spaces: Namespaces): readonly Round[] {
  const out = spaces.exec(
    'r',
    process.execPath,
    import.meta.filename,
    'arp0',
    `${ROUNDS}`,
    `${WAIT_MS}`,
  );
  const rounds = JSON.parse(out) as { sec: number; cpuSec: number; found: string[] }[];
  return rounds.map(({ found, ...rest }) => ({ ...rest, found: listOf(found) }));
}

function theirs(spaces: Namespaces): Round {
  const options = ['-I', 'arp0', '-B', '1000M', '-r', '1', '-t', `${WAIT_MS}`, '-q', '-x'];
  const argv = spaces.argv('r', 'bash', '-c', `TIMEFORMAT='%R %U %S'; time "$0" "$@"`, ARP_SCAN);
  const done = spawnSync('ip', [...argv, ...options, '10.20.0.0/16'], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  const figures = done.stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  const [sec = 0, user = 0, system = 0] = figures;
  const found = done.stdout.split('\n').flatMap((line) => /^[\d.]+/.exec(line)?.[0] ?? []);
  return { sec, cpuSec: user + system, found: listOf(found) };
}

async function run(): Promise<Comparison[]> {
  using spaces = new Namespaces('arpb');
  spaces.link(['r', 'arp0'], ['lan', 'eth0']);
  spaces.exec('r', 'ip', 'address', 'add', '10.20.0.1/16', 'dev', 'arp0');
  const batch = addresses.map((address) => `address add ${address}/16 dev eth0`).join('\n');
  execFileSync('ip', ['-n', spaces.make('lan'), '-batch', '-'], { input: batch });
  const own: Round[] = [];
  const peer: Round[] = [];
  // In turns of halves, so that a drift of the machine meets both.
  for (let half = 0; half < 2; half++) {
    for (let i = 0; i < ROUNDS; i++) peer.push(theirs(spaces));
    own.push(...ours(spaces));
  }
  const wanted = listOf(addresses);
  const right = (rounds: readonly Round[]): number =>
    rounds.filter(({ found }) => found === wanted).length;
  return [
    {
      name: '/16, 500 live, one pass',
      ours: median(own.map(({ sec }) => sec)),
      peer: median(peer.map(({ sec }) => sec)),
      unit: 's',
      peerName:
        /arp-scan ([\d.]+)/.exec(spawnSync(ARP_SCAN, ['-V'], { encoding: 'utf8' }).stdout)?.[0] ??
        'arp-scan',
      higherIsBetter: false,
      oursCpuSec: median(own.map(({ cpuSec }) => cpuSec)),
      peerCpuSec: median(peer.map(({ cpuSec }) => cpuSec)),
      note: `medians of ${own.length} rounds; exactly the ${LIVE} found in ${right(own)} of ${own.length}, by the peer in ${right(peer)}`,
    },
  ];
}

export const bench: Bench = {
  name: 'arp',
  skip: () => noNamespaces() ?? (existsSync(ARP_SCAN) ? undefined : `needs ${ARP_SCAN}`),
  run,
};

/** The child inside the namespace: one JSON list of rounds on stdout. */
async function scan(ifName: string, rounds: number, waitMs: number): Promise<void> {
  const link = scanInterfaces().find(({ name }) => name === ifName);
  const source = link?.addresses[0]?.address;
  if (link === undefined || source === undefined) throw new Error(`${ifName} has no address`);
  const network = ipv4(source & 0xffff0000);
  const scanner = new LinuxArpScanner(loadNative());
  const out: object[] = [];
  for (let i = 0; i < rounds; i++) {
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    const done = await scanner.scan({
      ...{ ifIndex: link.ifIndex, mac: link.mac, source, passes: 1, ratePerSec: 0 },
      ranges: [{ first: network, last: ipv4(network + 0xffff) }],
      waitMs,
    });
    const sec = (performance.now() - startMs) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    if (!done.ok) throw done.error;
    const found = done.value.answers.map(({ address }) => formatIpv4(address));
    out.push({ sec, cpuSec: (user + system) / 1e6, found });
  }
  process.stdout.write(JSON.stringify(out));
}

if (import.meta.main) {
  const [ifName = '', rounds, waitMs] = process.argv.slice(2);
  await scan(ifName, Number(rounds), Number(waitMs));
}
