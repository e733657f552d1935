/** Who has what: bindings by client and IA (RFC 8415 §4.2), and every address and prefix that is taken. */
import { toHex } from '../../base/bytes.ts';
import { type Ipv6Prefix, networkOf6, overlaps6 } from '../../base/ip6.ts';
import type { Binding6View, Lease6View } from './config.ts';

/** What makes a binding the binding that it is. */
export interface BindingKey {
  readonly segment: string;
  readonly duid: Uint8Array;
  readonly kind: 'address' | 'prefix';
  readonly iaid: number;
}

export interface Binding extends Binding6View {
  /** Nobody knows that its time is over, since the clock may have been wrong at a reboot. */
  readonly held: boolean;
}

export const bindingKey = (b: BindingKey): string =>
  `${b.segment}/${b.kind === 'address' ? 'na' : 'pd'}/${b.iaid.toString(16)}/${toHex(b.duid)}`;

/** Whether it keeps others from its leases at `nowMs` (CLOCK_BOOTTIME). */
const isTaken = (binding: Binding, lease: Lease6View, nowMs: number): boolean =>
  binding.state !== 'released' && lease.expiresAtMs > nowMs;

/**
 * The table. Bounded: past `most` a new binding takes the place of the one that ended longest ago,
 * and when none has ended it is refused.
 */
export class Bindings {
  readonly #most: number;
  readonly #byKey = new Map<string, Binding>();
  /** Owner of every lease by its network and length. */
  readonly #owner = new Map<string, { readonly key: string; readonly prefix: Ipv6Prefix }>();
  /** Leases of delegated prefixes alone, which may overlap without being equal. */
  readonly #delegated = new Map<string, { readonly key: string; readonly prefix: Ipv6Prefix }>();
  /** Number of bindings by client, over all segments and IAs. */
  readonly #byClient = new Map<string, number>();
  #revision = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get revision(): number {
    return this.#revision;
  }

  get all(): Iterable<Binding> {
    return this.#byKey.values();
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Binding | undefined {
    return this.#byKey.get(key);
  }

  countOf(duid: Uint8Array): number {
    return this.#byClient.get(toHex(duid)) ?? 0;
  }

  /**
   * Whether `prefix` is free for `key`: nobody else has it, or an overlapping one, at `nowMs`. With
   * `held`, also not if somebody may still have it after a reboot with a wrong clock.
   */
  isFree(prefix: Ipv6Prefix, key: string, nowMs: number, held: boolean): boolean {
    const others =
      prefix.prefixLen === 128
        ? [this.#owner.get(leaseKey(prefix))]
        : [...this.#delegated.values()].filter((other) => overlaps6(other.prefix, prefix));
    return others.every((other) => {
      if (other === undefined || other.key === key) return true;
      const binding = this.#byKey.get(other.key);
      const lease = binding?.leases.find((l) => leaseKey(l.prefix) === leaseKey(other.prefix));
      if (binding === undefined || lease === undefined) return true;
      return !isTaken(binding, lease, nowMs) && !(held && binding.held);
    });
  }

  /** Keys that must make room for one more; undefined when the table is full of what is in use. */
  roomFor(key: string, nowMs: number): readonly string[] | undefined {
    if (this.#byKey.has(key) || this.#byKey.size < this.#most) return [];
    for (const [other, binding] of this.#byKey) {
      // In order of their latest change: the first that ended is the longest unused.
      if (binding.leases.every((lease) => !isTaken(binding, lease, nowMs))) return [other];
    }
    return undefined;
  }

  /** Takes the leases from whoever had them before. */
  put(key: string, binding: Binding): void {
    this.delete(key);
    this.#byKey.set(key, binding);
    const client = toHex(binding.duid);
    this.#byClient.set(client, (this.#byClient.get(client) ?? 0) + 1);
    for (const { prefix } of binding.leases) {
      const owner = { key, prefix };
      this.#owner.set(leaseKey(prefix), owner);
      if (prefix.prefixLen < 128) this.#delegated.set(leaseKey(prefix), owner);
    }
    this.#revision++;
  }

  delete(key: string): void {
    const binding = this.#byKey.get(key);
    if (binding === undefined) return;
    this.#byKey.delete(key);
    const client = toHex(binding.duid);
    const left = (this.#byClient.get(client) ?? 1) - 1;
    if (left === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, left);
    for (const { prefix } of binding.leases) {
      const name = leaseKey(prefix);
      if (this.#owner.get(name)?.key !== key) continue;
      this.#owner.delete(name);
      this.#delegated.delete(name);
    }
    this.#revision++;
  }
}

const leaseKey = (p: Ipv6Prefix): string => `${networkOf6(p).toString(36)}/${p.prefixLen}`;
