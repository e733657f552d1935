/**
 * The DNS server beside unbound, dnsmasq, pdns-recursor, knot-resolver, and an echo in C: queries
 * per second of the server's CPU, for names in the cache and names of a list of a million, the
 * latency at 10,000 queries a second, and the memory that the list takes. Each server alone on one
 * core, the load on the other, in turns.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import {
  ADDRESS,
  type Contender,
  dnsmasq,
  echo,
  folderOf,
  gatehouse,
  knotResolver,
  type Names,
  program,
  type Running,
  recursor,
  UPSTREAM,
  UPSTREAM_PORT,
  unbound,
} from './dns/contenders.ts';
import { blockedNames, cachedNames, sampleOf } from './dns/names.ts';
import type { Bench, Comparison } from './run.ts';

const HERE = join(import.meta.dirname, 'dns');
const LOAD_CORE = '1';
const ROUNDS = 3;
const CACHED = 10_000;
const BLOCKED = 1_000_000;
const ASKED_BLOCKED = 100_000;
const WINDOW = 64;
const CLOSED_SEC = 3;
const PACED_PER_SEC = 10_000;
const PACED_SEC = 2;
const START_SEC = 120;
const ECHO = echo().name;

interface Figures {
  readonly asked: number;
  readonly answered: number;
  /** With RCODE 0 and a record. */
  readonly good: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly cpuSec: number;
}

