/**
 * The routing table of one family (BEP 5): buckets by the bits shared with our own id, eight nodes
 * in each and as many spares. Only nodes that answered us get in. All of it lies in flat arrays: 38
 * bytes a node for IPv4, 54 for IPv6.
 */
import { ipv4 } from '../../base/ip.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { type IpAddress, ipv6 } from '../../base/ip6.ts';
import { isSecureId } from '../../wire/dht-id.ts';
import type { Family } from './config.ts';
import { compareDistance, headOf, ID_BYTES, K, sameBytes, sharedBits } from './distance.ts';

/** Room is made for so many more at a time. */
const STEP = 64;
const BUCKETS = ID_BYTES * 8;
/** Queries in a row that a node may leave without an answer. */
const FAILS_WITH_SPARE = 2;
const FAILS_ALONE = 5;
const MAX_RTT_MS = 65_535;
/** Of a row but for an IPv6 address: id, head, key, port, time, round trip, bucket, state. */
const FIXED_ROW_BYTES = ID_BYTES + 3 * 4 + 2 * 2 + 2;
const NONE = -1;

export interface TableNode {
  readonly id: Uint8Array;
  readonly endpoint: IpPort;
  readonly rttMs: number;
  readonly seenSec: number;
}

export interface TableRules {
  /** One node an address and one of each /24 (/64) a bucket; not in a private network, where all are neighbours. */
  readonly spread: boolean;
}

export class NodeTable {
  readonly family: Family;
  readonly #rules: TableRules;
  /** What native code reads besides the rows (native/dht/board.h): how many, our id, nodes and spares of each bucket. */
  readonly #head = new Uint8Array(4 + ID_BYTES + 2 * BUCKETS);
  readonly #counted = new Uint32Array(this.#head.buffer, 0, 1);
  readonly #own = this.#head.subarray(4, 4 + ID_BYTES);
  /** All columns, one behind the other, widest first. */
  #rows = new Uint8Array(0);
  #moved: (() => void) | undefined;
  #capacity = 0;
  #ids = new Uint8Array(0);
  /** First four bytes of each id again: most comparisons end there. */
  #heads = new Uint32Array(0);
  /** The IPv4 address, or the lower bits of the IPv6 address. */
  #keys = new Uint32Array(0);
  #wide = new BigUint64Array(0);
  #ports = new Uint16Array(0);
  #seenSec = new Uint32Array(0);
  #rttMs = new Uint16Array(0);
  #bucket = new Uint8Array(0);
  /** Queries in a row without an answer; bit 7: a spare. */
  #state = new Uint8Array(0);
  readonly #inBucket = this.#head.subarray(4 + ID_BYTES, 4 + ID_BYTES + BUCKETS);
  readonly #sparesIn = this.#head.subarray(4 + ID_BYTES + BUCKETS);
  /** Of each bucket: when something in it last answered. */
  readonly #changedSec = new Uint32Array(BUCKETS);
  readonly #best = new Int32Array(K * 4);
  readonly #bestHead = new Uint32Array(K * 4);

  constructor(family: Family, own: Uint8Array, rules: TableRules) {
    this.family = family;
    this.#own.set(own);
    this.#rules = rules;
    this.#grow();
  }

  /** A view that is changed by `rename`. */
  get own(): Uint8Array {
    return this.#own;
  }

  /** What it consists of; `moved` is called when the rows are elsewhere. */
  share(moved: () => void): void {
    this.#moved = moved;
  }

  get memory(): { readonly head: Uint8Array; readonly rows: Uint8Array } {
    return { head: this.#head, rows: this.#rows };
  }

  get #count(): number {
    return this.#counted[0] ?? 0;
  }

