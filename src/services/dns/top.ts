/**
 * The most frequent of a stream in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi 2005).
 * With `capacity` counters, whatever was seen more than `total / capacity` times is there, and a
 * count is too high by at most its `over`.
 */
export interface TopEntry {
  readonly key: string;
  readonly count: number;
  /** How much of `count` may be others'. */
  readonly over: number;
}

export class Top {
  readonly #capacity: number;
  readonly #entries = new Map<string, { count: number; over: number }>();
  /** Keys by their count; the least is found without a search. */
  readonly #byCount = new Map<number, Set<string>>();
  #least = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(key: string): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#move(key, known.count, known.count + 1);
      known.count += 1;
    } else if (this.#entries.size < this.#capacity) {
      this.#entries.set(key, { count: 1, over: 0 });
      this.#put(key, 1);
      this.#least = 1;
    } else {
      this.#replace(key);
    }
  }

  /** The first `limit` by count. */
  list(limit: number): readonly TopEntry[] {
    return [...this.#entries]
      .map(([key, { count, over }]) => ({ key, count, over }))
      .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
      .slice(0, limit);
  }

  clear(): void {
    this.#entries.clear();
    this.#byCount.clear();
    this.#least = 0;
  }

  /** In the place of one that was seen least, and counts on from there. */
  #replace(key: string): void {
    const least = this.#least;
    const [gone] = this.#byCount.get(least) ?? [];
    if (gone === undefined) return;
    this.#entries.delete(gone);
    this.#take(gone, least);
    this.#entries.set(key, { count: least + 1, over: least });
    this.#put(key, least + 1);
    while (!this.#byCount.has(this.#least)) this.#least += 1;
  }

  #move(key: string, from: number, to: number): void {
    this.#take(key, from);
    this.#put(key, to);
    while (!this.#byCount.has(this.#least)) this.#least += 1;
  }

  #put(key: string, count: number): void {
    const there = this.#byCount.get(count);
    if (there === undefined) this.#byCount.set(count, new Set([key]));
    else there.add(key);
  }

  #take(key: string, count: number): void {
    const there = this.#byCount.get(count);
    there?.delete(key);
    if (there?.size === 0) this.#byCount.delete(count);
  }
}
