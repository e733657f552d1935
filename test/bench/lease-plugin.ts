/**
 * What the hook costs a DHCP client: the plugin, started, answered and reaped, beside the bare
 * spawn of a static program that does nothing. Both are spawned by a small C program, because
 * Node's own spawn would drown the difference.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { encodeLeaseAck, leaseFrameBytes } from '../../src/wire/lease.ts';
import { median } from '../lib/median.ts';
import type { Bench, Comparison } from './run.ts';

const HERE = join(import.meta.dirname, 'lease-plugin');
const PLUGIN = join(import.meta.dirname, '../../build/native/lease-plugin');
const SPAWNS = 400;
const ROUNDS = 5;

interface Figures {
  readonly us: number;
  readonly cpuSec: number;
}

function compile(compiler: string, source: string, output: string, flags: readonly string[]): void {
  const args = ['-O2', '-Wall', ...flags, join(HERE, source), '-o', output];
  const { status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

const sum = (rounds: readonly Figures[]): Figures => ({
  us: median(rounds.map((r) => r.us)),
  cpuSec: rounds.reduce((total, r) => total + r.cpuSec, 0),
});

class Rig implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  readonly bare = join(this.dir, 'bare');
  readonly spawner = join(this.dir, 'spawn');
  readonly hook = join(this.dir, 'hook', 'dhcp4.1');
  readonly socket = join(this.dir, 'lease.sock');

  constructor() {
    compile('musl-gcc', 'bare.c', this.bare, ['-static', '-s']);
    compile('gcc', 'spawn.c', this.spawner, []);
    mkdirSync(join(this.dir, 'hook'));
    symlinkSync(PLUGIN, this.hook);
  }

  /** Asynchronous, so that this process can be the one that answers. */
  async measure(program: string): Promise<Figures> {
    const child = spawn(this.spawner, ['spawn', String(SPAWNS), program, 'bound'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [[out], [code]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
    const [ns = 0, cpuNs = 0] = String(out).trim().split(' ').map(Number);
    if (code !== 0 || ns === 0) throw new Error(`${program}: exit ${code}`);
    return { us: ns / 1e3, cpuSec: cpuNs / 1e9 };
  }

  /** Takes turns, so that a drift of the machine meets both. */
  async compare(name: string, note: string): Promise<Comparison> {
    await this.measure(this.hook); // whoever answers is warm then
    const ours: Figures[] = [];
    const peers: Figures[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      peers.push(await this.measure(this.bare));
      ours.push(await this.measure(this.hook));
    }
    const [plugin, bare] = [sum(ours), sum(peers)];
    return {
      name,
      ours: plugin.us,
      peer: bare.us,
      unit: 'µs',
      peerName: 'spawn of an empty static program',
      higherIsBetter: false,
      oursCpuSec: plugin.cpuSec,
      peerCpuSec: bare.cpuSec,
      note,
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true });
  }
}

async function answeredByC(rig: Rig): Promise<Comparison> {
  const server = spawn(rig.spawner, ['serve', rig.socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  await once(server.stdout, 'data');
  try {
    return await rig.compare('by C', 'answered at once by a C program');
  } finally {
    server.kill();
    await ended;
    rmSync(rig.socket);
  }
}

async function answeredByUs(rig: Rig): Promise<Comparison> {
  await using reactor = new Reactor(loadNative(), { leads: true });
  const ack = encodeLeaseAck('done');
  const server = new LinuxUnixSockets(reactor).listen({
    path: rig.socket,
    mode: 0o600,
    maxConnections: 16,
    maxQueuedBytes: 1024,
    accepted: (connection) => ({
      data: (chunk) => {
        const length = leaseFrameBytes(chunk);
        if (length.ok && length.value === chunk.length) connection.write(ack);
        connection.end();
      },
      closed: () => {},
    }),
  });
  if (!server.ok) throw server.error;
  return await rig.compare('by Node', 'answered through the reactor in this process');
}

export const bench: Bench = {
  name: 'lease-plugin',
  skip: () =>
    spawnSync('musl-gcc', ['--version']).status === 0 ? undefined : 'needs musl-gcc (musl-tools)',
  async run(): Promise<Comparison[]> {
    using rig = new Rig();
    return [await answeredByC(rig), await answeredByUs(rig)];
  },
};
