/**
 * A thousand nodes of ours in one process, over an injected clock and network with round trips of 50 ms: whether
 * every look-up succeeds, when the first peer comes while half of them are dead and a tenth of all datagrams is
 * lost, and what a node in a routing table costs in memory.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ipv4 } from '../../src/base/ip.ts';
import { ipv6 } from '../../src/base/ip6.ts';
import type { Family } from '../../src/services/dht/config.ts';
import { idInBucket } from '../../src/services/dht/distance.ts';
import { NodeTable } from '../../src/services/dht/node-table.ts';
import type { Step } from '../../src/services/dht/operations.ts';
import { crypto, type Member, randomOf, Swarm } from '../lib/swarm.ts';
import type { Bench, Comparison } from './run.ts';

const NODES = 1_000;
const TORRENTS = 60;
const LOOKUPS = 400;
const BOUND_MS = 30_000;
/** Of 256: who is dead. */
const DEAD = 131;
const MOST_MS = 300;
const MOST_BYTES = 64;

const cpuSec = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function swarm(): Promise<Comparison[]> {
  const before = cpuSec();
  const swarm = new Swarm({ seed: 3, rttMs: 50 });
  const member = (index: number): Member => {
    const found = swarm.members[index % NODES];
    if (found === undefined) throw new RangeError(`no member ${index}`);
    return found;
  };
  for (let i = 0; i < NODES; i++) swarm.add();
  await swarm.start();
  await swarm.clock.advance(20_000);
  const hashes = Array.from({ length: TORRENTS }, (_, i) =>
    crypto.sha1(Buffer.from(`torrent ${i}`)),
  );
  for (const [i, hash] of hashes.entries())
    await swarm.clock.until(member(i * 37).dht.announce(hash, 7_000 + i, false), BOUND_MS);
  let found = 0;
  for (let i = 0; i < LOOKUPS; i++) {
    const hash = hashes[i % TORRENTS] ?? new Uint8Array(20);
    const got = await swarm.clock.until(member(i * 53 + 11).dht.getPeers(hash), BOUND_MS);
    if (got.peers.length > 0) found++;
  }

  swarm.loss = 0.1;
  for (const one of swarm.members) one.dead = (swarm.random(1)[0] ?? 0) < DEAD;
  const dead = swarm.members.filter(({ dead }) => dead).length;
  const firstMs: number[] = [];
  for (let i = 0; firstMs.length < LOOKUPS && i < 8 * LOOKUPS; i++) {
    const asker = member(i * 53 + 11);
    const hash = hashes[i % TORRENTS] ?? new Uint8Array(20);
    const kept = swarm.members.some(
      (one) =>
        !one.dead && one.node.peers.peersOf(hash, 4, false, 1, swarm.clock.monoMs()).length > 0,
    );
    if (asker.dead || !kept) continue;
    const start = swarm.clock.monoMs();
    let first = Number.POSITIVE_INFINITY;
    const progress = ({ peers }: Step): void => {
      if (peers > 0) first = Math.min(first, swarm.clock.monoMs() - start);
    };
    await swarm.clock.until(asker.dht.getPeers(hash, { progress }), BOUND_MS);
    firstMs.push(first);
  }
  swarm.close();
  firstMs.sort((a, b) => a - b);
  // What is not found counts as never.
  const at = (part: number): number =>
    firstMs[Math.floor(firstMs.length * part)] ?? Number.POSITIVE_INFINITY;
  const oursCpuSec = cpuSec() - before;
  const common = { oursCpuSec, peerCpuSec: 0 };
  return [
    {
      ...{ ...common, name: `of ${NODES} nodes`, unit: '% of look-ups that found the peer' },
      ...{ ours: (100 * found) / LOOKUPS, peer: 100, peerName: 'the goal', higherIsBetter: true },
      note: `${LOOKUPS} look-ups for ${TORRENTS} torrents`,
    },
    {
      ...{
        ...common,
        name: 'with half of them dead and 10 % loss',
        unit: 'ms to a first peer, p95',
      },
      ...{ ours: at(0.95), peer: MOST_MS, peerName: 'the limit', higherIsBetter: false },
      note: `simulated time, round trips of 50 ms, ${dead} of ${NODES} dead, ${firstMs.length} look-ups, median ${Math.round(at(0.5))} ms, 99 % ${Math.round(at(0.99))} ms`,
    },
  ];
}

const TABLES = 200;
/** Each with as many as find a place in thirty buckets. */
const TRIES = 2_000;

function memory(family: Family, collect: () => void): Comparison {
  const before = cpuSec();
  const bytesNow = (): number => {
    collect();
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const random = randomOf(7);
  const tables = Array.from(
    { length: TABLES },
    () => new NodeTable(family, random(20), { spread: true }),
  );
  const empty = bytesNow();
  for (const table of tables)
    for (let i = 0; i < TRIES; i++) {
      const address =
        family === 4
          ? ipv4(0x2d000001 + i * 256)
          : ipv6((0x2a00n << 112n) | (BigInt(i) << 64n) | 1n);
      const id = idInBucket(table.own, i % 30, random(20));
      table.answered(id, { address, port: 6_881 }, 50, 1);
    }
  const bytes = bytesNow() - empty;
  const nodes = tables.reduce((sum, { size, spares }) => sum + size + spares, 0);
  return {
    ...{ name: `memory, IPv${family}`, unit: 'bytes a node in a routing table' },
    ...{ ours: bytes / nodes, peer: MOST_BYTES, peerName: 'the limit', higherIsBetter: false },
    ...{ oursCpuSec: cpuSec() - before, peerCpuSec: 0 },
    note: `${Math.round(nodes / TABLES)} nodes in each of ${TABLES} tables, beyond what an empty one has`,
  };
}

export const bench: Bench = {
  name: 'swarm',
  async run() {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    return [memory(4, collect), memory(6, collect), ...(await swarm())];
  },
};
