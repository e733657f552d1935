/**
 * What the services report: one immutable value each, replaced whole. Listeners are told that
 * something changed, after the burst that changed it, and read the newest values themselves: so
 * none can fall behind, and the last state always arrives.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

export interface ObservedChange<T> {
  readonly revision: number;
  readonly services: ReadonlySet<keyof T>;
}

/**
 * A change after a quiet time is told at once, what follows it together: when thirty links come up,
 * a listener that looks at all of them each time would do so some hundreds of times.
 */
const REST_MS = 20;

export class Observed<T extends object> {
  readonly #log: Log;
  readonly #clock: Clock | undefined;
  #resting = false;
  #values: Partial<T> = {};
  #revision = 0;
  #changed = new Set<keyof T>();
  readonly #listeners = new Set<(change: ObservedChange<T>) => void>();

  /** Without a clock every turn of the event loop is told by itself. */
  constructor(log: Log, clock?: Clock) {
    this.#log = log;
    this.#clock = clock;
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

  /** Replaces what `service` reports. Listeners run in a microtask, or when the rest after the last time is over. */
  publish<K extends keyof T>(service: K, value: T[K]): number {
    if (this.#values[service] === value) return this.#revision;
    this.#values = { ...this.#values, [service]: value };
    this.#revision += 1;
    if (this.#changed.size === 0 && !this.#resting) queueMicrotask(() => this.#deliver());
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
    this.#rest();
    for (const listener of [...this.#listeners]) {
      try {
        listener({ revision: this.#revision, services });
      } catch (cause) {
        // One listener's bug must not keep the state from the others.
        this.#log.error({ err: cause }, 'a listener of observed state failed');
      }
    }
  }

  #rest(): void {
    if (this.#clock === undefined) return;
    this.#resting = true;
    this.#clock.after(REST_MS, () => {
      this.#resting = false;
      if (this.#changed.size > 0) this.#deliver();
    });
  }
}
