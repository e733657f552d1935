/**
 * How soon the daemon serves, and what it takes when idle, beside Node doing nothing. The bundle is
 * measured, and beside it the single executable, which is what runs on the box; in a namespace of its
 * own, unprivileged, on an empty state.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { UbusClient } from '../../src/edge/ubus/client.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { MemoryLog } from '../lib/log.ts';
import { median } from '../lib/median.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { cpuSec, residentMb } from '../lib/usage.ts';
import type { Bench, Comparison } from './run.ts';

const BUNDLE = join(import.meta.dirname, '../../build/gatehouse.cjs');
const NODE = [process.execPath];
const BUNDLED = [...NODE, ...NODE_FLAGS, BUNDLE];
const EXECUTABLE = [
  join(
    import.meta.dirname,
    '../../build/binary',
    process.arch === 'arm64' ? 'arm64' : 'x86_64',
    'gatehouse',
  ),
];
const UID = 6767;
const CAPS = '-all,+net_admin,+net_raw,+net_bind_service';
const ROUNDS = 15;
const IDLE_MS = 3_000;
/** After the start, until memory is compared. */
const SETTLE_MS = 300;

/** A program by way of the same two that start the daemon, so that their time counts on both sides. */
const start = (
  spaces: Namespaces,
  words: readonly string[],
  output: 'ignore' | 'pipe',
): ChildProcess =>
  spawn(
    'ip',
    spaces.argv(
      'r',
      'setpriv',
      '--reuid',
      String(UID),
      '--regid',
      String(UID),
      '--clear-groups',
      '--no-new-privs',
      '--inh-caps',
      CAPS,
      '--ambient-caps',
      CAPS,
      '--bounding-set',
      CAPS,
      ...words,
    ),
    { stdio: ['ignore', output, output], env: {} },
  );

/** What `node -e 0` costs, as Node itself counts it at its end. */
async function bareCpuSec(spaces: Namespaces): Promise<number> {
  const script = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1e6)';
  const child = start(spaces, [...NODE, '-e', script], 'pipe');
  const [out] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'exit'),
  ]);
  return Number(out);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** When `gatehouse status` was answered on the socket, by `performance.now()`. */
async function answeredAtMs(path: string, alive: () => boolean): Promise<number> {
  await using reactor = new Reactor(loadNative());
  const sockets = new LinuxUnixSockets(reactor);
  const silent = { data: () => {}, closed: () => {} };
  for (;;) {
    const there = sockets.connect(path, 1 << 20, () => silent);
    if (there.ok) {
      there.value.close();
      break;
    }
    if (!alive()) throw new Error('the daemon ended before it served');
    await pause(1);
  }
  await using bus = new UbusClient({
    connect: (opened) => sockets.connect(path, 1 << 20, opened),
    clock: new LinuxClock(loadNative()),
    log: new MemoryLog(),
  });
  bus.start();
  for (;;) {
    const answer = await bus.call('gatehouse', 'status', [], { timeoutMs: 5_000 });
    if (answer.ok) return performance.now();
    if (!alive()) throw new Error('the daemon ended before it answered');
    await pause(1);
  }
}

/** When a message was logged, by `performance.now()`: the line carries its time, so looking seldom does not blur it. */
function saidAtMs(log: string, message: string): number | undefined {
  const line = log.split('\n').find((one) => one.endsWith(`"msg":"${message}"}`));
  return line === undefined
    ? undefined
    : Date.parse(JSON.parse(line).time) - performance.timeOrigin;
}

/**
 * A daemon on an empty state: until it answers, until it says that firewall and network stand, and
 * until it is ready: the page stands, too, and the first certificate is made.
 */
async function daemon(
  spaces: Namespaces,
  folder: string,
  program: readonly string[],
): Promise<{ child: ChildProcess; servingMs: number; standsMs: number; readyMs: number }> {
  const [state, run] = [join(folder, 'state'), join(folder, 'run')];
  for (const path of [state, run]) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    chownSync(path, UID, UID);
  }
  const begin = performance.now();
  const child = start(
    spaces,
    [
      ...program,
      'daemon',
      '--config',
      join(folder, 'config.json'),
      '--state-dir',
      state,
      '--run-dir',
      run,
      '--ubus-socket',
      join(run, 'ubus.sock'),
    ],
    'ignore',
  );
  const alive = () => child.exitCode === null;
  const servingMs = (await answeredAtMs(join(run, 'ubus.sock'), alive)) - begin;
  const log = join(state, 'log/gatehouse.log');
  for (;;) {
    const said = existsSync(log) ? readFileSync(log, 'utf8') : '';
    const readyMs = saidAtMs(said, 'ready');
    if (readyMs !== undefined) {
      const standsMs = saidAtMs(said, 'firewall and network stand') ?? Number.NaN;
      return { child, servingMs, standsMs: standsMs - begin, readyMs: readyMs - begin };
    }
    if (!alive()) throw new Error(`the daemon ended with ${child.exitCode}:\n${said}`);
    await pause(20);
  }
}

