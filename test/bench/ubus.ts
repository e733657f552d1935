/**
 * Calls through the broker beside a plain two-hop relay in C (ubus/relay.c). The native rows have
 * the same C client and C service on both sides, so that only the broker differs; the TypeScript
 * rows have our client and our service too. 500 objects are registered throughout. The broker has
 * one core, the ends the other. Each run begins with calls that do not count, on either side.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/median.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { cpuSec } from '../lib/usage.ts';
import type { Comparison } from './run.ts';

const OBJECTS = 500;
const ROUNDS = 5;
const LISTS = 1000;
const CASES = [
  { name: '200 B serial', bytes: 200, outstanding: 1, calls: 8_000 },
  { name: '64 KB serial', bytes: 65_536, outstanding: 1, calls: 3_000 },
  { name: '200 B, 32 outstanding', bytes: 200, outstanding: 32, calls: 60_000 },
] as const;

const HERE = join(import.meta.dirname, 'ubus');
const BUILD = join(import.meta.dirname, '../../build/bench-ubus');
const PROGRAMS = ['relay', 'service', 'driver'] as const;

interface Measured {
  readonly rate: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly cpuSec: number;
}

/** One broker with its service; runs of the client against it. */
class Bus implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];
  readonly #socket: string;
  readonly #client: readonly string[];
  #broker = 0;

  constructor(socket: string, client: readonly string[]) {
    this.#socket = socket;
    this.#client = client;
  }

  async start(broker: readonly string[], service: readonly string[]): Promise<this> {
    this.#broker = this.#spawn(0, [...broker, this.#socket]).pid ?? 0;
    while (spawnSync('test', ['-S', this.#socket]).status !== 0) await pause(20);
    const child = this.#spawn(1, [...service, this.#socket, String(OBJECTS)]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    return this;
  }

  #spawn(core: number, [file = '', ...args]: readonly string[]): ChildProcess {
    const child = spawn('taskset', ['-c', String(core), file, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  /** Runs the client with `what`: `call BYTES OUTSTANDING CALLS` or `list 0 0 TIMES`. */
  run(what: readonly string[]): Measured {
    const before = cpuSec(this.#broker);
    const out = execFileSync('taskset', [
      '-c',
      '1',
      ...this.#client,
      this.#socket,
      ...what,
    ]).toString();
    const [rate = 0, p50Us = 0, p99Us = 0] = out.trim().split(' ').map(Number);
    return { rate, p50Us, p99Us, cpuSec: cpuSec(this.#broker) - before };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill();
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

async function run(): Promise<Comparison[]> {
  mkdirSync(BUILD, { recursive: true });
  for (const name of PROGRAMS) {
    execFileSync('gcc', ['-O2', '-o', join(BUILD, name), join(HERE, `${name}.c`)]);
  }
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const node = process.execPath;
  const driver = [join(BUILD, 'driver')];
  const service = [join(BUILD, 'service')];
  const ours = [node, ...NODE_FLAGS, fileURLToPath(import.meta.resolve('./ubus/broker.ts'))];
  const peer = fileURLToPath(import.meta.resolve('./ubus/peer.ts'));
  try {
    await using relay = new Bus(join(directory, 'relay'), driver);
    await using native = new Bus(join(directory, 'native'), driver);
    await using script = new Bus(join(directory, 'script'), [node, peer]);
    await relay.start([join(BUILD, 'relay')], service);
    await native.start(ours, service);
    await script.start(ours, [node, peer]);
    return [...calls(relay, native, script), list(relay, native)];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function calls(relay: Bus, native: Bus, script: Bus): Comparison[] {
  const rows: Comparison[] = [];
  for (const { name, bytes, outstanding, calls } of CASES) {
    const what = ['call', bytes, outstanding, calls].map(String);
    for (const bus of [relay, native, script]) bus.run(what);
    const measured: { peer: Measured; native: Measured; script: Measured }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      measured.push({ peer: relay.run(what), native: native.run(what), script: script.run(what) });
    }
    for (const [end, ends] of [
      ['native', 'C ends'],
      ['script', 'TypeScript ends'],
    ] as const) {
      const mine = measured.map((m) => m[end]);
      const theirs = measured.map((m) => m.peer);
      const of = (all: readonly Measured[], key: keyof Measured): string =>
        median(all.map((m) => m[key])).toFixed(0);
      rows.push({
        name: `${name}, ${ends}`,
        ours: median(mine.map((m) => m.rate)),
        peer: median(theirs.map((m) => m.rate)),
        unit: 'calls/s',
        peerName: 'C relay with C ends',
        higherIsBetter: true,
        oursCpuSec: sum(mine.map((m) => m.cpuSec)),
        peerCpuSec: sum(theirs.map((m) => m.cpuSec)),
        note: `p50/p99 ${of(mine, 'p50Us')}/${of(mine, 'p99Us')} µs, peer ${of(theirs, 'p50Us')}/${of(theirs, 'p99Us')} µs; CPU of the broker alone`,
      });
    }
  }
  return rows;
}

/** Broker time, so CPU: the client reads meanwhile on its own core. */
function list(relay: Bus, native: Bus): Comparison {
  const what = ['list', '0', '0', String(LISTS)];
  native.run(what);
  relay.run(what);
  const mine: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(relay.run(what).cpuSec);
    mine.push(native.run(what).cpuSec);
  }
  const perListMs = (all: readonly number[]): number => (sum(all) / ROUNDS / LISTS) * 1e3;
  return {
    name: `list of ${OBJECTS} objects`,
    ours: perListMs(mine),
    peer: perListMs(theirs),
    unit: 'ms of broker time',
    peerName: 'C relay',
    higherIsBetter: false,
    oursCpuSec: sum(mine),
    peerCpuSec: sum(theirs),
  };
}

export const bench = {
  name: 'ubus',
  skip: (): string | undefined => {
    if (availableParallelism() < 2) return 'needs two cores';
    return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'needs gcc';
  },
  run,
};
