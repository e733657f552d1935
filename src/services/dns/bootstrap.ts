/** Addresses of resolvers that are known by name: asked of plain resolvers, and again when they are old. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { type DnsName, lowerName, parseName } from '../../wire/dns-name.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import { addressesOf } from './addresses.ts';
import { type ExchangeDeps, exchange } from './exchange.ts';
import { scrub } from './scrub.ts';

const TIMEOUT_MS = 2000;
const RETRY_MS = 2000;
const MIN_AGE_MS = 60_000;
const MAX_AGE_MS = 3_600_000;
const MAX_ADDRESSES = 4;

export interface BootstrapDeps extends ExchangeDeps {
  readonly clock: Clock;
  /** Addresses of a name are known, or others than before. */
  changed(): void;
}

export class Bootstrap implements Disposable {
  readonly #deps: BootstrapDeps;
  readonly #known = new Map<string, readonly IpAddress[]>();
  readonly #timers = new Map<string, Timer>();
  readonly #ending = new AbortController();
  #servers: readonly IpAddress[] = [];

  constructor(deps: BootstrapDeps) {
    this.#deps = deps;
  }

  /** Makes `names` the whole of what is looked up, at `servers`. */
  apply(names: readonly string[], servers: readonly IpAddress[]): void {
    const changed = servers.join() !== this.#servers.join();
    this.#servers = servers;
    for (const [name, timer] of this.#timers) {
      if (names.includes(name) && !(changed && !this.#known.has(name))) continue;
      timer.cancel();
      this.#timers.delete(name);
    }
    for (const name of names) {
      if (!this.#timers.has(name)) this.#again(name, 0);
    }
  }

  addressesOf(name: string): readonly IpAddress[] {
    return this.#known.get(name) ?? [];
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #again(name: string, afterMs: number): void {
    const timer = this.#deps.clock.after(afterMs, () => void this.#look(name));
    this.#timers.set(name, timer);
  }

  async #look(text: string): Promise<void> {
    const name = parseName(text);
    const found = name.ok ? await this.#ask(lowerName(name.value)) : undefined;
    if (this.#ending.signal.aborted || !this.#timers.has(text)) return;
    if (found === undefined || found.addresses.length === 0) {
      // What is known may be old, but it is what there is.
      this.#again(text, RETRY_MS);
      return;
    }
    const before = this.addressesOf(text).join();
    this.#known.set(text, found.addresses);
    this.#again(text, Math.min(MAX_AGE_MS, Math.max(MIN_AGE_MS, found.ttlSec * 1000)));
    if (found.addresses.join() !== before) this.#deps.changed();
  }

  /** From the first server that knows; IPv4 first, since a house may have no other. */
  async #ask(
    name: DnsName,
  ): Promise<{ readonly addresses: readonly IpAddress[]; readonly ttlSec: number } | undefined> {
    for (const address of this.#servers) {
      const endpoint = { address, protocol: 'udp', port: 53, name: undefined } as const;
      const answers = await Promise.all(
        [TYPE.A, TYPE.AAAA].map(async (type) => {
          const got = await exchange(
            this.#deps,
            { ...endpoint, path: '', pins: [] },
            { name, type, dnssecOk: false, checkingDisabled: false },
            TIMEOUT_MS,
            this.#ending.signal,
            { mismatches: 0 },
          );
          return got.ok ? (scrub(got.value, name, type)?.answers ?? []) : [];
        }),
      );
      const records = answers.flat();
      const addresses = records.flatMap(addressesOf).slice(0, MAX_ADDRESSES);
      if (addresses.length > 0) {
        return { addresses, ttlSec: Math.min(...records.map(({ ttl }) => ttl)) };
      }
    }
    return undefined;
  }
}
