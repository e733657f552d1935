/**
 * The DHCPv4 server beside Kea and dnsmasq: four-way exchanges, renewals, and what is lost when more
 * comes than Kea can answer. Each server alone on one core, the load on the other, in turns. Ours
 * acknowledges what is on disk; dnsmasq does, too; Kea writes without fsync.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { type Contender, dnsmasq, gatehouse, kea, type Running } from './dhcp-server/contenders.ts';
import type { Bench, Comparison } from './run.ts';

const HERE = join(import.meta.dirname, 'dhcp-server');
const LOAD_CORE = '1';
const CLIENTS = 20_000;
/** Each has a lease before renewals are measured: of dnsmasq that takes a while. */
const RENEWERS = 1000;
const WINDOW = 64;
const ROUNDS = 3;
const CLOSED_SEC = 5;
const RENEW_SEC = 3;
const OPEN_SEC = 3;
/** Kea's rate is where it loses more than this share of clients. */
const LOSS = 0.005;
const GC_THRESH = '/proc/sys/net/ipv4/neigh/default/gc_thresh3';

interface Figures {
  readonly perSec: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly again: number;
  readonly lostShare: number;
  /** CPU of the server. */
  readonly cpuSec: number;
  readonly exchanges: number;
}

interface Round {
  readonly closed: Figures;
  readonly renew: Figures;
}

const middle = <T>(rows: readonly T[], of: (row: T) => number): number =>
  rows.map(of).sort((a, b) => a - b)[rows.length >> 1] ?? Number.NaN;

const total = <T>(rows: readonly T[], of: (row: T) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0);

