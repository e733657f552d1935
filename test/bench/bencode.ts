/** Bencode beside npm's: the same messages, decoded to whole values and encoded from them, in turns. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import npm from 'bencode';
import { BencodeDocument, type BencodeValue, TORRENT_LIMITS } from '../../src/wire/bencode.ts';
import { type Bencodable, encodeBencode } from '../../src/wire/bencode-writer.ts';
import { median } from '../lib/median.ts';
import type { Bench, Comparison } from './run.ts';

const ROUNDS = 7;
const ROUND_MS = 120;

const filled = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31) & 0xff);

/** Four shapes: what a node is asked, what it says, a long list of peers, and a torrent of 2 MB. */
const shapes: Readonly<Record<string, Bencodable>> = {
  query: {
    a: { id: filled(20), target: filled(20, 2) },
    q: 'find_node',
    t: filled(2),
    v: filled(4),
    y: 'q',
  },
  reply: {
    r: {
      id: filled(20),
      nodes: filled(208),
      token: filled(8),
      values: Array.from({ length: 50 }, (_, i) => filled(6, i)),
    },
    t: filled(2),
    y: 'r',
  },
  'peers list': {
    r: { id: filled(20), values: Array.from({ length: 1000 }, (_, i) => filled(6, i)) },
    t: filled(2),
    y: 'r',
  },
  'torrent of 2 MB': {
    announce: 'http://tracker.example/announce',
    info: {
      files: Array.from({ length: 2000 }, (_, i) => ({
        length: i * 1000,
        path: ['folder', `file number ${i}`],
      })),
      name: 'example',
      'piece length': 1 << 18,
      pieces: filled(2_000_000 - (2_000_000 % 20)),
    },
  },
};

/** Runs a second. */
function rate(work: () => unknown): { perSec: number; cpuSec: number } {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let runs = 0;
  let ms = 0;
  for (let batch = 1; ms < ROUND_MS; batch = Math.min(batch * 2, 1024)) {
    for (let i = 0; i < batch; i++) work();
    runs += batch;
    ms = performance.now() - start;
  }
  const { user, system } = process.cpuUsage(cpu);
  return { perSec: (runs * 1000) / ms, cpuSec: (user + system) / 1e6 };
}

function compare(name: string, ours: () => unknown, peer: () => unknown): Comparison {
  const rounds = { ours: [] as number[], peer: [] as number[] };
  const cpu = { ours: 0, peer: 0 };
  for (let i = 0; i < ROUNDS; i++)
    for (const [who, work] of [
      ['ours', ours],
      ['peer', peer],
    ] as const) {
      const { perSec, cpuSec } = rate(work);
      rounds[who].push(perSec / 1000);
      cpu[who] += cpuSec;
    }
  return {
    name,
    ours: median(rounds.ours),
    peer: median(rounds.peer),
    unit: 'k messages/s',
    peerName: `bencode ${version}`,
    higherIsBetter: true,
    oursCpuSec: cpu.ours,
    peerCpuSec: cpu.peer,
  };
}

const { version } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../node_modules/bencode/package.json'), 'utf8'),
) as { version: string };

export const bench: Bench = {
  name: 'bencode',
  async run() {
    return Object.entries(shapes).flatMap(([name, value]) => {
      const bytes = encodeBencode(value);
      const document = new BencodeDocument(TORRENT_LIMITS);
      const decode = (): BencodeValue => {
        document.load(bytes);
        return document.value() ?? 0;
      };
      const ours = decode();
      const theirs = npm.decode(bytes);
      const size = `${name} (${bytes.length.toLocaleString('en')} B)`;
      return [
        compare(`decode ${size}`, decode, () => npm.decode(bytes)),
        compare(
          `encode ${size}`,
          () => encodeBencode(ours),
          () => npm.encode(theirs),
        ),
      ];
    });
  },
};
