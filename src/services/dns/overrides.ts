/** What somebody allowed, blocked or paused for a while. It is forgotten at a restart: then the rules hold again. */
import type { IpAddress } from '../../base/ip6.ts';
import { type DnsName, isWithin } from '../../wire/dns-name.ts';

export interface Override {
  readonly id: number;
  readonly kind: 'pause' | 'allow' | 'block';
  /** In lower case, with all below it; undefined for `pause`. */
  readonly name: DnsName | undefined;
  /** Undefined: everybody. */
  readonly client: IpAddress | undefined;
  /** By the clock of the boot. */
  readonly untilMs: number;
}

/** The oldest makes room for one more. */
const MAX_OVERRIDES = 256;

export class Overrides {
  #all: Override[] = [];
  #lastId = 0;

  /** In the place of one of the same kind, name and client. */
  add(wanted: Omit<Override, 'id'>): Override {
    const added = { ...wanted, id: ++this.#lastId };
    const others = this.#all.filter(
      (one) => one.kind !== wanted.kind || one.name !== wanted.name || one.client !== wanted.client,
    );
    this.#all = [...others, added].slice(-MAX_OVERRIDES);
    return added;
  }

  remove(id: number): boolean {
    const left = this.#all.filter((one) => one.id !== id);
    const removed = left.length < this.#all.length;
    this.#all = left;
    return removed;
  }

  /** Those that hold, the newest last; those that ended are dropped. */
  at(nowMs: number): readonly Override[] {
    if (this.#all.some(({ untilMs }) => untilMs <= nowMs)) {
      this.#all = this.#all.filter(({ untilMs }) => untilMs > nowMs);
    }
    return this.#all;
  }

  /** When the next one ends; Infinity when none does. */
  get nextEndMs(): number {
    return this.#all.reduce((least, { untilMs }) => Math.min(least, untilMs), Infinity);
  }
}

/** The newest that speaks of the client, and of the name if it is for one. */
export const newestFor = (
  overrides: readonly Override[],
  kinds: readonly Override['kind'][],
  client: IpAddress,
  name: DnsName,
): Override | undefined =>
  overrides.findLast(
    (one) =>
      kinds.includes(one.kind) &&
      (one.client === undefined || one.client === client) &&
      (one.name === undefined || isWithin(name, one.name)),
  );
