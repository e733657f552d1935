/**
 * The prober. 10,000 addresses that all answer, each asked once as fast as it goes: beside fping (`-q -c1 -i 0`, as many
 * bytes) and beside a bare C program that does nothing but sendmmsg and recvmmsg. Then how far the round trips that are
 * told lie above those that a capture of the link has, one probe each 2 ms, idle and with a core loaded. Then 100
 * targets at one a second in the engine: CPU and memory. The start of Node is in none of it; fping's is (some 5 ms).
 * PROBE_SECONDS is how long the last takes (60).
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../lib/median.ts';
import { Namespaces, noNamespaces, sh } from '../lib/netns.ts';
import type { Bench, Comparison } from './run.ts';

const FPING = '/usr/bin/fping';
const TCPDUMP = '/usr/bin/tcpdump';
const COUNT = 10_000;
const PACED = 500;
const PACE_MS = 2;
const WATCHED = 100;
const SECONDS = Number(process.env['PROBE_SECONDS'] ?? 60);
const CHILD = join(import.meta.dirname, 'probe/probe-child.ts');

interface Round {
  readonly sec: number;
  readonly cpuSec: number;
  readonly answers: number;
}

const addressOf = (n: number): string => `10.30.${n >> 8}.${n & 255}`;

function inside(spaces: Namespaces, file: string, ...args: string[]) {
  const done = spawnSync('ip', spaces.argv('r', file, ...args), {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { out: done.stdout, err: done.stderr };
}

function ours(spaces: Namespaces): readonly Round[] {
  const { out, err } = inside(spaces, process.execPath, CHILD, 'burst', `${COUNT}`);
  if (out === '') throw new Error(err);
  return (JSON.parse(out) as { rounds: Round[] }).rounds;
}

function fping(spaces: Namespaces, list: string): Round {
  const timed = `TIMEFORMAT='%R %U %S'; time ${FPING} -q -c1 -i 0 -f ${list}`;
  const { err } = inside(spaces, 'bash', '-c', timed);
  const [sec = 0, user = 0, system = 0] = (err.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  return { sec, cpuSec: user + system, answers: (err.match(/ 1\/1\/0%/g) ?? []).length };
}

function bare(spaces: Namespaces, program: string): Round {
  const [sec = 0, cpuSec = 0, answers = 0] = inside(spaces, program, `${COUNT}`)
    .out.split(' ')
    .map(Number);
  return { sec, cpuSec, answers };
}

/** Round trips in µs by address, as the link saw them. */
async function captured(
  spaces: Namespaces,
  run: () => Promise<Readonly<Record<string, number>>>,
): Promise<number> {
  const options = ['-i', 'far0', '-n', '-tt', '--nano', '-l', '-q', 'icmp'];
  const dump = spawn('ip', spaces.argv('r', TCPDUMP, ...options), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = text(dump.stdout);
  await once(dump.stderr, 'data');
  await pause(300);
  const told = await run();
  await pause(500);
  dump.kill('SIGINT');
  const sent = new Map<string, number>();
  const above: number[] = [];
  for (const line of (await said).split('\n')) {
    const [, at = '', from = '', to = '', kind = ''] =
      /^([\d.]+) IP ([\d.]+) > ([\d.]+): ICMP echo (request|reply)/.exec(line) ?? [];
    // Seconds since 1970 with nanoseconds are too long for a number: those of the day are not.
    const us = Number(at.slice(5)) * 1e6;
    if (kind === 'request') sent.set(to, us);
    const begun = sent.get(from);
    const rtt = told[from];
    if (kind === 'reply' && begun !== undefined && rtt !== undefined)
      above.push(rtt - (us - begun));
  }
  if (above.length < PACED / 2) throw new Error(`only ${above.length} round trips were captured`);
  return median(above);
}

const child = (spaces: Namespaces, ...args: string[]) => {
  const argv = spaces.argv('r', process.execPath, '--expose-gc', CHILD, ...args);
  const process_ = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  return text(process_.stdout);
};

async function bias(spaces: Namespaces, list: string): Promise<readonly [number, number]> {
  const own = await captured(spaces, async () => {
    return (
      JSON.parse(await child(spaces, 'paced', `${PACED}`, `${PACE_MS}`)) as {
        rtts: Record<string, number>;
      }
    ).rtts;
  });
  const peer = await captured(spaces, async () => {
    const argv = spaces.argv('r', FPING, '-q', '-C1', '-i', `${PACE_MS}`, '-f', list);
    const run = spawn('ip', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines = (await text(run.stderr)).split('\n');
    return Object.fromEntries(
      lines.flatMap((line) => {
        const [, address = '', ms = ''] = /^([\d.]+) +: ([\d.]+)$/.exec(line) ?? [];
        return ms === '' ? [] : [[address, Number(ms) * 1000]];
      }),
    );
  });
  return [own, peer];
}

async function run(): Promise<Comparison[]> {
  using spaces = new Namespaces('probeb');
  const folder = mkdtempSync(join(tmpdir(), 'gh-probe-'));
  try {
    spaces.link(['r', 'far0'], ['far', 'eth0']);
    spaces.exec('r', 'ip', 'address', 'add', '10.29.0.1/24', 'dev', 'far0');
    spaces.exec('far', 'ip', 'address', 'add', '10.29.0.2/24', 'dev', 'eth0');
    spaces.exec('r', 'ip', 'route', 'add', '10.30.0.0/16', 'via', '10.29.0.2');
    spaces.exec('far', 'ip', 'route', 'add', 'local', '10.30.0.0/16', 'dev', 'lo');
    const program = join(folder, 'bare');
    sh('gcc', '-O2', join(import.meta.dirname, 'probe/bare.c'), '-o', program);
    const write = (name: string, count: number): string => {
      const path = join(folder, name);
      writeFileSync(
        path,
        Array.from({ length: count }, (_, i) => `${addressOf(i + 1)}\n`).join(''),
      );
      return path;
    };
    const [all, some] = [write('all', COUNT), write('some', PACED)];
    const [own, peer, least]: Round[][] = [[], [], []];
    // In turns, so that a drift of the machine meets all.
    for (let turn = 0; turn < 3; turn++) {
      for (let i = 0; i < 3; i++) {
        peer?.push(fping(spaces, all));
        least?.push(bare(spaces, program));
      }
      own?.push(...ours(spaces).slice(1));
    }
    const version =
      /Version [\d.]+/.exec(sh(FPING, '--version'))?.[0].replace('Version', 'fping') ?? 'fping';
    const of = (rounds: readonly Round[] | undefined) => {
      const whole = (rounds ?? []).filter(({ answers }) => answers === COUNT);
      return {
        perSec: median(whole.map(({ sec }) => COUNT / sec)),
        cpuSec: median(whole.map(({ cpuSec }) => cpuSec)),
        told: `${whole.length} of ${rounds?.length ?? 0}`,
      };
    };
    const [a, b, c] = [of(own), of(peer), of(least)];
    const whole = { oursCpuSec: a.cpuSec, unit: 'probes/s', higherIsBetter: true, ours: a.perSec };
    const note = (told: string): string =>
      `${COUNT} addresses; all answered in ${a.told} rounds, of the peer in ${told}`;
    const idle = await bias(spaces, some);
    const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
    const loaded = await bias(spaces, some).finally(() => busy.kill());
    const watched = JSON.parse(await child(spaces, 'watch', `${WATCHED}`, `${SECONDS}`)) as {
      sec: number;
      cpuSec: number;
      bursts: number;
      memory: readonly Readonly<Record<'heap' | 'resident', number>>[];
    };
    const kib = (of: 'heap' | 'resident'): string =>
      watched.memory
        .slice(1)
        .map((one, i) => Math.round((one[of] - (watched.memory[i]?.[of] ?? 0)) / 1024))
        .join(' and ');
    const off = (name: string, [mine, theirs]: readonly [number, number]): Comparison => ({
      ...{ name, ours: mine, peer: theirs, unit: 'µs', peerName: version, higherIsBetter: false },
      ...{ oursCpuSec: 0, peerCpuSec: 0 },
      note: `median of what is told above what a capture of the link has, of ${PACED}; CPU not counted`,
    });
    return [
      {
        name: 'burst',
        ...whole,
        peer: b.perSec,
        peerName: version,
        peerCpuSec: b.cpuSec,
        note: note(b.told),
      },
      {
        name: 'burst',
        ...whole,
        peer: c.perSec,
        peerName: 'bare C',
        peerCpuSec: c.cpuSec,
        note: note(c.told),
      },
      off('round trip too long by', idle),
      off('with a core loaded, by', loaded),
      {
        ...{
          name: `${WATCHED} targets at 1 s`,
          ours: (100 * watched.cpuSec) / watched.sec,
          peer: 2,
        },
        ...{ unit: '% of a core', peerName: 'the limit', higherIsBetter: false },
        ...{ oursCpuSec: watched.cpuSec, peerCpuSec: 0.02 * watched.sec },
        note: `${watched.bursts} bursts in ${watched.sec.toFixed(0)} s; in its halves the heap grew by ${kib('heap')} KiB, what is resident by ${kib('resident')} KiB`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const bench: Bench = {
  name: 'probe',
  skip: () =>
    noNamespaces() ??
    [FPING, TCPDUMP].filter((path) => !existsSync(path)).map((path) => `needs ${path}`)[0],
  run,
};
