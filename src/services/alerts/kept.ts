/**
 * What shall outlive the daemon, by key. Each change is written at once, those of one moment together; what cannot
 * be written is tried again, and is as it shall be in memory all the same.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { Store, StoreChange } from '../../os/ports.ts';

export interface KeptDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(key: string, bytes: Uint8Array): Result<T>;
}

const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;

export class Kept<T> implements AsyncDisposable {
  readonly #deps: KeptDeps;
  readonly #prefix: string;
  readonly #codec: Codec<T>;
  /** As it shall be, and as it is on disk, by key without prefix. */
  readonly #wanted = new Map<string, { readonly value: T; readonly bytes: Uint8Array }>();
  readonly #stored = new Map<string, Uint8Array>();
  #writing: Promise<void> | undefined;
  #retry: Timer | undefined;
  #backoff: Backoff = backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  #closed = false;

  /** What is no value of the kind goes. */
  constructor(deps: KeptDeps, prefix: string, codec: Codec<T>) {
    this.#deps = deps;
    this.#prefix = prefix;
    this.#codec = codec;
    for (const [whole, bytes] of deps.store.entries(prefix)) {
      const key = whole.slice(prefix.length);
      this.#stored.set(key, bytes);
      const value = codec.decode(whole, bytes);
      if (value.ok) this.#wanted.set(key, { value: value.value, bytes });
      else deps.log.warn({ key: whole, reason: value.error.message }, 'a stored alert is none');
    }
  }

  get size(): number {
    return this.#wanted.size;
  }

  /** In the order of their keys, as far as they were stored. */
  *[Symbol.iterator](): Iterator<readonly [key: string, value: T]> {
    for (const [key, { value }] of this.#wanted) yield [key, value];
  }

  get(key: string): T | undefined {
    return this.#wanted.get(key)?.value;
  }

  set(key: string, value: T): void {
    this.#wanted.set(key, { value, bytes: this.#codec.encode(value) });
    this.#write();
  }

  /** Those that fit go. */
  remove(fits: (key: string, value: T) => boolean): void {
    for (const [key, { value }] of this.#wanted) if (fits(key, value)) this.#wanted.delete(key);
    this.#write();
  }

  delete(key: string): void {
    if (this.#wanted.delete(key)) this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    if (this.#retry === undefined) return;
    this.#retry.cancel();
    await this.#run();
  }

  #write(): void {
    if (this.#retry === undefined && !this.#closed) this.#writing ??= this.#run();
  }

  async #run(): Promise<void> {
    const { store, clock, log } = this.#deps;
    // What changes in this turn of the event loop is written together.
    await Promise.resolve();
    for (let changes = this.#changes(); changes.length > 0; changes = this.#changes()) {
      const done = await store.commit(
        changes.map(({ key, value }): StoreChange => ({ key: `${this.#prefix}${key}`, value })),
      );
      if (!done.ok) {
        log.error({ code: done.error.code }, `alerts: ${done.error.message}`);
        this.#backoff = failed(this.#backoff);
        this.#retry = this.#closed
          ? undefined
          : clock.after(delayMs(this.#backoff), () => {
              this.#retry = undefined;
              this.#write();
            });
        break;
      }
      this.#backoff = healthy(this.#backoff);
      for (const { key, value } of changes) {
        if (value === undefined) this.#stored.delete(key);
        else this.#stored.set(key, value);
      }
    }
    this.#writing = undefined;
  }

  #changes(): readonly StoreChange[] {
    const changes: StoreChange[] = [];
    for (const [key, { bytes }] of this.#wanted) {
      if (this.#stored.get(key) !== bytes) changes.push({ key, value: bytes });
    }
    for (const key of this.#stored.keys()) {
      if (!this.#wanted.has(key)) changes.push({ key, value: undefined });
    }
    return changes;
  }
}
