/**
 * The addresses of one pool and which of them may be given out. Every question is answered in
 * constant time: the free ones stand in doubly linked lists over typed arrays.
 */
import { type Ipv4, ipv4 } from '../../base/ip.ts';

/** Never given out; given back or run out; looked over after a reboot with a doubtful clock. */
export type FreeKind = 'fresh' | 'used' | 'held';

/** The order in which they are chosen. */
const KINDS: readonly FreeKind[] = ['fresh', 'used', 'held'];
const TAKEN = 3;
const OUT = 4;
/** More than a LAN can hold (a /12): of a larger pool the first so many are given out. */
const MAX_SIZE = 1 << 20;
/** How far from its own place a client is put when that is taken. */
const NEAR = 8;

export class AddressSpace {
  readonly first: Ipv4;
  readonly size: number;
  /** Addresses that ever could be given out: without those that were left out. */
  usable: number;
  readonly #state: Uint8Array;
  /** Behind the addresses stands one head for each kind; a list ends where it begins. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #free = 0;

  /** All of `first` to `last`, both inclusive, fresh. */
  constructor(first: Ipv4, last: Ipv4) {
    this.first = first;
    this.size = Math.max(0, Math.min(MAX_SIZE, last - first + 1));
    this.usable = this.size;
    this.#state = new Uint8Array(this.size).fill(TAKEN);
    this.#next = new Int32Array(this.size + KINDS.length);
    this.#previous = new Int32Array(this.size + KINDS.length);
    for (let kind = 0; kind < KINDS.length; kind++) {
      this.#next[this.size + kind] = this.size + kind;
      this.#previous[this.size + kind] = this.size + kind;
    }
    for (let i = 0; i < this.size; i++) this.#link(i, 0);
  }

  /** Addresses that nobody has. */
  get free(): number {
    return this.#free;
  }

  /** It belongs to the pool and may be given out, now or another time. */
  has(address: Ipv4): boolean {
    const i = address - this.first;
    return i >= 0 && i < this.size && this.#state[i] !== OUT;
  }

  isFree(address: Ipv4): boolean {
    return (this.#state[address - this.first] ?? TAKEN) < TAKEN;
  }

  /** Kept for its former client as long as another is free. */
  isHeld(address: Ipv4): boolean {
    return this.#state[address - this.first] === KINDS.indexOf('held');
  }

  /** Never to be given out: reserved, somebody's static one, the server's own. */
  leaveOut(address: Ipv4): void {
    const i = address - this.first;
    if (!this.has(address)) return;
    this.#unlink(i);
    this.#state[i] = OUT;
    this.usable--;
  }

  /** Somebody has it, or is about to. Other addresses than the pool's are no matter. */
  take(address: Ipv4): void {
    const i = address - this.first;
    if (!this.has(address)) return;
    this.#unlink(i);
    this.#state[i] = TAKEN;
  }

  /** Nobody has it any more; it goes to the end of its list. */
  giveBack(address: Ipv4, kind: FreeKind): void {
    const i = address - this.first;
    if (!this.has(address)) return;
    this.#unlink(i);
    this.#link(i, KINDS.indexOf(kind));
  }

  /**
   * The address for a client nobody knows: the one that its hash points at, so that it is the same
   * again after everything was lost, or one beside it, if it is fresh; else any fresh one; else
   * the one that was free for longest. Undefined when none is left.
   */
  choose(hash: number): Ipv4 | undefined {
    if (this.#free === 0) return undefined;
    const at = hash % this.size;
    for (let i = at; i < at + NEAR && i < this.size; i++) {
      if (this.#state[i] === 0) return ipv4(this.first + i);
    }
    for (let head = this.size; head < this.size + KINDS.length; head++) {
      const i = this.#next[head] ?? head;
      if (i !== head) return ipv4(this.first + i);
    }
    return undefined;
  }

  #link(i: number, kind: number): void {
    const head = this.size + kind;
    const last = this.#previous[head] ?? head;
    this.#next[last] = i;
    this.#previous[i] = last;
    this.#next[i] = head;
    this.#previous[head] = i;
    this.#state[i] = kind;
    this.#free++;
  }

  #unlink(i: number): void {
    if ((this.#state[i] ?? TAKEN) >= TAKEN) return;
    const [next, previous] = [this.#next[i] ?? 0, this.#previous[i] ?? 0];
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#free--;
  }
}
