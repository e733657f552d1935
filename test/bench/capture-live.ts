/**
 * What live capture costs: the same frames over a veth pair, at one rate, to `gatehouse capture` with all
 * its statistics and to `tcpdump -w /dev/null` without any; CPU time of whole processes, Node's start
 * among it, and what the kernel dropped for want of room.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../lib/median.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import type { Bench } from './run.ts';

const HERE = join(import.meta.dirname, 'capture');
const BUNDLE = join(import.meta.dirname, '../../build/gatehouse.cjs');
const PACKETS = 1_500_000;
const PER_SEC = 100_000;
/** Before the first frame, until whoever listens has started; and after the last one. */
const SETTLE_MS = 2000;
const ROUNDS = 3;
/** As much as `-B` gives tcpdump. */
const RING_MIB = 32;

interface Figures {
  readonly cpuSec: number;
  readonly packets: number;
  readonly dropped: number;
}

class Rig implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'gh-bench-live-'));
  readonly #spaces = new Namespaces('bench-live');
  readonly said = join(this.#folder, 'said');

  constructor() {
    for (const name of ['measure', 'flood']) {
      const args = ['-O2', join(HERE, `${name}.c`), '-o', join(this.#folder, name)];
      const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
    }
    this.#spaces.link(['from', 'eth0'], ['to', 'eth0']);
    // Nobody answers, so that nothing but the flood is heard.
    for (const node of ['from', 'to'])
      this.#spaces.exec(node, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6');
  }

  /** `listen` writes what it has to say to the file `said`. */
  async run(listen: string, read: (said: string) => Omit<Figures, 'cpuSec'>): Promise<Figures> {
    const measured = spawn(
      'ip',
      this.#spaces.argv('to', join(this.#folder, 'measure'), 'sh', '-c', listen),
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const output = text(measured.stdout);
    const ended = once(measured, 'exit');
    await pause(SETTLE_MS);
    const flood = join(this.#folder, 'flood');
    const sent = spawn(
      'ip',
      this.#spaces.argv('from', flood, 'eth0', String(PACKETS), String(PER_SEC)),
    );
    const [code] = await once(sent, 'exit');
    if (code !== 0) throw new Error(`the flood ended with ${code}`);
    await pause(SETTLE_MS);
    for (const pid of this.#spaces.pids('to')) process.kill(pid, 'SIGINT');
    await ended;
    return {
      cpuSec: Number((await output).split(' ')[0]) / 1e6,
      ...read(readFileSync(this.said, 'utf8')),
    };
  }

  [Symbol.dispose](): void {
    this.#spaces[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

export const bench: Bench = {
  name: 'capture-live',
  skip: () =>
    noNamespaces() ?? (spawnSync('tcpdump', ['--version']).status === 0 ? undefined : 'no tcpdump'),
  run: async () => {
    using rig = new Rig();
    const ours: Figures[] = [];
    const peers: Figures[] = [];
    const number = (said: string, pattern: RegExp): number => Number(pattern.exec(said)?.[1]);
    for (let i = 0; i < ROUNDS; i++) {
      ours.push(
        await rig.run(
          `exec ${process.execPath} ${BUNDLE} capture eth0 --ring ${RING_MIB} --json --top 20 >${rig.said}`,
          (said) => ({
            packets: number(said, /"packets": (\d+)/),
            dropped: number(said, /"droppedPackets": (\d+)/),
          }),
        ),
      );
      peers.push(
        await rig.run(
          `exec tcpdump -i eth0 -B ${RING_MIB * 1024} -w /dev/null 2>${rig.said}`,
          (said) => ({
            packets: number(said, /(\d+) packets captured/),
            dropped: number(said, /(\d+) packets dropped by kernel/),
          }),
        ),
      );
    }
    const perMillion = (list: readonly Figures[]): number =>
      median(list.map(({ cpuSec, packets }) => cpuSec / (packets / 1e6)));
    const sum = (list: readonly Figures[], key: keyof Figures): number =>
      list.reduce((all, figures) => all + figures[key], 0);
    return [
      {
        ours: perMillion(ours),
        peer: perMillion(peers),
        unit: 'CPU-s per M packets',
        peerName: 'tcpdump -w /dev/null',
        higherIsBetter: false,
        oursCpuSec: sum(ours, 'cpuSec'),
        peerCpuSec: sum(peers, 'cpuSec'),
        note: `${PER_SEC / 1000} k packets/s; of ${(ROUNDS * PACKETS) / 1e6} M, ours ${sum(ours, 'packets')} and dropped ${sum(ours, 'dropped')}, theirs ${sum(peers, 'packets')} and ${sum(peers, 'dropped')}`,
      },
    ];
  },
};
