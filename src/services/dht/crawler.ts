/**
 * Goes through the DHT by BEP 51 and keeps the infohashes that it is told. Off by default; it works
 * within hours of the day and a rate of its own, and a node is asked again only after the interval
 * that it named.
 */
import { toHex } from '../../base/bytes.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import type { CrawlerConfig, CrawlerObserved } from './config.ts';
import { ID_BYTES } from './distance.ts';
import type { DhtNode } from './node.ts';
import type { DhtOperations } from './operations.ts';

export interface CrawlerDeps {
  readonly node: DhtNode;
  readonly operations: DhtOperations;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly config: CrawlerConfig;
}

const DAY_MIN = 24 * 60;
/** A second look at the clock while it is not its time. */
const IDLE_MS = 30_000;
const MAX_KNOWN = 5_000;
/** BEP 51: nobody says more than six hours; who says nothing is left alone as long. */
const MAX_INTERVAL_SEC = 6 * 60 * 60;
const MIN_INTERVAL_SEC = 60;
/** Queries that may wait for an answer. */
const MAX_OPEN = 32;

export class Crawler {
  readonly #deps: CrawlerDeps;
  /** To be asked, by endpoint; the one found last is the last. */
  readonly #next = new Map<string, IpPort>();
  /** When who was asked may be asked again. */
  readonly #againMs = new Map<string, number>();
  /** Infohashes in hex with the time at which they were told last. */
  readonly #hashes = new Map<string, number>();
  #timer: Timer | undefined;
  #open = 0;
  #asked = 0;
  #stopped = false;

  constructor(deps: CrawlerDeps) {
    this.#deps = deps;
  }

  get observed(): CrawlerObserved {
    return {
      enabled: this.#deps.config.enable,
      running: !this.#stopped && this.#isTime(),
      hashes: this.#hashes.size,
      nodesAsked: this.#asked,
      nodesKnown: this.#next.size + this.#againMs.size,
    };
  }

  /** The newest first. */
  hashes(most: number): readonly { readonly infoHash: string; readonly seenMs: number }[] {
    return [...this.#hashes]
      .slice(-most)
      .reverse()
      .map(([infoHash, seenMs]) => ({ infoHash, seenMs }));
  }

  start(): void {
    if (this.#deps.config.enable) this.#arm(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #isTime(): boolean {
    const { enable, startMin, lengthMin } = this.#deps.config;
    const nowMin = Math.floor(this.#deps.clock.wallMs() / 60_000) % DAY_MIN;
    return enable && (nowMin - startMin + DAY_MIN) % DAY_MIN < lengthMin;
  }

  #arm(ms: number): void {
    this.#timer = this.#deps.clock.after(ms, () => this.#step());
  }

  /** One node a turn, as many turns a second as the rate allows. */
  #step(): void {
    if (this.#stopped) return;
    if (!this.#isTime()) {
      this.#arm(IDLE_MS);
      return;
    }
    if (this.#open < MAX_OPEN) this.#askOne();
    this.#arm(1000 / this.#deps.config.packetsPerSec);
  }

  #askOne(): void {
    const { node, operations, clock, random } = this.#deps;
    const target = random(ID_BYTES);
    if (this.#next.size === 0)
      for (const table of Object.values(node.tables))
        for (const { endpoint } of table.closest(target)) this.#found(endpoint);
    const [key, endpoint] = this.#next.entries().next().value ?? [];
    if (key === undefined || endpoint === undefined) return;
    this.#next.delete(key);
    this.#remember(key, MAX_INTERVAL_SEC);
    this.#open++;
    this.#asked++;
    void operations.sample(endpoint, target).then((sampled) => {
      this.#open--;
      if (sampled === undefined) return;
      this.#remember(key, Math.max(MIN_INTERVAL_SEC, sampled.intervalSec));
      for (const hash of sampled.hashes) this.#keep(toHex(hash), clock.wallMs());
      for (const named of sampled.nodes) this.#found(named.endpoint);
    });
  }

  #found(endpoint: IpPort): void {
    const key = formatIpPort(endpoint);
    const againMs = this.#againMs.get(key);
    if (againMs !== undefined && againMs > this.#deps.clock.monoMs()) return;
    if (this.#next.has(key) || this.#next.size >= MAX_KNOWN) return;
    this.#next.set(key, endpoint);
  }

  #remember(key: string, intervalSec: number): void {
    this.#againMs.delete(key);
    this.#againMs.set(key, this.#deps.clock.monoMs() + intervalSec * 1000);
    dropFirst(this.#againMs, MAX_KNOWN);
  }

  #keep(hash: string, nowMs: number): void {
    this.#hashes.delete(hash);
    this.#hashes.set(hash, nowMs);
    dropFirst(this.#hashes, this.#deps.config.maxHashes);
  }
}

function dropFirst(map: Map<string, unknown>, most: number): void {
  const [first] = map.keys();
  if (map.size > most && first !== undefined) map.delete(first);
}