class Rig implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  readonly #flood = join(this.#folder, 'flood');
  readonly #stack = new DisposableStack();
  readonly spaces: Namespaces;

  constructor() {
    this.#stack.defer(() => rmSync(this.#folder, { recursive: true }));
    // dnsmasq writes each client into the ARP table, whose size is one for the whole machine.
    const threshold = readFileSync(GC_THRESH, 'utf8');
    writeFileSync(GC_THRESH, '100000');
    this.#stack.defer(() => writeFileSync(GC_THRESH, threshold));
    this.spaces = this.#stack.use(new Namespaces('benchdhcp'));
    this.spaces.link(['server', 'srv0'], ['load', 'load0']);
    this.spaces.exec('server', 'ip', 'address', 'add', '10.0.0.1/8', 'dev', 'srv0');
    this.spaces.exec('load', 'ip', 'address', 'add', '10.255.0.2/8', 'dev', 'load0');
    execFileSync('gcc', ['-O2', '-Wall', join(HERE, 'flood.c'), '-o', this.#flood]);
  }

  async #load(...program: string[]): Promise<string> {
    const argv = this.spaces.argv('load', 'nice', '-n', '-19', 'taskset', '-c', LOAD_CORE);
    const child = spawn('ip', [...argv, ...program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    // perfdhcp's 3: not every exchange was completed.
    if (code !== 0 && code !== 3) throw new Error(`${program.join(' ')}: exit ${code}\n${out}`);
    return out;
  }

  async flood(
    server: Running,
    mode: 'closed' | 'open' | 'renew',
    pace: number,
    seconds: number,
  ): Promise<Figures> {
    const closed = mode === 'closed' ? CLIENTS : RENEWERS;
    const clients = mode === 'open' ? Math.ceil(pace) * seconds : closed;
    const before = server.cpuSec();
    const args = [mode, clients, Math.floor(pace), seconds].map(String);
    const out = await this.#load(this.#flood, 'load0', ...args);
    const cpuSec = server.cpuSec() - before;
    const n = out.trim().split(' ').map(Number);
    const [exchanges = 0, sec = 1, p50us = 0, p99us = 0, , again = 0, , , , lost = 0] = n;
    const lostShare = lost / Math.max(1, exchanges + lost);
    return { perSec: exchanges / sec, p50us, p99us, again, lostShare, cpuSec, exchanges };
  }

  /** Four-way exchanges a second that perfdhcp, which is a relay, completes when asked for `rate`. */
  async perfdhcp(server: Running, rate: number): Promise<{ perSec: number; cpuSec: number }> {
    const before = server.cpuSec();
    const args = ['-4', '-l', 'load0', '-R', String(CLIENTS), '-r', String(Math.round(rate))];
    const out = await this.#load('perfdhcp', ...args, '-p', String(OPEN_SEC));
    const perSec = Number(/Rate: ([\d.]+) 4-way/.exec(out)?.[1]);
    return { perSec, cpuSec: server.cpuSec() - before };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

async function round(rig: Rig, contender: Contender): Promise<Round> {
  await using server = await contender.start(rig.spaces);
  const closed = await rig.flood(server, 'closed', WINDOW, CLOSED_SEC);
  return { closed, renew: await rig.flood(server, 'renew', WINDOW, RENEW_SEC) };
}

/** The rate at which clients begin to be lost, in steps of a tenth. */
async function limit(rig: Rig, contender: Contender, start: number): Promise<number> {
  await using server = await contender.start(rig.spaces);
  for (let rate = start; ; rate *= 1.1) {
    const { lostShare } = await rig.flood(server, 'open', rate, OPEN_SEC);
    if (lostShare > LOSS) return rate;
  }
}

const kilo = (perSec: number): string => `${(perSec / 1000).toFixed(1)} k/s`;

async function run(): Promise<Comparison[]> {
  using rig = new Rig();
  const us = gatehouse();
  const peers = [kea(), dnsmasq()];
  const contenders = [us, ...peers];
  const rounds = new Map(contenders.map((c) => [c, [] as Round[]]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const contender of contenders) {
      rounds.get(contender)?.push(await round(rig, contender));
    }
  }
  const compared = (
    name: string,
    peer: Contender,
    which: keyof Round,
    unit: string,
    of: (figures: Figures) => number,
    note: string,
  ): Comparison => {
    const [mine, theirs] = [us, peer].map((c) => (rounds.get(c) ?? []).map((r) => r[which]));
    return {
      name,
      ours: middle(mine ?? [], of),
      peer: middle(theirs ?? [], of),
      unit,
      peerName: peer.name,
      higherIsBetter: unit.endsWith('/s'),
      oursCpuSec: total(mine ?? [], (f) => f.cpuSec),
      peerCpuSec: total(theirs ?? [], (f) => f.cpuSec),
      note,
    };
  };
  const rows: Comparison[] = [];
  for (const peer of peers) {
    const each = (which: keyof Round, what: string): string => {
      const cost = (c: Contender): string => {
        const figures = (rounds.get(c) ?? []).map((r) => r[which]);
        const cpu = total(figures, (f) => f.cpuSec);
        const p50 = middle(figures, (f) => f.p50us) / 1000;
        return `p50 ${p50.toFixed(2)} ms, ${kilo(total(figures, (f) => f.exchanges) / cpu)} of CPU`;
      };
      return `${what}, window ${WINDOW}; ${cost(us)}; ${cost(peer)}`;
    };
    const four = each('closed', 'DISCOVER to ACK');
    rows.push(
      compared('four-way', peer, 'closed', 'exchanges/s', (f) => f.perSec, four),
      compared('four-way p99', peer, 'closed', 'ms', (f) => f.p99us / 1000, four),
      compared(
        'renew',
        peer,
        'renew',
        'renewals/s',
        (f) => f.perSec,
        each('renew', 'unicast REQUEST to ACK'),
      ),
    );
  }
  const [first] = peers;
  if (first === undefined) return rows;
  const capacity = middle(rounds.get(first) ?? [], (r) => r.closed.perSec);
  const rate = await limit(rig, first, capacity / 2);
  const twice: { lost: Figures; perf: { perSec: number; cpuSec: number } }[] = [];
  for (const contender of contenders) {
    await using server = await contender.start(rig.spaces);
    const lost = await rig.flood(server, 'open', 2 * rate, OPEN_SEC);
    twice.push({ lost, perf: await rig.perfdhcp(server, 2 * rate) });
  }
  const [mine, ...others] = twice;
  peers.forEach((peer, i) => {
    const theirs = others[i];
    if (mine === undefined || theirs === undefined) return;
    const common = { peerName: peer.name };
    rows.push(
      {
        ...common,
        name: 'lost',
        ours: 100 * mine.lost.lostShare,
        peer: 100 * theirs.lost.lostShare,
        unit: '% of clients',
        higherIsBetter: false,
        oursCpuSec: mine.lost.cpuSec,
        peerCpuSec: theirs.lost.cpuSec,
        note: `without an ACK after a second at ${kilo(2 * rate)}, twice the rate at which ${first.name} begins to lose clients`,
      },
      {
        ...common,
        name: 'perfdhcp',
        ours: mine.perf.perSec,
        peer: theirs.perf.perSec,
        unit: 'exchanges/s',
        higherIsBetter: true,
        oursCpuSec: mine.perf.cpuSec,
        peerCpuSec: theirs.perf.cpuSec,
        note: `of perfdhcp, which is a relay and asks for ${kilo(2 * rate)}`,
      },
    );
  });
  return rows;
}

function missing(): string | undefined {
  for (const file of ['kea-dhcp4', 'dnsmasq', 'perfdhcp', 'gcc', 'taskset', 'renice']) {
    if (spawnSync('which', [file]).status !== 0) return `needs ${file}`;
  }
  return undefined;
}

export const bench: Bench = {
  name: 'dhcp-server',
  skip: () => noNamespaces() ?? missing(),
  run,
};