  set #count(count: number) {
    this.#counted[0] = count;
  }

  get size(): number {
    return this.#inBucket.reduce((sum, count) => sum + count, 0);
  }

  get spares(): number {
    return this.#count - this.size;
  }

  get buckets(): number {
    return this.#inBucket.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  }

  /** Bytes that grow with the nodes. */
  get bytes(): number {
    return this.#rows.byteLength;
  }

  /** Deepest bucket that holds a node, 0 when none does. */
  get depth(): number {
    for (let bucket = BUCKETS - 1; bucket > 0; bucket--)
      if ((this.#inBucket[bucket] ?? 0) > 0) return bucket;
    return 0;
  }

  bucketOf(id: Uint8Array): number {
    return Math.min(BUCKETS - 1, sharedBits(this.#own, id));
  }

  /** Seconds at which the bucket last heard of one of its nodes, 0 for never. */
  changedSec(bucket: number): number {
    return this.#changedSec[bucket] ?? 0;
  }

  /** Says that somebody looks for ids of this bucket now. */
  touch(bucket: number, nowSec: number): void {
    this.#changedSec[bucket] = nowSec;
  }

  /** Whether a node of this id would find a place, were it to answer. */
  wants(id: Uint8Array, { address, port }: IpPort): boolean {
    if (sameBytes(id, this.#own)) return false;
    if (this.#find(address, port) !== NONE) return false;
    const bucket = this.bucketOf(id);
    return (this.#inBucket[bucket] ?? 0) < K || (this.#sparesIn[bucket] ?? 0) < K / 2;
  }

  /** Whether somebody at this address answered us, and is in here. */
  knows({ address, port }: IpPort): boolean {
    return this.#find(address, port) !== NONE;
  }

  /** A node answered: it is in, or is seen again. False when there is no place for it. */
  answered(id: Uint8Array, endpoint: IpPort, rttMs: number, nowSec: number): boolean {
    if (sameBytes(id, this.#own)) return false;
    const { address, port } = endpoint;
    const at = this.#find(address, port);
    if (at !== NONE) {
      if (this.#sameId(at, id)) {
        this.#refresh(at, rttMs, nowSec);
        return true;
      }
      // It was started anew, or is another: what stood here is gone.
      this.#remove(at);
    }
    const bucket = this.bucketOf(id);
    if (this.#rules.spread && this.#crowded(address, bucket)) return false;
    if (this.#hasId(id, bucket)) return false;
    if ((this.#inBucket[bucket] ?? 0) >= K) {
      const weak = this.#weakest(bucket, isSecureId(id, address));
      if (weak === NONE) return this.#addSpare(id, endpoint, bucket, rttMs, nowSec);
      this.#remove(weak);
    }
    this.#add(id, endpoint, bucket, false, rttMs, nowSec);
    return true;
  }

  /** A node did not answer. */
  failed({ address, port }: IpPort): void {
    const at = this.#find(address, port);
    if (at === NONE) return;
    const state = this.#state[at] ?? 0;
    const fails = (state & 127) + 1;
    const bucket = this.#bucket[at] ?? 0;
    if (state >= 128) {
      this.#remove(at);
      return;
    }
    this.#state[at] = Math.min(127, fails);
    const spare = fails >= FAILS_WITH_SPARE ? this.#newestSpare(bucket) : NONE;
    if (spare === NONE) {
      if (fails >= FAILS_ALONE) this.#remove(at);
      return;
    }
    this.#state[spare] = 0;
    this.#sparesIn[bucket] = (this.#sparesIn[bucket] ?? 0) - 1;
    this.#inBucket[bucket] = (this.#inBucket[bucket] ?? 0) + 1;
    this.#remove(at);
  }

  /** Up to `most` of the nodes closest to `target`, the closest first; those that just failed are left out. */
  closest(target: Uint8Array, most: number = K): readonly TableNode[] {
    const found = this.#nearest(target, most);
    return Array.from({ length: found }, (_, i) => this.#node(this.#best[i] ?? 0));
  }

  /** The same in compact form (26 or 38 bytes each). */
  compact(target: Uint8Array, most: number = K): Uint8Array {
    const found = this.#nearest(target, most);
    const address = this.family === 4 ? 4 : 16;
    const record = ID_BYTES + address + 2;
    const out = new Uint8Array(found * record);
    for (let i = 0; i < found; i++) this.#write(this.#best[i] ?? 0, out, i * record);
    return out;
  }

  /** All but the spares, in compact form. */
  compactAll(most: number): Uint8Array {
    const record = ID_BYTES + (this.family === 4 ? 6 : 18);
    const out = new Uint8Array(Math.min(most, this.size) * record);
    let end = 0;
    for (let at = 0; at < this.#count && end < out.length; at++) {
      if ((this.#state[at] ?? 0) >= 128) continue;
      this.#write(at, out, end);
      end += record;
    }
    return out;
  }

  /** A node that just failed, or the one not heard of for the longest time if that is before `beforeSec`. */
  questionable(beforeSec: number): TableNode | undefined {
    let oldest = NONE;
    for (let at = 0; at < this.#count; at++) {
      const state = this.#state[at] ?? 0;
      if (state > 0 && state < 128) return this.#node(at);
      if (state >= 128 || (this.#seenSec[at] ?? 0) >= beforeSec) continue;
      if (oldest === NONE || (this.#seenSec[at] ?? 0) < (this.#seenSec[oldest] ?? 0)) oldest = at;
    }
    return oldest === NONE ? undefined : this.#node(oldest);
  }

  /** All but the spares. */
  *nodes(): IterableIterator<TableNode> {
    for (let at = 0; at < this.#count; at++) if ((this.#state[at] ?? 0) < 128) yield this.#node(at);
  }

  /** Another id of our own: every node goes to the bucket that it now belongs to, as far as there is room. */
  rename(own: Uint8Array): void {
    const all = [...this.nodes()];
    this.#own.set(own);
    this.#count = 0;
    this.#inBucket.fill(0);
    this.#sparesIn.fill(0);
    this.#changedSec.fill(0);
    for (const { id, endpoint, rttMs, seenSec } of all) this.answered(id, endpoint, rttMs, seenSec);
  }

  #nearest(target: Uint8Array, most: number): number {
    const head = headOf(target);
    const [best, bestHead, state, heads] = [this.#best, this.#bestHead, this.#state, this.#heads];
    const limit = Math.min(most, best.length);
    let found = 0;
    for (let at = 0; at < this.#count; at++) {
      if (state[at] !== 0) continue;
      const distance = ((heads[at] ?? 0) ^ head) >>> 0;
      if (found === limit && distance > (bestHead[found - 1] ?? 0)) continue;
      let place = found;
      while (place > 0) {
        const before = bestHead[place - 1] ?? 0;
        if (before < distance) break;
        if (before === distance && this.#compare(target, best[place - 1] ?? 0, at) <= 0) break;
        place--;
      }
      if (place >= limit) continue;
      const end = found < limit ? found++ : found - 1;
      for (let i = end; i > place; i--) {
        best[i] = best[i - 1] ?? 0;
        bestHead[i] = bestHead[i - 1] ?? 0;
      }
      best[place] = at;
      bestHead[place] = distance;
    }
    return found;
  }

  #compare(target: Uint8Array, a: number, b: number): number {
    return compareDistance(target, this.#id(a), this.#id(b));
  }

  #id(at: number): Uint8Array {
    return this.#ids.subarray(at * ID_BYTES, (at + 1) * ID_BYTES);
  }

  #node(at: number): TableNode {
    return {
      id: this.#id(at).slice(),
      endpoint: { address: this.#address(at), port: this.#ports[at] ?? 0 },
      rttMs: this.#rttMs[at] ?? 0,
      seenSec: this.#seenSec[at] ?? 0,
    };
  }

  #address(at: number): IpAddress {
    if (this.family === 4) return ipv4(this.#keys[at] ?? 0);
    return ipv6(((this.#wide[2 * at] ?? 0n) << 64n) | (this.#wide[2 * at + 1] ?? 0n));
  }

  #write(at: number, out: Uint8Array, offset: number): void {
    const id = at * ID_BYTES;
    for (let i = 0; i < ID_BYTES; i++) out[offset + i] = this.#ids[id + i] ?? 0;
    let end = offset + ID_BYTES;
    if (this.family === 4) {
      const key = this.#keys[at] ?? 0;
      for (let shift = 24; shift >= 0; shift -= 8) out[end++] = key >>> shift;
    } else {
      const view = new DataView(out.buffer, end, 16);
      view.setBigUint64(0, this.#wide[2 * at] ?? 0n);
      view.setBigUint64(8, this.#wide[2 * at + 1] ?? 0n);
      end += 16;
    }
    out[end] = (this.#ports[at] ?? 0) >>> 8;
    out[end + 1] = this.#ports[at] ?? 0;
  }

  #find(address: IpAddress, port: number): number {
    const key = keyOf(address);
    const keys = this.#keys;
    for (let at = 0; at < this.#count; at++) {
      if (keys[at] !== key || this.#ports[at] !== port) continue;
      if (typeof address === 'number' || this.#address(at) === address) return at;
    }
    return NONE;
  }

  #sameId(at: number, id: Uint8Array): boolean {
    return sameBytes(this.#id(at), id);
  }

  #hasId(id: Uint8Array, bucket: number): boolean {
    for (let at = 0; at < this.#count; at++)
      if (this.#bucket[at] === bucket && this.#sameId(at, id)) return true;
    return false;
  }

  /** Somebody of the same address is in the table, or of the same network in the bucket. */
  #crowded(address: IpAddress, bucket: number): boolean {
    for (let at = 0; at < this.#count; at++) {
      const other = this.#address(at);
      if (other === address) return true;
      if (this.#bucket[at] === bucket && sameNetwork(other, address)) return true;
    }
    return false;
  }

  /** One that failed, or one whose id is not of its address where the new one's is. */
  #weakest(bucket: number, secure: boolean): number {
    let weak = NONE;
    let most = 0;
    for (let at = 0; at < this.#count; at++) {
      const state = this.#state[at] ?? 0;
      if (this.#bucket[at] !== bucket || state >= 128) continue;
      if (state > most) [weak, most] = [at, state];
      else if (weak === NONE && secure && !isSecureId(this.#id(at), this.#address(at))) weak = at;
    }
    return weak;
  }

  #newestSpare(bucket: number): number {
    let newest = NONE;
    for (let at = 0; at < this.#count; at++) {
      if (this.#bucket[at] !== bucket || (this.#state[at] ?? 0) < 128) continue;
      if (newest === NONE || (this.#seenSec[at] ?? 0) > (this.#seenSec[newest] ?? 0)) newest = at;
    }
    return newest;
  }

  #addSpare(
    ...[id, endpoint, bucket, rttMs, nowSec]: [Uint8Array, IpPort, number, number, number]
  ): boolean {
    if ((this.#sparesIn[bucket] ?? 0) >= K) {
      let oldest = NONE;
      for (let at = 0; at < this.#count; at++) {
        if (this.#bucket[at] !== bucket || (this.#state[at] ?? 0) < 128) continue;
        if (oldest === NONE || (this.#seenSec[at] ?? 0) < (this.#seenSec[oldest] ?? 0)) oldest = at;
      }
      this.#remove(oldest);
    }
    this.#add(id, endpoint, bucket, true, rttMs, nowSec);
    return false;
  }

  #add(
    id: Uint8Array,
    { address, port }: IpPort,
    ...[bucket, spare, rttMs, nowSec]: [number, boolean, number, number]
  ): void {
    if (this.#count === this.#capacity) this.#grow();
    const at = this.#count++;
    this.#ids.set(id, at * ID_BYTES);
    this.#heads[at] = headOf(id);
    this.#keys[at] = keyOf(address);
    if (typeof address === 'bigint') {
      this.#wide[2 * at] = address >> 64n;
      this.#wide[2 * at + 1] = BigInt.asUintN(64, address);
    }
    this.#ports[at] = port;
    this.#bucket[at] = bucket;
    this.#state[at] = spare ? 128 : 0;
    const counts = spare ? this.#sparesIn : this.#inBucket;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.#rttMs[at] = Math.min(MAX_RTT_MS, rttMs);
    this.#seenSec[at] = nowSec;
    this.#changedSec[bucket] = nowSec;
  }

  #refresh(at: number, rttMs: number, nowSec: number): void {
    const state = this.#state[at] ?? 0;
    this.#state[at] = state & 128;
    const before = this.#rttMs[at] ?? 0;
    this.#rttMs[at] = Math.min(MAX_RTT_MS, Math.round(before + (rttMs - before) / 4));
    this.#seenSec[at] = nowSec;
    this.#changedSec[this.#bucket[at] ?? 0] = nowSec;
  }

  /** The last takes its place. */
  #remove(at: number): void {
    const bucket = this.#bucket[at] ?? 0;
    const counts = (this.#state[at] ?? 0) >= 128 ? this.#sparesIn : this.#inBucket;
    counts[bucket] = (counts[bucket] ?? 0) - 1;
    const last = --this.#count;
    if (at === last) return;
    this.#ids.copyWithin(at * ID_BYTES, last * ID_BYTES, (last + 1) * ID_BYTES);
    if (this.family === 6) this.#wide.copyWithin(2 * at, 2 * last, 2 * last + 2);
    for (const array of [this.#heads, this.#keys, this.#ports, this.#seenSec, this.#rttMs])
      array[at] = array[last] ?? 0;
    this.#bucket[at] = this.#bucket[last] ?? 0;
    this.#state[at] = this.#state[last] ?? 0;
  }

  #grow(): void {
    const before = this.#capacity;
    const capacity = before + STEP;
    const wide = this.family === 6 ? 16 : 0;
    const rows = new Uint8Array(capacity * (wide + FIXED_ROW_BYTES));
    let end = 0;
    /** The next column, with what stood in it. */
    const next = <T extends Uint8Array | Uint16Array | Uint32Array | BigUint64Array>(
      old: T,
      bytes: number,
      view: (at: number, count: number) => T,
    ): T => {
      const made = view(end, (capacity * bytes) / old.BYTES_PER_ELEMENT);
      made.set(old as never);
      end += capacity * bytes;
      return made;
    };
    const { buffer } = rows;
    const words = (old: Uint32Array<ArrayBuffer>) =>
      next(old, 4, (at, count) => new Uint32Array(buffer, at, count));
    const shorts = (old: Uint16Array<ArrayBuffer>) =>
      next(old, 2, (at, count) => new Uint16Array(buffer, at, count));
    const bytes = (old: Uint8Array<ArrayBuffer>, each: number) =>
      next(old, each, (at, count) => new Uint8Array(buffer, at, count));
    this.#wide = next(this.#wide, wide, (at, count) => new BigUint64Array(buffer, at, count));
    this.#heads = words(this.#heads);
    this.#keys = words(this.#keys);
    this.#seenSec = words(this.#seenSec);
    this.#ids = bytes(this.#ids, ID_BYTES);
    this.#ports = shorts(this.#ports);
    this.#rttMs = shorts(this.#rttMs);
    this.#bucket = bytes(this.#bucket, 1);
    this.#state = bytes(this.#state, 1);
    this.#capacity = capacity;
    this.#rows = rows;
    this.#moved?.();
  }
}

const keyOf = (address: IpAddress): number =>
  typeof address === 'number' ? address : Number(BigInt.asUintN(32, address ^ (address >> 48n)));

const sameNetwork = (a: IpAddress, b: IpAddress): boolean =>
  typeof a === 'number' && typeof b === 'number'
    ? a >>> 8 === b >>> 8
    : typeof a === 'bigint' && typeof b === 'bigint' && a >> 64n === b >> 64n;
