/**
 * What the services report: one immutable value each, replaced whole. Listeners are told that
 * something changed, after the burst that changed it, and read the newest values themselves: so
 * none can fall behind, and the last state always arrives.
 */
import type { Log } from '../base/log.ts';

export interface ObservedChange<T> {
  readonly revision: number;
  readonly services: ReadonlySet<keyof T>;
}

export class Observed<T extends object> {
  readonly #log: Log;
  #values: Partial<T> = {};
  #revision = 0;
  #changed = new Set<keyof T>();
  readonly #listeners = new Set<(change: ObservedChange<T>) => void>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Grows by one with each `publish`; not durable. */
  get revision(): number {
    return this.#revision;
  }

  /** The newest value of every service that has reported. */
  get values(): Readonly<Partial<T>> {
    return this.#values;
  }

  get<K extends keyof T>(service: K): T[K] | undefined {
    return this.#values[service];
  }

  /** Replaces what `service` reports. Listeners run in a microtask, once for a burst. */
  publish<K extends keyof T>(service: K, value: T[K]): number {
    if (this.#values[service] === value) return this.#revision;
    this.#values = { ...this.#values, [service]: value };
    this.#revision += 1;
    if (this.#changed.size === 0) queueMicrotask(() => this.#deliver());
    this.#changed.add(service);
    return this.#revision;
  }

  subscribe(listener: (change: ObservedChange<T>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #deliver(): void {
    const services = this.#changed;
    this.#changed = new Set();
    for (const listener of [...this.#listeners]) {
      try {
        listener({ revision: this.#revision, services });
      } catch (cause) {
        // One listener's bug must not keep the state from the others.
        this.#log.error({ err: cause }, 'a listener of observed state failed');
      }
    }
  }
}
