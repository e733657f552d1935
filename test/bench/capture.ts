/**
 * What a capture file costs: 2 million packets, 1 GB of seeded mixed traffic, read by `gatehouse analyze`
 * (every statistic that it has), by tcpdump (none), by a minimal reader in C (protocols and endpoints)
 * and by tshark (conversations and protocols). CPU time and peak memory are those of whole processes.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTraffic } from '../lib/capture-files.ts';
import { median } from '../lib/median.ts';
import type { Bench, Comparison } from './run.ts';

const HERE = join(import.meta.dirname, 'capture');
const BUNDLE = join(import.meta.dirname, '../../build/gatehouse.cjs');
const PACKETS = 2_000_000;
const NEEDED_BYTES = 1.3e9;
const ROUNDS = 5;

interface Figures {
  readonly cpuSec: number;
  readonly memoryMb: number;
}

const compile = (source: string, output: string): void => {
  const args = ['-O2', '-Wall', '-Wextra', join(HERE, source), '-o', output];
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
};

const version = (program: string): string =>
  /\d+(?:\.\d+)+/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[0] ?? '';

class Rig implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'gh-bench-capture-'));
  readonly #measure = join(this.#folder, 'measure');
  readonly reader = join(this.#folder, 'reader');
  readonly file = join(this.#folder, 'mixed.pcap');

  constructor() {
    compile('measure.c', this.#measure);
    compile('reader.c', this.reader);
    const fd = openSync(this.file, 'w');
    writeTraffic(fd, PACKETS, 1);
    closeSync(fd);
  }

  run(program: string, ...args: string[]): Figures {
    const { stdout, status } = spawnSync(this.#measure, [program, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} failed`);
    const [us = 0, kb = 0] = stdout.trim().split(' ').map(Number);
    return { cpuSec: us / 1e6, memoryMb: kb / 1024 };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

export const bench: Bench = {
  name: 'capture',
  skip: () => {
    for (const program of ['tcpdump', 'tshark'])
      if (spawnSync(program, ['--version']).status !== 0) return `no ${program}`;
    const { bavail, bsize } = statfsSync(tmpdir());
    return bavail * bsize < NEEDED_BYTES ? 'no room for a file of 1 GB' : undefined;
  },
  run: async () => {
    using rig = new Rig();
    const { file } = rig;
    const rounds = {
      ours: () => rig.run(process.execPath, BUNDLE, 'analyze', file),
      tcpdump: () => rig.run('tcpdump', '-r', file, '-w', '/dev/null'),
      reader: () => rig.run(rig.reader, file),
    } as const;
    type Name = keyof typeof rounds;
    const names = Object.keys(rounds) as Name[];
    const all = new Map<Name, Figures[]>(names.map((name) => [name, []]));
    // Once to warm the cache; then in turns, so that a drift of the machine meets all.
    rounds.reader();
    for (let i = 0; i < ROUNDS; i++) for (const name of names) all.get(name)?.push(rounds[name]());
    const of = (name: Name): Figures => ({
      cpuSec: median((all.get(name) ?? []).map(({ cpuSec }) => cpuSec)),
      memoryMb: median((all.get(name) ?? []).map(({ memoryMb }) => memoryMb)),
    });
    const tshark = rig.run('tshark', '-n', '-q', '-r', file, '-z', 'conv,ip', '-z', 'io,phs');
    // The same packets four times, through a pipe: memory does not follow the length of the file.
    const feed = `(cat "$1"; for i in 2 3 4; do tail -c +25 "$1"; done) | "$2" "$3" analyze -`;
    const fourfold = rig.run('bash', '-c', feed, '-', file, process.execPath, BUNDLE);
    const ours = of('ours');
    const speed = (peerName: string, name: string, peer: Figures, note: string): Comparison => ({
      name,
      ours: PACKETS / 1e6 / ours.cpuSec,
      peer: PACKETS / 1e6 / peer.cpuSec,
      unit: 'M packets/CPU-s',
      peerName,
      higherIsBetter: true,
      oursCpuSec: ours.cpuSec,
      peerCpuSec: peer.cpuSec,
      note,
    });
    const tsharkName = `tshark ${version('tshark')}`;
    return [
      speed(`tcpdump ${version('tcpdump')}`, 'file', of('tcpdump'), 'all statistics, against none'),
      speed('C reader', 'file', of('reader'), 'all statistics, against protocols and endpoints'),
      speed(tsharkName, 'full', tshark, 'against -z conv,ip -z io,phs, one round'),
      {
        name: 'memory',
        ours: ours.memoryMb,
        peer: tshark.memoryMb,
        unit: 'MB',
        peerName: tsharkName,
        higherIsBetter: false,
        oursCpuSec: ours.cpuSec,
        peerCpuSec: tshark.cpuSec,
        note: `peak resident; ${Math.round(fourfold.memoryMb)} MB for four times the packets`,
      },
    ];
  },
};