interface Round {
  readonly cached: Figures;
  readonly blocked: Figures | undefined;
  readonly paced: Figures;
  readonly rssBytes: number;
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

class Rig implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #folder = this.#stack.use(folderOf()).path;
  readonly #load = join(this.#folder, 'load');
  readonly spaces: Namespaces;
  readonly names: Names;
  readonly cachedPath = join(this.#folder, 'cached');
  readonly blockedPath = join(this.#folder, 'blocked');
  readonly onePath = join(this.#folder, 'one');

  constructor() {
    this.spaces = this.#stack.use(new Namespaces('benchdns'));
    this.spaces.link(['server', 'srv0'], ['load', 'load0']);
    this.spaces.exec('server', 'ip', 'address', 'add', `${ADDRESS}/24`, 'dev', 'srv0');
    // In a namespace of its own: what is in the server's ends with it.
    this.spaces.link(['server', 'up0'], ['upstream', 'eth0']);
    this.spaces.exec('server', 'ip', 'address', 'add', '10.78.0.1/24', 'dev', 'up0');
    this.spaces.exec('upstream', 'ip', 'address', 'add', `${UPSTREAM}/24`, 'dev', 'eth0');
    this.spaces.exec('load', 'ip', 'address', 'add', '10.77.0.2/24', 'dev', 'load0');
    for (const name of ['load', 'responder']) {
      const out = join(this.#folder, name);
      execFileSync('gcc', ['-O2', '-Wall', join(HERE, `${name}.c`), '-o', out]);
    }
    const blocked = blockedNames(BLOCKED);
    const lines = (names: readonly string[]): string => `${names.join('\n')}\n`;
    writeFileSync(this.cachedPath, lines(cachedNames(CACHED)));
    writeFileSync(this.blockedPath, lines(sampleOf(blocked, ASKED_BLOCKED)));
    writeFileSync(this.onePath, lines(cachedNames(1)));
    this.names = { blocked };
  }

  async startUpstream(): Promise<void> {
    const argv = [join(this.#folder, 'responder'), UPSTREAM, UPSTREAM_PORT];
    this.#stack.use(await program(this.spaces, 'upstream', argv, /ready/));
  }

  async load(server: Running | undefined, names: string, mode: string, how: number, sec: number) {
    const argv = this.spaces.argv('load', 'nice', '-n', '-19', 'taskset', '-c', LOAD_CORE);
    const before = server?.cpuSec() ?? 0;
    const args = [this.#load, ADDRESS, '53', names, mode, String(how), String(sec)];
    const child = spawn('ip', [...argv, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${out}`);
    const [asked = 0, answered = 0, good = 0, , p50us = 0, p99us = 0] = out
      .trim()
      .split(' ')
      .map(Number);
    const cpuSec = (server?.cpuSec() ?? 0) - before;
    return { asked, answered, good, p50us, p99us, cpuSec };
  }

  /** A server that answers. */
  async start(contender: Contender, names: Names): Promise<Running> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(folderOf()).path;
    const server = stack.use(await contender.start(this.spaces, names, folder));
    const until = process.uptime() + START_SEC;
    // All names once: what its upstream did not answer in time is asked for again.
    for (const names of [this.onePath, this.cachedPath]) {
      const enough = ({ asked, answered, good }: Figures): boolean =>
        contender.name === ECHO ? answered > 0 : good === asked;
      while (!enough(await this.load(undefined, names, 'once', 32, 0))) {
        if (process.uptime() > until) throw new Error(`${contender.name} does not answer`);
      }
    }
    const started = stack.move();
    return { ...server, [Symbol.asyncDispose]: () => started.disposeAsync() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync().then(() => undefined);
  }
}

async function round(rig: Rig, contender: Contender): Promise<Round> {
  await using server = await rig.start(contender, rig.names);
  const cached = await rig.load(server, rig.cachedPath, 'closed', WINDOW, CLOSED_SEC);
  const paced = await rig.load(server, rig.cachedPath, 'paced', PACED_PER_SEC, PACED_SEC);
  const blocked = contender.blocks
    ? await rig.load(server, rig.blockedPath, 'closed', WINDOW, CLOSED_SEC)
    : undefined;
  for (const [what, { answered, good }] of Object.entries({
    cached,
    paced,
    ...(blocked && { blocked }),
  })) {
    if (good < answered * 0.99 && contender.name !== ECHO) {
      throw new Error(`${contender.name}: ${good} of ${answered} ${what} answers are right`);
    }
  }
  return { cached, paced, blocked, rssBytes: server.rssBytes() };
}

interface Sizes {
  /** That a million blocked names take: the mapped file, or the same server with them and without, after it has answered. */
  readonly listBytes: number;
  readonly runningBytes: number;
  /** While it compiled them, where it is known. */
  readonly peakBytes: number | undefined;
}

async function sizesOf(rig: Rig, contender: Contender): Promise<Sizes> {
  const sizes: number[] = [];
  const peaks: (number | undefined)[] = [];
  let mapped: number | undefined;
  for (const blocked of [rig.names.blocked, []]) {
    await using server = await rig.start(contender, { blocked });
    if (blocked.length > 0) await rig.load(server, rig.blockedPath, 'closed', WINDOW, 1);
    sizes.push(server.rssBytes());
    mapped ??= server.mappedBytes;
    peaks.push(server.peakBytes);
  }
  const [withList = 0, without = 0] = sizes;
  return { listBytes: mapped ?? withList - without, runningBytes: withList, peakBytes: peaks[0] };
}

const perCpuSec = (f: Figures): number => f.answered / f.cpuSec;
const kilo = (n: number): string => `${(n / 1000).toFixed(0)} k`;

async function run(): Promise<Comparison[]> {
  await using rig = new Rig();
  await rig.startUpstream();
  const us = gatehouse();
  const peers = [echo(), unbound(), dnsmasq(), recursor(), knotResolver()];
  const rounds = new Map([us, ...peers].map((c) => [c, [] as Round[]]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const [contender, rows] of rounds) rows.push(await round(rig, contender));
  }
  const rows: Comparison[] = [];
  const figures = (c: Contender, which: 'cached' | 'blocked' | 'paced'): Figures[] =>
    (rounds.get(c) ?? []).flatMap((r) => r[which] ?? []);
  for (const peer of peers) {
    const isEcho = peer.name === ECHO;
    for (const which of ['cached', 'blocked'] as const) {
      // The echo does not care what the names are.
      const theirs = figures(peer, isEcho ? 'cached' : which);
      const ours = figures(us, which);
      if (theirs.length === 0) continue;
      rows.push({
        name: which,
        ours: middle(ours.map(perCpuSec)),
        peer: middle(theirs.map(perCpuSec)),
        unit: 'queries/CPU-s',
        peerName: peer.name,
        higherIsBetter: true,
        oursCpuSec: ours.reduce((sum, f) => sum + f.cpuSec, 0),
        peerCpuSec: theirs.reduce((sum, f) => sum + f.cpuSec, 0),
        note: `${kilo(CACHED)} names in the cache, ${kilo(peer.blocks ? BLOCKED : 0)} blocked`,
      });
    }
    const [mine, theirs] = [figures(us, 'paced'), figures(peer, 'paced')];
    rows.push({
      name: 'p99',
      ours: middle(mine.map((f) => f.p99us)),
      peer: middle(theirs.map((f) => f.p99us)),
      unit: 'µs',
      peerName: peer.name,
      higherIsBetter: false,
      oursCpuSec: mine.reduce((sum, f) => sum + f.cpuSec, 0),
      peerCpuSec: theirs.reduce((sum, f) => sum + f.cpuSec, 0),
      note: `at ${kilo(PACED_PER_SEC)} queries/s; p50 ${middle(mine.map((f) => f.p50us))} µs, ${middle(theirs.map((f) => f.p50us))} µs`,
    });
  }
  const mine = await sizesOf(rig, us);
  const { peakBytes = 0, runningBytes } = mine;
  const peak = `${(peakBytes / 1e6).toFixed(0)} MB while they were compiled, ${(runningBytes / 1e6).toFixed(0)} MB running`;
  for (const peer of peers) {
    if (!peer.blocks || !/dnsmasq|unbound/.test(peer.name)) continue;
    rows.push({
      name: 'memory',
      ours: mine.listBytes / 1e6,
      peer: (await sizesOf(rig, peer)).listBytes / 1e6,
      unit: 'MB',
      peerName: peer.name,
      higherIsBetter: false,
      oursCpuSec: 0,
      peerCpuSec: 0,
      note: `resident for ${kilo(BLOCKED)} blocked names; ours ${peak}`,
    });
  }
  return rows;
}

function missing(): string | undefined {
  for (const file of ['unbound', 'dnsmasq', 'pdns_recursor', 'kresd', 'gcc', 'taskset', 'renice']) {
    if (spawnSync('which', [file]).status !== 0) return `needs ${file}`;
  }
  return undefined;
}

export const bench: Bench = {
  name: 'dns',
  skip: () => noNamespaces() ?? missing(),
  run,
};
