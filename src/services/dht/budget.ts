/** What the node may take and send: total, by source, and of other endpoints at a time. */
import type { IpPort } from '../../base/ip-port.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { AnswerCounts } from '../../base/limits.ts';
import type { DhtBudget } from './config.ts';

/** Windows of `AnswerCounts`, in seconds. */
const WINDOW_SEC = 10;
/** Answers leave this part of the budget to our own queries. */
const KEPT = 0.25;
/** As long as the kernel's connection tracking remembers UDP both ways, and some more. */
const FLOW_MS = 180_000;

/** Fills at a rate; holds what it gains in a second. */
class Bucket {
  readonly #perSec: number;
  #level: number;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(perSec: number) {
    this.#perSec = perSec;
    this.#level = perSec;
  }

  /** Whether `amount` is there and leaves `kept` of a whole bucket. */
  has(amount: number, kept: number, nowMs: number): boolean {
    if (nowMs > this.#atMs) {
      const gained = ((nowMs - this.#atMs) * this.#perSec) / 1000;
      this.#level = Math.min(this.#perSec, this.#level + gained);
      this.#atMs = nowMs;
    }
    return this.#level - amount >= kept * this.#perSec;
  }

  take(amount: number): void {
    this.#level -= amount;
  }
}

/** Packets and bytes of one direction. */
class Way {
  readonly #packets: Bucket;
  readonly #bytes: Bucket;

  constructor(packetsPerSec: number, bytesPerSec: number) {
    this.#packets = new Bucket(packetsPerSec);
    this.#bytes = new Bucket(bytesPerSec);
  }

  take(bytes: number, kept: number, nowMs: number): boolean {
    if (!this.#packets.has(1, kept, nowMs) || !this.#bytes.has(bytes, kept, nowMs)) return false;
    this.#packets.take(1);
    this.#bytes.take(bytes);
    return true;
  }
}

/** IPv4, UDP and IPv6 headers are traffic, too. */
const HEADERS4 = 28;
const HEADERS6 = 48;

export class Budget {
  readonly #in: Way;
  readonly #out: Way;
  readonly #address: AnswerCounts;
  readonly #network: AnswerCounts;
  readonly #flowLimit: number;
  /** When each was talked to last, in order. */
  readonly #flows = new Map<string, number>();
  /** Hashes are salted, so that nobody chooses with whom to share a slot. */
  readonly #salt: number;

  constructor(budget: DhtBudget, salt: number) {
    this.#in = new Way(budget.packetsInPerSec, budget.bytesInPerSec);
    this.#out = new Way(budget.packetsOutPerSec, budget.bytesOutPerSec);
    this.#address = new AnswerCounts(budget.perSourcePerSec * WINDOW_SEC);
    this.#network = new AnswerCounts(budget.perSourcePerSec * WINDOW_SEC * 4);
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
    return this.#address.take(one, nowMs) && this.#network.take(many, nowMs);
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

/** Of the address, and of its /24 or /64. */
function hashesOf(address: IpAddress, salt: number): readonly [number, number] {
  if (typeof address === 'number') return [mix(address, salt), mix(address >>> 8, ~salt)];
  const low = Number(address & 0xffffffffn) ^ Number((address >> 32n) & 0xffffffffn);
  const high = Number((address >> 64n) & 0xffffffffn) ^ Math.imul(Number(address >> 96n), 31);
  return [mix(low ^ Math.imul(high, 17), salt), mix(high, ~salt)];
}

function mix(value: number, salt: number): number {
  let hash = Math.imul(value ^ salt, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
