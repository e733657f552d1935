/** Metadata of 4 KB by BEP 9 beside the npm client: per CPU-second, 3,000 at once, and memory of a connection. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import Protocol from 'bittorrent-protocol';
import utMetadata from 'ut_metadata';
import { ipv4 } from '../../src/base/ip.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { digests } from '../../src/os/linux/digests.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxTcpSockets } from '../../src/os/linux/tcp.ts';
import { MetadataFetcher } from '../../src/services/dht/metadata.ts';
import { METADATA_LIMITS } from '../../src/services/dht/metadata-config.ts';
import { MemoryLog } from '../lib/log.ts';
import { median } from '../lib/median.ts';
import { infoOf } from './metadata/infos.ts';
import type { Bench, Comparison } from './run.ts';

const COUNT = 3000;
const AT_ONCE = 64;
const ROUNDS = 5;
const CHILD = join(import.meta.dirname, 'metadata/peers-child.ts');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const versionOf = (name: string): string =>
  (
    JSON.parse(
      readFileSync(join(import.meta.dirname, '../../node_modules', name, 'package.json'), 'utf8'),
    ) as { version: string }
  ).version;
const peerName = `ut_metadata ${versionOf('ut_metadata')} on bittorrent-protocol ${versionOf('bittorrent-protocol')}`;

interface Peers extends AsyncDisposable {
  readonly port: number;
  /** So many wait for their last byte. */
  readonly held: Promise<unknown>;
  release(): void;
}

async function peers(hold: number): Promise<Peers> {
  const child: ChildProcess = spawn(process.execPath, [CHILD, `${COUNT}`, `${hold}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('no output');
  const lines = createInterface(child.stdout);
  const [port] = await once(lines, 'line');
  return {
    port: Number(port),
    held: once(lines, 'line'),
    release: () => void child.stdin?.write('\n'),
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** Fetches all, so many at a time, and gives how many were right. */
type Client = (port: number, atOnce: number) => Promise<number>;

async function ours(port: number, atOnce: number): Promise<number> {
  const native = loadNative();
  const reactor = new Reactor(native);
  await using fetcher = new MetadataFetcher({
    ...{ tcp: new LinuxTcpSockets(reactor), clock: new LinuxClock(native), log: new MemoryLog() },
    ...{ digests, peerId: new Uint8Array(20), mayReach: () => true },
    limits: {
      ...METADATA_LIMITS,
      ...{ connectsPerSec: 1e9, maxHalfOpen: atOnce, maxOpen: atOnce, maxFetches: COUNT },
    },
  });
  const endpoint = { address: ipv4(0x7f000001), port };
  const all = await Promise.all(
    Array.from({ length: COUNT }, (_, n) => {
      const fetch = fetcher.fetch({
        id: { v1: hashes[n] ?? none },
        timeoutMs: 600_000,
        private: true,
      });
      fetch.add([endpoint]);
      fetch.noMorePeers();
      // What was fetched is let go, as the other client does.
      return fetch.result.then(({ ok }) => ok);
    }),
  );
  await reactor[Symbol.asyncDispose]();
  return all.filter((ok) => ok).length;
}

async function theirs(port: number, atOnce: number): Promise<number> {
  let [next, right] = [0, 0];
  const one = (n: number): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const wire = new Protocol();
      const end = (): void => {
        wire.destroy();
        socket.destroy();
        resolve();
      };
      socket.on('error', end);
      wire.on('error', end);
      socket.on('connect', () => {
        socket.pipe(wire).pipe(socket);
        wire.use(utMetadata());
        wire.ut_metadata.on('metadata', () => {
          right += 1;
          end();
        });
        wire.ut_metadata.on('warning', end);
        wire.ut_metadata.fetch();
        wire.handshake(Buffer.from(hashes[n] ?? none).toString('hex'), '00'.repeat(20));
      });
    });
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < COUNT) await one(next++);
    }),
  );
  return right;
}

const none = new Uint8Array(20);
let hashes: readonly Uint8Array[] = [];

async function measured(client: Client, port: number, atOnce: number) {
  // Nobody pays for what the other left behind.
  collect();
  const cpu = process.cpuUsage();
  const right = await client(port, atOnce);
  const { user, system } = process.cpuUsage(cpu);
  return { right, cpuSec: (user + system) / 1e6 };
}

const bytesNow = (): number => {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** What all of them hold while each waits for its last byte. */
async function held(client: Client): Promise<{ right: number; bytes: number; cpuSec: number }> {
  await using peer = await peers(COUNT);
  const before = bytesNow();
  const done = measured(client, peer.port, COUNT);
  await peer.held;
  const bytes = (bytesNow() - before) / COUNT;
  peer.release();
  const { right, cpuSec } = await done;
  return { right, bytes, cpuSec };
}

export const bench: Bench = {
  name: 'metadata',
  async run() {
    hashes = Array.from({ length: COUNT }, (_, n) => infoOf(n).v1);
    const rates = { ours: [] as number[], peer: [] as number[] };
    const cpu = { ours: 0, peer: 0 };
    {
      await using peer = await peers(0);
      for (let round = -1; round < ROUNDS; round++)
        for (const [who, client] of [
          ['ours', ours],
          ['peer', theirs],
        ] as const) {
          const { right, cpuSec } = await measured(client, peer.port, AT_ONCE);
          if (right !== COUNT) throw new Error(`${who}: ${right} of ${COUNT}`);
          // The first of each warms up.
          if (round < 0) continue;
          rates[who].push(right / cpuSec);
          cpu[who] += cpuSec;
        }
    }
    const common = { peerName, oursCpuSec: cpu.ours, peerCpuSec: cpu.peer };
    const [we, they] = [await held(ours), await held(theirs)];
    const cpus = { oursCpuSec: we.cpuSec, peerCpuSec: they.cpuSec };
    const note = `${we.right} and ${they.right} of ${COUNT} succeeded`;
    return [
      {
        ...{ ...common, name: `of 4 KB, ${AT_ONCE} at once`, unit: 'a CPU-second' },
        ...{ ours: median(rates.ours), peer: median(rates.peer), higherIsBetter: true },
      },
      {
        ...{ ...common, ...cpus, name: `${COUNT} at once`, unit: 'a CPU-second', note },
        ...{ ours: we.right / we.cpuSec, peer: they.right / they.cpuSec, higherIsBetter: true },
      },
      {
        ...{
          ...common,
          ...cpus,
          name: 'memory',
          unit: 'bytes a connection, its copy of 4 KB included',
        },
        ...{ ours: we.bytes, peer: they.bytes, higherIsBetter: false },
      },
    ] satisfies Comparison[];
  },
};
