/** A DHT swarm in one process: an event heap as the clock, and a network with round trips, loss and dead nodes. */
import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../../src/base/clock.ts';
import { ipv4 } from '../../src/base/ip.ts';
import { formatIpPort, type IpPort } from '../../src/base/ip-port.ts';
import { ipv6 } from '../../src/base/ip6.ts';
import { ed25519 } from '../../src/os/linux/ed25519.ts';
import { AddressPolicy } from '../../src/services/dht/address-policy.ts';
import type { DhtBudget, Family } from '../../src/services/dht/config.ts';
import { type DhtCrypto, DhtNode } from '../../src/services/dht/node.ts';
import { DhtOperations } from '../../src/services/dht/operations.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Events by time in a binary heap: a thousand nodes have thousands of timers. */
class HeapClock implements Clock {
  #nowMs = 1_000_000;
  #order = 0;
  readonly #heap: Event[] = [];

  monoMs(): number {
    return this.#nowMs;
  }

  boottimeMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    if (delayMs !== Infinity) this.#push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Fires all that falls due within `ms`; gives promises their turn now and then. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (
      let first = this.#heap[0];
      first !== undefined && first.atMs <= end;
      first = this.#heap[0]
    ) {
      this.#pop();
      this.#nowMs = first.atMs;
      first.run?.();
      await undefined;
    }
    this.#nowMs = end;
    await new Promise(setImmediate);
  }

  /** Until the promise is settled, at most `boundMs`. */
  async until<T>(promise: Promise<T>, boundMs: number): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    const end = this.#nowMs + boundMs;
    while (!settled && this.#nowMs < end) {
      await undefined;
      await undefined;
      const first = this.#heap[0];
      if (first === undefined) await new Promise(setImmediate);
      await this.#step(end);
    }
    if (!settled) throw new RangeError(`not settled within ${boundMs} ms of simulated time`);
    return promise;
  }

  async #step(end: number): Promise<void> {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > end) {
      this.#nowMs = end;
      await new Promise(setImmediate);
      return;
    }
    this.#pop();
    this.#nowMs = first.atMs;
    if (first.run === undefined) return;
    first.run();
    for (let i = 0; i < 4; i++) await undefined;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event))
        child++;
      if (!before(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

const before = (a: Event, b: Event): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** Bytes of a xorshift generator: the same seed, the same swarm. */
export function randomOf(seed: number): (count: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  return (count) => {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes[i] = (state >>> 0) >>> 24;
    }
    return bytes;
  };
}

export const crypto: DhtCrypto = {
  sha1: (bytes) => createHash('sha1').update(bytes).digest(),
  ...ed25519,
};

const GENEROUS: DhtBudget = {
  ...{ packetsInPerSec: 1e6, packetsOutPerSec: 1e6, bytesInPerSec: 1e9, bytesOutPerSec: 1e9 },
  ...{ perSourcePerSec: 0, flows: 1e6 },
};

export interface Member {
  readonly node: DhtNode;
  readonly dht: DhtOperations;
  readonly at: Readonly<Partial<Record<Family, IpPort>>>;
  dead: boolean;
}

export class Swarm {
  readonly clock = new HeapClock();
  readonly members: Member[] = [];
  readonly random: (count: number) => Uint8Array;
  readonly #byEndpoint = new Map<string, Member>();
  readonly #rttMs: number;
  loss = 0;
  /** Datagrams sent, and every one is shown to it. */
  sent = 0;
  watch: ((bytes: Uint8Array, from: IpPort, to: IpPort) => void) | undefined;

  constructor(options: { readonly seed?: number; readonly rttMs?: number } = {}) {
    this.random = randomOf(options.seed ?? 1);
    this.#rttMs = options.rttMs ?? 50;
  }

  #chance(): number {
    const [a = 0, b = 0] = this.random(2);
    return (a * 256 + b) / 65_536;
  }

  add(
    options: {
      readonly families?: readonly Family[];
      readonly budget?: Partial<DhtBudget>;
      readonly readOnly?: boolean;
    } = {},
  ): Member {
    const index = this.members.length + 1;
    const families = options.families ?? [4];
    const own = randomOf(index * 2_654_435_761);
    const at = {
      // 45.x.y.1: every member in a /24 of its own.
      ...(families.includes(4)
        ? { 4: { address: ipv4(0x2d000001 + index * 256), port: 6881 } }
        : {}),
      ...(families.includes(6)
        ? { 6: { address: ipv6((0x2a00n << 112n) | (BigInt(index) << 64n) | 1n), port: 6881 } }
        : {}),
    } satisfies Partial<Record<Family, IpPort>>;
    const { clock } = this;
    const node = new DhtNode({
      ...{ clock, crypto, families, random: own, readOnly: options.readOnly ?? false },
      policy: new AddressPolicy([], () => []),
      budget: { ...GENEROUS, ...options.budget },
      send: (bytes, to) => {
        const from: IpPort | undefined = (at as Partial<Record<Family, IpPort>>)[
          typeof to.address === 'number' ? 4 : 6
        ];
        if (from !== undefined) this.carry(bytes, from, to);
        return true;
      },
    });
    const member: Member = {
      node,
      dht: new DhtOperations(node, crypto, () => clock.monoMs()),
      at,
      dead: false,
    };
    for (const endpoint of Object.values(at)) this.#byEndpoint.set(formatIpPort(endpoint), member);
    this.members.push(member);
    return member;
  }

  carry(bytes: Uint8Array, from: IpPort, to: IpPort): void {
    this.sent++;
    this.watch?.(bytes, from, to);
    if (this.loss > 0 && this.#chance() < this.loss) return;
    const member = this.#byEndpoint.get(formatIpPort(to));
    if (member === undefined) return;
    const copy = bytes.slice();
    this.clock.after(this.#rttMs / 2, () => {
      if (!member.dead) member.node.receive(copy, from);
    });
  }

  /** Starts all: each knows up to three of those that were there before. */
  async start(joinMs = 20): Promise<void> {
    for (const [i, member] of this.members.entries()) {
      const known = [0, 1, 2].map(() => this.members[Math.floor(this.#chance() * i)]);
      const bootstrap = known.flatMap((other) =>
        other === undefined || i === 0 ? [] : Object.values(other.at),
      );
      member.node.start(bootstrap);
      await this.clock.advance(joinMs);
    }
  }

  close(): void {
    for (const { node } of this.members) node.close();
  }
}
