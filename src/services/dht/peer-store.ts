/** Who announced to us that it has a torrent (BEP 5), for half an hour each, and the samples of BEP 51. */
import { fromHex, toHex } from '../../base/bytes.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { compactEndpoint, readEndpoint } from '../../wire/dht-id.ts';
import { Bloom } from './bloom.ts';
import { ID_BYTES } from './distance.ts';

const KEEP_MS = 30 * 60_000;
const MAX_SWARMS = 2_000;
const MAX_PEERS = 20_000;
const MAX_PEERS_OF_SWARM = 500;
const MAX_SAMPLES = 20;
/** Filters of a scrape are made for whoever asks first, and are the same for everybody for so long. */
const SCRAPED_MS = 60_000;
const MAX_SCRAPED = 256;
/** BEP 51: as long as the same samples are given. */
const SAMPLE_INTERVAL_SEC = 600;

export interface Filters {
  readonly seeds: Uint8Array;
  readonly peers: Uint8Array;
}

interface Announced {
  readonly untilMs: number;
  readonly seed: boolean;
}

export class PeerStore {
  readonly #sha1: (bytes: Uint8Array) => Uint8Array;
  readonly #random: (count: number) => Uint8Array;
  /** By infohash, and in it by compact endpoint, both in hex; the one announced last is the last. */
  readonly #swarms = new Map<string, Map<string, Announced>>();
  #peers = 0;
  /** By infohash, the one made last being the last. */
  readonly #scraped = new Map<string, { readonly madeMs: number; readonly filters: Filters }>();
  #samples: Uint8Array = new Uint8Array(0);
  #sampledMs = Number.NEGATIVE_INFINITY;

  constructor(sha1: (bytes: Uint8Array) => Uint8Array, random: (count: number) => Uint8Array) {
    this.#sha1 = sha1;
    this.#random = random;
  }

  get peers(): number {
    return this.#peers;
  }

  get swarms(): number {
    return this.#swarms.size;
  }

  announce(infoHash: Uint8Array, peer: IpPort, seed: boolean, nowMs: number): void {
    const hash = toHex(infoHash);
    const swarm = this.#swarms.get(hash) ?? new Map<string, Announced>();
    const key = toHex(compactEndpoint(peer));
    if (!swarm.delete(key)) this.#peers++;
    swarm.set(key, { untilMs: nowMs + KEEP_MS, seed });
    if (swarm.size > MAX_PEERS_OF_SWARM) this.#dropFirst(swarm);
    this.#swarms.delete(hash);
    this.#swarms.set(hash, swarm);
    while (this.#swarms.size > MAX_SWARMS || this.#peers > MAX_PEERS) {
      const [oldest, members] = this.#swarms.entries().next().value ?? [];
      if (oldest === undefined || members === undefined) break;
      this.#swarms.delete(oldest);
      this.#peers -= members.size;
    }
  }

  /** Compact peers of one family, at most so many, in an order of chance. */
  peersOf(
    infoHash: Uint8Array,
    family: 4 | 6,
    noSeeds: boolean,
    most: number,
    nowMs: number,
  ): readonly Uint8Array[] {
    const swarm = this.#living(infoHash, nowMs);
    if (swarm === undefined || most < 1) return [];
    const length = family === 4 ? 12 : 36;
    const keys: string[] = [];
    for (const [key, { seed }] of swarm)
      if (key.length === length && !(noSeeds && seed)) keys.push(key);
    const start = keys.length > most ? this.#below(keys.length) : 0;
    return Array.from({ length: Math.min(most, keys.length) }, (_, i) =>
      bytesOf(keys[(start + i) % keys.length] ?? ''),
    );
  }

  /** Undefined for a swarm of which nothing is known; up to a minute old. */
  scrape(infoHash: Uint8Array, nowMs: number): Filters | undefined {
    const swarm = this.#living(infoHash, nowMs);
    if (swarm === undefined) return undefined;
    const hash = toHex(infoHash);
    const before = this.#scraped.get(hash);
    if (before !== undefined && nowMs - before.madeMs < SCRAPED_MS) return before.filters;
    const filters = this.#filtersOf(swarm);
    this.#scraped.delete(hash);
    this.#scraped.set(hash, { madeMs: nowMs, filters });
    const [oldest] = this.#scraped.keys();
    if (this.#scraped.size > MAX_SCRAPED && oldest !== undefined) this.#scraped.delete(oldest);
    return filters;
  }

  /** The same for everybody until the interval is over. */
  samples(nowMs: number): { readonly samples: Uint8Array; readonly intervalSec: number } {
    const intervalMs = SAMPLE_INTERVAL_SEC * 1000;
    if (nowMs - this.#sampledMs >= intervalMs) {
      this.#sampledMs = nowMs;
      const hashes = [...this.#swarms.keys()];
      const start = hashes.length > MAX_SAMPLES ? this.#below(hashes.length) : 0;
      const count = Math.min(MAX_SAMPLES, hashes.length);
      const bytes = new Uint8Array(count * ID_BYTES);
      for (let i = 0; i < count; i++)
        bytes.set(bytesOf(hashes[(start + i) % hashes.length] ?? ''), i * ID_BYTES);
      this.#samples = bytes;
    }
    const left = Math.ceil((this.#sampledMs + intervalMs - nowMs) / 1000);
    return { samples: this.#samples, intervalSec: left };
  }

  /** Forgets what is over: called now and then, so that memory is given back without questions. */
  tidy(nowMs: number): void {
    for (const hash of [...this.#swarms.keys()]) this.#living(bytesOf(hash), nowMs);
    for (const [hash, { madeMs }] of this.#scraped) {
      if (nowMs - madeMs < SCRAPED_MS) break;
      this.#scraped.delete(hash);
    }
  }

  #filtersOf(swarm: ReadonlyMap<string, Announced>): Filters {
    const [seeds, peers] = [new Bloom(this.#sha1), new Bloom(this.#sha1)];
    for (const [key, { seed }] of swarm) {
      const endpoint = readEndpoint(bytesOf(key));
      if (endpoint !== undefined) (seed ? seeds : peers).add(endpoint.address);
    }
    return { seeds: seeds.bytes, peers: peers.bytes };
  }

  #living(infoHash: Uint8Array, nowMs: number): Map<string, Announced> | undefined {
    const hash = toHex(infoHash);
    const swarm = this.#swarms.get(hash);
    if (swarm === undefined) return undefined;
    for (const { untilMs } of swarm.values()) {
      if (untilMs > nowMs) break;
      this.#dropFirst(swarm);
    }
    if (swarm.size > 0) return swarm;
    this.#swarms.delete(hash);
    return undefined;
  }

  #dropFirst(swarm: Map<string, Announced>): void {
    const first = swarm.keys().next().value;
    if (first !== undefined && swarm.delete(first)) this.#peers--;
  }

  #below(limit: number): number {
    const [a = 0, b = 0, c = 0] = this.#random(3);
    return (a * 65_536 + b * 256 + c) % limit;
  }
}

const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array(0);
