/** What the node may take and send: total, by source, and of other endpoints at a time. */
import type { IpPort } from '../../base/ip-port.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { AnswerCounts, BUCKET_NUMBERS, TokenBucket } from '../../base/limits.ts';
import { hashesOf } from './address-hash.ts';
import type { DhtBudget } from './config.ts';

/** Windows of `AnswerCounts`, in seconds. */
const WINDOW_SEC = 10;
/** Answers leave this part of the budget to our own queries. */
const KEPT = 0.25;
/** As long as the kernel's connection tracking remembers UDP both ways, and some more. */
const FLOW_MS = 180_000;

/** Packets and bytes of one direction. */
class Way {
  readonly #packets: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(packetsPerSec: number, bytesPerSec: number, memory: Float64Array) {
    const [packets, bytes] = [memory.subarray(0, BUCKET_NUMBERS), memory.subarray(BUCKET_NUMBERS)];
    this.#packets = new TokenBucket(packetsPerSec, packetsPerSec, packets);
    this.#bytes = new TokenBucket(bytesPerSec, bytesPerSec, bytes);
  }

  take(bytes: number, kept: number, nowMs: number): boolean {
    if (!this.#packets.has(1, kept, nowMs) || !this.#bytes.has(bytes, kept, nowMs)) return false;
    this.#packets.spend(1);
    this.#bytes.spend(bytes);
    return true;
  }
}

/** IPv4, UDP and IPv6 headers are traffic, too. */
const HEADERS4 = 28;
const HEADERS6 = 48;

export class Budget {
  /** Of the way in and the way out: packets, then bytes. */
  readonly memory = new Float64Array(4 * BUCKET_NUMBERS);
  /** Queries by address, and by network. */
  readonly address: AnswerCounts;
  readonly network: AnswerCounts;
  readonly #in: Way;
  readonly #out: Way;
  readonly #flowLimit: number;
  /** When each was talked to last, in order. */
  readonly #flows = new Map<string, number>();
  /** Hashes are salted, so that nobody chooses with whom to share a slot. */
  readonly #salt: number;

  constructor(budget: DhtBudget, salt: number) {
    const half = 2 * BUCKET_NUMBERS;
    const [into, out] = [this.memory.subarray(0, half), this.memory.subarray(half)];
    this.#in = new Way(budget.packetsInPerSec, budget.bytesInPerSec, into);
    this.#out = new Way(budget.packetsOutPerSec, budget.bytesOutPerSec, out);
    this.address = new AnswerCounts(budget.perSourcePerSec * WINDOW_SEC);
    this.network = new AnswerCounts(budget.perSourcePerSec * WINDOW_SEC * 4);
    this.#flowLimit = budget.flows;
    this.#salt = salt;
  }

  mayReceive(from: IpPort, bytes: number, nowMs: number): boolean {
    return this.#in.take(sizeOf(from, bytes), 0, nowMs);
  }

  /** An answer leaves room for `own` queries. */
  maySend(to: IpPort, bytes: number, own: boolean, nowMs: number): boolean {
    return this.#out.take(sizeOf(to, bytes), own ? 0 : KEPT, nowMs);
  }

  /** One more query of this address, and of its neighbours. */
  mayAnswer(address: IpAddress, nowMs: number): boolean {
    const [one, many] = hashesOf(address, this.#salt);
    return this.address.take(one, nowMs) && this.network.take(many, nowMs);
  }

  /** Endpoints talked to within three minutes. */
  flows(nowMs: number): number {
    this.#forget(nowMs);
    return this.#flows.size;
  }

  /** Whether a query to it would stay within the flows; if so it counts as one. */
  mayReach(key: string, nowMs: number): boolean {
    this.#forget(nowMs);
    if (!this.#flows.delete(key) && this.#flows.size >= this.#flowLimit) return false;
    this.#flows.set(key, nowMs);
    return true;
  }

  #forget(nowMs: number): void {
    for (const [key, atMs] of this.#flows) {
      if (nowMs - atMs < FLOW_MS) return;
      this.#flows.delete(key);
    }
  }
}

const sizeOf = ({ address }: IpPort, bytes: number): number =>
  bytes + (typeof address === 'number' ? HEADERS4 : HEADERS6);
