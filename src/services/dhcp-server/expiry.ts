/**
 * Which lease runs out next. A renewal only moves the lease's own end on: its place in the heap is
 * found too early then, and it is put back in further down. So a renewal costs nothing here.
 */
import type { Lease } from './lease.ts';

export class Expiry {
  readonly #times: number[] = [];
  readonly #leases: Lease[] = [];

  /** Looks at the lease when `lease.expiresAtMs` has come. */
  watch(lease: Lease): void {
    if (lease.expiresAtMs >= lease.queuedForMs || lease.expiresAtMs === Number.POSITIVE_INFINITY) {
      return;
    }
    lease.queuedForMs = lease.expiresAtMs;
    this.#push(lease.expiresAtMs, lease);
  }

  /** When `due` may have something to give; Infinity for never. */
  get nextMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  /** A lease whose time has come by `nowMs`, once. Undefined when there is none more. */
  due(nowMs: number): Lease | undefined {
    for (;;) {
      const atMs = this.#times[0];
      const lease = this.#leases[0];
      if (atMs === undefined || lease === undefined || atMs > nowMs) return undefined;
      this.#pop();
      // An earlier place was given to it since.
      if (lease.queuedForMs !== atMs) continue;
      lease.queuedForMs = Number.POSITIVE_INFINITY;
      if (lease.expiresAtMs <= nowMs) return lease;
      this.watch(lease);
    }
  }

  #push(atMs: number, lease: Lease): void {
    const times = this.#times;
    const leases = this.#leases;
    let i = times.length;
    times.push(atMs);
    leases.push(lease);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((times[parent] ?? 0) <= atMs) break;
      this.#put(i, parent);
      i = parent;
    }
    times[i] = atMs;
    leases[i] = lease;
  }

  #pop(): void {
    const times = this.#times;
    const atMs = times.pop();
    const lease = this.#leases.pop();
    if (atMs === undefined || lease === undefined || times.length === 0) return;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= times.length) break;
      const right = left + 1;
      const least = right < times.length && (times[right] ?? 0) < (times[left] ?? 0) ? right : left;
      if ((times[least] ?? 0) >= atMs) break;
      this.#put(i, least);
      i = least;
    }
    times[i] = atMs;
    this.#leases[i] = lease;
  }

  /** What stands at `from` comes to `to` as well. */
  #put(to: number, from: number): void {
    const lease = this.#leases[from];
    if (lease === undefined) return;
    this.#times[to] = this.#times[from] ?? 0;
    this.#leases[to] = lease;
  }
}
