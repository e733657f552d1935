/** Who wants to be called when: a binary heap by time. Pure. */

export interface Due {
  /** Does what is due; the next time that it wants to be called, `Infinity` for never. */
  due(nowMs: number): number;
}

interface Entry {
  readonly atMs: number;
  readonly who: Due;
}

export class DueQueue {
  readonly #heap: Entry[] = [];

  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, who: Due): void {
    if (atMs === Number.POSITIVE_INFINITY) return;
    const heap = this.#heap;
    const entry = { atMs, who };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.atMs <= atMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  /** Calls everybody who is due within `aheadMs`, as if it were their time; at most `most`. */
  run(nowMs: number, aheadMs: number, most: number): void {
    for (let i = 0; i < most; i++) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > nowMs + aheadMs) return;
      this.#pop();
      this.add(first.who.due(Math.max(nowMs, first.atMs)), first.who);
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      const least = b !== undefined && a !== undefined && b.atMs < a.atMs ? b : a;
      if (least === undefined || least.atMs >= last.atMs) break;
      heap[at] = least;
      at = least === a ? left : left + 1;
    }
    heap[at] = last;
  }
}
