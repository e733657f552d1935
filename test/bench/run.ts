/**
 * Runs the benchmarks of this folder and prints one line for each comparison with a peer:
 *
 *     name: gatehouse A unit, PEER B unit, R ×  (higher is better; CPU OURS s, THEIRS s; note)
 *
 * R is always gatehouse ÷ peer, both measured in one run; the note says what was measured.
 *
 *     node test/bench/run.ts [NAME…]
 */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface Comparison {
  /** Distinguishes the comparisons of one benchmark. */
  readonly name?: string;
  /** Median of the run, in `unit`. */
  readonly ours: number;
  readonly peer: number;
  readonly unit: string;
  /** Name and version of the peer, such as `dnsmasq 2.90`. */
  readonly peerName: string;
  readonly higherIsBetter: boolean;
  /** CPU seconds (user and system) that each side took for the work compared. */
  readonly oursCpuSec: number;
  readonly peerCpuSec: number;
  readonly note?: string;
}

export interface Bench {
  readonly name: string;
  /** A reason not to run here (no root, no peer installed), or undefined. */
  skip?(): string | undefined;
  run(): Promise<Comparison[]>;
}

/** Three significant digits, without an exponent. */
const figure = (value: number): string =>
  Math.abs(value) >= 100
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)));

export function line(bench: string, c: Comparison): string {
  const name = c.name === undefined ? bench : `${bench} ${c.name}`;
  const remarks = [
    `${c.higherIsBetter ? 'higher' : 'lower'} is better`,
    `CPU ${figure(c.oursCpuSec)} s, ${figure(c.peerCpuSec)} s`,
    ...(c.note === undefined ? [] : [c.note]),
  ];
  return `${name}: gatehouse ${figure(c.ours)} ${c.unit}, ${c.peerName} ${figure(c.peer)} ${c.unit}, ${figure(
    c.ours / c.peer,
  )} ×  (${remarks.join('; ')})`;
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  let ran = 0;
  for (const file of globSync('*.ts', { cwd: import.meta.dirname }).sort()) {
    if (file === 'run.ts' || file.endsWith('.test.ts')) continue;
    const module: { bench?: Bench } = await import(join(import.meta.dirname, file));
    const { bench } = module;
    if (bench === undefined) continue;
    if (asked.length > 0 && !asked.includes(bench.name) && !asked.includes(basename(file, '.ts')))
      continue;
    ran++;
    const reason = bench.skip?.();
    if (reason !== undefined) process.stdout.write(`${bench.name}: skipped, ${reason}\n`);
    else for (const row of await bench.run()) process.stdout.write(`${line(bench.name, row)}\n`);
  }
  if (ran === 0) {
    process.stderr.write(`no benchmark ${asked.join(', ')}\n`);
    process.exitCode = 2;
  }
}