/** The executable beside Node with the bundle, turn about. */
async function asExecutable(spaces: Namespaces, folder: string): Promise<Comparison[]> {
  const sides = [EXECUTABLE, BUNDLED].map((program) => ({
    program,
    serving: [] as number[],
    cpuSec: 0,
    memory: [] as number[],
  }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of sides) {
      const { child, servingMs } = await daemon(spaces, folder, side.program);
      side.serving.push(servingMs);
      side.cpuSec += cpuSec(child.pid ?? 0);
      await pause(SETTLE_MS);
      side.memory.push(residentMb(child.pid ?? 0));
      await stopped(child);
    }
  }
  const [ours, peer] = sides;
  const row = (what: 'serving' | 'memory', rest: Pick<Comparison, 'name' | 'unit' | 'note'>) => ({
    ours: median(ours?.[what] ?? []),
    peer: median(peer?.[what] ?? []),
    peerName: 'node and the bundle',
    higherIsBetter: false,
    oursCpuSec: ours?.cpuSec ?? Number.NaN,
    peerCpuSec: peer?.cpuSec ?? Number.NaN,
    ...rest,
  });
  return [
    row('serving', { name: 'executable: answers', unit: 'ms', note: `${ROUNDS} starts of each` }),
    row('memory', {
      name: 'executable: memory',
      unit: 'MB',
      note: `resident after ${SETTLE_MS} ms`,
    }),
  ];
}

export const bench: Bench = {
  name: 'daemon',
  skip: () =>
    noNamespaces() ?? (existsSync(BUNDLE) ? undefined : "there is no bundle: run 'make build'"),
  async run(): Promise<Comparison[]> {
    using spaces = new Namespaces('bench-daemon');
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
    chownSync(folder, UID, UID);
    writeFileSync(join(folder, 'config.json'), '{}');
    try {
      const serving: number[] = [];
      const stands: number[] = [];
      const ready: number[] = [];
      const bare: number[] = [];
      let [oursCpuSec, peerCpuSec] = [0, 0];
      for (let round = 0; round < ROUNDS; round++) {
        const ours = await daemon(spaces, folder, BUNDLED);
        serving.push(ours.servingMs);
        stands.push(ours.standsMs);
        ready.push(ours.readyMs);
        oursCpuSec += cpuSec(ours.child.pid ?? 0);
        await stopped(ours.child);
        const begin = performance.now();
        await once(start(spaces, [...NODE, '-e', '0'], 'ignore'), 'exit');
        bare.push(performance.now() - begin);
        peerCpuSec += await bareCpuSec(spaces);
      }
      const idle = await daemon(spaces, folder, BUNDLED);
      const waits = [...NODE, '-e', 'setInterval(() => {}, 1e9)'];
      const node = start(spaces, waits, 'ignore');
      await pause(IDLE_MS);
      const [from, nodeFrom] = [cpuSec(idle.child.pid ?? 0), cpuSec(node.pid ?? 0)];
      await pause(IDLE_MS);
      const idleCpuSec = cpuSec(idle.child.pid ?? 0) - from;
      const started = {
        peer: median(bare),
        unit: 'ms',
        peerName: `node ${process.version} -e 0`,
        higherIsBetter: false,
        oursCpuSec,
        peerCpuSec,
        note: `${ROUNDS} starts on an empty state`,
      };
      const rows: Comparison[] = [
        { name: 'answers gatehouse status', ours: median(serving), ...started },
        { name: 'firewall and network stand', ours: median(stands), ...started },
        { name: 'all stands, first certificate made', ours: median(ready), ...started },
        {
          name: 'idle memory',
          ours: residentMb(idle.child.pid ?? 0),
          peer: residentMb(node.pid ?? 0),
          unit: 'MB',
          peerName: `node ${process.version}`,
          higherIsBetter: false,
          oursCpuSec: idleCpuSec,
          peerCpuSec: cpuSec(node.pid ?? 0) - nodeFrom,
          note: `resident; CPU within ${IDLE_MS / 1000} s`,
        },
      ];
      await stopped(idle.child);
      await stopped(node);
      return existsSync(EXECUTABLE[0] ?? '')
        ? [...rows, ...(await asExecutable(spaces, folder))]
        : rows;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
